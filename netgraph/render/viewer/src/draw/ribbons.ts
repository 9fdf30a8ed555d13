/**
 * Ribbons between bars: as wide, at their middle, as the share of Σ|value| between their two layers that they hold.
 *
 * Bars are as high as their modules are large and not as heavy: where all ribbons of a bar would not end in it side by
 * side, they narrow towards it.
 */

import type { Model } from "../core/model";
import { type PartKey, barKey, ribbonKey } from "../core/parts";
import { type Bundle, type Sums, weightOf } from "../core/sums";
import type { Signs } from "./bins";
import type { Bar, Place, Route } from "./frame";
import type { Pen, Projection } from "./strokes";

export interface Ribbon {
  key: PartKey;
  bundle: Bundle;
  source: Bar;
  target: Bar;
  route: Route;
  /** The group that both ends have; −1: it runs between two, or from vertices of none. */
  group: number;
  /** Stage units: half its width at the middle and at either end, the heights of its ends, and of an arc's level. */
  half: number;
  ends: readonly [{ y: number; half: number }, { y: number; half: number }];
  level: number;
}

/** Together, the ribbons of two layers are as wide as this part of the lower one's height; arcs, of their band. */
const WIDE = 0.72;
const BANDED = 0.9;
/** The part of a bar's side that ribbons may take. */
const SIDE = 0.96;
/** More than this are not drawn: the widest of each pair of layers are. */
export const MOST = 900;

/** Narrow ones first and those inside a module last: that is how they lie on each other. */
export function ribbonsOf(model: Model, place: Place, sums: Sums, { positive, negative }: Signs): Ribbon[] {
  const bars = new Map((place.bars ?? []).map((bar) => [barKey(bar), bar]));
  const routes = new Map(
    model.blocks.map(({ source, target, index }) => [
      `${source.index} ${target.index}`,
      place.routes[index]!,
    ]),
  );
  const masses = new Map<string, number>();
  const pairOf = ({ source, target }: Bundle): string => `${source} ${target}`;
  for (const bundle of sums.bundles)
    masses.set(pairOf(bundle), (masses.get(pairOf(bundle)) ?? 0) + weightOf(bundle));
  const found = sums.bundles.flatMap((bundle): Ribbon[] => {
    const { source, from, target, to } = bundle;
    const start = bars.get(barKey({ layer: source, group: from }));
    const end = bars.get(barKey({ layer: target, group: to }));
    const route = routes.get(pairOf(bundle));
    const seen = (positive ? bundle.positive : 0) + (negative ? bundle.negative : 0);
    if (!start || !end || !route || !(seen > 0)) return [];
    const heights = [source, target].map((layer) => place.boxes[layer]!.height);
    const room = route.arc ? BANDED * route.arc.band : WIDE * Math.min(...heights);
    const half = (room * seen) / masses.get(pairOf(bundle))! / 2;
    const none = { y: 0, half: 0 };
    const group = from === to ? from : -1;
    return [
      {
        key: ribbonKey(bundle),
        bundle,
        source: start,
        target: end,
        route,
        group,
        half,
        ends: [none, none],
        level: 0,
      },
    ];
  });
  const rank = (ribbon: Ribbon): number => ribbon.half * (ribbon.group >= 0 ? 1e6 : 1);
  found.sort((a, b) => rank(a) - rank(b));
  const shown = found.slice(-MOST);
  levels(shown);
  for (const side of [0, 1] as const) attach(shown, side);
  return shown;
}

const middle = (bar: Bar): number => bar.y + bar.height / 2;

