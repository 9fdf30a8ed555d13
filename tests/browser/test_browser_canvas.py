"""The page in a real browser: what it shows is the graph, nothing gets in, nothing gets out."""

from __future__ import annotations

import html as html_text
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from browser_pages import COLOURS, FRAMES, complete, flat, graph_at, held_out, network, page_of

import netgraph as ng

VALUES = """({ view, sample, target }) => {
  const { model, store } = window.netgraph;
  const values = model.values({ view, sample, target, lesioned: store.state.lesioned });
  return { value: Array.from(values.value), order: Array.from(values.order), mass: values.mass };
}"""


# -- what it shows is the graph ---------------------------------------------------------------------------------


def test_canvas_weights_are_those_of_the_graph(visit: Callable[..., Any]) -> None:
    opened = visit(page_of("mlp"))
    value = opened.page.evaluate(VALUES, {"view": "network", "sample": 0, "target": 0})["value"]
    expected = flat(network("mlp").graph(granularity="unit"))
    assert len(value) == len(expected) == 3392
    np.testing.assert_allclose(value, expected, rtol=2**-11, atol=1e-12)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_canvas_edges_are_the_flows_that_python_finds(visit: Callable[..., Any], name: str) -> None:
    page = visit(page_of(name)).page
    for sample, target in ((0, 3), (7, 7)):
        graph = graph_at(name, sample, target)
        for view, column in (("input", "contribution"), ("circuit", "attribution")):
            got = page.evaluate(VALUES, {"view": view, "sample": sample, "target": target})
            expected = flat(graph, column)
            np.testing.assert_allclose(got["value"], expected, atol=1e-3 * np.abs(expected).max(), rtol=0)
            assert got["mass"] == pytest.approx(np.abs(expected).sum(), rel=2e-3)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_canvas_flows_are_conserved_for_twenty_inputs_and_all_classes(visit: Callable[..., Any], name: str) -> None:
    errors = visit(page_of(name)).page.evaluate(
        """() => {
          const { model, store } = window.netgraph, found = [];
          for (let sample = 0; sample < model.samples.length; sample++)
            for (let target = 0; target < 10; target++)
              found.push(model.conservation({ view: "circuit", sample, target, lesioned: store.state.lesioned }));
          return found;
        }"""
    )
    assert len(errors) == 200
    assert max(errors) <= 1e-3


def test_canvas_slider_takes_the_stable_argsort(visit: Callable[..., Any]) -> None:
    weights = [np.round(np.random.default_rng(k).normal(size=(40, 40)), 1).astype(np.float32) for k in range(2)]
    graph = ng.Graph.from_matrices(weights)  # many equal weights
    page = visit(ng.render(graph)).page
    got = page.evaluate(VALUES, {"view": "network", "sample": 0, "target": 0})
    size = np.abs(flat(graph).astype(np.float16).astype(np.float32))
    expected = np.argsort(-size, kind="stable")
    expected = expected[size[expected] > 0]
    assert got["order"] == expected.tolist()


def test_canvas_lesion_gives_what_the_network_gives_without_the_unit(visit: Callable[..., Any]) -> None:
    import torch

    inputs, _ = held_out()
    model = network("mlp").model
    page = visit(page_of("mlp")).page
    for unit in (3, 11):
        got = page.evaluate(
            """(id) => { const { model } = window.netgraph;
                return Array.from(model.outputs(2, new Set([model.find(id)]))); }""",
            f"fc2:{unit}",
        )
        hidden = torch.relu(model.fc2(torch.relu(model.fc1(torch.from_numpy(inputs[2:3]).flatten(1)))))
        hidden[:, unit] = 0
        expected = model.fc3(hidden).detach().numpy()[0]
        np.testing.assert_allclose(got, expected, atol=2e-3 * np.abs(expected).max())


# -- it is the same each time, and at any size --------------------------------------------------------------------


