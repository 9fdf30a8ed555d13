/** The bar at the top: which view, how many edges, which signs and colours. */

import type { ViewName } from "../core/contract";
import { groupName } from "../core/groups";
import type { State } from "../core/state";
import type { Page } from "./actions";
import { button, element, press } from "./dom";
import { className, count, percent } from "./format";
import {
  QUANTITIES,
  QUANTITY,
  readingOf,
  ribboned,
  shownEdges,
  shownView,
  targetsOf,
  viewsOf,
} from "./reading";

const VIEWS: Record<ViewName, { name: string; title: string }> = {
  circuit: { name: "circuit for", title: "which edges made this answer: attribution" },
  input: { name: "this input", title: "what flows at this input: weight × activation" },
  network: { name: "network", title: "the weights, whatever the input" },
  matrix: { name: "matrix", title: "one pair of layers as a heat map" },
};

/** What the matrix can show. */
const SHOWN: Record<State["matrixOf"], string> = {
  network: "weights",
  input: "this input",
  circuit: "circuit",
};

/** Beyond this many, lines are no longer told apart: the density shows the rest. */
const MOST_LINES = 30_000;
const STEPS = 1000;

/** What no control shows. */
const PASSING: ReadonlySet<keyof State> = new Set([
  "hovered",
  "traced",
  "camera",
  "pointed",
  "picked",
  "summed",
]);

/** A part of the bar, and how it follows the state. */
interface Control {
  host: HTMLElement;
  update(state: Readonly<State>): void;
}

export function createControls(page: Page, host: HTMLElement, tools: HTMLElement[]): void {
  const controls = [views(page), pairs(page), slider(page), signs(page), looks(page)];
  host.append(...controls.map((control) => control.host), element("div", { class: "tools" }, ...tools));
  const update = (state: Readonly<State>): void => controls.forEach((control) => control.update(state));
  page.store.subscribe((state, changed) => {
    if ([...changed].some((key) => !PASSING.has(key))) update(state);
  });
  update(page.store.state);
}

function views({ model, store, act }: Page): Control {
  const host = element("div", { class: "segments", attributes: { role: "group", "aria-label": "view" } });
  const buttons = viewsOf(model).map((view) => {
    const { name, title } = VIEWS[view];
    const only = view === "circuit" && model.classes.length < 2 ? "circuit" : name;
    const made = button(only, () => act.view(view), { title });
    host.append(made);
    return [view, made] as const;
  });
  const chooser = element("select", { attributes: { "aria-label": "class that the circuit is for" } });
  chooser.addEventListener("change", () => {
    act.target(Number(chooser.value));
    if (store.state.view === "matrix") act.matrixOf("circuit");
    else if (store.state.view !== "circuit") act.view("circuit");
  });
  const circuit = buttons.find(([view]) => view === "circuit");
  if (circuit && model.classes.length > 1) circuit[1].after(chooser);
  let listed = "";
  return {
    host,
    update(state) {
      for (const [view, made] of buttons) press(made, view === state.view);
      chooser.classList.toggle("on", shownView(state) === "circuit");
      const targets = targetsOf(model, state.sample);
      if (listed !== targets.join()) {
        listed = targets.join();
        chooser.replaceChildren(
          ...targets.map((target) =>
            element("option", { text: className(model, target), attributes: { value: target } }),
          ),
        );
      }
      chooser.value = String(state.target);
    },
  };
}

/** Which pair of layers the matrix shows, and what of it. */
function pairs({ model, store, act }: Page): Control {
  const chooser = element("select", { attributes: { "aria-label": "pair of layers" } });
  for (const block of model.blocks) {
    const name = `${block.source.name} → ${block.target.name}`;
    const same = model.blocks.filter(
      (other) => other.source === block.source && other.target === block.target,
    );
    const text = same.length > 1 ? `${name} (${block.kind})` : name;
    chooser.append(element("option", { text, attributes: { value: block.index } }));
  }
  chooser.addEventListener("change", () => store.set({ block: Number(chooser.value) }));
  const quantity = element("select", { attributes: { "aria-label": "what the matrix shows" }, title: "(w)" });
  const offered = QUANTITIES.filter((view) => viewsOf(model).includes(view));
  for (const view of offered)
    quantity.append(element("option", { text: SHOWN[view], attributes: { value: view } }));
  quantity.addEventListener("change", () => act.matrixOf(quantity.value as State["matrixOf"]));
  return {
    host: element("div", { class: "pairs" }, chooser, offered.length > 1 ? quantity : null),
    update(state) {
      for (const each of [chooser, quantity]) each.hidden = state.view !== "matrix";
      chooser.value = String(state.block);
      quantity.value = state.matrixOf;
    },
  };
}

