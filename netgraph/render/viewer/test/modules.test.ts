import assert from "node:assert/strict";
import { test } from "node:test";
import { groupsOf } from "../src/core/groups";
import type { Model } from "../src/core/model";
import { createModel } from "../src/core/network";
import { entering, held, leaving, partOf, ribbonKey, touching } from "../src/core/parts";
import { type Bundle, createSumming, isInside, summing, sumsOf, weightOf } from "../src/core/sums";
import { gather } from "../src/draw/gather";
import { outline, type Ribbon, ribbonsOf } from "../src/draw/ribbons";
import { alongBars, alongRibbon, partTold } from "../src/ui/modules";
import { initialState } from "../src/ui/address";
import { readingOf } from "../src/ui/reading";
import type { Page } from "../src/ui/actions";
import { makePage, type MadeBlock } from "./make";

/** Deterministic, and of both signs. */
const wave = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, at) => (((at * 37 + seed * 11) % 29) - 14) / 7);

const SIZES = [7, 9, 6];
/** Of no module are two; module 3 has none in the last layer, and there is no module 2. */
const MODULES = [0, 0, 1, 1, 3, 3, -1, 0, 1, 1, 1, 3, 3, 0, -1, 5, 0, 0, 1, 1, 5, 5];

/** Three layers; a list of edges and a skip beside the dense blocks, and a second block between the same layers. */
function made(modules = MODULES, groups?: string[]): Model {
  const dense = (source: number, target: number, seed: number): MadeBlock => ({
    source,
    target,
    weights: wave(SIZES[source]! * SIZES[target]!, seed),
  });
  const thin = wave(SIZES[1]! * SIZES[2]!, 5).map((w) => (w > 0.5 ? w : 0));
  return createModel({
    ...makePage({
      layers: SIZES.map((size, at) => ({ name: `l${at}`, size })),
      blocks: [
        dense(0, 1, 1),
        { source: 1, target: 2, weights: thin, layout: "csr" },
        dense(0, 2, 3),
        dense(1, 2, 7),
      ],
      modules,
      ...(groups ? { groups } : {}),
    }),
    theme: "light",
  });
}

function sums(model: Model) {
  const values = model.values(readingOf(initialState(model)));
  const work = summing(model, values);
  while (!work.step(-1));
  return { values, sums: work.sums! };
}

test("groups are numbered in the order of their numbers; what has none is counted", () => {
  const { groups } = made();
  assert.deepEqual(groups!.numbers, [0, 1, 3, 5]);
  assert.deepEqual(groups!.names, ["module 0", "module 1", "module 3", "module 5"]);
  assert.deepEqual([...groups!.sizes], [6, 7, 4, 3]);
  assert.equal(groups!.loose, 2);
  assert.deepEqual([...groups!.of.subarray(0, 7)], [0, 0, 1, 1, 2, 2, -1]);
  const named = groupsOf({ count: 3, groups: ["a", "b"] }, Int16Array.of(1, -1, 0));
  assert.deepEqual(
    [named.names, [...named.of]],
    [
      ["a", "b"],
      [1, -1, 0],
    ],
  );
  assert.equal(groupsOf({ count: 2, groups: null }, Int16Array.of(-1, -1)).drawable, false);
  assert.equal(
    groupsOf(
      { count: 501, groups: null },
      Int16Array.from({ length: 501 }, (_, at) => at),
    ).drawable,
    false,
  );
});

