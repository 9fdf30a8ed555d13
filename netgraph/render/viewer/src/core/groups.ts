/** The modules of the vertices (or the groups of another column): which there are, and how they are called. */

import type { PageData } from "./contract";

export interface Groups {
  /** Group of each vertex, 0 … count − 1 in the order of their numbers; −1: none. */
  of: Int16Array;
  count: number;
  /** The number that each has in the graph. */
  numbers: number[];
  names: string[];
  /** Vertices of each, and of none. */
  sizes: Int32Array;
  loose: number;
  /** They are few enough to be drawn as bars with ribbons between them. */
  drawable: boolean;
}

/** More groups than this are no longer told apart, whatever is drawn. */
const MOST = 500;

export function groupsOf(data: Pick<PageData, "count" | "groups">, module: Int16Array): Groups {
  const numbers = [...new Set(module)].filter((number) => number >= 0).sort((a, b) => a - b);
  const rank = new Map(numbers.map((number, at) => [number, at]));
  const of = module.map((number) => rank.get(number) ?? -1);
  const sizes = new Int32Array(numbers.length);
  for (const group of of) if (group >= 0) sizes[group]!++;
  return {
    of,
    count: numbers.length,
    numbers,
    names: numbers.map((number) => data.groups?.[number] ?? `module ${number}`),
    sizes,
    loose: data.count - sizes.reduce((sum, size) => sum + size, 0),
    drawable: numbers.length > 0 && numbers.length <= MOST,
  };
}

/** Name of a group, or of none. */
export const groupName = (groups: Groups, group: number): string => groups.names[group] ?? "no module";
