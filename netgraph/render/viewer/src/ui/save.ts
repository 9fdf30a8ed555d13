/** Taking it along: the view as PNG or SVG, the edges seen as CSV, a link to what is seen. */

import type { Model } from "../core/model";
import type { State } from "../core/state";
import { hashOf } from "./address";
import type { Page } from "./actions";
import { button, element } from "./dom";
import { captioned } from "./caption";
import { readingOf, shownEdges } from "./reading";

const SHARPER = 2;

export function createSave(page: Page, initial: State): HTMLElement {
  const { stage, model, store, act } = page;
  const menu = element("div", { id: "save-menu", class: "menu" });
  menu.hidden = true;
  const opener = button("save", () => open(menu.hidden === true), {
    title: "PNG, SVG, CSV, link",
    attributes: { "aria-expanded": "false", "aria-controls": menu.id },
  });
  const open = (wanted: boolean): void => {
    menu.hidden = !wanted;
    opener.setAttribute("aria-expanded", String(wanted));
    if (wanted) menu.querySelector("button")?.focus();
  };
  const host = element("div", { class: "save" }, opener, menu);
  const item = (text: string, title: string, save: () => Promise<string> | string): void => {
    const run = async (): Promise<void> => {
      open(false);
      opener.focus();
      try {
        act.announce(await save());
      } catch (error) {
        act.announce(`not saved: ${error instanceof Error ? error.message : String(error)}`);
      }
    };
    menu.append(button(text, () => void run(), { title }));
  };
  const file = (ending: string): string => `${fileName(model.data.title)}-${store.state.view}.${ending}`;
  item("picture (PNG)", "twice the size on the screen", async () => {
    const canvas = captioned(page, await stage.picture(SHARPER), SHARPER);
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
    if (!blob) throw new Error("the browser could not make a PNG of this size");
    return download(file("png"), blob);
  });
  item("picture (SVG)", "lines that stay sharp, for print", () =>
    download(file("svg"), new Blob([stage.svg()], { type: "image/svg+xml" })),
  );
  item("edges seen (CSV)", "the strongest edges as they are shown now", () =>
    download(file("csv"), new Blob([csv(model, store.state)], { type: "text/csv" })),
  );
  // A frame made from text (in a notebook) has no address that a link could name.
  if (location.protocol !== "about:")
    item("copy link", "an address that restores what is seen", () => copyLink(page, initial));
  host.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || menu.hidden) return;
    event.stopPropagation();
    open(false);
    opener.focus();
  });
  host.addEventListener("focusout", (event) => {
    if (!(event.relatedTarget instanceof Node && host.contains(event.relatedTarget))) open(false);
  });
  return host;
}

/** The edges that are drawn: one row each, strongest first. */
export function csv(model: Model, state: Readonly<State>): string {
  const values = model.values(readingOf(state));
  const rows = ["source,target,value,weight,kind"];
  for (const edge of shownEdges(model, values, state))
    rows.push(
      [
        field(model.id(model.source(edge))),
        field(model.id(model.target(edge))),
        String(values.value[edge]),
        String(model.weight(edge)),
        field(model.kind(edge)),
      ].join(","),
    );
  return rows.join("\r\n") + "\r\n";
}

/** Text as a CSV field. A spreadsheet would run what begins like a formula: it gets an apostrophe. */
export function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? "'" + text : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A title as a file's name: letters, digits and dashes. */
export function fileName(title: string): string {
  const plain = title
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return plain.slice(0, 60).toLowerCase() || "network";
}

function download(name: string, blob: Blob): string {
  const address = URL.createObjectURL(blob);
  const link = element("a", { attributes: { href: address, download: name } });
  document.body.append(link);
  link.click();
  link.remove();
  // Not at once: the download may begin only after this turn.
  window.setTimeout(() => URL.revokeObjectURL(address), 60_000);
  return `saved as ${name}`;
}

async function copyLink({ model, store }: Page, initial: State): Promise<string> {
  const address = location.href.replace(/#.*$/, "") + hashOf(model, store.state, initial);
  try {
    await navigator.clipboard.writeText(address);
  } catch {
    // No clipboard for a page opened from a file in some browsers: the older way.
    const area = element("textarea", {
      class: "unseen",
      text: address,
      attributes: { "aria-hidden": "true" },
    });
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) throw new Error("the browser lets no page copy; the link stands in the address bar");
  }
  return "link copied";
}