/** Where ribbons begin (0) and end (1): by the height of what they lead to, arcs at the bottom. */
function attach(ribbons: Ribbon[], side: 0 | 1): void {
  const own = (ribbon: Ribbon): Bar => (side ? ribbon.target : ribbon.source);
  const other = (ribbon: Ribbon): Bar => (side ? ribbon.source : ribbon.target);
  const at = new Map<Bar, Ribbon[]>();
  for (const ribbon of ribbons) at.set(own(ribbon), [...(at.get(own(ribbon)) ?? []), ribbon]);
  for (const [bar, list] of at) {
    const arc = ({ route }: Ribbon): number => (route.arc ? 1 : 0);
    list.sort((a, b) => arc(a) - arc(b) || middle(other(a)) - middle(other(b)) || (a.key < b.key ? -1 : 1));
    const whole = list.reduce((sum, { half }) => sum + 2 * half, 0);
    const narrowed = Math.min(1, (SIDE * bar.height) / whole);
    let y = middle(bar) - (narrowed * whole) / 2;
    for (const ribbon of list) {
      const half = ribbon.half * narrowed;
      const end = { y: y + half, half };
      ribbon.ends = side ? [ribbon.ends[0], end] : [end, ribbon.ends[1]];
      y += 2 * half;
    }
  }
}

/** Arcs of one pair of layers lie side by side: what leaves further down runs further up. */
function levels(ribbons: readonly Ribbon[]): void {
  const bands = new Map<Route, Ribbon[]>();
  for (const ribbon of ribbons)
    if (ribbon.route.arc) bands.set(ribbon.route, [...(bands.get(ribbon.route) ?? []), ribbon]);
  for (const [{ arc }, list] of bands) {
    list.sort((a, b) => middle(b.source) - middle(a.source) || middle(a.target) - middle(b.target));
    let y = arc!.level;
    for (const ribbon of list) {
      ribbon.level = y + ribbon.half;
      y += 2 * ribbon.half;
    }
  }
}

/** The outline of a ribbon: along its upper side, and back along the lower one. */
export function outline(pen: Pen, ribbon: Ribbon, { toX, toY }: Projection): void {
  const { source, target, route, half, level } = ribbon;
  const [first, last] = ribbon.ends;
  const [x0, x1] = [toX(source.x + source.width), toX(target.x)];
  // Halves are lengths, and heights places.
  const high = (y: number, by: number): number => toY(y + by);
  const stops: Stop[] = route.arc
    ? [
        { x: x0, y: first.y, half: first.half },
        { x: toX(route.arc.from), y: level, half },
        { x: toX(route.arc.to), y: level, half },
        { x: x1, y: last.y, half: last.half },
      ]
    : [
        { x: x0, y: first.y, half: first.half },
        { x: x1, y: last.y, half: last.half },
      ];
  const widest = route.arc ? null : half;
  side(pen, stops, -1, widest, high, true);
  side(pen, [...stops].reverse(), 1, widest, high, false);
}

interface Stop {
  x: number;
  y: number;
  half: number;
}

/** Swings from stop to stop; a single one is cut at its middle, where the ribbon has its own width. */
function side(
  pen: Pen,
  stops: readonly Stop[],
  way: 1 | -1,
  widest: number | null,
  high: (y: number, by: number) => number,
  begins: boolean,
): void {
  const begin = stops[0]!;
  if (begins) pen.moveTo(begin.x, high(begin.y, way * begin.half));
  else pen.lineTo(begin.x, high(begin.y, way * begin.half));
  stops.slice(1).forEach((b, at) => {
    const a = stops[at]!;
    const xm = (a.x + b.x) / 2;
    if (widest === null) {
      const [ya, yb] = [high(a.y, way * a.half), high(b.y, way * b.half)];
      pen.bezierCurveTo(xm, ya, xm, yb, b.x, yb);
      return;
    }
    const [near, far] = [high(a.y, way * a.half), high(b.y, way * b.half)];
    const upper = high((3 * a.y + b.y) / 4, way * widest);
    const lower = high((a.y + 3 * b.y) / 4, way * widest);
    pen.bezierCurveTo(
      (a.x + xm) / 2,
      near,
      (a.x + 3 * xm) / 4,
      upper,
      xm,
      high((a.y + b.y) / 2, way * widest),
    );
    pen.bezierCurveTo((b.x + 3 * xm) / 4, lower, (b.x + xm) / 2, far, b.x, far);
  });
}
