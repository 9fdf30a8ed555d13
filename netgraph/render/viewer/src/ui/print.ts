/** On paper: the picture on white, whole, with title, legend and provenance; no controls. */

import { readPalette } from "../draw/palette";
import type { Page } from "./actions";

/** The stage draws itself light before a print; a copy of it can be scaled to the paper's width, the stage cannot. */
export function createPrint({ store, stage }: Page, main: HTMLElement, sheet: HTMLElement): void {
  window.addEventListener("beforeprint", () => {
    store.set({ hovered: null });
    stage.finish();
    sheet.replaceChildren(copyOf(main));
  });
  window.addEventListener("afterprint", () => sheet.replaceChildren());
}

/** What stands on the stage, as one canvas. */
function copyOf(main: HTMLElement): HTMLCanvasElement {
  const frame = main.getBoundingClientRect();
  const copy = document.createElement("canvas");
  const layers = [...main.querySelectorAll("canvas")].filter(
    (layer) => layer.clientWidth > 0 && layer.width > 0,
  );
  const ratio = Math.max(1, ...layers.map((layer) => layer.width / layer.clientWidth));
  copy.width = Math.max(1, Math.round(frame.width * ratio));
  copy.height = Math.max(1, Math.round(frame.height * ratio));
  const context = copy.getContext("2d");
  if (context) {
    context.fillStyle = ground(); // where the stage shows nothing yet, the paper is white, too
    context.fillRect(0, 0, copy.width, copy.height);
  }
  for (const layer of layers) {
    const { left, top, width, height } = layer.getBoundingClientRect();
    const place = [left - frame.left, top - frame.top, width, height].map((size) => size * ratio);
    context?.drawImage(layer, place[0], place[1], place[2], place[3]);
  }
  if (context) whiten(context, copy);
  return copy;
}

const ground = (): string => `rgb(${readPalette().background.join(" ")})`;

/** The screen's light ground is not quite white; divided by it, the paper's is. */
function whiten(context: CanvasRenderingContext2D, { width, height }: HTMLCanvasElement): void {
  const [red, green, blue] = readPalette().background;
  context.globalCompositeOperation = "color-dodge";
  context.fillStyle = `rgb(${255 - red} ${255 - green} ${255 - blue})`;
  context.fillRect(0, 0, width, height);
}
