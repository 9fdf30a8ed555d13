/** The panel on the right: the overview or the selected vertex, and the legend below. */

import { partOf } from "../core/parts";
import type { State } from "../core/state";
import type { Page } from "./actions";
import { element } from "./dom";
import { createLegend } from "./legend";
import { partPanel } from "./modules";
import { overview } from "./overview";
import { ribboned } from "./reading";
import { vertexPanel } from "./vertex";

/** What the panel's words and pictures depend on; hovering, the camera and the number of edges leave it alone. */
const READ: ReadonlySet<keyof State> = new Set([
  "view",
  "sample",
  "target",
  "selected",
  "second",
  "grouped",
  "folded",
  "lesioned",
  "theme",
  "block",
  "matrixOf",
  "ribbons",
  "colour",
  "isolated",
  "picked",
  "summed",
  "positive",
  "negative",
]);

export function createPanel(page: Page, host: HTMLElement): void {
  const reading = element("div", { id: "reading", attributes: { tabindex: "-1" } });
  host.append(reading);
  createLegend(page, host);
  const write = (state: Readonly<State>): void => {
    if (state.selected !== null) return reading.replaceChildren(...vertexPanel(page, state, state.selected));
    const part = ribboned(page.model, state) ? partOf(page.model, state.picked) : null;
    reading.replaceChildren(...(part ? partPanel(page, state, part) : overview(page, state)));
  };
  page.store.subscribe((state, changed) => {
    if (![...changed].some((key) => READ.has(key))) return;
    const focused = document.activeElement;
    const inside = focused instanceof HTMLElement && reading.contains(focused);
    const key = inside ? focused.dataset["key"] : undefined;
    write(state);
    if (changed.has("selected") || changed.has("picked") || changed.has("view")) host.scrollTop = 0;
    if (!inside) return;
    // Whoever walked here by keys stays here: on the same button if there still is one, else at the panel's top.
    const again = [...reading.querySelectorAll<HTMLElement>("[data-key]")].find(
      (made) => made.dataset["key"] === key,
    );
    (again ?? reading).focus({ preventScroll: true });
  });
  write(page.store.state);
}
