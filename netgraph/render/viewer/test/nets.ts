/** Small networks whose answers are worked by hand, and random awkward ones. */

import type { Made, MadeBlock } from "./make";
import { normal, random } from "./pages";

/** h1 = relu(x1 + x2), h2 = relu(x1 + x2 − 1), y = h1 − 2·h2: exclusive or. */
export function xor(x1 = 1, x2 = 1): Made {
  return {
    layers: [
      { name: "input", size: 2 },
      { name: "hidden", size: 2, activation: "relu", bias: [0, -1] },
      { name: "output", size: 1, bias: [0] },
    ],
    blocks: [
      { source: 0, target: 1, weights: [1, 1, 1, 1] },
      { source: 1, target: 2, weights: [1, -2] },
    ],
    samples: [{ inputs: [x1, x2] }],
    softmax: false,
  };
}

/** Two inputs, a constant vertex, skips, sparse blocks, two blocks for one pair of layers, functions with φ(0) ≠ 0. */
export function awkward(seed: number, weighed = false): Made {
  const next = random(seed);
  const sizes = [3, 2, 1, 4, 3, 2, 3];
  const sparse = (count: number): number[] => normal(next, count).map((w) => (next() < 0.4 ? 0 : w));
  const block = (source: number, target: number, more: Partial<MadeBlock> = {}): MadeBlock => {
    const count = sizes[source] * sizes[target];
    return { source, target, weights: more.layout === "csr" ? sparse(count) : normal(next, count), ...more };
  };
  const blocks = [
    block(0, 3),
    block(1, 3, { layout: "csr" }),
    block(2, 3, { kind: "constant" }),
    block(3, 4),
    block(3, 4, { layout: "csr", reads: "raw", kind: "skip" }),
    block(0, 4, { layout: "csr", kind: "skip" }),
    block(4, 5),
    block(3, 5, { kind: "skip" }),
    block(5, 6),
    block(4, 6, { layout: "csr", reads: "raw", kind: "skip" }),
    block(2, 6),
  ];
  if (weighed) {
    blocks[3].at = [normal(next, 12), normal(next, 12)];
    blocks[9].at = [blocks[9].weights.map((w) => 2 * w), blocks[9].weights.map((w) => -w)];
  }
  return {
    layers: [
      { name: "left", size: 3 },
      { name: "right", size: 2, kind: "input" },
      { name: "one", size: 1, kind: "constant", held: [1] },
      { name: "h1", size: 4, activation: "relu", bias: normal(next, 4) },
      { name: "h2", size: 3, activation: "sigmoid", bias: normal(next, 3) },
      { name: "h3", size: 2, activation: "gelu", bias: normal(next, 2) },
      { name: "out", size: 3, bias: normal(next, 3), activation: seed % 2 ? "sigmoid" : null },
    ],
    blocks,
    samples: [{ inputs: normal(next, 5) }, { inputs: normal(next, 5) }],
    softmax: false,
  };
}
