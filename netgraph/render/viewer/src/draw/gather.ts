/** The picture of modules: in each layer a module's vertices gathered to one bar, as high as they are many. */

import type { Groups } from "../core/groups";
import type { Layer, Model } from "../core/model";
import type { Bar, Box, Place } from "./frame";
import { createPlace } from "./place";
import { routesOf } from "./routes";

/** Stage units: the height of the columns, and of it the widest bar, the gap between bars, and the lowest bar. */
const HEIGHT = 1000;
const WIDTH = 30;
const GAP = 14;
const LEAST = 4;
/** Between two layers of one column, where the lower one's name stands. */
const NAME = 90;
/** A bar's width of the step from one column to the next. */
const ACROSS = 0.3;

/** Columns stand evenly, and fill a window of this shape. */
export function gather(model: Model, groups: Groups, aspect: number): Place {
  const laid = createPlace(model);
  const depths = [...new Set(model.layers.filter(({ size }) => size).map(({ depth }) => depth))];
  depths.sort((a, b) => a - b);
  const boxes = model.layers.map((): Box => ({ x: 0, y: 0, width: 0, height: 0, folded: false }));
  const columns = depths.map((depth) => model.layers.filter((layer) => layer.size && layer.depth === depth));
  for (const column of columns) divide(column, laid, boxes);
  const spread = (width: number): void => {
    const step = columns.length > 1 ? width / columns.length : width;
    const bar = Math.min(WIDTH, ACROSS * step);
    columns.forEach((column, at) => {
      const share = columns.length > 1 ? at / (columns.length - 1) : 0.5;
      for (const { index } of column) Object.assign(boxes[index]!, { x: share * (width - bar), width: bar });
    });
  };
  spread(HEIGHT);
  // How low arcs run does not depend on the width.
  const width = Math.max(aspect * routesOf(model, boxes, HEIGHT).bottom, 2 * WIDTH);
  spread(width);
  const { routes, bottom } = routesOf(model, boxes, HEIGHT);
  const bars = columns.flat().flatMap((layer) => barsOf(layer, groups, boxes[layer.index]!));
  return {
    ...vertices(model, groups, bars),
    boxes,
    routes,
    bars,
    ruler: { laid: [], stands: [] },
    width,
    height: bottom,
  };
}

/** One layer has the whole column; several share it by the root of their sizes, in the order of the layout. */
function divide(column: Layer[], laid: Place, boxes: Box[]): void {
  const order = [...column].sort(
    (a, b) => laid.boxes[a.index]!.y - laid.boxes[b.index]!.y || a.index - b.index,
  );
  const name = Math.min(NAME, HEIGHT / 3 / order.length);
  const room = HEIGHT - (order.length - 1) * name;
  const whole = order.reduce((sum, { size }) => sum + Math.sqrt(size), 0);
  let y = 0;
  for (const { index, size } of order) {
    const height = (room * Math.sqrt(size)) / whole;
    Object.assign(boxes[index]!, { y, height });
    y += height + name;
  }
}

/** Bars from the first group down, those of no group last. */
function barsOf(layer: Layer, { of, count }: Groups, box: Box): Bar[] {
  const sizes = new Int32Array(count + 1);
  for (let vertex = layer.start; vertex < layer.stop; vertex++) {
    const group = of[vertex]!;
    sizes[group < 0 ? count : group]!++;
  }
  const here = [...sizes.keys()].filter((group) => sizes[group]);
  const gap = Math.min(GAP, (0.3 * box.height) / here.length);
  const room = box.height - (here.length - 1) * gap;
  const least = Math.min(LEAST, room / here.length);
  const heights = here.map((group) => Math.max(least, (room * sizes[group]!) / layer.size));
  const factor = room / heights.reduce((sum, height) => sum + height, 0);
  let y = box.y;
  return here.map((group, at) => {
    const height = heights[at]! * factor;
    const bar = { layer: layer.index, group: group < count ? group : -1, size: sizes[group]! };
    y += height + gap;
    return { ...bar, x: box.x, y: y - height - gap, width: box.width, height };
  });
}

/** Each vertex stands in its bar: what leads to it leads there. */
function vertices(
  model: Model,
  { of }: Groups,
  bars: readonly Bar[],
): Pick<Place, "x" | "y" | "half" | "port" | "rowLeft" | "rowRight"> {
  const [x, y, half, rowLeft, rowRight] = Array.from({ length: 5 }, () => new Float32Array(model.n)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  for (const bar of bars) {
    const { start, stop } = model.layers[bar.layer]!;
    let at = 0;
    for (let vertex = start; vertex < stop; vertex++) {
      if (of[vertex] !== bar.group) continue;
      x[vertex] = bar.x + bar.width / 2;
      y[vertex] = bar.y + ((at++ + 0.5) / bar.size) * bar.height;
      half[vertex] = bar.width / 2;
      rowLeft[vertex] = bar.x;
      rowRight[vertex] = bar.x + bar.width;
    }
  }
  return { x, y, half, port: y, rowLeft, rowRight };
}
