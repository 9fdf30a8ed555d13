/** On paper: the picture on white, whole, with title, legend and provenance; no controls. */

import type { State } from "../core/state";
import type { Page } from "./actions";

export function createPrint({ store, stage }: Page, main: HTMLElement, sheet: HTMLElement): void {
  let before: State["theme"] | null = null;
  const prepare = (): void => {
    if (before !== null) return;
    before = store.state.theme;
    document.documentElement.dataset["theme"] = "light";
    store.set({ theme: "light", hovered: null });
    stage.finish();
    sheet.replaceChildren(copyOf(main));
  };
  const restore = (): void => {
    if (before === null) return;
    document.documentElement.dataset["theme"] = before;
    store.set({ theme: before });
    before = null;
    sheet.replaceChildren();
  };
  window.addEventListener("beforeprint", prepare);
  window.addEventListener("afterprint", restore);
}

/** What stands on the stage, as one canvas that the paper's width can scale. */
function copyOf(main: HTMLElement): HTMLCanvasElement {
  const frame = main.getBoundingClientRect();
  const copy = document.createElement("canvas");
  const layers = [...main.querySelectorAll("canvas")].filter(
    (layer) => layer.offsetParent !== null && layer.width > 0,
  );
  const ratio = Math.max(1, ...layers.map((layer) => layer.width / Math.max(1, layer.clientWidth)));
  copy.width = Math.round(frame.width * ratio);
  copy.height = Math.round(frame.height * ratio);
  const context = copy.getContext("2d");
  for (const layer of layers) {
    const { left, top, width, height } = layer.getBoundingClientRect();
    context?.drawImage(
      layer,
      (left - frame.left) * ratio,
      (top - frame.top) * ratio,
      width * ratio,
      height * ratio,
    );
  }
  return copy;
}
