/**
 * Vertices: the input as its image, units as their pictures, outputs with their bars.
 *
 * Squares are filled in groups of one colour: a change of the fill style costs more than a rectangle.
 */

import type { Layer } from "../core/model";
import type { Frame, Rgb } from "./frame";
import { drawFolded } from "./folded";
import { type Lights, lightsOf } from "./lights";
import { drawMarks } from "./marks";
import { drawNames } from "./names";
import { drawOutputs } from "./outputs";
import { NO_STRENGTH, strengthOf } from "./strength";
import { type Sprite, spriteOf, startSprites } from "./sprites";
import { css, mix } from "./text";
import { groupColour } from "./modules";
import { asTiles, brighten, drawTiles, FADED } from "./tiles";

/** Pictures from this many pixels a side. */
const PICTURED = 8;
/** Steps of brightness; each is one group. */
const STEPS = 12;
/** Faded vertices keep their border from this many pixels: one rectangle less for each of thousands. */
const RINGED = 16;
/** From this many device pixels a side, squares stand on whole pixels. */
const SNAPPED = 6;
/** Width of a border that tells the module, of the side. */
const RING = 0.12;
/** Without activations, brightness tells strength; the weakest of a layer is not lost. */
const WEAKEST = 0.2;

/** A vertex in sight: CSS pixels, edges on whole device pixels. */
interface Square {
  vertex: number;
  layer: Layer;
  x: number;
  y: number;
  side: number;
  border: number;
  /** Step of brightness, 0 … STEPS. */
  step: number;
  faded: boolean;
  /** Its picture; null: none, or not yet. */
  sprite: Sprite | null;
}

export function drawVertices(frame: Frame, budget = 8): void {
  frame.context.save();
  drawBodies(frame, budget);
  drawWords(frame);
  frame.context.restore();
}

/** Squares, pictures and bars of folded layers; `only`: of these vertices, over what was drawn before. */
export function drawBodies(frame: Frame, budget: number, only: ReadonlySet<number> | null = null): void {
  const { model, place } = frame;
  const lights = lightsOf(frame);
  startSprites(frame, budget);
  const squares: Square[] = [];
  for (const layer of model.layers) {
    if (!layer.size || !inSight(frame, layer)) continue;
    if (place.boxes[layer.index]?.folded) {
      if (!only) drawFolded(frame, layer);
      continue;
    }
    const tiles = asTiles(frame, layer);
    if (tiles && only) brighten(frame, layer, lights);
    else if (tiles) drawTiles(frame, layer, lights, tiles);
    else collect(frame, layer, lights, squares, only);
  }
  drawSquares(frame, squares);
}

/** Names, outputs with their bars, and what marks single vertices. */
export function drawWords(frame: Frame): void {
  drawNames(frame);
  drawOutputs(frame);
  drawMarks(frame);
}

function inSight(frame: Frame, layer: Layer): boolean {
  const box = frame.place.boxes[layer.index];
  if (!box) return false;
  const left = frame.toX(box.x);
  const top = frame.toY(box.y);
  return (
    left <= frame.width &&
    top <= frame.height &&
    left + box.width * frame.zoom >= 0 &&
    top + box.height * frame.zoom >= 0
  );
}

/** The square of a vertex. Squares of a layer have one size, and air between them unless they are pixels. */
export function squareOf(frame: Frame, vertex: number): { x: number; y: number; side: number } {
  const { place, ratio } = frame;
  const half = (place.half[vertex] ?? 0) * frame.zoom;
  // Whole pixels would leave some of many small squares further apart than others: stripes that mean nothing.
  if (2 * half * ratio < SNAPPED)
    return {
      x: frame.toX(place.x[vertex] ?? 0) - half,
      y: frame.toY(place.y[vertex] ?? 0) - half,
      side: 2 * half,
    };
  const side = Math.max(1, Math.round(2 * half * ratio)) / ratio;
  const snap = (value: number): number => Math.round(value * ratio) / ratio;
  return {
    x: snap(frame.toX(place.x[vertex] ?? 0) - side / 2),
    y: snap(frame.toY(place.y[vertex] ?? 0) - side / 2),
    side,
  };
}

/** The squares of a layer that are in sight. */
function collect(
  frame: Frame,
  layer: Layer,
  lights: Lights,
  into: Square[],
  only: ReadonlySet<number> | null,
): void {
  const bright = lights.activation !== null && frame.reading.view !== "network";
  const coloured = frame.state.colour === "module" && frame.model.groups !== null;
  const strength = bright ? NO_STRENGTH : strengthOf(frame.model);
  for (let vertex = layer.start; vertex < layer.stop; vertex++) {
    if (only && !only.has(vertex)) continue;
    const { x, y, side } = squareOf(frame, vertex);
    if (!(x <= frame.width && y <= frame.height && x + side >= 0 && y + side >= 0)) continue;
    const share = bright ? lights.share(vertex, layer) : WEAKEST + (1 - WEAKEST) * strength[vertex]!;
    into.push({
      vertex,
      layer,
      x,
      y,
      side,
      border:
        side < 6
          ? 0
          : coloured && side >= PICTURED
            ? wholePixels(RING * side, frame.ratio)
            : side < 14
              ? 1
              : bright
                ? Math.min(2.5, 1 + (side / 32) * share)
                : 1,
      step: share > 0 ? 1 + Math.round(share * (STEPS - 1)) : 0,
      faded: frame.lit !== null && !frame.lit.has(vertex),
      sprite: null,
    });
  }
}

