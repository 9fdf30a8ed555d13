/** Vertices by their names. */

import type { Model } from "./model";
import type { Wiring } from "./wiring";

export function createNames(wiring: Wiring, count: number): Pick<Model, "id" | "name" | "find" | "search"> {
  const { layers, layerOf } = wiring;
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  // The first of equals, as a search from the front would find it.
  const own = new Map<string, number>();
  for (const { ids, start } of layers)
    ids?.forEach((text, index) => own.has(text) || own.set(text, start + index));

  function id(vertex: number): string {
    const layer = layerOf(vertex);
    let index = vertex - layer.start;
    if (layer.ids) return layer.ids[index];
    const coordinates: number[] = [];
    for (let axis = layer.grid.length - 1; axis >= 0; axis--) {
      coordinates.unshift(index % layer.grid[axis]);
      index = Math.floor(index / layer.grid[axis]);
    }
    return `${layer.name}:${coordinates.join()}`;
  }

  function find(text: string): number {
    const known = own.get(text);
    if (known !== undefined) return known;
    const colon = text.lastIndexOf(":");
    const layer = byName.get(text.slice(0, colon));
    if (colon < 0 || !layer || layer.ids) return -1;
    const parts = text.slice(colon + 1).split(",");
    if (parts.length !== layer.grid.length || !parts.every((part) => /^\d+$/.test(part))) return -1;
    let index = 0;
    for (let axis = 0; axis < parts.length; axis++) {
      const coordinate = Number(parts[axis]);
      if (coordinate >= layer.grid[axis]) return -1;
      index = index * layer.grid[axis] + coordinate;
    }
    return index < layer.size ? layer.start + index : -1;
  }

  function name(vertex: number): string {
    const layer = layerOf(vertex);
    return layer.labels?.[vertex - layer.start] || id(vertex);
  }

  /** Names that begin with the words come first, then those that hold them, each in vertex order. */
  function search(words: string, limit: number): number[] {
    const whole = words.trim().toLowerCase();
    if (!whole || !(limit > 0)) return [];
    const parts = whole.split(/\s+/);
    const groups: number[][] = [[], [], []];
    for (const layer of layers) {
      const place = `${layer.name} ${layer.module} ${layer.kind}`.toLowerCase();
      for (let vertex = layer.start; vertex < layer.stop; vertex++) {
        const own = id(vertex).toLowerCase();
        const label = (layer.labels?.[vertex - layer.start] ?? "").toLowerCase();
        const rank =
          own === whole || label === whole
            ? 0
            : own.startsWith(whole) || label.startsWith(whole)
              ? 1
              : parts.every((part) => own.includes(part) || label.includes(part) || place.includes(part))
                ? 2
                : -1;
        if (rank >= 0 && groups[rank].length < limit) groups[rank].push(vertex);
      }
    }
    return groups.flat().slice(0, limit);
  }

  return { id, name, find, search: (words, limit) => (count ? search(words, limit) : []) };
}
