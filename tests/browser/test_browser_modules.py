"""The page's view of modules: colours, bars and ribbons are the palette's and the graph's, for eyes, keys and ears."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from browser_pages import DIGITS, caption, complete, held_out, live, network, numbers, pixels, point, state

import netgraph as ng
from netgraph.graph.palette import CATEGORIES, category_colours

Visit = Callable[..., Any]
SIZES = (24, 20, 16, 8)
RIBBONS = """() => {
  const { model, store, stage } = window.netgraph, groups = model.groups;
  const svg = new DOMParser().parseFromString(stage.svg(), "image/svg+xml");
  return [...svg.querySelectorAll("path")].map((path) => [path.getAttribute("d"), path.getAttribute("fill")]);
}"""
AXE = """async () => {
  const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
}"""


@lru_cache(maxsize=1)
def planted() -> ng.Graph:
    """Four blocks with little between them; the last input has no edge. Weights are exact in float16."""
    rng = np.random.default_rng(4)
    labels = [np.arange(n) * 4 // n for n in SIZES]
    weights = []
    for a, b in pairwise(labels):
        size = np.where(b[:, None] == a[None], 1.0, 0.25)
        weights.append(np.round(rng.normal(size=size.shape) * size * 64) / 64)
    weights[0][:, -1] = 0
    return ng.Graph.from_matrices(weights)


@lru_cache(maxsize=1)
def modules() -> Any:
    found = ng.modules(planted(), seed=0, runs=4)
    assert len(found) == 4
    assert found.labels.iloc[SIZES[0] - 1] == -1
    return found


def coloured() -> ng.Graph:
    return planted().with_columns(module=modules().labels.to_numpy())


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5))


def ribbons(page: Any) -> dict[tuple[str, str], float]:
    """(bar, bar) -> the ribbon's width at its middle, read from the picture's own outlines in SVG."""
    found = {}
    places = page.evaluate(
        """() => {
          const { model, stage, store } = window.netgraph, out = {};
          for (let v = 0; v < model.n; v++) {
            const layer = model.layerOf(v), group = model.groups.of[v];
            const name = `${layer.name}:${group < 0 ? "none" : `module_${model.groups.numbers[group]}`}`;
            (out[name] ??= []).push(stage.point(v));
          }
          return out;
        }"""
    )
    for path, _ in page.evaluate(RIBBONS):
        if path.count("C") != 4:
            continue
        x0, y0, *rest = numbers(path.replace("M", " ").replace("C", " ").replace("L", " "))
        curves = [rest[0:12], rest[12:14], rest[14:]]
        top, bottom = curves[0][4:6], curves[2][4:6]
        start, end = (x0, (y0 + curves[2][11]) / 2), (curves[0][10], (curves[0][11] + curves[1][1]) / 2)
        found[_bar(places, start), _bar(places, end)] = bottom[1] - top[1]
        assert top[0] == bottom[0]
    return found


def _bar(places: dict[str, list[dict[str, float]]], at: tuple[float, float]) -> str:
    """The bar whose side the point lies on: the column next to it, and there the bar that reaches over its height."""

    def away(name: str) -> tuple[float, float]:
        xs, ys = ([p[axis] for p in places[name]] for axis in ("x", "y"))
        half = (max(ys) - min(ys)) / max(1, len(ys) - 1) / 2 if len(ys) > 1 else 1e9
        outside = 0 if half == 1e9 else max(0.0, min(ys) - half - at[1], at[1] - max(ys) - half)
        return round(abs(xs[0] - at[0]) / 40), outside or abs(float(np.mean(ys)) - at[1]) * 1e-3

    return min(places, key=away)


# -- what it shows ----------------------------------------------------------------------------------------------


def test_modules_open_as_ribbons_as_wide_as_their_weights(visit: Visit) -> None:
    page = visit(ng.render(modules()), width=1600, height=1100).page
    complete(page)
    opened = state(page)
    assert (opened["view"], opened["colour"], opened["ribbons"]) == ("network", "module", True)
    drawn = ribbons(page)
    graph = modules().graph()
    ids = np.asarray(graph.columns["id"])
    for block in graph.blocks:
        source, target = (ids[graph.layer(name).vertices] for name in (block.source, block.target))
        weight = np.asarray(block.weight)
        width = np.array([[drawn.get((a, b), 0.0) for a in source] for b in target])
        assert np.count_nonzero(width) == np.count_nonzero(weight)
        scale = width.sum() / weight.sum()
        np.testing.assert_allclose(width, weight * scale, atol=0.03)  # the SVG has two decimals
        assert width.sum() > 250
    sums = page.evaluate(
        """() => {
          const { model, store } = window.netgraph;
          return document.querySelector("#panel").innerText;
        }"""
    )
    inside = sum(
        float(np.asarray(b.weight)[i, j])
        for b in graph.blocks
        for i, s in enumerate(ids[graph.layer(b.target).vertices])
        for j, r in enumerate(ids[graph.layer(b.source).vertices])
        if s.split(":")[1] == r.split(":")[1]
    )
    whole = sum(float(np.asarray(b.weight).sum()) for b in graph.blocks)
    assert f"{100 * inside / whole:.0f} % of Σ|weight| runs inside modules." in sums
    assert f"4 modules (layered): quality {modules().quality:.3g}" in sums


def test_modules_of_a_column_colour_vertices_as_gexf_does(visit: Visit) -> None:
    graph = coloured()
    page = visit(ng.render(graph)).page
    complete(page)
    assert (state(page)["colour"], state(page)["ribbons"]) == ("module", False)
    assert "edges" in caption(page)
    picture = pixels(page.screenshot())
    wanted = category_colours(np.asarray(graph.columns["module"]))
    for vertex in (0, 9, 17, 30, 47, 60, 67):
        x, y = point(page, graph.ids[vertex])
        assert tuple(picture[round(y), round(x)]) == tuple(wanted[vertex])
    x, y = point(page, graph.ids[SIZES[0] - 1])
    red, green, blue = picture[round(y), round(x)]
    assert max(red, green, blue) - min(red, green, blue) < 25  # in no module: grey


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_modules_bars_have_the_palettes_colours_in_either_theme(visit: Visit, theme: str) -> None:
    page = visit(ng.render(modules()), theme=theme).page
    complete(page)
    picture = pixels(page.locator("canvas#main").screenshot())
    seen = {tuple(colour) for colour in np.unique(picture.reshape(-1, 3).astype(int), axis=0)}
    assert {rgb(colour) for colour in CATEGORIES[:4]} <= seen
    marks = page.evaluate(
        """() => [...document.querySelectorAll(".row.module rect")].map((mark) => getComputedStyle(mark).fill)"""
    )
    assert marks == [f"rgb({', '.join(map(str, rgb(colour)))})" for colour in CATEGORIES[:4]]


def test_modules_other_columns_are_named_and_inputs_open_a_circuit(visit: Visit) -> None:
    graph = planted().with_columns(team=np.array(["b", "a"] * 34, dtype=object))
    page = visit(ng.render(graph, color="team")).page
    assert page.locator(".row.module .name").all_inner_texts() == ["a", "b"]
    net = network("mlp")
    images, _ = held_out()
    column = net.graph(granularity="unit").with_columns(module=np.arange(138) % 3)
    page = visit(ng.render(column, inputs=images[:2], classes=DIGITS)).page
    assert (state(page)["view"], state(page)["colour"]) == ("circuit", "sign")
    page.keyboard.press("r")
    complete(page)
    assert "of Σ|attribution| runs inside modules" in page.locator("#panel").inner_text()


# -- what a reader does -----------------------------------------------------------------------------------------


def hover(page: Any, part: str) -> None:
    """The pointer on the middle of a bar, or of a ribbon."""
    at = page.evaluate(
        """(part) => {
          const { stage } = window.netgraph, box = document.querySelector("canvas#main").getBoundingClientRect();
          for (let y = box.top + 2; y < box.bottom; y += 3)
            for (let x = box.left + 2; x < box.right; x += 3) if (stage.partAt(x, y) === part) return [x, y];
          return null;
        }""",
        part,
    )
    assert at is not None, part
    page.mouse.move(*at)


def test_modules_pointer_tells_and_click_keeps(visit: Visit) -> None:
    page = visit(ng.render(modules())).page
    complete(page)
    graph, found = modules().graph(), modules()
    names = list(graph.ids)
    block = graph.blocks[0]
    weight = np.asarray(block.weight)
    hover(page, "0:0.1:0")
    tip = page.locator("#tip")
    assert tip.is_visible()
    i, j = (names.index(f"{layer.name}:module_0") - layer.start for layer in (graph.layers[1], graph.layers[0]))
    told = tip.inner_text()
    assert numbers(told.split("Σ|weight| ")[1])[0] == pytest.approx(weight[i, j], rel=1e-3)
    assert f"{100 * weight[i, j] / weight.sum():.0f} % of all between the two layers" in told
    page.mouse.down()
    page.mouse.up()
    assert state(page)["picked"] == "0:0.1:0"
    assert "module 0" in page.locator("#panel h2").first.inner_text()
    assert "of all between the two layers" in live(page)
    hover(page, "1:1")
    size = int((found.labels.to_numpy()[SIZES[0] : SIZES[0] + SIZES[1]] == 1).sum())
    assert f"{size} of {SIZES[1]} vertices" in tip.inner_text()
    page.keyboard.press("Escape")
    assert state(page)["picked"] is None


def test_modules_are_isolated_by_their_row(visit: Visit) -> None:
    page = visit(ng.render(modules())).page
    complete(page)
    before = page.locator("canvas#main").screenshot()
    row = page.get_by_role("button", name=re.compile(r"^module 1\b.* vertices"))
    row.click()
    complete(page)
    assert state(page)["isolated"] == 1
    assert row.get_attribute("aria-pressed") == "true"
    assert live(page) == "module 1 alone"
    assert page.evaluate("() => document.activeElement.dataset.key") == "module:1"
    picture = pixels(page.locator("canvas#main").screenshot())
    seen = {tuple(colour) for colour in np.unique(picture.reshape(-1, 3).astype(int), axis=0)}
    assert rgb(CATEGORIES[1]) in seen
    assert rgb(CATEGORIES[0]) not in seen
    page.get_by_role("button", name="modules", exact=True).click()  # the same with vertices and edges
    complete(page)
    assert caption(page).splitlines()[1].startswith("module 1: ")
    labels = modules().labels
    edges = page.evaluate(
        """() => new DOMParser().parseFromString(window.netgraph.stage.svg(), "image/svg+xml")
            .querySelectorAll('g[fill=none] > path').length"""
    )
    touching = 0
    for block in planted().blocks:
        a, b = (labels.to_numpy()[planted().layer(name).vertices] == 1 for name in (block.source, block.target))
        touching += int(((np.asarray(block.weight) != 0) & (b[:, None] | a[None])).sum())
    assert edges == touching
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    complete(page)
    assert page.locator("canvas#main").screenshot() == before


def test_modules_by_keys_alone(visit: Visit) -> None:
    page = visit(ng.render(modules())).page
    complete(page)
    page.locator("canvas#main").focus()
    for key, picked in (
        ("ArrowDown", "0:0"),
        ("ArrowDown", "0:1"),
        ("ArrowRight", "0:1.1:1"),
        ("ArrowRight", "1:1"),
        ("ArrowLeft", "0:1.1:1"),
        ("ArrowLeft", "0:1"),
        ("ArrowUp", "0:0"),
    ):
        page.keyboard.press(key)
        assert state(page)["picked"] == picked, key
    assert live(page).startswith("module 0 in layer_0, 6 of 24 vertices (25 %), Σ|weight| out")
    for _ in range(12):  # on to the panel: its rows are buttons that shine while they have the focus
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.classList.contains('ribbon')"):
            break
    pointed = page.evaluate("() => window.netgraph.store.state.pointed")
    assert pointed.startswith("0:0.1:")
    page.keyboard.press("Enter")
    assert state(page)["picked"] == pointed
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    assert state(page)["ribbons"] is False
    assert live(page) == "vertices and edges"
    page.keyboard.press("m")
    assert state(page)["colour"] == "sign"


def test_modules_address_restores_the_picture(visit: Visit) -> None:
    view = ng.render(modules())
    first = visit(view).page
    complete(first)
    assert first.evaluate("() => location.hash") == ""
    for patch in (
        {"isolated": 2, "negative": False},
        {"picked": "1:0.2:0", "theme": "dark"},
        {"ribbons": False, "isolated": 0, "top": 100},
        {"colour": "sign", "ribbons": False},
    ):
        page = visit(view).page
        page.evaluate("(patch) => window.netgraph.store.set(patch)", patch)
        if "theme" in patch:
            page.evaluate("() => (document.documentElement.dataset.theme = 'dark')")
        complete(page)
        page.wait_for_function("() => location.hash !== ''")
        again = visit(view, hash=page.evaluate("() => location.hash")).page
        complete(again)
        assert state(again) == state(page)
        assert again.locator("canvas#main").screenshot() == page.locator("canvas#main").screenshot()


def test_modules_are_saved_as_pictures(visit: Visit) -> None:
    page = visit(ng.render(modules())).page
    complete(page)
    root = ET.fromstring(page.evaluate("() => window.netgraph.stage.svg()"))
    fills = [path.get("fill") for path in root.iter("{http://www.w3.org/2000/svg}path")]
    own = [f"rgb({','.join(map(str, rgb(colour)))})" for colour in CATEGORIES[:4]]
    assert all(fills.count(colour) >= 3 + 4 for colour in own)  # three ribbons and four bars a module
    size = page.evaluate(
        """async () => {
          const { width, height } = await window.netgraph.stage.picture(2);
          const { width: w, height: h } = document.querySelector("canvas#main");
          return [width / w, height / h];
        }"""
    )
    assert size == [2, 2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_modules_axe_finds_nothing_serious(visit: Visit, axe: str, theme: str) -> None:
    page = visit(ng.render(modules()), theme=theme).page
    page.evaluate(axe)
    steps: dict[str, Callable[[], object]] = {
        "ribbons": lambda: None,
        "isolated": lambda: page.get_by_role("button", name=re.compile(r"^module 2\b.* vertices")).click(),
        "bar": lambda: page.evaluate("() => window.netgraph.store.set({ picked: '1:0' })"),
        "ribbon": lambda: page.evaluate("() => window.netgraph.store.set({ picked: '1:0.2:0' })"),
        "vertices": lambda: page.get_by_role("button", name="modules", exact=True).click(),
    }
    for step, act in steps.items():
        act()
        complete(page)
        assert page.evaluate(AXE) == [], step


def test_modules_of_skips_and_hundreds_of_groups_are_drawn(visit: Visit) -> None:
    rng = np.random.default_rng(1)
    a, b, c = (ng.graph.graph.Layer(n, n, "linear", (60,), k * 60, 60) for k, n in enumerate("abc"))
    blocks = tuple(
        ng.graph.graph.Block(s, t, kind, rng.normal(size=(60, 60)))
        for s, t, kind in (("a", "b", "linear"), ("b", "c", "linear"), ("a", "c", "skip"))
    )
    graph = ng.Graph((a, b, c), blocks, {"module": np.arange(180)})
    page = visit(ng.render(graph)).page
    complete(page)
    page.keyboard.press("r")
    complete(page)
    assert state(page)["ribbons"] is True
    many = ng.Graph.from_matrices([np.ones((300, 300))]).with_columns(module=np.arange(600))
    page = visit(ng.render(many)).page
    complete(page)
    page.keyboard.press("r")
    assert state(page)["ribbons"] is False
    assert page.locator(".row.module").count() == 200
    assert "400 smaller ones" in page.locator("#legend").inner_text()
