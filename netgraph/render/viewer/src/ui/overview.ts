/** The panel while nothing is selected: the answer, what made it, and the layers. */

import type { Model } from "../core/model";
import type { State } from "../core/state";
import { briefly, detailOf } from "../draw/headingplan";
import type { Page } from "./actions";
import { answer } from "./answer";
import { button, element, section } from "./dom";
import { className, number, percent, summed } from "./format";
import { lesionEffect } from "./lesions";
import { modulesTold } from "./modules";
import { aimOf, QUANTITY, readingOf, ribboned, shownView, summable } from "./reading";
import { columnsTold } from "./telling";
import { pathButton, pathRows, strongest } from "./rows";

const PATHS = 10;
const EDGES = 6;
/** Among so many of the strongest, the strongest of either sign are found. */
const FIRST = 2000;

export function overview(page: Page, state: Readonly<State>): HTMLElement[] {
  const { model } = page;
  const parts: HTMLElement[] = [
    element("h2", { text: model.data.title }),
    element("p", { class: "dim", text: model.data.summary }),
  ];
  parts.push(...model.data.notes.map((note) => element("p", { class: "note", text: note })));
  if (model.samples.length) parts.push(answer(page, state));
  if (state.lesioned.size) parts.push(lesionEffect(page, state));
  if (summable(model, state)) parts.push(...modulesTold(page, state));
  if (ribboned(model, state)) return parts;
  if (state.view === "circuit") parts.push(...why(page, state));
  else if (model.m) parts.push(strongestEdges(page, state));
  parts.push(layers(page, state));
  return parts;
}

/** The paths that made the chosen output, and that they add up to it. */
function why(page: Page, state: Readonly<State>): HTMLElement[] {
  const { model, act } = page;
  const reading = readingOf(state);
  const name = className(model, state.target);
  const heading = `Strongest paths to “${name}”`;
  if (!model.values(reading).known)
    return [
      section(heading, element("p", { class: "dim", text: "No circuit for this class came with the page." })),
    ];
  const list = model.paths(reading, PATHS, state.grouped);
  const product = list.rule === "product";
  const group = button("group by route", () => act.toggle("grouped"), {
    class: "small",
    key: "group",
    title: "sum over the inputs: one row for each hidden route (p)",
  });
  group.setAttribute("aria-pressed", String(state.grouped));
  const telling = state.grouped ? "route" : "to";
  const columns = columnsTold(model, list.paths, telling);
  const along = columns && element("p", { class: "dim columns", text: columns, title: columns });
  const part = section(heading, along || null, pathRows(page, list, telling, "path"));
  part.querySelector("h3")?.append(group);
  const told = Number.isFinite(list.coverage)
    ? `These ${list.paths.length} hold ${percent(list.coverage)} of Σ|path|.`
    : product
      ? ""
      : "A ranking, not shares: by the smallest flow on the way, equals by the product of all flows on it. What one path alone adds is not known from flows.";
  if (!list.paths.length)
    part.append(element("p", { class: "dim", text: "No path carries anything to this output." }));
  else if (told) part.append(element("p", { class: "dim", text: told }));
  const sum = element("p", { class: "sum", text: balance(model, state, list.total, list.constant) });
  const error = model.conservation(reading);
  if (Number.isFinite(error))
    sum.title = `Conservation: at every vertex what flows in flows out, to ${number(error, 2)} of the largest flow.`;
  return sum.textContent ? [sum, part] : [part];
}

/** "Σ paths from inputs 14.073 + biases and constants 1.254 = logit 15.327". */
export function balance(model: Model, state: Readonly<State>, total: number, constant: number): string {
  if (!Number.isFinite(total) || !Number.isFinite(constant)) return "";
  const { value: output, name: noun } = aimOf(model, state);
  const off = Math.abs(total + constant - output);
  // Weights are float16: no decimals are shown in which the sum is not met.
  const [inputs, rest, whole] = summed(total, constant, output, Math.floor(-Math.log10(2 * off)));
  const plus = rest.startsWith("−")
    ? `− biases and constants ${rest.slice(1)}`
    : `+ biases and constants ${rest}`;
  return `Σ paths from inputs ${inputs} ${plus} ${off > 0.05 * Math.abs(output) ? "≈" : "="} ${noun} ${whole}`;
}

function strongestEdges(page: Page, state: Readonly<State>): HTMLElement {
  const { model } = page;
  const values = model.values(readingOf(state));
  const block = state.view === "matrix" ? model.blocks[state.block] : undefined;
  const edges = block ? range(block.start, block.stop) : values.order.subarray(0, FIRST);
  const between = block ? ` · ${block.source.name} → ${block.target.name}` : "";
  const part = section(`Strongest edges · ${QUANTITY[shownView(state)]}${between}`);
  const rows = ([1, -1] as const)
    .flatMap((sign) => strongest(edges, values, sign, EDGES, (edge) => model.source(edge)))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.edge - b.edge);
  const list = element("ul", { class: "rows" });
  for (const { vertex, edge, value } of rows) {
    const path = { vertices: [vertex, model.target(edge)], edges: [edge], value, share: NaN };
    list.append(element("li", {}, pathButton(page, path, "whole", "edge")));
  }
  if (rows.length) part.append(list);
  return part;
}

function range(start: number, stop: number): Uint32Array {
  return Uint32Array.from({ length: stop - start }, (_, at) => start + at);
}

function layers(page: Page, state: Readonly<State>): HTMLElement {
  const { model, act } = page;
  const list = element("ul", { class: "layers" });
  for (const layer of model.layers) {
    const folded = state.folded.has(layer.index);
    const fold = button(folded ? "▸" : "▾", () => act.fold(layer.index), {
      class: "fold",
      key: `fold:${layer.index}`,
      title: folded ? "unfold this layer" : "fold this layer",
      attributes: { "aria-expanded": String(!folded), "aria-label": `layer ${layer.name}` },
    });
    list.append(
      element(
        "li",
        {},
        fold,
        element(
          "span",
          { class: "name", title: layer.module || layer.name },
          element("bdi", { text: layer.name }),
        ),
        element("span", {
          class: "dim",
          text: briefly(layer, layer === model.output, model.data.softmax),
          title: detailOf(layer, layer === model.output, model.data.softmax),
        }),
      ),
    );
  }
  return section("Layers", list);
}
