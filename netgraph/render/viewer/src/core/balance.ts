/** Kirchhoff's law: what flows into a vertex flows out of it. */

import type { Block } from "./model";
import type { Wiring } from "./wiring";

/** Sums of the edges' values into and out of each vertex. */
export function balance(
  blocks: readonly Block[],
  value: Float32Array,
  count: number,
): { inflow: Float64Array; outflow: Float64Array } {
  const inflow = new Float64Array(count);
  const outflow = new Float64Array(count);
  for (const { rows, cols, indptr, indices, start, source, target } of blocks)
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      const last = indptr ? indptr[row + 1] : (row + 1) * cols;
      for (let i = indptr ? indptr[row] : row * cols; i < last; i++) {
        sum += value[start + i];
        outflow[source.start + (indices ? indices[i] : i - row * cols)] += value[start + i];
      }
      inflow[target.start + row] += sum;
    }
  return { inflow, outflow };
}

/**
 * The largest error over the vertices, relative to the largest |flow|.
 *
 * `errors(v)`: at the entry of a vertex, which counts where edges run into it, and at its exit.
 */
export function discrepancy(
  wiring: Wiring,
  through: ArrayLike<number>,
  errors: (vertex: number) => [entry: number, exit: number],
): number {
  let largest = 0;
  let worst = 0;
  for (let v = 0; v < through.length; v++) {
    largest = Math.max(largest, Math.abs(through[v]));
    const [entry, exit] = errors(v);
    if (wiring.into[wiring.layerOf(v).index].length > 0) worst = Math.max(worst, Math.abs(entry));
    worst = Math.max(worst, Math.abs(exit));
  }
  return largest > 0 ? worst / largest : 0;
}
