"""What a link restores, and what a reader takes along: pictures, a table of edges, the link itself."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_pages import DIGITS, FRAMES, colours, complete, flat, graph_at, page_of, picture, pixels, state, vertex

import netgraph as ng
from netgraph.graph.graph import Block, Layer

Visit = Callable[..., Any]
SET = """(patch) => {
  const { store } = window.netgraph;
  for (const name of ["folded", "lesioned"]) if (patch[name]) patch[name] = new Set(patch[name]);
  store.set(patch);
}"""

PATCHES: dict[str, dict[str, Any]] = {
    "another class": {"sample": 3, "target": 7, "top": 77, "grouped": True},
    "one sign": {"view": "input", "negative": False, "density": False, "theme": "dark"},
    "no sign": {"view": "network", "positive": False, "negative": False, "top": 3392},
    "two vertices": {"selected": 71, "second": 130, "colour": "module"},
    "lesions and folds": {"lesioned": [100, 107], "folded": [0, 2], "sample": 12},
    "a matrix": {"view": "matrix", "block": 2, "selected": 131},
    "a corner": {"camera": {"x": 123.0, "y": -45.5, "zoom": 2.25}},
}


# -- the address ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES)
def test_address_restores_what_was_seen(visit: Visit, patch: dict[str, Any]) -> None:
    view = page_of("mlp", color="layer")
    first = visit(view).page
    untouched = state(first)
    first.evaluate(SET, patch)
    first.wait_for_function("() => location.hash !== ''")
    second = visit(view, hash=first.evaluate("() => location.hash")).page
    wanted, found = state(first), state(second)
    assert found == wanted
    assert found == {**untouched, **patch}
    assert picture(second) == picture(first)


def test_address_is_none_for_an_untouched_page(visit: Visit) -> None:
    page = visit(page_of("mlp", color="layer")).page
    page.keyboard.press("d")
    page.wait_for_function("() => location.hash === '#density=off'")
    page.keyboard.press("d")
    page.wait_for_function("() => location.hash === ''")


def test_address_follows_who_walks_back_and_forth(visit: Visit) -> None:
    page = visit(page_of("mlp", color="layer")).page
    page.evaluate("() => { location.hash = '#view=network&id=fc1:3'; }")
    page.wait_for_function("() => window.netgraph.store.state.view === 'network'")
    assert state(page)["selected"] == vertex(page, "fc1:3")
    page.evaluate("() => history.back()")
    page.wait_for_function("() => window.netgraph.store.state.view === 'circuit'")
    assert state(page)["selected"] is None


GARBAGE = [
    "#view=nonsense&sample=99&class=-1&top=1e9&signs=both&density=maybe&colour=red&theme=blue",
    "#id=fc9:1&to=fc1:999&without=x&fold=none&block=77&camera=1,2&paths=all",
    "#camera=NaN,Infinity,0&top=-3&sample=1.5&id=fc1:1,1&id=",
    "#%E0%A4%A&=&&&==#?",
    "#<img src=x onerror=window.pwned=1>&id=<script>window.pwned=1</script>&__proto__=1",
]


def test_address_that_means_nothing_does_nothing(visit: Visit) -> None:
    opened = visit(page_of("mlp", color="layer"))
    page = opened.page
    untouched, seen = state(page), picture(page)
    for garbage in GARBAGE:
        page.evaluate("(hash) => { location.hash = hash; }", garbage)
        page.evaluate(FRAMES)
        assert state(page) == untouched, garbage
    assert picture(page) == seen
    fresh = visit(page_of("mlp", color="layer"), hash=GARBAGE[0])
    assert state(fresh.page) == untouched
    for each in (opened, fresh):
        assert each.console == []
        assert each.page.evaluate("() => window.pwned") is None


# -- taking it along --------------------------------------------------------------------------------------------


def saved(page: Any, item: str, folder: Path) -> tuple[str, Path]:
    """(its name, the file) of what an item of the menu saves."""
    page.get_by_role("button", name="save", exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=item, exact=True).click()
    download = waiting.value
    place = folder / download.suggested_filename
    download.save_as(place)
    return download.suggested_filename, place


@pytest.mark.parametrize("view", ["circuit", "matrix"])
def test_address_png_is_the_picture_at_twice_the_size(visit: Visit, tmp_path: Path, view: str) -> None:
    page = visit(page_of("mlp"), hash=f"#view={view}").page
    complete(page)
    name, file = saved(page, "picture (PNG)", tmp_path)
    assert name == f"digits-mlp-{view}.png"
    found = pixels(file.read_bytes())
    box = page.locator("canvas#main" if view == "circuit" else "#matrix canvas").bounding_box()
    height, width, _ = found.shape
    scale = 2 if view == "circuit" else width / box["width"]
    assert width == scale * box["width"]
    assert height > scale * box["height"]  # a title above, a legend below
    # It is the very picture of the screen: shrunk to its size, the two are alike.
    shown = pixels(picture(page))
    small = found[46 * 2 : 46 * 2 + int(2 * box["height"])] if view == "circuit" else None
    assert colours(found) > 100
    if small is not None:
        small = small[: 2 * (len(small) // 2)].reshape(-1, 2, width // 2, 2, 3).mean((1, 3))
        shown = shown[: len(small)]
        assert np.corrcoef(small.ravel(), shown.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("patch", [{}, {"positive": False, "top": 200}, {"view": "network", "folded": [1]}])
def test_address_svg_has_a_path_for_each_edge_and_no_nan(visit: Visit, tmp_path: Path, patch: dict[str, Any]) -> None:
    page = visit(page_of("mlp")).page
    page.evaluate(SET, patch)
    complete(page)
    _, file = saved(page, "picture (SVG)", tmp_path)
    text = file.read_text(encoding="utf-8")
    root = ET.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    paths = root.findall(f"{space}g[@fill='none']/{space}path")
    now = state(page)
    script = """() => { const { model, store } = window.netgraph, values = model.values(store.state);
        return Array.from(values.order.subarray(0, store.state.top), (edge) => values.sign(edge)); }"""
    signs = np.array(page.evaluate(script))
    shown = ((signs > 0) & now["positive"]) | ((signs < 0) & now["negative"])
    assert len(paths) == shown.sum() > 0
    for word in ("NaN", "undefined", "Infinity", "null"):
        assert word not in text
    words = {element.text for element in root.iter(f"{space}text")}
    assert {"fc1", "fc2", "fc3", *DIGITS} <= words  # all whole, the one with the mark of the truth, too
    assert "digits mlp" in (root.findtext(f"{space}title") or "")


def test_address_csv_is_the_edges_that_are_seen(visit: Visit, tmp_path: Path) -> None:
    page = visit(page_of("mlp"), hash="#signs=negative&top=300").page
    name, file = saved(page, "edges seen (CSV)", tmp_path)
    assert name == "digits-mlp-circuit.csv"
    rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8"), newline="")))
    graph = graph_at("mlp", 0, state(page)["target"])
    value = flat(graph, "attribution")
    edges = graph.to_pandas()[1]
    expected = {
        (str(s), str(t)): (float(a), float(w))
        for s, t, a, w in zip(edges.source, edges.target, edges.attribution, edges.weight, strict=True)
    }
    order = np.argsort(-np.abs(value), kind="stable")[:300]
    assert len(rows) == pytest.approx((value[order] < 0).sum(), abs=1)
    sizes = []
    for row in rows:
        attribution, weight = expected[row["source"], row["target"]]
        assert float(row["value"]) == pytest.approx(attribution, rel=5e-3, abs=1e-6)
        assert float(row["weight"]) == pytest.approx(weight, rel=2**-10)
        assert row["kind"] == "linear"
        sizes.append(-float(row["value"]))
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > 0


def test_address_csv_runs_no_formula(visit: Visit, tmp_path: Path) -> None:
    names = ("=1+1", "@SUM(A1)")
    layers = tuple(Layer(name, name, "linear", (2,), 2 * k, 2) for k, name in enumerate(names))
    graph = ng.Graph(layers, (Block(*names, "+kind", np.ones((2, 2), dtype=np.float32)),))
    page = visit(ng.render(graph, title="=HYPERLINK(0)")).page
    name, file = saved(page, "edges seen (CSV)", tmp_path)
    assert name == "hyperlink-0-network.csv"
    rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"))))[1:]
    assert len(rows) == 4
    for source, target, _, _, kind in rows:
        assert source.startswith("'=1+1:")
        assert target.startswith("'@SUM(A1):")
        assert kind == "'+kind"


def test_address_link_is_copied(visit: Visit) -> None:
    page = visit(page_of("mlp"), hash="#view=network").page
    page.keyboard.press("d")
    page.get_by_role("button", name="save", exact=True).click()
    page.get_by_role("button", name="copy link", exact=True).click()
    page.wait_for_function("() => document.querySelector('#live').textContent === 'link copied'")
    field = page.get_by_role("banner").get_by_role("combobox", name="search ( / )")
    field.focus()
    page.keyboard.press("Control+V")
    link = field.input_value()
    assert link.endswith(".html#view=network&density=off")
    assert link == page.evaluate("() => location.href")
