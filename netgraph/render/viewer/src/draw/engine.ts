/**
 * All edges as a bitmap that moves with the camera and is made anew, in slices, when it stands still.
 *
 * A shot is the bitmap of one camera: first the strongest edges as lines, weakest first, then the density of all edges
 * behind them. Lines lie over each other, strongest last: where light is added up, both signs end in white. Its pixels depend on what is wanted alone, never on how the work was cut.
 */

import type { EdgeValues, Model } from "../core/model";
import type { Camera, Colour } from "../core/state";
import { createDensity, type Density } from "./density";
import { CRISP, CRISP_INK, createMass, MANY, type Mass, massInk } from "./mass";
import type { Palette, Place } from "./frame";
import { colourer, coloursOf, createStroker, crowding, inkOf, lookOf } from "./strokes";
import { touching } from "../ui/reading";
import { projectionOf, sameCamera, sameSize, type Size } from "./view";

/** What the picture of the edges depends on. Objects are compared by identity. */
export interface Wanted {
  values: EdgeValues;
  place: Place;
  palette: Palette;
  size: Size;
  camera: Camera;
  top: number;
  positive: boolean;
  negative: boolean;
  density: boolean;
  colour: Colour;
  /** Only edges that touch this group; null: all. */
  isolated: number | null;
}

export interface Engine {
  /** From now on this is to be drawn. */
  want(wanted: Wanted): void;
  /** Works until `deadline` (of performance.now()); true: `paint` would show something new. */
  work(deadline: number): boolean;
  /** All that is wanted is drawn. */
  readonly complete: boolean;
  /** Puts the best bitmap there is where this camera sees it. */
  paint(context: CanvasRenderingContext2D, camera: Camera, size: Size, alpha: number): void;
}

interface Shot {
  wanted: Wanted;
  lines: HTMLCanvasElement;
  /** Edges that are still to be stroked. */
  left: number;
  stroke: ((edge: number) => void) | null;
  /** What the weaker of very many edges are gathered in. */
  mass: Mass | null;
  /** Being added up; its picture when it is finished; null: not wanted. */
  adding: Density | null;
  density: HTMLCanvasElement | null;
  complete: boolean;
}

/** Edges whose density is added up at half the resolution: half the work, and soft enough. */
const COARSE = 50_000;
/** Opacity of the density where most edges run, on a dark and on a light ground. */
const STRENGTH = { many: [0.7, 0.5], few: [0.4, 0.35] } as const;
/** Lines between two looks at the clock. */
const BATCH = 32;

export function createEngine(model: Model): Engine {
  let current: Shot | null = null;
  /** What is shown while the current shot is made. */
  let shown: Shot | null = null;
  /** The last finished picture of everything: stands in where a moved bitmap leaves the window empty. */
  let overview: Shot | null = null;

  function begin(wanted: Wanted): Shot {
    const lines = canvas(wanted.size.width * wanted.size.ratio, wanted.size.height * wanted.size.ratio);
    const shot: Shot = {
      wanted,
      lines,
      left: Math.min(wanted.top, wanted.values.order.length),
      stroke: null,
      mass: null,
      adding: null,
      density: null,
      complete: false,
    };
    if (wanted.density && shot.left < wanted.values.order.length) {
      const before = [current, shown].find((other) => other?.density && sameDensity(other.wanted, wanted));
      if (before) shot.density = before.density;
      else shot.adding = startDensity(model, wanted);
    }
    return shot;
  }

  function finish(shot: Shot): void {
    if (shot.density) {
      const context = shot.lines.getContext("2d")!;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.globalAlpha = 1;
      context.globalCompositeOperation = "destination-over";
      context.drawImage(shot.density, 0, 0, shot.lines.width, shot.lines.height);
    }
    shot.complete = true;
    shown = shot;
    if (!overview || !sameContent(overview.wanted, shot.wanted) || sees(shot.wanted, overview.wanted))
      overview = shot;
  }

  return {
    want(wanted) {
      if (current && sameShot(current.wanted, wanted)) return;
      const next = begin(wanted);
      // A bitmap of other places or another theme would be wrong, not only old.
      if (current?.complete || !shown) shown = current;
      if (shown && (shown.wanted.place !== wanted.place || shown.wanted.palette !== wanted.palette))
        shown = null;
      current = next;
    },
    work(deadline) {
      const shot = current;
      if (!shot || shot.complete) return false;
      if (shot.left) {
        strokeUntil(model, shot, deadline);
        const old = shown && shown !== shot;
        if (shot.left) return !old;
        shot.stroke = null;
        if (!old || !sameContent(shown!.wanted, shot.wanted)) shown = shot;
        if (performance.now() > deadline) return true;
      }
      if (shot.adding) {
        if (!shot.adding.step(deadline)) return false;
        const image = shot.adding.image();
        shot.density = canvas(image.width, image.height);
        shot.density.getContext("2d")!.putImageData(image, 0, 0);
        shot.adding = null;
      }
      finish(shot);
      return true;
    },
    get complete() {
      return current?.complete ?? false;
    },
    paint(context, camera, size, alpha) {
      const shot = shown ?? current;
      if (!shot) return;
      context.save();
      context.globalAlpha = alpha;
      const window = put(context, shot, camera, size);
      const whole = overview;
      if (whole && whole !== shot && sameContent(whole.wanted, shot.wanted) && leavesGaps(window, size)) {
        context.beginPath();
        context.rect(0, 0, size.width, size.height);
        context.rect(window.x, window.y, window.width, window.height);
        context.clip("evenodd");
        put(context, whole, camera, size);
      }
      context.restore();
    },
  };
}

export function canvas(width: number, height: number): HTMLCanvasElement {
  const made = document.createElement("canvas");
  made.width = Math.max(1, Math.round(width));
  made.height = Math.max(1, Math.round(height));
  return made;
}

