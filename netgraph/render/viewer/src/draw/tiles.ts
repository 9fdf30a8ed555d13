/** Layers whose vertices stand as the pixels of pictures: drawn as pictures, a canvas each, not pixel by pixel. */

import type { Layer } from "../core/model";
import type { Frame, Place, Rgb } from "./frame";
import type { Lights } from "./lights";
import { groupColour } from "./modules";
import { TINTS, WHITE } from "./sprites";
import { css, mix } from "./text";

/** Below this many pixels a side, vertices on a grid are drawn together. */
const ALONE = 10;
/** What stays of a vertex while another is in focus. */
export const FADED = 0.28;

/** Part of the module's colour in a pixel that shows its value, too. */
const MIXED = 0.55;

interface Tile {
  /** Its first vertex, and its place in stage units. */
  first: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Tiles {
  rows: number;
  columns: number;
  tiles: Tile[];
}

const placed = new WeakMap<Place, Map<number, Tiles | null>>();

/** The pictures a layer consists of; null: its vertices stand in no grid. */
export function tilesOf(place: Place, layer: Layer): Tiles | null {
  let known = placed.get(place);
  if (!known) placed.set(place, (known = new Map()));
  let found = known.get(layer.index);
  if (found === undefined) known.set(layer.index, (found = findTiles(place, layer)));
  return found;
}

function findTiles(place: Place, layer: Layer): Tiles | null {
  const [rows, columns] = layer.grid.slice(-2);
  if (layer.grid.length < 2 || !rows || !columns || layer.size % (rows * columns)) return null;
  const half = place.half[layer.start] ?? 0;
  const at = (vertex: number): [number, number] => [place.x[vertex] ?? 0, place.y[vertex] ?? 0];
  const tiles: Tile[] = [];
  for (let first = layer.start; first < layer.stop; first += rows * columns) {
    const [left, top] = at(first);
    const [right, bottom] = at(first + rows * columns - 1);
    const [step] = columns > 1 ? [at(first + 1)[0] - left] : [2 * half];
    const fall = rows > 1 ? at(first + columns)[1] - top : step;
    const regular =
      step > 0 &&
      fall > 0 &&
      Math.abs(right - left - (columns - 1) * step) < 0.5 * step &&
      Math.abs(bottom - top - (rows - 1) * fall) < 0.5 * fall;
    if (!regular) return null;
    tiles.push({
      first,
      x: left - step / 2,
      y: top - fall / 2,
      width: columns * step,
      height: rows * fall,
    });
  }
  return { rows, columns, tiles };
}

/** The layer is drawn as pictures at this zoom. */
export function asTiles(frame: Frame, layer: Layer): Tiles | null {
  const side = 2 * (frame.place.half[layer.start] ?? 0) * frame.zoom;
  return layer.image || side < ALONE ? tilesOf(frame.place, layer) : null;
}

/** Colour of a pixel, by 256 steps of brightness. */
export function ramp(frame: Frame, layer: Layer, channel: number): Rgb[] {
  const { palette } = frame;
  const input = layer.kind === "input";
  const tinted = input && layer.grid.length === 3 && layer.grid[0] === 3;
  // The input keeps its own brightness in either theme; hidden layers go from the page's ground to its ink.
  const low: Rgb = input ? (palette.dark ? [17, 22, 33] : [24, 29, 38]) : palette.card;
  const high: Rgb = tinted ? (TINTS[channel] ?? WHITE) : input ? WHITE : palette.text;
  return Array.from({ length: 256 }, (_, step) => mix(low, high, step / 255));
}

const canvases = new Map<string, HTMLCanvasElement>();

/** One pixel a vertex. */
function canvasOf(
  frame: Frame,
  layer: Layer,
  lights: Lights,
  tiles: Tiles,
  number: number,
): HTMLCanvasElement {
  const { palette, state, reading, model } = frame;
  const of = state.colour === "module" ? model.groups?.of : undefined;
  const lesioned = [...reading.lesioned].sort((a, b) => a - b).join(",");
  const key = [layer.index, number, reading.sample, palette.dark, of ? 1 : 0, lesioned].join("|");
  const known = canvases.get(key);
  if (known) return known;
  const { rows, columns } = tiles;
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const image = new ImageData(columns, rows);
  const colours = ramp(frame, layer, number);
  const blank = mix(palette.background, palette.vertex, 0.3);
  const { low, high } = lights.range(layer);
  const first = tiles.tiles[number]?.first ?? layer.start;
  for (let at = 0; at < rows * columns; at++) {
    let colour = blank;
    if (lights.activation && high > low) {
      const share = ((lights.activation[first + at] ?? low) - low) / (high - low);
      colour = colours[Math.round(255 * Math.min(1, Math.max(0, share || 0)))] ?? blank;
    }
    // Where there is no value to see, the module's colour stands alone.
    if (of) colour = mix(colour, groupColour(palette, of[first + at] ?? -1), colour === blank ? 1 : MIXED);
    image.data.set([...colour, 255], 4 * at);
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  if (canvases.size > 512) canvases.clear();
  canvases.set(key, canvas);
  return canvas;
}

export interface Shown {
  canvas: HTMLCanvasElement;
  /** CSS pixels of the stage. */
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Tiles in sight, with edges on whole device pixels. */
export function* tilesInSight(frame: Frame, layer: Layer, lights: Lights, tiles: Tiles): Generator<Shown> {
  const snap = (value: number): number => Math.round(value * frame.ratio) / frame.ratio;
  for (const [number, tile] of tiles.tiles.entries()) {
    const [x, y] = [snap(frame.toX(tile.x)), snap(frame.toY(tile.y))];
    const [right, bottom] = [snap(frame.toX(tile.x + tile.width)), snap(frame.toY(tile.y + tile.height))];
    if (x > frame.width || y > frame.height || right < 0 || bottom < 0) continue;
    const canvas = canvasOf(frame, layer, lights, tiles, number);
    yield { canvas, x, y, width: Math.max(1, right - x), height: Math.max(1, bottom - y) };
  }
}

export function drawTiles(frame: Frame, layer: Layer, lights: Lights, tiles: Tiles): void {
  const { context, palette, lit } = frame;
  for (const { canvas, x, y, width, height } of tilesInSight(frame, layer, lights, tiles)) {
    if (lit) {
      context.fillStyle = css(palette.background);
      context.fillRect(x, y, width, height);
      context.globalAlpha = FADED;
    }
    context.imageSmoothingEnabled = width * frame.ratio < canvas.width;
    context.drawImage(canvas, x, y, width, height);
    context.globalAlpha = 1;
    context.strokeStyle = css(palette.line);
    context.lineWidth = 1;
    context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
  }
  if (lit) brighten(frame, layer, lights);
}

/** The pixels in focus, at full strength over the faded picture. */
export function brighten(frame: Frame, layer: Layer, lights: Lights): void {
  const { context, palette, place, lit } = frame;
  if (2 * (place.half[layer.start] ?? 0) * frame.zoom < 1) return;
  const { low, high } = lights.range(layer);
  const per = (layer.grid.at(-1) ?? 1) * (layer.grid.at(-2) ?? 1);
  const ramps = new Map<number, Rgb[]>();
  const of = frame.state.colour === "module" ? frame.model.groups?.of : undefined;
  for (const vertex of lit ?? []) {
    if (vertex < layer.start || vertex >= layer.stop) continue;
    const share = high > low ? ((lights.activation?.[vertex] ?? low) - low) / (high - low) : 0;
    const channel = Math.floor((vertex - layer.start) / per);
    const colours = ramps.get(channel) ?? ramp(frame, layer, channel);
    ramps.set(channel, colours);
    const colour = lights.activation ? colours[Math.round(255 * Math.min(1, Math.max(0, share || 0)))] : null;
    const half = (place.half[vertex] ?? 0) * frame.zoom;
    const own = of && groupColour(palette, of[vertex] ?? -1);
    const seen = colour && own ? mix(colour, own, MIXED) : (colour ?? own);
    context.fillStyle = css(seen ?? mix(palette.background, palette.vertex, 0.6));
    context.fillRect(
      frame.toX(place.x[vertex] ?? 0) - half,
      frame.toY(place.y[vertex] ?? 0) - half,
      2 * half,
      2 * half,
    );
  }
}
