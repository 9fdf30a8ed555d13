/** What the page knows of the graph, as drawing and reading need it. `network.ts` makes one from the page's data. */

import type { Groups } from "./groups";
import type { BlockData, LayerData, PageData, ViewName } from "./contract";

export interface Layer extends Omit<LayerData, "labels"> {
  index: number;
  stop: number;
  labels: string[] | null;
}

export interface Block extends Pick<
  BlockData,
  "kind" | "rows" | "cols" | "edges" | "mass" | "kernels" | "heat"
> {
  index: number;
  source: Layer;
  target: Layer;
  /** Number of its first edge, and one past its last. */
  start: number;
  stop: number;
  weight: Float32Array;
  indptr: Uint32Array | null;
  indices: Uint32Array | null;
  sign: Int8Array | null;
  /** All edges of the real block are stored. */
  whole: boolean;
}

export interface Sample {
  index: number;
  name: string;
  label: number | null;
  prediction: number | null;
  outputs: Float32Array;
  activation: Float32Array;
  picture: { width: number; height: number; channels: 1 | 3; data: Uint8Array } | null;
  /** Feature map of a vertex; null where it has none. */
  map(vertex: number): { width: number; height: number; low: number; high: number; data: Uint8Array } | null;
}

/** What edge values depend on. */
export interface Reading {
  view: ViewName;
  sample: number;
  target: number;
  /** Vertices whose value is held at 0. */
  lesioned: ReadonlySet<number>;
}

/** A value for every edge of one reading. */
export interface EdgeValues {
  /** By edge number; 0: not drawn. In "framed" pages edges that were not kept are 0. */
  value: Float32Array;
  /** Sign to colour an edge by, −1, 0 or 1. */
  sign(edge: number): number;
  /** Edges with a value that is not 0, by falling |value|; equals by edge number: a stable argsort. */
  order: Uint32Array;
  /** Σ|value| of the whole graph, kept or not. */
  mass: number;
  /** Largest |value|. */
  largest: number;
  /** Share of `mass` that the first k edges of `order` hold. */
  share(k: number): number;
  /** The reading exists: false where a framed page has no frame for this class. */
  known: boolean;
}

export interface Path {
  /** From the source to the target. */
  vertices: number[];
  edges: number[];
  value: number;
  /** Of Σ|path|; NaN where it is not defined. */
  share: number;
}

export interface PathList {
  paths: Path[];
  /** "product": exact shares of the target. "flow": ranked by the smallest flow on the way (equals by the product of all), no share. */
  rule: "product" | "flow";
  /** Σ|value| of the listed over Σ|value| of all paths; NaN where it is not defined. */
  coverage: number;
  /** Σ value over all paths from the inputs, and what biases and constants add: together the target. */
  total: number;
  constant: number;
}

export interface Picture {
  width: number;
  height: number;
  /** Signed values scaled to −1 … 1 ("signed") or 0 … 1 ("plain"); red, green and blue of 0 … 1 ("colour"). */
  data: Float32Array;
  kind: "signed" | "plain" | "colour";
  /** "gradient of this unit at this input", "weights", "feature map", "kernel from conv1:3" … */
  caption: string;
}

export interface Model {
  data: PageData;
  /** Vertices; stored edges. */
  n: number;
  m: number;
  layers: Layer[];
  blocks: Block[];
  samples: Sample[];
  classes: string[];
  output: Layer | null;
  /** Layout units, y down. */
  x: Float32Array;
  y: Float32Array;
  module: Int16Array | null;
  /** The modules, counted and named. */
  groups: Groups | null;
  bias: Float32Array | null;

  layerOf(vertex: number): Layer;
  /** "fc1:17", "conv2:5,3,4". */
  id(vertex: number): string;
  /** Its label, or its id. */
  name(vertex: number): string;
  /** Vertex with this id; −1: none. */
  find(id: string): number;
  /** Vertices whose id, label or layer hold the words, at most `limit`. */
  search(words: string, limit: number): number[];

  blockOf(edge: number): Block;
  source(edge: number): number;
  target(edge: number): number;
  /** Edge numbers (stored ones) into and out of a vertex. */
  inward(vertex: number): Uint32Array;
  outward(vertex: number): Uint32Array;
  weight(edge: number): number;
  kind(edge: number): string;

  /** Cached; a change of reading costs one pass over the edges and one sort. */
  values(reading: Reading): EdgeValues;
  /** Outputs with the lesions applied (computed pages); else the network's own. */
  outputs(sample: number, lesioned: ReadonlySet<number>): Float32Array;
  /** Softmax of outputs, or the outputs themselves where they are no logits. */
  shares(outputs: Float32Array): Float32Array;
  /** Value of a vertex at a sample, with the lesions applied. */
  activation(vertex: number, reading: Reading): number;
  /** Flow through a vertex to the target: ∂target/∂z · z …; NaN where unknown. */
  flow(vertex: number, reading: Reading): number;
  /** Largest |inflow + constants − outflow| over the vertices, relative to the largest |flow|; NaN: unknown. */
  conservation(reading: Reading): number;
  /** Best paths to the target; grouped: summed over the first vertex (by hidden route). */
  paths(reading: Reading, count: number, grouped: boolean): PathList;
  /** Best paths from one vertex to another, in either direction. */
  between(a: number, b: number, reading: Reading, count: number): PathList;
  /** Pictures of a vertex for this reading, best first; empty: none. */
  pictures(vertex: number, reading: Reading): Picture[];
}
