/** Every colour, width, border and picture of the view at hand, explained. */

import type { EdgeValues, Layer, Model } from "../core/model";
import type { Groups } from "../core/groups";
import type { State } from "../core/state";
import { inkOf, lookOf } from "../draw/strokes";
import type { Page } from "./actions";
import { button, drawing, element } from "./dom";
import { className, count, counted, number } from "./format";
import { QUANTITY, readingOf, ribboned, shownView } from "./reading";

type Row = { mark: SVGSVGElement | HTMLElement; text: string };

const READ: ReadonlySet<keyof State> = new Set([
  "view",
  "sample",
  "target",
  "top",
  "density",
  "colour",
  "lesioned",
  "second",
  "block",
  "matrixOf",
  "ribbons",
  "isolated",
]);
const MARK = [34, 16] as const;
/** Of modules; then they repeat. */
const COLOURS = 9;
/** Modules that have a row: the largest. */
const ROWS = 200;

export function createLegend(page: Page, host: HTMLElement): void {
  const body = element("div");
  const details = element(
    "details",
    { id: "legend" },
    element("summary", {}, element("h2", { text: "Legend" })),
    body,
  );
  details.open = true;
  host.append(details);
  const write = (state: Readonly<State>): void => {
    const focused = document.activeElement;
    const key = focused instanceof HTMLElement && body.contains(focused) ? focused.dataset["key"] : undefined;
    const scrolled = body.querySelector(".modules")?.scrollTop ?? 0;
    body.replaceChildren(...legend(page, state));
    const list = body.querySelector(".modules");
    if (list) list.scrollTop = scrolled;
    // Whoever isolated a module by key stays on its row.
    if (key) body.querySelector<HTMLElement>(`[data-key="${key}"]`)?.focus({ preventScroll: true });
  };
  page.store.subscribe((state, changed) => {
    if ([...changed].some((key) => READ.has(key))) write(state);
  });
  write(page.store.state);
}

function legend(page: Page, state: Readonly<State>): HTMLElement[] {
  const values = page.model.values(readingOf(state));
  if (state.view === "matrix") return [group("Cells", cells(page, state))];
  const { groups } = page.model;
  const rows = groups && state.colour === "module" ? [modules(page, groups, state)] : [];
  if (ribboned(page.model, state)) return [...rows, group("Ribbons", ribbons(page, state))];
  return [...rows, group("Edges", edges(page, state, values)), group("Vertices", vertices(page, state))];
}

function edges({ model }: Page, state: Readonly<State>, values: EdgeValues): Row[] {
  const rows: Row[] = [];
  const target = className(model, state.target);
  const byModule = state.colour === "module" && model.groups !== null;
  if (byModule) {
    rows.push({ mark: swatches(model.groups!.count), text: "inside a module: its colour" });
    rows.push({ mark: line("dim", 2), text: "between two modules" });
  } else {
    const words: Record<State["matrixOf"], [string, string]> = {
      circuit: [`adds to “${target}”: attribution above 0`, `takes from “${target}”: attribution below 0`],
      input: ["weight × activation above 0", "weight × activation below 0"],
      network: ["weight above 0", "weight below 0"],
    };
    const [positive, negative] = words[shownView(state)];
    rows.push({ mark: line("positive", 2), text: positive }, { mark: line("negative", 2), text: negative });
  }
  if (values.largest > 0) {
    const ink = inkOf(Math.min(state.top, values.order.length));
    const { largest } = values;
    const widths = [1, 0.4, 0.1].map((share) => ({ share, look: lookOf(share, ink) }));
    for (const { share, look } of widths) {
      const text = `${share === 1 ? "largest: " : ""}|${QUANTITY[shownView(state)]}| ${number(share * largest, 3)}`;
      rows.push({ mark: line("text", Math.max(0.6, look.width), Math.max(0.45, look.alpha)), text });
    }
  }
  if (state.density && values.largest > 0)
    rows.push({
      mark: element("span", { class: "mark haze" }),
      text: `haze: all edges together, by ${byModule ? "module" : "sign"}`,
    });
  if (state.density && values.largest > 0 && !byModule)
    rows.push({
      mark: element("span", { class: "mark fog" }),
      text: "grey haze: as much above 0 as below, they cancel",
    });
  if (arcs(model.blocks)) rows.push({ mark: arc(), text: "arc: skips the layers above it" });
  return rows;
}

