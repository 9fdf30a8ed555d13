/**
 * Names of the layers above their columns.
 *
 * Never clipped, never over one another: two lines where there is room, else one, else slanted, else every second …
 * Which of these holds depends on the zoom alone, so that headings do not change while the picture is moved.
 */

import type { Frame } from "./frame";
import {
  AIR,
  crowded,
  cutLower,
  DETAIL,
  type Heading,
  headingsOf,
  heightOf,
  liftOf,
  LINE,
  MARK,
  NAME,
  SLANT,
  SLANTED_LONGEST,
  widthOfHeading,
} from "./headingplan";
import { css, shorten, widthOf, write } from "./text";

const [SINE, COSINE] = [Math.sin(SLANT), Math.cos(SLANT)];

const LEVEL = ["two", "one", "stepped"] as const;

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

export function drawHeadings(frame: Frame): void {
  drawn = [];
  const headings = headingsOf(frame);
  if (!headings.length) return;
  frame.context.save();
  const mode = LEVEL.find((each) => !crowded(frame, headings, each)) ?? "slanted";
  const faded = fadedLayers(frame);
  const shown = cutLower(frame, headings, mode);
  if (mode === "slanted") drawSlanted(frame, shown, faded);
  else {
    if (mode === "stepped") for (const heading of shown) drawLeader(frame, heading);
    for (const heading of shown) drawLevel(frame, heading, mode, faded);
  }
  frame.context.restore();
}

/** Layers without a vertex in focus. */
function fadedLayers({ model, lit }: Frame): ReadonlySet<number> {
  if (!lit) return new Set();
  const faded = new Set(model.layers.map((layer) => layer.index));
  for (const vertex of lit) faded.delete(model.layerOf(vertex).index);
  return faded;
}

/** From a name on the upper step down to its column. */
function drawLeader({ context, palette }: Frame, heading: Heading): void {
  const lift = liftOf(heading, "stepped");
  if (!lift || heading.top - AIR - LINE - lift < 3) return;
  context.strokeStyle = css(palette.dim, 0.5);
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(heading.x, heading.top - AIR - lift + 3);
  context.lineTo(heading.x, heading.top - 3);
  context.stroke();
}

function drawLevel(
  frame: Frame,
  heading: Heading,
  mode: (typeof LEVEL)[number],
  faded: ReadonlySet<number>,
): void {
  const { context, palette, place } = frame;
  const { layer, name, detail } = heading;
  const height = heightOf(mode);
  const width = widthOfHeading(frame, heading, mode);
  if (heading.x < 0 || heading.x > frame.width || heading.bottom < 0 || heading.top > frame.height + height)
    return;
  // Beside the window's edge it moves inwards; above a box that is partly out of sight it sticks to the top.
  const x = Math.min(
    Math.max(heading.x, width / 2 + 4),
    Math.max(width / 2 + 4, frame.width - width / 2 - 4),
  );
  const above = AIR + height + liftOf(heading, mode);
  const sticks = heading.top - above < 3;
  const top = sticks ? 3 : heading.top - above;
  if (overlapsDrawn(x - width / 2, top, width, height)) return;
  context.globalAlpha = faded.has(layer.index) ? 0.55 : 1;
  if (sticks) {
    context.fillStyle = css(palette.background, 0.8);
    context.beginPath();
    context.roundRect(x - width / 2 - 3, top - 2, width + 6, height + 4, 4);
    context.fill();
  }
  const halo = palette.background;
  const middle = x + MARK / 2;
  write(context, name, middle, top + LINE - 3, { fill: palette.text, halo, style: NAME, align: "center" });
  drawMark(
    frame,
    middle - widthOf(context, name, NAME) / 2 - 8,
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
  const { context, palette, place } = frame;
  if (place.bars) return; // bars are not folded
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

/** One slanted name a column; where columns are too close, every second, third … */
function drawSlanted(frame: Frame, headings: Heading[], faded: ReadonlySet<number>): void {
  const columns = headings.filter((heading) => !heading.below);
  const steps = columns.slice(1).map((heading, at) => heading.x - columns[at]!.x);
  const step = Math.max(1e-6, Math.min(...steps.filter((each) => each > 1e-6)));
  const every = Math.max(1, Math.ceil((LINE + 2) / (step * SINE)));
  const named = columns.filter((_, at) => at % every === 0);
  const levels = levelsOf(frame, columns, named);
  for (const [at, heading] of named.entries()) drawSlantedName(frame, heading, levels[at]!, faded);
  for (const heading of headings) if (heading.below) drawLevel(frame, heading, "one", faded);
}

/** Where the slanted names begin: above the columns that they reach over, and clear of the names to their right. */
function levelsOf(frame: Frame, columns: Heading[], named: Heading[]): number[] {
  const levels: number[] = [];
  for (let at = named.length - 1; at >= 0; at--) {
    const heading = named[at]!;
    const reach = COSINE * Math.min(SLANTED_LONGEST, widthOf(frame.context, heading.name, NAME) + MARK);
    let level = heading.top - AIR;
    for (const other of columns)
      if (other.x > heading.x && other.x - heading.x < reach)
        level = Math.min(level, other.top - AIR + (other.x - heading.x) * (SINE / COSINE));
    const next = named[at + 1];
    if (next && next.x - heading.x < reach + LINE)
      level = Math.min(level, levels[at + 1]! + ((next.x - heading.x) * SINE - LINE - 6) / COSINE);
    levels[at] = Math.max(level, LINE + 24);
  }
  return levels;
}

function drawSlantedName(frame: Frame, heading: Heading, y: number, faded: ReadonlySet<number>): void {
  const { context, palette, place } = frame;
  const { layer, x, top, bottom } = heading;
  if (x < 0 || x > frame.width || bottom < 0 || top > frame.height) return;
  const room = Math.min(SLANTED_LONGEST, (y - LINE) / SINE, (frame.width - x - 10) / COSINE - MARK);
  const words = shorten(context, layer.name, NAME, room - MARK, "left");
  if (!words) return;
  context.globalAlpha = faded.has(layer.index) ? 0.55 : 1;
  if (top - y > AIR + 6) {
    context.strokeStyle = css(palette.dim, 0.5);
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, y + 4);
    context.lineTo(x, top - 3);
    context.stroke();
  }
  context.save();
  context.translate(x, y);
  context.rotate(-SLANT);
  write(context, words, MARK - 2, 1, { fill: palette.text, halo: palette.background, style: NAME });
  drawMark(frame, 4, -LINE / 2 + 3, !!place.boxes[layer.index]?.folded);
  context.restore();
  context.globalAlpha = 1;
  const width = widthOf(context, words, NAME) + MARK;
  drawn.push({ layer: layer.index, x, y, width, height: LINE, angle: -SLANT });
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