test("sums between groups are those of every single edge, in whatever slices", () => {
  const model = made();
  const { values, sums: found } = sums(model);
  const expected = new Map<string, { edges: number; positive: number; negative: number }>();
  for (let edge = 0; edge < model.m; edge++) {
    const [source, target] = [model.source(edge), model.target(edge)];
    const value = values.value[edge]!;
    if (value === 0) continue;
    const key =
      `${model.layerOf(source).index}:${model.groups!.of[source]}.` +
      `${model.layerOf(target).index}:${model.groups!.of[target]}`;
    const cell = expected.get(key) ?? { edges: 0, positive: 0, negative: 0 };
    cell.edges++;
    cell[value < 0 ? "negative" : "positive"] += Math.abs(value);
    expected.set(key, cell);
  }
  assert.equal(found.bundles.length, expected.size);
  for (const bundle of found.bundles) {
    const cell = expected.get(ribbonKey(bundle))!;
    assert.equal(bundle.edges, cell.edges);
    assert.ok(Math.abs(bundle.positive - cell.positive) < 1e-9);
    assert.ok(Math.abs(bundle.negative - cell.negative) < 1e-9);
  }
  assert.ok(Math.abs(found.total - values.mass) < 1e-6 * values.mass);
  const inside = found.bundles.filter((b) => b.from === b.to && b.from >= 0);
  assert.ok(Math.abs(found.inside - inside.reduce((sum, b) => sum + weightOf(b), 0)) < 1e-9);
  const whole = createSumming(model, model.groups!, values);
  assert.equal(whole.sums, null);
  assert.ok(whole.step(Infinity));
  assert.deepEqual(whole.sums, found);
  assert.equal(sumsOf(values), found);
});

test("slices end when their time is over", () => {
  const size = 200;
  const weights = new Array<number>(size * size).fill(1);
  const layers = [0, 1, 2].map((at) => ({ name: `l${at}`, size }));
  const blocks = [0, 1].map((at) => ({ source: at, target: at + 1, weights }));
  const modules = Array.from({ length: 600 }, (_, v) => v % 2);
  const model = createModel({ ...makePage({ layers, blocks, modules }), theme: "light" });
  const work = createSumming(model, model.groups!, model.values(readingOf(initialState(model))));
  let slices = 1;
  while (!work.step(-1)) slices++;
  assert.equal(slices, 4);
  assert.deepEqual(work.sums!.bundles.map(weightOf), new Array(8).fill(10_000));
  assert.equal(work.sums!.inside, work.sums!.total / 2);
});

test("parts have names that an address can hold; what this graph has not is none", () => {
  const model = made();
  assert.deepEqual(partOf(model, "0:2"), { bar: { layer: 0, group: 2 }, to: null });
  assert.deepEqual(partOf(model, "0:-1.2:3"), { bar: { layer: 0, group: -1 }, to: { layer: 2, group: 3 } });
  for (const key of [
    null,
    "",
    "0",
    "0:3",
    "9:0",
    "2:2",
    "1:0.0:0",
    "0:0.2:2",
    "0:0.1:9",
    "0:x",
    "0:0.1:0.2:0",
  ])
    assert.equal(partOf(model, key), null, String(key));
});

test("what enters, leaves and touches adds up", () => {
  const model = made();
  const { sums: found } = sums(model);
  const all = (bundles: readonly Bundle[]): number => held(bundles).all;
  const bars = [0, 1, 2].flatMap((layer) => [-1, 0, 1, 2, 3].map((group) => ({ layer, group })));
  const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-9, `${a} ${b}`);
  near(
    bars.reduce((sum, bar) => sum + all(entering(found, bar)), 0),
    found.total,
  );
  near(
    bars.reduce((sum, bar) => sum + all(leaving(found, bar)), 0),
    found.total,
  );
  for (const group of [0, 1, 2, 3]) {
    const mine = touching(found, group);
    near(held(mine).inside, all(found.bundles.filter((b) => isInside(b) && b.from === group)));
    const ends = bars.filter((bar) => bar.group === group);
    const both = ends.reduce((sum, bar) => sum + all(entering(found, bar)) + all(leaving(found, bar)), 0);
    near(all(mine) + held(mine).inside, both);
  }
});

