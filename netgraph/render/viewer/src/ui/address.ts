/** The page's state in the address: a link restores what was seen. */

import type { Model } from "../core/model";
import type { State } from "../core/state";

/** Edges that the slider starts with: what the page says, else as many as are still read as lines. */
export function startingTop(model: Model, view: State["view"]): number {
  if (model.data.top !== null) return model.data.top;
  if (view === "circuit") return 600;
  return model.m > 20_000 ? 3_000 : Math.min(model.m, 2_000);
}

/** The state of a page that nobody has touched. */
export function initialState(model: Model): State {
  const view = model.data.opens;
  const dark = model.data.theme === "auto" ? systemIsDark() : model.data.theme === "dark";
  return {
    view,
    sample: 0,
    target: model.samples[0]?.prediction ?? 0,
    top: startingTop(model, view),
    positive: true,
    negative: true,
    density: true,
    colour: "sign",
    theme: dark ? "dark" : "light",
    selected: null,
    second: null,
    hovered: null,
    traced: [],
    grouped: false,
    folded: new Set(),
    lesioned: new Set(),
    block: 0,
    camera: null,
  };
}

/** The state that the page opens with: `given` over the page's own, and what the address holds over both. */
export function restore(model: Model, given: Partial<State> = {}): State {
  const state = { ...initialState(model), ...given };
  document.documentElement.dataset["theme"] = state.theme;
  return state;
}

function systemIsDark(): boolean {
  return window.matchMedia("(prefers-color-scheme: dark)").matches;
}
