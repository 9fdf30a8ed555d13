/**
 * Where all edges run, as light: |value| of every edge is added up along its course, and shown on a logarithmic scale.
 *
 * A million edges cannot be drawn as lines, but they can be added into a buffer: about 100 additions an edge. The work
 * is cut into slices, block by block and row by row, always in the same order, so the sums never differ.
 */

import type { Block, EdgeValues, Model } from "../core/model";
import type { Place, Rgb, Route } from "./frame";
import { levelOf, SWING, type Projection } from "./strokes";

export interface DensityInput {
  model: Model;
  values: EdgeValues;
  place: Place;
  projection: Projection;
  /** Of the buffer, and its cells a CSS pixel. */
  width: number;
  height: number;
  scale: number;
  /** Number of the colour of an edge, and which of these are shown. */
  channel: (edge: number) => number;
  colours: readonly Rgb[];
  shown: (edge: number) => boolean;
  /** Colours are those of signs: opposite ones cancel to `neutral` instead of mixing. */
  signed: boolean;
  neutral: Rgb;
  /** Opacity where most edges run. */
  strength: number;
}

export interface Density {
  /** Adds until `deadline` (of performance.now()); true: all edges are in. */
  step(deadline: number): boolean;
  /** The picture of the sums. */
  image(): ImageData;
}

/** Edges that hold together less than this part of Σ|value| are left out: they cannot be seen. */
const UNSEEN = 0.01;
/** Up to this many edges are added smoothly between cells; with more, roundings cannot be told apart. */
const SMOOTH = 60_000;
/** Edges between two looks at the clock. */
const BATCH = 512;

/** A part of a course that climbs from one height to another: how far it has climbed in each column of cells. */
interface Climb {
  from: number;
  count: number;
  share: Float32Array;
}

