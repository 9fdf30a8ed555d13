"""The public door with the pyvis backend: what it gives, says and refuses. The browser's view of it: tests/browser."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import netgraph as ng
from netgraph.errors import RenderError, UnknownName
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.render import wording
from netgraph.render.encode import json_block, script_hash
from netgraph.render.template import vis_network

DATA = Path(__file__).resolve().parents[2] / "data"
RNG = np.random.default_rng(0)
draw = partial(ng.render, backend="pyvis")
SMALL = Graph.from_matrices([[[1.0, -2.0], [0.5, 3.0]], [[1.0, 1.0]]], names=["pixels", "fc1", "fc2"])
BIG = Graph.from_matrices([RNG.normal(size=(50, 60)), RNG.normal(size=(10, 50))])


def data(view: ng.View) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', view.html, re.S)
    assert found
    read: dict[str, Any] = json.loads(found[1])
    return read


def words(view: ng.View) -> str:
    """The page's visible text."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", view.html, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_a_small_graph_is_drawn_whole_and_says_so() -> None:
    view = draw(SMALL)
    assert (view.vertices, view.edges, view.total_edges, view.share, view.column) == (5, 6, 6, 1.0, "weight")
    assert "All 6 edges are drawn (100 % of Σ|weight|)." in words(view)
    assert len(data(view)["nodes"]) == 5
    assert len(data(view)["edges"]) == 6


def test_a_big_graph_shows_its_strongest_edges_and_their_share() -> None:
    view = draw(BIG)
    assert (view.edges, view.total_edges) == (2000, 3500)
    size = np.sort(np.concatenate([np.abs(b.weight).ravel() for b in BIG.blocks]))[::-1]
    assert view.share == pytest.approx(size[:2000].sum() / size.sum())
    cut = int(view.share * 1000) / 10
    assert f"The strongest 2,000 of 3,500 edges are drawn: {cut} % of Σ|weight|." in words(view)
    assert [abs(e["value"]) for e in data(view)["edges"]] == sorted(abs(e["value"]) for e in data(view)["edges"])


def test_of_very_many_vertices_those_with_edges_are_drawn() -> None:
    graph = Graph.from_matrices([RNG.normal(size=(2, 4000))])
    view = draw(graph, top=30)
    assert view.vertices <= 32
    assert f"of 4,002 vertices the {view.vertices} that they touch" in words(view)
    ends = {e[k] for e in data(view)["edges"] for k in ("from", "to")}
    assert ends == {node["id"] for node in data(view)["nodes"]}


def test_values_are_the_graphs() -> None:
    edges = {(e["from"], e["to"]): (e["value"], e["sign"]) for e in data(draw(SMALL))["edges"]}
    assert edges == {(0, 2): (1, 1), (1, 2): (-2, -1), (0, 3): (0.5, 1), (1, 3): (3, 1), (2, 4): (1, 1), (3, 4): (1, 1)}


def test_ids_and_columns_reach_the_page() -> None:
    view = draw(SMALL.with_columns(module=[0, 0, 1, 1, 1], activation=[0.5, np.nan, 1, 2, 3]))
    read = data(view)
    assert [node["name"] for node in read["nodes"]] == SMALL.ids.tolist()
    columns = {column["name"]: column["values"] for column in read["columns"]}
    assert columns["module"] == [0, 0, 1, 1, 1]
    assert columns["activation"] == [0.5, None, 1, 2, 3]
    assert columns["strength, Σ|weight|"] == [1.5, 5, 4, 4.5, 2]
    assert "module 0 2 module 1 3" in words(view)


def test_the_legend_explains_what_is_drawn() -> None:
    said = words(draw(SMALL))
    assert "colour: sign of weight positive 5 negative 1 width: |weight| 3 1.5 0.3" in said
    assert "colour: layer pixels 2 fc1 2 fc2 1" in said
    assert "area: strength, Σ|weight| of its edges 5 2 0.5" in said
    assert "arcs" not in said
    assert "Faint" not in said
    assert "Faint vertices touch no drawn edge." in words(draw(SMALL, top=1))


def test_skips_are_arcs() -> None:
    first, second = SMALL.blocks
    skip = type(first)("pixels", "fc2", "skip", np.array([[0.1, 0.0]]))
    view = draw(Graph(SMALL.layers, (first, second, skip)))
    assert [(e["from"], e["to"]) for e in data(view)["edges"] if e["arc"]] == [(0, 4)]
    assert "arcs leap over a layer" in words(view)


