/** Parts of the picture of modules: bars (what a module has in a layer) and ribbons between two of them. */

import type { Model } from "./model";
import { type Bundle, type Sums, weightOf } from "./sums";

/** As the state and the address name it: "1:0", layer and group; "1:0.2:3", a ribbon between two. */
export type PartKey = string;

export interface Spot {
  layer: number;
  group: number;
}

export interface Part {
  bar: Spot;
  /** Where the ribbon leads; null: it is a bar. */
  to: Spot | null;
}

export const barKey = ({ layer, group }: Spot): PartKey => `${layer}:${group}`;
export const ribbonKey = ({ source, from, target, to }: Bundle): PartKey =>
  `${barKey({ layer: source, group: from })}.${barKey({ layer: target, group: to })}`;

/** What a key names; null: nothing that this graph has. */
export function partOf(model: Model, key: PartKey | null): Part | null {
  const numbers = /^(\d+):(-1|\d+)(?:\.(\d+):(-1|\d+))?$/.exec(key ?? "");
  if (!numbers || !model.groups) return null;
  const [layer, group, toLayer, toGroup] = numbers.slice(1).map(Number) as [number, number, number, number];
  const bar = { layer, group };
  if (!has(model, bar)) return null;
  if (Number.isNaN(toLayer)) return { bar, to: null };
  const to = { layer: toLayer, group: toGroup };
  const joined = model.blocks.some((b) => b.source.index === layer && b.target.index === toLayer);
  return joined && has(model, to) ? { bar, to } : null;
}

function has({ groups, layers }: Model, { layer, group }: Spot): boolean {
  const { start, stop } = layers[layer] ?? { start: 0, stop: 0 };
  return groups!.of.subarray(start, stop).includes(group);
}

/** Σ of some bundles: all, and those inside their module. */
export interface Held {
  all: number;
  inside: number;
}

export function held(bundles: readonly Bundle[]): Held {
  const found = { all: 0, inside: 0 };
  for (const bundle of bundles) {
    found.all += weightOf(bundle);
    if (bundle.from === bundle.to) found.inside += weightOf(bundle);
  }
  return found;
}

/** Bundles that enter or leave a bar. */
export const entering = ({ bundles }: Sums, { layer, group }: Spot): Bundle[] =>
  bundles.filter(({ target, to }) => target === layer && to === group);
export const leaving = ({ bundles }: Sums, { layer, group }: Spot): Bundle[] =>
  bundles.filter(({ source, from }) => source === layer && from === group);
/** Those that touch a module anywhere, each once. */
export const touching = ({ bundles }: Sums, group: number): Bundle[] =>
  bundles.filter(({ from, to }) => from === group || to === group);
