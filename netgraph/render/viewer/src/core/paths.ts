/**
 * The k best paths into a vertex, exactly.
 *
 * A sweep over the blocks, layer by layer, finds the best that can reach each vertex from the start. Walking back from
 * the end, that is an exact bound on what each unfinished path can still become: a best-first search with it never
 * looks at a path that is not among the best. Each vertex offers its edges one at a time, best first.
 */

import { Heap } from "./heap";
import type { Block, Path } from "./model";
import { Options } from "./options";
import type { Wiring } from "./wiring";

/** The quantities along paths. "product": values multiply; "flow": the smallest counts, as in a pipe. */
export interface Course {
  wiring: Wiring;
  rule: "product" | "flow";
  /** By block and edge. */
  weight: Float32Array[];
  /** By block and column: what passes a vertex between two edges, and what a path that starts there carries. */
  pass: (block: Block) => Float64Array | null;
  read: (block: Block) => Float64Array | null;
  /** By vertex: 1 where paths start. */
  starts: Uint8Array;
  end: number;
  /** What the path's value is multiplied by at its end. */
  factor: number;
  /** Paths are summed over their first vertex: they begin at the second. */
  grouped: boolean;
  /** Edges of a smaller |weight| are passed over; none is, where this is left out. */
  least?: number;
}

/** Sums over all paths at once. */
export type Sums = Record<"signed" | "absolute", number>;

/** For every vertex, over all paths that end there: the best |value|, the sum, and the sum of |values|. */
interface Reach {
  best: Float64Array;
  signed: Float64Array;
  absolute: Float64Array;
  /** Grouped: what all starts bring to a vertex by one edge. */
  begin: Float64Array | null;
  /** By block, once its source layer is done. */
  columns: (Columns | undefined)[];
}

const at = (values: Float64Array | null, i: number): number => (values ? values[i] : 1);

/** What a block's columns can bring, by column: the best, the sum and the sum of absolutes over all paths. */
interface Columns {
  best: Float64Array;
  signed: Float64Array;
  absolute: Float64Array;
  alive: boolean;
}

function columnsOf(course: Course, reach: Reach, block: Block): Columns {
  const known = reach.columns[block.index];
  if (known) return known;
  const { cols, source } = block;
  const [best, signed, absolute] = [new Float64Array(cols), new Float64Array(cols), new Float64Array(cols)];
  const pass = course.pass(block);
  const read = course.read(block);
  let alive = false;
  for (let i = 0, v = source.start; i < cols; i++, v++) {
    if (course.starts[v]) {
      if (course.grouped) continue;
      signed[i] = at(read, i);
      absolute[i] = Math.abs(signed[i]);
      best[i] = course.rule === "flow" ? Infinity : absolute[i];
    } else {
      const gate = at(pass, i);
      signed[i] = gate * reach.signed[v];
      absolute[i] = Math.abs(gate) * reach.absolute[v];
      best[i] = course.rule === "flow" ? reach.best[v] : Math.abs(gate) * reach.best[v];
    }
    if (best[i] > 0) alive = true;
  }
  return (reach.columns[block.index] = { best, signed, absolute, alive });
}

