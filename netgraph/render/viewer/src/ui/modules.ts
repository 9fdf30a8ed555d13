/** Modules in words: how much runs inside them and between them, part by part, and how keys walk over them. */

import { groupName } from "../core/groups";
import type { Model } from "../core/model";
import {
  barKey,
  entering,
  held,
  leaving,
  type Part,
  type PartKey,
  partOf,
  ribbonKey,
  type Spot,
  touching,
} from "../core/parts";
import type { State } from "../core/state";
import { type Bundle, isInside, type Sums, sumsOf, weightOf } from "../core/sums";
import { partName } from "../draw/modules";
import type { Page } from "./actions";
import { button, element, section } from "./dom";
import { count, counted, number, percent } from "./format";
import { QUANTITY, readingOf, ribboned, shownView } from "./reading";

const ROWS = 8;

const sumsFor = (model: Model, state: Readonly<State>): Sums | null => sumsOf(model.values(readingOf(state)));
const sum = (bundles: readonly Bundle[]): number => bundles.reduce((all, b) => all + weightOf(b), 0);

const sizeOf = ({ groups, layers }: Model, { layer, group }: Spot): number => {
  const { start, stop } = layers[layer]!;
  return groups!.of.subarray(start, stop).reduce((size, own) => size + Number(own === group), 0);
};

/** Its name, and a line for each thing to say of it. */
export function partTold(model: Model, state: Readonly<State>, key: PartKey): string[] {
  const part = partOf(model, key);
  if (!part) return [""];
  const sums = sumsFor(model, state);
  const quantity = `Σ|${QUANTITY[shownView(state)]}|`;
  const lines = [partName(model, key)];
  if (!part.to) {
    const layer = model.layers[part.bar.layer]!;
    const size = sizeOf(model, part.bar);
    lines.push(
      `${count(size)} of ${counted(layer.size, "vertex", "vertices")} (${percent(size / layer.size)})`,
    );
    for (const [word, bundles] of [
      ["in", sums && entering(sums, part.bar)],
      ["out", sums && leaving(sums, part.bar)],
    ] as const) {
      if (!bundles?.length) continue;
      const { all, inside } = held(bundles);
      lines.push(`${quantity} ${word} ${number(all, 3)}, ${percent(inside / all)} inside the module`);
    }
    return lines;
  }
  if (!sums) return lines;
  const bundle = sums.bundles.find((each) => ribbonKey(each) === key);
  if (!bundle) return [...lines, "no edge"];
  const { source, target, positive, negative } = bundle;
  const pair = sums.bundles.filter((each) => each.source === source && each.target === target);
  const weight = weightOf(bundle);
  lines.push(`${quantity} ${number(weight, 4)} on ${counted(bundle.edges, "edge")}`);
  lines.push(`${percent(weight / sum(pair))} of all between the two layers`);
  if (positive && negative)
    lines.push(`${percent(positive / weight)} above 0, ${percent(negative / weight)} below`);
  return lines;
}

/** The same in one sentence, for those who listen. */
export const partLine = (model: Model, state: Readonly<State>, key: PartKey): string =>
  partTold(model, state, key).join(", ");

/** The panel of a bar or ribbon. */
export function partPanel(page: Page, state: Readonly<State>, part: Part): HTMLElement[] {
  const { model, act } = page;
  const [name, ...told] = partTold(model, state, state.picked!);
  const close = button("×", () => act.pick(null), {
    class: "small",
    key: "close",
    title: "let go (Esc)",
    attributes: { "aria-label": "let go" },
  });
  const parts: HTMLElement[] = [
    element("div", { class: "title" }, element("h2", { text: name! }), close),
    ...told.map((text) => element("p", { class: "dim", text })),
  ];
  const sums = sumsFor(model, state);
  if (part.to)
    for (const [words, spot] of [["from", part.bar] as const, ["to", part.to] as const])
      parts.push(section(words, list([barRow(page, spot)])));
  else if (sums)
    for (const [words, bundles] of [
      ["Strongest in", entering(sums, part.bar)],
      ["Strongest out", leaving(sums, part.bar)],
    ] as const)
      if (bundles.length) parts.push(section(words, ribbonRows(page, bundles, sum(bundles), words)));
  const { group } = part.bar;
  if (group >= 0 && (!part.to || part.to.group === group)) {
    const only = state.isolated === group;
    const words = only ? "show all modules" : `only ${groupName(model.groups!, group)}`;
    parts.push(
      element(
        "div",
        { class: "buttons" },
        button(words, () => isolateFrom(page, group), { key: "isolate" }, only),
      ),
    );
  }
  return parts;
}

/** The part stays picked. */
function isolateFrom({ act, store }: Page, group: number): void {
  const { picked } = store.state;
  act.isolate(group);
  store.set({ picked });
}

