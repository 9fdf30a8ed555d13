/** The part of the picture that is seen: from stage units to CSS pixels, and what fits. */

import type { Camera } from "../core/state";
import type { Place } from "./frame";
import type { Projection } from "./strokes";

export interface Size {
  /** CSS pixels. */
  width: number;
  height: number;
  /** Pixels of the device a CSS pixel. */
  ratio: number;
}

/** Room for what stands around the picture: names above, the outputs' labels and bars to the right. */
const MARGIN = { left: 24, right: 24, top: 48, bottom: 16 };
const OUTPUTS = 150;
/** Margins take at most this part of a side, so that a small window still shows a picture. */
const MOST = 0.4;

/** The camera that shows everything, in the middle of what the margins leave; `names`: room for the inputs' names. */
export function fitted(place: Place, size: Size, outputs: boolean, names = 0): Camera {
  const right = outputs ? OUTPUTS : MARGIN.right;
  const left = MARGIN.left + names;
  const aside = Math.min(1, (MOST * size.width) / (left + right));
  const above = Math.min(1, (MOST * size.height) / (MARGIN.top + MARGIN.bottom));
  const width = Math.max(1, size.width - aside * (left + right));
  const height = Math.max(1, size.height - above * (MARGIN.top + MARGIN.bottom));
  const zoom = Math.min(width / Math.max(1e-6, place.width), height / Math.max(1e-6, place.height));
  return {
    x: place.width / 2 + (aside * (right - left)) / 2 / zoom,
    y: place.height / 2 - (above * (MARGIN.top - MARGIN.bottom)) / 2 / zoom,
    zoom,
  };
}

export function projectionOf(camera: Camera, { width, height }: Size): Projection {
  const { x, y, zoom } = camera;
  return {
    toX: (value) => (value - x) * zoom + width / 2,
    toY: (value) => (value - y) * zoom + height / 2,
  };
}

export const sameCamera = (a: Camera, b: Camera): boolean => a.x === b.x && a.y === b.y && a.zoom === b.zoom;

export const sameSize = (a: Size, b: Size): boolean =>
  a.width === b.width && a.height === b.height && a.ratio === b.ratio;

/** The camera within its bounds: neither lost in the empty nor nearer than anything can be told apart. */
export function bounded(camera: Camera, place: Place, range: readonly [number, number]): Camera {
  const within = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));
  return {
    x: within(camera.x, 0, place.width),
    y: within(camera.y, 0, place.height),
    zoom: within(camera.zoom, range[0], range[1]),
  };
}

/** Smallest and largest zoom: from half of what fits until the smallest square is this many pixels wide. */
export function zoomRange(place: Place, fit: Camera): [number, number] {
  const LARGEST_SQUARE = 160;
  let half = Infinity;
  for (const side of place.half) if (side > 0 && side < half) half = side;
  const near = half < Infinity ? LARGEST_SQUARE / (2 * half) : fit.zoom;
  return [fit.zoom / 2, Math.max(8 * fit.zoom, Math.min(near, 400 * fit.zoom))];
}
