/** Pictures of a vertex: what it looks for in the input, what it sees of it, and its kernels. */

import { float32, int8 } from "./decode";
import type { PageData } from "./contract";
import { type Flows, shows } from "./flows";
import type { Block, Layer, Picture, Reading, Sample } from "./model";
import { lastUpTo, type Wiring } from "./wiring";

const KERNELS = 4;

/** Rows and columns of a picture. */
type Sides = readonly [number, number];

/** Sides of the picture that a layer's vertices are: its grid's, or of units in a row those that they are placed in. */
function sidesOf(layer: Layer, x: Float32Array): Sides | null {
  if (layer.grid.length >= 2) return [layer.grid[layer.grid.length - 2], layer.grid[layer.grid.length - 1]];
  const column = (i: number): number => Math.round(((x[layer.start + i] - x[layer.start]) * 4) / layer.cell);
  let width = 1;
  while (width < layer.size && column(width) !== column(0)) width++;
  for (let i = width; i < layer.size; i++) if (column(i) !== column(i - width)) return null;
  return layer.size % width ? null : [layer.size / width, width];
}

/** Scaled so that the largest is 1. */
function scaled(values: Float32Array): Float32Array {
  let largest = 0;
  for (const value of values)
    if (Math.abs(value) > largest && Math.abs(value) < Infinity) largest = Math.abs(value);
  return values.map((value) => (Number.isFinite(value) && largest ? value / largest : 0));
}

