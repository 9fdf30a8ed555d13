/**
 * What Python puts into the page: the JSON of `<script type="application/json" id="data">`.
 *
 * `netgraph/render/canvas/` writes it, `decode.ts` reads it. Arrays are base64 of little-endian numbers; text is text
 * and is only ever shown as text. Vertices are numbered 0 … count − 1, contiguous by layer. Edges are numbered by block,
 * inside a dense block row by row (row = target, column = source), inside a sparse one in CSR order.
 */

/** base64 of a little-endian array; the number type stands beside each field. */
export type Base64 = string;

/** float16 numbers times a power of two, so that neither large nor tiny values are lost. */
export interface Half {
  data: Base64;
  scale: number;
}

export interface PageData {
  version: 1;
  title: string;
  /** "1,294 vertices · 397,000 edges". */
  summary: string;
  theme: "auto" | "dark" | "light";
  /** The view it opens with. */
  opens: ViewName;
  /** Edges that the slider starts with; null: the page chooses. */
  top: number | null;
  count: number;
  /** float32, layout units, x to the right, y up: the positions of `graph/layout.py`. */
  x: Base64;
  y: Base64;
  /** int16 module of each vertex, −1 for none; null: no modules. */
  module: Base64 | null;
  /** Names of the groups by their numbers, where another column than `module` makes them; null: "module 3". */
  groups: string[] | null;
  /** The page opens with this colouring, and with ribbons between modules instead of edges. */
  colour: "sign" | "module";
  ribbons: boolean;
  /** float32 bias of each vertex (weights view); null: none. */
  bias: Base64 | null;
  /** Further vertex columns for the panel (pagerank …), float32, NaN where a vertex has none. */
  columns: { name: string; values: Base64 }[];
  layers: LayerData[];
  blocks: BlockData[];
  /** Number of the layer whose vertices are the outputs; −1: none. */
  output: number;
  /** Names of the outputs, one for each vertex of that layer. */
  classes: string[];
  /** The outputs are logits of classes: the page shows softmax probabilities. */
  softmax: boolean;
  /**
   * "computed": every weight is fixed at a sample (unit granularity): flows for any class are computed in the page.
   * "framed": positions are summed (channel granularity …): flows come with the samples, for the targets in `frames`.
   * null: no samples.
   */
  flows: "computed" | "framed" | null;
  /** In "computed" pages: a forward pass in the page reproduces the network, so vertices can be lesioned there. */
  lesions: boolean;
  samples: SampleData[];
  /** Rows of the about box: provenance, versions, errors of the verification. */
  about: [string, string][];
  /** What a reader must know: cut to the strongest edges, frozen at the input … */
  notes: string[];
}

export type ViewName = "circuit" | "input" | "network" | "matrix";

export interface LayerData {
  name: string;
  kind: string;
  /** Torch's dotted name of the module; "" for none. */
  module: string;
  /** "relu", "tanh" …; null: none. */
  activation: string | null;
  depth: number;
  start: number;
  size: number;
  /** Shape of the activation, without the batch. */
  shape: number[];
  /** Shape of a vertex's coordinates in the layer: [500], or [16, 8, 8] (channel, row, column). */
  grid: number[];
  /** The vertices are channels of feature maps, all of them or (a circuit's) some. */
  channels: boolean;
  /** Side of a vertex's square, layout units. */
  cell: number;
  /** The vertices are the pixels of a picture (touching squares). */
  image: boolean;
  /** Ids of the vertices where they are not the layer's name and their coordinates in it (in a circuit); else null. */
  ids: string[] | null;
  /** One text a vertex; null: ids alone. */
  labels: string[] | null;
}

export interface BlockData {
  /** Numbers of the layers. */
  source: number;
  target: number;
  kind: string;
  /** Target and source sizes. */
  rows: number;
  cols: number;
  layout: "dense" | "csr";
  /** Stored edges (entries, zeros of a dense block included). */
  stored: number;
  /** Edges of the real block (weights that are not 0), stored or not. */
  edges: number;
  /** Σ|weight| over the real block. */
  mass: number;
  weight: Half;
  /** csr: uint32 row starts (rows + 1) and columns (uint32). */
  indptr: Base64 | null;
  indices: Base64 | null;
  /** int8 sign by which the edge is coloured where the weight is a norm (sum of taps); null: the weight's own. */
  sign: Base64 | null;
  /** Kernels of a convolution at channel granularity, int8 times scale, (rows, cols, height, width); null: none kept. */
  kernels: { data: Base64; scale: number; height: number; width: number } | null;
  /** Where edges were left out: Σ|weight| and Σ weight in height × width bins (float32), for the matrix view. */
  heat: { height: number; width: number; absolute: Base64; signed: Base64 } | null;
}

export interface SampleData {
  name: string;
  /** Class numbers; null: unknown. */
  label: number | null;
  prediction: number | null;
  /** float32, one a class: the network's own outputs. */
  outputs: Base64;
  /** For the strip: bytes, height × width × channels (1 or 3). */
  picture: { width: number; height: number; channels: 1 | 3; data: Base64 } | null;
  /** float32, one a vertex (means over positions at channel granularity). */
  activation: Base64;
  /** Feature maps by layer: bytes (size, height, width), 0 = low … 255 = high. */
  maps: { layer: number; width: number; height: number; low: number; high: number; data: Base64 }[];
  /** "computed": float32 by block, one a column: value read = gate · z + constant; null: all 1, all 0. */
  gates: (Base64 | null)[];
  constants: (Base64 | null)[];
  /** "computed": float32, one a vertex: pre-activation z and bias at this sample. */
  preactivation: Base64 | null;
  bias: Base64 | null;
  /** "computed": weights of blocks that depend on the input (selections, products), laid out as the block's own. */
  weights: (Half | null)[];
  /** "framed": contribution of the edges (weight × activation), by block. */
  contribution: FrameBlock[] | null;
  /** "framed": flows to a target. */
  frames: FrameData[];
}

/** Values of a block's edges: all (at = null), or the strongest, `at` their uint32 places in the block. */
export interface FrameBlock {
  at: Base64 | null;
  value: Half;
  /** Σ|value| over the real block. */
  mass: number;
}

export interface FrameData {
  /** Class number. */
  target: number;
  blocks: FrameBlock[];
  /** What the flows are to where that is not the output itself: "centred logit 3"; null: the output. */
  of: string | null;
  /**
   * The target's own value, and what of it comes from biases and constants rather than from inputs; null where the
   * graph is a part of the network, whose flows do not add up to the target.
   */
  value: number;
  constant: number | null;
  /** float32 flow through each vertex, and what its biases and constants add to it; null: not kept. */
  vertex: Base64 | null;
  share: Base64 | null;
}
