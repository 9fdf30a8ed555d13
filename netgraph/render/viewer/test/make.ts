/** Pages made from plain arrays, for tests and trials. */

import type { BlockData, FrameBlock, LayerData, PageData, SampleData } from "../src/core/contract";
import { base64, floats, half, rounded } from "./encode";
import { pass, lateConstants, slopes, starts } from "./referee";

export interface MadeLayer {
  name: string;
  size: number;
  kind?: string;
  activation?: "relu" | "tanh" | "gelu" | "sigmoid" | null;
  grid?: number[];
  shape?: number[];
  image?: boolean;
  labels?: string[];
  depth?: number;
  bias?: number[];
  /** Values of a layer that nothing computes and that is no input: bias and constant vertices. */
  held?: number[];
}

export interface MadeBlock {
  source: number;
  target: number;
  /** Row by row (row = target). */
  weights: number[];
  layout?: "dense" | "csr";
  kind?: string;
  /** What it reads of its source: φ(z), or z itself. */
  reads?: "activated" | "raw";
  /** Weights that differ from sample to sample. */
  at?: number[][];
  sign?: number[];
  kernels?: { data: number[]; scale: number; height: number; width: number };
}

export interface MadeSample {
  /** Values of the input layers, one after the other. */
  inputs: number[];
  label?: number;
  picture?: SampleData["picture"];
  maps?: SampleData["maps"];
}

export interface Made {
  layers: MadeLayer[];
  blocks: MadeBlock[];
  samples?: MadeSample[];
  output?: number;
  title?: string;
  classes?: string[];
  softmax?: boolean;
  flows?: "computed" | "framed" | null;
  /** "framed": classes that have a frame, and how many of each block's strongest edges are kept. */
  frames?: number[];
  keep?: number;
  modules?: number[];
  groups?: string[];
  ribbons?: boolean;
}

function blockData(made: Made, block: MadeBlock): BlockData {
  const rows = made.layers[block.target].size;
  const cols = made.layers[block.source].size;
  const places = block.weights.flatMap((w, at) =>
    block.layout !== "csr" || w !== 0 || block.at?.some((other) => other[at] !== 0) ? [at] : [],
  );
  const indptr = new Uint32Array(rows + 1);
  for (const at of places) indptr[Math.floor(at / cols) + 1]++;
  for (let row = 0; row < rows; row++) indptr[row + 1] += indptr[row];
  const sparse = block.layout === "csr";
  return {
    source: block.source,
    target: block.target,
    kind: block.kind ?? "linear",
    rows,
    cols,
    layout: block.layout ?? "dense",
    stored: places.length,
    edges: block.weights.filter((w) => w !== 0).length,
    mass: rounded(block.weights).reduce((sum, w) => sum + Math.abs(w), 0),
    weight: half(places.map((at) => block.weights[at])),
    indptr: sparse ? base64(indptr) : null,
    indices: sparse ? base64(Uint32Array.from(places, (at) => at % cols)) : null,
    sign: block.sign ? base64(Int8Array.from(block.sign)) : null,
    kernels: block.kernels ? { ...block.kernels, data: base64(Int8Array.from(block.kernels.data)) } : null,
    heat: null,
  };
}

/** Places of a block's stored edges in its dense matrix. */
function stored(block: MadeBlock): number[] {
  return block.weights.flatMap((w, at) =>
    block.layout !== "csr" || w !== 0 || block.at?.some((other) => other[at] !== 0) ? [at] : [],
  );
}

function frameBlock(values: number[], keep: number | undefined): FrameBlock {
  const mass = values.reduce((sum, value) => sum + Math.abs(value), 0);
  if (keep === undefined) return { at: null, value: half(values), mass };
  const at = values.map((_, i) => i).sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]));
  const kept = at.slice(0, keep).sort((a, b) => a - b);
  return { at: base64(Uint32Array.from(kept)), value: half(kept.map((i) => values[i])), mass };
}

