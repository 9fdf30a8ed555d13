/** What the edges carry: weights, values read, and their shares of a target. */

import { balance, discrepancy } from "./balance";
import { float32 as floats, half, uint32 } from "./decode";
import type { FrameBlock, FrameData, PageData } from "./contract";
import { createForward, type Forward } from "./forward";
import { activations } from "./activations";
import { freeze, type Frozen } from "./frozen";
import type { EdgeValues, Reading } from "./model";
import { order } from "./order";
import { pullDown, type Wiring } from "./wiring";

export interface Flows {
  /** A forward pass in the page reproduces the network. */
  lesions: boolean;
  /** A sample's values, with the lesions applied; null: the page does not compute flows. */
  frozen(sample: number, lesioned: ReadonlySet<number>): Frozen | null;
  /** ∂ output(target) / ∂ z by vertex; null: unknown. */
  slope(reading: Reading): Float64Array | null;
  /** The same for any vertex instead of an output, at the frozen gates. */
  slopeOf(frozen: Frozen, vertex: number): Float64Array;
  frame(reading: Reading): FrameData | null;
  values(reading: Reading): EdgeValues;
  conservation(reading: Reading): number;
  through(reading: Reading): ArrayLike<number> | null;
}

/** The last few results by key: changing back and forth costs nothing, and memory stays bounded. */
export function remember<T>(size: number): (key: string, make: () => T) => T {
  const known = new Map<string, T>();
  return (key, make) => {
    const found = known.get(key);
    const value = found ?? make();
    if (found !== undefined) known.delete(key);
    known.set(key, value);
    if (known.size > size) known.delete(known.keys().next().value!);
    return value;
  };
}

const heldKey = (lesioned: ReadonlySet<number>): string => [...lesioned].sort((a, b) => a - b).join();

/** Views with attributions, contributions, or weights alone. */
export const shows = (reading: Reading): "circuit" | "input" | "weight" =>
  reading.view === "circuit" || reading.view === "input" ? reading.view : "weight";

