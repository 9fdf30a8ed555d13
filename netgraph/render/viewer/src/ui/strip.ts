/** The inputs that came with the page: a click, or the arrows, shows the network at another one. */

import type { Sample } from "../core/model";
import type { Page } from "./actions";
import { button, element, press } from "./dom";
import { className } from "./format";
import { inputPicture } from "./pictures";

/** So many pictures are drawn at once; further ones when they come into sight. */
const AT_ONCE = 48;

export function createStrip(page: Page, host: HTMLElement): void {
  const { model, store, act } = page;
  if (!model.samples.length) return;
  host.hidden = false;
  const list = element("div", { class: "samples", attributes: { role: "group", "aria-label": "inputs" } });
  const buttons = model.samples.map((sample) => sampleButton(page, sample));
  list.append(...buttons);
  host.append(list);
  const wrong = model.samples.filter(mistaken).length;
  if (wrong) host.append(element("p", { class: "dim key", text: `${wrong} mistaken: predicted ≠ true` }));

  list.addEventListener("keydown", (event) => {
    const last = buttons.length - 1;
    const at = store.state.sample;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
    if (to === undefined || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.max(0, Math.min(last, to));
    act.sample(next);
    buttons[next].focus();
  });
  const mark = (sample: number): void => {
    buttons.forEach((made, index) => {
      press(made, index === sample);
      made.tabIndex = index === sample ? 0 : -1; // one stop for Tab; the arrows walk within
    });
    // Not scrollIntoView: that would scroll the document around a notebook's frame as well.
    const made = buttons[sample];
    if (made.offsetLeft < list.scrollLeft) list.scrollLeft = made.offsetLeft;
    const beyond = made.offsetLeft + made.offsetWidth - list.clientWidth;
    if (beyond > list.scrollLeft) list.scrollLeft = beyond;
  };
  store.subscribe((state, changed) => {
    if (changed.has("sample")) mark(state.sample);
  });
  mark(store.state.sample);
  drawPictures(model.samples, buttons);
}

function mistaken(sample: Sample): boolean {
  return sample.label !== null && sample.prediction !== null && sample.label !== sample.prediction;
}

function sampleButton({ model, act }: Page, sample: Sample): HTMLButtonElement {
  const predicted = className(model, sample.prediction);
  const truth = className(model, sample.label);
  const wrong = mistaken(sample);
  const told =
    sample.prediction === null
      ? sample.name
      : `${sample.name}: predicted ${predicted}` +
        (sample.label === null ? "" : wrong ? `, truly ${truth}: mistaken` : ", correct");
  const made = button("", () => act.sample(sample.index), {
    class: wrong ? "sample wrong" : "sample",
    title: told,
  });
  const text = sample.prediction === null ? sample.name : predicted;
  // Both names, whole where they are short: the mark must not be what an ellipsis swallows.
  const short = predicted.length + truth.length < 8;
  made.append(element("span", { class: "name", text: wrong && short ? `${predicted} ≠ ${truth}` : text }));
  if (wrong && !short) made.append(element("span", { class: "name", text: `≠ ${truth}` }));
  return made;
}

function drawPictures(samples: readonly Sample[], buttons: readonly HTMLButtonElement[]): void {
  const draw = (at: number): void => {
    const picture = inputPicture(samples[at], "");
    picture?.setAttribute("aria-hidden", "true");
    picture?.removeAttribute("role");
    picture?.removeAttribute("aria-label");
    if (picture) buttons[at].prepend(picture);
  };
  samples.slice(0, AT_ONCE).forEach((_, at) => draw(at));
  if (samples.length <= AT_ONCE) return;
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const at = buttons.indexOf(entry.target as HTMLButtonElement);
      if (!entry.isIntersecting || at < 0) continue;
      seen.unobserve(entry.target);
      draw(at);
    }
  });
  // A place is kept for each, so that the strip does not grow while it is scrolled.
  buttons.slice(AT_ONCE).forEach((made) => (made.classList.add("later"), seen.observe(made)));
}
