/** Where everything stands: the layout that came with the page, with folded layers drawn together to thin bars. */

import type { Model } from "../core/model";
import type { Box, Place } from "./frame";
import { fitGaps, type Shape } from "./gaps";
import { columnsOf, routesOf } from "./routes";

/** Half the side of a square, of its cell: pixels touch, units keep a little room. */
const PIXEL = 0.5;
const UNIT = 0.44;
/** Width of a folded layer, of the picture's height; never more than the layer took. */
const BAR = 0.014;
/** Edges of one row leave at different heights, within this part of the square's half side. */
const SPREAD = 0.8;

/** `shape`: what the gaps between the columns are fitted to; null: as laid out. */
export function createPlace(
  model: Model,
  folded: ReadonlySet<number> = new Set(),
  shape: Shape | null = null,
): Place {
  const x = Float32Array.from(model.x, finite);
  const y = Float32Array.from(model.y, finite);
  const half = new Float32Array(model.n);
  const boxes = model.layers.map((layer): Box => {
    const side = Math.max(finite(layer.cell), 1e-6);
    const reach = side * (layer.image || layer.grid.length > 1 ? PIXEL : UNIT);
    half.fill(reach, layer.start, layer.stop);
    return around(x, y, layer.start, layer.stop, reach);
  });
  const seen = boxes.filter((_, index) => model.layers[index]!.size);
  const left = seen.length ? Math.min(...seen.map((box) => box.x)) : 0;
  const top = seen.length ? Math.min(...seen.map((box) => box.y)) : 0;
  const height = seen.length ? Math.max(...seen.map((box) => box.y + box.height)) - top : 1;
  move(x, 0, model.n, -left);
  move(y, 0, model.n, -top);
  for (const box of seen) {
    box.x -= left;
    box.y -= top;
  }
  fold(model, folded, { x, half, boxes, bar: BAR * height });
  // How low arcs run does not depend on the gaps, but the gaps on it.
  const tall = routesOf(model, boxes, height).bottom;
  const ruler = shape === null ? { laid: [], stands: [] } : fitGaps(model, { x, boxes }, tall, shape);
  const { routes, bottom } = routesOf(model, boxes, height);
  const width = seen.length ? Math.max(...seen.map((box) => box.x + box.width)) : 1;
  return {
    x,
    y,
    half,
    port: ports(model, x, y, half, boxes),
    ...rows(model, x, y, half),
    boxes,
    routes,
    bars: null,
    ruler,
    width,
    height: bottom,
  };
}

const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

/** The smallest box around the squares of some vertices. */
function around(x: Float32Array, y: Float32Array, start: number, stop: number, margin: number): Box {
  if (start === stop) return { x: 0, y: 0, width: 0, height: 0, folded: false };
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let vertex = start; vertex < stop; vertex++) {
    left = Math.min(left, x[vertex]!);
    right = Math.max(right, x[vertex]!);
    top = Math.min(top, y[vertex]!);
    bottom = Math.max(bottom, y[vertex]!);
  }
  return {
    x: left - margin,
    y: top - margin,
    width: right - left + 2 * margin,
    height: bottom - top + 2 * margin,
    folded: false,
  };
}

function move(values: Float32Array, start: number, stop: number, by: number): void {
  for (let at = start; at < stop; at++) values[at]! += by;
}

/** Folded layers become bars; a column that gets thinner draws what stands to its right with it. */
function fold(
  model: Model,
  folded: ReadonlySet<number>,
  { x, half, boxes, bar }: Pick<Place, "x" | "half" | "boxes"> & { bar: number },
): void {
  if (!folded.size) return;
  let shift = 0;
  for (const column of columnsOf(model, boxes).columns) {
    const before = column.right - column.left;
    const widths = column.layers.map((layer) =>
      folded.has(layer) ? Math.min(bar, boxes[layer]!.width) : boxes[layer]!.width,
    );
    const offsets = column.layers.map(
      (layer) => boxes[layer]!.x + boxes[layer]!.width / 2 - (column.left + before / 2),
    );
    const alone = column.layers.every((layer) => folded.has(layer));
    // A column with an open layer keeps its width, so that branches beside each other stay where they are.
    const after = alone ? Math.max(...widths) : before;
    const middle = column.left + shift + after / 2;
    column.layers.forEach((number, at) => {
      const box = boxes[number]!;
      const width = widths[at]!;
      const room = Math.max(0, (after - width) / 2);
      const centre = middle + Math.max(-room, Math.min(room, offsets[at]!));
      const { start, stop } = model.layers[number]!;
      if (folded.has(number)) {
        x.fill(centre, start, stop);
        for (let vertex = start; vertex < stop; vertex++) half[vertex] = Math.min(half[vertex]!, width / 2);
        box.folded = true;
      } else move(x, start, stop, centre - (box.x + box.width / 2));
      box.x = centre - width / 2;
      box.width = width;
    });
    shift += after - before;
  }
}

/**
 * Heights at which edges leave. In a wrapped layer they run behind their neighbours of the same row until the layer's
 * side; a little apart, so that a row's edges do not all come out at one point.
 */
function ports(
  model: Model,
  x: Float32Array,
  y: Float32Array,
  half: Float32Array,
  boxes: Box[],
): Float32Array {
  const port = new Float32Array(model.n);
  for (const layer of model.layers) {
    const box = boxes[layer.index]!;
    const middle = box.x + box.width / 2;
    const room = box.width / 2 - half[layer.start]!;
    for (let vertex = layer.start; vertex < layer.stop; vertex++) {
      const aside = room > 1e-6 && !box.folded ? (x[vertex]! - middle) / room : 0;
      port[vertex] = y[vertex]! + SPREAD * half[vertex]! * Math.max(-1, Math.min(1, aside));
    }
  }
  return port;
}

/** Ends of the rows: vertices of one layer at one height, whatever lies between them. */
function rows(
  model: Model,
  x: Float32Array,
  y: Float32Array,
  half: Float32Array,
): Pick<Place, "rowLeft" | "rowRight"> {
  const rowLeft = new Float32Array(model.n);
  const rowRight = new Float32Array(model.n);
  for (const { start, stop } of model.layers) {
    const ends = new Map<number, { left: number; right: number }>();
    for (let vertex = start; vertex < stop; vertex++) {
      const left = x[vertex]! - half[vertex]!;
      const right = x[vertex]! + half[vertex]!;
      const row = ends.get(y[vertex]!);
      if (!row) ends.set(y[vertex]!, { left, right });
      else {
        row.left = Math.min(row.left, left);
        row.right = Math.max(row.right, right);
      }
    }
    for (let vertex = start; vertex < stop; vertex++) {
      const row = ends.get(y[vertex]!)!;
      rowLeft[vertex] = row.left;
      rowRight[vertex] = row.right;
    }
  }
  return { rowLeft, rowRight };
}
