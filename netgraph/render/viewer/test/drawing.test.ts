import assert from "node:assert/strict";
import { test } from "node:test";
import type { Block, EdgeValues, Layer } from "../src/core/model";
import { binned, heated, wholeStep } from "../src/draw/bins";
import { detailOf } from "../src/draw/headingplan";
import { escaped, Markup, rounded } from "../src/draw/markup";
import { mix, shorten } from "../src/draw/text";

/** Each letter is 10 wide. */
const ruler = { font: "", measureText: (words: string) => ({ width: 10 * Array.from(words).length }) };
const context = ruler as unknown as CanvasRenderingContext2D;
const STYLE = "400 10px sans-serif";

const block = (rows: number, cols: number, more: Partial<Block> = {}): Block =>
  ({ start: 0, stop: rows * cols, rows, cols, indptr: null, indices: null, ...more }) as unknown as Block;
const values = (...numbers: number[]): EdgeValues =>
  ({
    value: Float32Array.from(numbers),
    sign: (edge: number) => Math.sign(numbers[edge]!),
  }) as unknown as EdgeValues;
const BOTH = { positive: true, negative: true };

test("a cell for each edge where there is room", () => {
  const bins = binned(block(2, 3), values(1, -2, 3, 0, NaN, -6), BOTH, 10, 10);
  assert.deepEqual([bins.rows, bins.columns, bins.largest], [2, 3, 6]);
  assert.deepEqual([...bins.value], [1, -2, 3, 0, 0, -6]);
  assert.deepEqual([...bins.edge], [0, 1, 2, -1, -1, 5]);
});

test("a cell for several edges shows the strongest with its sign; equals go to the first", () => {
  const bins = binned(block(2, 4), values(1, -2, 3, -3, 0, 2, 0, 0), BOTH, 1, 2);
  assert.deepEqual([bins.perRow, bins.perColumn], [2, 2]);
  assert.deepEqual([...bins.value], [-2, 3]);
  assert.deepEqual([...bins.edge], [1, 2]);
});

test("where cells do not divide the edges evenly, each edge still has one", () => {
  const bins = binned(block(1, 5), values(1, 2, 3, 4, 5), BOTH, 1, 3);
  assert.deepEqual([...bins.value], [2, 4, 5]);
});

test("signs that are switched off leave their cells empty", () => {
  const bins = binned(block(1, 3), values(1, -2, 3), { positive: true, negative: false }, 1, 3);
  assert.deepEqual([...bins.value], [1, 0, 3]);
});

test("a sparse block's edges stand at their columns, after the edges of other blocks", () => {
  const sparse = block(2, 3, {
    start: 2,
    stop: 4,
    indptr: Uint32Array.of(0, 1, 2),
    indices: Uint32Array.of(2, 0),
  });
  const bins = binned(sparse, values(9, 9, 5, -4), BOTH, 9, 9);
  assert.deepEqual([...bins.value], [0, 0, 5, -4, 0, 0]);
  assert.deepEqual([...bins.edge], [-1, -1, 2, 3, -1, -1]);
});

test("a block whose weak edges were left out shows the sums that came with it", () => {
  const heat = {
    height: 1,
    width: 3,
    absolute: Float32Array.of(4, 2, 0),
    signed: Float32Array.of(-1, 2, 0),
  };
  const bins = heated(block(10, 30), heat, BOTH);
  assert.deepEqual([...bins.value], [-4, 2, 0]);
  assert.deepEqual([bins.perRow, bins.perColumn, bins.summed], [10, 10, true]);
});

test("marks of an axis have round steps", () => {
  assert.deepEqual(
    [wholeStep(10, 20), wholeStep(500, 12), wholeStep(784, 10), wholeStep(9, 1)],
    [1, 50, 100, 10],
  );
});

const layer = (more: Partial<Layer>): Layer => ({ grid: [], shape: [], ...more }) as unknown as Layer;

