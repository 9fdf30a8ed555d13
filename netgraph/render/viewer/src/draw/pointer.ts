/** What the pointer does in the picture, beside moving it. */

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
  picker(): Picker;
  /** Stage units that a near miss may lie beside a square. */
  slack(): number;
  centre(x: number, y: number): void;
}

export function listen(
  canvas: HTMLCanvasElement,
  { store, local, picker, slack, centre }: Surroundings,
): void {
  const find = (event: MouseEvent) => {
    const { x, y, stageX, stageY } = local(event);
    if (minimapAt(x, y)) return { vertex: null, layer: null };
    const vertex = picker().at(stageX, stageY, slack());
    const layer = vertex === null ? (headingAt(x, y) ?? picker().bar(stageX, stageY, slack())) : null;
    return { vertex, layer };
  };

  canvas.addEventListener("pointermove", (event) => {
    // While a button is held the picture is moved, and nothing else happens.
    if (event.buttons) return;
    const { vertex, layer } = find(event);
    canvas.style.cursor = vertex !== null || layer !== null ? "pointer" : "";
    if (event.pointerType !== "touch") store.set({ hovered: vertex });
  });
  canvas.addEventListener("pointerleave", () => store.set({ hovered: null }));

  canvas.addEventListener("click", (event) => {
    const { x, y } = local(event);
    const there = minimapAt(x, y);
    if (there) return centre(there.x, there.y);
    const { vertex, layer } = find(event);
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
