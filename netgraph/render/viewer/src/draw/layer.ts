/**
 * The vertices while the picture is dragged: drawn once, then moved as one bitmap.
 *
 * A thousand pictures cost 15 ms a frame on a machine without a GPU; moved together they cost one. Only the strips that
 * come into sight are drawn as they come.
 */

import { canvas as makeCanvas } from "./engine";
import type { Frame } from "./frame";
import { frameOf, type Scene } from "./scene";
import { drawVertices } from "./vertices";

export interface VertexLayer {
  /** `budget`: milliseconds for pictures that were not yet made. */
  draw(context: CanvasRenderingContext2D, scene: Scene, frame: Frame, budget: number, moving: boolean): void;
}

export function createVertexLayer(): VertexLayer {
  let bitmap: HTMLCanvasElement | null = null;
  let key: readonly unknown[] = [];
  let from = { x: 0, y: 0 };

  function fill(scene: Scene, lit: Frame["lit"], budget: number): HTMLCanvasElement {
    const { size, camera } = scene;
    const [width, height] = [Math.round(size.width * size.ratio), Math.round(size.height * size.ratio)];
    if (bitmap?.width !== width || bitmap.height !== height) bitmap = makeCanvas(width, height);
    const context = bitmap.getContext("2d")!;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    drawVertices(frameOf(context, scene, lit), budget);
    from = { x: camera.x, y: camera.y };
    return bitmap;
  }

  return {
    draw(context, scene, frame, budget, moving) {
      if (!moving) {
        key = [];
        return drawVertices(frame, budget);
      }
      const { size, camera } = scene;
      const now = keyOf(scene, frame);
      const same = bitmap && key.length && now.every((part, at) => part === key[at]);
      const drawn = same ? bitmap! : fill(scene, frame.lit, budget);
      key = now;
      const whole = (shift: number): number => Math.round(shift * camera.zoom * size.ratio) / size.ratio;
      const [x, y] = [whole(from.x - camera.x), whole(from.y - camera.y)];
      context.drawImage(drawn, x, y, size.width, size.height);
      if (!x && !y) return;
      context.save();
      context.beginPath();
      context.rect(0, 0, size.width, size.height);
      context.rect(x, y, size.width, size.height);
      context.clip("evenodd");
      drawVertices(frame, budget);
      context.restore();
    },
  };
}

/** What the vertices' looks depend on, beside where the camera stands. */
function keyOf({ state, place, palette, values, size, camera }: Scene, { lit }: Frame): readonly unknown[] {
  const { hovered, selected, second, traced, lesioned, colour } = state;
  return [
    camera.zoom,
    size,
    place,
    palette,
    values,
    lit,
    hovered,
    selected,
    second,
    traced,
    lesioned,
    colour,
  ];
}
