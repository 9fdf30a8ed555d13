/** The picture in the middle of the page: it draws what the state says, and no more often than it must. */

import type { EdgeValues, Model } from "../core/model";
import type { State, Store } from "../core/state";
import type { PartKey } from "../core/parts";
import { sumsOf, summing } from "../core/sums";
import { readingOf, ribboned, shownEdges, summable } from "../ui/reading";
import { arrange } from "./arrange";
import { createCamera, remembered } from "./camera";
import { canvas as makeCanvas, createEngine } from "./engine";
import type { Palette, Stage, Timings } from "./frame";
import { createPicker, type Picker } from "./hit";
import { createVertexLayer } from "./layer";
import { createLoop } from "./loop";
import { createMatrix } from "./matrix";
import { roomForNames } from "./names";
import { readPalette } from "./palette";
import { partAt, ribbonsAt } from "./modules";
import { listen } from "./pointer";
import { createTracer, drawGathered, drawScene, frameOf, litOf, wantedOf, type Scene } from "./scene";
import { spritesPending } from "./sprites";
import { svgOf } from "./svg";
import { drawVertices } from "./vertices";
import { projectionOf, type Size } from "./view";

/** Milliseconds for pictures of vertices in a frame: at rest, and while the picture moves. */
const BUDGET = 8;
const MOVING_BUDGET = 2;
/** The first frame shows as many edges as this many milliseconds allow. */
const FIRST = 60;
const FRAMES = 600;
/** Milliseconds: frames this close together belong to one movement. */
const CONTINUOUS = 100;
/** Pixels of the canvas a CSS pixel, in print. */
const PAPER = 2.5;
/** CSS pixels by which a square may be missed. */
const SLACK = 3;

/** The stage, and its first frame: drawn at once, when the interface around it has taken its room. */
export interface Beginning extends Stage {
  begin(): void;
}

