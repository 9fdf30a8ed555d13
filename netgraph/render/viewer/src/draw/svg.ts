/** What is seen, as a standalone SVG: edges as paths, vertices as squares or pictures, words as text. */

import { sumsOf } from "../core/sums";
import { viewTitle } from "../ui/reading";
import type { Frame, Palette } from "./frame";
import { drawHeadings } from "./headings";
import { escaped, Markup, rounded } from "./markup";
import { drawModules } from "./modules";
import { colourer, coloursOf, course, crowding, inkOf, lookOf } from "./strokes";
import { css, font, mix, shorten, widthOf, write } from "./text";
import { drawVertices } from "./vertices";

const FOOT = 34;
/** What stays of an edge outside the focus. */
const FADED = 0.16;

/** `edges`: strongest first; the strongest are drawn on top. */
export function svgOf(frame: Frame, edges: Uint32Array): string {
  const markup = new Markup(frame.context);
  const onPaper: Frame = { ...frame, context: markup.context };
  if (frame.place.bars) drawModules(onPaper, sumsOf(frame.values));
  else {
    drawEdges(onPaper, markup, edges);
    drawVertices(onPaper, Infinity);
  }
  drawHeadings(onPaper);
  drawFoot(onPaper);
  return standalone(markup, frame.width, frame.height + FOOT, frame.palette, titleOf(frame));
}

const titleOf = (frame: Frame): string =>
  `${frame.model.data.title} · ${viewTitle(frame.model, frame.state)}`;

/** A whole file around what was drawn. */
export function standalone(
  markup: Markup,
  width: number,
  height: number,
  palette: Palette,
  title: string,
): string {
  const size = `width="${rounded(width)}" height="${rounded(height)}" viewBox="0 0 ${rounded(width)} ${rounded(height)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${size} role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="${css(palette.background)}"/>`,
    ...markup.parts,
    "</svg>",
    "",
  ].join("\n");
}

function drawEdges(frame: Frame, markup: Markup, edges: Uint32Array): void {
  const { model, values, place, palette, state, lit, width, height } = frame;
  const colours = coloursOf(model, palette, state.colour);
  const colourOf = colourer(model, values, state.colour, palette.modules.length);
  const ink = inkOf(edges.length);
  const crowd = crowding(model, place, frame.zoom, edges);
  markup.parts.push('<g fill="none">');
  for (let at = edges.length - 1; at >= 0; at--) {
    const edge = edges[at]!;
    const share = Math.abs(values.value[edge]!) / values.largest;
    if (!(share > 0)) continue;
    const sign = values.sign(edge);
    if (sign < 0 ? !state.negative : !state.positive) continue;
    const [source, target] = [model.source(edge), model.target(edge)];
    const [x0, x1] = [frame.toX(place.x[source]!), frame.toX(place.x[target]!)];
    const [y0, y1] = [frame.toY(place.y[source]!), frame.toY(place.y[target]!)];
    const route = place.routes[model.blockOf(edge).index];
    const beside = Math.max(x0, x1) < 0 || Math.min(x0, x1) > width;
    const beyond = !route?.arc && (Math.max(y0, y1) < 0 || Math.min(y0, y1) > height);
    if (beside || beyond) continue;
    const look = lookOf(share, ink);
    const faded = lit && !(lit.has(source) && lit.has(target));
    let d = "";
    const point = (x: number, y: number): string => `${rounded(x)} ${rounded(y)}`;
    const pen = {
      moveTo: (x: number, y: number): void => void (d += `M${point(x, y)}`),
      lineTo: (x: number, y: number): void => void (d += `L${point(x, y)}`),
      bezierCurveTo: (ax: number, ay: number, bx: number, by: number, x: number, y: number): void =>
        void (d += `C${point(ax, ay)} ${point(bx, by)} ${point(x, y)}`),
    };
    course(pen, place, model.blockOf(edge), source, target, frame);
    const colour = colours[colourOf(edge)] ?? palette.dim;
    const opacity = look.alpha * crowd[model.blockOf(edge).index]! * (faded ? FADED : 1);
    markup.parts.push(
      `<path d="${d}" stroke="${css(colour)}" stroke-width="${rounded(look.width)}" stroke-opacity="${opacity.toFixed(3)}"/>`,
    );
  }
  markup.parts.push("</g>");
}

/** Title, view, and what the colours mean. */
function drawFoot(frame: Frame): void {
  const { context, palette, state, width, height, model } = frame;
  const y = height + FOOT / 2;
  context.globalAlpha = 1;
  context.fillStyle = css(mix(palette.background, palette.card, 0.6));
  context.fillRect(0, height, width, FOOT);
  const style = font(12);
  const ink = { fill: palette.dim, halo: palette.background, style, baseline: "middle" as const };
  const keys: [string, string][] =
    state.colour === "module" && model.module
      ? [
          [
            css(palette.modules[0] ?? palette.vertex),
            `${frame.place.bars ? "ribbons" : "edges"} inside a module have its colour`,
          ],
          [css(palette.dim), "between modules"],
        ]
      : [
          [css(palette.positive), "positive"],
          [css(palette.negative), "negative"],
        ];
  let right = width - 14;
  for (const [colour, words] of keys.reverse()) {
    right -= widthOf(context, words, style);
    write(context, words, right, y, ink);
    right -= 18;
    context.fillStyle = colour;
    context.fillRect(right, y - 2, 12, 4);
    right -= 16;
  }
  write(context, shorten(context, titleOf(frame), style, right - 28, "right"), 14, y, {
    ...ink,
    fill: palette.text,
  });
}
