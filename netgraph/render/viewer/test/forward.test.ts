import assert from "node:assert/strict";
import { test } from "node:test";
import { activations, erf, secant } from "../src/core/activations";
import type { Reading } from "../src/core/model";
import { createModel } from "../src/core/network";
import { base64, floats, half } from "./encode";
import { makePage, type Made } from "./make";
import { pass, slopes } from "./referee";
import { awkward, xor } from "./nets";
import { madeMlp } from "./pages";

const at = [-4.2, -3.5, -2.1, -0.3, 0, 0.4, 1.7, 3.4, 7];
/** torch.nn.functional's values there (float64), and its derivative at 0. */
const torch: Record<string, number[]> = {
  relu: [0, 0, 0, 0, 0, 0.4, 1.7, 3.4, 7, 0],
  leaky_relu: [-0.042, -0.035, -0.021, -0.003, 0, 0.4, 1.7, 3.4, 7, 0.01],
  tanh: [
    -0.9995503665, -0.9981778976, -0.9704519366, -0.2913126125, 0, 0.3799489623, 0.9354090706, 0.9977749279,
    0.9999983369, 1,
  ],
  sigmoid: [
    0.01477403169, 0.02931223075, 0.1090968212, 0.4255574832, 0.5, 0.5986876601, 0.8455347349, 0.9677045353,
    0.9990889488, 0.25,
  ],
  gelu: [
    -5.605214587e-5, -0.0008142017766, -0.03751528318, -0.1146265733, 0, 0.2621686966, 1.624238713,
    3.39885444, 7, 0.5,
  ],
  silu: [
    -0.06205093311, -0.1025928076, -0.2291033245, -0.127667245, 0, 0.239475064, 1.437409049, 3.29019542,
    6.993622642, 0.5,
  ],
  mish: [
    -0.06250925357, -0.1040957545, -0.2415176217, -0.1511331771, 0, 0.2890305341, 1.620768074, 3.39291501,
    6.99998838, 0.6,
  ],
  elu: [-0.9850044232, -0.9698026166, -0.8775435717, -0.2591817793, 0, 0.4, 1.7, 3.4, 7, 1],
  celu: [-0.9850044232, -0.9698026166, -0.8775435717, -0.2591817793, 0, 0.4, 1.7, 3.4, 7, 1],
  selu: [
    -1.731735627, -1.705009341, -1.542808775, -0.4556673154, 0, 0.4202803949, 1.786191679, 3.572383357,
    7.354906911, 1.758099341,
  ],
  softplus: [
    0.01488425467, 0.02975041827, 0.1155195232, 0.5543552445, 0.6931471806, 0.9130152524, 1.867786029,
    3.43282847, 7.000911466, 0.5,
  ],
  hardtanh: [-1, -1, -1, -0.3, 0, 0.4, 1, 1, 1, 1],
  relu6: [0, 0, 0, 0, 0, 0.4, 1.7, 3.4, 6, 0],
  hardswish: [0, 0, -0.315, -0.135, 0, 0.2266666667, 1.331666667, 3.4, 7, 0.5],
  hardsigmoid: [0, 0, 0.15, 0.45, 0.5, 0.5666666667, 0.7833333333, 1, 1, 1 / 6],
  identity: [...at, 1],
};

test("activation functions are torch's", () => {
  for (const [name, expected] of Object.entries(torch)) {
    const [found] = activations(name);
    at.forEach((z, i) => assert.ok(Math.abs(found.of(z) - expected[i]) < 2e-9, `${name}(${z})`));
    assert.equal(found.atZero, found.of(0), name);
    assert.ok(Math.abs(secant(found, 0) - expected[9]) < 1e-6, name);
    for (const z of at) assert.ok(Math.abs(secant(found, z) * z + found.atZero - found.of(z)) < 1e-12, name);
    for (const z of [-800, 800, -1e-9, 1e-9]) assert.ok(Number.isFinite(secant(found, z)), name);
  }
  const tanhGelu = activations("gelu")[1];
  assert.ok(Math.abs(tanhGelu.of(-2.1) - -0.03733099504) < 2e-9);
  assert.equal(activations("hardtanh")[1].of(9), 6);
  assert.equal(activations("prelu", [0.3])[0].of(-2), -0.6);
  assert.deepEqual(activations("something_new"), []);
  assert.equal(activations(null)[0].of(-3), -3);
});

test("the error function is exact", () => {
  const expected = [
    -0.999999997144506, -0.999999256901628, -0.997020533343667, -0.328626759459127, 0, 0.428392355046668,
    0.983790458590775, 0.999998478006637, 1,
  ];
  at.forEach((z, i) => assert.ok(Math.abs(erf(z) - expected[i]) < 2e-15, `erf(${z})`));
  assert.ok(Math.abs(erf(2.9999999) - erf(3.0000001)) < 1e-10);
  assert.deepEqual([erf(Infinity), erf(-Infinity), erf(NaN)], [1, -1, NaN]);
});

const circuit = (lesioned: number[], more: Partial<Reading> = {}): Reading => ({
  view: "circuit",
  sample: 0,
  target: 0,
  lesioned: new Set(lesioned),
  ...more,
});

test("XOR without its second unit answers 2, without its first −2", () => {
  const model = createModel(makePage(xor()));
  assert.equal(model.data.lesions, true);
  assert.deepEqual([...model.outputs(0, new Set())], [0]);
  assert.deepEqual([...model.outputs(0, new Set([3]))], [2]);
  assert.deepEqual([...model.outputs(0, new Set([2]))], [-2]);
  // Without x2: h1 = 1, h2 = relu(0) = 0.
  assert.deepEqual([...model.outputs(0, new Set([1]))], [1]);
  assert.equal(model.activation(3, circuit([1])), 0);
  assert.equal(model.activation(1, circuit([1])), 0);
  assert.equal(model.paths(circuit([3]), 9, false).total, 2);
  assert.deepEqual(
    model.paths(circuit([3]), 9, false).paths.map((path) => path.vertices),
    [
      [0, 2, 4],
      [1, 2, 4],
    ],
  );
});

