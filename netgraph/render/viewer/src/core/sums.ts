/** How much runs between modules: Σ|value| of the edges from each group of a layer to each group of another. */

import type { Groups } from "./groups";
import type { EdgeValues, Model } from "./model";

/** All edges from one group in one layer to one group in another; groups: −1 for vertices of none. */
export interface Bundle {
  /** Numbers of the layers. */
  source: number;
  target: number;
  from: number;
  to: number;
  edges: number;
  /** Σ|value| of the edges of either sign. */
  positive: number;
  negative: number;
}

export interface Sums {
  /** By pair of layers, then group by group; those without an edge are left out. */
  bundles: Bundle[];
  /** Of them all, and of those inside a module. */
  total: number;
  inside: number;
}

export interface Summing {
  /** Adds until `deadline` (of performance.now()); true: all edges are in. */
  step(deadline: number): boolean;
  /** null: not yet. */
  sums: Sums | null;
}

/** Edges between two looks at the clock. */
const BATCH = 20_000;

export const weightOf = ({ positive, negative }: Bundle): number => positive + negative;
export const isInside = ({ from, to }: Bundle): boolean => from >= 0 && from === to;

const known = new WeakMap<EdgeValues, Summing>();

/** The sums for these values: begun when first asked for, then kept. */
export function summing(model: Model, values: EdgeValues): Summing {
  let found = known.get(values);
  if (!found) known.set(values, (found = createSumming(model, model.groups!, values)));
  return found;
}

/** What is known of them by now. */
export const sumsOf = (values: EdgeValues): Sums | null => known.get(values)?.sums ?? null;

/** Three numbers a pair of groups: edges, Σ of positive, Σ of negative. */
const PARTS = 3;

export function createSumming(model: Model, groups: Groups, values: EdgeValues): Summing {
  const width = groups.count + 1;
  const pairs = new Map<string, Float64Array>();
  let [block, row] = [0, 0];

  function addRow(at: number): number {
    const which = model.blocks[block]!;
    const { indptr, indices, source, target } = which;
    const key = `${source.index} ${target.index}`;
    let sums = pairs.get(key);
    if (!sums) pairs.set(key, (sums = new Float64Array(PARTS * width * width)));
    const first = indptr ? indptr[at]! : at * which.cols;
    const stop = indptr ? indptr[at + 1]! : first + which.cols;
    const to = groups.of[target.start + at]! + 1;
    for (let place = first; place < stop; place++) {
      const edge = which.start + place;
      const size = Math.abs(values.value[edge]!);
      if (!(size > 0)) continue;
      const from = groups.of[source.start + (indices ? indices[place]! : place - first)]! + 1;
      const cell = PARTS * (from * width + to);
      sums[cell]!++;
      sums[cell + (values.sign(edge) < 0 ? 2 : 1)]! += size;
    }
    return stop - first;
  }

  function gathered(): Sums {
    const bundles: Bundle[] = [];
    for (const [key, sums] of pairs) {
      const [source, target] = key.split(" ").map(Number) as [number, number];
      for (let cell = 0; cell < width * width; cell++) {
        const [edges, positive, negative] = sums.subarray(PARTS * cell) as unknown as [
          number,
          number,
          number,
        ];
        if (!edges) continue;
        const [from, to] = [Math.floor(cell / width) - 1, (cell % width) - 1];
        bundles.push({ source, target, from, to, edges, positive, negative });
      }
    }
    const total = bundles.reduce((sum, bundle) => sum + weightOf(bundle), 0);
    const inside = bundles.filter(isInside).reduce((sum, bundle) => sum + weightOf(bundle), 0);
    return { bundles, total, inside };
  }

  const found: Summing = {
    sums: null,
    step(deadline) {
      if (found.sums) return true;
      let since = 0;
      for (; block < model.blocks.length; block++, row = 0)
        for (; row < model.blocks[block]!.rows; row++) {
          if (since > BATCH) {
            since = 0;
            if (performance.now() > deadline) return false;
          }
          since += addRow(row) + 1;
        }
      found.sums = gathered();
      return true;
    },
  };
  return found;
}
