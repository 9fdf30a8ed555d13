/** What is seen, as a standalone SVG. */

import type { Frame } from "./frame";

export function svgOf(_frame: Frame, _edges: Uint32Array): string {
  return '<svg xmlns="http://www.w3.org/2000/svg"/>';
}
