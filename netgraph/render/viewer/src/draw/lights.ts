/** How bright each vertex is: its activation at the chosen input, within its layer. */

import type { Layer, Model } from "../core/model";
import type { Frame } from "./frame";

export interface Lights {
  /** By vertex; null: no sample, or a view that does not depend on one. */
  activation: Float32Array | null;
  /** Smallest and largest value of a layer over the samples, so that pictures of different samples compare. */
  range(layer: Layer): { low: number; high: number };
  /** |activation| within its layer, 0 … 1; 0 where unknown. */
  share(vertex: number, layer: Layer): number;
}

const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

const ranges = new WeakMap<Model, Map<number, { low: number; high: number }>>();

function rangeOf(model: Model, layer: Layer): { low: number; high: number } {
  let known = ranges.get(model);
  if (!known) ranges.set(model, (known = new Map()));
  let range = known.get(layer.index);
  if (!range) {
    let [low, high] = [Infinity, -Infinity];
    for (const sample of model.samples)
      for (let vertex = layer.start; vertex < layer.stop; vertex++) {
        const value = finite(sample.activation[vertex] ?? 0);
        if (value < low) low = value;
        if (value > high) high = value;
      }
    range = low <= high ? { low, high } : { low: 0, high: 0 };
    known.set(layer.index, range);
  }
  return range;
}

interface Kept {
  model: Model;
  sample: number;
  lesioned: ReadonlySet<number>;
  activation: Float32Array | null;
  largest: Map<number, number>;
}

let kept: Kept | null = null;

function activations(frame: Frame): Float32Array | null {
  const { model, reading } = frame;
  const sample = model.samples[reading.sample];
  if (!sample) return null;
  if (!reading.lesioned.size) return sample.activation;
  return Float32Array.from({ length: model.n }, (_, vertex) => model.activation(vertex, reading));
}

export function lightsOf(frame: Frame): Lights {
  const { model, reading } = frame;
  if (!kept || kept.model !== model || kept.sample !== reading.sample || kept.lesioned !== reading.lesioned)
    kept = {
      model,
      sample: reading.sample,
      lesioned: reading.lesioned,
      activation: activations(frame),
      largest: new Map(),
    };
  const { activation, largest } = kept;
  const largestOf = (layer: Layer): number => {
    let most = largest.get(layer.index);
    if (most === undefined) {
      most = 0;
      for (let vertex = layer.start; vertex < layer.stop; vertex++)
        most = Math.max(most, Math.abs(finite(activation?.[vertex] ?? 0)));
      largest.set(layer.index, most);
    }
    return most;
  };
  return {
    activation,
    range: (layer) => rangeOf(model, layer),
    share(vertex, layer) {
      const most = largestOf(layer);
      return most > 0 ? Math.abs(finite(activation?.[vertex] ?? 0)) / most : 0;
    },
  };
}
