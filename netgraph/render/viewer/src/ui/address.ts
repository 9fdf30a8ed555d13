/**
 * The page's state in the address, so that a link restores what was seen.
 *
 * Only what differs from an untouched page is written: `#view=network&top=3000&id=fc1:17`. Whatever else stands there —
 * a word of another page, a vertex that does not exist, a number out of range — is passed over.
 */

import type { ViewName } from "../core/contract";
import type { Model } from "../core/model";
import { partOf } from "../core/parts";
import type { Camera, State, Store } from "../core/state";
import { targetsOf, UNTRACED, viewsOf } from "./reading";

/** What an address does not hold. */
const PASSING: ReadonlySet<keyof State> = new Set(["hovered", "traced", "pointed", "summed"]);

/** Edges that the slider starts with: what the page says, else as many as are still read as lines. */
export function startingTop(model: Model, view: ViewName): number {
  if (model.data.top !== null) return model.data.top;
  if (view === "circuit" || view === "input") return 600;
  return model.m > 20_000 ? 3_000 : Math.min(model.m, 2_000);
}

/** The class that a sample is first shown for: the one that was predicted, if there is a circuit for it. */
export function startingTarget(model: Model, sample: number): number {
  const targets = targetsOf(model, sample);
  const { prediction = null, label = null } = model.samples[sample] ?? {};
  const wanted = [prediction, label, targets[0] ?? 0];
  return wanted.find((target): target is number => target !== null && targets.includes(target)) ?? 0;
}

/** The state of a page that nobody has touched. */
export function initialState(model: Model): State {
  const views = viewsOf(model);
  const module = model.groups !== null && model.groups.count > 0;
  const view = views.includes(model.data.opens) ? model.data.opens : (views[0] ?? "network");
  return {
    view,
    sample: 0,
    target: startingTarget(model, 0),
    top: startingTop(model, view),
    positive: true,
    negative: true,
    density: true,
    colour: module && model.data.colour === "module" ? "module" : "sign",
    ribbons: module && model.data.ribbons && model.groups!.drawable,
    isolated: null,
    pointed: null,
    picked: null,
    summed: false,
    theme: startingTheme(model),
    selected: null,
    second: null,
    hovered: null,
    traced: UNTRACED,
    grouped: false,
    folded: new Set(),
    lesioned: new Set(),
    block: 0,
    matrixOf: "network",
    camera: null,
  };
}

/** The state that the page opens with: `given` over the page's own, and what the address holds over both. */
export function restore(model: Model, given: Partial<State> = {}): State {
  const state = { ...initialState(model), ...given };
  const read = { ...state, ...parse(model, location.hash, state) };
  document.documentElement.dataset["theme"] = read.theme;
  return read;
}

/** What an address says, as far as it can be understood. */
export function parse(model: Model, hash: string, initial: State): Partial<State> {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const found: Partial<State> = {};
  const view = viewsOf(model).find((name) => name === words.get("view"));
  if (view) Object.assign(found, { view, top: startingTop(model, view) });
  const sample = whole(words.get("sample"), model.samples.length - 1);
  if (sample !== null) Object.assign(found, { sample, target: startingTarget(model, sample) });
  const target = whole(words.get("class"), model.classes.length - 1);
  if (target !== null && targetsOf(model, sample ?? initial.sample).includes(target)) found.target = target;
  const top = whole(words.get("top"), Math.max(1, model.m));
  if (top !== null) found.top = Math.max(1, top);
  const signs = words.get("signs");
  if (signs === "positive" || signs === "negative" || signs === "none")
    Object.assign(found, { positive: signs === "positive", negative: signs === "negative" });
  if (words.get("density") === "off") found.density = false;
  if (words.get("colour") === "sign") Object.assign(found, { colour: "sign", ribbons: false });
  if (words.get("colour") === "module" && model.groups) found.colour = "module";
  const ribbons = words.get("ribbons");
  if (ribbons === "on" && model.groups?.drawable) Object.assign(found, { ribbons: true, colour: "module" });
  if (ribbons === "off") found.ribbons = false;
  const alone = whole(words.get("only"), (model.groups?.count ?? 0) - 1);
  if (alone !== null) found.isolated = alone;
  const part = words.get("part");
  if (partOf(model, part)) found.picked = part;
  const theme = words.get("theme");
  if (theme === "dark" || theme === "light") found.theme = theme;
  const selected = vertex(model, words.get("id"));
  if (selected !== null) found.selected = selected;
  const second = vertex(model, words.get("to"));
  if (selected !== null && second !== null && second !== selected) found.second = second;
  if (words.get("paths") === "grouped") found.grouped = true;
  const folded = words.getAll("fold").flatMap((name) => model.layers.filter((layer) => layer.name === name));
  if (folded.length) found.folded = new Set(folded.map((layer) => layer.index));
  const cut = words.getAll("without").flatMap((id) => vertex(model, id) ?? []);
  if (cut.length && model.data.lesions) found.lesioned = new Set(cut);
  const block = whole(words.get("block"), model.blocks.length - 1);
  if (block !== null) found.block = block;
  const of = viewsOf(model).find((name) => name === words.get("of"));
  if (of && of !== "matrix") found.matrixOf = of;
  const camera = cameraOf(words.get("camera"));
  if (camera) found.camera = camera;
  return found;
}

