/**
 * Names of the layers above their columns.
 *
 * Never clipped, never over one another: two lines where there is room, else one, else slanted, else every second …
 * Which of these holds depends on the zoom alone, so that headings do not change while the picture is moved.
 */

import type { Layer } from "../core/model";
import { activation, counted } from "../ui/format";
import type { Frame } from "./frame";
import { css, font, shorten, widthOf, write } from "./text";

const NAME = font(12.5, 600);
const DETAIL = font(11, 400);
const LINE = 14;
/** Between a heading and the box below it; between two headings. */
const AIR = 7;
const BESIDE = 10;
/** Room of the triangle that folds a layer. */
const MARK = 12;
const LONGEST = 190;
const SLANT = (38 * Math.PI) / 180;
const [SINE, COSINE] = [Math.sin(SLANT), Math.cos(SLANT)];
const SLANTED_LONGEST = 150;

type Mode = "two" | "one" | "slanted";

interface Heading {
  layer: Layer;
  name: string;
  detail: string;
  /** Middle of the column and top of the box, CSS pixels. */
  x: number;
  top: number;
  bottom: number;
  /** Room above, to the next box of the column. */
  room: number;
  /** Stands above another heading's box: never slanted. */
  below: boolean;
  width: number;
}

/** A heading as drawn, turned by `angle` about its left end. */
interface Drawn {
  layer: number;
  x: number;
  y: number;
  width: number;
  height: number;
  angle: number;
}

let drawn: Drawn[] = [];

/** "500 units · ReLU", "28×28 pixels", "16 channels · 14×14 · ReLU". */
export function detailOf(layer: Layer, output: boolean, softmax: boolean): string {
  const parts: string[] = [];
  const shape = layer.shape.length > 1 ? layer.shape.slice(1).join("×") : "";
  if (layer.grid.length > 1)
    parts.push(`${layer.grid.join("×")} ${layer.image && layer.kind === "input" ? "pixels" : "units"}`);
  else if (shape && layer.shape[0] === layer.size) parts.push(counted(layer.size, "channel"), shape);
  else if (output)
    parts.push(softmax ? counted(layer.size, "class", "classes") : counted(layer.size, "output"));
  else parts.push(counted(layer.size, layer.kind === "input" ? "input" : "unit"));
  if (layer.activation) parts.push(activation(layer.activation));
  return parts.join(" · ");
}

/** Headings of the layers that have vertices, from left to right and, in a column, from top to bottom. */
function headingsOf(frame: Frame): Heading[] {
  const { context, model, place } = frame;
  const layers = model.layers.filter((layer) => layer.size && place.boxes[layer.index]);
  const found = layers.map((layer): Heading => {
    const box = place.boxes[layer.index]!;
    const x = frame.toX(box.x + box.width / 2);
    const top = frame.toY(box.y);
    // Boxes above this one in the same column leave it less room.
    let floor = -Infinity;
    for (const other of layers) {
      const above = place.boxes[other.index]!;
      const beside = above.x > box.x + box.width || above.x + above.width < box.x;
      if (other !== layer && !beside && above.y + above.height <= box.y + 1e-3)
        floor = Math.max(floor, frame.toY(above.y + above.height));
    }
    const name = shorten(context, layer.name, NAME, LONGEST, "left");
    const detail = detailOf(layer, layer === model.output, model.data.softmax);
    const width = Math.max(widthOf(context, name, NAME) + 2 * MARK, widthOf(context, detail, DETAIL));
    const bottom = frame.toY(box.y + box.height);
    return { layer, name, detail, x, top, bottom, room: top - floor, below: floor > -Infinity, width };
  });
  return found.sort((a, b) => a.x - b.x || a.top - b.top);
}

const heightOf = (mode: Mode): number => (mode === "two" ? 2 * LINE + 2 : LINE);

const widthIn = (frame: Frame, heading: Heading, mode: Mode): number =>
  mode === "two" ? heading.width : widthOf(frame.context, heading.name, NAME) + 2 * MARK;

/** Two headings would overlap. */
function crowded(frame: Frame, headings: Heading[], mode: Mode): boolean {
  const height = heightOf(mode);
  for (const [at, one] of headings.entries()) {
    if (one.below && one.room < height + AIR + 3) {
      if (mode === "two") return true;
      continue; // left out alone: slanting would not help it
    }
    const width = widthIn(frame, one, mode);
    for (const other of headings.slice(at + 1)) {
      if (other.x - one.x > 2 * LONGEST) break;
      if (other.below && other.room < height + AIR + 3) continue;
      const apart = (width + widthIn(frame, other, mode)) / 2 + BESIDE;
      if (other.x - one.x < apart && Math.abs(other.top - one.top) < height + 3) return true;
    }
  }
  return false;
}

export function drawHeadings(frame: Frame): void {
  drawn = [];
  const headings = headingsOf(frame);
  if (!headings.length) return;
  frame.context.save();
  const mode = (["two", "one"] as const).find((each) => !crowded(frame, headings, each)) ?? "slanted";
  if (mode === "slanted") drawSlanted(frame, headings);
  else for (const heading of headings) drawLevel(frame, heading, mode);
  frame.context.restore();
}

