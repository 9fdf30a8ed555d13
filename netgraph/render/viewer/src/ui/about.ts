/** The about box: where the network comes from, how it was proven, and what the keys do. */

import type { Model } from "../core/model";
import { button, element } from "./dom";
import { KEYS } from "./keys";

export interface About {
  open(): void;
}

export function createAbout(model: Model, dialog: HTMLDialogElement): About {
  const facts = element("dl", { class: "about" });
  for (const [name, value] of [["network", model.data.summary] as const, ...model.data.about])
    facts.append(element("div", {}, element("dt", { text: name }), element("dd", { text: value })));
  const keys = element("dl", { class: "keys" });
  const rows = [...KEYS, { name: "/", does: "search a vertex" }, { name: "?", does: "this box" }];
  for (const { name, does } of rows)
    keys.append(
      element("div", {}, element("dt", {}, element("kbd", { text: name })), element("dd", { text: does })),
    );
  dialog.append(
    element(
      "div",
      { class: "title" },
      element("h2", { id: "about-title", text: "About this picture" }),
      button("×", () => dialog.close(), { class: "small", attributes: { "aria-label": "close" } }),
    ),
    element("p", { text: model.data.title }),
    facts,
    ...model.data.notes.map((note) => element("p", { class: "note", text: note })),
    element(
      "section",
      { class: "help" },
      element("h3", { text: "Pointer" }),
      element("p", {
        text:
          "Point at a vertex to see its edges, click to keep it, shift-click a second one for the paths between the two. " +
          "Drag moves the picture, the wheel zooms, a click on a layer’s name folds it.",
      }),
      element("h3", { text: "Keys" }),
      keys,
    ),
  );
  // A click beside the box closes it, as the Escape key does.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  return { open: () => !dialog.open && dialog.showModal() };
}
