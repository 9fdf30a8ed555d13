/** What marks single vertices: crosses and outlines above everything else. */

import type { Frame } from "./frame";
import { css } from "./text";
import { squareOf } from "./vertices";

/** Lesions, the selected vertex, the second one, and the one under the pointer. */
export function drawMarks(frame: Frame): void {
  const { context, palette, state, place, model } = frame;
  const shown = (vertex: number): boolean =>
    vertex >= 0 && vertex < model.n && !place.boxes[model.layerOf(vertex).index]?.folded;
  context.lineCap = "round";
  for (const vertex of state.lesioned) {
    if (!shown(vertex)) continue;
    const { x, y, side } = squareOf(frame, vertex);
    for (const [colour, width] of [
      [palette.background, 4.5],
      [palette.text, 2],
    ] as const) {
      context.strokeStyle = css(colour);
      context.lineWidth = side < 8 ? width / 2 : width;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x + side, y + side);
      context.moveTo(x + side, y);
      context.lineTo(x, y + side);
      context.stroke();
    }
  }
  context.lineCap = "butt";
  const outline = (vertex: number | null, width: number, dash: number[]): void => {
    if (vertex === null || !shown(vertex)) return;
    const { x, y, side } = squareOf(frame, vertex);
    const out = 1 + width / 2;
    context.setLineDash([]);
    context.strokeStyle = css(palette.background);
    context.lineWidth = width + 2;
    context.strokeRect(x - out, y - out, side + 2 * out, side + 2 * out);
    context.setLineDash(dash);
    context.strokeStyle = css(palette.text);
    context.lineWidth = width;
    context.strokeRect(x - out, y - out, side + 2 * out, side + 2 * out);
    context.setLineDash([]);
  };
  if (state.hovered !== state.selected && state.hovered !== state.second) outline(state.hovered, 1.5, []);
  outline(state.second, 2, [5, 3]);
  outline(state.selected, 2, []);
}
