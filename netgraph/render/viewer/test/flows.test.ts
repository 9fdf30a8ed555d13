import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reading } from "../src/core/model";
import { createModel } from "../src/core/network";
import { base64, floats, half } from "./encode";
import type { State } from "../src/core/state";
import { aimOf } from "../src/ui/reading";
import { makePage } from "./make";
import { lateConstants, pass, slopes } from "./referee";
import { awkward, xor } from "./nets";
import { madeMlp, random, smallPage } from "./pages";

const none: ReadonlySet<number> = new Set();
const reading = (more: Partial<Reading> = {}): Reading => ({
  view: "circuit",
  sample: 0,
  target: 0,
  lesioned: none,
  ...more,
});
const close = (got: number, expected: number, tolerance = 1e-5): void =>
  assert.ok(
    Math.abs(got - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${got}, not ${expected}`,
  );

test("XOR's edges carry what is worked by hand", () => {
  const model = createModel(makePage(xor()));
  assert.deepEqual([...model.values(reading({ view: "network" })).value], [1, 1, 1, 1, 1, -2]);
  assert.deepEqual([...model.values(reading({ view: "input" })).value], [1, 1, 1, 1, 2, -2]);
  // z = (2, 1), both gates 1, slopes (1, −2).
  const circuit = model.values(reading());
  assert.deepEqual([...circuit.value], [1, 1, -2, -2, 2, -2]);
  assert.deepEqual([...circuit.order], [2, 3, 4, 5, 0, 1]);
  assert.deepEqual([circuit.mass, circuit.largest, circuit.known], [10, 2, true]);
  assert.deepEqual(
    [0, 1, 4, 6, 99, -3, NaN].map((k) => circuit.share(k)),
    [0, 0.2, 0.8, 1, 1, 0, 0],
  );
  assert.deepEqual(
    [0, 2].map((edge) => circuit.sign(edge)),
    [1, -1],
  );
  assert.equal(model.flow(2, reading()), 2);
  assert.equal(model.flow(3, reading()), -2);
  assert.equal(model.conservation(reading()), 0);
});

test("where a ReLU is closed nothing flows", () => {
  const model = createModel(makePage(xor(1, 0)));
  assert.deepEqual(
    Array.from(model.values(reading()).value, (value) => value + 0),
    [1, 0, 0, 0, 1, 0],
  );
  assert.deepEqual([...model.values(reading()).order], [0, 4]);
});

test("values are weight · read · slope, with skips, sparse and double blocks, constants, weights of the sample", () => {
  for (let seed = 1; seed <= 6; seed++)
    for (const sample of [0, 1])
      for (const target of [0, 2]) {
        const made = awkward(seed, seed > 3);
        const passed = pass(made, sample);
        const model = createModel(makePage(made));
        const output = 15;
        const scale = passed.activation[output + target] === passed.z[output + target] ? 1 : 0;
        // Where a sigmoid follows, the target is its value: (σ(z) − ½) / z of every flow.
        const exit = scale || (passed.activation[output + target] - 0.5) / passed.z[output + target];
        const delta = slopes(made, passed, output + target);
        const late = lateConstants(made, passed, delta);
        const input = model.values(reading({ view: "input", sample, target }));
        const circuit = model.values(reading({ sample, target }));
        let mass = 0;
        for (let edge = 0; edge < model.m; edge++) {
          const block = model.blockOf(edge);
          const col = model.source(edge) - block.source.start;
          const row = model.target(edge) - block.target.start;
          const weight = passed.weight[block.index][row * block.cols + col];
          const read = passed.read[block.index][col];
          close(input.value[edge], weight * read);
          close(circuit.value[edge], weight * read * delta[model.target(edge)] * exit);
          mass += Math.abs(circuit.value[edge]);
        }
        close(circuit.mass, mass);
        for (let v = 0; v < model.n; v++)
          close(model.flow(v, reading({ sample, target })), (passed.z[v] * delta[v] + late[v]) * exit);
      }
});

test("what flows in flows out, with biases and constants, to float32's rounding", () => {
  for (let seed = 1; seed <= 6; seed++) {
    const model = createModel(makePage(awkward(seed, seed > 3)));
    for (const view of ["circuit", "input"] as const)
      assert.ok(model.conservation(reading({ view, target: 1 })) <= 1e-6);
  }
  const model = createModel(smallPage());
  for (let sample = 0; sample < 4; sample++)
    for (let target = 0; target < 10; target++)
      assert.ok(model.conservation(reading({ sample, target })) <= 1e-6);
});

test("one changed weight breaks the conservation", () => {
  const made = madeMlp([16, 8, 8, 3], 1);
  const page = makePage(made);
  made.blocks[0].weights[made.samples![0].inputs.findIndex((value) => value > 0)] += 2;
  page.blocks[0] = makePage(made).blocks[0];
  assert.ok(createModel(page).conservation(reading({ view: "input" })) > 1e-3);
});

test("a page without samples has weights alone", () => {
  const { samples: _, ...rest } = xor();
  const model = createModel(makePage(rest));
  assert.equal(model.values(reading({ view: "network" })).mass, 7);
  assert.equal(model.values(reading()).known, false);
  assert.equal(model.values(reading()).order.length, 0);
  assert.equal(model.data.lesions, false);
  for (const number of [
    model.conservation(reading()),
    model.flow(2, reading()),
    model.activation(2, reading()),
  ])
    assert.ok(Number.isNaN(number));
  assert.equal(model.outputs(0, none).length, 1);
  assert.equal(model.paths(reading(), 5, false).paths.length, 0);
});

test("norms are coloured by the sign of their taps' sum", () => {
  const made = xor();
  made.blocks[0].sign = [1, -1, 0, 1];
  const model = createModel(makePage(made));
  assert.deepEqual([0, 1, 2, 3, 5].map(model.values(reading({ view: "network" })).sign), [1, -1, 0, 1, -1]);
  assert.deepEqual([0, 1, 2].map(model.values(reading()).sign), [1, 1, -1]);
});

test("what flows add up to is the output, or what the frame says", () => {
  const page = makePage({ ...madeMlp([9, 4, 3], 2), flows: "framed", frames: [0, 2] });
  const frame = page.samples[0]!.frames[1]!;
  Object.assign(frame, { of: "centred logit 2", value: 16.36 });
  const model = createModel(page);
  const lesioned = new Set<number>();
  const at = (target: number) => aimOf(model, { sample: 0, target, lesioned } as unknown as State);
  assert.deepEqual(at(2), { value: 16.36, name: "centred logit 2" });
  assert.equal(at(0).value, model.samples[0]!.outputs[0]);
});

test("all edges of a whole graph hold all of it, however its weights were rounded", () => {
  const made = madeMlp([9, 7, 3], 2);
  const page = makePage(made);
  for (const block of page.blocks) block.mass *= 1.0005;
  const values = createModel(page).values({ view: "network", sample: 0, target: 0, lesioned: new Set() });
  assert.equal(values.share(values.order.length), 1);
});

test("framed pages show the frames they have", () => {
  const made = awkward(2);
  const whole = createModel(makePage(made));
  const framed = createModel(makePage({ ...made, flows: "framed", frames: [0, 2] }));
  for (const target of [0, 2])
    for (const view of ["circuit", "input"] as const) {
      const [a, b] = [whole, framed].map((model) => model.values(reading({ view, target })));
      a.value.forEach((value, edge) => close(b.value[edge], value, 2e-3));
      close(b.mass, a.mass, 1e-3);
      close(framed.flow(7, reading({ target })), whole.flow(7, reading({ target })));
      assert.ok(framed.conservation(reading({ target })) <= 1e-3);
    }
  const missing = framed.values(reading({ target: 1 }));
  assert.deepEqual([missing.known, missing.mass, missing.largest, missing.order.length], [false, 0, 0, 0]);
  assert.ok(Number.isNaN(framed.flow(7, reading({ target: 1 }))));
  assert.equal(framed.values(reading({ view: "input", target: 1 })).known, true);
  assert.equal(framed.data.lesions, false);
});

test("edges that were not kept are 0, but count in the mass", () => {
  const made: Parameters<typeof makePage>[0] = { ...madeMlp([16, 8, 3], 1), flows: "framed", frames: [1] };
  const [all, kept] = [makePage(made), makePage({ ...made, keep: 5 })].map((page) =>
    createModel(page).values(reading({ target: 1 })),
  );
  const ofFirst = all.order.filter((edge) => edge < 16 * 8).length;
  const expected = Math.min(5, ofFirst) + Math.min(5, all.order.length - ofFirst);
  assert.equal(kept.order.length, expected);
  kept.order.forEach((edge) => close(kept.value[edge], all.value[edge], 1e-3));
  close(kept.mass, all.mass, 1e-3);
  close(
    kept.share(kept.order.length),
    kept.order.reduce((sum, e) => sum + Math.abs(kept.value[e]), 0) / kept.mass,
  );
  assert.ok(ofFirst > 5 && kept.share(10) < 1);
});

test("cut graphs: the mass is that of the real graph", () => {
  const page = makePage(madeMlp([16, 8, 3], 0));
  page.blocks[0].mass *= 2;
  page.blocks[0].edges = 1000;
  const model = createModel(page);
  const weights = model.values(reading({ view: "network" }));
  close(weights.mass, page.blocks[0].mass + page.blocks[1].mass);
  assert.deepEqual(
    model.blocks.map((block) => block.whole),
    [false, true],
  );
  assert.ok(Number.isNaN(model.paths(reading({ view: "network" }), 3, false).coverage));
});

test("what is no number disturbs nothing", () => {
  const page = smallPage();
  const sample = page.samples[0];
  const broken = Float32Array.from({ length: page.count }, (_, v) => (v % 5 ? 1 : NaN));
  sample.preactivation = base64(broken);
  sample.bias = floats([...broken].map((v) => 1 / (v - 1)));
  sample.activation = base64(broken);
  sample.outputs = floats(new Array(10).fill(NaN));
  page.blocks[0].weight = half(new Array(64 * 32).fill(0).map((_, i) => (i % 3 ? Infinity : NaN)));
  const model = createModel(page);
  for (const view of ["circuit", "input", "network", "matrix"] as const) {
    const values = model.values(reading({ view }));
    assert.ok(
      values.value.every(Number.isFinite) && Number.isFinite(values.mass) && Number.isFinite(values.share(9)),
    );
    for (const path of model.paths(reading({ view }), 10, false).paths)
      assert.ok(Number.isFinite(path.value));
  }
  for (let vertex = 0; vertex < model.n; vertex += 7)
    for (const picture of model.pictures(vertex, reading())) assert.ok(picture.data.every(Number.isFinite));
  assert.ok(model.shares(model.outputs(0, none)).every(Number.isFinite));
});

test("readings are kept, and a page of any size gives the same twice", () => {
  const [a, b] = [createModel(smallPage()), createModel(smallPage())];
  assert.equal(a.values(reading()), a.values(reading({ lesioned: new Set() })));
  assert.equal(
    a.values(reading({ view: "network" })),
    a.values(reading({ view: "matrix", sample: 3, target: 7 })),
  );
  const next = random(3);
  for (let i = 0; i < 30; i++) {
    const any = reading({ sample: Math.floor(next() * 4), target: Math.floor(next() * 10) });
    assert.deepEqual(a.values(any).value, b.values(any).value);
    assert.deepEqual(a.values(any).order, b.values(any).order);
  }
});
