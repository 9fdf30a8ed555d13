/** Paths in words: short enough for a row of the panel, whole for those who ask. */

import type { Model } from "../core/model";

/** How a path is told: all its vertices, all but the end that the heading names, or what lies between two named ends. */
export type Telling = "whole" | "to" | "route" | "between";

const ARROW = " → ";
/** Up to this many vertices are told with the names of their layers. */
const NAMED = 3;
/** Of a longer path so many vertices are told; what lies in its middle is left out. */
const TOLD = 10;
/** Letters of a label in a path of many vertices. */
const LABEL = 14;

/** The vertices that a row tells of. */
function toldOf(vertices: readonly number[], telling: Telling): readonly number[] {
  if (telling === "between") return vertices.slice(1, -1);
  return telling === "whole" || vertices.length < 2 ? vertices : vertices.slice(0, -1);
}

/** "input:0,6,3 → fc1:8 → fc2:0"; of a long path "0,6,4 → 1 → 11 → 21 → … → 1", a vertex of each column. */
export function tell(model: Model, vertices: readonly number[], telling: Telling): string {
  const told = toldOf(vertices, telling);
  if (telling === "between" && !told.length) return "directly";
  const short = told.length > NAMED;
  const names = told.map((vertex, at) =>
    short ? shortName(model, vertex, told[at - 1] ?? null) : model.name(vertex),
  );
  const lead = telling === "between" ? "via " : telling === "route" ? `inputs${ARROW}` : "";
  if (names.length > TOLD) names.splice(TOLD / 2, names.length - TOLD + 1, "…");
  return lead + names.join(ARROW);
}

/** Every vertex by its id. */
export const tellWhole = (model: Model, vertices: readonly number[]): string =>
  vertices.map((vertex) => model.id(vertex)).join(ARROW);

/** Which columns the numbers of long paths stand for: "input → fc1 → … → fc9"; "": the rows name them themselves. */
export function columnsTold(
  model: Model,
  paths: readonly { vertices: readonly number[] }[],
  telling: Telling,
): string {
  const long = paths.map(({ vertices }) => toldOf(vertices, telling)).find((told) => told.length > NAMED);
  if (!long) return "";
  const names = long.map((vertex) => model.layerOf(vertex).name);
  if (names.length > 4) names.splice(2, names.length - 3, "…");
  return names.join(ARROW);
}

/** Without its layer's name where no other layer is meant: the next column's only one. */
function shortName(model: Model, vertex: number, before: number | null): string {
  const [name, id] = [model.name(vertex), model.id(vertex)];
  const layer = model.layerOf(vertex);
  const alone = model.layers.filter(({ depth, size }) => size && depth === layer.depth).length === 1;
  const next = before === null || nextColumn(model, model.layerOf(before).depth) === layer.depth;
  if (name !== id) return cutInside(name);
  return alone && next && id.startsWith(layer.name + ":")
    ? id.slice(layer.name.length + 1)
    : cutInside(id, 2 * LABEL);
}

function nextColumn(model: Model, depth: number): number {
  let next = Infinity;
  for (const layer of model.layers)
    if (layer.size && layer.depth > depth && layer.depth < next) next = layer.depth;
  return next;
}

/** Its beginning and its end: names of vertices differ in either. */
export function cutInside(name: string, most = LABEL): string {
  const letters = Array.from(name);
  if (letters.length <= most) return name;
  const half = (most - 1) >> 1;
  return `${letters.slice(0, most - 1 - half).join("")}…${letters.slice(-half).join("")}`;
}
