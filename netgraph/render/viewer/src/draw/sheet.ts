/** The heat map's parts: cells, axes, the scale of colours, and what the pointer lies on. */

import type { Block, Model } from "../core/model";
import { counted, number } from "../ui/format";
import { type Bins, wholeStep } from "./bins";
import type { Palette, Rgb } from "./frame";
import { css, font, mix, shorten, widthOf, write } from "./text";

const TITLE = font(14, 600);
const PLAIN = font(11.5);

/** Where the cells stand, in CSS pixels. */
export interface Area {
  left: number;
  top: number;
  cellWidth: number;
  cellHeight: number;
}

/** A cell of the heat map. */
export interface Cell {
  row: number;
  column: number;
}

export interface Sheet {
  context: CanvasRenderingContext2D;
  model: Model;
  block: Block;
  bins: Bins;
  area: Area;
  palette: Palette;
  /** Edges of the block have values that did not come with the page. */
  partial: boolean;
}

/** Targets' names where they say more than a number. */
export function rowNames(
  context: CanvasRenderingContext2D,
  model: Model,
  { target }: Block,
): { names: string[] | null; width: number } {
  if (target.size > 64 || (!target.labels && target !== model.output)) return { names: null, width: 44 };
  const names = Array.from({ length: target.size }, (_, row) =>
    shorten(
      context,
      target === model.output
        ? (model.classes[row] ?? model.name(target.start + row))
        : model.name(target.start + row),
      PLAIN,
      120,
      "right",
    ),
  );
  return { names, width: 16 + Math.max(28, ...names.map((name) => widthOf(context, name, PLAIN))) };
}

/** Strength of a colour: the square root, so that weaker edges are seen; the scale says which value has which. */
const strength = (share: number): number => Math.sqrt(Math.min(1, Math.max(0, share || 0)));

function colour(palette: Palette, value: number, largest: number): Rgb {
  const share = largest > 0 ? strength(Math.abs(value) / largest) : 0;
  return mix(palette.card, value < 0 ? palette.negative : palette.positive, share);
}

export function paintCells({ context, bins, area, palette }: Sheet): void {
  const image = new ImageData(bins.columns, bins.rows);
  for (let cell = 0; cell < bins.value.length; cell++) {
    const [red, green, blue] = colour(palette, bins.value[cell]!, bins.largest);
    const at = 4 * cell;
    image.data[at] = red;
    image.data[at + 1] = green;
    image.data[at + 2] = blue;
    image.data[at + 3] = 255;
  }
  const small = document.createElement("canvas");
  small.width = bins.columns;
  small.height = bins.rows;
  small.getContext("2d")?.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  const [width, height] = [bins.columns * area.cellWidth, bins.rows * area.cellHeight];
  context.drawImage(small, area.left, area.top, width, height);
  context.strokeStyle = css(palette.line);
  context.lineWidth = 1;
  context.strokeRect(area.left - 0.5, area.top - 0.5, width + 1, height + 1);
}

export function paintAxes({ context, bins, block, area, palette }: Sheet, names: string[] | null): void {
  const ink = { fill: palette.dim, halo: palette.background, style: PLAIN, baseline: "middle" as const };
  const [width, height] = [bins.columns * area.cellWidth, bins.rows * area.cellHeight];
  const right = area.left + width;
  const strong = { ...ink, fill: palette.text, style: TITLE };
  write(
    context,
    shorten(context, block.source.name, TITLE, Math.max(80, width - 90), "left"),
    area.left,
    area.top - 46,
    strong,
  );
  const after =
    area.left +
    widthOf(context, shorten(context, block.source.name, TITLE, Math.max(80, width - 90), "left"), TITLE) +
    8;
  write(context, counted(block.cols, "source"), after, area.top - 45, ink);
  const acrossScale = width / block.cols;
  const columnStep = wholeStep(block.cols, width / 54);
  context.fillStyle = css(palette.dim);
  for (let column = 0; column < block.cols; column += columnStep) {
    const x = area.left + (column + 0.5) * acrossScale;
    context.fillRect(x - 0.5, area.top - 6, 1, 4);
    if (x < right + 20) write(context, String(column), x, area.top - 16, { ...ink, align: "center" });
  }
  const downScale = height / block.rows;
  const named = names !== null && downScale >= 12;
  const rowStep = named ? 1 : wholeStep(block.rows, height / 28);
  for (let row = 0; row < block.rows; row += rowStep) {
    const y = area.top + (row + 0.5) * downScale;
    context.fillStyle = css(palette.dim);
    context.fillRect(area.left - 6, y - 0.5, 4, 1);
    write(context, named ? names[row]! : String(row), area.left - 10, y, {
      ...ink,
      fill: named ? palette.text : palette.dim,
      align: "right",
    });
  }
  context.save();
  context.translate(
    area.left - Math.max(44, named ? 18 + Math.max(...names.map((n) => widthOf(context, n, PLAIN))) : 44),
    area.top + height,
  );
  context.rotate(-Math.PI / 2);
  const room = Math.max(60, height - 80);
  const name = shorten(context, block.target.name, TITLE, room, "left");
  write(context, name, 0, 0, strong);
  if (height > widthOf(context, name, TITLE) + 90)
    write(context, counted(block.rows, "target"), widthOf(context, name, TITLE) + 8, 0.5, ink);
  context.restore();
}

