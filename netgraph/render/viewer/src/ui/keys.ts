/** What the keys do: one table, which the page obeys and the about box shows. */

import type { Page } from "./actions";
import { QUANTITIES, readingOf, ribboned, UNTRACED, viewsOf } from "./reading";
import { alongBars, alongRibbon } from "./modules";
import { strongest } from "./rows";

export interface Key {
  /** As an event names them; several do the same. */
  keys: readonly string[];
  shift?: boolean;
  /** As a reader reads them. */
  name: string;
  does: string;
  /** Only while the picture has the focus, since elsewhere the key has its own meaning. */
  picture?: boolean;
  act(page: Page, key: string): void;
}

const PAN = 80;

export const KEYS: readonly Key[] = [
  {
    keys: ["ArrowUp", "ArrowDown"],
    name: "↑ ↓",
    does: "walk along the layer, or its modules",
    picture: true,
    act: alongLayer,
  },
  {
    keys: ["ArrowLeft", "ArrowRight"],
    name: "← →",
    does: "walk along the strongest edge (or ribbon) in or out",
    picture: true,
    act: alongEdge,
  },
  {
    keys: ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"],
    shift: true,
    name: "shift + arrows",
    does: "move the picture",
    picture: true,
    act: pan,
  },
  { keys: ["+", "="], name: "+", does: "zoom in", act: ({ stage }) => stage.zoomBy(1.25) },
  { keys: ["-", "_", "−"], name: "−", does: "zoom out", act: ({ stage }) => stage.zoomBy(0.8) },
  { keys: ["0", "f"], name: "0 f", does: "show everything", act: ({ stage }) => stage.fit() },
  {
    keys: ["1", "2", "3", "4"],
    name: "1 … 4",
    does: "circuit, this input, network, matrix",
    act: chooseView,
  },
  { keys: ["w"], name: "w", does: "matrix of weights, this input, circuit", act: nextQuantity },
  { keys: ["[", "]"], name: "[ ]", does: "input before, next input", act: chooseSample },
  {
    keys: ["<", ">"],
    name: "< >",
    does: "class before, next class",
    act: ({ act }, key) => act.nextTarget(key === "<" ? -1 : 1),
  },
  { keys: [",", "."], name: ", .", does: "fewer edges, more edges", act: chooseTop },
  { keys: ["d"], name: "d", does: "density of all edges", act: ({ act }) => act.toggle("density") },
  { keys: ["m"], name: "m", does: "colour by sign or by module", act: ({ act }) => act.colour() },
  {
    keys: ["r"],
    name: "r",
    does: "ribbons between modules, or vertices and edges",
    act: ({ act }) => act.ribbons(),
  },
  {
    keys: ["p"],
    name: "p",
    does: "paths one by one, or by hidden route",
    act: ({ act }) => act.toggle("grouped"),
  },
  { keys: ["l"], name: "l", does: "hold the selected vertex at 0 (lesion)", act: lesion },
  { keys: ["x"], name: "x", does: "fold or unfold the selected vertex’s layer", act: fold },
  { keys: ["t"], name: "t", does: "dark or light", act: ({ act }) => act.theme() },
  {
    keys: ["Enter", " "],
    name: "space ⏎",
    does: "select what the pointer lies on",
    picture: true,
    act: take,
  },
  { keys: ["Escape"], name: "Esc", does: "let go", act: letGo },
];

/** Up and down go by place: down a column of the layer, then on to the next column. */
function alongLayer(page: Page, key: string): void {
  const { model, store, act } = page;
  if (ribboned(model, store.state)) return alongBars(page, key === "ArrowDown" ? 1 : -1);
  const from = store.state.selected ?? store.state.hovered;
  if (from === null) return act.select(start(model, store.state.target));
  const layer = model.layerOf(from);
  const order = Array.from({ length: layer.size }, (_, index) => layer.start + index);
  order.sort((a, b) => model.x[a] - model.x[b] || model.y[a] - model.y[b] || a - b);
  const place = order.indexOf(from) + (key === "ArrowDown" ? 1 : -1);
  act.select(order[Math.max(0, Math.min(order.length - 1, place))]);
}

function alongEdge(page: Page, key: string): void {
  const { model, store, act } = page;
  if (ribboned(model, store.state)) return alongRibbon(page, key === "ArrowRight");
  const from = store.state.selected ?? store.state.hovered;
  if (from === null) return act.select(start(model, store.state.target));
  const onward = key === "ArrowRight";
  const edges = onward ? model.outward(from) : model.inward(from);
  const end = (edge: number): number => (onward ? model.target(edge) : model.source(edge));
  const values = model.values(readingOf(store.state));
  const best = ([1, -1] as const).flatMap((sign) => strongest(edges, values, sign, 1, end));
  best.sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.edge - b.edge);
  if (best[0]) act.select(best[0].vertex);
  else act.announce(`no edge leads ${onward ? "on from" : "to"} ${model.name(from)} here`);
}

function start(model: Page["model"], target: number): number | null {
  if (model.output && model.output.size > target) return model.output.start + target;
  return model.n ? 0 : null;
}

function pan({ stage }: Page, key: string): void {
  const steps: Record<string, [number, number]> = {
    ArrowUp: [0, PAN],
    ArrowDown: [0, -PAN],
    ArrowLeft: [PAN, 0],
    ArrowRight: [-PAN, 0],
  };
  stage.panBy(...(steps[key] ?? [0, 0]));
}

function chooseView({ model, act }: Page, key: string): void {
  const view = (["circuit", "input", "network", "matrix"] as const)[Number(key) - 1];
  if (view && viewsOf(model).includes(view)) act.view(view);
}

function nextQuantity({ model, store, act }: Page): void {
  if (store.state.view !== "matrix") return;
  const order = QUANTITIES.filter((name) => viewsOf(model).includes(name));
  act.matrixOf(order[(order.indexOf(store.state.matrixOf) + 1) % order.length] ?? "network");
}

function chooseSample({ store, act }: Page, key: string): void {
  act.sample(store.state.sample + (key === "[" ? -1 : 1));
}

function chooseTop({ store, act }: Page, key: string): void {
  const { top } = store.state;
  act.top(
    key === "," ? Math.min(top - 1, Math.round(top / 1.25)) : Math.max(top + 1, Math.round(top * 1.25)),
  );
}

function lesion({ store, act }: Page): void {
  if (store.state.selected !== null) act.lesion(store.state.selected);
}

function fold({ model, store, act }: Page): void {
  const { selected } = store.state;
  if (selected !== null) act.fold(model.layerOf(selected).index);
}

function take({ store, act }: Page): void {
  const { hovered, pointed } = store.state;
  if (hovered !== null) act.select(hovered);
  else if (pointed !== null) act.pick(pointed);
}

function letGo({ store, act }: Page): void {
  if (store.state.second !== null) act.second(null);
  else if (store.state.selected !== null) act.select(null);
  else if (store.state.picked !== null) store.set({ picked: null });
  else if (store.state.isolated !== null) store.set({ isolated: null });
  else store.set({ pointed: null, hovered: null, traced: UNTRACED });
}
