/** Numbers and words as the page shows them: three or four significant digits, a true minus sign. */

import type { Model } from "../core/model";

const NONE = "–";
const MINUS = "−";

/** 1234.5 → "1,235"; 0.012345 → "0.01234"; −2e−7 → "−2.000e−7"; not a number → "–". */
export function number(value: number, digits = 4): string {
  if (Number.isNaN(value)) return NONE;
  const size = Math.abs(value);
  const sign = value < 0 ? MINUS : "";
  if (size === Infinity) return sign + "∞";
  if (size === 0) return "0";
  if (size < 1e-3 || size >= 1e7)
    return (
      sign +
      size
        .toExponential(digits - 1)
        .replace("-", MINUS)
        .replace("+", "")
    );
  const decimals = Math.min(6, Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
  return sign + fixed(size, decimals);
}

/** As `number`, with a plus sign. */
export function signed(value: number, digits = 4): string {
  return value > 0 ? "+" + number(value, digits) : number(value, digits);
}

/** 397000 → "397,000". */
export function count(value: number): string {
  return Number.isFinite(value) ? fixed(Math.round(value), 0) : NONE;
}

/** "1 edge", "2 edges". */
export function counted(value: number, one: string, many = one + "s"): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** 0.614 → "61 %"; 0.0312 → "3.1 %"; 0.0002 → "< 0.1 %". Only a whole share is 100 %. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return NONE;
  const size = Math.abs(share) * 100;
  const sign = share < 0 ? MINUS : "";
  if (size === 0) return "0 %";
  if (size < 0.1) return `${sign ? `> ${sign}` : "< "}0.1 %`;
  if (size < 9.95) return `${sign}${size.toFixed(1)} %`;
  if (size < 100 && size > 99) return `${sign}${(Math.floor(size * 10) / 10).toFixed(1)} %`;
  return `${sign}${size.toFixed(0)} %`;
}

/**
 * Several numbers with the same decimals, so that a sum can be read: [14.0731, 1.254] → ["14.073", "1.254"]. `most`: no
 * more decimals than these, but one.
 */
export function aligned(values: readonly number[], most = Infinity): string[] {
  const largest = Math.max(0, ...values.filter(Number.isFinite).map(Math.abs));
  if (largest === 0 || largest < 1e-3 || largest >= 1e7) return values.map((value) => number(value));
  const usual = Math.max(0, 4 - Math.max(1, Math.floor(Math.log10(largest)) + 1) + 1);
  const decimals = Math.min(usual, Math.max(1, most));
  return values.map((value) =>
    Number.isFinite(value) ? (value < 0 ? MINUS : "") + fixed(Math.abs(value), decimals) : NONE,
  );
}

/** `first` + `second` = `sum` with the same decimals; `second` gives way by one of the last digit, so that it adds up. */
export function summed(first: number, second: number, sum: number, most = Infinity): string[] {
  const plain = aligned([first, second, sum], most);
  if (plain.some((text) => text.includes("e"))) return plain;
  const unit = 10 ** -(plain[0]?.split(".")[1]?.length ?? 0);
  const rest = (Math.round(sum / unit) - Math.round(first / unit)) * unit;
  // By more it does not: then it is no sum, and the page says so.
  return Math.abs(rest - second) < 1.01 * unit ? aligned([first, rest, sum], most) : plain;
}

const ACTIVATIONS: Record<string, string> = {
  relu: "ReLU",
  relu6: "ReLU6",
  leaky_relu: "leaky ReLU",
  gelu: "GELU",
  silu: "SiLU",
  elu: "ELU",
  hardswish: "hard swish",
  hardsigmoid: "hard sigmoid",
  hardtanh: "hard tanh",
};

/** "relu" → "ReLU". */
export function activation(name: string): string {
  return ACTIVATIONS[name] ?? name.replaceAll("_", " ");
}

/** Name of an output, or its number. */
export function className(model: Model, target: number | null): string {
  return target === null ? NONE : (model.classes[target] ?? String(target));
}

function fixed(value: number, decimals: number): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
