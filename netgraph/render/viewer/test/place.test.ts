import assert from "node:assert/strict";
import { test } from "node:test";
import type { Model } from "../src/core/model";
import { layingOf, standing } from "../src/draw/gaps";
import { createPicker } from "../src/draw/hit";
import { parseColour } from "../src/draw/palette";
import { createPlace } from "../src/draw/place";
import { course, crowding, inkOf, levelOf, lookOf, SWING } from "../src/draw/strokes";
import { bounded, fitted, marginsOf, projectionOf, zoomRange } from "../src/draw/view";

interface Wish {
  depth: number;
  x: number[];
  y: number[];
  cell?: number;
  image?: boolean;
}

/** As much of a model as places are made from. */
function model(wishes: Wish[], pairs: [number, number][] = []): Model {
  let start = 0;
  const layers = wishes.map(({ depth, x, cell = 10, image = false }, index) => {
    const layer = {
      index,
      depth,
      start,
      size: x.length,
      stop: start + x.length,
      cell,
      image,
      grid: [x.length],
    };
    start += x.length;
    return layer;
  });
  const blocks = pairs.map(([source, target], index) => ({
    index,
    source: layers[source],
    target: layers[target],
  }));
  const x = Float32Array.from(wishes.flatMap((wish) => wish.x));
  const y = Float32Array.from(wishes.flatMap((wish) => wish.y));
  return { n: start, layers, blocks, x, y } as unknown as Model;
}

const near = (found: number[], wanted: number[]): void =>
  found.forEach((value, at) =>
    assert.ok(Math.abs(value - wanted[at]!) < 1e-4, `${value}, not ${wanted[at]}`),
  );

/** Three columns: two vertices, one wide layer of 2 × 2, one vertex. */
const three = (pairs: [number, number][] = []): Model =>
  model(
    [
      { depth: 0, x: [100, 100], y: [-5, 5], image: true },
      { depth: 1, x: [200, 200, 210, 210], y: [-5, 5, -5, 5] },
      { depth: 2, x: [300], y: [0] },
    ],
    pairs,
  );

test("a place begins at 0 and fits its squares", () => {
  const place = createPlace(three());
  assert.deepEqual([...place.x], [5, 5, 105, 105, 115, 115, 205]);
  assert.deepEqual([...place.y], [5, 15, 5, 15, 5, 15, 10]);
  assert.deepEqual(place.boxes[0], { x: 0, y: 0, width: 10, height: 20, folded: false });
  const { x, y, width, height } = place.boxes[1]!;
  near([x, y, width, height], [100.6, 0.6, 18.8, 18.8]);
  near([place.width, place.height], [209.4, 20]);
  assert.equal(place.half[0], 5, "pixels touch");
  assert.ok(place.half[2]! < 5, "units keep room between them");
});

test("a folded layer is a thin bar, and what follows comes nearer", () => {
  const place = createPlace(three(), new Set([1]));
  const bar = place.boxes[1]!;
  assert.ok(bar.folded && bar.width < 1);
  near([bar.x, bar.height], [100.6, 18.8]);
  const thinner = 18.8 - bar.width;
  for (const vertex of [2, 3, 4, 5]) near([place.x[vertex]!], [100.6 + bar.width / 2]);
  near([place.x[6]!, place.width], [205 - thinner, 209.4 - thinner]);
  assert.deepEqual([...place.x.subarray(0, 2)], [5, 5], "what stands before stays");
});

test("a column with an open layer keeps its width", () => {
  const two = model([
    { depth: 0, x: [0], y: [0] },
    { depth: 1, x: [100, 110, 120], y: [0, 0, 0] },
    { depth: 1, x: [100, 110, 120], y: [50, 50, 50] },
    { depth: 2, x: [200], y: [0] },
  ]);
  const place = createPlace(two, new Set([1]));
  assert.equal(place.x[7], createPlace(two).x[7]);
  assert.equal(place.boxes[2]!.x, createPlace(two).boxes[2]!.x);
});

test("empty networks, empty layers and NaN positions have a place", () => {
  assert.equal(createPlace(model([])).width, 1);
  const place = createPlace(
    model(
      [
        { depth: 0, x: [0, NaN], y: [Infinity, 3] },
        { depth: 1, x: [], y: [] },
      ],
      [[0, 1]],
    ),
  );
  for (const numbers of [place.x, place.y, place.port]) assert.ok(numbers.every(Number.isFinite));
  assert.deepEqual(place.routes[0], { leave: 0, arrive: 0, arc: null });
  assert.ok(Number.isFinite(fitted(place, { width: 0, height: 0, ratio: 1 }, marginsOf(true)).zoom));
});