export function createStage(host: HTMLElement, model: Model, store: Store): Beginning {
  const root = document.documentElement;
  const canvas = host.querySelector("canvas") ?? host.appendChild(document.createElement("canvas"));
  const context = canvas.getContext("2d", { alpha: false })!;
  const grid = host.querySelector<HTMLElement>("#matrix") ?? host.appendChild(document.createElement("div"));
  const matrix = createMatrix(grid, model, store);
  const engine = createEngine(model);
  const tracer = createTracer(model);
  const layer = createVertexLayer();
  const timings: Timings = { decoded: 0, first: 0, complete: 0, frames: [] };

  let size: Size = measure();
  const names = roomForNames(model);
  const arranged = remembered(
    () => arrange(model, store.state.folded, size, names, context, ribboned(model, store.state)),
    () => [store.state.folded, size.width, size.height, ribboned(model, store.state)],
  );
  let { place } = arranged();
  let picker: Picker = createPicker(model, place);
  let palette: Palette = readPalette();
  let last = 0;
  let begun = false;
  let printing = false;

  const camera = createCamera(canvas, {
    store,
    place: () => place,
    size: () => size,
    fit: () => arranged().fit,
    moved: () => loop.moved(),
  });
  const loop = createLoop({
    draw: () => draw(loop.moving ? MOVING_BUDGET : BUDGET),
    work(deadline) {
      if (store.state.view === "matrix") return false;
      const adding = !summed(deadline);
      if (place.bars) return adding;
      if (engine.work(deadline)) loop.frame();
      return adding || !engine.complete;
    },
    ended: () => settle(),
    rested: () => refresh(),
  });

  function measure(): Size {
    const { width, height } = host.getBoundingClientRect();
    return {
      width: Math.max(1, Math.round(width)),
      height: Math.max(1, Math.round(height)),
      ratio: Math.max(1, Math.min(2, window.devicePixelRatio || 1)),
    };
  }

  const values = remembered(
    (): EdgeValues => model.values(readingOf(store.state)),
    () => {
      const { view, matrixOf, sample, target, lesioned } = store.state;
      return [view, matrixOf, sample, target, lesioned];
    },
  );

  /** Adds up what runs between the modules, where that is wanted; false: there is more to add. */
  function summed(deadline: number): boolean {
    if (!summable(model, store.state)) return true;
    const done = summing(model, values()).step(deadline);
    if (store.state.summed !== done) store.set({ summed: done });
    return done;
  }

  /** What is to be seen, is. */
  const drawn = (): boolean =>
    (place.bars !== null || engine.complete) && (!summable(model, store.state) || !!sumsOf(values()));

  function sceneOf(state: Readonly<State> = store.state): Scene {
    const reading = readingOf(state);
    return { model, state, reading, values: values(), place, palette, camera: camera.current(), size };
  }

  /** Everything is drawn anew, as far as it has changed. */
  function refresh(): void {
    if (!begun) return;
    delete root.dataset["complete"];
    if (store.state.view !== "matrix" && !loop.moving) {
      if (!place.bars) engine.want(wantedOf(sceneOf()));
      if (!drawn()) loop.work();
      else summed(0);
    }
    loop.frame();
  }

  function draw(budget: number): void {
    const began = performance.now();
    if (canvas.width !== Math.round(size.width * size.ratio))
      canvas.width = Math.round(size.width * size.ratio);
    if (canvas.height !== Math.round(size.height * size.ratio))
      canvas.height = Math.round(size.height * size.ratio);
    if (store.state.view === "matrix") matrix.draw(palette, size.ratio);
    else if (place.bars) drawGathered(context, sceneOf());
    else {
      const scene = sceneOf();
      const moving = loop.moving && budget < Infinity;
      drawScene(context, scene, engine, tracer(scene.values, scene.state), (frame) =>
        layer.draw(context, scene, frame, budget, moving),
      );
      if (spritesPending()) loop.frame();
    }
    const now = performance.now();
    // In a row of frames what counts is when the next one came; a single one is as long as its drawing.
    timings.frames.push(began - last < CONTINUOUS ? now - last : now - began);
    if (timings.frames.length > FRAMES) timings.frames.shift();
    last = now;
    timings.first ||= now;
    settle();
  }

  /** Says so when nothing more is going to change by itself. */
  function settle(): void {
    const matrixShown = store.state.view === "matrix";
    if (!matrixShown && drawn()) timings.complete ||= performance.now();
    const done = matrixShown || (drawn() && (place.bars !== null || !spritesPending()));
    if (done && loop.idle) root.dataset["complete"] = "yes";
    else delete root.dataset["complete"];
  }

  function finish(): void {
    if (store.state.view !== "matrix") {
      summed(Infinity);
      if (!place.bars) engine.want(wantedOf(sceneOf()));
      while (!place.bars && !engine.complete) engine.work(Infinity);
    }
    draw(Infinity);
  }

  function repaint(dark: boolean): void {
    root.dataset["theme"] = dark ? "dark" : "light";
    palette = readPalette();
  }

  function rearrange(): void {
    ({ place } = arranged());
    picker = createPicker(model, place);
  }

  /** As much as the first frame has time for. */
  function first(): void {
    if (store.state.view === "matrix") return;
    const deadline = performance.now() + FIRST;
    if (place.bars) return void summed(deadline);
    engine.want(wantedOf(sceneOf()));
    engine.work(deadline);
  }

  function resize(): void {
    // On paper the picture keeps the shape that it had on the screen.
    if (!begun || printing || window.matchMedia("print").matches) return;
    const next = measure();
    if (next.width === size.width && next.height === size.height && next.ratio === size.ratio) return;
    size = next;
    rearrange();
    // At once, edges and all: in a window of another shape everything stands elsewhere, and a canvas that is stretched
    // or empty until the next frame flickers.
    first();
    draw(MOVING_BUDGET);
    refresh();
  }

  store.subscribe((state, changed) => {
    if (changed.has("theme")) repaint(state.theme === "dark");
    if (changed.has("folded") || changed.has("ribbons") || changed.has("view")) rearrange();
    if (changed.has("view")) grid.hidden = state.view !== "matrix";
    refresh();
  });
  /** A point of the window in stage CSS pixels, and in stage units. */
  function local(event: { clientX: number; clientY: number }) {
    const { left, top } = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const { x: cx, y: cy, zoom } = camera.current();
    const stageX = (x - size.width / 2) / zoom + cx;
    const stageY = (y - size.height / 2) / zoom + cy;
    return { x, y, stageX, stageY };
  }
  listen(canvas, {
    store,
    local,
    picker: () => (place.bars ? null : picker),
    part: partUnder,
    slack: () => SLACK / camera.current().zoom,
    centre: camera.centre,
  });
  /** Bar or ribbon at a point in stage units; null: none, or vertices are drawn. */
  function partUnder(x: number, y: number): PartKey | null {
    if (!place.bars) return null;
    const ribbons = ribbonsAt(model, place, sumsOf(values()), store.state);
    return partAt(context, place, ribbons, [x, y], SLACK / camera.current().zoom);
  }
  new ResizeObserver(resize).observe(host);
  window.addEventListener("resize", resize);
  // Paper is light and fine, whatever the screen.
  window.addEventListener("beforeprint", () => {
    printing = true;
    repaint(false);
    size = { ...size, ratio: PAPER };
    rearrange();
    finish();
  });
  const printed = (): void => {
    printing = false;
    repaint(store.state.theme === "dark");
    size = measure();
    rearrange();
    refresh();
  };
  window.addEventListener("afterprint", printed);
  // Some browsers say so while the page is still laid out for paper.
  window.matchMedia("print").addEventListener("change", ({ matches }) => matches || printed());

  grid.hidden = store.state.view !== "matrix";
  repaint(store.state.theme === "dark");

  const stage: Beginning = {
    begin() {
      size = measure();
      rearrange();
      first();
      draw(BUDGET);
      begun = true;
      refresh();
    },
    fit: () => store.set({ camera: null }),
    reveal(vertex) {
      const { folded } = store.state;
      const layer = model.layerOf(vertex).index;
      if (folded.has(layer)) store.set({ folded: new Set([...folded].filter((other) => other !== layer)) });
      const { x, y } = stage.point(vertex);
      const margin = 40;
      if (x < margin || y < margin || x > size.width - margin || y > size.height - margin)
        camera.centre(place.x[vertex]!, place.y[vertex]!);
    },
    zoomBy: camera.zoomBy,
    panBy: camera.panBy,
    vertexAt(x, y) {
      const { stageX, stageY } = local({ clientX: x, clientY: y });
      return place.bars ? null : picker.at(stageX, stageY, SLACK / camera.current().zoom);
    },
    partAt(x, y) {
      const { stageX, stageY } = local({ clientX: x, clientY: y });
      return partUnder(stageX, stageY);
    },
    point(vertex) {
      const { toX, toY } = projectionOf(camera.current(), size);
      return { x: toX(place.x[vertex]!), y: toY(place.y[vertex]!) };
    },
    async picture(scale) {
      if (store.state.view === "matrix") return matrix.picture(palette, scale);
      const state = { ...store.state, hovered: null, pointed: null };
      const scene = { ...sceneOf(state), size: { ...size, ratio: scale } };
      const made = makeCanvas(size.width * scale, size.height * scale);
      if (place.bars) {
        summed(Infinity);
        drawGathered(made.getContext("2d")!, scene);
        return made;
      }
      const own = createEngine(model);
      own.want(wantedOf(scene));
      while (!own.complete) own.work(Infinity);
      drawScene(made.getContext("2d")!, scene, own, tracer(scene.values, state), (frame) =>
        drawVertices(frame, Infinity),
      );
      return made;
    },
    svg() {
      if (store.state.view === "matrix") return matrix.svg(palette);
      const scene = sceneOf();
      summed(Infinity);
      const lit = litOf(scene, tracer(scene.values, scene.state));
      return svgOf(frameOf(context, scene, lit), shownEdges(model, scene.values, scene.state));
    },
    finish,
    timings,
  };
  return stage;
}
