/** Moving the picture by wheel, drag, pinch and double click. The camera itself stands in the page's state. */

import { select } from "d3-selection";
import { zoom, zoomIdentity, type D3ZoomEvent } from "d3-zoom";
import type { Camera, Store } from "../core/state";
import type { Place } from "./frame";
import { bounded, fitted, sameCamera, zoomRange, type Size } from "./view";

export interface CameraControl {
  /** Where the camera stands: as the state says, or so that everything fits. */
  current(): Camera;
  /** Tells the gestures where the camera stands, after a change from elsewhere. */
  sync(): void;
  zoomBy(factor: number): void;
  panBy(dx: number, dy: number): void;
  centre(x: number, y: number): void;
}

interface Surroundings {
  store: Store;
  place(): Place;
  size(): Size;
  /** Labels stand to the right of the outputs. */
  outputs: boolean;
  /** The camera is being moved. */
  moved(): void;
}

export function createCamera(canvas: HTMLCanvasElement, around: Surroundings): CameraControl {
  const { store } = around;
  const surface = select<HTMLCanvasElement, unknown>(canvas);
  let told: Camera | null = null;
  let telling = false;

  const fit = (): Camera => fitted(around.place(), around.size(), around.outputs);
  const range = (): [number, number] => zoomRange(around.place(), fit());
  const current = (): Camera => {
    const { camera } = store.state;
    return camera && [camera.x, camera.y, camera.zoom].every(Number.isFinite)
      ? bounded(camera, around.place(), range())
      : fit();
  };

  const embedded = window.parent !== window;
  const behaviour = zoom<HTMLCanvasElement, unknown>()
    .clickDistance(4)
    .filter((event: Event) => {
      const { ctrlKey = false, button = 0, type } = event as Partial<MouseEvent> & Event;
      // Inside a notebook the wheel scrolls the notebook until the picture has been clicked.
      if (type === "wheel") return ctrlKey || !embedded || document.activeElement === canvas;
      return !ctrlKey && !button;
    })
    .extent(() => [
      [0, 0],
      [around.size().width, around.size().height],
    ])
    .constrain((transform) => {
      const { width, height } = around.size();
      const wanted = {
        x: (width / 2 - transform.x) / transform.k,
        y: (height / 2 - transform.y) / transform.k,
        zoom: transform.k,
      };
      const { x, y, zoom: k } = bounded(wanted, around.place(), range());
      return zoomIdentity.translate(width / 2 - x * k, height / 2 - y * k).scale(k);
    })
    .on("zoom", ({ transform }: D3ZoomEvent<HTMLCanvasElement, unknown>) => {
      if (telling) return;
      const { width, height } = around.size();
      const { x, y, k } = transform;
      told = { x: (width / 2 - x) / k, y: (height / 2 - y) / k, zoom: k };
      around.moved();
      store.set({ camera: told });
    });
  if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) behaviour.duration(0);
  surface.call(behaviour);
  canvas.style.touchAction = "none";

  function sync(): void {
    const camera = current();
    if (told && sameCamera(told, camera)) return;
    told = camera;
    const { width, height } = around.size();
    const { x, y, zoom: k } = camera;
    telling = true;
    behaviour.scaleExtent(range());
    surface.call(behaviour.transform, zoomIdentity.translate(width / 2 - x * k, height / 2 - y * k).scale(k));
    telling = false;
  }

  function go(wanted: Camera): void {
    around.moved();
    store.set({ camera: bounded(wanted, around.place(), range()) });
  }

  return {
    current,
    sync,
    zoomBy: (factor) => go({ ...current(), zoom: current().zoom * factor }),
    panBy(dx, dy) {
      const { x, y, zoom: k } = current();
      go({ x: x + dx / k, y: y + dy / k, zoom: k });
    },
    centre: (x, y) => go({ ...current(), x, y }),
  };
}
