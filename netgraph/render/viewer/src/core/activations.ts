/** Activation functions by the names that layers carry. */

export interface Activation {
  of(z: number): number;
  /** φ(0), and the gate at z = 0: φ′(0), as torch has it. */
  atZero: number;
  slope: number;
}

/** The error function, by a series whose terms are all positive (Kummer). */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (!(size < 6)) return size >= 6 ? Math.sign(x) : NaN;
  let term = size;
  let sum = size;
  for (let n = 1; term > sum * 1e-17; n++) sum += term *= (2 * size * size) / (2 * n + 1);
  return (Math.sign(x) * 2 * Math.exp(-size * size) * sum) / Math.sqrt(Math.PI);
}

const sigmoid = (z: number): number => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));
const softplus = (z: number): number => (z > 20 ? z : Math.log1p(Math.exp(z)));
const clip = (z: number, low: number, high: number): number => Math.min(high, Math.max(low, z));
const leaky = (slope: number): Activation => ({ of: (z) => (z > 0 ? z : slope * z), atZero: 0, slope });
const made = (of: (z: number) => number, slope: number, atZero = 0): Activation => ({ of, slope, atZero });

const SELU = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;
const identity = made((z) => z, 1);

/** Several to a name where one name stands for several functions; the values tell which it was. */
const FUNCTIONS: Record<string, Activation[]> = {
  identity: [identity],
  relu: [made((z) => Math.max(0, z), 0)],
  leaky_relu: [leaky(0.01)],
  prelu: [leaky(0.25)],
  rrelu: [leaky((1 / 8 + 1 / 3) / 2)],
  tanh: [made(Math.tanh, 1)],
  sigmoid: [made(sigmoid, 0.25, 0.5)],
  gelu: [
    made((z) => 0.5 * z * (1 + erf(z * Math.SQRT1_2)), 0.5),
    made((z) => 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3))), 0.5),
  ],
  silu: [made((z) => z * sigmoid(z), 0.5)],
  mish: [made((z) => z * Math.tanh(softplus(z)), 0.6)],
  elu: [made((z) => (z > 0 ? z : Math.expm1(z)), 1)],
  celu: [made((z) => (z > 0 ? z : Math.expm1(z)), 1)],
  selu: [made((z) => SELU * (z > 0 ? z : SELU_ALPHA * Math.expm1(z)), SELU * SELU_ALPHA)],
  softplus: [made(softplus, 0.5, Math.LN2)],
  hardtanh: [made((z) => clip(z, -1, 1), 1), made((z) => clip(z, 0, 6), 0)],
  relu6: [made((z) => clip(z, 0, 6), 0)],
  hardswish: [made((z) => (z * clip(z + 3, 0, 6)) / 6, 0.5)],
  hardsigmoid: [made((z) => clip(z + 3, 0, 6) / 6, 1 / 6, 0.5)],
};
const SLOPED = new Set(["leaky_relu", "prelu", "rrelu"]);

/**
 * Functions that a name may stand for; empty: unknown.
 *
 * `slopes`: gates seen below zero. The slope of a leaky function is no part of its name, but every one of them is it.
 */
export function activations(name: string | null, slopes: readonly number[] = []): Activation[] {
  const known = FUNCTIONS[name ?? "identity"] ?? [];
  return name !== null && SLOPED.has(name) && slopes.length ? [leaky(slopes[0]), ...known] : known;
}

/** Secant gate (φ(z) − φ(0)) / z: the value is gate · z + φ(0). */
export function secant(activation: Activation, z: number): number {
  return z === 0 ? activation.slope : (activation.of(z) - activation.atZero) / z;
}
