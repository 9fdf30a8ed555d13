/** A saved picture says by itself what it shows: title above, what the colours mean below. */

import { groupColour } from "../draw/modules";
import { readPalette } from "../draw/palette";
import type { Rgb } from "../draw/frame";
import type { Page } from "./actions";
import { count } from "./format";
import { QUANTITY, readingOf, ribboned, shownEdges, shownView, viewTitle } from "./reading";

const TOP = 46;
const BOTTOM = 28;
const MARGIN = 16;
/** Modules whose names there is room for. */
const MODULES = 9;
const FAMILY = 'ui-sans-serif, system-ui, "DejaVu Sans", sans-serif';

export function captioned(
  { model, store }: Page,
  picture: HTMLCanvasElement,
  scale: number,
): HTMLCanvasElement {
  const { state } = store;
  const palette = readPalette();
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height + (TOP + BOTTOM) * scale;
  const context = canvas.getContext("2d");
  if (!context) return picture;
  const [width, height] = [canvas.width / scale, canvas.height / scale];
  context.scale(scale, scale);
  context.fillStyle = css(palette.background);
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, TOP, width, picture.height / scale);

  const write = (text: string, x: number, y: number, colour: Rgb, font: string): number => {
    context.font = `${font} ${FAMILY}`;
    context.fillStyle = css(colour);
    const fitted = shortened(context, text, width - MARGIN - x);
    context.fillText(fitted, x, y);
    return x + context.measureText(fitted).width;
  };
  write(model.data.title, MARGIN, 22, palette.text, "600 15px");
  const values = model.values(readingOf(state));
  const shown =
    state.view === "matrix" || ribboned(model, state)
      ? ""
      : ` · top ${count(shownEdges(model, values, state).length)} of ${count(values.order.length)} edges`;
  write(`${viewTitle(model, state)}${shown} · ${model.data.summary}`, MARGIN, 39, palette.dim, "400 12px");

  let x = MARGIN;
  const quantity = QUANTITY[shownView(state)];
  const lines = ribboned(model, state) ? "ribbon" : "edge";
  const keys: [Rgb, string][] =
    state.colour === "module" && state.view !== "matrix" && model.groups
      ? [
          ...model.groups.names
            .slice(0, MODULES)
            .map((name, at): [Rgb, string] => [groupColour(palette, at), name]),
          [palette.dim, `${lines} between two`],
        ]
      : [
          [palette.positive, `${quantity} above 0`],
          [palette.negative, `${quantity} below 0`],
        ];
  for (const [colour, words] of keys) {
    context.fillStyle = css(colour);
    context.fillRect(x, height - 14, 22, 3);
    x = write(words, x + 28, height - 9, palette.dim, "400 12px") + 22;
  }
  return canvas;
}

function shortened(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text;
  let kept = text;
  while (kept && context.measureText(kept + "…").width > room) kept = kept.slice(0, -1);
  return kept && kept + "…";
}

const css = ([red, green, blue]: Rgb): string => `rgb(${red} ${green} ${blue})`;