test("bars are as high as their modules are large, and fill their layer", () => {
  const model = made();
  const place = gather(model, model.groups!, 1.6);
  assert.deepEqual(
    place.bars!.map(({ layer, group, size }) => [layer, group, size].join()),
    [
      "0,0,2",
      "0,1,2",
      "0,2,2",
      "0,-1,1",
      "1,0,2",
      "1,1,3",
      "1,2,2",
      "1,3,1",
      "1,-1,1",
      "2,0,2",
      "2,1,2",
      "2,3,2",
    ],
  );
  for (const { index } of model.layers) {
    const bars = place.bars!.filter(({ layer }) => layer === index);
    const box = place.boxes[index]!;
    for (const bar of bars)
      assert.ok(Math.abs(bar.height / bar.size - bars[0]!.height / bars[0]!.size) < 1e-6);
    assert.ok(Math.abs(bars[0]!.y - box.y) < 1e-6);
    assert.ok(Math.abs(bars.at(-1)!.y + bars.at(-1)!.height - box.y - box.height) < 1e-6);
    bars.slice(1).forEach((bar, at) => assert.ok(bar.y > bars[at]!.y + bars[at]!.height));
  }
  assert.ok(Math.abs(place.width / place.height - 1.6) < 1e-6);
  for (let vertex = 0; vertex < model.n; vertex++) {
    const { index } = model.layerOf(vertex);
    const bar = place.bars!.find(
      ({ layer, group }) => layer === index && group === model.groups!.of[vertex],
    )!;
    assert.ok(place.x[vertex]! > bar.x && place.x[vertex]! < bar.x + bar.width);
    assert.ok(place.y[vertex]! > bar.y && place.y[vertex]! < bar.y + bar.height);
  }
});

function ribbons(model: Model, signs = { positive: true, negative: true }) {
  const place = gather(model, model.groups!, 1.6);
  return { place, found: ribbonsOf(model, place, sums(model).sums, signs) };
}

test("ribbons are as wide as what they carry, between any two layers on one scale", () => {
  const model = made();
  const { found } = ribbons(model);
  assert.equal(found.length, sums(model).sums.bundles.length);
  const scale = new Map<string, number>();
  for (const { bundle, half, group } of found) {
    const pair = `${bundle.source} ${bundle.target}`;
    const mine = half / weightOf(bundle);
    assert.ok(Math.abs(mine / (scale.get(pair) ?? mine) - 1) < 1e-9);
    scale.set(pair, mine);
    assert.equal(group, bundle.from === bundle.to ? bundle.from : -1);
  }
  assert.equal(scale.size, 3);
  const inside = found.map(({ group }) => group >= 0);
  assert.deepEqual(
    inside,
    [...inside].sort((a, b) => Number(a) - Number(b)),
    "inside ones lie on top",
  );
});

test("signs that are switched off leave ribbons narrower, by what they carried", () => {
  const model = made();
  const both = new Map(ribbons(model).found.map((ribbon) => [ribbon.key, ribbon]));
  for (const { key, half, bundle } of ribbons(model, { positive: true, negative: false }).found)
    assert.ok(Math.abs(half / both.get(key)!.half - bundle.positive / weightOf(bundle)) < 1e-9);
  assert.deepEqual(ribbons(model, { positive: false, negative: false }).found, []);
});

test("ribbons end side by side within their bars, and arcs within their band", () => {
  const { place, found } = ribbons(made());
  const within = (bars: "source" | "target", side: 0 | 1): void => {
    for (const bar of place.bars!) {
      const ends = found.filter((ribbon) => ribbon[bars] === bar).map(({ ends }) => ends[side]);
      ends.sort((a, b) => a.y - b.y);
      let from = bar.y - 1e-6;
      for (const { y, half } of ends) {
        assert.ok(y - half >= from - 1e-6);
        from = y + half;
      }
      assert.ok(from <= bar.y + bar.height + 1e-6);
    }
  };
  within("source", 0);
  within("target", 1);
  const arcs = found.filter(({ route }) => route.arc);
  assert.ok(arcs.length > 5);
  for (const { route, level, half } of arcs) {
    assert.ok(level - half >= route.arc!.level - 1e-6);
    assert.ok(level + half <= route.arc!.level + route.arc!.band + 1e-6);
  }
});