export function createDensity(input: DensityInput): Density {
  const { model, values, place, projection, width, height, scale, channel, shown } = input;
  const channels = input.colours.length;
  const sums = new Float32Array(width * height * channels);
  const port = Float32Array.from(place.port, (y) => projection.toY(y) * scale);
  const limit = smallest(values);
  const fine = values.order.length <= SMOOTH;
  const add = fine ? addSmoothly : addQuickly;
  let block = 0;
  let row = 0;
  let ways = model.blocks.length ? climbs(0) : null;

  function climbs(index: number): Climb[] {
    const route = place.routes[index]!;
    const stops = route.arc
      ? [route.leave, route.arc.from, route.arc.to, route.arrive]
      : [route.leave, route.arrive];
    const at = stops.map((x) => projection.toX(x) * scale);
    return at.slice(1).map((to, number) => climb(at[number]!, to));
  }

  function climb(from: number, to: number): Climb {
    const first = Math.max(0, Math.ceil(from - 0.5));
    const last = Math.min(width - 1, Math.floor(to - 0.5));
    const count = Math.max(0, last - first + 1);
    const share = new Float32Array(count);
    const stretch = (SWING.length - 1) / Math.max(1e-6, to - from);
    for (let at = 0; at < count; at++) {
      const place = (first + at + 0.5 - from) * stretch;
      share[at] = SWING[Math.max(0, Math.min(SWING.length - 1, place | 0))]!;
    }
    return { from: first, count, share };
  }

  /** One cell a column: quick, and even among very many edges. */
  function addQuickly(
    { from, count, share }: Climb,
    y0: number,
    y1: number,
    ink: number,
    colour: number,
  ): void {
    if ((y0 < 0 && y1 < 0) || (y0 >= height && y1 >= height)) return;
    const rise = y1 - y0;
    const line = width * channels;
    let cell = from * channels + colour;
    if (y0 >= 0 && y1 >= 0 && y0 < height && y1 < height) {
      for (let at = 0; at < count; at++, cell += channels)
        sums[((y0 + rise * share[at]!) | 0) * line + cell]! += ink;
      return;
    }
    for (let at = 0; at < count; at++, cell += channels) {
      const y = y0 + rise * share[at]!;
      if (y >= 0 && y < height) sums[(y | 0) * line + cell]! += ink;
    }
  }

  /** The whole height that the edge climbs in a column, with soft ends: few edges look like lines. */
  function addSmoothly(
    { from, count, share }: Climb,
    y0: number,
    y1: number,
    ink: number,
    colour: number,
  ): void {
    if ((y0 < 0 && y1 < 0) || (y0 >= height && y1 >= height)) return;
    const rise = y1 - y0;
    const line = width * channels;
    for (let at = 0; at < count; at++) {
      const now = y0 + rise * share[at]!;
      const before = at ? y0 + rise * share[at - 1]! : now;
      const after = at + 1 < count ? y0 + rise * share[at + 1]! : now;
      const climbed = Math.abs(after - before) / 2;
      const spread = Math.max(1, climbed) / 2;
      const cell = (from + at) * channels + colour;
      const low = now - spread;
      const high = now + spread;
      const stop = Math.min(height - 1, Math.floor(high));
      for (let y = Math.max(0, Math.floor(low)); y <= stop; y++)
        sums[y * line + cell]! += ink * (Math.min(high, y + 1) - Math.max(low, y));
    }
  }

  function along(which: Block, ways: Climb[], source: number, y1: number, ink: number, colour: number): void {
    const y0 = port[source]!;
    const route: Route = place.routes[which.index]!;
    if (!route.arc) return add(ways[0]!, y0, y1, ink, colour);
    const box = place.boxes[which.source.index]!;
    const level = projection.toY(levelOf(route.arc, box.y, box.height, place.port[source]!)) * scale;
    add(ways[0]!, y0, level, ink, colour);
    add(ways[1]!, level, level, ink, colour);
    add(ways[2]!, level, y1, ink, colour);
  }

  /** Adds the edges of one row; their number. */
  function addRow(which: Block, ways: Climb[], row: number): number {
    const y1 = port[which.target.start + row]!;
    const { indptr, indices } = which;
    const first = indptr ? indptr[row]! : row * which.cols;
    const stop = indptr ? indptr[row + 1]! : first + which.cols;
    const { value } = values;
    for (let at = first; at < stop; at++) {
      const edge = which.start + at;
      const signed = value[edge]!;
      const ink = signed < 0 ? -signed : signed;
      // Written so that NaN is left out too.
      if (!(ink >= limit) || !shown(edge)) continue;
      const source = which.source.start + (indices ? indices[at]! : at - first);
      along(which, ways, source, y1, ink, channel(edge));
    }
    return stop - first;
  }

  return {
    step(deadline) {
      let since = 0;
      for (; block < model.blocks.length; block++, row = 0) {
        const which = model.blocks[block]!;
        if (row === 0) ways = climbs(block);
        const seen = ways!.some((way) => way.count);
        for (; seen && row < which.rows; row++) {
          if (since > BATCH) {
            since = 0;
            if (performance.now() > deadline) return false;
          }
          since += addRow(which, ways!, row);
        }
      }
      return true;
    },
    image: () => develop(input, sums, channels),
  };
}

/** |value| of the weakest edge that is added. */
function smallest(values: EdgeValues): number {
  const count = values.order.length;
  const all = values.share(count);
  let [low, high] = [0, count];
  if (all > 0)
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values.share(middle) >= all * (1 - UNSEEN)) high = middle;
      else low = middle + 1;
    }
  const last = values.order[Math.min(low, count - 1)];
  return last === undefined ? Infinity : Math.abs(values.value[last]!) || Number.MIN_VALUE;
}

/** Contrast of the logarithmic scale: how many times the light of the faintest is that of the brightest. */
const CONTRAST = 60;
/** Part of the cells that may be brighter than the brightest shown: one crossing point does not dim all the rest. */
const OVER = 0.005;
const PROBES = 60_000;

