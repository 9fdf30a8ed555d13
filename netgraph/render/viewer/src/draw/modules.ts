/** The picture of modules, drawn: ribbons, bars with their numbers, and which of them lies under a point. */

import { groupName } from "../core/groups";
import type { Model } from "../core/model";
import { barKey, type PartKey, partOf } from "../core/parts";
import type { State } from "../core/state";
import type { Sums } from "../core/sums";
import type { Bar, Frame, Palette, Place, Rgb } from "./frame";
import { MOST, outline, type Ribbon, ribbonsOf } from "./ribbons";
import { css, font, mix, shorten, widthOf, write } from "./text";

/** Opacity of ribbons inside a module, between two, and of what is out of focus. */
const INSIDE = 0.82;
const BETWEEN = { dark: 0.26, light: 0.3 };
const POINTED = 0.62;
const FADED = { inside: 0.12, between: 0.05, bar: 0.22 };
/** Pixels that a bar needs for its number, and what stands beside the outputs' bars. */
const LINE = 13;
const STYLE = font(11, 600);
const NAMES = font(12);

interface Kept {
  sums: Sums;
  place: Place;
  positive: boolean;
  negative: boolean;
  ribbons: Ribbon[];
}
let kept: Kept | null = null;

/** The ribbons of a place: laid out anew only when what they depend on has changed. */
export function ribbonsAt(model: Model, place: Place, sums: Sums | null, state: Readonly<State>): Ribbon[] {
  const { positive, negative } = state;
  if (!sums || !place.bars) return [];
  const same = kept && kept.sums === sums && kept.place === place;
  if (!kept || !same || kept.positive !== positive || kept.negative !== negative)
    kept = { sums, place, positive, negative, ribbons: ribbonsOf(model, place, sums, state) };
  return kept.ribbons;
}

/** Colour of a group; grey for none. They repeat when they are used up. */
export const groupColour = ({ modules, loose }: Palette, group: number): Rgb =>
  group < 0 ? loose : modules[group % modules.length]!;

/** What stays bright: all, what belongs to the isolated module, or what the pointed or picked part touches. */
function focusOf(model: Model, state: Readonly<State>) {
  const part = partOf(model, state.pointed ?? state.picked);
  const key = part ? (state.pointed ?? state.picked) : null;
  const bar = part && !part.to ? key : null;
  const { isolated } = state;
  return {
    any: part !== null || isolated !== null,
    ribbon: (r: Ribbon): boolean => {
      if (part) return r.key === key || barKey(r.source) === bar || barKey(r.target) === bar;
      return isolated === null || r.source.group === isolated || r.target.group === isolated;
    },
    bar: (b: Bar, ribbons: readonly Ribbon[]): boolean => {
      if (!part) return isolated === null || b.group === isolated;
      if (!part.to) return barKey(b) === key || touches(ribbons, b, key!);
      return barKey(b) === barKey(part.bar) || barKey(b) === barKey(part.to);
    },
    key,
  };
}

const touches = (ribbons: readonly Ribbon[], bar: Bar, key: PartKey): boolean =>
  ribbons.some(
    ({ source, target }) =>
      (source === bar && barKey(target) === key) || (target === bar && barKey(source) === key),
  );

export function drawModules(frame: Frame, sums: Sums | null): void {
  const { context, model, place, palette, state } = frame;
  const ribbons = ribbonsAt(model, place, sums, state);
  const focus = focusOf(model, state);
  for (const bright of focus.any ? [false, true] : [true])
    for (const ribbon of ribbons) {
      if (focus.ribbon(ribbon) !== bright) continue;
      const own = ribbon.group >= 0;
      // In focus, what comes from elsewhere shows from where.
      const colour = own || (focus.any && bright) ? groupColour(palette, ribbon.source.group) : palette.dim;
      const faint = palette.dark ? BETWEEN.dark : BETWEEN.light;
      const alpha = bright
        ? own
          ? INSIDE
          : focus.any
            ? POINTED
            : faint
        : own
          ? FADED.inside
          : FADED.between;
      context.globalAlpha = alpha;
      context.fillStyle = css(colour);
      context.beginPath();
      outline(context, ribbon, frame);
      context.fill();
      if (ribbon.key !== focus.key) continue;
      context.globalAlpha = 1;
      context.strokeStyle = css(palette.text);
      context.lineWidth = 1.25;
      context.stroke();
    }
  context.globalAlpha = 1;
  for (const bar of place.bars ?? []) drawBar(frame, bar, focus.bar(bar, ribbons), barKey(bar) === focus.key);
  drawOutputNames(frame);
}

