/** Where the picture is looked at from. The camera itself stands in the page's state; what fits is the default. */

import type { Camera, Store } from "../core/state";
import type { Place } from "./frame";
import { layingOf, standing } from "./gaps";
import { followGestures } from "./gestures";
import { bounded, zoomRange, type Size } from "./view";

export interface CameraControl {
  /** Where the camera stands: as the state says, or so that everything fits. */
  current(): Camera;
  /** About a point of the canvas (CSS pixels); the middle, if none is given. */
  zoomBy(factor: number, x?: number, y?: number): void;
  panBy(dx: number, dy: number): void;
  centre(x: number, y: number): void;
}

interface Surroundings {
  store: Store;
  place(): Place;
  size(): Size;
  /** The camera that shows everything. */
  fit(): Camera;
  /** The camera is being moved. */
  moved(): void;
}

export function createCamera(canvas: HTMLCanvasElement, around: Surroundings): CameraControl {
  const { store, place, size, moved } = around;
  const limits = remembered(
    () => {
      const fit = around.fit();
      return { fit, range: zoomRange(place(), fit) };
    },
    () => [place(), size()],
  );

  const within = (camera: Camera): Camera => bounded(camera, place(), limits().range);
  const current = (): Camera => {
    const { camera } = store.state;
    const known = camera && [camera.x, camera.y, camera.zoom].every(Number.isFinite);
    return known ? within({ ...camera, x: standing(place().ruler, camera.x) }) : limits().fit;
  };
  const go = (wanted: Camera): void => {
    moved();
    // What lay under the pointer does not lie there any more.
    const camera = within(wanted);
    store.set({ camera: { ...camera, x: layingOf(place().ruler, camera.x) }, hovered: null });
  };
  const control: CameraControl = {
    current,
    zoomBy(factor, x = size().width / 2, y = size().height / 2) {
      const before = current();
      const { zoom } = within({ ...before, zoom: before.zoom * factor });
      const [dx, dy] = [x - size().width / 2, y - size().height / 2];
      const shift = 1 / before.zoom - 1 / zoom;
      go({ x: before.x + dx * shift, y: before.y + dy * shift, zoom });
    },
    panBy(dx, dy) {
      const { x, y, zoom } = current();
      go({ x: x + dx / zoom, y: y + dy / zoom, zoom });
    },
    centre: (x, y) => go({ ...current(), x, y }),
  };

  const embedded = window.parent !== window;
  followGestures(canvas, {
    current,
    within,
    range: () => limits().range,
    size,
    go,
    // Inside a notebook the wheel scrolls the notebook until the picture has been clicked.
    wheeled: (event) => event.ctrlKey || !embedded || document.activeElement === canvas,
  });
  return control;
}

/** Keeps the last result while what it depends on is the same. */
export function remembered<Result>(compute: () => Result, on: () => readonly unknown[]): () => Result {
  let key: readonly unknown[] | null = null;
  let result: Result;
  return () => {
    const now = on();
    if (!key || now.some((part, at) => part !== key![at])) result = compute();
    key = now;
    return result;
  };
}
