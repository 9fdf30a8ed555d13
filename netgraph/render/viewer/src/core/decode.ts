/** base64 of the page → typed arrays. Numbers are little-endian, as every browser's machine is. */

import type { Base64, Half } from "./contract";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
let letters: Uint8Array | null = null;
let halves: Float32Array | null = null;

/** Newer than the type library: native, and several times faster. */
const native = (Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> })
  .fromBase64;

function byTable(text: string): Uint8Array<ArrayBuffer> {
  if (!letters) {
    letters = new Uint8Array(128);
    for (let i = 0; i < 64; i++) letters[LETTERS.charCodeAt(i)] = i;
  }
  const table = letters;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const length = (text.length >> 2) * 3 - padding;
  const out = new Uint8Array(length);
  for (let from = 0, to = 0; to < length; from += 4) {
    const three =
      (table[text.charCodeAt(from)] << 18) |
      (table[text.charCodeAt(from + 1)] << 12) |
      (table[text.charCodeAt(from + 2)] << 6) |
      table[text.charCodeAt(from + 3)];
    out[to++] = three >> 16;
    if (to < length) out[to++] = three >> 8;
    if (to < length) out[to++] = three;
  }
  return out;
}

/** Bytes of a base64 text; `count` bytes are expected where it is given. */
export function bytes(text: Base64, count?: number): Uint8Array<ArrayBuffer> {
  const out = native ? native.call(Uint8Array, text) : byTable(text);
  if (count !== undefined && out.length !== count)
    throw new Error(`The page's data are damaged: ${out.length} bytes where ${count} were expected.`);
  return out;
}

const sized = (count: number | undefined, size: number): number | undefined =>
  count === undefined ? undefined : count * size;

export function float32(text: Base64, count?: number): Float32Array {
  return new Float32Array(bytes(text, sized(count, 4)).buffer);
}

export function uint32(text: Base64, count?: number): Uint32Array {
  return new Uint32Array(bytes(text, sized(count, 4)).buffer);
}

export function int16(text: Base64, count?: number): Int16Array {
  return new Int16Array(bytes(text, sized(count, 2)).buffer);
}

export function int8(text: Base64, count?: number): Int8Array {
  return new Int8Array(bytes(text, count).buffer);
}

/** The 65,536 float16 numbers; what is no finite number reads as 0, so that no picture can break. */
function table(): Float32Array {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    halves[bits] = exponent === 31 ? 0 : bits & 0x8000 ? -size : size;
  }
  return halves;
}

/** float16 numbers times their scale. */
export function half(packed: Half, count?: number): Float32Array {
  const bits = new Uint16Array(bytes(packed.data, sized(count, 2)).buffer);
  const out = new Float32Array(bits.length);
  const values = table();
  const scale = packed.scale;
  for (let i = 0; i < bits.length; i++) out[i] = values[bits[i]] * scale;
  return out;
}
