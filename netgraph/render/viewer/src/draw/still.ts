/**
 * Stands for d3-transition in the bundle (build.mjs): d3-zoom asks it to interrupt animations, and the page has none.
 * 14 kB of the script are spared.
 */

import { selection } from "d3-selection";

export function interrupt(): void {}

Object.assign(selection.prototype, {
  interrupt(this: unknown) {
    return this;
  },
});
