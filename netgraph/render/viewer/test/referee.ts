/** What pages hold, computed by plain loops with float16's weights: the referee of what the viewer computes. */

import { rounded } from "./encode";
import type { Made, MadeLayer } from "./make";

/** What a forward and a backward pass give, vertex by vertex, read by plain loops. */
export interface Passed {
  z: number[];
  bias: number[];
  activation: number[];
  /** By block, one a column. */
  gate: number[][];
  constant: number[][];
  /** By block, dense. */
  weight: number[][];
  read: number[][];
}

const erf = (x: number): number => {
  // Σ of its series: exact enough for |x| ≤ 5, and a referee for the viewer's own.
  if (Math.abs(x) > 5) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; n < 200; n++) sum += (term *= (-x * x) / n) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * sum;
};

const functions: Record<string, (z: number) => number> = {
  relu: (z) => Math.max(0, z),
  tanh: Math.tanh,
  sigmoid: (z) => 1 / (1 + Math.exp(-z)),
  gelu: (z) => 0.5 * z * (1 + erf(z / Math.SQRT2)),
};

/** Number of each layer's first vertex, and of all vertices. */
export const starts = (layers: MadeLayer[]): number[] =>
  layers.reduce((all, layer) => [...all, all[all.length - 1] + layer.size], [0]);

/** Plain forward pass; `held` vertices stay at 0. */
export function pass(made: Made, sample: number, held: ReadonlySet<number> = new Set()): Passed {
  const start = starts(made.layers);
  const count = start[made.layers.length];
  const bias = new Array<number>(count).fill(0);
  const activation = new Array<number>(count).fill(0);
  const z = new Array<number>(count).fill(0);
  const weight = made.blocks.map((block) => [...rounded(block.at?.[sample] ?? block.weights)]);
  const gate: number[][] = made.blocks.map(() => []);
  const constant: number[][] = made.blocks.map(() => []);
  const read: number[][] = made.blocks.map(() => []);
  let taken = 0;
  made.layers.forEach((layer, number) => {
    const first = start[number];
    const into = made.blocks.flatMap((block, at) => (block.target === number ? [at] : []));
    for (let j = 0; j < layer.size; j++) {
      bias[first + j] = Math.fround(layer.bias?.[j] ?? 0);
      let sum = bias[first + j];
      if (layer.held) sum = layer.held[j];
      else if (!into.length) sum = Math.fround(made.samples![sample].inputs[taken++]);
      for (const at of into)
        read[at].forEach((value, i) => (sum += weight[at][j * read[at].length + i] * value));
      z[first + j] = sum;
    }
    const f = functions[layer.activation ?? ""] ?? ((value: number) => value);
    for (let j = 0; j < layer.size; j++) activation[first + j] = held.has(first + j) ? 0 : f(z[first + j]);
    made.blocks.forEach((block, at) => {
      if (block.source !== number) return;
      for (let i = 0; i < layer.size; i++) {
        const raw = block.reads === "raw";
        const value = z[first + i];
        // The gate at z = 0 is φ′(0), as torch has it: 0 for ReLU.
        const slope = layer.activation === "relu" ? 0 : (f(1e-6) - f(-1e-6)) / 2e-6;
        const c = raw ? 0 : f(0);
        const off = held.has(first + i);
        gate[at].push(off ? 0 : raw ? 1 : value === 0 ? slope : (f(value) - c) / value);
        constant[at].push(off ? 0 : c);
        read[at].push(off ? 0 : raw ? value : f(value));
      }
    });
  });
  return { z, bias, activation, gate, constant, weight, read };
}

/** ∂ z(target) / ∂ z of every vertex, through the frozen gates. */
export function slopes(made: Made, passed: Passed, target: number): number[] {
  const start = starts(made.layers);
  const delta = passed.z.map((_, vertex) => (vertex === target ? 1 : 0));
  for (let number = made.layers.length - 1; number >= 0; number--)
    made.blocks.forEach((block, at) => {
      if (block.target !== number) return;
      const cols = made.layers[block.source].size;
      for (let j = 0; j < made.layers[number].size; j++)
        for (let i = 0; i < cols; i++)
          delta[start[block.source] + i] +=
            passed.gate[at][i] * passed.weight[at][j * cols + i] * delta[start[number] + j];
    });
  return delta;
}

/** What the constants behind each vertex's entry (φ(0) of its activation function) add to its flow. */
export function lateConstants(made: Made, passed: Passed, delta: number[]): number[] {
  const start = starts(made.layers);
  const late = delta.map(() => 0);
  made.blocks.forEach((block, at) => {
    const cols = made.layers[block.source].size;
    for (let j = 0; j < made.layers[block.target].size; j++)
      for (let i = 0; i < cols; i++)
        late[start[block.source] + i] +=
          passed.constant[at][i] * passed.weight[at][j * cols + i] * delta[start[block.target] + j];
  });
  return late;
}
