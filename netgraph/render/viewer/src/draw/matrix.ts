/** A pair of layers as a heat map: rows are targets, columns sources. */

import { float32 } from "../core/decode";
import type { Block, Model } from "../core/model";
import type { Store } from "../core/state";
import { QUANTITY, readingOf, shownView, viewTitle } from "../ui/reading";
import { type Bins, binned, heated } from "./bins";
import { canvas as makeCanvas } from "./engine";
import type { Palette } from "./frame";
import { Markup } from "./markup";
import {
  type Area,
  type Cell,
  endsOf,
  paintAxes,
  paintCells,
  paintPoint,
  paintScale,
  rowNames,
  type Sheet,
} from "./sheet";
import { standalone } from "./svg";
import { css } from "./text";
import type { Size } from "./view";

export interface Matrix {
  /** `ratio`: pixels of the canvas a CSS pixel. */
  draw(palette: Palette, ratio: number): void;
  /** A copy of it, drawn as fine as this. */
  picture(palette: Palette, ratio: number): HTMLCanvasElement;
  /** The same as a standalone SVG. */
  svg(palette: Palette): string;
}

const TOP = 76;
const BOTTOM = 62;
/** Share of Σ|value| from which on nothing was left out but roundings. */
const WHOLE = 0.9995;
const SCALE = 96;
/** Sides of a cell are whole device pixels, and no larger than this many CSS pixels. */
const LARGEST = 44;

export function createMatrix(host: HTMLElement, model: Model, store: Store): Matrix {
  const canvas = host.appendChild(document.createElement("canvas"));
  const context = canvas.getContext("2d")!;
  let palette: Palette | null = null;
  let drawn = 1;
  let pointed: Cell | null = null;
  let cached: { key: unknown[]; bins: Bins } | null = null;
  let area: Area = { left: 0, top: 0, cellWidth: 1, cellHeight: 1 };
  canvas.setAttribute("role", "img");

  const blockNow = (): Block | undefined => model.blocks[store.state.block] ?? model.blocks[0];

  const binsOf = (block: Block, mostRows: number, mostColumns: number): Bins => {
    const { state } = store;
    const reading = readingOf(state);
    const values = model.values(reading);
    const key = [block, values, state.positive, state.negative, mostRows, mostColumns];
    if (cached && key.every((part, at) => part === cached?.key[at])) return cached.bins;
    const heat = shownView(state) === "network" && !block.whole ? block.heat : null;
    const bins = heat
      ? heated(block, { ...heat, absolute: float32(heat.absolute), signed: float32(heat.signed) }, state)
      : binned(block, values, state, mostRows, mostColumns);
    cached = { key, bins };
    return bins;
  };

  /** Some of its edges, or the flows of some, were left out. */
  const partly = (block: Block): boolean => {
    if (!block.whole) return true;
    if (model.data.flows !== "framed" || shownView(store.state) === "network") return false;
    const values = model.values(readingOf(store.state));
    return values.share(values.order.length) < WHOLE;
  };

  const draw = (next: Palette, ratio: number): void => {
    drawn = ratio;
    palette = next;
    const [width, height] = [host.clientWidth, host.clientHeight];
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = css(next.background);
    context.fillRect(0, 0, width, height);
    // Words leave round corners behind them, which the frame of the next drawing must not have.
    context.save();
    paint(context, next, { width, height, ratio });
    context.restore();
    const block = blockNow();
    if (!block) return;
    canvas.setAttribute(
      "aria-label",
      `Heat map of ${QUANTITY[shownView(store.state)]}s from ${block.source.name} (${block.cols} columns) to ${block.target.name} (${block.rows} rows)`,
    );
  };

  const paint = (onto: CanvasRenderingContext2D, colours: Palette, { width, height, ratio }: Size): void => {
    const block = blockNow();
    if (!block || width < 120 || height < 120) return;
    const names = rowNames(onto, model, block);
    const left = 30 + names.width;
    const room = { width: width - left - SCALE - 24, height: height - TOP - BOTTOM };
    const mostRows = Math.max(1, Math.floor(room.height * ratio));
    const mostColumns = Math.max(1, Math.floor(room.width * ratio));
    const bins = binsOf(block, mostRows, mostColumns);
    const cell = (space: number, count: number): number =>
      Math.max(1, Math.min(Math.floor((space * ratio) / count), Math.round(LARGEST * ratio))) / ratio;
    const cellWidth = cell(room.width, bins.columns);
    const cellHeight = cell(room.height, bins.rows);
    const snap = (value: number): number => Math.round(value * ratio) / ratio;
    area = {
      left: snap(left + Math.max(0, (room.width - cellWidth * bins.columns) / 2)),
      top: snap(TOP + Math.max(0, (room.height - cellHeight * bins.rows) / 2)),
      cellWidth,
      cellHeight,
    };
    const sheet: Sheet = {
      context: onto,
      model,
      block,
      bins,
      area,
      palette: colours,
      partial: partly(block),
    };
    paintCells(sheet);
    paintAxes(sheet, names.names);
    paintScale(sheet, QUANTITY[shownView(store.state)]);
    paintPoint(sheet, pointed, store.state.selected);
  };

  const cellAt = (event: MouseEvent): Cell | null => {
    const bounds = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - bounds.left - area.left) / area.cellWidth);
    const row = Math.floor((event.clientY - bounds.top - area.top) / area.cellHeight);
    const bins = cached?.bins;
    const inside = bins && row >= 0 && column >= 0 && row < bins.rows && column < bins.columns;
    return inside ? { row, column } : null;
  };

  /** The vertices that a cell stands for: of its strongest edge, else its first. */
  const ends = ({ row, column }: Cell): { source: number; target: number } | null => {
    const block = blockNow();
    const bins = cached?.bins;
    return block && bins ? endsOf(model, block, bins, row, column) : null;
  };

  const point = (cell: Cell | null): void => {
    if (cell?.row === pointed?.row && cell?.column === pointed?.column) return;
    pointed = cell;
    canvas.style.cursor = cell ? "crosshair" : "";
    if (palette) draw(palette, drawn);
    const target = cell ? ends(cell)?.target : null;
    store.set({ hovered: target ?? null });
  };

  canvas.addEventListener("pointermove", (event) => point(cellAt(event)));
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("click", (event) => {
    const cell = cellAt(event);
    const there = cell && ends(cell);
    if (!there) return;
    // With the shift key: both ends, so that the panel lists the paths between them.
    store.set({ selected: there.target, second: event.shiftKey ? there.source : null, traced: [] });
    if (palette) draw(palette, drawn);
  });

  const svg = (colours: Palette): string => {
    const [width, height] = [host.clientWidth, host.clientHeight];
    const markup = new Markup(context);
    paint(markup.context, colours, { width, height, ratio: 1 });
    return standalone(
      markup,
      width,
      height,
      colours,
      `${model.data.title} · ${viewTitle(model, store.state)}`,
    );
  };

  const picture = (colours: Palette, ratio: number): HTMLCanvasElement => {
    const before = drawn;
    draw(colours, ratio);
    const copy = makeCanvas(canvas.width, canvas.height);
    copy.getContext("2d")?.drawImage(canvas, 0, 0);
    draw(colours, before);
    return copy;
  };

  return { draw, picture, svg };
}
