/** Single edges as lines: their course, and how strong they are drawn. */

import type { Block, EdgeValues, Model } from "../core/model";
import type { Colour } from "../core/state";
import type { Palette, Place, Rgb, Route } from "./frame";

/** What a line is drawn with: a canvas, or whatever writes a path down. */
export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  bezierCurveTo(ax: number, ay: number, bx: number, by: number, x: number, y: number): void;
}

export interface Projection {
  toX(x: number): number;
  toY(y: number): number;
}

/**
 * Height of an arc's level part for an edge that leaves at `y`: what leaves further down runs further up, so the arcs of
 * one block lie inside each other and do not cross.
 */
export function levelOf(arc: NonNullable<Route["arc"]>, top: number, height: number, y: number): number {
  const share = height > 0 ? Math.max(0, Math.min(1, (y - top) / height)) : 0;
  return arc.level + arc.band * (1 - share);
}

/**
 * Draws the course of an edge, from the end of its source's row to the beginning of its target's; `wholly`: on behind the
 * squares of these rows to the vertices themselves, for the few edges that are in focus.
 */
export function course(
  pen: Pen,
  place: Place,
  block: Block,
  source: number,
  target: number,
  { toX, toY }: Projection,
  wholly = false,
): void {
  const route = place.routes[block.index]!;
  const leaves = place.port[source]!;
  const arrives = place.port[target]!;
  const [x0, y0] = [toX(route.leave), toY(leaves)];
  const [x1, y1] = [toX(route.arrive), toY(arrives)];
  const first = toX(wholly ? place.x[source]! + place.half[source]! : place.rowRight[source]!);
  const last = toX(wholly ? place.x[target]! - place.half[target]! : place.rowLeft[target]!);
  pen.moveTo(first, y0);
  if (first < x0) pen.lineTo(x0, y0);
  if (route.arc) {
    const box = place.boxes[block.source.index]!;
    const level = toY(levelOf(route.arc, box.y, box.height, leaves));
    const [down, up] = [toX(route.arc.from), toX(route.arc.to)];
    swing(pen, x0, y0, down, level);
    pen.lineTo(up, level);
    swing(pen, up, level, x1, y1);
  } else swing(pen, x0, y0, x1, y1);
  if (last > x1) pen.lineTo(last, y1);
}

function swing(pen: Pen, x0: number, y0: number, x1: number, y1: number): void {
  const middle = (x0 + x1) / 2;
  pen.bezierCurveTo(middle, y0, middle, y1, x1, y1);
}

/** How far an edge has come across a gap (0 … 1) when its height has come this far: the course above, tabulated. */
export const SWING = tabulate(4096);

/** x(t) = 3/2 t(1−t)² + 3/2 t²(1−t) + t³ is solved for t; the height there is 3t² − 2t³. */
function tabulate(size: number): Float32Array {
  const table = new Float32Array(size + 1);
  let t = 0;
  for (let at = 0; at <= size; at++) {
    const wanted = at / size;
    for (let step = 0; step < 8; step++) {
      const x = 1.5 * t * (1 - t) + t ** 3;
      const slope = 1.5 - 3 * t + 3 * t ** 2;
      t = Math.max(0, Math.min(1, t - (x - wanted) / slope));
    }
    table[at] = t * t * (3 - 2 * t);
  }
  return table;
}

/** How an edge looks: `share` is |value| over the largest. */
export interface Look {
  alpha: number;
  width: number;
}

/** The more edges, the less ink each: added up, as much light as 700 edges give. */
export const inkOf = (count: number): number => Math.min(1, Math.sqrt(700 / Math.max(1, count)));

export function lookOf(share: number, ink: number): Look {
  const strength = Number.isFinite(share) ? Math.max(0, Math.min(1, share)) : 0;
  return {
    alpha: Math.min(1, (0.12 + 0.85 * strength ** 0.6) * ink),
    width: Math.max(0.6, (0.5 + 2.6 * strength) * Math.max(0.3, ink)),
  };
}

/** Number of an edge's colour: 0 positive, 1 negative; or its module's, and `modules` for an edge between two. */
export function colourer(
  model: Model,
  values: EdgeValues,
  colour: Colour,
  modules: number,
): (edge: number) => number {
  const module = model.groups?.of;
  if (colour === "sign" || !module) return (edge) => (values.sign(edge) < 0 ? 1 : 0);
  return (edge) => {
    const own = module[model.source(edge)]!;
    return own >= 0 && own === module[model.target(edge)] ? own % modules : modules;
  };
}

/** The colours that `colourer` numbers. */
export function coloursOf(model: Model, palette: Palette, colour: Colour): Rgb[] {
  if (colour === "sign" || !model.groups) return [palette.positive, palette.negative];
  return [...palette.modules, palette.dim];
}

/** Arcs a pixel of their band that keep all of their ink. */
const VEIL = 0.35;

/**
 * Ink for the edges of each block: less where more arcs share a band than it has pixels, so that the hundreds of edges
 * of a residual connection are a veil and not a beam.
 */
export function crowding(model: Model, place: Place, zoom: number, edges: Uint32Array): Float32Array {
  const counts = new Float32Array(model.blocks.length);
  for (const edge of edges) counts[model.blockOf(edge).index]!++;
  return counts.map((count, block) => {
    const { arc } = place.routes[block]!;
    return arc && count ? Math.max(0.05, Math.min(1, (VEIL * arc.band * zoom) / count)) : 1;
  });
}

export interface Strokes {
  model: Model;
  values: EdgeValues;
  place: Place;
  projection: Projection;
  colours: readonly Rgb[];
  colourOf: (edge: number) => number;
  /** To the vertices themselves, behind the squares of their layers. */
  wholly?: boolean;
  /** Opacity that a line has at least; where colours are mixed later, none. */
  faintest?: number;
}

/** A canvas counts in 255 steps: what is fainter, or thinner than 0.6 pixels, is rounded to other hues. */
const FAINTEST = 0.05;

/** Draws single edges; a canvas is told of a colour only when it changes. */
export function createStroker(
  context: CanvasRenderingContext2D,
  { model, place, projection, colours, colourOf, wholly = false, faintest = FAINTEST }: Strokes,
): (edge: number, look: Look) => void {
  const styles = colours.map(([red, green, blue]) => `rgb(${red},${green},${blue})`);
  let current = -1;
  return (edge, { alpha, width }) => {
    const colour = colourOf(edge);
    if (colour !== current) context.strokeStyle = styles[colour]!;
    current = colour;
    context.globalAlpha = Math.max(faintest, alpha);
    context.lineWidth = width;
    context.beginPath();
    course(context, place, model.blockOf(edge), model.source(edge), model.target(edge), projection, wholly);
    context.stroke();
  };
}