test("a ribbon's outline has its width at the middle", () => {
  const { found } = ribbons(made());
  const plain = { toX: (x: number) => x, toY: (y: number) => y };
  const straight = found.filter(({ route }) => !route.arc);
  assert.ok(straight.length > 10);
  for (const ribbon of straight) {
    const points: [number, number][] = [];
    const pen = {
      moveTo: (x: number, y: number) => void points.push([x, y]),
      lineTo: (x: number, y: number) => void points.push([x, y]),
      bezierCurveTo: (_a: number, _b: number, _c: number, _d: number, x: number, y: number) =>
        void points.push([x, y]),
    };
    outline(pen, ribbon, plain);
    const [[x0, above], [xm, top], [x1], [,], [xn, bottom], [xe, below]] = points as [number, number][] as [
      [number, number],
      [number, number],
      [number, number],
      [number, number],
      [number, number],
      [number, number],
    ];
    assert.deepEqual([x0, x1], [ribbon.source.x + ribbon.source.width, ribbon.target.x]);
    assert.deepEqual([xm, xe], [xn, x0]);
    assert.ok(Math.abs(bottom - top - 2 * ribbon.half) < 1e-6);
    assert.ok(Math.abs(below - above - 2 * ribbon.ends[0].half) < 1e-6);
  }
});

test("a part is told with its numbers", () => {
  const model = made();
  const { sums: found } = sums(model);
  const state = initialState(model);
  assert.equal(state.colour, "module");
  const ribbon: Ribbon = ribbons(model).found.at(-1)!;
  const { bundle } = ribbon;
  const pair = found.bundles.filter((b) => b.source === bundle.source && b.target === bundle.target);
  const share = Math.round((100 * weightOf(bundle)) / pair.reduce((sum, b) => sum + weightOf(b), 0));
  const [name, weight, part] = partTold(model, state, ribbon.key);
  assert.equal(name, `module ${model.groups!.numbers[bundle.from]}, l${bundle.source} → l${bundle.target}`);
  assert.ok(weight!.endsWith(` on ${bundle.edges} edges`));
  assert.equal(part, `${share} % of all between the two layers`);
  const [bar, size, into] = partTold(model, state, "2:1");
  assert.deepEqual([bar, size], ["module 1 in l2", "2 of 6 vertices (33 %)"]);
  assert.match(into!, /^Σ\|weight\| in [\d.]+, \d+ % inside the module$/);
  assert.equal(partTold(model, state, "0:-1")[0], "no module in l0");
  assert.equal(partTold(made(MODULES, ["a", "b", "", "c", "", "d"]), state, "0:2")[0], "c in l0");
});

test("keys walk along the bars of a layer, and along the widest ribbon", () => {
  const model = made();
  const { sums: found } = sums(model);
  let picked: string | null = null;
  const said: string[] = [];
  const page = {
    model,
    store: {
      get state() {
        return { ...initialState(model), ribbons: true, picked };
      },
    },
    act: { pick: (part: string | null) => (picked = part), announce: (text: string) => said.push(text) },
  } as unknown as Page;
  const seen = [1, 1, 1, -1, 1, 1, 1].map((step) => (alongBars(page, step as 1 | -1), picked));
  assert.deepEqual(seen, ["0:0", "0:1", "0:2", "0:1", "0:2", "0:-1", "0:-1"]);
  picked = "0:0";
  alongRibbon(page, true);
  const most = Math.max(...leaving(found, { layer: 0, group: 0 }).map(weightOf));
  assert.equal(weightOf(found.bundles.find((b) => ribbonKey(b) === picked)!), most);
  const { to } = partOf(model, picked)!;
  alongRibbon(page, true);
  assert.equal(picked, `${to!.layer}:${to!.group}`);
  picked = "0:0";
  alongRibbon(page, false);
  assert.equal(picked, "0:0");
  assert.match(said[0]!, /^no ribbon leads to module 0 in l0/);
});
