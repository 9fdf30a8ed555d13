/** Names of the layers above their columns. */

import type { Frame } from "./frame";

export function drawHeadings(_frame: Frame): void {}

/** Number of the layer whose heading lies under a point of the stage (CSS pixels). */
export function headingAt(_x: number, _y: number): number | null {
  return null;
}
