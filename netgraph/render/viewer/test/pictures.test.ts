import assert from "node:assert/strict";
import { test } from "node:test";
import type { Picture, Reading } from "../src/core/model";
import { createModel } from "../src/core/network";
import { base64, floats } from "./encode";
import { makePage, type Made } from "./make";
import { pass, slopes } from "./referee";
import { madeMlp } from "./pages";

const reading = (more: Partial<Reading> = {}): Reading => ({
  view: "circuit",
  sample: 0,
  target: 0,
  lesioned: new Set(),
  ...more,
});
const near = (got: ArrayLike<number>, expected: number[]): void => {
  assert.equal(got.length, expected.length);
  expected.forEach((value, i) => assert.ok(Math.abs(got[i] - value) < 1e-5, `${i}: ${got[i]}, not ${value}`));
};
const scaled = (values: number[]): number[] => {
  const largest = Math.max(...values.map(Math.abs));
  return values.map((value) => (largest ? value / largest : 0));
};

test("a unit's picture is the exact gradient at this input", () => {
  const made = madeMlp([16, 12, 8, 5], 2);
  const model = createModel(makePage(made));
  for (const sample of [0, 1])
    for (const vertex of [16, 30, 37, 40]) {
      const [picture] = model.pictures(vertex, reading({ sample }));
      near(picture.data, scaled(slopes(made, pass(made, sample), vertex).slice(0, 16)));
      assert.deepEqual([picture.width, picture.height, picture.kind], [4, 4, "signed"]);
      assert.equal(picture.caption, "gradient of this unit at this input");
    }
  // What is lesioned passes nothing on.
  const held = new Set([16, 17, 18, 19]);
  near(
    model.pictures(30, reading({ lesioned: held }))[0].data,
    scaled(slopes(made, pass(made, 0, held), 30).slice(0, 16)),
  );
});

test("in the network view the first layer shows its weights, deeper ones nothing", () => {
  const made = madeMlp([16, 12, 8, 5], 1);
  const model = createModel(makePage(made));
  const [picture] = model.pictures(19, reading({ view: "network" }));
  near(picture.data, scaled(pass(made, 0).weight[0].slice(48, 64)));
  assert.equal(picture.caption, "weights");
  assert.deepEqual(model.pictures(30, reading({ view: "network" })), []);
});

test("a pixel shows its value, an image of colours the sum over them", () => {
  const made = madeMlp([16, 3], 1);
  made.layers[0].grid = [2, 2, 4];
  const page = makePage(made);
  const model = createModel(page);
  const inputs = made.samples![0].inputs;
  const brightest = inputs.indexOf(Math.max(...inputs));
  const [pixel] = model.pictures(brightest, reading());
  const [y, x] = [Math.floor((brightest % 8) / 4), brightest % 4];
  assert.deepEqual(
    [pixel.kind, [...pixel.data], pixel.caption],
    ["plain", [1], `pixel in row ${y}, column ${x}`],
  );
  const [sum] = model.pictures(17, reading());
  const own = pass(made, 0).weight[0].slice(16, 32);
  assert.deepEqual([sum.width, sum.height], [4, 2]);
  near(sum.data, scaled(own.slice(0, 8).map((weight, i) => weight + own[8 + i])));
  assert.equal(sum.caption, "gradient of this unit at this input, channels summed");
});

test("pixels in a row make the picture that they are placed in", () => {
  const made = madeMlp([16, 3], 1);
  made.layers[0].grid = [2, 8];
  const page = makePage(made);
  page.layers[0].grid = [16];
  const [picture] = createModel(page).pictures(17, reading());
  assert.deepEqual([picture.width, picture.height], [8, 2]);
  near(picture.data, scaled(pass(made, 0).weight[0].slice(16, 32)));
  // Placed otherwise they are no picture.
  page.x = floats(Array.from({ length: 19 }, (_, i) => i * i * 10));
  assert.deepEqual(
    createModel(page)
      .pictures(17, reading())
      .map(({ width }) => width),
    [16],
  );
  page.x = floats(Array.from({ length: 19 }, (_, i) => (i % 5) * 10));
  assert.deepEqual(createModel(page).pictures(17, reading()), []);
});

