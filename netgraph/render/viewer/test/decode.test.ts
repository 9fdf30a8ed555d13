import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, float32, half, int16, int8, uint32 } from "../src/core/decode";
import { base64, half as pack, halfBits, halfValue } from "./encode";

test("bytes of every length come back", () => {
  for (let length = 0; length < 70; length++) {
    const given = Uint8Array.from({ length }, (_, i) => (i * 97 + length * 31) & 255);
    assert.deepEqual(bytes(Buffer.from(given).toString("base64")), given);
  }
});

test("typed arrays come back", () => {
  const floats = Float32Array.of(1.5, -0, NaN, Infinity, 1e-40, -3.25e38);
  assert.deepEqual(float32(base64(floats)), floats);
  assert.deepEqual(uint32(base64(Uint32Array.of(0, 1, 4294967295))), Uint32Array.of(0, 1, 4294967295));
  assert.deepEqual(int16(base64(Int16Array.of(-1, 32767))), Int16Array.of(-1, 32767));
  assert.deepEqual(int8(base64(Int8Array.of(-128, 127))), Int8Array.of(-128, 127));
});

test("every float16 number is read as it is, what is not finite as 0", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const read = half({ data: base64(all), scale: 0.25 }, 65536);
  for (let bits = 0; bits < 65536; bits++) {
    const expected = halfValue(bits) * 0.25;
    assert.equal(read[bits], Number.isFinite(expected) ? expected : 0);
  }
  assert.deepEqual(
    [0x3c00, 0xc000, 0x7bff, 0x0001].map((b) => halfValue(b)),
    [1, -2, 65504, 2 ** -24],
  );
});

test("float16 rounds to the nearest, within 2^-11, with ties to even", () => {
  assert.equal(halfBits(1 + 1 / 2048), 0x3c00);
  assert.equal(halfBits(1 + 3 / 2048), 0x3c02);
  assert.equal(halfBits(65520), 0x7c00);
  const numbers = Float32Array.from({ length: 2000 }, (_, i) => Math.sin(i) * 10 ** ((i % 40) / 20 - 3));
  const read = half(pack(numbers));
  numbers.forEach((number, i) => assert.ok(Math.abs(read[i] - number) <= Math.abs(number) * 2 ** -11 + 1e-9));
});

test("data of another length are refused with a reason", () => {
  assert.throws(() => float32(base64(new Float32Array(3)), 4), /12 bytes where 16 were expected/);
  assert.throws(() => half({ data: base64(new Uint16Array(2)), scale: 1 }, 1), /damaged/);
});
