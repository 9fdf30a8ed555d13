import assert from "node:assert/strict";
import { test } from "node:test";
import { order } from "../src/core/order";
import { random } from "./pages";

/** The definition: a stable sort of −|value|, zeros left out. */
function expected(values: Float32Array): Uint32Array {
  const places = Array.from(values.keys()).filter((i) => values[i] !== 0 && !Number.isNaN(values[i]));
  return Uint32Array.from(places.sort((a, b) => Math.abs(values[b]) - Math.abs(values[a])));
}

test("equals keep their order, zeros are left out", () => {
  assert.deepEqual(order(Float32Array.of(1, -2, 0, 2, -0, 1, -1)), Uint32Array.of(1, 3, 0, 5, 6));
  assert.deepEqual(order(new Float32Array(5)), new Uint32Array(0));
  assert.deepEqual(order(new Float32Array(0)), new Uint32Array(0));
});

test("infinities come first, what is no number is left out", () => {
  assert.deepEqual(order(Float32Array.of(1, NaN, -Infinity, 3e38, -NaN)), Uint32Array.of(2, 3, 0));
});

test("random numbers with many ties are ordered as by a stable sort", () => {
  for (let seed = 0; seed < 20; seed++) {
    const next = random(seed);
    const levels = 2 ** (1 + (seed % 10));
    const values = Float32Array.from({ length: 3000 }, () => (Math.floor(next() * levels) - levels / 2) / 7);
    assert.deepEqual(order(values), expected(values));
  }
});

test("numbers of all sizes are ordered, subnormal ones too", () => {
  const next = random(7);
  const values = Float32Array.from({ length: 20000 }, () => (next() - 0.5) * 10 ** (next() * 82 - 44));
  assert.deepEqual(order(values), expected(values));
  assert.deepEqual(order(values.subarray(17, 900)), expected(values.subarray(17, 900)));
});
