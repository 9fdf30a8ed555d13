"""The page's data against the graph: every edge, every place, every name; of a big graph the strongest and the sums."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from canvas_reading import ROUNDING, Page, half, numbers
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import netgraph as ng
from netgraph.errors import RenderError
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.graph.layout import places
from netgraph.render.canvas import numbers as encoding
from netgraph.render.canvas import stored as holding

RNG = np.random.default_rng(5)
SMALL = Graph.from_matrices([[[1.0, -2.0], [0.5, 3.0]], [[1.0, 1.0]]], names=["pixels", "fc1", "fc2"])


def mixed() -> Graph:
    """Dense, pruned, sparse with a stored zero, a skip."""
    sizes = (4, 30, 5)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    layers = tuple(
        Layer(f"l{i}", f"l{i}", "linear", (n,), int(s), n) for i, (n, s) in enumerate(zip(sizes, starts, strict=False))
    )
    pruned = RNG.normal(size=(30, 4)) * (RNG.random((30, 4)) < 0.2)
    sparse = sp.random_array((5, 30), density=0.3, rng=np.random.default_rng(1)).tocsr()
    sparse.data[:] = RNG.normal(size=len(sparse.data))
    sparse.data[3] = 0.0
    return Graph(
        layers,
        (
            Block("l0", "l1", "linear", pruned),
            Block("l1", "l2", "linear", sp.csr_array(sparse)),
            Block("l0", "l2", "skip", RNG.normal(size=(5, 4)).astype(np.float32)),
        ),
    )


@given(
    hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e300, 1e300)),
    st.sampled_from([np.float32, np.float64]),
)
def test_canvas_halves_keep_eleven_bits(values: np.ndarray[Any, Any], dtype: Any) -> None:
    with np.errstate(over="ignore"):
        values = values.astype(dtype)
    values = np.where(np.isfinite(values), values, dtype(1))
    read = half(encoding.half(values))
    largest = np.abs(values.astype(np.float64)).max()
    bound = np.maximum(np.abs(values.astype(np.float64)) * ROUNDING, largest * 2.0**-38)
    assert (np.abs(read - values) <= bound).all()
    if dtype is np.float32:
        np.testing.assert_array_equal(encoding.halved(values).astype(np.float64), read)


def test_canvas_halves_of_tiny_and_of_no_numbers() -> None:
    tiny = np.array([1e-42, -3e-43], dtype=np.float32)
    np.testing.assert_allclose(half(encoding.half(tiny)), tiny.astype(np.float64), rtol=2e-3)
    assert encoding.half(np.zeros(2))["scale"] == 1.0
    huge = np.array([3.4019928e38, -3.4028235e38], dtype=np.float32)  # nothing rounds to infinity
    np.testing.assert_allclose(encoding.halved(huge), huge, rtol=ROUNDING)
    assert half(encoding.half(np.empty(0))).tolist() == []
    assert half(encoding.half(np.array([3, -1, 0]))).tolist() == [3.0, -1.0, 0.0]  # whole numbers


def test_canvas_edges_are_the_graphs() -> None:
    for graph in (SMALL, mixed()):
        page = Page(ng.render(graph))
        assert page.count == graph.n
        for data, block in zip(page.blocks, graph.blocks, strict=True):
            dense = block.weight.toarray() if sp.issparse(block.weight) else np.asarray(block.weight)
            names = (page.layers[data["source"]]["name"], page.layers[data["target"]]["name"], data["kind"])
            assert names == (block.source, block.target, block.kind)
            assert (data["rows"], data["cols"], data["edges"]) == (*block.shape, block.edges)
            np.testing.assert_allclose(page.matrix(data), dense, rtol=ROUNDING, atol=1e-12)
            assert data["mass"] == pytest.approx(np.abs(dense).sum())
            assert len(half(data["weight"])) == data["stored"] == len(page.places(data)[0])


def test_canvas_pruned_blocks_are_lists() -> None:
    page = Page(ng.render(mixed()))
    assert [block["layout"] for block in page.blocks] == ["csr", "csr", "dense"]
    assert page.blocks[0]["stored"] == page.blocks[0]["edges"]


def test_canvas_vertices_stand_where_the_layout_says() -> None:
    graph = mixed().with_columns(module=[0, 1, -1, 2] + [1] * 35, pagerank=np.arange(39.0), bias=RNG.normal(size=39))
    page, at = Page(ng.render(graph)), places(graph)
    np.testing.assert_array_equal(numbers(page.data["x"], "<f4"), at.x.astype(np.float32))
    np.testing.assert_array_equal(numbers(page.data["y"], "<f4"), at.y.astype(np.float32))
    assert [layer["cell"] for layer in page.layers] == list(at.cell)
    np.testing.assert_array_equal(numbers(page.data["module"], "<i2"), graph.columns["module"])
    np.testing.assert_array_equal(numbers(page.data["bias"], "<f4"), graph.columns["bias"].astype(np.float32))
    assert [column["name"] for column in page.data["columns"]] == ["pagerank"]
    assert [layer["depth"] for layer in page.layers] == [0, 1, 2]
    assert (page.data["output"], page.data["opens"], page.data["flows"]) == (2, "network", None)
    assert page.data["summary"] == f"39 vertices · {len(graph.edges)} edges · 3 layers"


def test_canvas_colours_by_any_column_of_groups() -> None:
    graph = SMALL.with_columns(team=np.array(["b", "a", None, "b", "b"], dtype=object), heat=np.arange(5.0))
    assert numbers(Page(ng.render(graph, color="team")).data["module"], "<i2").tolist() == [1, 0, -1, 1, 1]
    assert numbers(Page(ng.render(graph, color="layer")).data["module"], "<i2").tolist() == [0, 0, 1, 1, 2]
    missing = SMALL.with_columns(module=np.array([0.0, np.nan, 3.0, 0.0, 1.0]))
    assert numbers(Page(ng.render(missing)).data["module"], "<i2").tolist() == [0, -1, 3, 0, 1]
    with pytest.raises(RenderError, match=r'color=\'heat\'.*that column is a scale.*backend="pyvis"'):
        ng.render(graph, color="heat")


def test_canvas_labels_and_classes() -> None:
    by_id = Page(ng.render(SMALL, labels={"fc1:0": "edge"}))
    assert [layer["labels"] for layer in by_id.layers] == [None, ["edge", "fc1:1"], None]
    named = Page(ng.render(SMALL, classes=["cat"]))
    assert (named.data["classes"], named.layers[2]["labels"]) == (["cat"], ["cat"])
    assert Page(ng.render(SMALL, labels=["cat"])).data["classes"] == ["cat"]
    assert Page(ng.render(SMALL)).data["classes"] == ["output"]  # a number would say which of several
    part = mixed().select(vertices=[i for i in mixed().ids if i not in ("l2:1", "l1:0")])
    page = Page(ng.render(part))
    assert page.data["classes"] == ["0", "2", "3", "4"]
    assert page.layers[1]["labels"][:2] == ["l1:1", "l1:2"] and page.layers[0]["labels"] is None
    assert Page(ng.render(part, classes=list("abcde"))).data["classes"] == ["a", "c", "d", "e"]


def test_canvas_weights_may_be_another_column() -> None:
    score = np.array([[9.0, 0.0]])
    graph = Graph.from_matrices([[[1.0, -2.0]]])
    graph = Graph(graph.layers, (Block("layer_0", "layer_1", "linear", graph.blocks[0].weight, {"score": score}),))
    view = ng.render(graph, weight="score")
    assert view.column == "score"
    np.testing.assert_allclose(Page(view).matrix(Page(view).blocks[0]), score)


def test_canvas_norms_take_their_sign_from_the_taps_and_show_their_kernels() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 2)).eval()
    norm = model[1]
    nn.init.normal_(norm.weight)
    norm.running_var.uniform_(0.5, 2)
    net = ng.trace(model, (2, 6, 6))
    graph = net.graph()
    page = Page(ng.render(graph))
    for data, block in zip(page.blocks, graph.blocks, strict=True):
        np.testing.assert_array_equal(numbers(data["sign"], "i1"), np.sign(block.values["tap_sum"]).ravel())
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    folded = [model[0].weight.detach() * scale[:, None, None, None], model[3].weight.detach()]
    for data, taps in zip(page.blocks, folded, strict=True):
        kernels = data["kernels"]
        read = numbers(kernels["data"], "i1").astype(float).reshape(taps.shape) * kernels["scale"]
        assert (kernels["height"], kernels["width"]) == tuple(taps.shape[2:])
        np.testing.assert_allclose(read, taps.numpy(), atol=kernels["scale"] * 0.51)
    assert any("coloured by the sign of the taps' sum" in note for note in page.data["notes"])
    assert Page(ng.render(graph, weight="tap_sum")).blocks[0]["sign"] is None


# -- more edges than a page holds ------------------------------------------------------------------------


def test_canvas_shares_are_fair() -> None:
    assert holding.shares([], 5) == []
    assert holding.shares([3, 3], 100) == [3, 3]
    assert holding.shares([50, 50], 10) == [5, 5]
    for sizes in itertools.permutations([1, 10, 100, 1000]):
        given = dict(zip(sizes, holding.shares(list(sizes), 300), strict=True))
        assert given == {1: 1, 10: 10, 100: 100, 1000: 189}


@pytest.mark.parametrize("sparse", [False, True])
def test_canvas_of_a_big_graph_the_strongest_of_each_block_and_the_sums_of_all(
    monkeypatch: pytest.MonkeyPatch, sparse: bool
) -> None:
    monkeypatch.setattr(holding, "WHOLE", 1000)
    monkeypatch.setattr(holding, "KEPT", 300)
    monkeypatch.setattr(holding, "BINS", 7)
    monkeypatch.setattr(holding, "TILE", 90)
    big = np.round(RNG.normal(size=(40, 30)) * 4) / 4  # many ties, some zeros
    small = RNG.normal(size=(2, 40))
    graph = Graph.from_matrices([sp.csr_array(big) if sparse else big, small])
    view = ng.render(graph)
    page = Page(view)
    cut, whole = page.blocks
    assert whole["heat"] is None and whole["stored"] == 80
    assert (cut["layout"], cut["stored"], cut["edges"]) == ("csr", 220, int(np.count_nonzero(big)))
    assert cut["mass"] == pytest.approx(np.abs(big).sum())
    order = np.argsort(-np.abs(big).ravel(), kind="stable")[:220]
    expected = np.zeros(big.size)
    expected[order] = big.ravel()[order]
    np.testing.assert_allclose(page.matrix(cut).ravel(), expected, rtol=ROUNDING)
    heat = {name: numbers(cut["heat"][name], "<f4").reshape(7, 7) for name in ("absolute", "signed")}
    rows, columns = np.arange(40) * 7 // 40, np.arange(30) * 7 // 30
    for name, values in (("absolute", np.abs(big)), ("signed", big)):
        sums = np.array([[values[rows == r][:, columns == c].sum() for c in range(7)] for r in range(7)])
        np.testing.assert_allclose(heat[name], sums, rtol=1e-5, atol=1e-5)
    assert any("holds 300 of" in note for note in page.data["notes"])
    assert view.edges == 300 and view.total_edges == len(graph.edges)
    assert view.share == pytest.approx((np.abs(expected).sum() + np.abs(small).sum()) / (cut["mass"] + whole["mass"]))


def test_canvas_implicit_convolutions_are_listed_or_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    torch.manual_seed(0)
    graph = ng.trace(torch.nn.Conv2d(1, 2, 3), (1, 5, 5)).graph("unit")
    dense = graph.unrolled().blocks[0].weight.toarray()
    page = Page(ng.render(graph))
    np.testing.assert_allclose(page.matrix(page.blocks[0]), dense, rtol=ROUNDING)
    monkeypatch.setattr(holding, "WHOLE", 10)
    monkeypatch.setattr(holding, "KEPT", 50)
    cut = Page(ng.render(graph)).blocks[0]
    assert (cut["stored"], cut["edges"]) == (50, len(graph.edges))
    assert cut["mass"] == pytest.approx(np.abs(dense).sum(), rel=1e-6)
    kept = np.sort(np.abs(half(cut["weight"])))
    np.testing.assert_allclose(kept, np.sort(np.abs(dense[dense != 0]))[-50:], rtol=2 * ROUNDING)


def test_canvas_too_many_edges_are_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "WHOLE", 1)
    monkeypatch.setattr(holding, "MOST", 5)
    with pytest.raises(RenderError, match=r"this graph has 6 edges, and a page can look through 5.*granularity"):
        ng.render(SMALL)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("limit", [3_000_000, 1])
def test_canvas_numbers_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch, bad: float, limit: int) -> None:
    monkeypatch.setattr(holding, "WHOLE", limit)
    monkeypatch.setattr(holding, "KEPT", 1)
    with pytest.raises(RenderError, match=r"block layer_0 -> layer_1 holds NaN or infinity.*nan_to_num"):
        ng.render(Graph.from_matrices([[[1.0, bad]]]))


def test_canvas_awkward_graphs() -> None:
    for graph in (
        Graph((), ()),
        Graph([Layer("a", "a", "input", (0,), 0, 0)], ()),
        Graph([Layer("a", "a", "input", (3,), 0, 3)], ()),
        Graph.from_matrices([np.zeros((2, 3))]),
        Graph.from_matrices([[[2.0]]]),
    ):
        view = ng.render(graph)
        page = Page(view)
        assert (page.count, view.share) == (graph.n, 1.0)
        assert page.data["opens"] == "network"
