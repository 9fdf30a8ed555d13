import assert from "node:assert/strict";
import { test } from "node:test";
import type { Model } from "../src/core/model";
import { createModel } from "../src/core/network";
import { createDensity, type DensityInput } from "../src/draw/density";
import type { Rgb } from "../src/draw/frame";
import { createPlace } from "../src/draw/place";
import { colourer } from "../src/draw/strokes";
import { fitted, marginsOf, projectionOf } from "../src/draw/view";
import { makePage } from "./make";

// What the browser has and node has not.
class Picture {
  readonly data: Uint8ClampedArray;
  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.data = new Uint8ClampedArray(4 * width * height);
  }
}
Object.assign(globalThis, { ImageData: Picture });

const BLUE: Rgb = [0, 0, 255];
const RED: Rgb = [255, 0, 0];
const GREY: Rgb = [128, 128, 128];
const SIZE = { width: 300, height: 200, ratio: 1 };

function picture(model: Model, slice = Infinity, changed: Partial<DensityInput> = {}): Picture {
  const values = model.values({ view: "network", sample: 0, target: 0, lesioned: new Set() });
  const place = createPlace(model);
  const density = createDensity({
    model,
    values,
    place,
    projection: projectionOf(fitted(place, SIZE, marginsOf(false)), SIZE),
    width: SIZE.width,
    height: SIZE.height,
    scale: 1,
    channel: colourer(model, values, "sign", 8),
    colours: [BLUE, RED],
    shown: () => true,
    signed: true,
    neutral: GREY,
    strength: 1,
    ...changed,
  });
  let slices = 1;
  while (!density.step(slice === Infinity ? Infinity : performance.now() + slice)) slices++;
  assert.ok(slice === Infinity || slices > 1, "the work was cut");
  return density.image() as unknown as Picture;
}

const net = (weights: number[], sizes = [2, 2]): Model =>
  createModel(
    makePage({
      layers: sizes.map((size, at) => ({ name: `layer${at}`, size })),
      blocks: sizes.slice(1).map((_, at) => ({ source: at, target: at + 1, weights: at ? [1] : weights })),
    }),
  );

/** Cells in which something is seen, and their mean colour. */
function seen({ data, width }: Picture, column: number): { rows: number[]; colour: number[] } {
  const rows: number[] = [];
  const colour = [0, 0, 0];
  for (let row = 0; row < data.length / 4 / width; row++) {
    const at = 4 * (row * width + column);
    if (!data[at + 3]) continue;
    rows.push(row);
    for (const part of [0, 1, 2]) colour[part]! += data[at + part]!;
  }
  return { rows, colour: colour.map((sum) => Math.round(sum / Math.max(1, rows.length))) };
}

test("a single edge is a line from its source to its target, in the colour of its sign", () => {
  // Vertex 0 is the upper one; the edge leads from the upper source to the lower target.
  for (const [weight, colour] of [
    [2, BLUE],
    [-2, RED],
  ] as const) {
    const shown = picture(net([0, 0, weight, 0]));
    const columns = Array.from({ length: SIZE.width }, (_, column) => seen(shown, column));
    const drawn = columns.filter(({ rows }) => rows.length);
    assert.ok(drawn.length > 100);
    for (const { rows } of drawn) assert.ok(rows.at(-1)! - rows[0]! + 1 === rows.length, "without gaps");
    assert.ok(drawn.at(-1)!.rows[0]! > drawn[0]!.rows.at(-1)!, "downwards");
    assert.deepEqual(drawn[50]!.colour, [...colour]);
  }
});

test("opposite signs that cross cancel to grey", () => {
  // Two sources, one target: both edges come in at the same height.
  const shown = picture(net([1, -1], [2, 1]));
  const columns = Array.from({ length: SIZE.width }, (_, column) => seen(shown, column));
  const last = columns.filter(({ rows }) => rows.length).at(-1)!;
  for (const part of last.colour) assert.ok(Math.abs(part - 128) < 40, String(last.colour));
});

test("the picture does not depend on how the work was cut", () => {
  const weights = Array.from({ length: 300 * 300 }, (_, at) => Math.sin(at) * ((at * 31) % 17));
  const model = net(weights, [300, 300]);
  assert.deepEqual(picture(model, 0).data, picture(model).data);
});

test("nothing is drawn of hidden signs, of no edges, and of an empty buffer", () => {
  const model = net([1, 2, 3, 4]);
  assert.ok(picture(model, Infinity, { shown: () => false }).data.every((part) => part === 0));
  assert.ok(picture(net([0, 0, 0, 0])).data.every((part) => part === 0));
  assert.ok(picture(model, Infinity, { width: 1, height: 1 }).data.length === 4);
});

test("the few edges into the outputs are seen beside very many others", () => {
  const weights = Array.from({ length: 250 * 250 }, () => 1);
  const model = createModel(
    makePage({
      layers: [250, 250, 1].map((size, at) => ({ name: `layer${at}`, size })),
      blocks: [
        { source: 0, target: 1, weights },
        { source: 1, target: 2, weights: Array.from({ length: 250 }, () => 1) },
      ],
    }),
  );
  const shown = picture(model);
  const strongest = (from: number, to: number): number => {
    let most = 0;
    for (let row = 0; row < SIZE.height; row++)
      for (let column = from; column < to; column++)
        most = Math.max(most, shown.data[4 * (row * SIZE.width + column) + 3]!);
    return most;
  };
  assert.equal(strongest(0, 150), 255, "the brightest is not more than white, nor less");
  assert.ok(strongest(200, 300) > 60);
});
