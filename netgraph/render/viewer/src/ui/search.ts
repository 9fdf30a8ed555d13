/** A field that finds a vertex by id, label or layer: type, walk the list with the arrows, Enter takes one. */

import type { Model } from "../core/model";
import { element } from "./dom";
import { counted } from "./format";

const MOST = 12;
let made = 0;

export interface Search {
  host: HTMLElement;
  input: HTMLInputElement;
}

export function createSearch(
  model: Model,
  label: string,
  choose: (vertex: number) => void,
  key?: string,
): Search {
  const list = element("ul", {
    id: `found-${++made}`,
    class: "found",
    attributes: { role: "listbox", "aria-label": "vertices found" },
  });
  list.hidden = true;
  const input = element("input", {
    ...(key ? { key } : {}),
    attributes: {
      type: "text",
      placeholder: label,
      "aria-label": label,
      role: "combobox",
      "aria-expanded": "false",
      "aria-controls": list.id,
      "aria-autocomplete": "list",
      autocomplete: "off",
      spellcheck: "false",
    },
  });
  const told = element("span", { class: "unseen", attributes: { role: "status" } });
  const host = element("div", { class: "search" }, input, list, told);
  let found: number[] = [];
  let at = 0;

  const close = (): void => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const take = (vertex: number | undefined): void => {
    if (vertex === undefined) return;
    input.value = "";
    close();
    choose(vertex);
  };
  const mark = (next: number): void => {
    if (!found.length) return;
    at = (next + found.length) % found.length;
    [...list.children].forEach((row, index) => row.setAttribute("aria-selected", String(index === at)));
    const row = list.children[at];
    row.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", row.id);
  };
  const look = (): void => {
    const words = input.value.trim();
    if (!words) return close();
    found = model.search(words, MOST);
    told.textContent = found.length ? counted(found.length, "vertex", "vertices") : "nothing found";
    list.replaceChildren(
      ...(found.length ? found.map(row) : [element("li", { class: "dim", text: "nothing found" })]),
    );
    if (!found.length) list.firstElementChild?.setAttribute("role", "option");
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark(0);
  };
  const row = (vertex: number, index: number): HTMLElement => {
    const [name, id] = [model.name(vertex), model.id(vertex)];
    return element(
      "li",
      {
        id: `${list.id}-${index}`,
        attributes: { role: "option", "aria-selected": false },
        // pointerdown, not click: the field must not lose its focus, and the list with it, before the choice is made.
        on: { pointerdown: (event) => (event.preventDefault(), take(vertex)) },
      },
      element("span", { class: "name", text: name }),
      element("span", { class: "dim", text: name === id ? model.layerOf(vertex).name : id }),
    );
  };
  input.addEventListener("input", look);
  input.addEventListener("focus", look);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") mark(at + 1);
    else if (event.key === "ArrowUp") mark(at - 1);
    else if (event.key === "Enter" && !list.hidden) take(found[at]);
    else if (event.key === "Escape") {
      input.value = "";
      close();
      input.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return { host, input };
}
