/** Folded layers. */

import type { Layer } from "../core/model";
import { count } from "../ui/format";
import type { Frame } from "./frame";
import { css, font, mix, shorten, write } from "./text";

/** A folded layer: one bar with its name along it. */
export function drawFolded(frame: Frame, layer: Layer): void {
  const { context, palette } = frame;
  const box = frame.place.boxes[layer.index];
  if (!box) return;
  const [x, y] = [frame.toX(box.x), frame.toY(box.y)];
  const [width, height] = [Math.max(3, box.width * frame.zoom), Math.max(3, box.height * frame.zoom)];
  context.beginPath();
  context.roundRect(x, y, width, height, Math.min(5, width / 2, height / 2));
  context.fillStyle = css(mix(palette.card, palette.vertex, 0.22));
  context.fill();
  context.strokeStyle = css(palette.vertex);
  context.lineWidth = 1;
  context.stroke();
  if (width < 13) return;
  const style = font(Math.min(12, width - 4), 600);
  const words = `${layer.name} · ${count(layer.size)}`;
  context.save();
  context.translate(x + width / 2, y + height / 2);
  context.rotate(-Math.PI / 2);
  write(context, shorten(context, words, style, height - 12, "left"), 0, 0, {
    fill: palette.text,
    halo: mix(palette.card, palette.vertex, 0.22),
    style,
    align: "center",
    baseline: "middle",
  });
  context.restore();
}
