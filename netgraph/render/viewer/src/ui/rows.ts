/** Lists of edges and of paths in the panel: a row is a button, and the picture shows what the pointer lies on. */

import type { EdgeValues, Path, PathList } from "../core/model";
import type { Page } from "./actions";
import { button, element } from "./dom";
import { number, percent, signed } from "./format";
import { UNTRACED } from "./reading";
import { tell, tellWhole, type Telling } from "./telling";

export interface EdgeRow {
  edge: number;
  value: number;
  sign: number;
  /** The vertex that the row names, and jumps to. */
  vertex: number;
}

/** The strongest of these edges with this sign, strongest first; equals by their number. */
export function strongest(
  edges: ArrayLike<number>,
  values: EdgeValues,
  sign: 1 | -1,
  most: number,
  vertexOf: (edge: number) => number,
): EdgeRow[] {
  const rows: EdgeRow[] = [];
  for (let at = 0; at < edges.length; at++) {
    const edge = edges[at];
    const value = values.value[edge];
    if (!(Math.abs(value) > 0) || values.sign(edge) !== sign) continue;
    const weakest = rows.length < most ? 0 : Math.abs(rows[most - 1].value);
    if (Math.abs(value) <= weakest) continue;
    let place = rows.length;
    while (place > 0 && Math.abs(rows[place - 1].value) < Math.abs(value)) place--;
    rows.splice(place, 0, { edge, value, sign, vertex: vertexOf(edge) });
    if (rows.length > most) rows.pop();
  }
  return rows;
}

/** Rows of edges with bars; `largest` is the length of a whole bar. */
export function edgeList(page: Page, rows: readonly EdgeRow[], largest: number, key: string): HTMLElement {
  const list = element("ul", { class: "rows" });
  for (const row of rows) list.append(element("li", {}, edgeButton(page, row, largest, key)));
  return list;
}

function edgeButton(page: Page, row: EdgeRow, largest: number, key: string): HTMLButtonElement {
  const { model, act } = page;
  const name = model.name(row.vertex);
  // A norm has no sign of its own: its colour is that of the taps' sum.
  const value = Math.sign(row.value) === row.sign ? signed(row.value, 3) : number(row.value, 3);
  const made = button("", () => act.select(row.vertex), {
    class: `row ${row.sign < 0 ? "negative" : "positive"}`,
    key: `${key}:${row.edge}`,
    title: `${model.id(row.vertex)}: ${signed(row.value, 6)}`,
  });
  const bar = element("i");
  bar.style.width = `${largest > 0 ? Math.max(1, (100 * Math.abs(row.value)) / largest) : 0}%`;
  made.append(
    element(
      "span",
      { class: name === model.id(row.vertex) ? "name tail" : "name" },
      element("bdi", { text: name }),
    ),
    element("span", { class: "bar" }, bar),
    element("span", { class: "value", text: value }),
  );
  return tracing(page, made, [row.edge]);
}

/** Rows of paths: the names along it, its value, its share. */
export function pathRows(page: Page, { paths }: PathList, telling: Telling, key: string): HTMLElement {
  const list = element("ol", { class: "rows" });
  for (const path of paths) list.append(element("li", {}, pathButton(page, path, telling, key)));
  return list;
}

export function pathButton(page: Page, path: Path, telling: Telling, key: string): HTMLButtonElement {
  const { model, act } = page;
  const text = tell(model, path.vertices, telling);
  const whole = tellWhole(model, path.vertices);
  const value = signed(path.value, 3);
  const share = Number.isFinite(path.share) ? percent(path.share) : "";
  // A path is opened at the first vertex that is not where it begins; a route of hidden vertices at its first.
  const chosen = path.vertices[telling === "route" ? 0 : Math.min(1, path.vertices.length - 1)];
  const made = button("", () => act.select(chosen), {
    class: `row path ${path.value < 0 ? "negative" : "positive"}`,
    key: `${key}:${path.vertices.join()}`,
    title: `${whole}: select ${model.id(chosen)}`,
  });
  made.append(
    // What is left out for the eye's sake is said all the same.
    element("span", { class: "name", text, attributes: { "aria-hidden": "true" } }),
    element("span", { class: "unseen", text: whole }),
    element("span", { class: "value", text: value }),
    element("span", { class: "share", text: share }),
  );
  return tracing(page, made, path.edges);
}

/** While the pointer or the focus lies on it, its edges shine in the picture. */
export function tracing<Kind extends HTMLElement>({ store }: Page, on: Kind, edges: readonly number[]): Kind {
  const trace = (): void => store.set({ traced: edges });
  const stop = (): void => {
    if (store.state.traced === edges) store.set({ traced: UNTRACED });
  };
  on.addEventListener("pointerenter", trace);
  on.addEventListener("focus", trace);
  on.addEventListener("pointerleave", stop);
  on.addEventListener("blur", stop);
  return on;
}