test("edges of one row leave at different heights inside their squares", () => {
  const place = createPlace(three());
  assert.ok(place.port[2]! < place.port[4]!);
  for (let vertex = 0; vertex < 7; vertex++)
    assert.ok(Math.abs(place.port[vertex]! - place.y[vertex]!) <= place.half[vertex]!);
  assert.equal(place.port[6], place.y[6], "a single file leaves from the middle");
});

test("edges between neighbours run straight, others in an arc below the columns that they pass", () => {
  const place = createPlace(
    three([
      [0, 1],
      [0, 2],
    ]),
  );
  near([place.routes[0]!.leave, place.routes[0]!.arrive], [10, 100.6]);
  assert.equal(place.routes[0]!.arc, null);
  const { leave, arrive, arc } = place.routes[1]!;
  near([leave, arrive, arc!.from, arc!.to], [10, 200.6, 100.6, 119.4]);
  assert.ok(arc!.level > 19.4, "below the lowest of the columns between");
  assert.ok(place.height >= arc!.level + arc!.band, "and inside the picture");
});

test("arcs that would run over each other take lanes", () => {
  const chain = model(
    [0, 1, 2, 3, 4].map((depth) => ({ depth, x: [100 * depth], y: [0] })),
    [
      [0, 2],
      [2, 4],
      [1, 3],
      [0, 4],
    ],
  );
  const levels = createPlace(chain).routes.map((route) => route.arc!.level);
  assert.equal(levels[0], levels[1], "one after the other: one lane");
  assert.ok(levels[2]! > levels[0]! && levels[3]! > levels[2]!, "the longest runs lowest");
});

test("arcs of one block lie inside each other", () => {
  const arc = { from: 0, to: 1, level: 100, band: 10 };
  assert.equal(levelOf(arc, 0, 50, 50), 100);
  assert.equal(levelOf(arc, 0, 50, 0), 110);
  assert.equal(levelOf(arc, 0, 0, 0), 110, "a layer without height");
});

test("an edge's course ends at its vertices and follows the table between them", () => {
  const net = three([[0, 1]]);
  const place = createPlace(net);
  const points: number[][] = [];
  const pen = {
    moveTo: (...at: number[]) => points.push(at),
    lineTo: (...at: number[]) => points.push(at),
    bezierCurveTo: (...at: number[]) => points.push(at),
  };
  const plain = { toX: (x: number) => x, toY: (y: number) => y };
  course(pen, place, net.blocks[0]!, 0, 4, plain);
  assert.equal(points.length, 2, "among many edges it ends at the sides of the layers");
  near(points[1]!.slice(-2), [100.6, place.port[4]!]);
  points.length = 0;
  course(pen, place, net.blocks[0]!, 0, 4, plain, true);
  assert.deepEqual(points[0], [10, place.port[0]!], "it starts at the source's right side");
  assert.deepEqual(
    points.at(-1),
    [place.x[4]! - place.half[4]!, place.port[4]!],
    "and ends at the target's left",
  );
  // Bézier with both handles in the middle, at t = 1/4: x = 1.5·(3/16) + 1/64, y = 3/16 − 2/64.
  const [x, y] = [1.5 * 0.1875 + 1 / 64, 3 / 16 - 2 / 64];
  assert.ok(Math.abs(SWING[Math.round(x * 4096)]! - y) < 1e-3);
  assert.deepEqual([SWING[0], SWING[4096]], [0, 1]);
});

test("the picker finds the square, not the nearest centre", () => {
  const net = model([
    { depth: 0, x: [0], y: [0], cell: 100, image: true },
    { depth: 1, x: [60], y: [0], cell: 2 },
  ]);
  const place = createPlace(net);
  const picker = createPicker(net, place);
  assert.equal(picker.at(95, 50, 0), 0, "inside the large square, though the small one's centre is nearer");
  assert.equal(picker.at(110, 50, 0), 1);
  assert.equal(picker.at(113, 50, 0), null);
  assert.equal(picker.at(113, 50, 3), 1, "a near miss");
  assert.equal(picker.at(500, 50, 3), null);
});

test("the picker agrees with looking at every square", () => {
  const x: number[] = [];
  const y: number[] = [];
  for (let at = 0; at < 900; at++) {
    x.push((at % 30) * 10);
    y.push(Math.floor(at / 30) * 10);
  }
  const net = model([{ depth: 0, x, y, image: true }]);
  const place = createPlace(net);
  const picker = createPicker(net, place);
  for (let at = 0; at < 500; at++) {
    const [px, py] = [((at * 7919) % 3100) / 10, ((at * 104729) % 3100) / 10];
    const within: number[] = [];
    for (let v = 0; v < 900; v++)
      if (Math.abs(place.x[v]! - px) <= 5 && Math.abs(place.y[v]! - py) <= 5) within.push(v);
    const found = picker.at(px, py, 0);
    assert.ok(found === null ? within.length === 0 : within.includes(found), `${px}, ${py}`);
  }
});

