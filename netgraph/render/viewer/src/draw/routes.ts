/**
 * Where edges run between the columns: straight across a gap, or, past columns that they do not end in, as an arc below.
 *
 * An arc runs below the columns that it passes and not above, because the names of the layers stand above.
 */

import type { Model } from "../core/model";
import type { Box, Route } from "./frame";

/** Layers of one depth. */
export interface Column {
  layers: number[];
  left: number;
  right: number;
  bottom: number;
}

/** The columns from left to right, and the number of each layer's column (−1: the layer has no vertex). */
export function columnsOf(model: Model, boxes: readonly Box[]): { columns: Column[]; of: Int32Array } {
  const depths = [...new Set(model.layers.filter((layer) => layer.size).map((layer) => layer.depth))];
  depths.sort((a, b) => a - b);
  const of = new Int32Array(model.layers.length).fill(-1);
  const columns = depths.map((depth, number) => {
    const layers = model.layers.filter((layer) => layer.size && layer.depth === depth).map((l) => l.index);
    for (const layer of layers) of[layer] = number;
    const inside = layers.map((layer) => boxes[layer]!);
    return {
      layers,
      left: Math.min(...inside.map((box) => box.x)),
      right: Math.max(...inside.map((box) => box.x + box.width)),
      bottom: Math.max(...inside.map((box) => box.y + box.height)),
    };
  });
  return { columns, of };
}

/** Lowest share and step of the picture's height that the lanes of the arcs take. */
const LANE = 0.055;
const MOST_LANES = 0.3;

/** The routes of the blocks, and the lowest point of them all. */
export function routesOf(
  model: Model,
  boxes: readonly Box[],
  height: number,
): { routes: Route[]; bottom: number } {
  const { columns, of } = columnsOf(model, boxes);
  const routes = model.blocks.map(({ source, target }): Route => {
    const from = columns[of[source.index]!];
    const to = columns[of[target.index]!];
    if (!from || !to) return { leave: 0, arrive: 0, arc: null };
    return { leave: from.right, arrive: to.left, arc: null };
  });
  const passing = model.blocks
    .map((block, index) => ({ index, from: of[block.source.index]!, to: of[block.target.index]! }))
    .filter(({ from, to }) => from >= 0 && to > from + 1);
  // Short arcs first, so that long ones run below them; equals from left to right.
  passing.sort((a, b) => a.to - a.from - (b.to - b.from) || a.from - b.from || a.index - b.index);
  const lanes: { from: number; to: number }[][] = [];
  const taken = passing.map(({ from, to }) => {
    let lane = lanes.findIndex((others) => others.every((other) => other.to <= from || other.from >= to));
    if (lane < 0) lane = lanes.push([]) - 1;
    lanes[lane]!.push({ from, to });
    return lane;
  });
  const step = height * Math.min(LANE, MOST_LANES / Math.max(1, lanes.length));
  let bottom = height;
  passing.forEach(({ index, from, to }, at) => {
    const between = columns.slice(from + 1, to);
    const deepest = Math.max(...between.map((column) => column.bottom));
    const level = deepest + step * (taken[at]! + 0.5);
    routes[index]!.arc = {
      from: columns[from + 1]!.left,
      to: columns[to - 1]!.right,
      level,
      band: step * 0.8,
    };
    bottom = Math.max(bottom, level + 0.9 * step);
  });
  return { routes, bottom };
}
