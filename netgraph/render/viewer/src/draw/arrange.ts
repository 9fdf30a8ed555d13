/** Where everything stands in a window: the gaps between columns, and the room for the names above, from each other. */

import type { Model } from "../core/model";
import type { Camera } from "../core/state";
import type { Place } from "./frame";
import { crowded, headingsOf, type Mode, roomAbove } from "./headingplan";
import { gather } from "./gather";
import { createPlace } from "./place";
import { fitted, type Margins, marginsOf, projectionOf, type Size } from "./view";

export interface Arrangement {
  place: Place;
  /** The camera that shows everything. */
  fit: Camera;
}

const SLANTED_RIGHT = 64;
/** Outputs whose names stand below each other. */
const LISTED = 40;
/** Ways of writing the names, and how narrow gaps may become for it: names in full before large pictures. */
const WAYS: readonly (readonly [Mode, number])[] = [
  ["two", 0.5],
  ["two", 0.7],
  ["one", 0.5],
  ["stepped", 0.5],
  ["stepped", 0.7],
];
const LAST = ["slanted", 0.7] as const;

/**
 * The first way of writing the names that leaves each its room; slanted ones take most of it. `gathered`: modules as bars
 * instead of vertices.
 */
export function arrange(
  model: Model,
  folded: ReadonlySet<number>,
  size: Size,
  names: number,
  context: CanvasRenderingContext2D,
  gathered = false,
): Arrangement {
  const { output } = model;
  // Without inputs there are no bars, and names only where each has its line.
  const outputs = output !== null && (model.samples.length > 0 || (output.size > 0 && output.size <= LISTED));
  const attempt = ([mode, narrowest]: readonly [Mode, number]): Arrangement & { fits: boolean } => {
    const margins: Margins = {
      ...marginsOf(outputs, gathered ? 0 : names),
      top: roomAbove(context, model, mode),
    };
    // A slanted name leans over to the right of its column.
    if (mode === "slanted") margins.right = Math.max(margins.right, SLANTED_RIGHT);
    const width = Math.max(1, size.width - margins.left - margins.right);
    const height = Math.max(1, size.height - margins.top - margins.bottom);
    const aspect = width / height;
    const place = gathered
      ? gather(model, model.groups!, aspect)
      : createPlace(model, folded, { aspect, narrowest });
    const fit = fitted(place, size, margins);
    const seen = { context, model, place, zoom: fit.zoom, ...projectionOf(fit, size) };
    return { place, fit, fits: !crowded(seen, headingsOf(seen), mode) };
  };
  for (const way of WAYS) {
    const { fits, ...found } = attempt(way);
    if (fits) return found;
  }
  const { place, fit } = attempt(LAST);
  return { place, fit };
}
