/** Names of vertices beside them: of inputs to their left, of hidden vertices to their right. */

import type { Layer, Model } from "../core/model";
import type { Frame } from "./frame";
import { font, shorten, write } from "./text";

/** Lines of text need this much from one to the next. */
export const LINE = 13;
const NAME = 130;
const LONGEST = 170;
const STYLE = font(11.5);

/** Vertices stand one below the other. */
export function singleFile(frame: Frame, layer: Layer): boolean {
  const box = frame.place.boxes[layer.index];
  return !!box && box.width < 1.5 * layer.cell;
}

/** Pixels from one vertex of a column to the next. */
export function pitch(frame: Frame, layer: Layer): number {
  const box = frame.place.boxes[layer.index];
  if (!box || layer.size < 2) return Infinity;
  return ((box.height - layer.cell) / (layer.size - 1)) * frame.zoom;
}

/** CSS pixels that the names of the inputs take to the left of everything; 0: they have none. */
export function roomForNames(model: Model): number {
  const letters = model.layers
    .filter((layer) => layer.depth === 0 && named(model, layer) && layer.size <= 64)
    .flatMap((layer) => layer.labels!.map((label) => Array.from(label).length));
  return letters.length ? Math.min(LONGEST, 12 + 6.6 * Math.max(...letters)) : 0;
}

const named = (model: Model, layer: Layer): boolean =>
  layer.labels !== null && layer !== model.output && !layer.image;

/** Where they are spaced far enough apart. */
export function drawNames(frame: Frame): void {
  const { context, model, place, palette } = frame;
  for (const layer of model.layers) {
    if (!named(model, layer) || place.boxes[layer.index]?.folded) continue;
    const left = layer.depth === 0;
    if (!singleFile(frame, layer) || pitch(frame, layer) < (left ? LINE : 24)) continue;
    for (let vertex = layer.start; vertex < layer.stop; vertex++) {
      const y = frame.toY(place.y[vertex]!);
      if (y < -LINE || y > frame.height + LINE) continue;
      const half = place.half[vertex]! * frame.zoom + 6;
      const x = frame.toX(place.x[vertex]!) + (left ? -half : half);
      if (x < 0 || x > frame.width) continue;
      const words = shorten(context, model.name(vertex), STYLE, left ? Math.min(x - 4, 200) : NAME, "right");
      write(context, words, x, y, {
        fill: frame.lit && !frame.lit.has(vertex) ? palette.dim : palette.text,
        halo: palette.background,
        style: STYLE,
        align: left ? "right" : "left",
        baseline: "middle",
      });
    }
  }
}
