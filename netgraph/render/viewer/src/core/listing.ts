/** Lists of paths for a reading: what multiplies along them, where they start, and what they explain. */

import type { PageData } from "./contract";
import { type Flows, remember, shows } from "./flows";
import type { Frozen } from "./frozen";
import type { Layer, PathList, Reading } from "./model";
import type { Course } from "./paths";
import { best } from "./ties";
import { pullDown, type Wiring } from "./wiring";

export interface Listing {
  paths(reading: Reading, count: number, grouped: boolean): PathList;
  between(a: number, b: number, reading: Reading, count: number): PathList;
}

const nothing = (rule: PathList["rule"]): PathList => ({
  paths: [],
  rule,
  coverage: NaN,
  total: NaN,
  constant: NaN,
});

export function createListing(data: PageData, wiring: Wiring, flows: Flows): Listing {
  const { layers, blocks } = wiring;
  const output = layers[data.output];
  const listed = remember<PathList>(16);
  const fixed = (layer: Layer): boolean => layer.kind === "bias" || layer.kind === "constant";
  const isInput = (layer: Layer): boolean => !wiring.into[layer.index].length && !fixed(layer);
  const inputs = new Uint8Array(data.count);
  for (const layer of layers) if (isInput(layer)) inputs.fill(1, layer.start, layer.stop);
  const whole = blocks.every((block) => block.whole);
  const keyOf = (reading: Reading): string =>
    `${shows(reading)}|${reading.sample}|${reading.target}|${[...reading.lesioned].sort((a, b) => a - b).join()}`;

  /** Products of weights and gates at a sample; of weights alone where there is none. */
  function product(at: Frozen | null): Pick<Course, "wiring" | "rule" | "weight" | "pass" | "read"> {
    return {
      wiring,
      rule: "product",
      weight: at ? at.weight : blocks.map((block) => block.weight),
      pass: (block) => (at ? at.gate[block.index] : null),
      read: (block) => (at ? at.read[block.index] : null),
    };
  }

  /** Flows that Python kept: as in pipes, the narrowest place counts. */
  function pipes(value: Float32Array): Pick<Course, "wiring" | "rule" | "weight" | "pass" | "read"> {
    const weight = blocks.map((block) => value.subarray(block.start, block.stop));
    return { wiring, rule: "flow", weight, pass: () => null, read: () => null };
  }

  /** What biases, constants and vertices of fixed value add to the target. */
  function constantOf(at: Frozen, slope: Float64Array, target: number): number {
    let sum = at.exitConstant[target] ?? 0;
    for (const layer of layers)
      if (wiring.into[layer.index].length)
        for (let v = layer.start; v < layer.stop; v++) sum += at.bias[v] * slope[v];
    for (const block of blocks) {
      if (isInput(block.source) || block.source.index >= block.target.index) continue;
      // A vertex of fixed value passes on all that is read of it; others only what was added on the way.
      const added = fixed(block.source) ? at.read[block.index] : at.constant[block.index];
      if (!added.some((value) => value !== 0)) continue;
      const down = pullDown(block, at.weight[block.index], slope);
      for (let i = 0; i < down.length; i++) sum += added[i] * down[i];
    }
    return sum;
  }

  function list(course: Course, count: number, shares: boolean): PathList {
    const { paths, sums } = best(course, count);
    const all = shares && sums.absolute > 0 ? sums.absolute : NaN;
    for (const path of paths) path.share = Math.abs(path.value) / all;
    const held = paths.reduce((sum, path) => sum + Math.abs(path.value), 0);
    return {
      paths,
      rule: course.rule,
      coverage: Math.min(1, held / all),
      total: course.rule === "product" ? sums.signed : NaN,
      constant: NaN,
    };
  }

  function toTarget(reading: Reading, count: number, grouped: boolean): PathList {
    const { sample, target, lesioned } = reading;
    if (!output || !(target >= 0 && target < output.size)) return nothing("product");
    const to = { starts: inputs, end: output.start + target, grouped };
    if (shows(reading) === "weight") return list({ ...product(null), ...to, factor: 1 }, count, whole);
    if (data.flows === "computed") {
      const at = flows.frozen(sample, lesioned);
      const slope = flows.slope({ ...reading, view: "circuit" });
      if (!at || !slope) return nothing("product");
      const found = list({ ...product(at), ...to, factor: at.exitGate[target] ?? 1 }, count, true);
      return { ...found, constant: constantOf(at, slope, target) };
    }
    const frame = flows.frame(reading);
    if (!frame) return nothing("flow");
    const { value } = flows.values({ ...reading, view: "circuit" });
    const found = list({ ...pipes(value), ...to, factor: 1 }, count, false);
    const constant = frame.constant ?? NaN;
    return { ...found, total: frame.value - constant, constant };
  }

  function betweenTwo(a: number, b: number, reading: Reading, count: number): PathList {
    const rule = data.flows === "framed" && shows(reading) !== "weight" ? "flow" : "product";
    const [from, to] = wiring.layerOf(a).index < wiring.layerOf(b).index ? [a, b] : [b, a];
    if (wiring.layerOf(from) === wiring.layerOf(to)) return nothing(rule);
    const starts = new Uint8Array(data.count);
    starts[from] = 1;
    const ends = { starts, end: to, grouped: false };
    if (shows(reading) === "weight") return list({ ...product(null), ...ends, factor: 1 }, count, whole);
    if (rule === "flow") {
      const { value, known } = flows.values(reading);
      return known ? list({ ...pipes(value), ...ends, factor: 1 }, count, false) : nothing(rule);
    }
    const at = flows.frozen(reading.sample, reading.lesioned);
    // As with single edges: a contribution to the second vertex, or through it a share of the target.
    const slope = shows(reading) === "circuit" ? flows.slope(reading) : null;
    if (!at || (shows(reading) === "circuit" && !slope)) return nothing(rule);
    return list({ ...product(at), ...ends, factor: slope ? slope[to] : 1 }, count, true);
  }

  return {
    paths: (reading, count, grouped) =>
      listed(`${keyOf(reading)}|${count}|${grouped}`, () => toTarget(reading, count, grouped)),
    between: (a, b, reading, count) =>
      listed(`${keyOf(reading)}|${count}|${a}-${b}`, () => betweenTwo(a, b, reading, count)),
  };
}