function startDensity(model: Model, wanted: Wanted): Density {
  const { values, place, palette, size, camera, colour } = wanted;
  const many = values.order.length > COARSE;
  const scale = many ? 0.5 : 1;
  const signed = colour === "sign" || !model.groups;
  return createDensity({
    model,
    values,
    place,
    projection: projectionOf(camera, size),
    width: Math.max(1, Math.ceil(size.width * scale)),
    height: Math.max(1, Math.ceil(size.height * scale)),
    scale,
    channel: colourer(model, values, colour, palette.modules.length),
    colours: coloursOf(model, palette, colour),
    shown: shows(model, wanted),
    signed,
    neutral: palette.dim,
    strength: STRENGTH[many ? "many" : "few"][palette.dark ? 0 : 1],
  });
}

function shows(model: Model, { values, positive, negative, isolated }: Wanted): (edge: number) => boolean {
  if (!positive && !negative) return () => false;
  const seen = touching(model, isolated);
  if (positive && negative) return seen;
  return (edge) => values.sign(edge) < 0 === negative && seen(edge);
}

function strokeUntil(model: Model, shot: Shot, deadline: number): void {
  const { values, palette, place, size, camera, colour, top } = shot.wanted;
  const count = Math.min(top, values.order.length);
  if (!shot.stroke) {
    const context = shot.lines.getContext("2d")!;
    context.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    const projection = projectionOf(camera, size);
    const colourOf = colourer(model, values, colour, palette.modules.length);
    const colours = coloursOf(model, palette, colour);
    const strokes = { model, values, place, projection, colours, colourOf };
    const draw = createStroker(context, strokes);
    const seen = shows(model, shot.wanted);
    const massed = count > MANY && colours.length === 2;
    const ink = massed ? Math.max(CRISP_INK, inkOf(count)) : inkOf(count);
    if (massed) shot.mass = createMass(shot.lines.width, shot.lines.height, size.ratio);
    const faint = massInk(count);
    const [above, below] = [shot.mass?.positive, shot.mass?.negative].map(
      (onto) => onto && createStroker(onto, { ...strokes, faintest: 0 }),
    );
    const crowd = crowding(model, place, camera.zoom, values.order.subarray(0, count));
    shot.stroke = (edge) => {
      if (!seen(edge)) return;
      const share = Math.abs(values.value[edge]!) / values.largest;
      const { alpha, width } = lookOf(share, shot.mass ? faint : ink);
      const onto = !shot.mass ? draw : colourOf(edge) ? below! : above!;
      onto(edge, { alpha: alpha * crowd[model.blockOf(edge).index]!, width });
    };
  }
  while (shot.left) {
    const stop = Math.max(0, shot.left - BATCH);
    while (shot.left > stop) {
      if (shot.mass && shot.left <= CRISP) settle(shot, shot.mass);
      shot.stroke(values.order[--shot.left]!);
    }
    if (performance.now() > deadline) return;
  }
}

/** The mass lies below the strongest lines. */
function settle(shot: Shot, mass: Mass): void {
  const { palette } = shot.wanted;
  const context = shot.lines.getContext("2d")!;
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalAlpha = 1;
  context.drawImage(mass.image([palette.positive, palette.negative], palette), 0, 0);
  context.restore();
  shot.mass = null;
}

interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Draws a shot as this camera sees it; where it came to lie. */
function put(context: CanvasRenderingContext2D, shot: Shot, camera: Camera, size: Size): Rectangle {
  const own = shot.wanted;
  const grown = camera.zoom / own.camera.zoom;
  let x = (own.camera.x - camera.x) * camera.zoom + size.width / 2 - (own.size.width / 2) * grown;
  let y = (own.camera.y - camera.y) * camera.zoom + size.height / 2 - (own.size.height / 2) * grown;
  if (grown === 1) {
    // Whole pixels are copied; halves would have to be mixed, and would look soft.
    x = Math.round(x * size.ratio) / size.ratio;
    y = Math.round(y * size.ratio) / size.ratio;
  }
  const [width, height] = [own.size.width * grown, own.size.height * grown];
  context.imageSmoothingEnabled = true;
  if (shot.density && !shot.complete) context.drawImage(shot.density, x, y, width, height);
  context.drawImage(shot.lines, x, y, width, height);
  return { x, y, width, height };
}

const leavesGaps = (window: Rectangle, size: Size): boolean =>
  window.x > 0.5 ||
  window.y > 0.5 ||
  window.x + window.width < size.width - 0.5 ||
  window.y + window.height < size.height - 0.5;

/** The first sees at least as much as the second. */
const sees = (a: Wanted, b: Wanted): boolean => a.camera.zoom <= b.camera.zoom;

const sameDensity = (a: Wanted, b: Wanted): boolean =>
  a.values === b.values &&
  a.place === b.place &&
  a.palette === b.palette &&
  a.positive === b.positive &&
  a.negative === b.negative &&
  a.colour === b.colour &&
  a.isolated === b.isolated &&
  sameSize(a.size, b.size) &&
  sameCamera(a.camera, b.camera);

/** The same edges in the same looks, whatever the camera. */
const sameContent = (a: Wanted, b: Wanted): boolean =>
  a.values === b.values &&
  a.place === b.place &&
  a.palette === b.palette &&
  a.top === b.top &&
  a.positive === b.positive &&
  a.negative === b.negative &&
  a.density === b.density &&
  a.colour === b.colour &&
  a.isolated === b.isolated;

const sameShot = (a: Wanted, b: Wanted): boolean =>
  sameContent(a, b) && sameSize(a.size, b.size) && sameCamera(a.camera, b.camera);
