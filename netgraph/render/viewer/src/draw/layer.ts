/**
 * The vertices as bitmaps: drawn once, then moved while the picture is dragged, or kept while the pointer wanders.
 *
 * A thousand pictures cost 15 ms a frame on a machine without a GPU, and as bitmap one. Only the strips that come into
 * sight, or the vertices in focus, are drawn as they come.
 */

import { canvas as makeCanvas } from "./engine";
import type { Frame } from "./frame";
import { frameOf, type Scene } from "./scene";
import { keepPending, spritesPending } from "./sprites";
import { drawBodies, drawVertices, drawWords } from "./vertices";

export interface VertexLayer {
  /** `budget`: milliseconds for pictures that were not yet made. */
  draw(context: CanvasRenderingContext2D, scene: Scene, frame: Frame, budget: number, moving: boolean): void;
}

/** Fewer vertices are drawn anew each time. */
const FEW = 100;
const NONE: ReadonlySet<number> = new Set();

/** A drawing, and what it depends on. */
class Bitmap {
  private canvas: HTMLCanvasElement | null = null;
  private key: readonly unknown[] = [];
  /** Where the camera stood. */
  from = { x: 0, y: 0 };

  /** The drawing as it was, or drawn again if what it depends on has changed. */
  get(scene: Scene, key: readonly unknown[], draw: (frame: Frame) => void): HTMLCanvasElement {
    const { size, camera } = scene;
    if (this.canvas && this.key.length && key.every((part, at) => part === this.key[at])) return this.canvas;
    const [width, height] = [Math.round(size.width * size.ratio), Math.round(size.height * size.ratio)];
    if (this.canvas?.width !== width || this.canvas.height !== height)
      this.canvas = makeCanvas(width, height);
    const context = this.canvas.getContext("2d")!;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    draw(frameOf(context, scene, null));
    this.from = { x: camera.x, y: camera.y };
    // A drawing that lacks pictures is good for one frame.
    this.key = spritesPending() ? [] : key;
    return this.canvas;
  }
}

export function createVertexLayer(): VertexLayer {
  const [moved, bright, faded] = [new Bitmap(), new Bitmap(), new Bitmap()];

  /** What is not in focus changes only when focus comes or goes: a bitmap of it lies below the vertices that are. */
  function rest(context: CanvasRenderingContext2D, scene: Scene, frame: Frame, budget: number): void {
    const { size, camera } = scene;
    const { lit } = frame;
    const key = [...looksOf(scene), camera.x, camera.y];
    const ground = (lit ? faded : bright).get(scene, key, (onto) =>
      drawBodies(lit ? { ...onto, lit: NONE } : onto, budget),
    );
    context.drawImage(ground, 0, 0, size.width, size.height);
    const pending = spritesPending();
    if (lit) drawBodies(frame, budget, lit);
    if (pending) keepPending();
    drawWords(frame);
  }

  function drag(context: CanvasRenderingContext2D, scene: Scene, frame: Frame, budget: number): void {
    const { size, camera, state } = scene;
    const key = [...looksOf(scene), frame.lit, state.hovered, state.selected, state.second];
    const drawn = moved.get(scene, key, (onto) => drawVertices({ ...onto, lit: frame.lit }, budget));
    const whole = (shift: number): number => Math.round(shift * camera.zoom * size.ratio) / size.ratio;
    const [x, y] = [whole(moved.from.x - camera.x), whole(moved.from.y - camera.y)];
    context.drawImage(drawn, x, y, size.width, size.height);
    if (!x && !y) return;
    context.save();
    context.beginPath();
    context.rect(0, 0, size.width, size.height);
    context.rect(x, y, size.width, size.height);
    context.clip("evenodd");
    drawVertices(frame, budget);
    context.restore();
  }

  return {
    draw(context, scene, frame, budget, moving) {
      if (scene.model.n < FEW) drawVertices(frame, budget);
      else if (moving) drag(context, scene, frame, budget);
      else rest(context, scene, frame, budget);
    },
  };
}

/** What the vertices' looks depend on, beside the focus and where the camera stands. */
function looksOf({ state, place, palette, values, size, camera }: Scene): readonly unknown[] {
  const { sample, lesioned, colour } = state;
  return [camera.zoom, size, place, palette, values, sample, lesioned, colour];
}
