/** Vertices: the input as its image, units as their pictures, outputs with their bars. */

import type { Frame } from "./frame";

export function drawVertices(_frame: Frame, _budget = 8): void {}
