/** A block's edges as cells of a heat map: one a pair of vertices, or one for several, which shows their strongest. */

import { tickStep } from "d3-array";
import type { Block, EdgeValues } from "../core/model";

export interface Bins {
  rows: number;
  columns: number;
  /** Targets and sources a cell stands for; no whole numbers where they do not divide evenly. */
  perRow: number;
  perColumn: number;
  /** Row by row: the signed value of the strongest edge of each cell; 0: none. */
  value: Float32Array;
  /** Its number; −1: none, or a sum over edges that are not stored. */
  edge: Int32Array;
  largest: number;
  /** Cells are sums over all edges of the real block, most of which are not stored. */
  summed: boolean;
}

export interface Signs {
  positive: boolean;
  negative: boolean;
}

/** At most `mostRows` × `mostColumns` cells; equals go to the edge that comes first. */
export function binned(
  block: Block,
  values: EdgeValues,
  { positive, negative }: Signs,
  mostRows: number,
  mostColumns: number,
): Bins {
  const rows = Math.max(1, Math.min(block.rows, mostRows));
  const columns = Math.max(1, Math.min(block.cols, mostColumns));
  const columnOf = Int32Array.from({ length: block.cols }, (_, column) =>
    Math.floor((column * columns) / block.cols),
  );
  const value = new Float32Array(rows * columns);
  const edge = new Int32Array(rows * columns).fill(-1);
  let largest = 0;
  const see = (number: number, row: number, column: number): void => {
    const size = Math.abs(values.value[number]!);
    if (!(size > 0)) return;
    const sign = values.sign(number);
    if (sign < 0 ? !negative : !positive) return;
    const cell = Math.floor((row * rows) / block.rows) * columns + columnOf[column]!;
    if (size <= Math.abs(value[cell]!)) return;
    value[cell] = sign < 0 ? -size : size;
    edge[cell] = number;
    if (size > largest) largest = size;
  };
  const { indptr, indices } = block;
  for (let row = 0; row < block.rows; row++)
    if (indptr && indices)
      for (let at = indptr[row]!; at < indptr[row + 1]!; at++) see(block.start + at, row, indices[at]!);
    else
      for (let column = 0; column < block.cols; column++)
        see(block.start + row * block.cols + column, row, column);
  const [perRow, perColumn] = [block.rows / rows, block.cols / columns];
  return { rows, columns, perRow, perColumn, value, edge, largest, summed: false };
}

/** The bins that came with a block whose weaker edges were left out: Σ|weight|, with the sign of Σ weight. */
export function heated(
  block: Block,
  heat: { height: number; width: number; absolute: Float32Array; signed: Float32Array },
  { positive, negative }: Signs,
): Bins {
  const { height, width, absolute, signed } = heat;
  let largest = 0;
  const value = Float32Array.from(absolute, (size, cell) => {
    const below = signed[cell]! < 0;
    if (!(size > 0) || (below ? !negative : !positive)) return 0;
    largest = Math.max(largest, size);
    return below ? -size : size;
  });
  return {
    rows: height,
    columns: width,
    perRow: block.rows / height,
    perColumn: block.cols / width,
    value,
    edge: new Int32Array(height * width).fill(-1),
    largest,
    summed: true,
  };
}

/** Round steps for the marks of an axis of `size` whole numbers: about `most` of them. */
export const wholeStep = (size: number, most: number): number => Math.max(1, tickStep(0, size, most));
