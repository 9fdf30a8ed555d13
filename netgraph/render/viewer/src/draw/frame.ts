/** What a drawing function is given: where things stand, which colours hold, and what is in focus. */

import type { EdgeValues, Model, Reading } from "../core/model";
import type { PartKey, Spot } from "../core/parts";
import type { State } from "../core/state";
import type { Ruler } from "./gaps";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
  folded: boolean;
}

/** What one group has in one layer, where modules are drawn instead of vertices. */
export interface Bar extends Spot {
  /** Vertices. */
  size: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Where the edges of a block run between two columns: x of the source column's right and the target's left side. */
export interface Route {
  leave: number;
  arrive: number;
  /**
   * Edges that pass columns: down to `level` (and up to `band` further) between `leave` and `from`, along it until
   * `to`, and up again until `arrive`; null: straight across the gap.
   */
  arc: { from: number; to: number; level: number; band: number } | null;
}

/** Where everything stands, in stage units (y down); changes when layers are folded. */
export interface Place {
  x: Float32Array;
  y: Float32Array;
  /** Half the side of a vertex's square. */
  half: Float32Array;
  /** Height at which a vertex's edges leave and arrive: inside its square, a little different along a row. */
  port: Float32Array;
  /** x of the first and the last square of its row: in between, edges run behind squares. */
  rowLeft: Float32Array;
  rowRight: Float32Array;
  /** One a layer. */
  boxes: Box[];
  /** One a block. */
  routes: Route[];
  /** Vertices are gathered to these; null: each stands by itself. */
  bars: readonly Bar[] | null;
  /** From where the columns were laid out to where they stand. */
  ruler: Ruler;
  width: number;
  height: number;
}

export type Rgb = readonly [number, number, number];

/** The style sheet's colours, so that canvas, legend and panel cannot differ. */
export interface Palette {
  dark: boolean;
  background: Rgb;
  card: Rgb;
  text: Rgb;
  dim: Rgb;
  line: Rgb;
  positive: Rgb;
  negative: Rgb;
  vertex: Rgb;
  modules: Rgb[];
  /** Of vertices of no module. */
  loose: Rgb;
}

export interface Frame {
  context: CanvasRenderingContext2D;
  /** Of the stage in CSS pixels; the context is scaled by `ratio`, so drawing is in CSS pixels. */
  width: number;
  height: number;
  ratio: number;
  /** CSS pixels a stage unit. */
  zoom: number;
  toX(x: number): number;
  toY(y: number): number;
  place: Place;
  palette: Palette;
  model: Model;
  state: Readonly<State>;
  reading: Reading;
  values: EdgeValues;
  /** Hovered or selected vertex. */
  focus: number | null;
  /** Vertices that stay bright while something is in focus; null: all. */
  lit: ReadonlySet<number> | null;
}

/** What the stage offers the rest of the page. */
export interface Stage {
  /** Show everything. */
  fit(): void;
  /** Bring a vertex into sight without leaving the zoom. */
  reveal(vertex: number): void;
  zoomBy(factor: number): void;
  panBy(dx: number, dy: number): void;
  /** Vertex under a point of the window (client coordinates). */
  vertexAt(x: number, y: number): number | null;
  /** Bar or ribbon under such a point. */
  partAt(x: number, y: number): PartKey | null;
  /** Where a vertex stands in the stage, CSS pixels. */
  point(vertex: number): { x: number; y: number };
  /** The finished picture (all edges), `scale` times the size on screen. */
  picture(scale: number): Promise<HTMLCanvasElement>;
  /** The same as SVG text: the strongest edges as paths, vertices, headings. */
  svg(): string;
  /** Draw now, wholly, without waiting for a frame (printing, tests). */
  finish(): void;
  timings: Timings;
}

/** Milliseconds since the page began to load; `frames`: durations of the last 600 frames. */
export interface Timings {
  decoded: number;
  first: number;
  complete: number;
  frames: number[];
}
