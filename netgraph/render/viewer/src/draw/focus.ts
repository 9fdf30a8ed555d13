/** What stays bright while a vertex is in focus: its strongest edges, and where they come from and lead to. */

import type { EdgeValues, Model } from "../core/model";
import type { State } from "../core/state";

export interface Trace {
  /** Edges, and how many steps away from the vertex they lie. */
  edges: { edge: number; steps: number }[];
  vertices: Set<number>;
  /** Largest |value| among them. */
  largest: number;
}

/** Edges that are followed from a vertex, by steps from the focus. */
const BEAM = [12, 5, 3, 2];
/** Steps that are followed: in a deep network the trace would end up everywhere. */
const STEPS = 12;
/** Vertices that are followed in each step: fewer the further away, or a wide network would take too long. */
const WIDEST = [60, 40, 24, 16];

const nth = (list: readonly number[], step: number): number => list[Math.min(step, list.length - 1)]!;

/** The strongest edges on the way to the inputs and on the way to the outputs. */
export function traceOf(model: Model, values: EdgeValues, focus: number, state: Readonly<State>): Trace {
  const steps = new Map<number, number>();
  const vertices = new Set([focus]);
  for (const inward of [true, false]) {
    let front = [focus];
    for (let step = 0; front.length && step < STEPS; step++) {
      const reached = new Map<number, number>();
      for (const vertex of front)
        for (const edge of known(model, values, vertex, inward, state).slice(0, nth(BEAM, step))) {
          if (!steps.has(edge)) steps.set(edge, step);
          const other = inward ? model.source(edge) : model.target(edge);
          vertices.add(other);
          reached.set(other, Math.max(reached.get(other) ?? 0, Math.abs(values.value[edge]!)));
        }
      const ranked = [...reached].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
      front = ranked.slice(0, nth(WIDEST, step)).map(([vertex]) => vertex);
    }
  }
  return gather(
    [...steps].map(([edge, step]) => ({ edge, steps: step })),
    vertices,
    values,
  );
}

/** A path, or any other edges, as a trace. */
export function traceOfEdges(model: Model, values: EdgeValues, edges: readonly number[]): Trace {
  const vertices = new Set(edges.flatMap((edge) => [model.source(edge), model.target(edge)]));
  return gather(
    edges.map((edge) => ({ edge, steps: 0 })),
    vertices,
    values,
  );
}

function gather(edges: Trace["edges"], vertices: Set<number>, values: EdgeValues): Trace {
  const size = (edge: number): number => Math.abs(values.value[edge]!);
  let largest = 0;
  for (const { edge } of edges) largest = Math.max(largest, size(edge));
  // Weak and far ones first, so that the strong ones lie on top.
  edges.sort((a, b) => b.steps - a.steps || size(a.edge) - size(b.edge) || b.edge - a.edge);
  return { edges, vertices, largest };
}

/** Lists of the last values: as the pointer moves on, most vertices on the way are met again. */
const lists = new WeakMap<EdgeValues, Map<string, number[]>>();

function known(
  model: Model,
  values: EdgeValues,
  vertex: number,
  inward: boolean,
  state: Readonly<State>,
): number[] {
  let mine = lists.get(values);
  if (!mine) lists.set(values, (mine = new Map()));
  const key = `${vertex}|${inward}|${state.positive}|${state.negative}`;
  let list = mine.get(key);
  if (!list) mine.set(key, (list = strongest(model, values, vertex, inward, nth(BEAM, 0), state)));
  return list;
}

function strongest(
  model: Model,
  values: EdgeValues,
  vertex: number,
  inward: boolean,
  count: number,
  { positive, negative }: Readonly<State>,
): number[] {
  const size = (edge: number): number => Math.abs(values.value[edge]!);
  const all = inward ? model.inward(vertex) : model.outward(vertex);
  const best: number[] = [];
  for (const edge of all) {
    const mine = size(edge);
    if (!(mine > 0)) continue;
    if (best.length === count && mine <= size(best[count - 1]!)) continue;
    if (!(values.sign(edge) < 0 ? negative : positive)) continue;
    // Few are kept, so they are inserted where they belong.
    let at = Math.min(best.length, count - 1);
    for (; at > 0 && size(best[at - 1]!) < mine; at--) best[at] = best[at - 1]!;
    best[at] = edge;
  }
  return best;
}
