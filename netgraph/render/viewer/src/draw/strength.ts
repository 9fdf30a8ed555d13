/** How strong each vertex is by its weights alone: Σ|weight| into it (out of it, for inputs), within its layer. */

import type { Model } from "../core/model";

export const NO_STRENGTH = new Float32Array(0);

const known = new WeakMap<Model, Float32Array>();

/** From 0, the weakest of a layer, to 1, its strongest; ½ where all are equal. */
export function strengthOf(model: Model): Float32Array {
  let strength = known.get(model);
  if (!strength) known.set(model, (strength = measure(model)));
  return strength;
}

function measure(model: Model): Float32Array {
  const [into, from] = [new Float64Array(model.n), new Float64Array(model.n)];
  for (const { weight, rows, cols, indptr, indices, source, target } of model.blocks)
    for (let row = 0; row < rows; row++) {
      const stop = indptr ? indptr[row + 1]! : (row + 1) * cols;
      let sum = 0;
      for (let at = indptr ? indptr[row]! : row * cols, col = 0; at < stop; at++, col++) {
        // What is no number counts as none.
        const size = Math.abs(weight[at]!) || 0;
        sum += size;
        from[source.start + (indices ? indices[at]! : col)]! += size;
      }
      into[target.start + row]! += sum;
    }
  const strength = new Float32Array(model.n).fill(0.5);
  for (const { start, stop } of model.layers) {
    const fed = into.subarray(start, stop).some((sum) => sum > 0);
    const sums = (fed ? into : from).subarray(start, stop);
    let [low, high] = [Infinity, -Infinity];
    for (const sum of sums) [low, high] = [Math.min(low, sum), Math.max(high, sum)];
    if (high > low && high < Infinity)
      sums.forEach((sum, at) => (strength[start + at] = (sum - low) / (high - low)));
  }
  return strength;
}
