/** The small note beside the pointer: which vertex it lies on. */

import type { State } from "../core/state";
import type { Page } from "./actions";
import { element } from "./dom";
import { className, number, signed } from "./format";
import { partTold } from "./modules";
import { readingOf, ribboned, shownView } from "./reading";

const AWAY = 14;

export function createTip({ model, store, stage }: Page, host: HTMLElement, main: HTMLElement): void {
  let pointer: { x: number; y: number } | null = null;
  // Caught on the way down, so that the place is known before the stage says which vertex lies there.
  main.addEventListener(
    "pointermove",
    (event) => ((pointer = { x: event.clientX, y: event.clientY }), place()),
    true,
  );
  main.addEventListener("pointerleave", () => (pointer = null));

  const place = (): void => {
    const { hovered } = store.state;
    if (host.hidden) return;
    const frame = main.getBoundingClientRect();
    const { x, y } = hovered === null ? { x: frame.width / 2, y: 60 } : stage.point(hovered);
    const at = pointer ?? { x: frame.left + x, y: frame.top + y };
    const { offsetWidth: width, offsetHeight: height } = host;
    const right = at.x + AWAY + width < innerWidth;
    const below = at.y + AWAY + height < innerHeight;
    host.style.left = `${Math.max(4, right ? at.x + AWAY : at.x - AWAY - width)}px`;
    host.style.top = `${Math.max(4, below ? at.y + AWAY : at.y - AWAY - height)}px`;
  };
  const show = (state: Readonly<State>): void => {
    const { hovered } = state;
    // What is pointed at from the panel is told there.
    const part = pointer && ribboned(model, state) ? state.pointed : null;
    host.hidden = hovered === null && part === null;
    if (part !== null) {
      const [name, ...told] = partTold(model, state, part);
      host.replaceChildren(
        element("strong", { text: name! }),
        ...told.map((text) => element("span", { text })),
      );
      return place();
    }
    if (hovered === null) return;
    const [name, id] = [model.name(hovered), model.id(hovered)];
    const layer = model.layerOf(hovered).name;
    host.replaceChildren(
      element("strong", { text: name }),
      element("span", { class: "dim", text: name === id ? layer : `${id} · ${layer}` }),
    );
    if (model.samples.length && shownView(state) !== "network") {
      const reading = readingOf(state);
      const value = model.activation(hovered, reading);
      if (!Number.isNaN(value)) host.append(element("span", { text: `activation ${number(value)}` }));
      const flow = shownView(state) === "circuit" ? model.flow(hovered, reading) : NaN;
      const target = className(model, state.target);
      if (!Number.isNaN(flow)) host.append(element("span", { text: `flow to “${target}” ${signed(flow)}` }));
    }
    if (state.lesioned.has(hovered)) host.append(element("span", { text: "held at 0" }));
    place();
  };
  store.subscribe((state, changed) => {
    if (
      changed.has("hovered") ||
      changed.has("pointed") ||
      changed.has("ribbons") ||
      changed.has("lesioned") ||
      changed.has("sample")
    )
      show(state);
  });
}
