/**
 * Paths whose narrowest edge counts, as in a pipe; equals by the product of their edges.
 *
 * In deep networks the best paths all share one narrow edge, and a list of them would be in no order. All that are wider
 * than the last of the best are known from a first search; the others are just as wide as it, and a second search, by
 * products over the edges that are not narrower, finds the best of these.
 */

import type { Path } from "./model";
import { compare, type Course, search, type Sums } from "./paths";

/** The `count` best paths, and the sums over all paths. */
export function best(course: Course, count: number): { paths: Path[]; sums: Sums } {
  const found = search(course, count);
  const { paths, sums } = found;
  const narrow = Math.abs(paths.at(-1)?.value ?? 0);
  if (course.rule === "product" || !(narrow > 0)) return { paths, sums };
  const unit = unitOf(course);
  const weight = course.weight.map((values) => values.map((value) => value / unit));
  const products = search({ ...course, weight, rule: "product", least: narrow / unit }, count);
  const equals = products.paths
    .map((path) => ({ ...path, value: found.value(path, "flow") }))
    .filter(({ value }) => Math.abs(value) === narrow);
  const wider = paths.filter(({ value }) => Math.abs(value) > narrow);
  const ranked = [...wider, ...equals].map((path) => ({ path, product: products.value(path, "product") }));
  ranked.sort(
    (a, b) =>
      Math.abs(b.path.value) - Math.abs(a.path.value) ||
      Math.abs(b.product) - Math.abs(a.product) ||
      compare(a.path, b.path),
  );
  return { paths: ranked.slice(0, count).map(({ path }) => path), sums };
}

/** A power of two (so that dividing by it is exact) that no edge is larger than: longer products are smaller ones. */
function unitOf({ weight }: Course): number {
  let largest = 0;
  for (const values of weight)
    for (const value of values)
      if (Math.abs(value) > largest && Math.abs(value) < Infinity) largest = Math.abs(value);
  return 2 ** Math.ceil(Math.log2(largest));
}
