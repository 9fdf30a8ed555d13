/** Where the window lies in the whole picture, bottom left, while not everything is seen. */

import type { Frame } from "./frame";
import { css } from "./text";

const WIDTH = 132;
const HEIGHT = 80;
const MARGIN = 12;
const INSIDE = 8;

/** The map as last drawn: stage units to pixels. */
let shown: { left: number; top: number; x: number; y: number; scale: number } | null = null;

export function drawMinimap(frame: Frame): void {
  const { context, palette, place } = frame;
  // Stage units that the window shows.
  const [left, top] = [-frame.toX(0) / frame.zoom, -frame.toY(0) / frame.zoom];
  const [wide, high] = [frame.width / frame.zoom, frame.height / frame.zoom];
  const slack = 0.5;
  const whole =
    left <= slack && top <= slack && left + wide >= place.width - slack && top + high >= place.height - slack;
  if (whole || frame.width < 3 * WIDTH || frame.height < 3 * HEIGHT || !(place.width > 0)) {
    shown = null;
    return;
  }
  const x = MARGIN;
  const y = frame.height - HEIGHT - MARGIN;
  const scale = Math.min(
    (WIDTH - 2 * INSIDE) / place.width,
    (HEIGHT - 2 * INSIDE) / Math.max(place.height, 1e-9),
  );
  const offsetX = x + WIDTH / 2 - (place.width * scale) / 2;
  const offsetY = y + HEIGHT / 2 - (place.height * scale) / 2;
  shown = { left: x, top: y, x: offsetX, y: offsetY, scale };
  context.save();
  context.beginPath();
  context.roundRect(x, y, WIDTH, HEIGHT, 6);
  context.globalAlpha = 0.94;
  context.fillStyle = css(palette.card);
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = css(palette.line);
  context.lineWidth = 1;
  context.stroke();
  context.clip();
  context.fillStyle = css(palette.vertex, 0.75);
  for (const box of place.boxes) {
    const width = Math.max(1.5, box.width * scale);
    const height = Math.max(1.5, box.height * scale);
    context.fillRect(offsetX + box.x * scale, offsetY + box.y * scale, width, height);
  }
  context.strokeStyle = css(palette.text);
  context.fillStyle = css(palette.text, 0.08);
  context.lineWidth = 1.25;
  const [seenX, seenY] = [offsetX + left * scale, offsetY + top * scale];
  // Kept inside the map, so that the outline is seen whole.
  const right = Math.min(x + WIDTH - 1.5, seenX + wide * scale);
  const bottom = Math.min(y + HEIGHT - 1.5, seenY + high * scale);
  const [startX, startY] = [Math.max(x + 1.5, seenX), Math.max(y + 1.5, seenY)];
  context.fillRect(startX, startY, right - startX, bottom - startY);
  context.strokeRect(startX, startY, right - startX, bottom - startY);
  context.restore();
}

/** The place, in stage units, that a point of the window (CSS pixels) stands for on the minimap; null: beside it. */
export function minimapAt(x: number, y: number): { x: number; y: number } | null {
  if (!shown || x < shown.left || y < shown.top || x > shown.left + WIDTH || y > shown.top + HEIGHT)
    return null;
  return { x: (x - shown.x) / shown.scale, y: (y - shown.y) / shown.scale };
}
