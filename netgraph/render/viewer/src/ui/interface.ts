/** Everything around the picture: controls, panel, strip of inputs, tooltip, keys. */

import type { Model } from "../core/model";
import type { Store } from "../core/state";
import type { Stage } from "../draw/frame";
import { createAbout } from "./about";
import { createActions, type Page } from "./actions";
import { initialState, keepAddress } from "./address";
import { createControls } from "./controls";
import { button, drawing, mount } from "./dom";
import { createKeyboard } from "./keyboard";
import { createPanel } from "./panel";
import { createPrint } from "./print";
import { createSave } from "./save";
import { createSearch } from "./search";
import { createStrip } from "./strip";
import { followSystem } from "./theme";
import { createTip } from "./tip";

export function createInterface(model: Model, store: Store, stage: Stage): void {
  const main = mount("stage", HTMLElement);
  const panel = mount("panel", HTMLElement);
  const initial = initialState(model);
  const page: Page = {
    model,
    store,
    stage,
    act: createActions(model, store, stage, mount("live", HTMLElement)),
  };
  const { act } = page;

  const about = createAbout(model, mount("about", HTMLDialogElement));
  const search = createSearch(model, "search ( / )", (vertex) => {
    act.select(vertex);
    mount("main", HTMLCanvasElement).focus();
  });
  const details = button("", () => showPanel(panel.hidden === true), {
    title: "show or hide the panel",
    attributes: { "aria-label": "panel", "aria-controls": panel.id, "aria-expanded": "true" },
  });
  const showPanel = (shown: boolean): void => {
    panel.hidden = !shown;
    document.body.classList.toggle("wide", !shown);
    details.setAttribute("aria-expanded", String(shown));
  };
  const theme = button("", () => act.theme(), {
    title: "dark or light (t)",
    attributes: { "aria-label": "dark or light" },
  });
  // Drawn, since not every font has such signs.
  details.append(
    drawing(
      [16, 16],
      ["rect", { x: 1.5, y: 2.5, width: 13, height: 11, rx: 2, class: "stroke-text" }],
      ["rect", { x: 10, y: 3, width: 4, height: 10, class: "fill-text" }],
    ),
  );
  theme.append(
    drawing(
      [16, 16],
      ["circle", { cx: 8, cy: 8, r: 6.5, class: "stroke-text" }],
      ["path", { d: "M8 2A6 6 0 0 1 8 14Z", class: "fill-text" }],
    ),
  );
  createControls(page, mount("controls", HTMLElement), [
    search.host,
    button("fit", () => stage.fit(), { title: "show everything (f)" }),
    createSave(page, initial),
    theme,
    details,
    button("?", () => about.open(), {
      title: "about, and all keys (?)",
      attributes: { "aria-label": "about and help" },
    }),
  ]);
  createStrip(page, mount("strip", HTMLElement));
  createPanel(page, panel);
  createTip(page, mount("tip", HTMLElement), main);
  createPrint(page, main, mount("printed", HTMLElement));
  createKeyboard(page, { help: () => about.open(), search: () => search.input.focus() });
  keepAddress(model, store, initial);
  followSystem(model, store);
}