const wholePixels = (size: number, ratio: number): number => Math.max(1, Math.round(size * ratio)) / ratio;

/** Fill and border of a step. */
function coloursOf(frame: Frame, step: number): { fill: Rgb; border: Rgb } {
  const { palette } = frame;
  const share = step / STEPS;
  return {
    fill: mix(
      mix(palette.background, palette.vertex, 0.16),
      mix(palette.vertex, palette.text, palette.dark ? 0.75 : 0.45),
      share,
    ),
    border: step ? mix(palette.line, palette.text, 0.25 + 0.7 * share) : palette.line,
  };
}

/** The module's colour, as it is where only weights are shown, else from faint to full by activation. */
function moduleColours({ palette }: Frame, own: Rgb, share: number): { fill: Rgb; border: Rgb } {
  const fill = mix(mix(palette.background, own, 0.25), own, share);
  return { fill, border: own };
}

function drawSquares(frame: Frame, squares: Square[]): void {
  const { context, palette } = frame;
  const fade = (colour: Rgb, faded: boolean): Rgb =>
    faded ? mix(palette.background, colour, FADED) : colour;
  // All pictures before any is drawn (see `spriteOf`).
  for (const square of squares)
    if (square.side >= PICTURED)
      square.sprite = spriteOf(frame, square.vertex, (square.side - 2 * square.border) * frame.ratio);
  const of = frame.state.colour === "module" ? frame.model.groups?.of : undefined;
  const plain = frame.reading.view === "network" || !frame.model.samples.length;
  // Colours repeat, so the groups of one colour are drawn together; 0: none.
  const kinds = palette.modules.length + 1;
  const kindOf = (group: number): number => (group < 0 ? 0 : 1 + (group % palette.modules.length));
  const keyOf = ({ step, faded, vertex }: Square): number =>
    2 * ((of && plain ? 0 : step) * kinds + (of ? kindOf(of[vertex]!) : 0)) + Number(faded);
  for (const [key, group] of grouped(squares, keyOf)) {
    const faded = (key & 1) === 1;
    const [step, kind] = [Math.floor((key >> 1) / kinds), (key >> 1) % kinds];
    const colours = of
      ? moduleColours(frame, groupColour(palette, kind - 1), plain ? 1 : step / STEPS)
      : coloursOf(frame, step);
    context.fillStyle = css(fade(colours.border, faded));
    for (const { x, y, side, border, sprite } of group)
      if (border && !(faded && sprite && side < RINGED)) context.fillRect(x, y, side, side);
    context.fillStyle = css(fade(colours.fill, faded));
    for (const { x, y, side, border, sprite } of group)
      if (!sprite) context.fillRect(x + border, y + border, side - 2 * border, side - 2 * border);
  }
  drawPictures(
    frame,
    squares.filter(({ sprite, faded }) => sprite && faded),
    FADED,
  );
  drawPictures(
    frame,
    squares.filter(({ sprite, faded }) => sprite && !faded),
    1,
  );
}

function grouped(squares: Square[], keyOf: (square: Square) => number): Map<number, Square[]> {
  const groups = new Map<number, Square[]>();
  for (const square of squares) {
    const key = keyOf(square);
    const group = groups.get(key);
    if (group) group.push(square);
    else groups.set(key, [square]);
  }
  return groups;
}

function drawPictures(frame: Frame, squares: Square[], alpha: number): void {
  const { context, palette, ratio } = frame;
  context.fillStyle = css(alpha < 1 ? palette.background : palette.card);
  for (const { x, y, side, border, sprite } of squares) {
    if (alpha === 1 && sprite!.width === sprite!.height) continue;
    const edge = alpha < 1 && side < RINGED ? 0 : border;
    context.fillRect(x + edge, y + edge, side - 2 * edge, side - 2 * edge);
  }
  context.globalAlpha = alpha;
  context.imageSmoothingQuality = "medium";
  let smooth: boolean | null = null;
  for (const { x, y, side, border, sprite } of squares) {
    const { sheet, x: left, y: top, width: across, height: down } = sprite!;
    const inner = side - 2 * border;
    const finer = inner * ratio < Math.max(across, down);
    if (finer !== smooth) context.imageSmoothingEnabled = smooth = finer;
    // A picture that is not square keeps its shape inside the square.
    const scale = inner / Math.max(across, down);
    const [width, height] = [across * scale, down * scale];
    const [toX, toY] = [x + (side - width) / 2, y + (side - height) / 2];
    context.drawImage(sheet, left, top, across, down, toX, toY, width, height);
  }
  context.globalAlpha = 1;
}
