/** Dark or light: as the page says, else as the system wishes, until the reader chooses. */

import type { Model } from "../core/model";
import type { Store } from "../core/state";
import { startingTheme } from "./address";

export function followSystem(model: Model, store: Store): void {
  const root = document.documentElement;
  let system = startingTheme(model);
  store.subscribe((state, changed) => {
    if (changed.has("theme")) root.dataset["theme"] = state.theme;
  });
  if (model.data.theme !== "auto") return;
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    const before = system;
    system = startingTheme(model);
    if (store.state.theme !== before) return; // chosen otherwise: the choice stands
    root.dataset["theme"] = system;
    store.set({ theme: system });
  });
}