export function createFlows(data: PageData, wiring: Wiring): Flows {
  const { blocks, layers } = wiring;
  const output = layers[data.output];
  const computed = data.flows === "computed";
  // Where edges do not run from earlier layers to later ones, nothing flows.
  const upwards = blocks.filter((block) => block.source.index < block.target.index);
  const downwards = [...upwards].sort((a, b) => b.target.index - a.target.index || a.index - b.index);
  const after = activations(output?.activation ?? null)[0] ?? activations(null)[0];
  const intact = remember<Frozen>(64);
  const lesioned = remember<Frozen>(16);
  const slopes = remember<Float64Array>(16);
  const edgeValues = remember<EdgeValues>(4);

  const whole = (sample: number): Frozen =>
    intact(String(sample), () => freeze(wiring, data.samples[sample], data.count, data.output, after));
  let forward: Forward | null = null;
  if (computed && data.lesions)
    forward = createForward(
      wiring,
      data.samples.map((_, sample) => whole(sample)),
      data.output,
    );

  function frozen(sample: number, held: ReadonlySet<number>): Frozen | null {
    if (!computed || !data.samples[sample]) return null;
    const { lesion } = forward ?? {};
    return held.size && lesion
      ? lesioned(`${sample}|${heldKey(held)}`, () => lesion(sample, held))
      : whole(sample);
  }

  function sweep(at: Frozen, vertex: number, start: number): Float64Array {
    const slope = new Float64Array(data.count);
    slope[vertex] = start;
    for (const block of downwards) {
      // Blocks come by falling target layer, so the slopes of a target are complete when its blocks are met.
      if (vertex < block.target.start) continue;
      const down = pullDown(block, at.weight[block.index], slope);
      const gate = at.gate[block.index];
      for (let i = 0, v = block.source.start; i < down.length; i++, v++) slope[v] += gate[i] * down[i];
    }
    return slope;
  }

  const targetOf = (reading: Reading): number =>
    output && reading.target >= 0 && reading.target < output.size ? output.start + reading.target : -1;

  function slope(reading: Reading): Float64Array | null {
    const at = frozen(reading.sample, reading.lesioned);
    const vertex = targetOf(reading);
    if (!at || vertex < 0) return null;
    const key = `${reading.sample}|${reading.target}|${heldKey(reading.lesioned)}`;
    return slopes(key, () => sweep(at, vertex, at.exitGate[reading.target] ?? 1));
  }

  const frame = (reading: Reading): FrameData | null =>
    data.samples[reading.sample]?.frames.find(({ target }) => target === reading.target) ?? null;

  /** Values that Python kept, at their places; edges that were not kept are 0. */
  function scatter(kept: FrameBlock[], value: Float32Array): number {
    let mass = 0;
    kept.forEach((part, b) => {
      const { start, stop } = blocks[b];
      const numbers = half(part.value, part.at === null ? stop - start : undefined);
      if (part.at === null) value.set(numbers, start);
      else
        uint32(part.at, numbers.length).forEach(
          (at, i) => at < stop - start && (value[start + at] = numbers[i]),
        );
      mass += part.mass;
    });
    return mass;
  }

  /** weight · read · slope of every edge; no slope: the contribution. */
  function multiply(at: Frozen, delta: Float64Array | null, value: Float32Array): void {
    for (const block of blocks) {
      const weight = at.weight[block.index];
      const read = at.read[block.index];
      const { rows, cols, indptr, indices, start, target } = block;
      for (let row = 0; row < rows; row++) {
        const factor = delta ? delta[target.start + row] : 1;
        if (factor === 0) continue;
        if (indices && indptr)
          for (let i = indptr[row]; i < indptr[row + 1]; i++)
            value[start + i] = weight[i] * read[indices[i]] * factor;
        else
          for (let col = 0, i = row * cols; col < cols; col++, i++)
            value[start + i] = weight[i] * read[col] * factor;
      }
    }
  }

  function make(reading: Reading): EdgeValues {
    const value = new Float32Array(wiring.m);
    const what = shows(reading);
    let known = true;
    let mass = NaN;
    if (what === "weight") {
      for (const block of blocks) value.set(block.weight, block.start);
      if (!blocks.every((block) => block.whole)) mass = blocks.reduce((sum, block) => sum + block.mass, 0);
    } else if (computed) {
      const at = frozen(reading.sample, reading.lesioned);
      const delta = what === "circuit" ? slope(reading) : null;
      known = at !== null && (what === "input" || delta !== null);
      if (at && known) multiply(at, delta, value);
    } else {
      const kept = what === "input" ? data.samples[reading.sample]?.contribution : frame(reading)?.blocks;
      known = !!kept;
      // Where nothing was left out the sum is that of what is shown, rounded as it is.
      const all = (part: FrameBlock, b: number): boolean => part.at === null && blocks[b].whole;
      const sum = kept ? scatter(kept, value) : NaN;
      mass = kept?.every(all) ? NaN : sum;
    }
    let sum = 0;
    let largest = 0;
    for (let e = 0; e < value.length; e++) {
      const size = Math.abs(value[e]);
      if (size < Infinity) {
        sum += size;
        if (size > largest) largest = size;
      } else value[e] = 0;
    }
    // What was cut off counts; what the page computes itself it also sums itself.
    if (!(mass >= sum)) mass = sum;
    let ranked: Uint32Array | null = null;
    let sums: Float64Array | null = null;
    const ranking = (): Uint32Array => (ranked ??= order(value));
    return {
      value,
      known,
      mass,
      largest,
      get order() {
        return ranking();
      },
      sign(edge) {
        if (what === "weight") {
          const block = wiring.blockOf(edge);
          if (block.sign) return block.sign[edge - block.start];
        }
        return Math.sign(value[edge]);
      },
      share(k) {
        const first = ranking();
        if (!sums) {
          sums = new Float64Array(first.length + 1);
          for (let i = 0; i < first.length; i++) sums[i + 1] = sums[i] + Math.abs(value[first[i]]);
        }
        const count = Math.min(first.length, Math.max(0, Math.floor(k) || 0));
        return mass > 0 ? Math.min(1, sums[count] / mass) : 0;
      },
    };
  }

  function values(reading: Reading): EdgeValues {
    const what = shows(reading);
    const held = forward ? heldKey(reading.lesioned) : "";
    const key = {
      weight: "",
      input: `${reading.sample}|${held}`,
      circuit: `${reading.sample}|${reading.target}|${held}`,
    };
    return edgeValues(`${what}|${key[what]}`, () => make(reading));
  }

  /** Attribution of every vertex: what leaves it towards the target, constants after its entry included. */
  function through(reading: Reading): ArrayLike<number> | null {
    if (!computed) {
      const kept = frame(reading)?.vertex;
      return kept ? floats(kept, data.count) : null;
    }
    const at = frozen(reading.sample, reading.lesioned);
    const delta = slope(reading);
    if (!at || !delta) return null;
    const flow = Float64Array.from(at.z, (z, v) => z * delta[v]);
    for (const block of upwards) {
      const constant = at.constant[block.index];
      if (constant.every((value) => value === 0)) continue;
      const down = pullDown(block, at.weight[block.index], delta);
      for (let i = 0; i < block.cols; i++) flow[block.source.start + i] += constant[i] * down[i];
    }
    return flow;
  }

  /** What flows into each vertex, with what its bias and constants add, against what flows through it and out. */
  function conservation(reading: Reading): number {
    const what = shows(reading);
    const flow = through(reading);
    if (what === "weight" || !flow) return NaN;
    const { inflow, outflow } = balance(upwards, values(reading).value, data.count);
    const exit = (v: number): number => (v === targetOf(reading) ? 0 : flow[v] - outflow[v]);
    if (!computed) {
      const kept = what === "circuit" ? frame(reading) : null;
      // Contributions, and the strongest edges alone, need not add up.
      if (!kept?.share || kept.blocks.some(({ at }) => at !== null)) return NaN;
      const share = floats(kept.share, data.count);
      return discrepancy(wiring, flow, (v) => [inflow[v] + share[v] - flow[v], exit(v)]);
    }
    const at = frozen(reading.sample, reading.lesioned)!;
    const delta = slope(reading)!;
    return what === "circuit"
      ? discrepancy(wiring, flow, (v) => [inflow[v] + (at.bias[v] - at.z[v]) * delta[v], exit(v)])
      : discrepancy(wiring, at.z, (v) => [inflow[v] + at.bias[v] - at.z[v], 0]);
  }

  return {
    lesions: forward !== null,
    frozen,
    slope,
    slopeOf: (at, vertex) => sweep(at, vertex, 1),
    frame,
    values,
    conservation,
    through,
  };
}
