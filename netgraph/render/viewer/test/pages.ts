/** Ready pages: small known ones, and large random ones for trials of the drawing. */

import type { PageData } from "../src/core/contract";
import { base64 } from "./encode";
import { makePage, type Made } from "./make";

/** mulberry32: the same numbers on every machine. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Standard normal numbers (Box–Muller). */
export function normal(next: () => number, count: number, scale = 1): number[] {
  return Array.from(
    { length: count },
    () => scale * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  );
}

/** A blob of ink, one of ten shapes. */
function drawing(side: number, shape: number, next: () => number): number[] {
  const angle = (shape * Math.PI) / 5 + 0.2 * next();
  return Array.from({ length: side * side }, (_, at) => {
    const u = ((at % side) - (side - 1) / 2) / side;
    const v = (Math.floor(at / side) - (side - 1) / 2) / side;
    const across = u * Math.cos(angle) + v * Math.sin(angle);
    const along = v * Math.cos(angle) - u * Math.sin(angle);
    const ring = Math.abs(Math.hypot(u, v) - 0.28 - 0.08 * Math.sin(shape * along * 6));
    return (
      Math.round(
        16 *
          Math.max(
            Math.exp(-((across * 14) ** 2)) * (Math.abs(along) < 0.36 ? 1 : 0),
            Math.exp(-((ring * 16) ** 2)),
          ),
      ) / 16
    );
  });
}

/** A ReLU network on drawings; `samples` of them, as many modules as `modules`. */
export function madeMlp(sizes: number[], samples = 4, seed = 1, modules = 0): Made {
  const next = random(seed);
  const side = Math.round(Math.sqrt(sizes[0]));
  const last = sizes.length - 1;
  const pictures = Array.from({ length: samples }, (_, at) => drawing(side, at % 10, next));
  return {
    title: `A network ${sizes.join("-")} made for a trial`,
    layers: sizes.map((size, at) => ({
      name: at ? `fc${at}` : "input",
      size,
      ...(at ? { bias: normal(next, size, 0.1) } : { image: true, grid: [side, side], shape: [side, side] }),
      activation: at && at < last ? ("relu" as const) : null,
    })),
    blocks: sizes.slice(1).map((size, at) => ({
      source: at,
      target: at + 1,
      weights: normal(next, size * sizes[at], 1.6 / Math.sqrt(sizes[at])),
    })),
    samples: pictures.map((inputs, at) => ({
      inputs,
      label: (at * 3 + 1) % sizes[last],
      picture: {
        width: side,
        height: side,
        channels: 1 as const,
        data: base64(Uint8Array.from(inputs, (value) => Math.round(255 * value))),
      },
    })),
    ...(modules
      ? { modules: sizes.flatMap((size) => Array.from({ length: size }, () => Math.floor(next() * modules))) }
      : {}),
  };
}

/** 64-32-32-10 with four samples, computed flows, lesions, modules. */
export const smallPage = (): PageData => makePage(madeMlp([64, 32, 32, 10], 4, 1, 4));

/** Any other size: `mlpPage([784, 500, 10])` has 397,000 edges. */
export const mlpPage = (sizes: number[], samples = 2, seed = 1): PageData =>
  makePage(madeMlp(sizes, samples, seed));
