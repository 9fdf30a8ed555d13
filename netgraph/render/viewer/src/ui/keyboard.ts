/** The page by keys alone. */

import type { Page } from "./actions";
import { takesText } from "./dom";
import { KEYS } from "./keys";

export interface Calls {
  help(): void;
  search(): void;
}

export function createKeyboard(page: Page, calls: Calls): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || takesText(event.target)) return;
    const call = { "?": calls.help, "/": calls.search }[event.key];
    if (call) {
      event.preventDefault();
      return call();
    }
    const { target } = event;
    const onPicture = target instanceof HTMLCanvasElement || target === document.body || target === null;
    const arrow = event.key.startsWith("Arrow");
    const found = KEYS.find(
      (row) =>
        row.keys.includes(event.key) &&
        (!row.picture || onPicture) &&
        (!arrow || (row.shift ?? false) === event.shiftKey),
    );
    if (!found) return;
    event.preventDefault();
    found.act(page, event.key);
  });
}
