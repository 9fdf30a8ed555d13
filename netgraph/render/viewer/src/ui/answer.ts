/** The input, what the network makes of it, and what is true. */

import type { Model } from "../core/model";
import type { State } from "../core/state";
import type { Page } from "./actions";
import { button, element, section } from "./dom";
import { className, number, percent, signed } from "./format";
import { inputPicture } from "./pictures";

const OUTPUTS = 3;

export function answer(page: Page, state: Readonly<State>): HTMLElement {
  const { model } = page;
  const sample = model.samples[state.sample];
  const outputs = model.outputs(state.sample, state.lesioned);
  const lesioned = state.lesioned.size > 0;
  const predicted = lesioned && model.data.softmax ? largestAt(outputs) : sample.prediction;
  const right = sample.label === null || predicted === null ? null : sample.label === predicted;
  const truth = right === null ? "" : right ? "correct" : `≠ truly ${className(model, sample.label)}`;
  const name = className(model, predicted);
  const told = element("div");
  // Class names are a digit here and "Egyptian cat" there.
  if (predicted !== null)
    told.append(element("p", { class: name.length > 12 ? "big long" : "big", text: name }));
  const line = [probability(model, outputs, predicted), truth].filter(Boolean).join(" · ");
  if (line) told.append(element("p", { class: right === false ? "wrong" : "dim", text: line }));
  told.append(element("p", { class: "dim", text: sample.name }));
  const head = element("div", { class: "answer" }, inputPicture(sample, `the input ${sample.name}`), told);
  const title = lesioned ? "Prediction with lesions" : "Prediction";
  return section(title, head, ...(outputs.length ? [outputRows(page, outputs, predicted !== null)] : []));
}

/** The largest outputs: a click shows how each came about. */
function outputRows({ model, act }: Page, outputs: Float32Array, predicted: boolean): HTMLElement {
  const { softmax } = model.data;
  const sizes = softmax ? model.shares(outputs) : outputs.map(Math.abs);
  const whole = softmax ? 1 : Math.max(...sizes);
  // Classes by their scores, though these are no logits; where nothing is predicted, whatever is large.
  const rank = predicted ? outputs : sizes;
  const order = [...sizes.keys()].sort((a, b) => rank[b] - rank[a] || a - b).slice(0, OUTPUTS);
  const list = element("ul", { class: "rows" });
  for (const target of order) {
    const bar = element("i");
    bar.style.width = `${whole > 0 ? (100 * sizes[target]) / whole : 0}%`;
    const made = button("", () => (act.target(target), act.view("circuit")), {
      class: outputs[target] < 0 && !softmax ? "row negative" : "row",
      key: `output:${target}`,
      title: "show its circuit",
    });
    made.append(
      element("span", { class: "name", text: className(model, target) }),
      element("span", { class: "bar" }, bar),
      element("span", { class: "value", text: softmax ? percent(sizes[target]) : signed(outputs[target]) }),
    );
    list.append(element("li", {}, made));
  }
  return list;
}

function probability(model: Model, outputs: Float32Array, target: number | null): string {
  if (target === null) return "";
  const value = (model.data.softmax ? model.shares(outputs) : outputs)[target] ?? NaN;
  if (!Number.isFinite(value)) return "";
  return model.data.softmax ? `p = ${percent(value)}` : `output ${number(value)}`;
}

function largestAt(outputs: Float32Array): number | null {
  const largest = outputs.reduce((best, value, at) => (value > outputs[best] ? at : best), 0);
  return outputs.length ? largest : null;
}