function drawBar(frame: Frame, bar: Bar, bright: boolean, outlined: boolean): void {
  const { context, palette, model } = frame;
  const [x, y] = [frame.toX(bar.x), frame.toY(bar.y)];
  const [width, height] = [bar.width * frame.zoom, bar.height * frame.zoom];
  if (x > frame.width || x + width < 0 || y > frame.height || y + height < 0) return;
  const own = groupColour(palette, bar.group);
  const colour = bright ? own : mix(palette.background, own, FADED.bar);
  context.beginPath();
  context.roundRect(x, y, width, height, Math.min(3, width / 4, height / 3));
  context.fillStyle = css(colour);
  context.fill();
  // Dark colours keep their shape on a dark ground, and light ones on a light one.
  context.strokeStyle = css(outlined ? palette.text : mix(colour, palette.text, bright ? 0.3 : 0.1));
  context.lineWidth = outlined ? 2 : 1;
  if (height > 3) context.stroke();
  const words = bar.group < 0 ? "" : String(model.groups!.numbers[bar.group]);
  const plain = model.data.groups === null;
  if (!plain || height < LINE || width < widthOf(context, words, STYLE) + 2) return;
  const [red, green, blue] = colour;
  const light = 0.299 * red + 0.587 * green + 0.114 * blue > 140;
  context.font = STYLE;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = light ? "#111621" : "#ffffff";
  context.fillText(words, x + width / 2, y + height / 2);
}

/** Beside the bars of the outputs: which classes they hold. */
function drawOutputNames(frame: Frame): void {
  const { context, model, place, palette } = frame;
  const { output } = model;
  if (!output) return;
  for (const bar of place.bars ?? []) {
    if (bar.layer !== output.index || bar.height * frame.zoom < LINE) continue;
    const x = frame.toX(bar.x + bar.width) + 8;
    const room = frame.width - x - 6;
    if (room < 20) continue;
    const names = model.classes.filter((_, at) => model.groups!.of[output.start + at] === bar.group);
    const words = shorten(context, names.join(", "), NAMES, room, "right");
    const ink = { fill: palette.text, halo: palette.background, style: NAMES, baseline: "middle" as const };
    write(context, words, x, frame.toY(bar.y + bar.height / 2), ink);
  }
}

/** Points of stage units as they are. */
const PLAIN = { toX: (x: number): number => x, toY: (y: number): number => y };
const paths = new WeakMap<Ribbon, Path2D>();

/** The bar or ribbon that holds a point in stage units; bars are met within `slack` of them. */
export function partAt(
  context: CanvasRenderingContext2D,
  place: Place,
  ribbons: readonly Ribbon[],
  [x, y]: readonly [number, number],
  slack: number,
): PartKey | null {
  const bar = place.bars?.find(
    (b) => x >= b.x - slack && x <= b.x + b.width + slack && y >= b.y && y <= b.y + b.height,
  );
  if (bar) return barKey(bar);
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  const found = [...ribbons].reverse().find((ribbon) => {
    let path = paths.get(ribbon);
    if (!path) {
      paths.set(ribbon, (path = new Path2D()));
      outline(path, ribbon, PLAIN);
    }
    return context.isPointInPath(path, x, y);
  });
  context.restore();
  return found?.key ?? null;
}

/** "module 2 in fc1", "fc1 → fc2 inside module 2", "module 0 in fc1 → module 2 in fc2". */
export function partName(model: Model, key: PartKey | null): string {
  const part = partOf(model, key);
  if (!part) return "";
  const name = (group: number): string => groupName(model.groups!, group);
  const layer = (index: number): string => model.layers[index]!.name;
  const { bar, to } = part;
  if (!to) return `${name(bar.group)} in ${layer(bar.layer)}`;
  if (to.group === bar.group) return `${name(bar.group)}, ${layer(bar.layer)} → ${layer(to.layer)}`;
  return `${name(bar.group)} in ${layer(bar.layer)} → ${name(to.group)} in ${layer(to.layer)}`;
}

/** Whether thin ribbons were left out. */
export const crowded = (ribbons: readonly Ribbon[]): boolean => ribbons.length >= MOST;