/** One input channel, two channels of 2 × 2 kernels, one unit. */
const convolution: Made = {
  layers: [
    { name: "input", size: 1, shape: [1, 3, 3] },
    { name: "conv", size: 2, shape: [2, 2, 2], kind: "conv", activation: "relu" },
    { name: "fc", size: 1 },
  ],
  blocks: [
    {
      source: 0,
      target: 1,
      weights: [10, 4],
      kind: "conv",
      sign: [-1, 1],
      kernels: { data: [1, -2, 3, -4, 1, 1, 1, 127], scale: 1, height: 2, width: 2 },
    },
    { source: 1, target: 2, weights: [1, 1] },
  ],
  samples: [
    {
      inputs: [0.5],
      picture: {
        width: 3,
        height: 3,
        channels: 1,
        data: base64(Uint8Array.of(0, 51, 255, 0, 0, 0, 0, 0, 102)),
      },
      maps: [
        {
          layer: 1,
          width: 2,
          height: 2,
          low: 0,
          high: 9,
          data: base64(Uint8Array.of(0, 255, 51, 0, 1, 2, 3, 255)),
        },
      ],
    },
  ],
  flows: "framed",
  frames: [0],
};

test("kernels from red, green and blue are one picture in these colours, grey where they are 0", () => {
  const model = createModel(
    makePage({
      layers: [
        { name: "input", size: 3, shape: [3, 2, 2] },
        { name: "conv", size: 2, shape: [2, 2, 2], kind: "conv" },
      ],
      blocks: [
        {
          source: 0,
          target: 1,
          weights: [1, 1, 1, 1, 1, 1],
          kind: "conv",
          kernels: {
            data: [...[100, 0], ...[50, 0], ...[-100, 0], ...[1, 0], ...[0, 1], ...[0, 0]],
            scale: 1,
            height: 1,
            width: 2,
          },
        },
      ],
    }),
  );
  const [first, second] = [3, 4].map((vertex) => model.pictures(vertex, reading({ view: "network" }))[0]!);
  assert.deepEqual([first!.kind, first!.width, first!.height], ["colour", 2, 1]);
  near(first!.data, [1, 0.75, 0, 0.5, 0.5, 0.5]);
  near(second!.data, [1, 0.5, 0.5, 0.5, 1, 0.5]);
});

test("a channel shows its feature map, then its kernels", () => {
  const model = createModel(makePage(convolution));
  const [map, kernel, ...more] = model.pictures(1, reading());
  assert.deepEqual([map.kind, map.caption, map.width, map.height], ["plain", "feature map", 2, 2]);
  near(map.data, [0, 1, 0.2, 0]);
  assert.deepEqual([kernel.kind, kernel.caption, more.length], ["signed", "kernel from input:0", 0]);
  near(kernel.data, [0.25, -0.5, 0.75, -1]);
  near(model.pictures(2, reading())[0].data, [1 / 255, 2 / 255, 3 / 255, 1]);
  assert.deepEqual(model.samples[0].map(2)!.high, 9);
  assert.equal(model.samples[0].map(3), null);
  const captions = (pictures: Picture[]): string[] => pictures.map(({ caption }) => caption);
  assert.deepEqual(captions(model.pictures(1, reading({ view: "network" }))), ["kernel from input:0"]);
  const [input] = model.pictures(0, reading());
  assert.equal(input.caption, "the input");
  near(input.data, [0, 0.2, 1, 0, 0, 0, 0, 0, 0.4]);
  assert.deepEqual(model.pictures(3, reading()), []);
  assert.deepEqual(model.pictures(99, reading()), []);
  assert.deepEqual(model.pictures(-1, reading()), []);
});
