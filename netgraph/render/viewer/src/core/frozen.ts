/** The network frozen at one sample: every value, and how each block reads its sources (gate · z + constant). */

import { float32, half } from "./decode";
import type { Activation } from "./activations";
import type { SampleData } from "./contract";
import type { Block } from "./model";
import type { Wiring } from "./wiring";

export interface Frozen {
  /** By vertex. */
  z: Float64Array;
  bias: Float64Array;
  activation: Float32Array;
  /** By block, one a column. */
  gate: Float64Array[];
  constant: Float64Array[];
  read: Float64Array[];
  /** By block: its own weights, or those of this sample. */
  weight: Float32Array[];
  outputs: Float32Array;
  /** Outputs are gate · z + constant too, where a function follows the last layer. */
  exitGate: Float64Array;
  exitConstant: Float64Array;
}

/** A number that no picture can stumble over. */
const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

export function columnOf(data: string | null | undefined, size: number, usual: number): Float64Array {
  if (data === null || data === undefined) return new Float64Array(size).fill(usual);
  return Float64Array.from(float32(data, size), finite);
}

/** gate · z + constant of a block's sources. */
export function reads(
  block: Block,
  z: Float64Array,
  gate: Float64Array,
  constant: Float64Array,
): Float64Array {
  const first = block.source.start;
  return gate.map((factor, col) => factor * z[first + col] + constant[col]);
}

/** What follows the outputs' z: nothing, or a function that the outputs tell. */
function exits(
  z: Float64Array,
  outputs: Float32Array,
  after: Activation,
): { gate: Float64Array; constant: Float64Array } {
  const gate = new Float64Array(outputs.length).fill(1);
  const constant = new Float64Array(outputs.length);
  let [gap, size] = [0, 0];
  for (let c = 0; c < outputs.length; c++) {
    gap = Math.max(gap, Math.abs(outputs[c] - z[c]));
    size = Math.max(size, Math.abs(z[c]));
  }
  // The same but for rounding.
  if (!(gap > 1e-5 * size)) return { gate, constant };
  for (let c = 0; c < outputs.length; c++) {
    gate[c] = z[c] === 0 ? after.slope : (outputs[c] - after.atZero) / z[c];
    constant[c] = after.atZero;
  }
  return { gate, constant };
}

/** The sample as Python wrote it. `after`: the function that the last layer names. */
export function freeze(
  wiring: Wiring,
  sample: SampleData,
  count: number,
  output: number,
  after: Activation,
): Frozen {
  const z = columnOf(sample.preactivation, count, 0);
  const gate = wiring.blocks.map((block) => columnOf(sample.gates[block.index], block.cols, 1));
  const constant = wiring.blocks.map((block) => columnOf(sample.constants[block.index], block.cols, 0));
  const outputs = float32(sample.outputs);
  const first = output < 0 ? 0 : wiring.layers[output].start;
  const exit = exits(z.subarray(first, first + outputs.length), outputs, after);
  return {
    z,
    bias: columnOf(sample.bias, count, 0),
    activation: float32(sample.activation, count),
    gate,
    constant,
    read: wiring.blocks.map((block) => reads(block, z, gate[block.index], constant[block.index])),
    weight: wiring.blocks.map((block) => {
      const own = sample.weights[block.index];
      return own ? half(own, block.weight.length) : block.weight;
    }),
    outputs,
    exitGate: exit.gate,
    exitConstant: exit.constant,
  };
}