function sampleData(made: Made, number: number): SampleData {
  const start = starts(made.layers);
  const passed = pass(made, number);
  const output = made.output ?? made.layers.length - 1;
  const first = start[output];
  const outputs = passed.activation.slice(first, first + made.layers[output].size);
  const { label = null, picture = null, maps = [] } = made.samples![number];
  const framed = made.flows === "framed";
  const plain = (numbers: number[], usual: number): string | null =>
    numbers.every((value) => value === usual) ? null : floats(numbers);
  const flow = (at: number, delta: number[] | null): number[] =>
    stored(made.blocks[at]).map((place) => {
      const cols = passed.read[at].length;
      const value = passed.weight[at][place] * passed.read[at][place % cols];
      return delta ? value * delta[start[made.blocks[at].target] + Math.floor(place / cols)] : value;
    });
  return {
    name: `sample ${number}`,
    label,
    prediction: outputs.indexOf(Math.max(...outputs)),
    outputs: floats(outputs),
    picture,
    activation: floats(passed.activation),
    maps,
    gates: framed ? [] : passed.gate.map((gate) => plain(gate, 1)),
    constants: framed ? [] : passed.constant.map((constant) => plain(constant, 0)),
    preactivation: framed ? null : floats(passed.z),
    bias: framed ? null : floats(passed.bias),
    weights: framed
      ? []
      : made.blocks.map((block) =>
          block.at ? half(stored(block).map((at) => block.at![number][at])) : null,
        ),
    contribution: framed ? made.blocks.map((_, at) => frameBlock(flow(at, null), made.keep)) : null,
    frames: (framed ? (made.frames ?? []) : []).map((target) => {
      const delta = slopes(made, passed, first + target);
      const inputs = made.layers.flatMap((layer, at) =>
        layer.held || made.blocks.some((block) => block.target === at)
          ? []
          : Array.from({ length: layer.size }, (_, i) => start[at] + i),
      );
      const value = passed.z[first + target];
      const late = lateConstants(made, passed, delta);
      return {
        target,
        of: null,
        blocks: made.blocks.map((_, at) => frameBlock(flow(at, delta), made.keep)),
        value,
        constant: value - inputs.reduce((sum, vertex) => sum + passed.z[vertex] * delta[vertex], 0),
        vertex: floats(passed.z.map((z, vertex) => z * delta[vertex] + late[vertex])),
        share: floats(passed.bias.map((bias, vertex) => bias * delta[vertex] + late[vertex])),
      };
    }),
  };
}

/** The page's data. Layers stand in columns by depth, vertices in squares. */
export function makePage(made: Made): PageData {
  const start = starts(made.layers);
  const count = start[made.layers.length];
  const output = made.output ?? made.layers.length - 1;
  const [x, y] = [new Float32Array(count), new Float32Array(count)];
  const layers = made.layers.map((layer, number): LayerData => {
    const grid = layer.grid ?? [layer.size];
    const depth = layer.depth ?? number;
    const columns = layer.image
      ? grid[grid.length - 1]
      : layer.size <= 40
        ? 1
        : Math.ceil(Math.sqrt(layer.size / 2));
    const rows = Math.ceil(layer.size / columns);
    const cell = Math.min(layer.image ? 12 : 24, 860 / rows);
    for (let i = 0; i < layer.size; i++) {
      x[start[number] + i] = depth * 420 + ((i % columns) - (columns - 1) / 2) * cell;
      y[start[number] + i] = ((rows - 1) / 2 - Math.floor(i / columns)) * cell;
    }
    return {
      name: layer.name,
      kind: layer.kind ?? (number ? "linear" : "input"),
      module: layer.name,
      activation: layer.activation ?? null,
      depth,
      start: start[number],
      size: layer.size,
      shape: layer.shape ?? grid,
      grid,
      cell,
      image: layer.image ?? false,
      channels: false,
      ids: null,
      labels: layer.labels ?? null,
    };
  });
  const blocks = made.blocks.map((block) => blockData(made, block));
  const edges = blocks.reduce((sum, block) => sum + block.edges, 0);
  const flows = made.flows === undefined ? (made.samples?.length ? "computed" : null) : made.flows;
  const biased = made.layers.some((layer) => layer.bias);
  return {
    version: 1,
    title: made.title ?? "A network made for a test",
    summary: `${count.toLocaleString("en")} vertices · ${edges.toLocaleString("en")} edges`,
    theme: "auto",
    opens: flows ? "circuit" : "network",
    top: null,
    count,
    x: floats(x),
    y: floats(y),
    module: made.modules ? base64(Int16Array.from(made.modules)) : null,
    groups: made.groups ?? null,
    colour: made.modules && !flows ? "module" : "sign",
    ribbons: made.ribbons ?? false,
    bias: biased ? floats(made.layers.flatMap((l) => l.bias ?? new Array<number>(l.size).fill(0))) : null,
    columns: [],
    layers,
    blocks,
    output,
    classes: made.classes ?? Array.from({ length: made.layers[output].size }, (_, i) => String(i)),
    softmax: made.softmax ?? true,
    flows,
    lesions: flows === "computed",
    samples: flows ? (made.samples ?? []).map((_, number) => sampleData({ ...made, flows }, number)) : [],
    about: [
      ["model", "made for a test"],
      ["forward error", "0"],
    ],
    notes: [],
  };
}
