/** Which vertex lies under a point. */

import { quadtree, type Quadtree } from "d3-quadtree";
import type { Model } from "../core/model";
import type { Place } from "./frame";

export interface Picker {
  /** Vertex whose square, widened by `slack` stage units, holds the point; null: none. */
  at(x: number, y: number, slack: number): number | null;
  /** Folded layer whose bar holds the point; null: none. */
  bar(x: number, y: number, slack: number): number | null;
}

/** Vertices of folded layers cannot be picked: their bar can. */
export function createPicker(model: Model, place: Place): Picker {
  // Built when the pointer first moves: the first picture does not wait for it.
  let tree: Quadtree<number> | null = null;
  let largest = 0;
  const build = (): Quadtree<number> => {
    const open = model.layers.filter((layer) => !place.boxes[layer.index]!.folded);
    const vertices: number[] = [];
    for (const layer of open)
      for (let vertex = layer.start; vertex < layer.stop; vertex++) {
        vertices.push(vertex);
        largest = Math.max(largest, place.half[vertex]!);
      }
    return quadtree(
      vertices,
      (vertex) => place.x[vertex]!,
      (vertex) => place.y[vertex]!,
    );
  };
  return {
    at(x, y, slack) {
      tree ??= build();
      const reach = largest + slack;
      let found: number | null = null;
      let nearest = Infinity;
      tree.visit((node, left, top, right, bottom) => {
        if (x < left - reach || x > right + reach || y < top - reach || y > bottom + reach) return true;
        if (!("data" in node)) return false;
        for (let leaf: typeof node | undefined = node; leaf; leaf = leaf.next) {
          const vertex = leaf.data;
          const away = Math.max(Math.abs(place.x[vertex]! - x), Math.abs(place.y[vertex]! - y));
          const beyond = away - place.half[vertex]!;
          // A square that holds the point comes before one that is merely near; equals by number.
          const rank = beyond <= 0 ? away * 1e-6 : beyond;
          if (beyond > slack || rank > nearest || (rank === nearest && found !== null && vertex > found))
            continue;
          nearest = rank;
          found = vertex;
        }
        return false;
      });
      return found;
    },
    bar(x, y, slack) {
      const inside = place.boxes.findIndex(
        (box) =>
          box.folded &&
          x >= box.x - slack &&
          x <= box.x + box.width + slack &&
          y >= box.y - slack &&
          y <= box.y + box.height + slack,
      );
      return inside < 0 ? null : inside;
    },
  };
}