def test_where_it_comes_from() -> None:
    graph = SMALL.with_meta(
        name="a <net>",
        model_hash="sha256:12",
        input_shape=(1, 2),
        verification={"forward_error": 1.5e-16},
        a={"x": 1},
        b={"x": 2},
    )
    view = draw(graph)
    assert view.title == "a <net>"
    said = words(view)
    for line in ("model hash sha256:12", "input shape 1 × 2", "forward error 1.5e-16", "a · x 1", "b · x 2"):
        assert line in said


def test_a_part_of_a_layer_says_of_how_many() -> None:
    """A circuit holds some channels of a convolution, some pixels of an image and some units of a dense layer."""
    notes = {}
    for name in ("mlp", "cnn"):
        whole = ng.read_graph(DATA / name / "graph")
        ids = [i for i in whole.ids if i.split(":")[0] != "conv2" or int(i.split(":")[1]) < 9]
        part = whole.select(vertices=[i for i in ids if not i.startswith("fc1:") and i != "input:0,0,0"])
        notes[name] = [row["note"] for row in data(draw(part))["layers"] if row["note"]]
    assert notes["cnn"] == ["1 channel", "8 channels · relu", "9 of 16 channels · relu", "10 units"]
    assert notes["mlp"][0] == "63 of 64 units" and notes["mlp"][-2:] == ["32 units · relu", "10 units"]


def test_of_tokens_no_whole_is_claimed() -> None:
    """The channels of (tokens, features) are on the last axis: 3 of 3, and not 3 of 7 or 3 of 21."""
    layers = (Layer("", "x", "input", (7, 3), 0, 3), Layer("m", "m", "linear", (7, 2), 3, 2))
    graph = Graph(layers, (Block("x", "m", "linear", np.ones((2, 3))),), meta={"granularity": "channel"})
    assert [row["note"].split()[0] for row in data(draw(graph))["layers"]] == ["3", "2"]
    assert not any(" of " in row["note"] for row in data(draw(graph))["layers"])


def test_facts_are_said_in_words() -> None:
    graph = SMALL.with_meta(exact=True, target=["centred", 3], input_shape=[1, 8, 8], modules={"stability": 0.25})
    told = dict(wording.about(graph))
    assert (told["exact"], told["target"], told["input shape"]) == ("yes", "centred 3", "1 × 8 × 8")
    assert told["stability"] == "0.25"


def test_titles() -> None:
    assert draw(SMALL).title == "network 2-2-1"
    assert draw(SMALL.with_meta(model="Sequential")).title == "network 2-2-1"
    assert draw(SMALL.with_meta(model="LeNet")).title == "LeNet 2-2-1"
    assert draw(Graph.from_matrices([[[1.0]]] * 9)).title == "network 10 layers"
    assert draw(SMALL, title="mine").title == "mine"