test("vertices of a folded layer are not picked, its bar is", () => {
  const net = three();
  const place = createPlace(net, new Set([1]));
  const picker = createPicker(net, place);
  const bar = place.boxes[1]!;
  assert.equal(picker.at(bar.x, 5, 0), null);
  assert.equal(picker.bar(bar.x, 5, 1), 1);
  assert.equal(picker.bar(bar.x + 20, 5, 1), null);
});

test("the gaps follow the window's shape within bounds; columns keep their width, and all its height", () => {
  const laid = createPlace(three());
  const gap = (place: typeof laid, at: number): number =>
    place.boxes[at + 1]!.x - place.boxes[at]!.x - place.boxes[at]!.width;
  for (const [aspect, narrowest] of [
    [1, 0.5],
    [7, 0.5],
    [100, 0.5],
    [8, 0.7],
  ] as const) {
    const place = createPlace(three(), new Set(), { aspect, narrowest });
    assert.deepEqual([place.height, ...place.y], [laid.height, ...laid.y]);
    for (const at of [0, 1, 2]) near([place.boxes[at]!.width], [laid.boxes[at]!.width]);
    const [first, second] = [0, 1].map((at) => gap(place, at) / gap(laid, at));
    near([first!], [second!]);
    assert.ok(first! >= narrowest - 1e-6 && first! <= 1.3 + 1e-6);
    if (first! > narrowest + 1e-6 && first! < 1.3 - 1e-6) near([place.width / place.height], [aspect]);
    for (const x of [-20, 0, 3, 70, laid.width / 2, laid.width, laid.width + 9])
      near([layingOf(place.ruler, standing(place.ruler, x))], [x]);
    // What stands where: every vertex by the same ruler.
    near(
      [...place.x],
      [...laid.x].map((x) => standing(place.ruler, x)),
    );
    assert.ok(place.routes.every((route) => route.leave <= route.arrive));
  }
  assert.deepEqual(createPlace(model([]), new Set(), { aspect: 2, narrowest: 0.5 }).width, 1);
});

test("what fits leaves the margins free; bounds keep the picture in sight", () => {
  const place = createPlace(three());
  const size = { width: 1000, height: 700, ratio: 1 };
  const camera = fitted(place, size, marginsOf(true));
  const { toX, toY } = projectionOf(camera, size);
  assert.ok(toX(0) >= 24 - 1e-6 && toX(place.width) <= 850 + 1e-6);
  assert.ok(toY(0) >= 48 - 1e-6 && toY(place.height) <= 684 + 1e-6);
  const range = zoomRange(place, camera);
  const far = bounded({ x: -1e9, y: 1e9, zoom: 1e9 }, place, range);
  assert.deepEqual([far.x, far.y, far.zoom], [0, place.height, range[1]]);
});

test("many edges share their ink; a value that is no number draws nothing loud", () => {
  assert.equal(inkOf(100), 1);
  assert.ok(Math.abs(inkOf(70_000) - 0.1) < 1e-12);
  assert.deepEqual(lookOf(NaN, 1), lookOf(0, 1));
  assert.ok(lookOf(1, 1).alpha > 5 * lookOf(0, 1).alpha);
});

test("arcs that crowd a band share its ink, edges across a gap do not", () => {
  const net = three([
    [0, 1],
    [0, 2],
  ]);
  const place = createPlace(net);
  Object.assign(net, { blockOf: (edge: number) => net.blocks[edge % 2] });
  const zoom = 8 / place.routes[1]!.arc!.band; // the band is 8 pixels high
  const [straight, arcs] = crowding(
    net,
    place,
    zoom,
    Uint32Array.from({ length: 96 }, (_, edge) => edge),
  );
  assert.equal(straight, 1);
  near([arcs!], [(0.35 * 8) / 48]);
  assert.equal(crowding(net, place, zoom, Uint32Array.of(1, 3))[1], 1, "two have room enough");
});

test("colours are read in the ways that style sheets write them", () => {
  assert.deepEqual(parseColour(" #0072b2"), [0, 114, 178]);
  assert.deepEqual(parseColour("#fff"), [255, 255, 255]);
  assert.deepEqual(parseColour("rgb(1, 2, 3)"), [1, 2, 3]);
  assert.deepEqual(parseColour("nonsense"), [128, 128, 128]);
});
