/** What a reader can do, in one place: buttons and keys do the same things. */

import type { ViewName } from "../core/contract";
import type { Model } from "../core/model";
import { groupName } from "../core/groups";
import type { PartKey } from "../core/parts";
import type { State, Store } from "../core/state";
import type { Stage } from "../draw/frame";
import { startingTarget, startingTop } from "./address";
import { partLine } from "./modules";
import { className, counted, percent } from "./format";
import { readingOf, targetsOf, UNTRACED, viewsOf, viewTitle } from "./reading";

/** What every part of the interface is given. */
export interface Page {
  model: Model;
  store: Store;
  stage: Stage;
  act: Actions;
}

export interface Actions {
  view(view: ViewName): void;
  /** What the matrix shows. */
  matrixOf(quantity: State["matrixOf"]): void;
  sample(sample: number): void;
  target(target: number): void;
  /** The next class (1) or the one before (−1) that there is a circuit for. */
  nextTarget(step: number): void;
  top(top: number): void;
  /** Selects a vertex and brings it into sight; null lets go. */
  select(vertex: number | null): void;
  /** Second vertex: paths between it and the selected one. */
  second(vertex: number | null): void;
  lesion(vertex: number): void;
  heal(): void;
  fold(layer: number): void;
  toggle(what: "positive" | "negative" | "density" | "grouped"): void;
  colour(): void;
  /** Ribbons between modules, or single edges. */
  ribbons(): void;
  /** Only this group is seen brightly, or again all. */
  isolate(group: number): void;
  /** A bar or ribbon of the picture of modules; null lets go. */
  pick(part: PartKey | null): void;
  theme(): void;
  /** Tells those who listen rather than look. */
  announce(text: string): void;
}

export function createActions(model: Model, store: Store, stage: Stage, live: HTMLElement): Actions {
  const announce = (text: string): void => {
    live.textContent = text;
  };
  const act: Actions = {
    announce,
    view(view) {
      const { state } = store;
      // A number of edges that nobody chose changes with the view: a circuit needs fewer than the weights.
      const untouched = state.top === startingTop(model, state.view);
      store.set({ view, traced: UNTRACED, ...(untouched ? { top: startingTop(model, view) } : {}) });
      announce(viewTitle(model, store.state));
    },
    matrixOf(quantity) {
      if (!viewsOf(model).includes(quantity)) return;
      store.set({ matrixOf: quantity, traced: UNTRACED });
      announce(viewTitle(model, store.state));
    },
    sample(sample) {
      const { state } = store;
      if (!model.samples[sample]) return;
      // The question "why this answer" goes along to the next input; "why not 7" stays where it was asked.
      const asked = state.target !== startingTarget(model, state.sample);
      const kept = asked && targetsOf(model, sample).includes(state.target);
      store.set({ sample, traced: UNTRACED, target: kept ? state.target : startingTarget(model, sample) });
      const { name, prediction, label } = model.samples[sample];
      const truth =
        label === null ? "" : label === prediction ? ", correct" : `, truly ${className(model, label)}`;
      announce(prediction === null ? name : `${name}: predicted ${className(model, prediction)}${truth}`);
    },
    target(target) {
      store.set({ target, traced: UNTRACED });
      const { sample, lesioned } = store.state;
      const share =
        model.data.softmax && model.samples.length ? model.shares(model.outputs(sample, lesioned)) : null;
      announce(`class ${className(model, target)}${share ? ", " + percent(share[target] ?? NaN) : ""}`);
    },
    nextTarget(step) {
      const targets = targetsOf(model, store.state.sample);
      const place = targets.indexOf(store.state.target) + step;
      const next = targets[(place + targets.length) % targets.length];
      if (next !== undefined) act.target(next);
    },
    top(top) {
      const { order } = model.values(readingOf(store.state));
      store.set({ top: Math.max(1, Math.min(Math.round(top), order.length)) });
    },
    select(vertex) {
      // Who asks for a vertex sees vertices.
      store.set({
        selected: vertex,
        second: null,
        hovered: null,
        traced: UNTRACED,
        ...(vertex === null ? {} : VERTICES),
      });
      if (vertex !== null) stage.reveal(vertex);
    },
    second(vertex) {
      if (store.state.selected === null || vertex === store.state.selected) return;
      store.set({ second: vertex, traced: UNTRACED });
    },
    lesion(vertex) {
      if (!model.data.lesions) return;
      const lesioned = toggled(store.state.lesioned, vertex);
      store.set({ lesioned, traced: UNTRACED });
      announce(`${model.name(vertex)} ${lesioned.has(vertex) ? "is held at 0" : "works again"}`);
    },
    heal() {
      store.set({ lesioned: new Set(), traced: UNTRACED });
      announce("every vertex works again");
    },
    fold(layer) {
      const folded = toggled(store.state.folded, layer);
      store.set({ folded });
      announce(`layer ${model.layers[layer]?.name ?? ""} ${folded.has(layer) ? "folded" : "unfolded"}`);
    },
    toggle(what) {
      store.set({ [what]: !store.state[what] });
    },
    colour() {
      const module = store.state.colour === "sign";
      if (model.groups) store.set(module ? { colour: "module" } : { colour: "sign", ...VERTICES });
    },
    ribbons() {
      if (!model.groups?.drawable) return;
      const ribbons = !store.state.ribbons;
      store.set(
        ribbons ? { ribbons, colour: "module", selected: null, second: null, hovered: null } : VERTICES,
      );
      announce(ribbons ? "ribbons between modules" : "vertices and edges");
    },
    isolate(group) {
      const isolated = store.state.isolated === group ? null : group;
      store.set({ isolated, picked: null });
      announce(isolated === null ? "all modules" : `${groupName(model.groups!, group)} alone`);
    },
    pick(part) {
      store.set({ picked: part, pointed: null });
    },
    theme() {
      const theme = store.state.theme === "dark" ? "light" : "dark";
      // The style sheet first: whoever hears of the change reads its colours.
      document.documentElement.dataset["theme"] = theme;
      store.set({ theme });
    },
  };
  store.subscribe((state, changed) => {
    if (changed.has("picked") && state.ribbons)
      announce(state.picked === null ? "nothing selected" : partLine(model, state, state.picked));
    if (!changed.has("selected") && !changed.has("second")) return;
    if (state.selected === null) return announce("nothing selected");
    const name = model.name(state.selected);
    if (state.second !== null) return announce(`paths between ${name} and ${model.name(state.second)}`);
    const edges = model.inward(state.selected).length + model.outward(state.selected).length;
    announce(`${name} selected, layer ${model.layerOf(state.selected).name}, ${counted(edges, "edge")}`);
  });
  return act;
}

/** Vertices by themselves again. */
const VERTICES = { ribbons: false, picked: null, pointed: null };

function toggled(set: ReadonlySet<number>, member: number): ReadonlySet<number> {
  const next = new Set(set);
  if (!next.delete(member)) next.add(member);
  return next;
}
