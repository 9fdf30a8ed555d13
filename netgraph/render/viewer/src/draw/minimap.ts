/** Where the window lies in the whole picture, bottom left, while not everything is seen. */

import type { Frame } from "./frame";

export function drawMinimap(_frame: Frame): void {}

/** The place, in stage units, that a point of the window (CSS pixels) stands for on the minimap; null: beside it. */
export function minimapAt(_x: number, _y: number): { x: number; y: number } | null {
  return null;
}
