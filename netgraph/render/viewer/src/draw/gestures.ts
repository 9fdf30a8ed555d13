/** Wheel, drag, pinch and double click on the picture, as d3-zoom understands them. */

import { select } from "d3-selection";
import { zoom, zoomIdentity, type ZoomTransform } from "d3-zoom";
import type { Camera } from "../core/state";
import type { Size } from "./view";

export interface Gestures {
  /** The camera that a gesture starts from: keys and buttons move it, too. */
  current(): Camera;
  /** The same camera, or the nearest that is allowed. */
  within(camera: Camera): Camera;
  range(): readonly [number, number];
  size(): Size;
  go(camera: Camera): void;
  /** Whether a turn of the wheel is meant for the picture. */
  wheeled(event: WheelEvent): boolean;
}

/** CSS pixels that a pointer may tremble during a click. */
const TREMBLE = 4;
/** What begins a gesture. */
const BEGINNINGS = ["wheel", "mousedown", "touchstart", "dblclick"];

export function followGestures(canvas: HTMLCanvasElement, follow: Gestures): void {
  const { current, within, range, size, go, wheeled } = follow;
  const cameraOf = ({ x, y, k }: ZoomTransform): Camera => {
    const { width, height } = size();
    return { x: (width / 2 - x) / k, y: (height / 2 - y) / k, zoom: k };
  };
  const transformOf = ({ x, y, zoom: k }: Camera): ZoomTransform => {
    const { width, height } = size();
    return zoomIdentity.translate(width / 2 - x * k, height / 2 - y * k).scale(k);
  };
  const behaviour = zoom<HTMLCanvasElement, unknown>()
    .extent((): [[number, number], [number, number]] => {
      const { width, height } = size();
      return [
        [0, 0],
        [width, height],
      ];
    })
    .constrain((transform) => transformOf(within(cameraOf(transform))))
    .filter((event: MouseEvent | TouchEvent) =>
      event instanceof WheelEvent ? wheeled(event) : !event.ctrlKey && !("button" in event && event.button),
    )
    .clickDistance(TREMBLE)
    // Two loads and two machines show the same: no animation whose middle depends on the clock.
    .duration(0)
    .on("zoom", ({ transform, sourceEvent }: { transform: ZoomTransform; sourceEvent: unknown }) => {
      if (sourceEvent) go(cameraOf(transform));
    });
  const picture = select(canvas);
  // Heard before d3-zoom's own listeners, so that each gesture starts from where the camera stands now.
  for (const kind of BEGINNINGS)
    canvas.addEventListener(
      kind,
      () => {
        const [low, high] = range();
        behaviour.scaleExtent([low, high]);
        picture.call((on) => behaviour.transform(on, transformOf(current())));
      },
      { capture: true, passive: true },
    );
  picture.call(behaviour);
  // The browser's own scrolling and zooming by fingers would fight with the picture's.
  canvas.style.touchAction = "none";
}
