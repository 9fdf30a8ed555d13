import assert from "node:assert/strict";
import { test } from "node:test";
import { edgesAt, placeOf } from "../src/ui/controls";
import { aligned, count, counted, number, percent, signed, summed } from "../src/ui/format";
import { field, fileName } from "../src/ui/save";

test("numbers have four significant digits and a true minus sign", () => {
  assert.equal(number(15.32749), "15.33");
  assert.equal(number(-0.012345), "−0.01235");
  assert.equal(number(1234.5), "1,235");
  assert.equal(number(0), "0");
  assert.equal(number(-0), "0");
  assert.equal(number(-2e-7), "−2.000e−7");
  assert.equal(number(3e9), "3.000e9");
  assert.equal(number(NaN), "–");
  assert.equal(number(-Infinity), "−∞");
  assert.equal(signed(0.5, 3), "+0.500");
  assert.equal(signed(-0.5, 3), "−0.500");
});

test("shares never round to a whole or to nothing", () => {
  assert.equal(percent(0.614), "61 %");
  assert.equal(percent(0.0312), "3.1 %");
  assert.equal(percent(0.0002), "< 0.1 %");
  assert.equal(percent(-0.0002), "> −0.1 %");
  assert.equal(percent(0.9999), "99.9 %");
  assert.equal(percent(1), "100 %");
  assert.equal(percent(0), "0 %");
  assert.equal(percent(NaN), "–");
});

test("parts of a sum have the same decimals", () => {
  assert.deepEqual(aligned([14.0731, 1.254, 15.3271]), ["14.073", "1.254", "15.327"]);
  assert.deepEqual(aligned([10.243, 0.656, 10.906], 1), ["10.2", "0.7", "10.9"]);
  assert.deepEqual(aligned([-0.5, 0.25, NaN]), ["−0.5000", "0.2500", "–"]);
  assert.deepEqual(aligned([0, 0]), ["0", "0"]);
});

test("a sum holds in the decimals shown, where it holds", () => {
  assert.deepEqual(summed(10.8196, 1.9397, 12.7593), ["10.820", "1.939", "12.759"]);
  assert.deepEqual(summed(22.884, -0.494, 22.39), ["22.884", "−0.494", "22.390"]);
  assert.deepEqual(summed(2, 0, 2), ["2.0000", "0.0000", "2.0000"]);
  assert.deepEqual(summed(8.673, 7.686, 7.859, 1), ["8.7", "7.7", "7.9"]);
  assert.deepEqual(summed(1e-5, 1e-5, 2e-5), ["1.000e−5", "1.000e−5", "2.000e−5"]);
});

test("counts", () => {
  assert.equal(count(397000), "397,000");
  assert.equal(counted(1, "edge"), "1 edge");
  assert.equal(counted(2, "vertex", "vertices"), "2 vertices");
});

test("the slider reaches both ends and comes back to what it gave", () => {
  for (const most of [1, 7, 10, 11, 600, 3392, 30000]) {
    assert.equal(edgesAt(1000, most), most);
    assert.equal(edgesAt(0, most), Math.min(10, most));
    let before = 0;
    for (let place = 0; place <= 1000; place++) {
      const top = edgesAt(place, most);
      assert.ok(top >= before && top >= 1 && top <= most, `${place} of ${most} gives ${top}`);
      before = top;
    }
    for (const top of [1, 10, 600, most].filter((size) => size <= most))
      assert.ok(placeOf(top, most) >= 0 && placeOf(top, most) <= 1000);
  }
  assert.equal(placeOf(600, 600), 1000);
});

test("a CSV field is quoted where it must be, and no formula in a spreadsheet", () => {
  assert.equal(field("fc1:17"), "fc1:17");
  assert.equal(field("conv2:5,3,4"), '"conv2:5,3,4"');
  assert.equal(field('say "no"'), '"say ""no"""');
  assert.equal(field("two\nlines"), '"two\nlines"');
  assert.equal(field("=1+1"), "'=1+1");
  assert.equal(field('@x,"y"'), `"'@x,""y"""`);
});

test("a file's name holds letters, digits and dashes", () => {
  assert.equal(fileName("Digits MLP 64–32/10 é"), "digits-mlp-64-32-10-e");
  assert.equal(fileName("../../<>"), "network");
});