function sweep(course: Course): Reach {
  const { wiring, rule, starts } = course;
  const count = starts.length;
  const flow = rule === "flow";
  const reach: Reach = {
    best: new Float64Array(count),
    signed: new Float64Array(count),
    absolute: new Float64Array(count),
    begin: course.grouped ? new Float64Array(count) : null,
    columns: [],
  };
  const least = course.least ?? 0;
  const last = wiring.layerOf(course.end).index;
  for (const layer of wiring.layers) {
    if (layer.index > last) break;
    for (const block of wiring.into[layer.index]) {
      if (block.source.index >= layer.index) continue;
      if (reach.begin) gather(course, block, reach.begin);
      const { best, signed, absolute, alive } = columnsOf(course, reach, block);
      if (!alive) continue;
      const weight = course.weight[block.index];
      const { rows, cols, indptr, indices } = block;
      for (let row = 0, v = layer.start; row < rows; row++, v++) {
        let [most, sum, total] = [reach.best[v], 0, 0];
        const stop = indptr ? indptr[row + 1] : (row + 1) * cols;
        for (let e = indptr ? indptr[row] : row * cols, i = 0; e < stop; e++, i++) {
          const col = indices ? indices[e] : i;
          const w = weight[e];
          const size = w < 0 ? -w : w;
          if (size < least) continue;
          const limit = best[col];
          const reached = flow ? (size < limit ? size : limit) : size * limit;
          if (reached > most) most = reached;
          sum += w * signed[col];
          total += size * absolute[col];
        }
        reach.best[v] = most;
        reach.signed[v] += sum;
        reach.absolute[v] += total;
      }
    }
    if (reach.begin)
      for (let v = layer.start; v < layer.stop; v++) {
        const size = Math.abs(reach.begin[v]);
        if (size < least) continue;
        if (size > reach.best[v]) reach.best[v] = size;
        reach.signed[v] += reach.begin[v];
        reach.absolute[v] += size;
      }
  }
  return reach;
}

/** Adds what the starts bring to each vertex over this block. */
function gather(course: Course, block: Block, begin: Float64Array): void {
  const { rows, cols, indptr, indices, source, target } = block;
  const read = course.read(block);
  const weight = course.weight[block.index];
  for (let row = 0; row < rows; row++) {
    const stop = indptr ? indptr[row + 1] : (row + 1) * cols;
    for (let e = indptr ? indptr[row] : row * cols; e < stop; e++) {
      const col = indices ? indices[e] : e - row * cols;
      if (course.starts[source.start + col]) begin[target.start + row] += weight[e] * at(read, col);
    }
  }
}

/** The part of a path that is known: from `vertex` on to the end. */
interface Tail {
  vertex: number;
  /** Edge out of `vertex`; −1 at the end. */
  edge: number;
  next: Tail | null;
  /** Product (or smallest) of what lies behind. */
  factor: number;
  length: number;
}

interface Candidate {
  size: number;
  tail: Tail;
  /** Which of the options of the tail's vertex. */
  option: number;
  serial: number;
}

/** The ways to reach a vertex, best first: edges into it, or (−1) what starts bring to it. */
function waysInto(course: Course, reach: Reach, vertex: number): Options {
  const layer = course.wiring.layerOf(vertex);
  const blocks = course.wiring.into[layer.index].filter((block) => block.source.index < layer.index);
  const row = vertex - layer.start;
  const widest = blocks.reduce((sum, b) => sum + (b.indptr ? b.indptr[row + 1] - b.indptr[row] : b.cols), 1);
  const sizes = new Float64Array(widest);
  const edges = new Float64Array(widest);
  let count = 0;
  const least = course.least ?? 0;
  if (reach.begin && reach.begin[vertex] !== 0 && Math.abs(reach.begin[vertex]) >= least) {
    sizes[count] = Math.abs(reach.begin[vertex]);
    edges[count++] = -1;
  }
  for (const block of blocks) {
    const { cols, indptr, indices, start } = block;
    const weight = course.weight[block.index];
    const { best } = columnsOf(course, reach, block);
    const stop = indptr ? indptr[row + 1] : (row + 1) * cols;
    for (let e = indptr ? indptr[row] : row * cols; e < stop; e++) {
      const col = indices ? indices[e] : e - row * cols;
      const size =
        course.rule === "flow" ? Math.min(Math.abs(weight[e]), best[col]) : Math.abs(weight[e]) * best[col];
      if (!(size > 0) || Math.abs(weight[e]) < least) continue;
      sizes[count] = size;
      edges[count++] = start + e;
    }
  }
  return new Options(sizes, edges, count);
}

