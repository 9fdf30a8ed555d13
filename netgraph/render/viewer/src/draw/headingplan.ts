/** What stands above the layers, and how much room there is for it. */

import type { Layer, Model } from "../core/model";
import { activation, counted } from "../ui/format";
import type { Box, Frame } from "./frame";
import { font, shorten, widthOf } from "./text";

export const NAME = font(12.5, 600);
export const DETAIL = font(11, 400);
export const LINE = 14;
/** Between a heading and the box below it. */
export const AIR = 7;
/** Between two headings. */
const BESIDE = 10;
/** Room of the triangle that folds a layer. */
export const MARK = 12;
const LONGEST = 190;
/** Less of a name than this says nothing. */
const SHORTEST = 80;

/** Two lines, one, one at two heights in turn, or slanted. */
export type Mode = "two" | "one" | "stepped" | "slanted";
export const SLANT = (38 * Math.PI) / 180;
export const SLANTED_LONGEST = 150;
/** Every second name stands higher by this much. */
export const STEP = LINE + 4;

/** What the plan needs of a frame. */
export type Seen = Pick<Frame, "context" | "model" | "place" | "zoom" | "toX" | "toY">;

export interface Heading {
  layer: Layer;
  name: string;
  detail: string;
  /** Middle of the column, top and bottom of the box, CSS pixels. */
  x: number;
  top: number;
  bottom: number;
  /** Room above, to the next box of the column. */
  above: number;
  /** Width that it may have, in its column's middle, without lying on other layers. */
  beside: number;
  /** In steps: it stands on the upper one. */
  lifted: boolean;
  /** It stands below another box of its column: never slanted. */
  below: boolean;
}

/** "500 units · ReLU", "28×28 pixels", "16 channels · 14×14 · ReLU". */
export function detailOf(layer: Layer, output: boolean, softmax: boolean): string {
  const parts: string[] = [];
  const shape = layer.shape.slice(1).some((side) => side > 1) ? layer.shape.slice(1).join("×") : "";
  // One channel is no axis that anybody counts.
  const grid = layer.grid.length > 2 && layer.grid[0] === 1 ? layer.grid.slice(1) : layer.grid;
  if (layer.grid.length > 1)
    parts.push(`${grid.join("×")} ${layer.image && layer.kind === "input" ? "pixels" : "units"}`);
  else if (layer.channels) parts.push(counted(layer.size, "channel"), ...(shape ? [shape] : []));
  else if (output)
    parts.push(softmax ? counted(layer.size, "class", "classes") : counted(layer.size, "output"));
  else parts.push(counted(layer.size, layer.kind === "input" ? "input" : "unit"));
  if (layer.activation) parts.push(activation(layer.activation));
  return parts.join(" · ");
}

/** The same in fewer letters: "16×14×14 · ReLU". */
export function briefly(layer: Layer, output: boolean, softmax: boolean): string {
  if (!layer.channels || layer.shape[0] !== layer.size) return detailOf(layer, output, softmax);
  const shape = layer.shape.join("×");
  return layer.activation ? `${shape} · ${activation(layer.activation)}` : shape;
}

/** Headings of the layers that have vertices, from left to right and, in a column, from top to bottom. */
export function headingsOf(frame: Seen): Heading[] {
  const { context, model, place } = frame;
  const layers = model.layers.filter((layer) => layer.size && place.boxes[layer.index]);
  const boxes = layers.map((layer) => place.boxes[layer.index]!);
  const found = layers.map((layer, at): Heading => {
    const box = boxes[at]!;
    const x = box.x + box.width / 2;
    const band = (AIR + 2 * LINE + 2) / frame.zoom;
    let [floor, room] = [-Infinity, Infinity];
    for (const other of boxes) {
      if (other === box) continue;
      if (sameColumn(box, other)) {
        if (other.y + other.height <= box.y + 1e-3) floor = Math.max(floor, other.y + other.height);
      } else if (other.y < box.y && other.y + other.height > box.y - band) {
        const gap = other.x > x ? other.x - x : x - other.x - other.width;
        room = Math.min(room, gap);
      }
    }
    return {
      layer,
      name: shorten(context, layer.name, NAME, LONGEST, "left"),
      detail: detailOf(layer, layer === model.output, model.data.softmax),
      x: frame.toX(x),
      top: frame.toY(box.y),
      bottom: frame.toY(box.y + box.height),
      above: (box.y - floor) * frame.zoom,
      beside: 2 * (room * frame.zoom - 4),
      lifted: false,
      below: floor > -Infinity,
    };
  });
  found.sort((a, b) => a.x - b.x || a.top - b.top);
  found.filter(({ below }) => !below).forEach((heading, at) => (heading.lifted = at % 2 === 1));
  return found;
}

/** CSS pixels above the columns that headings take. */
export function roomAbove(context: CanvasRenderingContext2D, model: Model, mode: Mode): number {
  if (mode !== "slanted") return ABOVE[mode];
  const widths = model.layers.map(({ name, size }) => (size ? widthOf(context, name, NAME) : 0));
  return ABOVE.slanted + Math.sin(SLANT) * (Math.min(SLANTED_LONGEST, Math.max(0, ...widths)) + MARK);
}

const ABOVE: Record<Mode, number> = { two: 46, one: 30, stepped: 48, slanted: 34 };

export const liftOf = (heading: Heading, mode: Mode): number =>
  mode === "stepped" && heading.lifted ? STEP : 0;

const sameColumn = (a: Box, b: Box): boolean => b.x <= a.x + a.width && b.x + b.width >= a.x;

export const heightOf = (mode: Mode): number => (mode === "two" ? 2 * LINE + 2 : LINE);

export function widthOfHeading(frame: Seen, { name, detail }: Heading, mode: Mode): number {
  const width = widthOf(frame.context, name, NAME) + MARK;
  return mode === "two" ? Math.max(width, widthOf(frame.context, detail, DETAIL)) : width;
}

/** Headings below other boxes are cut to the room they have, or left out: slanting would not help them. */
export function cutLower(frame: Seen, headings: Heading[], mode: Mode): Heading[] {
  const height = heightOf(mode === "slanted" ? "one" : mode);
  return headings.filter((heading) => {
    if (!heading.below) return true;
    const { layer, beside, above } = heading;
    const least = Math.min(SHORTEST, widthOf(frame.context, layer.name, NAME));
    if (above < height + AIR + 3 || beside < least + MARK) return false;
    heading.name = shorten(frame.context, layer.name, NAME, Math.min(LONGEST, beside - MARK), "left");
    return true;
  });
}

/** Two headings would overlap, or one would lie on another layer. */
export function crowded(frame: Seen, headings: Heading[], mode: Mode): boolean {
  const height = heightOf(mode);
  for (const [at, one] of headings.entries()) {
    if (one.below && (one.above < height + AIR + 3 || one.beside < widthOfHeading(frame, one, mode))) {
      if (mode === "two") return true;
      continue;
    }
    const width = widthOfHeading(frame, one, mode);
    if (width > one.beside) return true;
    for (const other of headings.slice(at + 1)) {
      if (other.x - one.x > 2 * LONGEST) break;
      const apart = (width + widthOfHeading(frame, other, mode)) / 2 + BESIDE;
      if (
        other.x - one.x < apart &&
        Math.abs(other.top - liftOf(other, mode) - (one.top - liftOf(one, mode))) < height + 3
      )
        return true;
    }
  }
  return false;
}
