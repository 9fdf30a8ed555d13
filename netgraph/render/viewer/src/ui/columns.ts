/** Further columns of the vertices (pagerank …), read when the panel first asks for them. */

import { float32 } from "../core/decode";
import type { Model } from "../core/model";

export interface Column {
  name: string;
  values: Float32Array;
}

const read = new WeakMap<Model, Column[]>();

export function columnsOf(model: Model): Column[] {
  let columns = read.get(model);
  if (!columns) {
    columns = model.data.columns.map(({ name, values }) => ({ name, values: float32(values, model.n) }));
    read.set(model, columns);
  }
  return columns;
}
