/**
 * Pictures of vertices, made once a reading and kept in a few large canvases.
 *
 * Thousands of small canvases are slow to draw from, and a picture may take milliseconds to compute: pictures of one
 * reading share sheets, and only as many are made in a frame as its budget allows.
 */

import type { Picture, Sample } from "../core/model";
import type { Frame, Palette, Rgb } from "./frame";
import { mix } from "./text";

/** A part of a sheet. */
export interface Sprite {
  sheet: HTMLCanvasElement;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A sheet that was drawn from is copied when it is written to again: large ones would cost more than the pictures. */
const SHEET_SIDES = [256, 512];
/** Of all sheets: 32 MB. */
const MOST_PIXELS = 8 << 20;

/** Sprites of one reading, and the sheets they lie on, filled shelf by shelf. */
class Sheets {
  /** By vertex and level. */
  readonly sprites = new Map<number, Sprite>();
  /** Width of a vertex's full picture; 0: it has none. */
  readonly widths = new Map<number, number>();
  pixels = 0;
  private sheet: HTMLCanvasElement | null = null;
  private made = 0;
  private x = 0;
  private y = 0;
  private shelf = 0;

  add(image: ImageData): Sprite {
    const { width, height } = image;
    if (this.sheet && this.x + width > this.sheet.width) {
      this.x = 0;
      this.y += this.shelf + 1;
      this.shelf = 0;
    }
    if (!this.sheet || this.y + height > this.sheet.height || width > this.sheet.width) {
      const side = SHEET_SIDES[Math.min(this.made++, SHEET_SIDES.length - 1)] ?? 512;
      this.sheet = document.createElement("canvas");
      this.sheet.width = Math.max(side, width);
      this.sheet.height = Math.max(side, height);
      this.pixels += this.sheet.width * this.sheet.height;
      this.x = this.y = this.shelf = 0;
    }
    this.sheet.getContext("2d")?.putImageData(image, this.x, this.y);
    const sprite = { sheet: this.sheet, x: this.x, y: this.y, width, height };
    this.x += width + 1;
    this.shelf = Math.max(this.shelf, height);
    return sprite;
  }
}

const readings = new Map<string, Sheets>();
let current = new Sheets();
let deadline = Infinity;
let pending = false;

/** Pictures were asked for and not made yet: another frame would show more. */
export function spritesPending(): boolean {
  return pending;
}

/** Another part of the frame lacked pictures, too. */
export function keepPending(): void {
  pending = true;
}

/** Before the vertices of a frame: at most `budget` milliseconds go into new pictures. */
export function startSprites(frame: Frame, budget: number): void {
  const { reading, palette } = frame;
  const lesioned = [...reading.lesioned].sort((a, b) => a - b).join(",");
  const key = [reading.view, reading.sample, reading.target, lesioned, palette.dark].join("|");
  const found = readings.get(key) ?? new Sheets();
  readings.delete(key); // the last used stands last
  readings.set(key, found);
  let total = 0;
  for (const sheets of readings.values()) total += sheets.pixels;
  for (const [old, sheets] of readings) {
    if (total <= MOST_PIXELS || sheets === found) break;
    total -= sheets.pixels;
    readings.delete(old);
  }
  current = found;
  pending = false;
  deadline = performance.now() + budget;
}

/** Sizes of a picture: full, and averaged over 2, 4 … pixels. */
const LEVELS = 8;

/**
 * The picture of a vertex for a square of `side` device pixels; null: it has none, or not yet.
 *
 * Pictures much finer than the square are averaged first: dropping pixels would show noise instead of them. Ask for all
 * pictures of a frame before the first is drawn: a sheet is copied each time it is written to after it was drawn from.
 */
export function spriteOf(frame: Frame, vertex: number, side: number): Sprite | null {
  const first = vertex * LEVELS;
  const { sprites, widths } = current;
  const width = widths.get(vertex);
  if (width === 0) return null;
  if (width !== undefined) {
    const known = sprites.get(first + levelOf(width, side));
    if (known) return known;
  }
  if (performance.now() >= deadline) {
    pending = true;
    // Better one that is too fine or too coarse than none.
    for (let level = 0; width !== undefined && level < LEVELS; level++) {
      const known = sprites.get(first + level);
      if (known) return known;
    }
    return null;
  }
  const image = imageOf(frame, vertex);
  widths.set(vertex, image?.width ?? 0);
  if (!image) return null;
  const level = levelOf(image.width, side);
  const sprite = current.add(level ? averaged(image, 2 ** level) : image);
  sprites.set(first + level, sprite);
  return sprite;
}

const levelOf = (width: number, side: number): number =>
  Math.min(LEVELS - 1, Math.max(0, Math.floor(Math.log2(width / side) + 0.1)));

function averaged(full: ImageData, factor: number): ImageData {
  const [width, height] = [Math.ceil(full.width / factor), Math.ceil(full.height / factor)];
  const image = new ImageData(width, height);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      for (let channel = 0; channel < 4; channel++) {
        let [sum, count] = [0, 0];
        for (let y = row * factor; y < Math.min(full.height, (row + 1) * factor); y++)
          for (let x = column * factor; x < Math.min(full.width, (column + 1) * factor); x++) {
            sum += full.data[4 * (y * full.width + x) + channel]!;
            count++;
          }
        image.data[4 * (row * width + column) + channel] = sum / count;
      }
  return image;
}

function imageOf(frame: Frame, vertex: number): ImageData | null {
  const { model, reading, palette } = frame;
  const layer = model.layerOf(vertex);
  const sample = model.samples[reading.sample];
  // A channel of the input is the input's own picture; it has its own colours.
  const channels = layer.kind === "input" && layer.grid.length === 1 && layer.shape.length === 3;
  if (sample?.picture && channels && layer.size === sample.picture.channels)
    return photograph(sample.picture, layer.size > 1 ? vertex - layer.start : null);
  // Without an input, its channels are at least red, green and blue.
  if (!sample && layer.kind === "input" && layer.size === 3 && layer.shape.length === 3) {
    const image = new ImageData(1, 1);
    image.data.set([...mix(palette.card, TINTS[vertex - layer.start] ?? WHITE, 0.7), 255]);
    return image;
  }
  const picture = model.pictures(vertex, reading)[0];
  return picture ? toImage(picture, palette) : null;
}

/** Bytes as they are; one channel of three in its own colour. */
export function photograph(picture: NonNullable<Sample["picture"]>, only: number | null): ImageData {
  const { width, height, channels, data } = picture;
  const image = new ImageData(width, height);
  const tint = only !== null && channels === 3 ? (TINTS[only] ?? TINTS[0]) : WHITE;
  for (let at = 0; at < width * height; at++) {
    for (let channel = 0; channel < 3; channel++) {
      const from = channels === 1 ? 0 : (only ?? channel);
      image.data[4 * at + channel] = ((data[at * channels + from] ?? 0) * (tint[channel] ?? 255)) / 255;
    }
    image.data[4 * at + 3] = 255;
  }
  return image;
}

export const WHITE: Rgb = [255, 255, 255];
/** Red, green, and blue channels, none of them too dark to be seen. */
export const TINTS: readonly [Rgb, Rgb, Rgb] = [
  [255, 92, 80],
  [92, 224, 112],
  [110, 150, 255],
];

/** Steps of a colour. */
const STEPS = 128;
const ramps = new Map<string, Rgb[]>();

function rampTo(ground: Rgb, full: Rgb, power: number): Rgb[] {
  const key = [...ground, ...full, power].join();
  let ramp = ramps.get(key);
  if (!ramp) {
    ramp = Array.from({ length: STEPS + 1 }, (_, step) => mix(ground, full, (step / STEPS) ** power));
    ramps.set(key, ramp);
  }
  return ramp;
}

/** Signed values from the ground to the colours of the signs, plain ones from the ground to the ink. */
export function toImage(picture: Picture, palette: Palette): ImageData {
  const { width, height, data, kind } = picture;
  const image = new ImageData(width, height);
  const { card, text, positive, negative } = palette;
  if (kind === "colour") {
    for (let at = 0; at < width * height; at++) {
      for (let part = 0; part < 3; part++) image.data[4 * at + part] = 255 * (data[3 * at + part]! || 0);
      image.data[4 * at + 3] = 255;
    }
    return image;
  }
  const plain = kind === "plain";
  const above = plain
    ? rampTo(card, palette.dark ? mix(text, WHITE, 0.6) : text, 1)
    : rampTo(card, positive, 0.75);
  const below = plain ? above : rampTo(card, negative, 0.75);
  for (let at = 0; at < width * height; at++) {
    // What is no number stays at the ground.
    const value = data[at]! || 0;
    const step = Math.round(STEPS * Math.min(1, Math.abs(value)));
    const [red, green, blue] = (value < 0 ? below : above)[step]!;
    image.data[4 * at] = red;
    image.data[4 * at + 1] = green;
    image.data[4 * at + 2] = blue;
    image.data[4 * at + 3] = 255;
  }
  return image;
}
