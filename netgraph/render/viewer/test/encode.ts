/** Arrays as the page carries them: base64 of little-endian numbers, float16 with a power-of-two scale. */

import type { Half } from "../src/core/contract";

export function base64(
  array: Uint8Array | Int8Array | Int16Array | Uint16Array | Uint32Array | Float32Array,
): string {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

export const floats = (numbers: ArrayLike<number>): string => base64(Float32Array.from(numbers));

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Bits of the nearest float16 (ties to even). */
export function halfBits(value: number): number {
  float[0] = value;
  const all = bits[0];
  const sign = (all >>> 16) & 0x8000;
  const magnitude = all & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: a whole multiple of 2^-24.
    const units = Math.abs(float[0]) * 2 ** 24;
    const floor = Math.floor(units);
    const up = units - floor > 0.5 || (units - floor === 0.5 && floor % 2 === 1);
    return sign | (floor + (up ? 1 : 0));
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** Number with these float16 bits. */
export function halfValue(half: number): number {
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  const sign = half & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

export function half(numbers: ArrayLike<number>): Half {
  let largest = 0;
  for (let i = 0; i < numbers.length; i++) {
    const size = Math.abs(numbers[i]);
    if (size < Infinity && size > largest) largest = size;
  }
  const scale = largest ? 2 ** (Math.ceil(Math.log2(largest)) - 8) : 1;
  return { data: base64(Uint16Array.from(numbers, (value) => halfBits(value / scale))), scale };
}

/** The same numbers after that journey. */
export function rounded(numbers: ArrayLike<number>): Float32Array {
  const { scale } = half(numbers);
  return Float32Array.from(numbers, (value) => halfValue(halfBits(value / scale)) * scale);
}
