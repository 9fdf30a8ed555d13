/** Elements made by the script. Text is only ever set as text: nothing from the data can become markup. */

type Child = Node | string | null;

export interface Properties {
  class?: string;
  text?: string;
  id?: string;
  title?: string;
  /** Further attributes; null and false leave one out. */
  attributes?: Record<string, string | number | boolean | null>;
  /** Name by which the focus finds its way back after the panel was written anew. */
  key?: string;
  on?: { [Name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Name]) => void };
}

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (properties.class) made.className = properties.class;
  if (properties.id) made.id = properties.id;
  if (properties.title) made.title = properties.title;
  if (properties.text !== undefined) made.textContent = properties.text;
  if (properties.key) made.dataset["key"] = properties.key;
  setAttributes(made, properties.attributes ?? {});
  for (const [name, listener] of Object.entries(properties.on ?? {}))
    made.addEventListener(name, listener as EventListener);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A push button; `pressed` makes it a toggle. */
export function button(
  text: string,
  act: () => void,
  properties: Properties = {},
  pressed?: boolean,
): HTMLButtonElement {
  const made = element("button", { ...properties, text });
  made.type = "button";
  made.addEventListener("click", act);
  if (pressed !== undefined) press(made, pressed);
  return made;
}

export function press(toggle: HTMLElement, pressed: boolean): void {
  toggle.setAttribute("aria-pressed", String(pressed));
}

/** A part of the panel under its heading. */
export function section(title: string, ...children: Child[]): HTMLElement {
  return element("section", {}, element("h3", {}, element("span", { text: title })), ...children);
}

/** Small drawings of the legend: shapes of an SVG, coloured by the style sheet's classes. */
export function drawing(
  box: readonly [number, number],
  ...shapes: (readonly [string, Record<string, string | number>])[]
): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  setAttributes(svg, {
    viewBox: `0 0 ${box[0]} ${box[1]}`,
    width: box[0],
    height: box[1],
    "aria-hidden": "true",
    class: "mark",
  });
  for (const [tag, attributes] of shapes) {
    const shape = document.createElementNS(space, tag);
    setAttributes(shape, attributes);
    svg.append(shape);
  }
  return svg;
}

/** The element of the template with this id. */
export function mount<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no <${kind.name}> with the id "${id}"`);
}

/** Keys that are typed here are text, not commands. */
export function takesText(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return target.type !== "range" && target.type !== "checkbox";
  return target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
}

function setAttributes(to: Element, attributes: Record<string, string | number | boolean | null>): void {
  for (const [name, value] of Object.entries(attributes))
    if (value !== null && value !== false) to.setAttribute(name, value === true ? "" : String(value));
}
