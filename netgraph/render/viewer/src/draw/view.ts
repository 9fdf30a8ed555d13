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

/** Room for what stands around the picture, CSS pixels. */
export interface Margins {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const MARGIN: Margins = { left: 24, right: 24, top: 46, bottom: 16 };
const OUTPUTS = 150;
/** Margins take at most this part of a side, so that a small window still shows a picture. */
const MOST = 0.4;

/** Names above, of the inputs to the left (`names` pixels), the outputs' labels and bars to the right. */
export const marginsOf = (outputs: boolean, names = 0): Margins => ({
  ...MARGIN,
  left: MARGIN.left + names,
  right: outputs ? OUTPUTS : MARGIN.right,
});

/** The camera that shows everything, in the middle of what the margins leave. */
export function fitted(place: Place, size: Size, { left, right, top, bottom }: Margins): Camera {
  const aside = Math.min(1, (MOST * size.width) / (left + right));
  const above = Math.min(1, (MOST * size.height) / (top + bottom));
  const width = Math.max(1, size.width - aside * (left + right));
  const height = Math.max(1, size.height - above * (top + bottom));
  const zoom = Math.min(width / Math.max(1e-6, place.width), height / Math.max(1e-6, place.height));
  return {
    x: place.width / 2 + (aside * (right - left)) / 2 / zoom,
    y: place.height / 2 - (above * (top - bottom)) / 2 / zoom,
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
