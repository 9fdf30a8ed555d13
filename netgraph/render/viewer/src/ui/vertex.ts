/** The panel while a vertex is selected: what it is, what it sees, and its strongest edges. */

import type { Reading } from "../core/model";
import { groupName } from "../core/groups";
import type { State } from "../core/state";
import { readPalette } from "../draw/palette";
import type { Page } from "./actions";
import { columnsOf } from "./columns";
import { button, element, section } from "./dom";
import { className, counted, number, percent, signed } from "./format";
import { lesionEffect } from "./lesions";
import { vertexPictures } from "./pictures";
import { aimOf, QUANTITY, readingOf, shownView } from "./reading";
import { edgeList, pathRows, strongest, type EdgeRow } from "./rows";
import { createSearch } from "./search";

const EDGES = 5;
const PATHS = 12;

export function vertexPanel(page: Page, state: Readonly<State>, vertex: number): HTMLElement[] {
  const { model, act } = page;
  const reading = readingOf(state);
  const layer = model.layerOf(vertex);
  const [name, id] = [model.name(vertex), model.id(vertex)];
  const title = element(
    "div",
    { class: "title" },
    element("h2", { text: name }),
    button("×", () => act.select(null), {
      class: "small",
      key: "close",
      title: "let go (Esc)",
      attributes: { "aria-label": "let go" },
    }),
  );
  const output = layer === model.output ? `output “${className(model, vertex - layer.start)}”` : "";
  const where = [name === id ? "" : id, `layer ${layer.name}`, layer.kind, output]
    .filter(Boolean)
    .join(" · ");
  const parts: HTMLElement[] = [title, element("p", { class: "dim", text: where })];
  const pictures = vertexPictures(model, vertex, reading, readPalette());
  if (pictures.length) parts.push(element("div", { class: "pictures" }, ...pictures));
  parts.push(facts(page, state, vertex, reading));
  if (model.data.lesions) parts.push(...lesion(page, state, vertex));
  parts.push(state.second === null ? toSecond(page) : between(page, state, vertex, state.second));
  parts.push(...edges(page, state, vertex, reading));
  return parts;
}

function facts({ model }: Page, state: Readonly<State>, vertex: number, reading: Reading): HTMLElement {
  const list = element("dl", { class: "facts" });
  const add = (name: string, value: string): void => {
    list.append(element("div", {}, element("dt", { text: name }), element("dd", { text: value })));
  };
  if (model.samples.length) {
    add("activation", number(model.activation(vertex, reading)));
    if (shownView(state) === "circuit") {
      const flow = model.flow(vertex, reading);
      const whole = aimOf(model, state).value;
      const share = whole ? ` · ${percent(flow / whole)} of it` : "";
      if (Number.isFinite(flow)) add(`flow to “${className(model, state.target)}”`, signed(flow) + share);
    }
  }
  const bias = model.bias?.[vertex] ?? NaN;
  if (Number.isFinite(bias)) add("bias", signed(bias));
  const group = model.groups?.of[vertex] ?? -1;
  if (group >= 0)
    add("module", model.data.groups ? groupName(model.groups!, group) : String(model.module![vertex]));
  for (const { name, values } of columnsOf(model)) {
    const value = values[vertex] ?? NaN;
    if (!Number.isNaN(value)) add(name, number(value));
  }
  add(
    "edges",
    `${counted(model.inward(vertex).length, "in", "in")} · ${counted(model.outward(vertex).length, "out", "out")}`,
  );
  return list;
}

/** Holding a vertex at 0, and what that does to the answer. */
function lesion(page: Page, state: Readonly<State>, vertex: number): HTMLElement[] {
  const { act } = page;
  const held = state.lesioned.has(vertex);
  const made = button(
    held ? "let it work again" : "hold at 0 (lesion)",
    () => act.lesion(vertex),
    {
      key: "lesion",
      title: "recompute the network without this vertex (l)",
    },
    held,
  );
  const row = element("div", { class: "buttons" }, made);
  if (state.lesioned.size > (held ? 1 : 0))
    row.append(button(`heal all ${state.lesioned.size}`, () => act.heal(), { key: "heal" }));
  return state.lesioned.size ? [row, lesionEffect(page, state)] : [row];
}

/** A field for the other end of the paths, for those who have no shift key and pointer. */
function toSecond({ model, act }: Page): HTMLElement {
  const search = createSearch(model, "paths to … (or shift-click)", (vertex) => act.second(vertex), "second");
  return search.host;
}

function between(page: Page, state: Readonly<State>, a: number, b: number): HTMLElement {
  const { model, act } = page;
  const list = model.between(a, b, readingOf(state), PATHS);
  const part = section(
    `Paths between ${model.name(a)} and ${model.name(b)}`,
    pathRows(page, list, "between", "between"),
  );
  part.querySelector("h3")?.append(
    button("×", () => act.second(null), {
      class: "small",
      key: "unsecond",
      attributes: { "aria-label": "let go of the second vertex" },
    }),
  );
  const sum = Number.isFinite(list.total) ? ` Together, all paths: ${signed(list.total)}.` : "";
  const covered = Number.isFinite(list.coverage)
    ? `These ${list.paths.length} hold ${percent(list.coverage)} of Σ|path|.`
    : "";
  const none =
    shownView(state) === "network"
      ? "No path leads from one to the other."
      : `No path from one to the other carries any ${QUANTITY[shownView(state)]} here.`;
  const text = list.paths.length ? covered + sum : none;
  if (text) part.append(element("p", { class: "dim", text: text.trim() }));
  return part;
}

function edges(page: Page, state: Readonly<State>, vertex: number, reading: Reading): HTMLElement[] {
  const { model } = page;
  const values = model.values(reading);
  const [inward, outward] = [model.inward(vertex), model.outward(vertex)];
  const lists: { name: string; rows: EdgeRow[] }[] = ([1, -1] as const).flatMap((sign) => {
    const word = sign > 0 ? "positive" : "negative";
    return [
      {
        name: `Strongest ${word} in`,
        rows: strongest(inward, values, sign, EDGES, (edge) => model.source(edge)),
      },
      {
        name: `Strongest ${word} out`,
        rows: strongest(outward, values, sign, EDGES, (edge) => model.target(edge)),
      },
    ];
  });
  const order = [lists[0], lists[2], lists[1], lists[3]].filter((list) => list.rows.length);
  const largest = Math.max(0, ...order.map(({ rows }) => Math.abs(rows[0].value)));
  const parts = order.map(({ name, rows }) => section(name, edgeList(page, rows, largest, name)));
  if (!parts.length)
    parts.push(
      element("p", {
        class: "dim",
        text: `No edge of this vertex carries any ${QUANTITY[shownView(state)]} here.`,
      }),
    );
  return parts;
}