/** The address of a state: "" for an untouched page. */
export function hashOf(model: Model, state: Readonly<State>, initial: State): string {
  const words = new URLSearchParams();
  const write = (name: string, value: string | number, differs: boolean): void => {
    if (differs) words.append(name, String(value));
  };
  write("view", state.view, state.view !== initial.view);
  write("sample", state.sample, state.sample !== initial.sample);
  write("class", state.target, state.target !== startingTarget(model, state.sample));
  write("top", state.top, state.top !== startingTop(model, state.view));
  const signs = state.positive ? "positive" : state.negative ? "negative" : "none";
  write("signs", signs, !(state.positive && state.negative));
  write("density", "off", !state.density);
  write("colour", state.colour, state.colour !== initial.colour);
  write(
    "ribbons",
    state.ribbons ? "on" : "off",
    state.ribbons !== initial.ribbons && state.colour === "module",
  );
  write("only", state.isolated ?? "", state.isolated !== null);
  write("part", state.picked ?? "", state.picked !== null);
  write("theme", state.theme, state.theme !== initial.theme);
  if (state.selected !== null) write("id", model.id(state.selected), true);
  if (state.second !== null) write("to", model.id(state.second), state.selected !== null);
  write("paths", "grouped", state.grouped);
  for (const layer of state.folded) write("fold", model.layers[layer].name, true);
  for (const lesion of state.lesioned) write("without", model.id(lesion), true);
  write("block", state.block, state.block !== initial.block);
  write("of", state.matrixOf, state.matrixOf !== initial.matrixOf);
  const { camera } = state;
  if (camera)
    write("camera", [camera.x, camera.y, camera.zoom].map((size) => size.toPrecision(5)).join(","), true);
  const text = words.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
  return text && "#" + text;
}

/** Keeps the address in step with the state, and the state with an address that somebody types or walks back to. */
export function keepAddress(model: Model, store: Store, initial: State): void {
  let timer = 0;
  const write = (): void => {
    timer = 0;
    const hash = hashOf(model, store.state, initial);
    if (hash === location.hash) return;
    try {
      history.replaceState(null, "", hash || location.pathname + location.search);
    } catch {
      // A frame made from text (a notebook's) has no address of its own: the state is simply not kept.
    }
  };
  store.subscribe((_, changed) => {
    const passing = [...changed].every((key) => PASSING.has(key));
    if (!passing && !timer) timer = window.setTimeout(write, 150);
  });
  // Who walks on has said what the address is: a state that waits to be written would overwrite it.
  window.addEventListener("popstate", () => {
    window.clearTimeout(timer);
    timer = 0;
  });
  window.addEventListener("hashchange", () => {
    const kept = { hovered: null, traced: UNTRACED, pointed: null, summed: store.state.summed };
    store.set({ ...initial, ...parse(model, location.hash, initial), ...kept });
  });
}

/** Dark or light, where neither the page nor the reader has chosen: as the system wishes. */
export function startingTheme(model: Model): State["theme"] {
  if (model.data.theme !== "auto") return model.data.theme;
  return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function whole(word: string | null, largest: number): number | null {
  if (word === null || !/^\d{1,9}$/.test(word)) return null;
  const value = Number(word);
  return value <= largest ? value : null;
}

function vertex(model: Model, id: string | null): number | null {
  const found = id === null ? -1 : model.find(id);
  return found >= 0 && found < model.n ? found : null;
}

function cameraOf(word: string | null): Camera | null {
  const sizes = word?.split(",").map(Number) ?? [];
  const [x, y, zoom] = sizes;
  if (sizes.length !== 3 || !sizes.every(Number.isFinite)) return null;
  if (x === undefined || y === undefined || zoom === undefined || zoom <= 1e-4 || zoom > 1e4) return null;
  return { x, y, zoom };
}
