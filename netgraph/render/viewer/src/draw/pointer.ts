/** What the pointer does in the picture, beside moving it. */

import type { PartKey } from "../core/parts";
import type { Store } from "../core/state";
import { headingAt } from "./headings";
import { minimapAt } from "./minimap";
import type { Picker } from "./hit";

interface Surroundings {
  store: Store;
  /** A point of the window (client coordinates) in stage CSS pixels, and in stage units. */
  local(event: { clientX: number; clientY: number }): {
    x: number;
    y: number;
    stageX: number;
    stageY: number;
  };
  /** null: modules are drawn instead of vertices. */
  picker(): Picker | null;
  /** Bar or ribbon at a point in stage units, where modules are drawn. */
  part(stageX: number, stageY: number): PartKey | null;
  /** Stage units that a near miss may lie beside a square. */
  slack(): number;
  centre(x: number, y: number): void;
}

export function listen(
  canvas: HTMLCanvasElement,
  { store, local, picker, part, slack, centre }: Surroundings,
): void {
  const find = (event: MouseEvent) => {
    const { x, y, stageX, stageY } = local(event);
    if (minimapAt(x, y)) return { vertex: null, layer: null, pointed: null };
    const picks = picker();
    if (!picks) return { vertex: null, layer: null, pointed: part(stageX, stageY) };
    const vertex = picks.at(stageX, stageY, slack());
    const layer = vertex === null ? (headingAt(x, y) ?? picks.bar(stageX, stageY, slack())) : null;
    return { vertex, layer, pointed: null };
  };

  canvas.addEventListener("pointermove", (event) => {
    // While a button is held the picture is moved, and nothing else happens.
    if (event.buttons) return;
    const { vertex, layer, pointed } = find(event);
    canvas.style.cursor = vertex !== null || layer !== null || pointed !== null ? "pointer" : "";
    if (event.pointerType !== "touch") store.set({ hovered: vertex, pointed });
  });
  canvas.addEventListener("pointerleave", () => store.set({ hovered: null, pointed: null }));

  canvas.addEventListener("click", (event) => {
    const { x, y } = local(event);
    const there = minimapAt(x, y);
    if (there) return centre(there.x, there.y);
    const { vertex, layer, pointed } = find(event);
    if (!picker()) return store.set({ picked: pointed === store.state.picked ? null : pointed });
    if (layer !== null) return store.set({ folded: toggled(store.state.folded, layer), hovered: null });
    const { selected } = store.state;
    if (vertex !== null && event.shiftKey && selected !== null && selected !== vertex)
      store.set({ second: vertex });
    else store.set({ selected: vertex, second: null, traced: [] });
  });
}

function toggled(set: ReadonlySet<number>, member: number): ReadonlySet<number> {
  const next = new Set(set);
  if (!next.delete(member)) next.add(member);
  return next;
}