/** The same by the plain forward pass. */
function direct(made: Made, sample: number, held: number[], target: number) {
  const passed = pass(made, sample, new Set(held));
  const first = passed.z.length - made.layers[made.layers.length - 1].size;
  return { passed, delta: slopes(made, passed, first + target), first };
}

test("lesions are what the forward pass computed directly gives, with skips, constants and every function", () => {
  const nets: [Made, number[][]][] = [
    [madeMlp([16, 12, 8, 5], 2), [[16], [20, 21, 30], [0, 5], [16, 17, 18, 19, 28, 29]]],
    ...[1, 2, 3, 4, 6].map((seed): [Made, number[][]] => [
      awkward(seed),
      [[6], [11], [13], [7, 12], [1, 3], [5]],
    ]),
  ];
  for (const [made, lesions] of nets) {
    const model = createModel(makePage(made));
    assert.equal(model.data.lesions, true);
    for (const held of lesions)
      for (const sample of [0, 1]) {
        const { passed, delta, first } = direct(made, sample, held, 1);
        const [z, a] = [passed.z[first + 1], passed.activation[first + 1]];
        // Where a sigmoid follows, the target is its value.
        const exit = a === z ? 1 : (a - 0.5) / z;
        const reading = circuit(held, { sample, target: 1 });
        const near = (got: number, expected: number): void =>
          assert.ok(
            Math.abs(got - expected) < 1e-5 * Math.max(1, Math.abs(expected)),
            `${got}, not ${expected}`,
          );
        model.outputs(sample, new Set(held)).forEach((value, c) => near(value, passed.activation[first + c]));
        for (let v = 0; v < model.n; v++) near(model.activation(v, reading), passed.activation[v]);
        const { value } = model.values(reading);
        value.forEach((got, edge) => {
          const block = model.blockOf(edge);
          const [col, row] = [
            model.source(edge) - block.source.start,
            model.target(edge) - block.target.start,
          ];
          const w = passed.weight[block.index][row * block.cols + col];
          near(got, w * passed.read[block.index][col] * delta[model.target(edge)] * exit);
        });
        assert.ok(model.conservation(reading) < 1e-5);
      }
  }
});

test("a lesion of nothing gives the network's own outputs, to the bit", () => {
  const model = createModel(makePage(madeMlp([16, 12, 8, 5], 1)));
  // A vertex that is 0 already, and one whose lesion has no way to the outputs.
  const silent = [...model.samples[0].activation.keys()].find(
    (v) => v >= 16 && v < 36 && model.activation(v, circuit([])) === 0,
  )!;
  assert.deepEqual(model.outputs(0, new Set([silent])), model.samples[0].outputs);
});

test("a leaky slope is read from the gates", () => {
  const made = xor();
  made.samples!.push({ inputs: [-1, 0.5] });
  const page = makePage({ ...made, layers: made.layers.map((l) => ({ ...l, activation: null })) });
  page.layers[1].activation = "leaky_relu";
  // z = (−0.5, −1.5) at the second sample, slope 0.2: h = (−0.1, −0.3), y = 0.5.
  const second = page.samples[1];
  second.gates[1] = floats([0.2, 0.2]);
  second.outputs = floats([0.5]);
  second.preactivation = floats([-1, 0.5, -0.5, -1.5, 0.5]);
  second.activation = floats([-1, 0.5, -0.1, -0.3, 0.5]);
  const model = createModel(page);
  assert.equal(model.data.lesions, true);
  assert.ok(Math.abs(model.outputs(1, new Set([2]))[0] - 0.6) < 1e-6);
  // Without x2: z = (−1, −2), h = (−0.2, −0.4), y = 0.6.
  assert.ok(Math.abs(model.outputs(1, new Set([1]))[0] - 0.6) < 1e-6);
  // At the first sample all is open; without both inputs h2 = 0.2 · (−1).
  assert.ok(Math.abs(model.outputs(0, new Set([0, 1]))[0] - 0.4) < 1e-6);
});

test("where a forward pass would not be exact there are no lesions", () => {
  const page = makePage(xor());
  const off = (change: (copy: typeof page) => void): void => {
    const copy = structuredClone(page);
    change(copy);
    const model = createModel(copy);
    assert.equal(model.data.lesions, false);
    assert.deepEqual([...model.outputs(0, new Set([3]))], [...model.samples[0].outputs]);
    assert.equal(model.values(circuit([3])).value[4], model.values(circuit([])).value[4]);
  };
  off((copy) => (copy.lesions = false));
  // Gates that neither the function nor the identity gives, though the values agree: h = (1, 0.7), y = −0.4.
  off((copy) => {
    copy.samples[0].gates[1] = floats([0.5, 0.7]);
    copy.samples[0].preactivation = floats([1, 1, 2, 1, -0.4]);
    copy.samples[0].outputs = floats([-0.4]);
  });
  // A weight that does not give the outputs.
  off((copy) => (copy.blocks[0].weight = half([3, 1, 1, 1])));
  off((copy) => {
    copy.layers[1].activation = "something_new";
    copy.samples[0].gates[1] = floats([0.5, 1]);
  });
  // Weights of this input alone: a maximum would choose anew.
  off((copy) => (copy.samples[0].weights[0] = half([1, 1, 1, 1])));
  off((copy) => (copy.samples[0].outputs = base64(Float32Array.of(5))));
  off((copy) => (copy.output = -1));
});