/** The sums as a picture: opacity is log Σ|value|; colour is of what prevails. */
function develop(input: DensityInput, sums: Float32Array, channels: number): ImageData {
  const { width, height, colours, neutral, strength } = input;
  const image = new ImageData(width, height);
  const most = exposure(input, sums, channels);
  const scale = 1 / Math.log1p(CONTRAST);
  for (let cell = 0; cell < width * height; cell++) {
    const at = cell * channels;
    let total = 0;
    for (let colour = 0; colour < channels; colour++) total += sums[at + colour]!;
    if (!(total > 0)) continue;
    let [red, green, blue] = [0, 0, 0];
    if (input.signed) {
      const lean = (sums[at]! - sums[at + 1]!) / total;
      const [r, g, b] = colours[lean < 0 ? 1 : 0]!;
      const share = Math.abs(lean) ** 0.6;
      red = neutral[0] + (r - neutral[0]) * share;
      green = neutral[1] + (g - neutral[1]) * share;
      blue = neutral[2] + (b - neutral[2]) * share;
    } else
      for (let colour = 0; colour < channels; colour++) {
        const share = sums[at + colour]! / total;
        const [r, g, b] = colours[colour]!;
        red += r * share;
        green += g * share;
        blue += b * share;
      }
    const light = Math.log1p(CONTRAST * Math.min(1, total / most[cell % width]!)) * scale;
    image.data[4 * cell] = red;
    image.data[4 * cell + 1] = green;
    image.data[4 * cell + 2] = blue;
    image.data[4 * cell + 3] = 255 * strength * light;
  }
  return image;
}

/**
 * The sum that is shown brightest, for each column of cells. Each gap between layers has its own, half way (on the
 * logarithmic scale) between its own robust maximum and that of the whole: the few edges into the outputs are seen too.
 */
function exposure(input: DensityInput, sums: Float32Array, channels: number): Float32Array {
  const { width, height, place, projection, scale } = input;
  const whole = brightest(sums, channels, width, 0, width) || 1;
  const most = new Float32Array(width);
  const gaps = new Map(
    place.routes
      .filter((route) => !route.arc)
      .map(({ leave, arrive }) => [`${leave} ${arrive}`, [leave, arrive]]),
  );
  for (const [leave, arrive] of gaps.values()) {
    const [from, to] = [leave!, arrive!].map((x) => Math.round(projection.toX(x) * scale)) as [
      number,
      number,
    ];
    const [first, stop] = [Math.max(0, from), Math.min(width, to)];
    if (stop - first < 2 || !height) continue;
    const own = brightest(sums, channels, width, first, stop);
    most.fill(own > 0 ? Math.sqrt(own * whole) : whole, first, stop);
  }
  // Across the layers themselves it passes evenly from one gap's to the next: arcs run below them.
  let before = -1;
  for (let column = 0; column <= width; column++) {
    if (column < width && !most[column]) continue;
    const left = before >= 0 ? most[before]! : (most[column] ?? whole);
    const right = column < width ? most[column]! : left;
    for (let at = before + 1; at < column; at++)
      most[at] = left + ((right - left) * (at - before)) / (column - before);
    before = column;
  }
  return most;
}

/** A robust maximum of the sums over all colours in some columns of cells, from evenly spread probes. */
function brightest(sums: Float32Array, channels: number, width: number, first: number, stop: number): number {
  const height = sums.length / channels / width;
  const across = stop - first;
  const step = Math.max(1, Math.floor((across * height) / PROBES));
  const found: number[] = [];
  for (let probe = 0; probe < across * height; probe += step) {
    const cell = Math.floor(probe / across) * width + first + (probe % across);
    let total = 0;
    for (let colour = 0; colour < channels; colour++) total += sums[cell * channels + colour]!;
    if (total > 0) found.push(total);
  }
  const sorted = Float32Array.from(found).sort();
  return sorted[Math.floor((sorted.length - 1) * (1 - OVER))] ?? 0;
}
