/** Text and colours on a canvas: one font, halos that keep words readable above edges, and words cut to a width. */

import type { Rgb } from "./frame";

export const FONT = 'ui-sans-serif, system-ui, "Segoe UI", "DejaVu Sans", sans-serif';

export const ELLIPSIS = "…";

export function font(size: number, weight: 400 | 600 | 700 = 400): string {
  return `${weight} ${size}px ${FONT}`;
}

export function css(colour: Rgb, alpha = 1): string {
  const [red, green, blue] = colour;
  return alpha >= 1 ? `rgb(${red},${green},${blue})` : `rgba(${red},${green},${blue},${alpha})`;
}

/** `from` at 0, `to` at 1, whole numbers. */
export function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const part = (i: 0 | 1 | 2): number => Math.round(from[i] + (to[i] - from[i]) * share);
  return [part(0), part(1), part(2)];
}

const widths = new Map<string, number>();

/** Width in CSS pixels. Measured once: the same few words are asked for in every frame. */
export function widthOf(context: CanvasRenderingContext2D, words: string, style: string): number {
  const key = `${style}\n${words}`;
  let width = widths.get(key);
  if (width === undefined) {
    const before = context.font;
    context.font = style;
    width = context.measureText(words).width;
    context.font = before;
    if (widths.size > 20_000) widths.clear();
    widths.set(key, width);
  }
  return width;
}

/** The words, or as much of their end ("left") or beginning ("right") as fits, with … where they were cut. */
export function shorten(
  context: CanvasRenderingContext2D,
  words: string,
  style: string,
  room: number,
  cut: "left" | "right",
): string {
  if (widthOf(context, words, style) <= room) return words;
  // By code points: half of a surrogate pair is no letter.
  const letters = Array.from(words);
  const cutTo = (kept: number): string =>
    cut === "left"
      ? ELLIPSIS + letters.slice(letters.length - kept).join("")
      : letters.slice(0, kept).join("") + ELLIPSIS;
  let low = 0;
  let high = letters.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (widthOf(context, cutTo(middle), style) <= room) low = middle;
    else high = middle - 1;
  }
  return low > 0 ? cutTo(low) : "";
}

export interface Ink {
  fill: Rgb;
  halo: Rgb;
  style: string;
  align?: CanvasTextAlign;
  baseline?: CanvasTextBaseline;
}

/** Text with the background's colour around each letter, so that edges behind it do not strike it out. */
export function write(
  context: CanvasRenderingContext2D,
  words: string,
  x: number,
  y: number,
  ink: Ink,
): void {
  if (!words) return;
  context.font = ink.style;
  context.textAlign = ink.align ?? "left";
  context.textBaseline = ink.baseline ?? "alphabetic";
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  context.strokeStyle = css(ink.halo, 0.92);
  context.strokeText(words, x, y);
  context.fillStyle = css(ink.fill);
  context.fillText(words, x, y);
}