/** A row a module, which isolates it. */
function modules({ act }: Page, groups: Groups, state: Readonly<State>): HTMLElement {
  const order = [...groups.names.keys()];
  if (order.length > ROWS) {
    order.sort((a, b) => groups.sizes[b] - groups.sizes[a] || a - b).length = ROWS;
    order.sort((a, b) => a - b);
  }
  const list = element("ul", { class: "modules" });
  for (const at of order) {
    const name = groups.names[at];
    const made = button(
      "",
      () => act.isolate(at),
      {
        class: "row module",
        key: `module:${at}`,
        title: state.isolated === at ? "show all modules" : `only ${name}`,
      },
      state.isolated === at,
    );
    made.append(
      drawing([12, 12], ["rect", { width: 12, height: 12, rx: 2, class: `fill-module-${at % COLOURS}` }]),
      element("span", { class: "name", text: name }),
      element(
        "span",
        { class: "value", text: count(groups.sizes[at]) },
        element("span", { class: "unseen", text: groups.sizes[at] === 1 ? " vertex" : " vertices" }),
      ),
    );
    list.append(element("li", {}, made));
  }
  const rest: string[] = [];
  if (order.length < groups.count) rest.push(`${count(groups.count - order.length)} smaller ones`);
  if (groups.loose) rest.push(`${counted(groups.loose, "vertex", "vertices")} in no module (grey)`);
  if (groups.count > COLOURS) rest.push("colours repeat after the ninth");
  return element(
    "section",
    {},
    element("h3", { text: `Modules · ${count(groups.count)}` }),
    list,
    rest.length ? element("p", { class: "dim", text: rest.join(" · ") }) : null,
  );
}

function ribbons({ model }: Page, state: Readonly<State>): Row[] {
  const quantity = QUANTITY[shownView(state)];
  const rows: Row[] = [
    { mark: barsMark(), text: "bar: what a module has in a layer, as high as it has vertices there" },
    { mark: ribbonMark("fill-module-4"), text: "ribbon inside a module: its colour" },
    { mark: ribbonMark("fill-dim"), text: "between two modules" },
    {
      mark: element("span", { class: "mark" }),
      text: `width at the middle: Σ|${quantity}|, as a share of all between its two layers`,
    },
  ];
  if (model.blocks.some((block) => !block.whole))
    rows.push({
      mark: element("span", { class: "mark" }),
      text: "sums are of the edges that the page holds, the strongest",
    });
  if (arcs(model.blocks)) rows.push({ mark: arc(), text: "arc: skips the layers above it, drawn narrower" });
  return rows;
}

function vertices({ model }: Page, state: Readonly<State>): Row[] {
  const rows: Row[] = [];
  const sampled = model.samples.length > 0;
  const reads = state.view === "circuit" || state.view === "input";
  const maps = (model.data.samples[0]?.maps.length ?? 0) > 0;
  const byModule = state.colour === "module" && model.groups !== null;
  if (model.layers.some((layer) => layer.image) && sampled)
    rows.push({
      mark: element("span", { class: "mark shades" }),
      text: `the input: dark to bright is its value${byModule ? ", in the colour of the pixel’s module" : ""}`,
    });
  if (sampled && reads)
    rows.push({ mark: ringed(), text: "strong border, strong fill: large |activation| within its layer" });
  if ((!sampled || !reads) && !byModule)
    rows.push({
      mark: element("span", { class: "mark strengths" }),
      text: "fill: Σ|weight| into the vertex, least to most of its layer",
    });
  if (maps && reads)
    rows.push({
      mark: element("span", { class: "mark strengths" }),
      text: "picture in a vertex: its feature map, lowest to highest of its layer",
    });
  const image = model.layers.some((layer) => layer.image);
  const kernels = model.blocks.some((block) => block.kernels);
  const gradients = reads && image && model.data.flows === "computed";
  if (gradients || image || (kernels && !(maps && reads)))
    rows.push({
      mark: element("span", { class: "mark signed" }),
      text: `picture in a vertex: ${gradients ? "its gradient at this input" : kernels ? "its strongest kernel" : "its weights"}, below 0 … above 0`,
    });
  if (sampled && model.output) {
    const bar = model.data.softmax ? "bar: probability of the class" : "bar: the output’s value";
    rows.push({
      mark: barMark(),
      text: state.view === "circuit" ? `${bar}; blue: the class looked at` : bar,
    });
  }
  if (byModule) rows.push({ mark: framed(), text: "fill, or frame of a picture: the vertex’s module" });
  if (state.lesioned.size) rows.push({ mark: cross(), text: "crossed out: held at 0" });
  if (sampled && model.output && model.samples.some(({ label }) => label !== null))
    rows.push({ mark: tick(), text: "tick: the true class" });
  rows.push({ mark: outlined(), text: "outlined: selected, or under the pointer" });
  if (state.second !== null)
    rows.push({ mark: outlined("3 2"), text: "dashed: the second vertex, where the listed paths end" });
  if (model.layers.some((layer) => wrapped(model, layer)))
    rows.push({
      mark: ports(),
      text: "several a row: edges run behind the row and end at its side, a little apart",
    });
  return rows;
}

