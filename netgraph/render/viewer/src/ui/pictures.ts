/** Pictures in the panel and the strip: the same pixels as in the network's vertices. */

import type { Model, Picture, Reading, Sample } from "../core/model";
import type { Palette } from "../draw/frame";
import { photograph, toImage } from "../draw/sprites";
import { element } from "./dom";

/** The input of a sample; null where it is no picture. */
export function inputPicture(sample: Sample | undefined, label: string): HTMLCanvasElement | null {
  return sample?.picture ? canvasOf(photograph(sample.picture, null), label) : null;
}

/** The pictures of a vertex, each with what it shows. */
export function vertexPictures(
  model: Model,
  vertex: number,
  reading: Reading,
  palette: Palette,
): HTMLElement[] {
  return model
    .pictures(vertex, reading)
    .filter((picture) => picture.width > 0 && picture.height > 0)
    .map((picture) => captioned(picture, palette));
}

function captioned(picture: Picture, palette: Palette): HTMLElement {
  return element(
    "figure",
    {},
    canvasOf(toImage(picture, palette), picture.caption),
    element("figcaption", { text: picture.caption }),
  );
}

function canvasOf(image: ImageData, label: string): HTMLCanvasElement {
  const canvas = element("canvas", { class: "picture", attributes: { role: "img", "aria-label": label } });
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.classList.toggle("smooth", Math.max(image.width, image.height) > 96);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}
