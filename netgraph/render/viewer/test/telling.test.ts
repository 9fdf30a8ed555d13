import assert from "node:assert/strict";
import { test } from "node:test";
import { createModel } from "../src/core/network";
import { columnsTold, cutInside, tell, tellWhole } from "../src/ui/telling";
import { makePage } from "./make";
import { madeMlp, mlpPage } from "./pages";

const first = (sizes: number[]) => {
  const model = createModel(mlpPage(sizes));
  return { model, path: model.layers.map((layer) => layer.start) };
};

test("a short path is told with its layers' names, a long one by numbers alone", () => {
  const { model, path } = first([4, 3, 2, 2]);
  const [a, b, c] = path.map((vertex) => model.id(vertex));
  assert.equal(tell(model, path, "to"), `${a} → ${b} → ${c}`);
  assert.equal(tell(model, path, "between"), `via ${b} → ${c}`);
  assert.equal(tell(model, path.slice(0, 2), "between"), "directly");
  const numbers = path.map((vertex) => model.id(vertex).split(":")[1]);
  assert.equal(tell(model, path, "whole"), numbers.join(" → "));
  assert.equal(tellWhole(model, path), path.map((vertex) => model.id(vertex)).join(" → "));
});

test("of a very long path the middle is left out, of its columns too", () => {
  const { model, path } = first([4, ...Array.from({ length: 12 }, () => 2), 2]);
  const told = tell(model, path, "to").split(" → ");
  assert.equal(told.length, 10);
  assert.equal(told[5], "…");
  const columns = columnsTold(model, [{ vertices: path }], "to").split(" → ");
  assert.deepEqual(
    [columns.length, columns[0], columns[2], columns[3]],
    [4, model.layers[0]!.name, "…", model.layers[12]!.name],
  );
  assert.equal(columnsTold(model, [{ vertices: path.slice(0, 3) }], "whole"), "");
});

test("where a path skips a column, or a column holds two layers, the layer is named", () => {
  const made = madeMlp([2, 2, 2, 2, 2]);
  const model = createModel(makePage(made));
  const path = [0, 3, 4, 5].map((layer) => model.layers[Math.min(layer, 4)]!.start);
  const named = tell(model, path, "whole").split(" → ");
  assert.equal(named[1], model.id(path[1]!));
  assert.equal(named[0], model.id(path[0]!).split(":")[1]);
});

test("names are cut in the middle, by letters and not by halves of them", () => {
  assert.equal(cutInside("short"), "short");
  assert.equal(cutInside("a very long name of a vertex", 9), "a ve…rtex");
  assert.equal(Array.from(cutInside("🙂".repeat(30), 9)).length, 9);
});
