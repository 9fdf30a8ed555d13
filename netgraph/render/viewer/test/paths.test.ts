import assert from "node:assert/strict";
import { test } from "node:test";
import type { Model, Path, PathList, Reading } from "../src/core/model";
import { createModel } from "../src/core/network";
import { makePage, type Made } from "./make";
import { type Passed, pass, slopes } from "./referee";
import { awkward, xor } from "./nets";
import { madeMlp } from "./pages";

const reading = (more: Partial<Reading> = {}): Reading => ({
  view: "circuit",
  sample: 0,
  target: 0,
  lesioned: new Set(),
  ...more,
});
const near = (got: number, expected: number, tolerance = 1e-5): void =>
  assert.ok(
    Math.abs(got - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${got}, not ${expected}`,
  );

type Walk = Pick<Path, "vertices" | "edges" | "value">;

/** Every walk from the start vertices to the end, back from the end; null: products of weights alone. */
function walks(model: Model, passed: Passed | null, starts: Set<number>, end: number): Walk[] {
  const found: Walk[] = [];
  const back = (vertex: number, vertices: number[], edges: number[], product: number): void => {
    for (const edge of model.inward(vertex)) {
      const source = model.source(edge);
      const block = model.blockOf(edge);
      const [col, row] = [source - block.source.start, vertex - block.target.start];
      const weight = passed ? passed.weight[block.index][row * block.cols + col] : model.weight(edge);
      const walk = { vertices: [source, ...vertices], edges: [edge, ...edges] };
      if (starts.has(source))
        found.push({ ...walk, value: product * weight * (passed?.read[block.index][col] ?? 1) });
      else back(source, walk.vertices, walk.edges, product * weight * (passed?.gate[block.index][col] ?? 1));
    }
  };
  back(end, [end], [], 1);
  return found.filter((walk) => walk.value !== 0).sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
}

const absolute = (list: { value: number }[]): number =>
  list.reduce((sum, { value }) => sum + Math.abs(value), 0);
const signed = (list: { value: number }[]): number => list.reduce((sum, { value }) => sum + value, 0);

/** The list is the best of the walks, path by path. */
function same(list: PathList, expected: Walk[], count: number): void {
  assert.equal(list.paths.length, Math.min(count, expected.length));
  const values = new Map(expected.map((walk) => [walk.edges.join(), walk.value]));
  list.paths.forEach((path, rank) => {
    near(Math.abs(path.value), Math.abs(expected[rank].value));
    near(path.value, values.get(path.edges.join())!);
    near(path.share, Math.abs(path.value) / absolute(expected), 1e-6);
  });
  assert.equal(new Set(list.paths.map((path) => path.edges.join())).size, list.paths.length);
  near(list.total, signed(expected));
  near(list.coverage, absolute(expected.slice(0, count)) / absolute(expected), 1e-6);
}

test("XOR at (1, 1): paths +1, +1, −2, −2 and the bias path +2 make 0", () => {
  const model = createModel(makePage(xor()));
  const list = model.paths(reading(), 10, false);
  assert.deepEqual(
    list.paths.map(({ vertices, value }) => ({ vertices, value })),
    [
      { vertices: [0, 3, 4], value: -2 },
      { vertices: [1, 3, 4], value: -2 },
      { vertices: [0, 2, 4], value: 1 },
      { vertices: [1, 2, 4], value: 1 },
    ],
  );
  assert.deepEqual(
    list.paths.map(({ edges }) => edges),
    [
      [2, 5],
      [3, 5],
      [0, 4],
      [1, 4],
    ],
  );
  assert.deepEqual([list.rule, list.coverage, list.total, list.constant], ["product", 1, -2, 2]);
  assert.deepEqual(
    list.paths.map(({ share }) => share),
    [2 / 6, 2 / 6, 1 / 6, 1 / 6],
  );
  near(list.total + list.constant, model.outputs(0, new Set())[0]);

  const grouped = model.paths(reading(), 10, true);
  assert.deepEqual(
    grouped.paths.map(({ vertices, edges, value }) => ({ vertices, edges, value })),
    [
      { vertices: [3, 4], edges: [5], value: -4 },
      { vertices: [2, 4], edges: [4], value: 2 },
    ],
  );
  assert.deepEqual([grouped.coverage, grouped.total, grouped.constant], [1, -2, 2]);

  assert.deepEqual(model.paths(reading(), 1, false).paths[0].vertices, [0, 3, 4]);
  near(model.paths(reading(), 1, false).coverage, 2 / 6);
});

test("the k best of small awkward networks are those that trying all finds", () => {
  for (let seed = 1; seed <= 8; seed++)
    for (const sample of [0, 1]) {
      const made = awkward(seed, seed > 4);
      const passed = pass(made, sample);
      const model = createModel(makePage(made));
      const target = seed % 3;
      const end = 15 + target;
      const z = passed.z[end];
      const exit = passed.activation[end] === z ? 1 : (passed.activation[end] - 0.5) / z;
      const all = walks(model, passed, new Set([0, 1, 2, 3, 4]), end).map((w) => ({
        ...w,
        value: w.value * exit,
      }));
      // The constant vertex's walks are no paths from the inputs, and never passed through.
      const inputs = all.filter((walk) => walk.vertices[0] !== 5);
      for (const count of [1, 7, 40, 1e4])
        same(model.paths(reading({ sample, target }), count, false), inputs, count);
      const list = model.paths(reading({ sample, target }), 3, false);
      near(list.total + list.constant, passed.activation[end]);
    }
});

test("grouped: routes without their first vertex, summed over it", () => {
  for (let seed = 1; seed <= 6; seed++) {
    const made = awkward(seed);
    const model = createModel(makePage(made));
    const exit = seed % 2 ? (pass(made, 0).activation[15] - 0.5) / pass(made, 0).z[15] : 1;
    const routes = new Map<string, Walk>();
    for (const walk of walks(model, pass(made, 0), new Set([0, 1, 2, 3, 4]), 15)) {
      const [vertices, edges] = [walk.vertices.slice(1), walk.edges.slice(1)];
      const route = routes.get(edges.join()) ?? { vertices, edges, value: 0 };
      // Routes without further edges end at the target itself.
      routes.set(edges.join(), { ...route, value: route.value + walk.value * exit });
    }
    const expected = [...routes.values()].sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
    for (const count of [1, 5, 1000]) same(model.paths(reading(), count, true), expected, count);
    for (const path of model.paths(reading(), 5, true).paths) assert.ok(path.vertices[0] > 5);
  }
});

test("in the network view products of weights count", () => {
  const made = awkward(3);
  const model = createModel(makePage(made));
  const expected = walks(model, null, new Set([0, 1, 2, 3, 4]), 17);
  for (const count of [1, 20, 1e4])
    same(model.paths(reading({ view: "network", target: 2 }), count, false), expected, count);
});

test("between two vertices, in either order, one edge is worth what the view shows of it", () => {
  for (const view of ["circuit", "input", "network"] as const) {
    const made = awkward(6);
    const passed = pass(made, 0);
    const model = createModel(makePage(made));
    const delta = slopes(made, passed, 15);
    const factor = view === "circuit" ? delta[14] : 1;
    assert.ok(factor !== 0);
    const expected = walks(model, view === "network" ? null : passed, new Set([1]), 14).map((walk) => ({
      ...walk,
      value: walk.value * factor,
    }));
    same(model.between(1, 14, reading({ view }), 6), expected, 6);
    assert.deepEqual(model.between(14, 1, reading({ view }), 6), model.between(1, 14, reading({ view }), 6));
    const { value } = model.values(reading({ view }));
    const edge = model
      .inward(14)
      .find((e) => model.layerOf(model.source(e)).name === "h1" && value[e] !== 0)!;
    const direct = model.between(model.source(edge), 14, reading({ view }), 99).paths;
    near(direct.find(({ edges }) => edges.join() === String(edge))!.value, value[edge]);
    assert.equal(model.between(6, 7, reading({ view }), 6).paths.length, 0);
  }
});

test("the sum of all paths through an edge is its attribution", () => {
  const made = madeMlp([9, 5, 4, 3], 1);
  const model = createModel(makePage(made));
  const { value } = model.values(reading({ target: 2 }));
  const sums = new Float64Array(model.m);
  for (const path of model.paths(reading({ target: 2 }), 1e5, false).paths)
    for (const edge of path.edges) sums[edge] += path.value;
  // First edges carry paths from inputs alone; later ones carry biases too.
  for (let edge = 0; edge < model.blocks[0].stop; edge++) near(sums[edge], value[edge]);
});

test("equals come by their vertices", () => {
  const made: Made = {
    layers: [
      { name: "input", size: 3 },
      { name: "hidden", size: 3, bias: [0, 0, 0] },
      { name: "output", size: 1 },
    ],
    blocks: [
      { source: 0, target: 1, weights: new Array<number>(9).fill(1) },
      { source: 1, target: 2, weights: [1, -1, 1] },
    ],
    samples: [{ inputs: [1, 1, 1] }],
  };
  const model = createModel(makePage(made));
  const all = [0, 1, 2].flatMap((i) => [3, 4, 5].map((h) => [i, h, 6]));
  assert.deepEqual(
    model.paths(reading(), 99, false).paths.map(({ vertices }) => vertices),
    all,
  );
  const cut = (count: number): Path[] => model.paths(reading(), count, false).paths;
  assert.deepEqual(cut(4).length, 4);
  assert.deepEqual(cut(4), cut(4));
});

test("of paths through one narrow place, the widest elsewhere come first", () => {
  for (const grouped of [false, true])
    for (const seed of [2, 5]) {
      const made = awkward(seed);
      const model = createModel(makePage({ ...made, flows: "framed", frames: [1] }));
      const asked = reading({ target: 1 });
      const { value } = model.values(asked);
      const every = model.paths(asked, 1e5, grouped).paths;
      const first = (path: Path): number =>
        grouped
          ? [...model.inward(path.vertices[0])]
              .filter((edge) => model.source(edge) <= 4)
              .reduce((sum, edge) => sum + value[edge], 0)
          : Infinity;
      const product = (path: Path): number =>
        path.edges.reduce((all, edge) => all * Math.abs(value[edge]), grouped ? Math.abs(first(path)) : 1);
      const largest = 2 ** Math.ceil(Math.log2(value.reduce((most, v) => Math.max(most, Math.abs(v)), 0)));
      const share = (path: Path): number => product(path) / largest ** (path.edges.length + Number(grouped));
      const sorted = [...every].sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || share(b) - share(a));
      const told = (paths: Path[]): number[][] => paths.map((p) => [Math.abs(p.value), share(p)]);
      const ties = every.filter((path, at) => at && path.value === every[at - 1].value).length;
      assert.ok(ties > 5, `${ties} ties`);
      for (const count of [1, 2, 3, 7, 20, every.length]) {
        const got = told(model.paths(asked, count, grouped).paths);
        const wanted = told(sorted.slice(0, count));
        assert.equal(got.length, wanted.length);
        got.forEach(([width, all], at) => {
          assert.equal(width, wanted[at][0]);
          near(all / wanted[at][1], 1);
        });
      }
    }
});

test("framed pages rank by the narrowest place on the way", () => {
  const made = awkward(2);
  const model = createModel(makePage({ ...made, flows: "framed", frames: [1] }));
  const { value } = model.values(reading({ target: 1 }));
  const widths = walks(model, null, new Set([0, 1, 2, 3, 4]), 16)
    .map((walk) => Math.min(...walk.edges.map((edge) => Math.abs(value[edge]))))
    .filter((width) => width > 0)
    .sort((a, b) => b - a);
  for (const count of [1, 10, 1e4]) {
    const list = model.paths(reading({ target: 1 }), count, false);
    assert.deepEqual(
      list.paths.map((path) => Math.abs(path.value)),
      widths.slice(0, count),
    );
    for (const path of list.paths) {
      const narrowest = Math.min(...path.edges.map((edge) => Math.abs(value[edge])));
      assert.equal(Math.abs(path.value), narrowest);
      assert.ok(Number.isNaN(path.share));
    }
    assert.equal(list.rule, "flow");
    assert.ok(Number.isNaN(list.coverage));
    near(list.total + list.constant, pass(made, 0).z[16]);
  }
  assert.equal(model.paths(reading({ target: 0 }), 5, false).paths.length, 0);
  assert.equal(model.between(0, 16, reading({ target: 1 }), 3).rule, "flow");
  assert.ok(model.paths(reading({ target: 1 }), 5, true).paths.every((path) => path.vertices[0] > 5));
});
