/** What the state asks of the model, and the words for it. */

import type { ViewName } from "../core/contract";
import type { EdgeValues, Model, Reading } from "../core/model";
import type { State } from "../core/state";
import { className } from "./format";

export function readingOf(state: Readonly<State>): Reading {
  return { view: shownView(state), sample: state.sample, target: state.target, lesioned: state.lesioned };
}

/** The quantity that is shown: the matrix shows one of the others'. */
export const shownView = ({ view, matrixOf }: Readonly<State>): State["matrixOf"] =>
  view === "matrix" ? matrixOf : view;

/** No path is traced: one list, so that setting it again is no change. */
export const UNTRACED: readonly number[] = [];

/** What an edge's value is, view by view. */
export const QUANTITY: Record<State["matrixOf"], string> = {
  circuit: "attribution",
  input: "contribution",
  network: "weight",
};

/** In the order in which the matrix offers them. */
export const QUANTITIES = ["network", "input", "circuit"] as const;

/** The views that this page's data can show. */
export function viewsOf(model: Model): ViewName[] {
  const views: ViewName[] = [];
  if (model.data.flows !== null && model.samples.length) {
    if (model.output) views.push("circuit");
    views.push("input");
  }
  views.push("network");
  if (model.blocks.length) views.push("matrix");
  return views;
}

/** Classes that a circuit can be shown for at this sample: all, or those that came with the page. */
export function targetsOf(model: Model, sample: number): number[] {
  const every = model.classes.map((_, index) => index);
  if (model.data.flows !== "framed") return every;
  const framed = new Set(model.data.samples[sample]?.frames.map((frame) => frame.target));
  return every.filter((target) => framed.has(target));
}

/** Edges that are drawn crisply, strongest first: of the strongest `top` those whose sign is switched on. */
export function shownEdges(model: Model, values: EdgeValues, state: Readonly<State>): Uint32Array {
  const strongest = values.order.subarray(0, state.top);
  if (state.positive && state.negative && state.isolated === null) return strongest;
  const seen = touching(model, state.isolated);
  return strongest.filter((edge) => {
    const sign = values.sign(edge);
    return ((sign > 0 && state.positive) || (sign < 0 && state.negative)) && seen(edge);
  });
}

/** Which edges touch a group; null: all are meant. */
export function touching(model: Model, group: number | null): (edge: number) => boolean {
  const of = model.groups?.of;
  if (group === null || !of) return () => true;
  return (edge) => of[model.source(edge)] === group || of[model.target(edge)] === group;
}

/** Modules and ribbons are drawn instead of vertices and edges. */
export const ribboned = (model: Model, { ribbons, view }: Readonly<State>): boolean =>
  ribbons && view !== "matrix" && (model.groups?.drawable ?? false);

/** What runs between the modules is wanted: the ribbons, or the numbers beside the legend. */
export const summable = (model: Model, { view, colour }: Readonly<State>): boolean =>
  colour === "module" && view !== "matrix" && (model.groups?.drawable ?? false);

/** What the flows of the circuit add up to, and its name: the output as a rule, or what the frame was made for. */
export function aimOf(model: Model, state: Readonly<State>): { value: number; name: string } {
  const frames = model.data.flows === "framed" ? model.data.samples[state.sample]?.frames : undefined;
  const frame = frames?.find(({ target }) => target === state.target);
  if (frame?.of) return { value: frame.value, name: frame.of };
  const value = model.outputs(state.sample, state.lesioned)[state.target] ?? NaN;
  return { value, name: model.data.softmax ? "logit" : "output" };
}

/** "circuit for 7 at sample 3", for file names, captions and the live region. */
export function viewTitle(model: Model, state: Readonly<State>): string {
  const sample = model.samples[state.sample]?.name ?? "";
  const target = className(model, state.target);
  const matrix = state.view === "matrix";
  switch (shownView(state)) {
    case "circuit":
      return `${matrix ? "matrix of the " : ""}circuit for ${target} · ${sample}`;
    case "input":
      return `${matrix ? "matrix of " : ""}contributions at ${sample}`;
    default:
      return matrix ? "matrix of weights" : "weights of the network";
  }
}
