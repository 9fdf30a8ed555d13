/** One picture: edges, what is in focus, vertices, names, in the order in which they lie above each other. */

import type { Groups } from "../core/groups";
import type { EdgeValues, Model, Reading } from "../core/model";
import { sumsOf } from "../core/sums";
import type { Camera, State } from "../core/state";
import type { Engine, Wanted } from "./engine";
import { traceOf, traceOfEdges, type Trace } from "./focus";
import type { Frame, Palette, Place } from "./frame";
import { drawHeadings } from "./headings";
import { drawModules } from "./modules";
import { drawMinimap } from "./minimap";
import { colourer, coloursOf, createStroker, lookOf } from "./strokes";
import { projectionOf, type Size } from "./view";

/** What is to be seen. */
export interface Scene {
  model: Model;
  state: Readonly<State>;
  reading: Reading;
  values: EdgeValues;
  place: Place;
  palette: Palette;
  camera: Camera;
  size: Size;
}

/** What is left of the other edges while something is in focus. */
const FADED = 0.16;

export function wantedOf({ state, values, place, palette, camera, size }: Scene): Wanted {
  const { top, positive, negative, density, colour, isolated } = state;
  return { values, place, palette, size, camera, top, positive, negative, density, colour, isolated };
}

/** Edges and vertices in focus, found again only when what they depend on has changed. */
export function createTracer(model: Model): (values: EdgeValues, state: Readonly<State>) => Trace | null {
  let key: unknown[] = [];
  let trace: Trace | null = null;
  return (values, state) => {
    const focus = focusOf(state);
    const now = [values, focus, state.second, state.traced, state.positive, state.negative];
    if (key.length && now.every((part, at) => part === key[at])) return trace;
    key = now;
    if (state.traced.length) trace = traceOfEdges(model, values, state.traced);
    else trace = focus === null ? null : traceOf(model, values, focus, state);
    if (trace && focus !== null) trace.vertices.add(focus);
    if (trace && state.second !== null) trace.vertices.add(state.second);
    return trace;
  };
}

export const focusOf = (state: Readonly<State>): number | null => state.hovered ?? state.selected;

export function frameOf(
  context: CanvasRenderingContext2D,
  scene: Scene,
  lit: ReadonlySet<number> | null,
): Frame {
  const { camera, size, place, palette, model, state, reading, values } = scene;
  return {
    context,
    ...size,
    zoom: camera.zoom,
    ...projectionOf(camera, size),
    place,
    palette,
    model,
    state,
    reading,
    values,
    focus: focusOf(state),
    lit,
  };
}

/** Draws the scene over what was there; `vertices` draws what lies between the edges and the names. */
export function drawScene(
  context: CanvasRenderingContext2D,
  scene: Scene,
  engine: Engine,
  trace: Trace | null,
  vertices: (frame: Frame) => void,
): void {
  const { size, camera } = scene;
  clear(context, scene);
  engine.paint(context, camera, size, trace ? FADED : 1);
  if (trace) drawTrace(context, scene, trace);
  finishScene(context, scene, litOf(scene, trace), vertices);
}

/** Modules and ribbons instead of vertices and edges. */
export function drawGathered(context: CanvasRenderingContext2D, scene: Scene): void {
  clear(context, scene);
  finishScene(context, scene, null, (frame) => drawModules(frame, sumsOf(scene.values)));
}

/** Vertices that stay bright: those in focus, or of the isolated module; null: all. */
export function litOf({ model, state }: Scene, trace: Trace | null): ReadonlySet<number> | null {
  if (trace) return trace.vertices;
  const { isolated } = state;
  if (isolated === null || !model.groups) return null;
  const known = alone.get(model.groups)?.get(isolated);
  if (known) return known;
  const lit = new Set<number>();
  model.groups.of.forEach((group, vertex) => group === isolated && lit.add(vertex));
  alone.set(model.groups, new Map([[isolated, lit]]));
  return lit;
}

/** The vertices of the group that was isolated last. */
const alone = new WeakMap<Groups, Map<number, ReadonlySet<number>>>();

function clear(context: CanvasRenderingContext2D, { size, palette }: Scene): void {
  const [red, green, blue] = palette.background;
  context.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
  context.globalAlpha = 1;
  context.globalCompositeOperation = "source-over";
  context.fillStyle = `rgb(${red},${green},${blue})`;
  context.fillRect(0, 0, size.width, size.height);
}

function finishScene(
  context: CanvasRenderingContext2D,
  scene: Scene,
  lit: ReadonlySet<number> | null,
  body: (frame: Frame) => void,
): void {
  const frame = frameOf(context, scene, lit);
  for (const draw of [body, drawHeadings, drawMinimap]) {
    context.save();
    draw(frame);
    context.restore();
  }
}

/** The edges in focus, as if the strongest of them were the strongest of all. */
function drawTrace(context: CanvasRenderingContext2D, scene: Scene, trace: Trace): void {
  const { model, values, place, palette, state, camera, size } = scene;
  context.save();
  const draw = createStroker(context, {
    model,
    values,
    place,
    projection: projectionOf(camera, size),
    colours: coloursOf(model, palette, state.colour),
    colourOf: colourer(model, values, state.colour, palette.modules.length),
    wholly: true,
  });
  const path = state.traced.length > 0;
  for (const { edge, steps } of trace.edges) {
    const share = trace.largest > 0 ? Math.abs(values.value[edge]!) / trace.largest : 0;
    const { alpha, width } = lookOf(share, 1);
    // A path is seen whole, whatever its weakest edge; edges of the focus come before those further away.
    if (path) draw(edge, { alpha: 1, width: Math.max(1.8, width) });
    else if (steps === 0) draw(edge, { alpha: Math.max(0.4, alpha), width: Math.max(1, width) });
    else draw(edge, { alpha: alpha * 0.7, width: width * 0.7 });
  }
  context.restore();
}
