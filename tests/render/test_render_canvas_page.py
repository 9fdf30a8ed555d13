"""The page as a file: what is refused, what cannot get out, what is the same every time."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from canvas_reading import Page, data_of
from hypothesis import given
from hypothesis import strategies as st

import netgraph as ng
from netgraph.errors import InputError, NetgraphError, RenderError, UnknownName
from netgraph.graph.graph import Graph
from netgraph.render.canvas import page as canvas
from netgraph.render.canvas.numbers import Packed, block_of
from netgraph.render.encode import script_hash

RNG = np.random.default_rng(0)
SMALL = Graph.from_matrices([[[1.0, -2.0], [0.5, 3.0]], [[1.0, 1.0]]], names=["pixels", "fc1", "fc2"])
HOSTILE = "</script><img src=x onerror=alert(1)><!--\u2028\"'{{ 7 * 7 }}"


def with_activation(graph: Graph, name: str | None, layer: int = 1) -> Graph:
    layers = [replace(v, activation=name) if i == layer else v for i, v in enumerate(graph.layers)]
    return replace(graph, layers=tuple(layers))


def test_canvas_is_the_default_and_the_view_says_what_it_holds() -> None:
    view = ng.render(SMALL)
    assert (view.vertices, view.edges, view.total_edges, view.share, view.column) == (5, 6, 6, 1.0, "weight")
    assert view.title == "network 2-2-1" and 'id="stage"' in view.html
    assert data_of(view)["top"] is None and data_of(ng.render(SMALL, top=3))["top"] == 3


BAD: dict[str, tuple[Mapping[str, Any], type[NetgraphError], str]] = {
    "backend": ({"backend": "canvsa"}, UnknownName, "did you mean 'canvas'"),
    "theme": ({"theme": "drak"}, UnknownName, "did you mean 'dark'"),
    "top": ({"top": 0}, RenderError, "top=0: expected a whole number of edges, 1 or more"),
    "top text": ({"top": "all"}, RenderError, "top='all': expected a whole number"),
    "samples": ({"samples": 41}, RenderError, "samples=41: expected a whole number of inputs, 1 to 40"),
    "size": ({"size": "pagerank"}, RenderError, 'areas are drawn by backend="pyvis"'),
    "weight": ({"weight": "wieght"}, UnknownName, "did you mean 'weight'"),
    "color": ({"color": "modul"}, UnknownName, "unknown vertex column 'modul'"),
    "labels": ({"labels": ["a", "b"]}, RenderError, r"got 2 texts, expected 5 \(one a vertex\) or 1"),
    "labels text": ({"labels": "cat"}, RenderError, "labels: got one text; expected a dict by vertex id"),
    "classes text": ({"classes": "cat"}, RenderError, "classes: got one text; expected a sequence"),
    "classes": (
        {"classes": ["a", "b"]},
        RenderError,
        "classes: got 2 names, but 'fc2', the layer of the outputs, has 1",
    ),
    "truth alone": ({"truth": [1]}, RenderError, "truth: labels of inputs, but there are no inputs: pass inputs="),
    "truth count": ({"inputs": [[1, 2]], "truth": [0, 1]}, RenderError, "truth: got 2 labels for 1 inputs"),
    "truth words": ({"inputs": [[1, 2]], "truth": ["cat"]}, RenderError, "names of classes go to classes="),
    "no inputs": ({"inputs": np.empty((0, 2))}, RenderError, "inputs: expected at least one input"),
    "input size": ({"inputs": [[1, 2, 3]]}, RenderError, "3 numbers an input, but layer 'pixels' .* has 2 vertices"),
    "network": ({"network": 3}, RenderError, r"network: expected a traced network, got int; netgraph\.trace"),
}


@pytest.mark.parametrize("case", BAD)
def test_canvas_refusals_teach(case: str) -> None:
    wrong, error, message = BAD[case]
    with pytest.raises(error, match=message):
        ng.render(SMALL, **wrong)


def test_canvas_graphs_that_do_not_say_what_they_compute_are_refused_inputs() -> None:
    from netgraph.graph.graph import Block, Layer

    x = [[1.0, 2.0]]
    with pytest.raises(RenderError, match=r"the name 'gelu' does not say all of what that function computes; pass net"):
        ng.render(with_activation(SMALL, "gelu"), inputs=x)
    pooled = replace(SMALL, blocks=(replace(SMALL.blocks[0], kind="select"), SMALL.blocks[1]))
    with pytest.raises(RenderError, match=r"depend on the input \(select\).*pass network=, the traced network"):
        ng.render(pooled, inputs=x)
    with pytest.raises(RenderError, match=r"depend on the input \(not exact\)"):
        ng.render(SMALL.with_meta(exact=False), inputs=x)
    channels = replace(SMALL, layers=(replace(SMALL.layers[0], shape=(2, 4, 4)), *SMALL.layers[1:]))
    with pytest.raises(RenderError, match=r"vertices of this graph are channels"):
        ng.render(channels, inputs=x)
    skip = Block("pixels", "fc2", "skip", np.ones((1, 2)))
    twice = with_activation(replace(SMALL, blocks=(*SMALL.blocks, skip)), "relu", layer=0)
    with pytest.raises(RenderError, match=r"several blocks read layer 'pixels'.*before\s+its activation function"):
        ng.render(twice, inputs=x)
    layers = (
        Layer("", "x", "input", (1,), 0, 1),
        Layer("", "y", "input", (1,), 1, 1),
        Layer("", "z", "add", (1,), 2, 1),
    )
    two = Graph(layers, (Block("x", "z", "skip", np.ones((1, 1))), Block("y", "z", "skip", np.ones((1, 1)))))
    with pytest.raises(RenderError, match=r"this graph has 2 layers that nothing feeds, expected one; pass network="):
        ng.render(two, inputs=x)


def test_canvas_inputs_that_do_not_fit_the_network_say_so() -> None:
    import torch

    net = ng.trace(torch.nn.Linear(3, 2), (3,))
    with pytest.raises(InputError, match="does not fit"):
        ng.render(net, inputs=torch.zeros(2, 5))


def test_canvas_without_its_viewer_says_how_to_build_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(canvas, "files", lambda _: tmp_path)
    with pytest.raises(
        RenderError, match=r"viewer is not there \(viewer\.css\).*npm run build in\s+netgraph/render/viewer"
    ):
        ng.render(SMALL)
    dist = tmp_path / "viewer" / "dist"
    dist.mkdir(parents=True)
    (dist / "viewer.css").write_text("a{}</style>")
    with pytest.raises(RenderError, match=r"viewer\.css does not fit into a page"):
        ng.render(SMALL)


def test_canvas_viewer_ships() -> None:
    for name in ("viewer.js", "viewer.css"):
        text = canvas.viewer(name)
        assert len(text) > 1000
        assert text in ng.render(SMALL).html
    assert (files("netgraph.render") / "assets" / "canvas.html.j2").is_file()


# -- safety ----------------------------------------------------------------------------------------------


def test_canvas_policy_allows_its_own_script_and_style_alone() -> None:
    page = ng.render(SMALL).html
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    rules = dict(rule.split(" ", 1) for rule in html.unescape(policy[1]).split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data: blob:" and "unsafe" not in policy[1]
    scripts, styles = (re.findall(rf"<{name}>(.*?)</{name}>", page, re.S) for name in ("script", "style"))
    assert [script_hash(s) for s in scripts] == [rules["script-src"]]
    assert [script_hash(s) for s in styles] == [rules["style-src"]]
    assert "http:" not in page.replace(canvas.viewer("viewer.js"), "") and "@import" not in page
    assert not re.search(
        r"<[^>]*\b(src|href|style|on\w+)\s*=", re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)
    )


@given(st.text(max_size=30))
def test_canvas_any_text_is_text(label: str) -> None:
    hostile = HOSTILE + label
    layers = tuple(replace(v, module=hostile, kind=hostile) for v in SMALL.layers)
    graph = (
        replace(SMALL, layers=layers)
        .with_meta(name=hostile, note={hostile: hostile})
        .with_columns(**{hostile: np.ones(5)})
    )
    view = ng.render(graph, labels={"fc1:0": hostile}, classes=[hostile])
    data = data_of(view)
    clean = view.title
    assert clean.startswith(HOSTILE) and data["title"] == clean
    assert data["layers"][1]["labels"][0] == data["classes"][0] == data["layers"][0]["module"] == clean
    assert data["columns"][0]["name"] == clean and (clean.replace("_", " ") in [row[0] for row in data["about"]])
    assert len(re.findall(r"</script", view.html)) == 2 and "<img" not in view.html
    titles = re.findall(r"<title>(.*?)</title>", view.html, re.S)
    assert [html.unescape(t) for t in titles[:1]] == [clean.replace("\r", "\n")]


def test_canvas_packed_numbers_are_not_looked_at_twice() -> None:
    assert block_of({"a": [Packed("AA=="), "<"], "b": {}, "c": [], "d": [[1, "x"], [None]]}) == (
        '{"a":["AA==","\\u003c"],"b":{},"c":[],"d":[[1,"x"],[null]]}'
    )


def test_canvas_texts_that_look_like_numbers_stay_texts() -> None:
    page = Page(ng.render(SMALL, labels={"fc1:0": "AAAA"}, title="1e5"))
    assert (page.data["title"], page.layers[1]["labels"][0]) == ("1e5", "AAAA")


def test_canvas_two_renders_are_the_same_bytes() -> None:
    graph = Graph.from_matrices([RNG.normal(size=(20, 30)), RNG.normal(size=(5, 20))])
    x = RNG.normal(size=(3, 30))
    assert ng.render(graph, inputs=x).html == ng.render(graph, inputs=x).html


def test_canvas_nothing_is_changed() -> None:
    x, weights = RNG.normal(size=(3, 2)), [block.weight.copy() for block in SMALL.blocks]
    before = x.copy()
    ng.render(SMALL, inputs=x, truth=[0, 0, 0])
    np.testing.assert_array_equal(x, before)
    for block, weight in zip(SMALL.blocks, weights, strict=True):
        np.testing.assert_array_equal(block.weight, weight)


def test_canvas_about_says_where_it_comes_from() -> None:
    graph = SMALL.with_meta(model_hash="sha256:12", verification={"forward_error": 1.5e-16}, seed=3)
    rows = dict(map(tuple, data_of(ng.render(graph))["about"]))
    assert (rows["model hash"], rows["forward error"], rows["seed"]) == ("sha256:12", "1.5e-16", "3")
    assert rows["drawn by"] == f"netgraph {ng.__version__}"


def test_canvas_a_theme_is_the_pages() -> None:
    assert '<html lang="en" data-theme="dark">' in ng.render(SMALL, theme="dark").html
    assert '<html lang="en">' in ng.render(SMALL).html
