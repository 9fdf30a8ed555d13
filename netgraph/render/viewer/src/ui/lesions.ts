/** What holding vertices at 0 does to the outputs. */

import type { State } from "../core/state";
import type { Page } from "./actions";
import { button, element, section } from "./dom";
import { className, counted, number, percent } from "./format";

const OUTPUTS = 5;

/** The outputs before and after the lesions: the answers, the class looked at, and those that change most. */
export function lesionEffect({ model, act }: Page, state: Readonly<State>): HTMLElement {
  const before = model.outputs(state.sample, new Set());
  const after = model.outputs(state.sample, state.lesioned);
  const [sharesBefore, sharesAfter] = [model.shares(before), model.shares(after)];
  const text = (value: number): string => (model.data.softmax ? percent(value) : number(value));
  const change = (target: number): number => Math.abs(after[target] - before[target]);
  const [was, is] = [before, after].map((outputs) => outputs.indexOf(Math.max(...outputs)));
  const asked = new Set(model.data.softmax ? [was, is, state.target] : [state.target]);
  const weight = (target: number): number => (asked.has(target) ? Infinity : change(target));
  const top = [...before.keys()]
    .sort((a, b) => (weight(a) === weight(b) ? a - b : weight(b) - weight(a)))
    .slice(0, OUTPUTS);
  top.sort((a, b) => sharesBefore[b] - sharesBefore[a] || a - b);
  const table = element("table", {}, element("caption", { text: "outputs, before → after" }));
  const body = table.createTBody();
  for (const target of top) {
    const row = body.insertRow();
    row.append(
      element("th", { text: className(model, target), attributes: { scope: "row" } }),
      element("td", { text: `${number(before[target])} → ${number(after[target])}` }),
      element("td", { text: `${text(sharesBefore[target])} → ${text(sharesAfter[target])}` }),
    );
    if (!model.data.softmax) row.deleteCell(-1);
  }
  const list = element("ul", { class: "chips" });
  for (const vertex of state.lesioned)
    list.append(
      element(
        "li",
        {},
        button(`${model.name(vertex)} ×`, () => act.lesion(vertex), {
          class: "small",
          key: `heal:${vertex}`,
          attributes: { "aria-label": `let ${model.name(vertex)} work again` },
        }),
      ),
    );
  const turned = model.data.softmax && was !== is;
  const told = `answer: ${className(model, was)} → ${className(model, is)}`;
  const answer = turned ? [element("p", { class: "wrong", text: told })] : [];
  return section(`Held at 0: ${counted(state.lesioned.size, "vertex", "vertices")}`, list, ...answer, table);
}
