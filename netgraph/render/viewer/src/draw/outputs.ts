/** Names of vertices beside them, and what the network says: a bar a class, the chosen class, the truth. */

import type { Layer } from "../core/model";
import { number, percent } from "../ui/format";
import type { Frame } from "./frame";
import { css, ELLIPSIS, font, shorten, widthOf, write } from "./text";

/** Lines of text need this much from one to the next. */
const LINE = 13;
/** Room for a name, for a bar, and for "100 %". */
const NAME = 130;
const BAR = 56;
const NUMBER = 42;
/** Classes listed where there is no room for all. */
const LISTED = 8;

/** Vertices stand one below the other. */
function singleFile(frame: Frame, layer: Layer): boolean {
  const box = frame.place.boxes[layer.index];
  return !!box && box.width < 3.2 * (frame.place.half[layer.start] ?? 0);
}

/** Pixels from one vertex of a column to the next. */
function pitch(frame: Frame, layer: Layer): number {
  const { y } = frame.place;
  if (layer.size < 2) return Infinity;
  return (Math.abs((y[layer.stop - 1] ?? 0) - (y[layer.start] ?? 0)) / (layer.size - 1)) * frame.zoom;
}

/** Names of inputs to their left, of hidden vertices to their right, where they are spaced far enough apart. */
export function drawNames(frame: Frame): void {
  const { context, model, place, palette } = frame;
  for (const layer of model.layers) {
    const box = place.boxes[layer.index];
    if (!layer.labels || layer === model.output || !box || box.folded || layer.image) continue;
    const left = layer.depth === 0;
    if (!singleFile(frame, layer) || pitch(frame, layer) < (left ? LINE : 24)) continue;
    const style = font(11.5);
    for (let vertex = layer.start; vertex < layer.stop; vertex++) {
      const y = frame.toY(place.y[vertex] ?? 0);
      if (y < -LINE || y > frame.height + LINE) continue;
      const half = (place.half[vertex] ?? 0) * frame.zoom + 6;
      const x = frame.toX(place.x[vertex] ?? 0) + (left ? -half : half);
      if (x < 0 || x > frame.width) continue;
      const words = shorten(context, model.name(vertex), style, left ? Math.min(x - 4, 200) : NAME, "right");
      write(context, words, x, y, {
        fill: frame.lit && !frame.lit.has(vertex) ? palette.dim : palette.text,
        halo: palette.background,
        style,
        align: left ? "right" : "left",
        baseline: "middle",
      });
    }
  }
}

interface Row {
  index: number;
  /** Middle of the line, and of the vertex it belongs to. */
  y: number;
  vertexX: number;
  vertexY: number;
}

/** One line a class, or for the most probable ones where the vertices stand too close. */
function rowsOf(frame: Frame, layer: Layer, shares: Float32Array | null): Row[] {
  const { place, state, model } = frame;
  const row = (index: number): Row => {
    const vertex = layer.start + index;
    const half = (place.half[vertex] ?? 0) * frame.zoom;
    const y = frame.toY(place.y[vertex] ?? 0);
    return { index, y, vertexX: frame.toX(place.x[vertex] ?? 0) + half, vertexY: y };
  };
  const all = Array.from({ length: layer.size }, (_, index) => index);
  if (singleFile(frame, layer) && pitch(frame, layer) >= LINE) return all.map(row);
  const truth = model.samples[state.sample]?.label ?? null;
  const chosen = new Set<number>();
  if (shares) {
    chosen.add(state.target);
    if (truth !== null) chosen.add(truth);
    all.sort((a, b) => Math.abs(shares[b] ?? 0) - Math.abs(shares[a] ?? 0) || a - b);
    for (const index of all) if (chosen.size < LISTED) chosen.add(index);
  }
  for (const vertex of [state.selected, state.second, state.hovered])
    if (vertex !== null && vertex >= layer.start && vertex < layer.stop) chosen.add(vertex - layer.start);
  const rows = [...chosen].filter((index) => index >= 0 && index < layer.size).map(row);
  return spread(
    rows.sort((a, b) => a.y - b.y || a.index - b.index),
    frame.height,
  );
}

/** Lines moved apart as little as they must be. */
function spread(rows: Row[], height: number): Row[] {
  const gap = LINE + 4;
  const middle = rows.reduce((sum, row) => sum + row.y, 0) / Math.max(1, rows.length);
  const extent = (rows.length - 1) * gap;
  let above = Math.max(10, Math.min(middle - extent, height - 10 - extent)) - gap;
  for (const row of rows) above = row.y = Math.max(row.y, above + gap);
  let below = height - 10 + gap;
  for (const row of [...rows].reverse()) below = row.y = Math.min(row.y, below - gap);
  return rows;
}

