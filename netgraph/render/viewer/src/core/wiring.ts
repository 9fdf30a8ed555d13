/** Layers, blocks and edge numbers: which edge joins what. */

import { half, int8, uint32 } from "./decode";
import type { PageData } from "./contract";
import type { Block, Layer } from "./model";

export interface Wiring {
  layers: Layer[];
  blocks: Block[];
  /** Blocks into and out of each layer, in block order. */
  into: Block[][];
  from: Block[][];
  m: number;
  layerOf(vertex: number): Layer;
  blockOf(edge: number): Block;
  source(edge: number): number;
  target(edge: number): number;
  inward(vertex: number): Uint32Array;
  outward(vertex: number): Uint32Array;
}

/** The last of `starts` (rising) that is ≤ number. */
export function lastUpTo(starts: ArrayLike<number>, number: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= number) low = middle;
    else high = middle - 1;
  }
  return low;
}

function readBlocks(data: PageData, layers: Layer[]): Block[] {
  let start = 0;
  return data.blocks.map((block, index): Block => {
    const sparse = block.layout === "csr";
    const stored = sparse ? block.stored : block.rows * block.cols;
    const weight = half(block.weight, stored);
    const indices = sparse ? uint32(block.indices ?? "", stored) : null;
    const indptr = sparse ? uint32(block.indptr ?? "", block.rows + 1) : null;
    start += stored;
    return {
      kind: block.kind,
      rows: block.rows,
      cols: block.cols,
      edges: block.edges,
      mass: block.mass,
      kernels: block.kernels,
      heat: block.heat,
      index,
      source: layers[block.source],
      target: layers[block.target],
      start: start - stored,
      stop: start,
      weight,
      indptr,
      indices,
      sign: block.sign === null ? null : int8(block.sign, stored),
      whole: block.heat === null && stored >= block.edges,
    };
  });
}

/** A block's edges by source: for each column where its edges begin, and their places in the block. */
interface Columns {
  indptr: Uint32Array;
  places: Uint32Array;
}

function transpose(block: Block): Columns {
  const indices = block.indices!;
  const indptr = new Uint32Array(block.cols + 1);
  for (let i = 0; i < indices.length; i++) indptr[indices[i] + 1]++;
  for (let col = 0; col < block.cols; col++) indptr[col + 1] += indptr[col];
  const next = indptr.slice();
  const places = new Uint32Array(indices.length);
  for (let i = 0; i < indices.length; i++) places[next[indices[i]]++] = i;
  return { indptr, places };
}

export function wire(data: PageData): Wiring {
  const layers = data.layers.map((layer, index): Layer => ({
    ...layer,
    index,
    stop: layer.start + layer.size,
  }));
  const blocks = readBlocks(data, layers);
  const into: Block[][] = layers.map(() => []);
  const from: Block[][] = layers.map(() => []);
  for (const block of blocks) {
    into[block.target.index].push(block);
    from[block.source.index].push(block);
  }
  // Empty layers and blocks share their start with the next: the last of equals holds the number asked for.
  const layerStarts = layers.map((layer) => layer.start);
  const blockStarts = blocks.map((block) => block.start);
  const columns: (Columns | undefined)[] = blocks.map(() => undefined);
  const rowsOf: (Uint32Array | undefined)[] = blocks.map(() => undefined);
  const blockOf = (edge: number): Block => blocks[lastUpTo(blockStarts, edge)];
  const layerOf = (vertex: number): Layer => layers[lastUpTo(layerStarts, vertex)];

  function rows(block: Block): Uint32Array {
    let known = rowsOf[block.index];
    if (!known) {
      known = new Uint32Array(block.stop - block.start);
      const indptr = block.indptr!;
      for (let row = 0; row < block.rows; row++) known.fill(row, indptr[row], indptr[row + 1]);
      rowsOf[block.index] = known;
    }
    return known;
  }

  return {
    layers,
    blocks,
    into,
    from,
    m: blocks.length ? blocks[blocks.length - 1].stop : 0,
    layerOf,
    blockOf,
    source(edge) {
      const block = blockOf(edge);
      const place = edge - block.start;
      return block.source.start + (block.indices ? block.indices[place] : place % block.cols);
    },
    target(edge) {
      const block = blockOf(edge);
      const place = edge - block.start;
      return block.target.start + (block.indices ? rows(block)[place] : Math.floor(place / block.cols));
    },
    inward(vertex) {
      const layer = layerOf(vertex);
      const row = vertex - layer.start;
      const edges: number[] = [];
      for (const block of into[layer.index]) {
        const first = block.start + (block.indptr ? block.indptr[row] : row * block.cols);
        const last = block.start + (block.indptr ? block.indptr[row + 1] : (row + 1) * block.cols);
        for (let edge = first; edge < last; edge++) edges.push(edge);
      }
      return Uint32Array.from(edges);
    },
    outward(vertex) {
      const layer = layerOf(vertex);
      const col = vertex - layer.start;
      const edges: number[] = [];
      for (const block of from[layer.index]) {
        if (block.indices) {
          const { indptr, places } = (columns[block.index] ??= transpose(block));
          for (let i = indptr[col]; i < indptr[col + 1]; i++) edges.push(block.start + places[i]);
        } else {
          for (let row = 0; row < block.rows; row++) edges.push(block.start + row * block.cols + col);
        }
      }
      return Uint32Array.from(edges);
    },
  };
}

/** out[j] += Σ_i weight[j, i] · read[i]; `out` begins with the block's target layer. */
export function pushUp(block: Block, weight: Float32Array, read: ArrayLike<number>, out: Float64Array): void {
  const { rows, cols, indptr, indices } = block;
  const first = block.target.start;
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = 0;
    if (indices && indptr)
      for (at = indptr[row]; at < indptr[row + 1]; at++) sum += weight[at] * read[indices[at]];
    else for (let col = 0; col < cols; col++) sum += weight[at++] * read[col];
    out[first + row] += sum;
  }
}

/** Σ_j weight[j, i] · slope[j], one a column; `slope` is by vertex. */
export function pullDown(block: Block, weight: Float32Array, slope: Float64Array): Float64Array {
  const { rows, cols, indptr, indices } = block;
  const first = block.target.start;
  const down = new Float64Array(cols);
  for (let row = 0; row < rows; row++) {
    const factor = slope[first + row];
    if (factor === 0) continue;
    if (indices && indptr)
      for (let at = indptr[row]; at < indptr[row + 1]; at++) down[indices[at]] += weight[at] * factor;
    else for (let col = 0, at = row * cols; col < cols; col++, at++) down[col] += weight[at] * factor;
  }
  return down;
}