/** The overview's part about modules: how much of everything runs inside them, each of them, the strongest between. */
export function modulesTold(page: Page, state: Readonly<State>): HTMLElement[] {
  const { model, act } = page;
  const { groups } = model;
  const sums = sumsFor(model, state);
  if (!groups || !sums) return [];
  const quantity = `Σ|${QUANTITY[shownView(state)]}|`;
  const rows = [...groups.names.keys()].map((group) => {
    const bundles = touching(sums, group);
    return { group, all: sum(bundles), inside: sum(bundles.filter(isInside)) };
  });
  rows.sort((a, b) => groups.sizes[b.group]! - groups.sizes[a.group]! || a.group - b.group);
  const made = rows.slice(0, ROWS).map(({ group, all, inside }) => {
    const share = all > 0 ? inside / all : 0;
    const name = groups.names[group]!;
    const row = button("", () => act.isolate(group), {
      class: "row",
      key: `inside:${group}`,
      title: `${name}: ${number(inside, 3)} of ${number(all, 3)} inside; show it alone`,
    });
    row.append(element("span", { class: "name", text: name }), bar(share), value(percent(share)));
    row.setAttribute("aria-pressed", String(state.isolated === group));
    return row;
  });
  const told = `${percent(sums.total > 0 ? sums.inside / sums.total : NaN)} of ${quantity} runs inside modules.`;
  const parts = [section("Inside the modules", element("p", { class: "dim", text: told }), list(made))];
  if (groups.count > ROWS)
    parts[0]!.append(element("p", { class: "dim", text: `the ${ROWS} largest of ${count(groups.count)}` }));
  if (!ribboned(model, state)) return parts;
  const between = sums.bundles.filter(({ from, to }) => from !== to && from >= 0 && to >= 0);
  if (between.length)
    parts.push(section("Strongest between modules", ribbonRows(page, between, sums.total, "between")));
  return parts;
}

function ribbonRows(page: Page, bundles: readonly Bundle[], whole: number, key: string): HTMLElement {
  const strongest = [...bundles].sort((a, b) => weightOf(b) - weightOf(a)).slice(0, ROWS);
  const rows = strongest.map((bundle) => {
    const part = ribbonKey(bundle);
    const { groups, layers } = page.model;
    const name = (group: number): string => groupName(groups!, group);
    // "module 3 → 0": the word once, where it is the same.
    const plain = page.model.data.groups === null && bundle.from >= 0 && bundle.to >= 0;
    const to = plain ? String(groups!.numbers[bundle.to]) : name(bundle.to);
    const made = button("", () => page.act.pick(part), {
      class: "row ribbon",
      key: `${key}:${part}`,
      title: partName(page.model, part),
    });
    made.append(
      element("span", {
        class: "name",
        text: bundle.from === bundle.to ? name(bundle.from) : `${name(bundle.from)} → ${to}`,
      }),
      element("span", {
        class: "name dim",
        text: `${layers[bundle.source]!.name} → ${layers[bundle.target]!.name}`,
      }),
      value(percent(weightOf(bundle) / whole)),
    );
    return pointing(page, made, part);
  });
  return list(rows);
}

function barRow(page: Page, spot: Spot): HTMLButtonElement {
  const key = barKey(spot);
  const made = button("", () => page.act.pick(key), { class: "row ribbon", key });
  made.append(element("span", { class: "name", text: partName(page.model, key) }));
  return pointing(page, made, key);
}

/** While the pointer or the focus lies on it, the part shines in the picture. */
function pointing({ store }: Page, on: HTMLButtonElement, key: PartKey): HTMLButtonElement {
  const stop = (): void => {
    if (store.state.pointed === key) store.set({ pointed: null });
  };
  for (const event of ["pointerenter", "focus"])
    on.addEventListener(event, () => store.set({ pointed: key }));
  for (const event of ["pointerleave", "blur"]) on.addEventListener(event, stop);
  return on;
}

function list(rows: readonly HTMLElement[]): HTMLElement {
  return element("ul", { class: "rows" }, ...rows.map((row) => element("li", {}, row)));
}

const value = (text: string): HTMLElement => element("span", { class: "value", text });

function bar(share: number): HTMLElement {
  const part = element("i");
  part.style.width = `${100 * share}%`;
  return element("span", { class: "bar" }, part);
}

// -- keys -----------------------------------------------------------------------------------------------

/** Bars of the picture in the order of the layers, and in each from the top down. */
function barsOf({ groups, layers }: Model): Spot[] {
  const rank = (group: number): number => (group < 0 ? groups!.count : group);
  return layers.flatMap(({ index, start, stop }) =>
    [...new Set(groups!.of.subarray(start, stop))]
      .sort((a, b) => rank(a) - rank(b))
      .map((group) => ({ layer: index, group })),
  );
}

/** Up and down among the modules of a layer. */
export function alongBars(page: Page, step: 1 | -1): void {
  const { model, store, act } = page;
  const bars = barsOf(model);
  const from = partOf(model, store.state.picked)?.bar ?? null;
  if (!from) return act.pick(bars[0] ? barKey(bars[0]) : null);
  const same = bars.filter(({ layer }) => layer === from.layer);
  const at = same.findIndex(({ group }) => group === from.group) + step;
  act.pick(barKey(same[Math.max(0, Math.min(same.length - 1, at))]!));
}

/** To the ribbon that carries most from a bar, or into it; from a ribbon on to its end. */
export function alongRibbon(page: Page, onward: boolean): void {
  const { model, store, act } = page;
  const part = partOf(model, store.state.picked);
  if (!part) return alongBars(page, 1);
  if (part.to) return act.pick(barKey(onward ? part.to : part.bar));
  const sums = sumsFor(model, store.state);
  const bundles = sums ? (onward ? leaving(sums, part.bar) : entering(sums, part.bar)) : [];
  const best = bundles.reduce<Bundle | null>((a, b) => (a && weightOf(a) >= weightOf(b) ? a : b), null);
  if (best) act.pick(ribbonKey(best));
  else act.announce(`no ribbon leads ${onward ? "on from" : "to"} ${partName(model, barKey(part.bar))}`);
}