function cells({ model }: Page, state: Readonly<State>): Row[] {
  const block = model.blocks[state.block];
  const rows: Row[] = [
    {
      mark: element("span", { class: "mark signed" }),
      text: `${QUANTITY[shownView(state)]}: below 0 … above 0`,
    },
  ];
  if (block)
    rows.push({ mark: element("span", { class: "mark" }), text: `a row: a vertex of ${block.target.name}` });
  if (block)
    rows.push({
      mark: element("span", { class: "mark" }),
      text: `a column: a vertex of ${block.source.name}`,
    });
  if (block && !block.whole && state.matrixOf === "network")
    rows.push({
      mark: element("span", { class: "mark" }),
      text: "a cell sums several weights: too many for one each",
    });
  return rows;
}

function group(title: string, rows: readonly Row[]): HTMLElement {
  const list = element("ul", { class: "legend" });
  for (const { mark, text } of rows) list.append(element("li", {}, mark, element("span", { text })));
  return element("section", {}, element("h3", { text: title }), list);
}

function arcs(blocks: readonly { source: { depth: number }; target: { depth: number } }[]): boolean {
  return blocks.some(({ source, target }) => target.depth > source.depth + 1);
}

function line(colour: string, width: number, alpha = 1): SVGSVGElement {
  const path = {
    d: "M1 12C17 12 17 4 33 4",
    class: `stroke-${colour}`,
    "stroke-width": width,
    "stroke-opacity": alpha,
  };
  return drawing(MARK, ["path", path]);
}

function arc(): SVGSVGElement {
  return drawing(MARK, [
    "path",
    { d: "M1 3C8 3 8 13 17 13S26 3 33 3", class: "stroke-text", "stroke-width": 1.5 },
  ]);
}

function swatches(modules: number): SVGSVGElement {
  const shown = Math.min(COLOURS, Math.max(1, modules));
  const width = 34 / shown;
  return drawing(
    MARK,
    ...Array.from({ length: shown }, (_, index) => {
      return [
        "rect",
        { x: index * width, y: 3, width: width - 1, height: 10, class: `fill-module-${index}` },
      ] as const;
    }),
  );
}

const square = (
  more: Record<string, string | number>,
): readonly ["rect", Record<string, string | number>] => [
  "rect",
  { x: 11, y: 2, width: 12, height: 12, ...more },
];

const ringed = (): SVGSVGElement =>
  drawing(MARK, square({ class: "fill-vertex" }), square({ class: "stroke-text", "stroke-width": 2 }));
const framed = (): SVGSVGElement =>
  drawing(
    MARK,
    square({ x: 2, class: "fill-module-3" }),
    square({ x: 20, class: "fill-module-3" }),
    square({ x: 22.5, y: 4.5, width: 7, height: 7, class: "fill-line" }),
  );
const cross = (): SVGSVGElement =>
  drawing(MARK, square({ class: "fill-vertex" }), [
    "path",
    { d: "M11 2 23 14M23 2 11 14", class: "stroke-negative", "stroke-width": 2 },
  ]);
const outlined = (dashes = ""): SVGSVGElement =>
  drawing(
    MARK,
    square({ class: "fill-vertex" }),
    square({
      x: 9,
      y: 0.8,
      width: 16,
      height: 14.4,
      class: "stroke-text",
      "stroke-width": 1.5,
      "stroke-dasharray": dashes,
    }),
  );
const tick = (): SVGSVGElement =>
  drawing(MARK, ["path", { d: "M12 8.5 15.5 12 22 3.5", class: "stroke-text", "stroke-width": 2 }]);
const ports = (): SVGSVGElement =>
  drawing(
    MARK,
    ["rect", { x: 1, y: 4, width: 8, height: 8, class: "fill-vertex" }],
    ["rect", { x: 11, y: 4, width: 8, height: 8, class: "fill-vertex" }],
    ["path", { d: "M19 6C26 6 27 2 33 2M19 10C26 10 27 14 33 14", class: "stroke-text" }],
  );

const barsMark = (): SVGSVGElement =>
  drawing(
    MARK,
    ["rect", { x: 14, y: 0, width: 6, height: 9, class: "fill-module-4" }],
    ["rect", { x: 14, y: 11, width: 6, height: 5, class: "fill-module-3" }],
  );
const ribbonMark = (colour: string): SVGSVGElement =>
  drawing(MARK, ["path", { d: "M1 1C17 1 17 7 33 7V14C17 14 17 8 1 8Z", class: colour }]);

const barMark = (): SVGSVGElement =>
  drawing(
    MARK,
    ["rect", { x: 1, y: 5, width: 32, height: 6, class: "fill-line" }],
    ["rect", { x: 1, y: 5, width: 22, height: 6, class: "fill-positive" }],
  );

/** Its vertices stand beside each other as well as below. */
const wrapped = ({ x }: Model, { image, grid, start, stop }: Layer): boolean =>
  !image && grid.length === 1 && x.subarray(start, stop).some((place) => place !== x[start]);
