/**
 * The gaps between the columns, narrowed or widened to the window's shape.
 *
 * The layout is as wide as most windows; one of another shape would leave a band empty. Columns keep their width and
 * order, and everything its height: only the gaps change, all by one factor, and what is left is the same picture.
 */

import type { Model } from "../core/model";
import type { Place } from "./frame";
import { columnsOf } from "./routes";

/** Gaps become no wider than this part of the layout's. */
const WIDEST = 1.3;

/** What a picture is fitted to. */
export interface Shape {
  /** Width to height. */
  aspect: number;
  /** Gaps become no narrower than this part of the layout's. */
  narrowest: number;
}

/** x of the columns' sides as laid out, and where they stand: rising, and linear in between. */
export interface Ruler {
  laid: readonly number[];
  stands: readonly number[];
}

/** Moves columns so that width to height comes nearest to the wish. */
export function fitGaps(
  model: Model,
  { x, boxes }: Pick<Place, "x" | "boxes">,
  height: number,
  { aspect, narrowest }: Shape,
): Ruler {
  const { columns } = columnsOf(model, boxes);
  const widths = columns.reduce((sum, { left, right }) => sum + right - left, 0);
  const gaps = columns.slice(1).reduce((sum, { left }, at) => sum + left - columns[at]!.right, 0);
  const wish = gaps > 0 ? (aspect * height - widths) / gaps : 1;
  const factor = Number.isFinite(wish) ? Math.max(narrowest, Math.min(WIDEST, wish)) : 1;
  const [laid, stands]: [number[], number[]] = [[], []];
  let left = columns[0]?.left ?? 0;
  columns.forEach((column, at) => {
    if (at) left += (column.left - columns[at - 1]!.right) * factor;
    const shift = left - column.left;
    laid.push(column.left, column.right);
    left += column.right - column.left;
    stands.push(column.left + shift, left);
    for (const layer of column.layers) {
      boxes[layer]!.x += shift;
      const { start, stop } = model.layers[layer]!;
      for (let vertex = start; vertex < stop; vertex++) x[vertex]! += shift;
    }
  });
  return { laid, stands };
}

/** Where something stands that was laid out at x. */
export const standing = ({ laid, stands }: Ruler, x: number): number => between(laid, stands, x);

/** The reverse: cameras are remembered as laid out, so that an address shows the same in a window of another shape. */
export const layingOf = ({ laid, stands }: Ruler, x: number): number => between(stands, laid, x);

function between(from: readonly number[], to: readonly number[], x: number): number {
  const last = from.length - 1;
  if (last < 0) return x;
  if (x <= from[0]!) return to[0]! + x - from[0]!;
  for (let at = 1; at <= last; at++) {
    if (x > from[at]!) continue;
    const wide = from[at]! - from[at - 1]!;
    return to[at - 1]! + (wide > 0 ? ((x - from[at - 1]!) / wide) * (to[at]! - to[at - 1]!) : 0);
  }
  return to[last]! + x - from[last]!;
}