export function drawOutputs(frame: Frame): void {
  const { context, model, place, palette, state, reading } = frame;
  const layer = model.output;
  const box = layer && place.boxes[layer.index];
  if (!layer || !box || box.folded || !layer.size) return;
  const left = frame.toX(box.x + box.width) + 9;
  const room = frame.width - left - 6;
  if (left < 0 || room < 12) return;
  const sample = model.samples[reading.sample];
  const outputs = sample ? model.outputs(reading.sample, reading.lesioned) : null;
  const shares = outputs && model.shares(outputs);
  const rows = rowsOf(frame, layer, shares);
  const apart = Math.min(pitch(frame, layer), 40);
  const aside = rows.some((row) => Math.abs(row.y - row.vertexY) > 0.5) || apart < LINE;
  const size = aside || apart < 17 ? 11 : 13;
  const bold = font(size, 700);
  const plain = font(size, 400);
  const name = (index: number): string => model.classes[index] ?? model.name(layer.start + index);
  const indent = aside ? 14 : 0;
  const widest = Math.max(0, ...rows.map((row) => widthOf(context, name(row.index), bold)));
  const withBar = shares !== null && room - indent - Math.min(widest, 40) - 10 >= 34;
  const forName = Math.min(widest, NAME, room - indent - (withBar ? 44 : 0));
  const bar = Math.min(BAR, room - indent - forName - 10);
  const withNumber = withBar && room - indent - forName - 10 - bar >= NUMBER;
  const barX = left + indent + forName + 9;
  const largest = shares ? shares.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0) : 0;
  const signed = !model.data.softmax && !!shares?.some((value) => value < 0);
  for (const row of rows) {
    if (row.y < -LINE || row.y > frame.height + LINE) continue;
    const faded = frame.lit !== null && !frame.lit.has(layer.start + row.index);
    const target = row.index === state.target && reading.view !== "network";
    context.globalAlpha = faded ? 0.45 : 1;
    if (aside) {
      context.strokeStyle = css(palette.dim, 0.7);
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(row.vertexX + 1, row.vertexY);
      context.lineTo(left, row.vertexY);
      context.lineTo(left + indent - 4, row.y);
      context.stroke();
    }
    const style = target || !shares ? bold : plain;
    const words = shorten(context, name(row.index), style, forName + 1, "right") || ELLIPSIS;
    const ink = { fill: palette.text, halo: palette.background, style, baseline: "middle" as const };
    write(context, words, left + indent, row.y, ink);
    let end = left + indent + widthOf(context, words, style);
    if (shares && withBar) {
      drawBar(frame, shares[row.index] ?? 0, { x: barX, y: row.y, width: bar, largest, signed, target });
      end = barX + bar;
      const value = shares[row.index] ?? 0;
      if (withNumber && (target || !model.data.softmax || value >= 0.0005)) {
        const said = model.data.softmax ? percent(value) : number(value, 3);
        write(context, said, end + 7, row.y, {
          ...ink,
          style: font(11, target ? 600 : 400),
          fill: target ? palette.text : palette.dim,
        });
        end += 7 + widthOf(context, said, font(11, target ? 600 : 400));
      }
    }
    if (sample && sample.label === row.index) drawTick(frame, Math.min(end + 7, frame.width - 12), row.y);
    context.globalAlpha = 1;
  }
}

interface Bar {
  x: number;
  y: number;
  width: number;
  largest: number;
  signed: boolean;
  target: boolean;
}

/** Probabilities fill their bar; other values are measured against the largest, from the middle if some are negative. */
function drawBar(frame: Frame, value: number, { x, y, width, largest, signed, target }: Bar): void {
  const { context, palette } = frame;
  const height = 6;
  context.fillStyle = css(palette.line);
  context.beginPath();
  context.roundRect(x, y - height / 2, width, height, 2);
  context.fill();
  const share = frame.model.data.softmax ? value : largest > 0 ? value / largest : 0;
  const room = signed ? width / 2 : width;
  const length = Math.min(1, Math.abs(share) || 0) * room;
  const from = signed ? x + width / 2 : x;
  context.fillStyle = css(target ? palette.positive : share < 0 ? palette.negative : palette.dim);
  if (length > 0.2) {
    context.beginPath();
    context.roundRect(
      share < 0 ? from - length : from,
      y - height / 2,
      length,
      height,
      Math.min(2, length / 2),
    );
    context.fill();
  }
  if (signed) {
    context.fillStyle = css(palette.dim);
    context.fillRect(from - 0.5, y - height / 2 - 2, 1, height + 4);
  }
}

/** The true class. */
function drawTick(frame: Frame, x: number, y: number): void {
  const { context, palette } = frame;
  context.lineJoin = "round";
  context.lineCap = "round";
  for (const [colour, width] of [
    [palette.background, 5],
    [palette.text, 2],
  ] as const) {
    context.strokeStyle = css(colour);
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x, y + 0.5);
    context.lineTo(x + 3, y + 3.5);
    context.lineTo(x + 8.5, y - 4);
    context.stroke();
  }
  context.lineCap = "butt";
}