def test_canvas_two_loads_give_the_same_pixels(visit: Callable[..., Any]) -> None:
    pictures = []
    for _ in range(2):
        page = visit(page_of("mlp")).page
        complete(page)
        page.evaluate(FRAMES)
        pictures.append(page.screenshot())
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (700, 900), (360, 640)])
def test_canvas_fits_windows_of_any_size(visit: Callable[..., Any], width: int, height: int) -> None:
    opened = visit(page_of("cnn"), width=width, height=height)
    page = opened.page
    complete(page)
    over = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    assert over <= 0
    page.set_viewport_size({"width": 1000, "height": 700})
    page.evaluate(FRAMES)
    complete(page)
    box = page.locator("canvas#main").bounding_box()
    assert box["width"] > 300
    assert box["height"] > 200
    assert opened.console == []


# -- nothing gets in, nothing gets out ----------------------------------------------------------------------------

HOSTILE = [
    "</script><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    '"><svg onload=window.pwned=1>',
    "javascript:window.pwned=1",
    "{{7*7}} ${7*7} \u2028 \x00 \ud800",
]


@pytest.mark.parametrize("backend", ["canvas", "pyvis"])
def test_canvas_hostile_texts_stay_texts(visit: Callable[..., Any], backend: str) -> None:
    rng = np.random.default_rng(0)
    graph = ng.Graph.from_matrices([rng.normal(size=(5, 6)), rng.normal(size=(5, 5))])
    layers = tuple(
        ng.graph.graph.Layer(HOSTILE[1], f"l{k}{HOSTILE[k]}", HOSTILE[2], old.shape, old.start, old.size)
        for k, old in enumerate(graph.layers)
    )
    names = dict(zip((layer.name for layer in graph.layers), layers, strict=True))
    blocks = tuple(
        ng.graph.graph.Block(names[b.source].name, names[b.target].name, HOSTILE[3], b.weight) for b in graph.blocks
    )
    hostile = ng.Graph(layers, blocks, meta={"name": HOSTILE[0], "model_hash": HOSTILE[1]})
    how = {"classes": HOSTILE} if backend == "canvas" else {"labels": HOSTILE}
    view = ng.render(hostile, backend=backend, title=HOSTILE[0], **how)
    opened = visit(view)
    page = opened.page
    page.evaluate(FRAMES)
    assert page.evaluate("() => window.pwned") is None
    assert page.evaluate("() => document.querySelectorAll('script:not([type])').length") <= 2
    assert page.title().startswith("</script>")
    assert len(opened.requests) == 1
    assert opened.console == []
    assert opened.dialogs == []


def test_canvas_asks_for_nothing_but_itself(visit: Callable[..., Any]) -> None:
    opened = visit(page_of("mlp"))
    complete(opened.page)
    assert len(opened.requests) == 1
    assert opened.requests[0].startswith("file://")
    assert opened.console == []
    assert opened.failed == []


# -- notebooks -----------------------------------------------------------------------------------------------------


def test_canvas_twenty_frames_of_a_notebook_all_draw(visit: Callable[..., Any]) -> None:
    graph = ng.Graph.from_matrices([np.random.default_rng(0).normal(size=(12, 16)), np.ones((3, 12))])
    frame = ng.render(graph, title="cell")._repr_html_()
    assert 'sandbox="allow-scripts allow-downloads"' in frame
    cells = "".join(f"<h2>{html_text.escape(f'cell {k}')}</h2>{frame}" for k in range(20))
    opened = visit(ng.render(graph), html=f"<!doctype html><title>notebook</title>{cells}")
    page = opened.page
    for k in range(20):
        page.locator("iframe").nth(k).scroll_into_view_if_needed()
        inside = page.locator("iframe").nth(k).element_handle().content_frame()
        inside.wait_for_selector("html[data-ready=yes]", state="attached")
        inside.wait_for_selector("html[data-complete=yes]", state="attached")
        colours = inside.evaluate(COLOURS)
        assert colours > 20, f"frame {k} is empty"
    assert opened.console == []
