/** Everything around the picture: controls, panel, strip of inputs, tooltip, keys. */

import type { Model } from "../core/model";
import type { Store } from "../core/state";
import type { Stage } from "../draw/frame";

export function createInterface(_model: Model, store: Store, _stage: Stage): void {
  store.subscribe((state) => {
    document.documentElement.dataset["theme"] = state.theme;
  });
}
