/** The edges by falling |value|: a stable argsort, by radix. */

/** Bits of a float32 infinity; what lies above is not a number. */
const INFINITE = 0x7f800000;

/**
 * Places of the values that are not 0, by falling |value|, equals by place: what a stable argsort of −|value| gives.
 *
 * Three passes of 11 bits over the 31 bits of |value|, from the lowest (LSD). Not-a-number is left out.
 */
export function order(values: Float32Array): Uint32Array {
  // Bits of |value|, read as whole numbers, stand in the same order as the numbers themselves.
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const counts = [new Uint32Array(2048), new Uint32Array(2048), new Uint32Array(1024)];
  const [low, middle, high] = counts;
  let kept = 0;
  for (let i = 0; i < bits.length; i++) {
    const size = bits[i] & 0x7fffffff;
    if (size === 0 || size > INFINITE) continue;
    const key = 0x7fffffff - size;
    low[key & 2047]++;
    middle[(key >>> 11) & 2047]++;
    high[key >>> 22]++;
    kept++;
  }
  for (const count of counts) {
    let before = 0;
    for (let i = 0; i < count.length; i++) {
      const here = count[i];
      count[i] = before;
      before += here;
    }
  }
  const keys = new Uint32Array(kept);
  const places = new Uint32Array(kept);
  for (let i = 0; i < bits.length; i++) {
    const size = bits[i] & 0x7fffffff;
    if (size === 0 || size > INFINITE) continue;
    const key = 0x7fffffff - size;
    const to = low[key & 2047]++;
    keys[to] = key;
    places[to] = i;
  }
  const otherKeys = new Uint32Array(kept);
  const otherPlaces = new Uint32Array(kept);
  for (let i = 0; i < kept; i++) {
    const to = middle[(keys[i] >>> 11) & 2047]++;
    otherKeys[to] = keys[i];
    otherPlaces[to] = places[i];
  }
  for (let i = 0; i < kept; i++) places[high[otherKeys[i] >>> 22]++] = otherPlaces[i];
  return places;
}