function slider({ model, store, act }: Page): Control {
  const input = element("input", {
    attributes: {
      type: "range",
      min: 0,
      max: STEPS,
      step: 1,
      "aria-label": "how many of the strongest edges",
    },
  });
  const told = element("output", { class: "told" });
  const host = element("div", { class: "slider" }, input, told);
  let most = 1;
  input.addEventListener("input", () => act.top(edgesAt(Number(input.value), most)));
  return {
    host,
    update(state) {
      host.hidden = state.view === "matrix" || ribboned(model, state);
      if (host.hidden) return;
      const values = model.values(readingOf(state));
      most = Math.max(1, Math.min(values.order.length, MOST_LINES));
      const top = Math.min(state.top, values.order.length);
      if (edgesAt(Number(input.value), most) !== top) input.value = String(placeOf(top, most));
      const shown = shownEdges(model, values, store.state);
      const quantity = QUANTITY[shownView(state)];
      const alone = state.isolated === null ? "" : `${groupName(model.groups!, state.isolated)}: `;
      const both = state.positive && state.negative;
      const signs = both
        ? alone
        : state.positive
          ? "+ only: "
          : state.negative
            ? "− only: "
            : "neither sign: ";
      const part = shown.length === top ? "" : `${signs}${count(shown.length)} · `;
      const every = model.blocks.every((block) => block.whole)
        ? values.order.length
        : model.blocks.reduce((sum, block) => sum + block.edges, 0);
      const share = shown.length === top ? values.share(top) : shareOf(values.value, shown, values.mass);
      const lines = values.known
        ? [`top ${count(top)} of ${count(every)} edges`, `${part}${percent(share)} of Σ|${quantity}|`]
        : [`no ${quantity} for this class`, "came with the page"];
      told.replaceChildren(...lines.map((text) => element("span", { text })));
      input.setAttribute("aria-valuetext", lines.join(", "));
    },
  };
}

/** A place of the slider → how many edges: even steps are even factors; two or three digits, the ends exact. */
export function edgesAt(place: number, most: number): number {
  if (place >= STEPS) return most;
  const least = Math.min(10, most);
  const exact = least * (most / least) ** (place / STEPS);
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(exact)) - 1) / 2;
  return Math.max(1, Math.min(most, Math.round(Math.round(exact / unit) * unit)));
}

/** How many edges → the nearest place of the slider. */
export function placeOf(top: number, most: number): number {
  const least = Math.min(10, most);
  if (top >= most || most === least) return STEPS;
  return Math.max(0, Math.round((STEPS * Math.log(top / least)) / Math.log(most / least)));
}

function shareOf(value: Float32Array, edges: Uint32Array, mass: number): number {
  let sum = 0;
  for (const edge of edges) sum += Math.abs(value[edge]);
  return mass > 0 ? sum / mass : NaN;
}

function signs({ act }: Page): Control {
  const positive = button("+", () => act.toggle("positive"), {
    class: "positive",
    attributes: { "aria-label": "positive edges" },
    title: "show or hide positive edges",
  });
  const negative = button("−", () => act.toggle("negative"), {
    class: "negative",
    attributes: { "aria-label": "negative edges" },
    title: "show or hide negative edges",
  });
  const host = element(
    "div",
    { class: "pair", attributes: { role: "group", "aria-label": "signs" } },
    positive,
    negative,
  );
  return {
    host,
    update(state) {
      host.hidden = state.view === "matrix";
      press(positive, state.positive);
      press(negative, state.negative);
    },
  };
}

/** The density of all edges, and what colours mean. */
function looks({ model, act }: Page): Control {
  const density = button("density", () => act.toggle("density"), {
    title: "the haze behind the lines: all edges together (d)",
  });
  const colour = button("", () => act.colour(), {
    class: "colour",
    title: "colour by sign or by module (m)",
  });
  const ribbons = button("modules", () => act.ribbons(), {
    title: "modules as bars with ribbons between them, instead of vertices and edges (r)",
  });
  const { groups } = model;
  const host = element(
    "div",
    { class: "pair" },
    density,
    groups && colour,
    groups?.drawable ? ribbons : null,
  );
  return {
    host,
    update(state) {
      host.hidden = state.view === "matrix";
      density.hidden = ribboned(model, state);
      press(density, state.density);
      press(ribbons, state.ribbons);
      colour.textContent = state.colour === "sign" ? "by sign" : "by module";
    },
  };
}
