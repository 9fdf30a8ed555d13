/** What the network says: a line a class with its name and a bar, the chosen class, the truth. */

import type { Layer } from "../core/model";
import { number, percent } from "../ui/format";
import type { Frame } from "./frame";
import { LINE, pitch, singleFile } from "./names";
import { css, ELLIPSIS, font, shorten, widthOf, write } from "./text";

/** Room for a name, a bar, "100 %", the mark of the truth, and between name and bar. */
const NAME = 130;
/** A name is cut to less only where there is no room for anything else. */
const SHORT = 72;
const BAR = 56;
const NUMBER = 44;
const TICK = 16;
const GAP = 9;
/** Classes listed where there is no room for all. */
const LISTED = 10;

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
  const rows = [...chosen]
    .filter((index) => index >= 0 && index < layer.size)
    .map(row)
    .filter(({ vertexY }) => vertexY > -LINE && vertexY < frame.height + LINE);
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
  let above = Math.max(10, Math.min(middle - extent / 2, height - 10 - extent)) - gap;
  // Around their middle; where they stand further apart than they must, each beside its own vertex.
  for (const row of rows) above = row.y = Math.max(row.y, above + gap);
  let below = height - 10 + gap;
  for (const row of [...rows].reverse()) below = row.y = Math.min(row.y, below - gap);
  return rows;
}

/** How a line is divided. */
interface Columns {
  indent: number;
  /** Font size. */
  size: number;
  name: number;
  bar: number;
  number: boolean;
  /** The bar stands below the name. */
  stacked: boolean;
}

/** As much as there is room for: a long name is cut before a bar goes, and a number before that. */
function columnsOf(room: number, widest: number, apart: number, aside: boolean, measured: boolean): Columns {
  const indent = aside ? 14 : 0;
  const size = aside || apart < 17 ? 11 : 13;
  const left = room - indent;
  const columns = { indent, size, name: Math.min(widest, NAME, left), bar: 0, number: false, stacked: false };
  if (!measured) return columns;
  const rest = left - GAP - NUMBER - TICK;
  if (widest + BAR / 2 <= rest)
    return { ...columns, name: widest, bar: Math.min(BAR, rest - widest), number: true };
  if (apart >= 2 * LINE && left >= BAR / 2 + NUMBER)
    return {
      ...columns,
      name: left,
      bar: Math.min(BAR, left - NUMBER),
      number: true,
      stacked: true,
    };
  const name = Math.min(widest, Math.max(SHORT, rest - BAR / 2));
  const bar = Math.min(BAR, left - name - GAP - TICK);
  if (bar < 20) return { ...columns, name: Math.min(widest, left - TICK) };
  const number = bar - NUMBER >= BAR / 2;
  return { ...columns, name, bar: number ? bar - NUMBER : bar, number };
}

export function drawOutputs(frame: Frame): void {
  const { context, model, place, state, reading } = frame;
  const layer = model.output;
  const box = layer && place.boxes[layer.index];
  if (!layer || !box || box.folded || !layer.size) return;
  const left = frame.toX(box.x + box.width) + 7;
  const room = frame.width - left - 5;
  if (left < 0 || room < 12) return;
  const sample = model.samples[reading.sample];
  const outputs = sample ? model.outputs(reading.sample, reading.lesioned) : null;
  const shares = outputs && model.shares(outputs);
  const rows = rowsOf(frame, layer, shares);
  const apart = Math.min(pitch(frame, layer), 40);
  const aside = rows.some((row) => Math.abs(row.y - row.vertexY) > 0.5) || apart < LINE;
  const name = (index: number): string => model.classes[index] ?? model.name(layer.start + index);
  const bold = font(aside || apart < 17 ? 11 : 13, 700);
  const widest = Math.max(0, ...rows.map((row) => widthOf(context, name(row.index), bold)));
  const columns = columnsOf(room, widest, apart, aside, shares !== null);
  const largest = shares ? shares.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0) : 0;
  const signed = !model.data.softmax && !!shares?.some((value) => value < 0);
  for (const row of rows) {
    if (row.y < -LINE || row.y > frame.height + LINE) continue;
    context.globalAlpha = frame.lit && !frame.lit.has(layer.start + row.index) ? 0.45 : 1;
    if (aside) drawLeader(frame, row, left, columns.indent);
    drawLine(frame, {
      words: name(row.index),
      x: left + columns.indent,
      y: row.y,
      value: shares ? shares[row.index]! : null,
      target: row.index === state.target && reading.view !== "network",
      truth: sample?.label === row.index,
      columns,
      largest,
      signed,
    });
    context.globalAlpha = 1;
  }
}

/** From a vertex to its line. */
function drawLeader({ context, palette }: Frame, row: Row, left: number, indent: number): void {
  context.strokeStyle = css(palette.dim, 0.7);
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(row.vertexX + 1, row.vertexY);
  context.lineTo(left, row.vertexY);
  context.lineTo(left + indent - 4, row.y);
  context.stroke();
}

interface Line {
  words: string;
  x: number;
  y: number;
  /** null: nothing was measured. */
  value: number | null;
  target: boolean;
  truth: boolean;
  columns: Columns;
  largest: number;
  signed: boolean;
}

function drawLine(frame: Frame, { words, x, y, value, target, truth, columns, largest, signed }: Line): void {
  const { context, palette, model } = frame;
  const { stacked, size } = columns;
  const style = font(size, target || value === null ? 700 : 400);
  const said =
    shorten(context, words, style, columns.name + 1 - (stacked && truth ? TICK : 0), "right") || ELLIPSIS;
  const upper = stacked ? y - LINE / 2 - 1 : y;
  const ink = { fill: palette.text, halo: palette.background, style, baseline: "middle" as const };
  write(context, said, x, upper, ink);
  let end = x + widthOf(context, said, style);
  if (value !== null && columns.bar > 0) {
    const barX = stacked ? x : x + columns.name + GAP;
    const barY = stacked ? y + LINE / 2 + 1 : y;
    drawBar(frame, value, { x: barX, y: barY, width: columns.bar, largest, signed, target });
    const measured = model.data.softmax ? percent(value) : number(value, 3);
    const small = font(11, target ? 600 : 400);
    const shown = columns.number && (target || !model.data.softmax || value >= 0.0005);
    if (shown)
      write(context, measured, barX + columns.bar + 7, barY, {
        ...ink,
        style: small,
        fill: target ? palette.text : palette.dim,
      });
    if (!stacked) end = barX + columns.bar + (shown ? 7 + widthOf(context, measured, small) : 0);
  }
  if (truth) drawTick(frame, Math.min(end + 6, frame.width - 14), upper);
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