LABELS: dict[str, tuple[Any, list[str | None]]] = {
    "by id": ({"fc1:0": "edge finder"}, [None, None, "edge finder", None, None]),
    "classes": (["cat"], [None, None, None, None, "cat"]),
    "every vertex": (np.array(list("abcde")), list("abcde")),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels(case: str) -> None:
    labels, expected = LABELS[case]
    assert [node["label"] for node in data(draw(SMALL, labels=labels))["nodes"]] == expected


def test_the_graphs_own_labels() -> None:
    graph = SMALL.with_columns(label=np.array(["top", None, "", "d", "e"], dtype=object))
    assert [node["label"] for node in data(draw(graph))["nodes"]] == ["top", None, None, "d", "e"]


BAD: dict[str, tuple[Mapping[str, Any], type[Exception], str]] = {
    "backend": ({"backend": "cavnas"}, UnknownName, "unknown backend 'cavnas': did you mean 'canvas'"),
    "inputs": (
        {"inputs": [[1.0, 2.0]]},
        RenderError,
        r"backend='pyvis' shows one graph and no inputs: pass net\.graph",
    ),
    "theme": ({"theme": "drak"}, UnknownName, "did you mean 'dark'"),
    "top": ({"top": 0}, RenderError, "top=0: expected a whole number of edges, 1 or more"),
    "half top": ({"top": 1.5}, RenderError, "top=1.5"),
    "huge top": ({"top": 10**6}, RenderError, "draws at most 20,000 edges"),
    "weight": ({"weight": "wieght"}, UnknownName, "did you mean 'weight'"),
    "color": ({"color": "modul"}, UnknownName, "unknown vertex column 'modul'"),
    "labels count": ({"labels": ["a", "b"]}, RenderError, r"got 2 texts, expected 5 \(one a vertex\) or 1"),
    "labels id": ({"labels": {"fc1:9": "x"}}, UnknownName, "unknown vertex 'fc1:9' in labels"),
    "labels text": ({"labels": "cat"}, RenderError, "labels: got one text"),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals_teach(case: str) -> None:
    wrong, error, message = BAD[case]
    with pytest.raises(error, match=message):
        draw(SMALL, **wrong)


def test_what_is_no_graph() -> None:
    class Circuit:
        graph = SMALL

    class Modules:
        def graph(self) -> Graph:
            return SMALL

    class Empty:
        graph = None

    assert draw(Circuit()).html == draw(Modules()).html == draw(SMALL).html
    for thing, kind in ((Empty(), "Empty"), (Modules, "type"), (3, "int")):
        with pytest.raises(RenderError, match=f"draws a netgraph Graph, or a Network, Circuit or .*; got {kind}$"):
            ng.render(thing)


def test_awkward_graphs_are_drawn() -> None:
    nothing = Graph((), ())
    assert "This graph has no edges." in words(draw(nothing))
    hollow = Graph([Layer("a", "a", "input", (0,), 0, 0)], ())
    assert "This graph has no edges." in words(draw(hollow))
    alone = Graph.from_matrices([np.zeros((2, 3))])
    assert draw(alone).edges == 0
    one = Graph.from_matrices([[[2.0]]])
    assert "The only edge is drawn" in words(draw(one))
    still = SMALL.with_columns(module=[-1] * 5)
    assert draw(still).vertices == 5


def test_the_same_graph_gives_the_same_page() -> None:
    assert draw(BIG).html == draw(BIG).html


def test_nothing_is_changed() -> None:
    before = [block.weight.copy() for block in BIG.blocks]
    draw(BIG)
    for block, weight in zip(BIG.blocks, before, strict=True):
        np.testing.assert_array_equal(block.weight, weight)


# -- safety ----------------------------------------------------------------------------------------


def test_the_policy_forbids_everything_but_the_two_scripts() -> None:
    page = draw(SMALL).html
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy[1]
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    assert sorted(rules["script-src"].split()) == sorted(script_hash(script) for script in scripts)
    assert len(scripts) == 2


def test_the_page_names_no_other_file() -> None:
    page = draw(SMALL).html.replace(vis_network(), "")
    assert not re.search(r'\b(src|href)\s*=\s*["\']', page)
    assert "http:" not in page
    assert "https:" not in page
    assert "@import" not in page
    assert "url(" not in page


@given(st.text(max_size=40))
def test_any_text_survives_as_data_and_as_text(label: str) -> None:
    view = draw(SMALL, title=label, labels=["</script><!--" + label])
    shown = data(view)["nodes"][-1]["label"]
    assert shown.startswith("</script><!--")
    assert len(re.findall(r"</script", view.html)) == 3
    clean = "".join(c if (c >= " " and not "\ud800" <= c <= "\udfff") or c in "\t\n" else "\ufffd" for c in label)
    assert shown == "</script><!--" + clean
    assert view.title == clean
    assert html.unescape(re.findall(r"<title>(.*?)</title>", view.html, re.S)[0]) == clean.replace("\r", "\n")


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=("Cs", "Cc"))),
        lambda x: st.lists(x) | st.dictionaries(st.text(st.characters(exclude_categories=("Cs", "Cc"))), x),
    )
)
def test_json_reads_back_and_cannot_break_out(value: Any) -> None:
    block = json_block(value)
    assert json.loads(block) == value
    assert not set(block) & set("<>&\u2028\u2029")


# -- the name netgraph.render ----------------------------------------------------------------------

ORDERS = {
    "function first": "import netgraph as ng; ng.render(g()); import netgraph.render.page; ng.render(g())",
    "package first": "import netgraph as ng; import netgraph.render.page; ng.render(g())",
    "from import": "from netgraph import render; render(g()); import netgraph.render.page; render(g())",
    "another file first": "import netgraph.render.view as v, netgraph as ng; ng.render(g()); assert ng.View is v.View",
    "signature": "import netgraph.render.page as p, inspect, sys; r = sys.modules['netgraph.render']\n"
    "assert inspect.signature(r) == inspect.signature(p.render)",
    "no torch": "import netgraph as ng, sys; ng.render(g()); assert 'torch' not in sys.modules",
}


@pytest.mark.parametrize("order", ORDERS)
def test_render_is_a_function_in_every_order_of_imports(order: str) -> None:
    code = "from netgraph.graph.graph import Graph\ng = lambda: Graph.from_matrices([[[1.0]]])\n" + ORDERS[order]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