test("a heading says how many vertices of which kind", () => {
  const told = (more: Partial<Layer>, output = false, softmax = true): string =>
    detailOf(layer(more), output, softmax);
  assert.equal(told({ size: 500, grid: [500], shape: [500], activation: "relu" }), "500 units · ReLU");
  assert.equal(told({ size: 1, grid: [1], shape: [1] }), "1 unit");
  assert.equal(
    told({ size: 784, grid: [28, 28], shape: [1, 28, 28], image: true, kind: "input" }),
    "28×28 pixels",
  );
  assert.equal(told({ size: 16, grid: [16], shape: [16, 14, 14], channels: true }), "16 channels · 14×14");
  assert.equal(told({ size: 9, grid: [9], shape: [16, 4, 4], channels: true }), "9 channels · 4×4");
  assert.equal(told({ size: 9, grid: [9], shape: [16, 4, 4] }), "9 units");
  assert.equal(told({ size: 120, grid: [120], shape: [120, 1, 1], channels: true }), "120 channels");
  assert.equal(
    told({ size: 64, grid: [1, 8, 8], shape: [1, 8, 8], image: true, kind: "input" }),
    "8×8 pixels",
  );
  assert.equal(told({ size: 10, grid: [10], shape: [10] }, true), "10 classes");
  assert.equal(told({ size: 1, grid: [1], shape: [1] }, true, false), "1 output");
});

test("words are cut to a width, on the left or on the right, and never inside a letter", () => {
  assert.equal(shorten(context, "layer4.conv2", STYLE, 120, "left"), "layer4.conv2");
  assert.equal(shorten(context, "layer4.conv2", STYLE, 60, "left"), "…conv2");
  assert.equal(shorten(context, "layer4.conv2", STYLE, 60, "right"), "layer…");
  assert.equal(shorten(context, "🐈🐈🐈🐈", STYLE, 30, "left"), "…🐈🐈");
  assert.equal(shorten(context, "wide", STYLE, 5, "left"), "");
});

test("colours are mixed to whole numbers", () => {
  assert.deepEqual(mix([0, 0, 0], [255, 101, 11], 0.5), [128, 51, 6]);
});

test("text in markup is text, whatever it says", () => {
  assert.equal(escaped(`</text><script>alert("1")&`), "&lt;/text&gt;&lt;script&gt;alert(&quot;1&quot;)&amp;");
  assert.equal(escaped("a\u0000b\u001bc\ud800d\uffff🐈"), "abcd🐈");
});

test("numbers in markup are short, and always numbers", () => {
  assert.deepEqual([1 / 3, -1e-9, 1e6, NaN, -Infinity].map(rounded), ["0.33", "0", "1000000", "0", "0"]);
});

test("faded words with a halo fade once", () => {
  const markup = new Markup(context);
  markup.globalAlpha = 0.5;
  markup.strokeText("a");
  markup.fillText("a", 0, 0);
  assert.equal(markup.parts[0]?.match(/opacity=/g)?.length, 1);
});

test("the drawing context writes what a canvas would draw", () => {
  const markup = new Markup(context);
  markup.fillStyle = "rgba(1,2,3,0.5)";
  markup.fillRect(1, 2, 3, 4);
  markup.save();
  markup.globalAlpha = 0.25;
  markup.translate(5, 6);
  markup.rotate(-Math.PI / 2);
  markup.strokeStyle = "rgb(9,9,9)";
  markup.beginPath();
  markup.moveTo(0, 0);
  markup.bezierCurveTo(1, 0, 1, 2, 2, 2);
  markup.stroke();
  markup.restore();
  markup.font = "600 12px sans-serif";
  markup.textAlign = "center";
  markup.textBaseline = "middle";
  markup.strokeText("a<b");
  markup.fillText("a<b", 10, 20);
  assert.deepEqual(markup.parts, [
    '<rect x="1" y="2" width="3" height="4" fill="rgb(1,2,3)" fill-opacity="0.5"/>',
    '<path d="M0 0C1 0 1 2 2 2" fill="none" stroke="rgb(9,9,9)" stroke-width="1" opacity="0.25"' +
      ' transform="translate(5 6)rotate(-90)"/>',
    '<text x="10" y="24.2" text-anchor="middle" font-family="sans-serif" font-size="12" font-weight="600"' +
      ' fill="rgb(1,2,3)" fill-opacity="0.5" stroke="#000" stroke-width="1" paint-order="stroke">a&lt;b</text>',
  ]);
});
