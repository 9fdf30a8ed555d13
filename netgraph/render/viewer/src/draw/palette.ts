/** The colours of the style sheet, for drawing. */

import type { Palette, Rgb } from "./frame";

const MODULES = 9;

/** Reads the custom properties of the page as they hold now. */
export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): Rgb => parseColour(style.getPropertyValue(`--${name}`));
  const background = colour("background");
  const [red, green, blue] = background;
  return {
    // Told by the colour itself: who asks while the page is laid out for paper gets what paper shows.
    dark: red + green + blue < 384,
    background,
    card: colour("card"),
    text: colour("text"),
    dim: colour("dim"),
    line: colour("line"),
    positive: colour("positive"),
    negative: colour("negative"),
    vertex: colour("vertex"),
    modules: Array.from({ length: MODULES }, (_, index) => colour(`module-${index}`)),
    loose: colour("module-none"),
  };
}

const GREY: Rgb = [128, 128, 128];

/** `#rgb`, `#rrggbb` or `rgb(…)`; grey where it is neither, so that a typing error does not stop the page. */
export function parseColour(text: string): Rgb {
  const word = text.trim();
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(word)?.[1];
  if (hex) {
    const step = hex.length / 3;
    const part = (at: number): number => parseInt(hex.slice(at * step, (at + 1) * step).repeat(3 - step), 16);
    return [part(0), part(1), part(2)];
  }
  const numbers = /^rgba?\(([^)]*)\)$/i
    .exec(word)?.[1]
    ?.split(/[\s,/]+/)
    .map(Number);
  const [red, green, blue] = numbers ?? [];
  if (red === undefined || green === undefined || blue === undefined) return GREY;
  return [red, green, blue].every(Number.isFinite) ? [red, green, blue] : GREY;
}
