import assert from "node:assert/strict";
import { test } from "node:test";
import type { Model } from "../src/core/model";
import { develop, massInk } from "../src/draw/mass";
import { strengthOf } from "../src/draw/strength";

test("of many lines a pixel shows which sign prevails; equals are grey, more ink is more opaque", () => {
  const palette = { dim: [100, 100, 100] as const, dark: true };
  const colours = [
    [0, 0, 200],
    [200, 0, 0],
  ] as const;
  const above = Uint8ClampedArray.from([
    ...[0, 0, 0, 90],
    ...[0, 0, 0, 90],
    ...[0, 0, 0, 20],
    ...[0, 0, 0, 0],
  ]);
  const below = Uint8ClampedArray.from([
    ...[0, 0, 0, 0],
    ...[0, 0, 0, 90],
    ...[0, 0, 0, 90],
    ...[0, 0, 0, 0],
  ]);
  develop(above, below, colours, palette);
  const pixel = (at: number): number[] => [...above.subarray(4 * at, 4 * at + 4)];
  assert.deepEqual(pixel(0).slice(0, 3), [0, 0, 200]);
  assert.deepEqual(pixel(1).slice(0, 3), [100, 100, 100]);
  assert.ok(pixel(2)[0]! > 150 && pixel(2)[2]! < 60);
  assert.deepEqual(pixel(3), [0, 0, 0, 0]);
  assert.ok(pixel(1)[3]! > pixel(2)[3]! && pixel(2)[3]! > pixel(0)[3]!);
  assert.ok(pixel(1)[3]! <= 0.8 * 255);
  assert.equal(massInk(900), 1);
  assert.equal(massInk(9000), 0.1);
});

test("strength is Σ|weight| in, of inputs out, from the weakest of a layer to its strongest", () => {
  const layers = [
    { index: 0, start: 0, stop: 2 },
    { index: 1, start: 2, stop: 5 },
  ];
  const block = {
    rows: 3,
    cols: 2,
    indptr: null,
    indices: null,
    source: layers[0],
    target: layers[1],
    weight: Float32Array.of(1, -1, NaN, 4, -3, 0),
  };
  const model = { n: 5, layers, blocks: [block] } as unknown as Model;
  assert.deepEqual([...strengthOf(model)], [0, 1, 0, 1, 0.5]);
});
