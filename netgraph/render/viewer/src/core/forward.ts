/** The forward pass, done again in the page where vertices are held at 0. */

import { type Activation, activations, secant } from "./activations";
import type { Frozen } from "./frozen";
import { pushUp, type Wiring } from "./wiring";

/** How a block reads its sources: through the layer's function, plainly, or scaled and shifted (both fixed). */
type Rule = { function: Activation } | "raw" | "fixed";

export interface Forward {
  /** The sample with these vertices held at 0. */
  lesion(sample: number, held: ReadonlySet<number>): Frozen;
}

/** Values agree but for float32's rounding of gates and constants. */
function agrees(got: number, expected: number, size: number): boolean {
  return Math.abs(got - expected) <= 1e-4 * size + 1e-12;
}

function largest(values: ArrayLike<number>): number {
  let size = 0;
  for (let i = 0; i < values.length; i++) size = Math.max(size, Math.abs(values[i]));
  return size;
}

/** The function that makes `got` of `z` in every sample; "raw": none does but the identity; null: nothing known does. */
function ruleOf(
  candidates: Activation[],
  pairs: { z: Float64Array; got: ArrayLike<number> }[],
): { function: Activation } | "raw" | null {
  const fits = (of: (z: number) => number): boolean =>
    pairs.every(({ z, got }) => {
      const size = largest(got);
      return z.every((value, i) => agrees(got[i], of(value), size));
    });
  const found = candidates.find((candidate) => fits(candidate.of));
  if (found) return { function: found };
  return fits((value) => value) ? "raw" : null;
}

const sameEverywhere = (arrays: Float64Array[]): boolean =>
  arrays.length > 1 && arrays.every((array) => array.every((value, i) => agrees(value, arrays[0][i], 1)));

/**
 * A forward pass that reproduces every sample, or null where the page cannot have one: an activation that is not
 * known, weights that depend on the input (a maximum would choose anew), or outputs that do not come out again.
 *
 * What each block reads is told by the samples: the layer's function of z, z itself, or a fixed scale and shift.
 */
export function createForward(wiring: Wiring, samples: Frozen[], output: number): Forward | null {
  const { layers, blocks, into } = wiring;
  if (!samples.length || output < 0) return null;
  if (samples.some((sample) => sample.weight.some((weight, b) => weight !== blocks[b].weight))) return null;
  // A sweep by layer number needs sources before targets.
  if (blocks.some((block) => block.source.index >= block.target.index)) return null;

  const candidates = layers.map((layer) => {
    const slopes: number[] = [];
    for (const block of wiring.from[layer.index])
      for (const { z, gate } of samples)
        for (let i = 0; i < layer.size && !slopes.length; i++)
          if (z[layer.start + i] < 0 && gate[block.index][i] !== 1) slopes.push(gate[block.index][i]);
    return activations(layer.activation, slopes);
  });
  const zOf = (sample: Frozen, layer: number): Float64Array =>
    sample.z.subarray(layers[layer].start, layers[layer].stop);
  const rules = blocks.map(({ index, source }): Rule | null => {
    const found = ruleOf(
      candidates[source.index],
      samples.map((sample) => ({ z: zOf(sample, source.index), got: sample.read[index] })),
    );
    if (found || source.activation !== null) return found;
    const fixed =
      sameEverywhere(samples.map((s) => s.gate[index])) &&
      sameEverywhere(samples.map((s) => s.constant[index]));
    return fixed ? "fixed" : null;
  });
  const exit = ruleOf(
    candidates[output],
    samples.map((sample) => ({ z: zOf(sample, output), got: sample.outputs })),
  );
  if (!exit || rules.includes(null)) return null;

  // Changes are passed on, not values: what nothing changes stays exactly the network's own, without float16's rounding.
  function lesion(number: number, held: ReadonlySet<number>): Frozen {
    const intact = samples[number];
    const z = intact.z.slice();
    const gate = intact.gate.map((values) => values.slice());
    const constant = intact.constant.map((values) => values.slice());
    const read = intact.read.map((values) => values.slice());
    const activation = intact.activation.slice();
    for (const { index: layer, start, stop } of layers) {
      for (const block of into[layer]) {
        const change = read[block.index].map((value, i) => value - intact.read[block.index][i]);
        if (change.some((value) => value !== 0)) pushUp(block, block.weight, change, z);
      }
      for (let v = start; v < stop; v++)
        if (held.has(v)) activation[v] = 0;
        else if (z[v] !== intact.z[v]) activation[v] = shown(layer, z[v], intact.z[v], intact.activation[v]);
      for (const { index } of wiring.from[layer]) {
        const rule = rules[index];
        for (let v = start, i = 0; v < stop; v++, i++) {
          if (held.has(v)) gate[index][i] = constant[index][i] = read[index][i] = 0;
          else if (z[v] !== intact.z[v]) {
            if (rule && typeof rule === "object") {
              gate[index][i] = secant(rule.function, z[v]);
              constant[index][i] = rule.function.atZero;
            }
            read[index][i] = gate[index][i] * z[v] + constant[index][i];
          }
        }
      }
    }
    const outputs = intact.outputs.slice();
    const exitGate = intact.exitGate.slice();
    const exitConstant = intact.exitConstant.slice();
    for (let c = 0, v = layers[output].start; c < outputs.length; c++, v++) {
      if (held.has(v)) outputs[c] = exitGate[c] = exitConstant[c] = 0;
      else if (z[v] !== intact.z[v]) {
        if (exit && typeof exit === "object") {
          exitGate[c] = secant(exit.function, z[v]);
          exitConstant[c] = exit.function.atZero;
        }
        outputs[c] = exitGate[c] * z[v] + exitConstant[c];
      }
    }
    return { ...intact, z, activation, gate, constant, read, outputs, exitGate, exitConstant };
  }

  /** The value that the page shows of a vertex: the function's where the sample showed the function's. */
  function shown(layer: number, z: number, was: number, activation: number): number {
    const fits = candidates[layer].find((candidate) =>
      agrees(activation, candidate.of(was), Math.abs(activation)),
    );
    return fits ? fits.of(z) : z;
  }

  return proven(wiring, samples[0], rules, output, exit) ? { lesion } : null;
}

/** The first sample's outputs come out again when everything is computed from its inputs. */
function proven(wiring: Wiring, sample: Frozen, rules: (Rule | null)[], output: number, exit: Rule): boolean {
  const z = sample.bias.slice();
  for (const layer of wiring.layers) {
    const blocks = wiring.into[layer.index];
    if (!blocks.length) z.set(sample.z.subarray(layer.start, layer.stop), layer.start);
    for (const block of blocks) {
      const rule = rules[block.index];
      const first = block.source.start;
      const read = sample.gate[block.index].map((gate, i) => {
        const value = z[first + i];
        return rule && typeof rule === "object"
          ? rule.function.of(value)
          : gate * value + sample.constant[block.index][i];
      });
      pushUp(block, block.weight, read, z);
    }
  }
  const size = largest(sample.outputs);
  return sample.outputs.every((value, c) => {
    const got = z[wiring.layers[output].start + c];
    return Math.abs(value - (typeof exit === "object" ? exit.function.of(got) : got)) <= 1e-2 * size + 1e-9;
  });
}
