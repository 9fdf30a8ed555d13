/**
 * The weaker of very many lines, so that their signs can be told.
 *
 * Ten thousand lines of two colours drawn over each other become one mixture of them. Each sign is drawn by itself
 * instead, as faint as it takes, and every pixel then shows which of the two prevails there, and how much of both.
 */

import type { Palette, Rgb } from "./frame";

export interface Mass {
  positive: CanvasRenderingContext2D;
  negative: CanvasRenderingContext2D;
  /** The two together. */
  image(colours: readonly Rgb[], palette: Palette): HTMLCanvasElement;
}

/** More lines than this are a mass; the strongest of them are drawn as lines all the same. */
export const MANY = 4000;
export const CRISP = 1500;
/** Ink of these strongest, at least. */
export const CRISP_INK = 0.4;
/** A line's ink in the mass: as much light in all as this many lines give. */
const LIGHT = 900;
/** Opacity of the mass where it is densest, on a dark and on a light ground. */
const DENSEST = { dark: 0.8, light: 0.7 };
/** Where one sign prevails by little, it is shown by more. */
const LEAN = 0.55;

export const massInk = (count: number): number => LIGHT / Math.max(LIGHT, count);

export function createMass(width: number, height: number, ratio: number): Mass {
  const [positive, negative] = [sheet(width, height, ratio), sheet(width, height, ratio)];
  return {
    positive,
    negative,
    image(colours, palette) {
      const above = positive.getImageData(0, 0, width, height);
      const below = negative.getImageData(0, 0, width, height).data;
      develop(above.data, below, colours, palette);
      positive.putImageData(above, 0, 0);
      return positive.canvas;
    },
  };
}

function sheet(width: number, height: number, ratio: number): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** How much ink makes an opacity of so many 255ths: what lies over each other multiplies, ink adds up. */
const INK = Float32Array.from({ length: 256 }, (_, opacity) => -Math.log(1 - Math.min(254.5, opacity) / 255));

/** Turns the ink of the one sign into the picture of both. */
export function develop(
  above: Uint8ClampedArray,
  below: Uint8ClampedArray,
  [positive, negative]: readonly Rgb[],
  { dim, dark }: Pick<Palette, "dim" | "dark">,
): void {
  const densest = 255 * DENSEST[dark ? "dark" : "light"];
  for (let at = 0; at < above.length; at += 4) {
    const [up, down] = [INK[above[at + 3]!]!, INK[below[at + 3]!]!];
    const ink = up + down;
    if (!(ink > 0)) continue;
    const colour = up < down ? negative! : positive!;
    const share = (Math.abs(up - down) / ink) ** LEAN;
    for (const part of [0, 1, 2] as const) above[at + part] = dim[part] + (colour[part] - dim[part]) * share;
    above[at + 3] = densest * (1 - Math.exp(-ink));
  }
}
