/** Wheel, drag, pinch and double click on the picture, told as moves and zooms in CSS pixels. */

export interface Gestures {
  pan(dx: number, dy: number): void;
  /** About a point of the canvas, which stays where it is. */
  zoom(factor: number, x: number, y: number): void;
  /** Whether a turn of the wheel is meant for the picture. */
  wheeled(event: WheelEvent): boolean;
}

/** CSS pixels that a pointer may tremble during a click. */
const TREMBLE = 4;
/** Doublings of the zoom per pixel, line and page of the wheel; a pinch on a touchpad comes as ten times less. */
const WHEEL: Record<number, number> = { 0: 0.002, 1: 0.05, 2: 1 };
const TOUCHPAD = 10;

export function followGestures(canvas: HTMLCanvasElement, { pan, zoom, wheeled }: Gestures): void {
  const pointers = new Map<number, { x: number; y: number }>();
  let travelled = 0;

  const place = (event: MouseEvent): { x: number; y: number } => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  /** Middle of the fingers, and how far they are apart (1 for a single one). */
  const grip = (): { x: number; y: number; spread: number } => {
    const [first, second = first] = [...pointers.values()];
    const apart = Math.hypot(first!.x - second!.x, first!.y - second!.y);
    return { x: (first!.x + second!.x) / 2, y: (first!.y + second!.y) / 2, spread: Math.max(1, apart) };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || event.ctrlKey || pointers.size > 1) return;
    if (!pointers.size) travelled = 0;
    pointers.set(event.pointerId, place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    // A button that was let go outside of the window is not reported, but seen now.
    if (!event.buttons) return release(event);
    const before = grip();
    pointers.set(event.pointerId, place(event));
    const now = grip();
    travelled +=
      Math.abs(now.x - before.x) + Math.abs(now.y - before.y) + Math.abs(now.spread - before.spread);
    if (travelled < TREMBLE) return;
    if (!canvas.hasPointerCapture(event.pointerId)) canvas.setPointerCapture(event.pointerId);
    pan(before.x - now.x, before.y - now.y);
    if (now.spread !== before.spread) zoom(now.spread / before.spread, now.x, now.y);
  });
  const release = (event: PointerEvent): void => void pointers.delete(event.pointerId);
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener(
    "click",
    (event) => {
      // The end of a drag is no click.
      if (travelled >= TREMBLE) event.stopImmediatePropagation();
      travelled = 0;
    },
    { capture: true },
  );
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!wheeled(event)) return;
      event.preventDefault();
      const { x, y } = place(event);
      const turns = event.deltaY * (WHEEL[event.deltaMode] ?? WHEEL[0]!) * (event.ctrlKey ? TOUCHPAD : 1);
      zoom(2 ** -turns, x, y);
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", (event) => {
    const { x, y } = place(event);
    zoom(event.shiftKey ? 0.5 : 2, x, y);
  });
  // The browser's own scrolling and zooming by fingers would fight with the picture's.
  canvas.style.touchAction = "none";
}