function drawLevel(frame: Frame, heading: Heading, mode: "two" | "one"): void {
  const { context, palette, place, lit } = frame;
  const { layer, name, detail } = heading;
  const height = heightOf(mode);
  if (heading.below && heading.room < height + AIR + 3) return;
  const width = widthIn(frame, heading, mode);
  if (heading.x < 0 || heading.x > frame.width || heading.bottom < 0 || heading.top > frame.height + height)
    return;
  // Beside the window's edge it moves inwards; above a box that is partly out of sight it sticks to the top.
  const x = Math.min(
    Math.max(heading.x, width / 2 + 4),
    Math.max(width / 2 + 4, frame.width - width / 2 - 4),
  );
  const sticks = heading.top - AIR - height < 3;
  const top = sticks ? 3 : heading.top - AIR - height;
  if (sticks && overlapsDrawn(x - width / 2, top, width, height)) return;
  const faded = lit !== null && ![...lit].some((vertex) => vertex >= layer.start && vertex < layer.stop);
  context.globalAlpha = faded ? 0.55 : 1;
  if (sticks) {
    context.fillStyle = css(palette.background, 0.8);
    context.beginPath();
    context.roundRect(x - width / 2 - 3, top - 2, width + 6, height + 4, 4);
    context.fill();
  }
  const halo = palette.background;
  write(context, name, x, top + LINE - 3, { fill: palette.text, halo, style: NAME, align: "center" });
  drawMark(
    frame,
    x - widthOf(context, name, NAME) / 2 - 8,
    top + LINE / 2,
    !!place.boxes[layer.index]?.folded,
  );
  if (mode === "two")
    write(context, detail, x, top + 2 * LINE - 2, {
      fill: palette.dim,
      halo,
      style: DETAIL,
      align: "center",
    });
  context.globalAlpha = 1;
  drawn.push({ layer: layer.index, x: x - width / 2, y: top, width, height, angle: 0 });
}

function overlapsDrawn(x: number, y: number, width: number, height: number): boolean {
  return drawn.some(
    (other) =>
      x < other.x + other.width && other.x < x + width && y < other.y + other.height && other.y < y + height,
  );
}

/** ▾ open, ▸ folded. */
function drawMark(frame: Frame, x: number, y: number, folded: boolean): void {
  const { context, palette } = frame;
  context.fillStyle = css(palette.dim);
  context.beginPath();
  if (folded) {
    context.moveTo(x - 2, y - 4);
    context.lineTo(x + 3, y);
    context.lineTo(x - 2, y + 4);
  } else {
    context.moveTo(x - 4, y - 2);
    context.lineTo(x + 4, y - 2);
    context.lineTo(x, y + 3);
  }
  context.fill();
}

/** One slanted name a column, where columns are too close every second, third … */
function drawSlanted(frame: Frame, headings: Heading[]): void {
  const { context, palette, place } = frame;
  const columns = headings.filter((heading) => !heading.below);
  const steps = columns.slice(1).map((heading, at) => heading.x - columns[at]!.x);
  const step = Math.max(1e-6, Math.min(...steps.filter((each) => each > 1e-6)));
  const every = Math.max(1, Math.ceil((LINE + 2) / (step * SINE)));
  for (const [at, heading] of columns.entries()) {
    if (at % every || heading.x < 0 || heading.x > frame.width) continue;
    if (heading.bottom < 0 || heading.top > frame.height) continue;
    // Above the tallest of the columns that the name reaches over.
    let level = heading.top;
    for (const other of columns)
      if (other.x > heading.x && other.x - heading.x < SLANTED_LONGEST * COSINE)
        level = Math.min(level, other.top + (other.x - heading.x) * (SINE / COSINE));
    const y = Math.max(level - AIR, LINE + 24);
    const room = Math.min(SLANTED_LONGEST, (y - LINE) / SINE, (frame.width - heading.x - 10) / COSINE - MARK);
    const words = shorten(context, heading.layer.name, NAME, room - MARK, "left");
    if (!words) continue;
    if (heading.top - y > AIR + 4) {
      context.strokeStyle = css(palette.line);
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(heading.x, y + 3);
      context.lineTo(heading.x, heading.top - 3);
      context.stroke();
    }
    context.save();
    context.translate(heading.x, y);
    context.rotate(-SLANT);
    write(context, words, MARK - 2, 1, { fill: palette.text, halo: palette.background, style: NAME });
    drawMark(frame, 4, -LINE / 2 + 3, !!place.boxes[heading.layer.index]?.folded);
    context.restore();
    const width = widthOf(context, words, NAME) + MARK;
    drawn.push({ layer: heading.layer.index, x: heading.x, y, width, height: LINE, angle: -SLANT });
  }
  for (const heading of headings) if (heading.below) drawLevel(frame, heading, "one");
}

/** Number of the layer whose heading lies under a point of the stage (CSS pixels). */
export function headingAt(x: number, y: number): number | null {
  for (const { layer, x: left, y: top, width, height, angle } of drawn) {
    if (!angle) {
      if (x >= left && x <= left + width && y >= top && y <= top + height) return layer;
      continue;
    }
    const [along, across] = [
      (x - left) * Math.cos(angle) + (y - top) * Math.sin(angle),
      (y - top) * Math.cos(angle) - (x - left) * Math.sin(angle),
    ];
    if (along >= 0 && along <= width && across <= 4 && across >= -height) return layer;
  }
  return null;
}