/** The colours with their numbers. */
export function paintScale({ context, bins, area, palette, partial }: Sheet, words: string): void {
  const x = area.left + bins.columns * area.cellWidth + 24;
  const height = Math.max(60, Math.min(220, bins.rows * area.cellHeight));
  const y = area.top;
  const ink = { fill: palette.dim, halo: palette.background, style: PLAIN, baseline: "middle" as const };
  const steps = Math.round(height);
  for (let step = 0; step < steps; step++) {
    const level = 1 - (2 * (step + 0.5)) / steps;
    context.fillStyle = css(
      mix(palette.card, level < 0 ? palette.negative : palette.positive, Math.abs(level)),
    );
    context.fillRect(x, y + (step * height) / steps, 12, height / steps + 0.5);
  }
  context.strokeStyle = css(palette.line);
  context.lineWidth = 1;
  context.strokeRect(x - 0.5, y - 0.5, 13, height + 1);
  write(context, bins.summed ? `Σ|${words}|` : words, x, y - 16, ink);
  if (!(bins.largest > 0)) return;
  for (const level of [1, 0.5, 0, -0.5, -1]) {
    const at = y + ((1 - level) / 2) * height;
    const value = Math.sign(level) * level * level * bins.largest;
    context.fillStyle = css(palette.dim);
    context.fillRect(x + 12, at - 0.5, 4, 1);
    write(context, number(value, 3), x + 20, at, ink);
  }
  const note = bins.summed
    ? "sums over all edges of a cell"
    : partial
      ? "only the strongest edges were kept"
      : bins.perRow > 1 || bins.perColumn > 1
        ? "a cell shows its strongest edge"
        : "";
  const below = area.top + bins.rows * area.cellHeight + 44;
  write(context, note, area.left, below, ink);
}

/** The vertices that a cell stands for: of its strongest edge, else its first. */
export function endsOf(
  model: Model,
  block: Block,
  bins: Bins,
  row: number,
  column: number,
): { source: number; target: number } {
  const edge = bins.edge[row * bins.columns + column] ?? -1;
  if (edge >= 0) return { source: model.source(edge), target: model.target(edge) };
  return {
    source: block.source.start + Math.floor(column * bins.perColumn),
    target: block.target.start + Math.floor(row * bins.perRow),
  };
}

/** The cell under the pointer, in words; the selected vertex's row. */
export function paintPoint(sheet: Sheet, pointed: Cell | null, selected: number | null): void {
  const { context, model, block, bins, area, palette } = sheet;
  const [width, height] = [bins.columns * area.cellWidth, bins.rows * area.cellHeight];
  const outline = (x: number, y: number, wide: number, high: number): void => {
    context.strokeStyle = css(palette.text);
    context.lineWidth = 1.5;
    context.strokeRect(x - 0.75, y - 0.75, wide + 1.5, high + 1.5);
  };
  if (selected !== null && selected >= block.target.start && selected < block.target.stop) {
    const row = Math.floor(((selected - block.target.start) * bins.rows) / block.rows);
    outline(area.left, area.top + row * area.cellHeight, width, area.cellHeight);
  }
  if (selected !== null && selected >= block.source.start && selected < block.source.stop) {
    const column = Math.floor(((selected - block.source.start) * bins.columns) / block.cols);
    outline(area.left + column * area.cellWidth, area.top, area.cellWidth, height);
  }
  if (!pointed) return;
  const cell = pointed.row * bins.columns + pointed.column;
  context.fillStyle = css(palette.text, 0.12);
  context.fillRect(area.left, area.top + pointed.row * area.cellHeight, width, area.cellHeight);
  context.fillRect(area.left + pointed.column * area.cellWidth, area.top, area.cellWidth, height);
  outline(
    area.left + pointed.column * area.cellWidth,
    area.top + pointed.row * area.cellHeight,
    area.cellWidth,
    area.cellHeight,
  );
  const { source, target } = endsOf(model, block, bins, pointed.row, pointed.column);
  const value = bins.value[cell] ?? 0;
  const words = `${model.name(source)} → ${model.name(target)}   ${number(value)}`;
  write(context, words, area.left, area.top + height + 22, {
    fill: palette.text,
    halo: palette.background,
    style: font(12.5, 600),
    baseline: "middle",
  });
}