/** Value of a whole path, multiplied from its start: the same number however it was found. */
function valueOf(course: Course, reach: Reach, vertices: number[], edges: number[]): number {
  const { wiring, rule } = course;
  let value = reach.begin ? reach.begin[vertices[0]] : rule === "flow" ? Infinity : 1;
  edges.forEach((edge, step) => {
    const block = wiring.blockOf(edge);
    const weight = course.weight[block.index][edge - block.start];
    if (rule === "flow") {
      if (Math.abs(weight) < Math.abs(value)) value = weight;
      return;
    }
    const first = step === 0 && !reach.begin;
    value *=
      at(first ? course.read(block) : course.pass(block), vertices[step] - block.source.start) * weight;
  });
  return rule === "flow" ? value : value * course.factor;
}

/** By falling |value|, equals by their vertices and edges. */
export function compare(a: Path, b: Path): number {
  const difference = Math.abs(b.value) - Math.abs(a.value);
  if (difference) return difference;
  const length = Math.min(a.vertices.length, b.vertices.length);
  for (let i = 0; i < length; i++) if (a.vertices[i] !== b.vertices[i]) return a.vertices[i] - b.vertices[i];
  for (let i = 0; i < Math.min(a.edges.length, b.edges.length); i++)
    if (a.edges[i] !== b.edges[i]) return a.edges[i] - b.edges[i];
  return a.vertices.length - b.vertices.length;
}

/** What a search found; `value` tells what any path is worth by either rule. */
export interface Found {
  paths: Path[];
  sums: Sums;
  value(path: Path, rule: Course["rule"]): number;
}

/** The `count` best paths by |value|, equals by their vertices, and the sums over all paths. */
export function search(course: Course, count: number): Found {
  const { wiring, rule, end } = course;
  const reach = sweep(course);
  const flow = rule === "flow";
  const ways = new Map<number, Options>();
  // Among equals the longer tail first, so that a path is finished before its equals are begun.
  const queue = new Heap<Candidate>(
    (a, b) =>
      a.size > b.size ||
      (a.size === b.size &&
        (a.tail.length > b.tail.length || (a.tail.length === b.tail.length && a.serial < b.serial))),
  );
  let serial = 0;
  const offer = (tail: Tail, index: number): void => {
    let mine = ways.get(tail.vertex);
    if (!mine) ways.set(tail.vertex, (mine = waysInto(course, reach, tail.vertex)));
    const size = flow ? Math.min(tail.factor, mine.size(index)) : Math.abs(tail.factor) * mine.size(index);
    if (size > 0) queue.push({ size, tail, option: index, serial: serial++ });
  };
  const paths: Path[] = [];
  const finish = (tail: Tail): void => {
    const vertices: number[] = [];
    const edges: number[] = [];
    for (let here: Tail | null = tail; here; here = here.next) {
      vertices.push(here.vertex);
      if (here.next) edges.push(here.edge);
    }
    paths.push({ vertices, edges, value: valueOf(course, reach, vertices, edges), share: NaN });
  };
  if (!course.starts[end])
    offer({ vertex: end, edge: -1, next: null, factor: flow ? Infinity : course.factor, length: 0 }, 0);
  while (paths.length < count) {
    const candidate = queue.pop();
    if (!candidate) break;
    const { tail } = candidate;
    const edge = ways.get(tail.vertex)!.item(candidate.option);
    offer(tail, candidate.option + 1);
    if (edge < 0) {
      finish(tail);
      continue;
    }
    const block = wiring.blockOf(edge);
    const weight = course.weight[block.index][edge - block.start];
    const vertex = wiring.source(edge);
    const col = vertex - block.source.start;
    const starting = course.starts[vertex] === 1;
    const passed = starting ? 1 : at(course.pass(block), col);
    const factor = flow ? Math.min(tail.factor, Math.abs(weight)) : tail.factor * weight * passed;
    const longer: Tail = { vertex, edge, next: tail, factor, length: tail.length + 1 };
    if (starting) finish(longer);
    else offer(longer, 0);
  }
  paths.sort(compare);
  return {
    paths,
    sums: {
      signed: reach.signed[end] * course.factor,
      absolute: reach.absolute[end] * Math.abs(course.factor),
    },
    value: ({ vertices, edges }, rule) => valueOf({ ...course, rule }, reach, vertices, edges),
  };
}
