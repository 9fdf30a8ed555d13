/** The page's data made into the model that drawing and reading ask. */

import { bytes, float32, int16 } from "./decode";
import type { PageData } from "./contract";
import { createFlows } from "./flows";
import { groupsOf } from "./groups";
import { createListing } from "./listing";
import { createNames } from "./names";
import type { Model, Sample } from "./model";
import { createPictures, mapsOf } from "./pictures";
import { wire, type Wiring } from "./wiring";

function readSamples(data: PageData, wiring: Wiring): Sample[] {
  return data.samples.map((sample, index): Sample => {
    const picture = sample.picture;
    const maps = sample.maps.map((map) => ({ ...map, data: bytes(map.data) }));
    return {
      index,
      name: sample.name,
      label: sample.label,
      prediction: sample.prediction,
      outputs: float32(sample.outputs),
      activation: float32(sample.activation, data.count),
      picture: picture && {
        ...picture,
        data: bytes(picture.data, picture.width * picture.height * picture.channels),
      },
      map: mapsOf(wiring.layers, maps),
    };
  });
}

/** exp(o − largest) / Σ, or the outputs as they are. */
function softmax(outputs: Float32Array): Float32Array {
  let largest = -Infinity;
  for (const value of outputs) if (value > largest) largest = value;
  const powers = Float64Array.from(outputs, (value) => (value === largest ? 1 : Math.exp(value - largest)));
  const sum = powers.reduce((total, power) => total + (Number.isFinite(power) ? power : 0), 0);
  return Float32Array.from(powers, (power) => (Number.isFinite(power) && sum ? power / sum : 0));
}

export function createModel(page: PageData): Model {
  const wiring = wire(page);
  const { layers, blocks } = wiring;
  const flows = createFlows(page, wiring);
  const data: PageData = { ...page, lesions: flows.lesions };
  const samples = readSamples(data, wiring);
  const module = data.module === null ? null : int16(data.module, data.count);
  const names = createNames(wiring, data.count);
  const listing = createListing(data, wiring, flows);
  return {
    ...names,
    ...listing,
    data,
    n: data.count,
    m: wiring.m,
    layers,
    blocks,
    samples,
    classes: data.classes,
    output: layers[data.output] ?? null,
    x: float32(data.x, data.count),
    y: float32(data.y, data.count).map((y) => -y),
    module,
    groups: module && groupsOf(data, module),
    bias: data.bias === null ? null : float32(data.bias, data.count),
    layerOf: wiring.layerOf,
    blockOf: wiring.blockOf,
    source: wiring.source,
    target: wiring.target,
    inward: wiring.inward,
    outward: wiring.outward,
    weight(edge) {
      const block = wiring.blockOf(edge);
      return block.weight[edge - block.start];
    },
    kind: (edge) => wiring.blockOf(edge).kind,
    values: flows.values,
    outputs: (sample, lesioned) =>
      flows.frozen(sample, lesioned)?.outputs ??
      samples[sample]?.outputs ??
      new Float32Array(data.classes.length),
    shares: (outputs) => (data.softmax ? softmax(outputs) : outputs.slice()),
    activation: (vertex, reading) =>
      (flows.frozen(reading.sample, reading.lesioned) ?? samples[reading.sample])?.activation[vertex] ?? NaN,
    flow: (vertex, reading) => flows.through(reading)?.[vertex] ?? NaN,
    conservation: flows.conservation,
    pictures: createPictures(data, wiring, flows, samples, names.name),
  };
}