export function createPictures(
  data: PageData,
  wiring: Wiring,
  flows: Flows,
  samples: Sample[],
  name: (vertex: number) => string,
): (vertex: number, reading: Reading) => Picture[] {
  const image = wiring.layers.find(({ image, index }) => image && !wiring.into[index].length);
  const sides = image && sidesOf(image, float32(data.x, data.count));
  const kernels = new Map<Block, Int8Array>();

  /** Numbers of the image's vertices as a picture: (rows, columns), channels summed. */
  function onImage([height, width]: Sides, numbers: ArrayLike<number>, caption: string): Picture {
    const sums = new Float32Array(height * width);
    for (let i = 0; i < numbers.length; i++) sums[i % sums.length] += numbers[i];
    const summed = numbers.length > sums.length ? ", channels summed" : "";
    return { width, height, data: scaled(sums), kind: "signed", caption: caption + summed };
  }

  function gradient(vertex: number, reading: Reading): Picture | null {
    const at = flows.frozen(reading.sample, reading.lesioned);
    if (!image || !sides || !at) return null;
    const slope = flows.slopeOf(at, vertex);
    return onImage(sides, slope.subarray(image.start, image.stop), "gradient of this unit at this input");
  }

  function weights(vertex: number): Picture | null {
    if (!image || !sides) return null;
    const numbers = new Float32Array(image.size);
    let found = false;
    for (const block of wiring.into[wiring.layerOf(vertex).index]) {
      if (block.source !== image) continue;
      const row = vertex - block.target.start;
      const stop = block.indptr ? block.indptr[row + 1] : (row + 1) * block.cols;
      for (let e = block.indptr ? block.indptr[row] : row * block.cols; e < stop; e++)
        numbers[block.indices ? block.indices[e] : e - row * block.cols] += block.weight[e];
      found = true;
    }
    return found ? onImage(sides, numbers, "weights") : null;
  }

  /** The kernels from red, green and blue together, as one picture in these colours; grey is 0. */
  function colours(vertex: number): Picture | null {
    for (const block of wiring.into[wiring.layerOf(vertex).index]) {
      const { source, kernels: kept, cols } = block;
      if (!kept || wiring.into[source.index].length || cols !== 3 || source.shape[0] !== 3) continue;
      const { height, width } = kept;
      const size = height * width;
      if (size < 2) continue;
      const own = tapsOf(block)
        .subarray((vertex - block.target.start) * 3 * size)
        .subarray(0, 3 * size);
      const values = scaled(Float32Array.from(own));
      const mixed = values.map((_, at) => 0.5 + 0.5 * values[(at % 3) * size + Math.floor(at / 3)]);
      return { width, height, data: mixed, kind: "colour", caption: "kernel, in the input’s colours" };
    }
    return null;
  }

  function tapsOf(block: Block): Int8Array {
    const { data: text, height, width } = block.kernels!;
    const taps = kernels.get(block) ?? int8(text, block.rows * block.cols * height * width);
    kernels.set(block, taps);
    return taps;
  }

  /** The kernels of its strongest inward edges. */
  function kernelsOf(vertex: number): Picture[] {
    const found: { size: number; block: Block; place: number; source: number }[] = [];
    for (const block of wiring.into[wiring.layerOf(vertex).index]) {
      if (!block.kernels || block.kernels.height * block.kernels.width < 2) continue;
      const row = vertex - block.target.start;
      const stop = block.indptr ? block.indptr[row + 1] : (row + 1) * block.cols;
      for (let e = block.indptr ? block.indptr[row] : row * block.cols; e < stop; e++) {
        const source = block.indices ? block.indices[e] : e - row * block.cols;
        if (block.weight[e] !== 0)
          found.push({ size: Math.abs(block.weight[e]), block, place: row * block.cols + source, source });
      }
    }
    found.sort((a, b) => b.size - a.size);
    return found.slice(0, KERNELS).map(({ block, place, source }) => {
      const { height, width } = block.kernels!;
      const taps = tapsOf(block);
      const caption = `kernel from ${name(block.source.start + source)}`;
      const own = Float32Array.from(taps.subarray(place * height * width, (place + 1) * height * width));
      return { width, height, data: scaled(own), kind: "signed", caption };
    });
  }

  function map(vertex: number, reading: Reading): Picture | null {
    const found = samples[reading.sample]?.map(vertex);
    if (!found) return null;
    const { width, height } = found;
    return {
      width,
      height,
      data: Float32Array.from(found.data, (v) => v / 255),
      kind: "plain",
      caption: "feature map",
    };
  }

  /** A pixel or channel of the input, as the sample has it. */
  function shown(vertex: number, layer: Layer, reading: Reading): Picture[] {
    const sample = samples[reading.sample];
    if (!sample) return [];
    const found = map(vertex, reading);
    if (found) return [{ ...found, caption: "the input" }];
    if (layer === image && sides) {
      const [rows, cols] = sides;
      let [low, high] = [Infinity, -Infinity];
      for (let v = layer.start; v < layer.stop; v++) {
        low = Math.min(low, sample.activation[v]);
        high = Math.max(high, sample.activation[v]);
      }
      const value = sample.activation[vertex] - low;
      const pixel = (vertex - layer.start) % (rows * cols);
      return [
        {
          width: 1,
          height: 1,
          data: Float32Array.of(high > low && Number.isFinite(value) ? value / (high - low) : 0),
          kind: "plain",
          caption: `pixel in row ${Math.floor(pixel / cols)}, column ${pixel % cols}`,
        },
      ];
    }
    const picture = sample.picture;
    const channel = vertex - layer.start;
    if (!picture || layer.shape.length !== 3 || layer.size !== picture.channels) return [];
    const { width, height, channels } = picture;
    const pixels = new Float32Array(width * height);
    for (let i = 0; i < pixels.length; i++) pixels[i] = picture.data[i * channels + channel] / 255;
    return [{ width, height, data: pixels, kind: "plain", caption: "the input" }];
  }

  return (vertex, reading) => {
    if (!(vertex >= 0 && vertex < data.count)) return [];
    const layer = wiring.layerOf(vertex);
    if (!wiring.into[layer.index].length)
      return layer.kind === "bias" || layer.kind === "constant" ? [] : shown(vertex, layer, reading);
    const own = shows(reading) === "weight" ? null : (map(vertex, reading) ?? gradient(vertex, reading));
    return [own ?? weights(vertex), colours(vertex), ...kernelsOf(vertex)].filter(
      (picture) => picture !== null,
    );
  };
}

/** Feature maps of a sample, found by vertex. */
export function mapsOf(
  layers: Layer[],
  maps: { layer: number; width: number; height: number; low: number; high: number; data: Uint8Array }[],
): Sample["map"] {
  const starts = layers.map((layer) => layer.start);
  return (vertex) => {
    const found = maps.find(({ layer }) => layer === lastUpTo(starts, vertex));
    if (!found) return null;
    const { width, height, low, high, data } = found;
    const at = vertex - layers[found.layer].start;
    const size = width * height;
    return (at + 1) * size <= data.length
      ? { width, height, low, high, data: data.subarray(at * size, (at + 1) * size) }
      : null;
  };
}
