import assert from "node:assert/strict";
import { test } from "node:test";
import { createModel } from "../src/core/network";
import { makePage } from "./make";
import { awkward, xor } from "./nets";
import { smallPage } from "./pages";

/** Ends of every edge, by the contract's words: blocks in order, dense row by row, sparse in CSR order. */
function ends(made: ReturnType<typeof awkward>): [number, number, number][] {
  const start = made.layers.reduce((all, layer) => [...all, all[all.length - 1] + layer.size], [0]);
  return made.blocks.flatMap((block) => {
    const cols = made.layers[block.source].size;
    return block.weights.flatMap((weight, at): [number, number, number][] =>
      block.layout === "csr" && weight === 0
        ? []
        : [[start[block.source] + (at % cols), start[block.target] + Math.floor(at / cols), weight]],
    );
  });
}

test("edges are numbered as the contract says", () => {
  for (const seed of [1, 2, 3]) {
    const made = awkward(seed);
    const model = createModel(makePage(made));
    const expected = ends(made);
    assert.equal(model.m, expected.length);
    expected.forEach(([source, target, weight], edge) => {
      assert.equal(model.source(edge), source);
      assert.equal(model.target(edge), target);
      assert.ok(Math.abs(model.weight(edge) - weight) <= Math.abs(weight) * 2 ** -11);
      const block = model.blockOf(edge);
      assert.ok(block.start <= edge && edge < block.stop);
      assert.equal(model.kind(edge), block.kind);
    });
    for (let vertex = 0; vertex < model.n; vertex++) {
      const edges = (end: 0 | 1): number[] =>
        expected.flatMap((e, edge) => (e[end] === vertex ? [edge] : []));
      assert.deepEqual(
        [...model.outward(vertex)].sort((a, b) => a - b),
        edges(0),
      );
      assert.deepEqual(
        [...model.inward(vertex)].sort((a, b) => a - b),
        edges(1),
      );
    }
  }
});

test("the vertices of a part keep the ids that they have in the whole", () => {
  const page = makePage(xor());
  page.layers[1]!.ids = ["hidden:17", "hidden:1"];
  const model = createModel(page);
  const first = model.layers[1]!.start;
  assert.deepEqual([model.id(first), model.id(first + 1)], ["hidden:17", "hidden:1"]);
  assert.deepEqual(["hidden:17", "hidden:1"].map(model.find), [first, first + 1]);
  // A place is no id here: it would be another vertex's.
  assert.equal(model.find(`${page.layers[1]!.name}:0`), -1);
  assert.deepEqual(model.search("hidden:17", 5), [first]);
});

test("an empty block in the middle and at the end hides no edge", () => {
  const made = xor();
  made.blocks.splice(1, 0, { source: 0, target: 2, weights: [0, 0], layout: "csr" });
  made.blocks.push({ source: 0, target: 2, weights: [0, 0], layout: "csr" });
  const model = createModel(makePage(made));
  assert.deepEqual(
    [4, 5].map((edge) => [model.source(edge), model.target(edge)]),
    [
      [2, 4],
      [3, 4],
    ],
  );
  assert.deepEqual([...model.outward(0)], [0, 2]);
  assert.equal(model.blockOf(5).index, 2);
});

test("ids carry the coordinates, and are found again", () => {
  const made = awkward(1);
  made.layers[3] = { ...made.layers[3], name: "conv:2", grid: [2, 1, 2] };
  const model = createModel(makePage(made));
  assert.equal(model.id(0), "left:0");
  assert.equal(model.id(6), "conv:2:0,0,0");
  assert.equal(model.id(9), "conv:2:1,0,1");
  for (let vertex = 0; vertex < model.n; vertex++) assert.equal(model.find(model.id(vertex)), vertex);
  for (const wrong of [
    "",
    "left",
    "left:",
    "left:3",
    "left:0,0",
    "left:-1",
    "left:1e0",
    "conv:2:0,1,0",
    "x:0",
  ])
    assert.equal(model.find(wrong), -1);
});

test("labels are names, and are searched with ids and layers", () => {
  const made = xor();
  made.layers[1].labels = ["Either", ""];
  const model = createModel(makePage(made));
  assert.equal(model.name(2), "Either");
  assert.equal(model.name(3), "hidden:1");
  assert.deepEqual(model.search("  EITHER ", 5), [2]);
  assert.deepEqual(model.search("hidden", 5), [2, 3]);
  assert.deepEqual(model.search("hidden:1", 5), [3]);
  assert.deepEqual(model.search("hid eith", 5), [2]);
  assert.deepEqual(model.search("put", 2), [0, 1]);
  assert.deepEqual(model.search("", 5), []);
  assert.deepEqual(model.search("nothing like it", 5), []);
});

test("the search puts what is meant exactly first", () => {
  const model = createModel(smallPage());
  assert.deepEqual(model.search("fc1:3", 3).map(model.id), ["fc1:3", "fc1:30", "fc1:31"]);
});

test("positions point down, modules are counted", () => {
  const page = smallPage();
  const model = createModel(page);
  const first = model.layers[0];
  assert.ok(model.y[first.start] < model.y[first.stop - 1], "the first row of an image stands on top");
  assert.deepEqual(model.groups!.names, ["module 0", "module 1", "module 2", "module 3"]);
  assert.equal(model.groups!.sizes.reduce((a, b) => a + b) + model.groups!.loose, model.n);
  assert.equal(createModel(makePage(xor())).groups, null);
});

test("softmax shares add up to 1 and survive large numbers", () => {
  const model = createModel(smallPage());
  const shares = model.shares(Float32Array.of(1000, 999, -1000));
  assert.ok(Math.abs(shares[0] - 1 / (1 + Math.exp(-1))) < 1e-6);
  assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 1) < 1e-6);
  assert.deepEqual([...model.shares(Float32Array.of(NaN, 1))], [0, 1]);
  const plain = createModel(makePage(xor()));
  assert.deepEqual([...plain.shares(Float32Array.of(3, -2))], [3, -2]);
});
