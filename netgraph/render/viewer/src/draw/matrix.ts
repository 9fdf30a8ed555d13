/** A pair of layers as a heat map. */

import type { Model } from "../core/model";
import type { Store } from "../core/state";
import type { Palette } from "./frame";

export interface Matrix {
  draw(palette: Palette): void;
  picture(): HTMLCanvasElement;
}

export function createMatrix(host: HTMLElement, _model: Model, _store: Store): Matrix {
  const canvas = host.appendChild(document.createElement("canvas"));
  return { draw: () => undefined, picture: () => canvas };
}
