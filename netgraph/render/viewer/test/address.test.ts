import assert from "node:assert/strict";
import { test } from "node:test";
import { createModel } from "../src/core/network";
import type { State } from "../src/core/state";
import { hashOf, initialState, parse, startingTarget } from "../src/ui/address";
import { csv } from "../src/ui/save";
import { readingOf, shownEdges, targetsOf, viewsOf } from "../src/ui/reading";
import { makePage } from "./make";
import { madeMlp, smallPage } from "./pages";

const model = createModel({ ...smallPage(), theme: "dark" });
const initial = initialState(model);
const read = (hash: string): State => ({ ...initial, ...parse(model, hash, initial) });

test("an untouched page has no address of its own", () => {
  assert.equal(hashOf(model, initial, initial), "");
  assert.deepEqual(parse(model, "", initial), {});
  assert.equal(initial.view, "circuit");
  assert.equal(initial.top, 600);
  assert.equal(initial.target, model.samples[0].prediction);
});

test("whatever a reader does comes back from the address", () => {
  const state: State = {
    ...initial,
    view: "network",
    sample: 2,
    target: (startingTarget(model, 2) + 1) % 10,
    top: 123,
    positive: false,
    density: false,
    colour: "module",
    ribbons: true,
    isolated: 2,
    picked: `1:${model.groups!.of[model.layers[1].start]}`,
    theme: "light",
    selected: model.find("fc1:7"),
    second: model.find("input:3,4"),
    grouped: true,
    folded: new Set([1, 2]),
    lesioned: new Set([model.find("fc1:3"), model.find("fc2:9")]),
    block: 1,
    camera: { x: 300, y: -200.5, zoom: 1.75 },
  };
  assert.deepEqual(read(hashOf(model, state, initial)), state);
  for (const signs of [
    { positive: true, negative: false },
    { positive: false, negative: false },
  ])
    assert.deepEqual(read(hashOf(model, { ...initial, ...signs }, initial)), { ...initial, ...signs });
});

test("what an address cannot mean is passed over", () => {
  for (const hash of [
    "#view=nonsense&sample=4&class=10&top=-3&signs=up&colour=red&theme=blue&block=99",
    "#id=nobody&to=fc1:1&without=fc9:1&fold=fc9&camera=NaN,1,1&camera=1,2",
    "#camera=1,2,0&top=1e9&sample=0x1&class=1.5&sample=",
    "#%E0%A4%A&&&==&id=%",
    "#to=fc1:1",
    "#ribbons=maybe&only=99&part=9:0&part=0:0.1",
  ])
    assert.deepEqual(read(hash), initial, hash);
  assert.equal(read("#id=fc1:1&to=fc1:1").second, null);
});

test("a page without samples shows weights, all of them up to 2,000", () => {
  const { samples: _, ...made } = madeMlp([9, 4, 3], 1);
  const plain = createModel({ ...makePage(made), theme: "dark" });
  assert.deepEqual(viewsOf(plain), ["network", "matrix"]);
  assert.equal(initialState(plain).top, 48);
  assert.deepEqual(parse(plain, "#view=circuit&sample=0&without=fc1:1", initialState(plain)), {});
});

test("a framed page offers the classes that came with it", () => {
  const framed = createModel({
    ...makePage({ ...madeMlp([9, 4, 3], 2), flows: "framed", frames: [0, 2] }),
    theme: "dark",
  });
  assert.deepEqual(targetsOf(framed, 0), [0, 2]);
  assert.ok([0, 2].includes(initialState(framed).target));
  assert.equal(parse(framed, "#class=1", initialState(framed)).target, undefined);
});

test("the matrix shows weights unless the address says what else", () => {
  const found = parse(model, "#view=matrix&block=1&of=circuit", initial);
  assert.deepEqual([found.view, found.block, found.matrixOf], ["matrix", 1, "circuit"]);
  for (const wrong of ["matrix", "", "weights"])
    assert.equal(parse(model, `#of=${wrong}`, initial).matrixOf, undefined);
  const state = { ...initial, view: "matrix" as const, matrixOf: "input" as const };
  assert.match(hashOf(model, state, initial), /of=input/);
  assert.equal(readingOf(state).view, "input");
  assert.equal(readingOf({ ...state, view: "circuit" }).view, "circuit");
});

test("the CSV holds the edges that are seen, strongest first", () => {
  const state = { ...initial, top: 40, negative: false };
  const values = model.values(readingOf(state));
  const rows = csv(model, state).trimEnd().split("\r\n");
  const positive = [...values.order.subarray(0, 40)].filter((edge) => values.sign(edge) > 0);
  assert.equal(rows[0], "source,target,value,weight,kind");
  assert.equal(rows.length, positive.length + 1);
  assert.deepEqual([...shownEdges(model, values, state)], positive);
  const sizes = rows.slice(1).map((row) => Number(row.split(",").at(-3)));
  assert.ok(sizes.every((size, at) => size > 0 && (at === 0 || size <= sizes[at - 1])));
  const first = positive[0];
  assert.ok(rows[1].includes(model.id(model.target(first))));
  assert.ok(rows[1].endsWith(`,${values.value[first]},${model.weight(first)},linear`));
});
