"""Choosing edges while they stream by: against lists of all edges, sorted by hand."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import network_zoo
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st

import netgraph as ng
from netgraph.errors import GraphError, NonFiniteError, UnknownName
from netgraph.graph import blocks as ops
from netgraph.graph.equality import difference
from netgraph.graph.filtering import keep
from netgraph.graph.graph import Block, Graph, Layer

Edge = tuple[int, int, int, float]
"""Number of the block, target, source (vertex numbers of the graph), |weight|."""


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Two hops and a skip, many weights alike, some blocks sparse and unsorted, of several dtypes."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=3, max_size=3))
    starts = np.cumsum([0, *sizes])
    layers = [Layer(f"l{i}", f"l{i}", "linear", (n,), int(starts[i]), n) for i, n in enumerate(sizes)]
    blocks = []
    for a, b in ((0, 1), (1, 2), (0, 2), (0, 2)):
        shape = (sizes[b], sizes[a])
        cells = st.sampled_from([0.0, 1.0, -1.0, 2.0, -0.5, 1e-40, 3e-45, 1e30])
        entries = draw(st.lists(cells, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
        weight: Any = np.array(entries, dtype=draw(st.sampled_from([np.float32, np.float64]))).reshape(shape)
        if draw(st.booleans()):
            listed = sp.csr_array(weight)
            for row in range(shape[0]):
                here = slice(listed.indptr[row], listed.indptr[row + 1])
                listed.indices[here], listed.data[here] = listed.indices[here][::-1], listed.data[here][::-1]
            weight = listed
        blocks.append(Block(f"l{a}", f"l{b}", "linear", weight))
    return Graph(tuple(layers), tuple(blocks))


def listed(graph: Graph) -> list[Edge]:
    """All edges, in the order that decides between equals."""
    found = []
    for number, block in enumerate(graph.blocks):
        array = block.weight if isinstance(block.weight, np.ndarray) else block.weight.toarray()
        to, since = graph.layer(block.target).start, graph.layer(block.source).start
        for target, source in zip(*np.nonzero(array), strict=True):
            found.append((number, int(target) + to, int(source) + since, abs(float(array[target, source]))))
    return found


def strongest(edges: list[Edge], count: int) -> set[Edge]:
    return set(sorted(edges, key=lambda edge: (-edge[3], edge[:3]))[:count])


def of_every_vertex(edges: list[Edge], count: int) -> set[Edge]:
    found: set[Edge] = set()
    for end in (1, 2):
        for vertex in {edge[end] for edge in edges}:
            found |= strongest([edge for edge in edges if edge[end] == vertex], count)
    return found


def beyond_chance(edges: list[Edge], alpha: float) -> set[Edge]:
    found = set()
    for edge in edges:
        for end in (1, 2):
            weights = [other[3] for other in edges if other[end] == edge[end]]
            if (1 - edge[3] / sum(weights)) ** (len(weights) - 1) < alpha:
                found.add(edge)
    return found


@given(graphs(), st.integers(1, 20))
def test_top_is_the_head_of_a_sorted_list(graph: Graph, count: int) -> None:
    assert set(listed(keep(graph, top=count).selected)) == strongest(listed(graph), count)


@given(graphs(), st.integers(1, 3))
def test_per_vertex_is_the_union_of_both_ends(graph: Graph, count: int) -> None:
    assert set(listed(keep(graph, per_vertex=count).selected)) == of_every_vertex(listed(graph), count)


@given(graphs(), st.sampled_from([0.05, 0.3, 0.7, 1.0]))
def test_backbone_is_the_disparity_filter(graph: Graph, alpha: float) -> None:
    assert set(listed(keep(graph, backbone=alpha).selected)) == beyond_chance(listed(graph), alpha)


@given(graphs(), st.integers(1, 20), st.integers(1, 3))
def test_rules_hold_together_and_are_counted(graph: Graph, count: int, each: int) -> None:
    kept = keep(graph, top=count, per_vertex=each, threshold=1.0)
    edges = listed(graph)
    expected = strongest(edges, count) & of_every_vertex(edges, each) & {edge for edge in edges if edge[3] >= 1.0}
    assert set(listed(kept.selected)) == expected
    assert kept.edges == len(expected)
    whole = sum(edge[3] for edge in edges)
    assert kept.share == pytest.approx(sum(edge[3] for edge in expected) / whole if whole else 1.0, rel=1e-6)


def test_the_disparity_filter_by_hand() -> None:
    """Of weights 2, 1, 1 at one vertex: (1 - 1/2)^2 = 1/4 for the first, (3/4)^2 = 9/16 for the others."""
    graph = Graph.from_matrices([np.array([[-2.0, 1.0, 1.0]])])
    assert keep(graph, backbone=0.26).selected.edges.to_pandas()["weight"].tolist() == [-2.0]
    assert keep(graph, backbone=0.25).edges == 0  # below, not at
    assert keep(graph, backbone=0.57).edges == 3
    assert keep(Graph.from_matrices([np.eye(2)]), backbone=1.0).edges == 0  # single edges say nothing
    assert keep(graph, backbone=0.3).summary() == {"backbone": 0.3, "edges": 1, "share": 0.5}


@pytest.mark.parametrize("tile", [1, 3, 1_000_000])
def test_the_size_of_tiles_changes_nothing(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    graph = Graph.from_matrices([rng.integers(-3, 4, (6, 5)).astype(np.float32), rng.integers(-3, 4, (4, 6)) / 2])
    whole = [keep(graph, **rule).selected for rule in ({"top": 9}, {"per_vertex": 2}, {"backbone": 0.4})]
    tiles = ops.tiles
    monkeypatch.setattr(ops, "tiles", lambda operator, size=0: tiles(operator, tile))
    again = [keep(graph, **rule).selected for rule in ({"top": 9}, {"per_vertex": 2}, {"backbone": 0.4})]
    assert [difference(a, b) for a, b in zip(whole, again, strict=True)] == [None] * 3


@pytest.fixture(scope="module")
def lenet() -> Graph:
    """Its convolutions are implicit blocks."""
    make, shape = network_zoo.ZOO["lenet-relu"]
    torch.manual_seed(0)
    return ng.trace(make().eval(), shape).graph(granularity="unit")


RULES: dict[str, dict[str, Any]] = {
    "top": {"top": 500},
    "threshold": {"threshold": 0.1},
    "per_vertex": {"per_vertex": 2},
    "backbone": {"backbone": 0.3},
    "several": {"per_vertex": 3, "threshold": 0.05},
}


@pytest.mark.parametrize("rule", RULES)
def test_implicit_blocks_are_filtered_as_lists_are(lenet: Graph, rule: str) -> None:
    kept, of_lists = keep(lenet, **RULES[rule]), keep(lenet.unrolled(), **RULES[rule])
    assert 0 < kept.edges < len(lenet.edges)
    assert difference(kept.selected, of_lists.selected) is None
    assert kept.selected.n == lenet.n


@pytest.mark.parametrize("rule", RULES)
def test_what_is_read_back_is_the_selection(lenet: Graph, rule: str, tmp_path: Path) -> None:
    at = ng.write_graph(lenet, tmp_path / "out", **RULES[rule])
    read, kept = ng.read_graph(at), keep(lenet, **RULES[rule])
    assert difference(kept.selected, read) is None
    assert read.meta["selection"] == {**RULES[rule], "edges": kept.edges, "share": kept.share}


def test_layers_leave_the_others_out(lenet: Graph, tmp_path: Path) -> None:
    at = ng.write_graph(lenet, tmp_path / "out", layers=["fc1", "fc2"], top=10)
    read = ng.read_graph(at)
    assert [layer.name for layer in read.layers] == ["fc1", "fc2"]
    assert read.ids.tolist() == lenet.ids[-read.n :].tolist()
    alone = keep(lenet.select(layers=["fc1", "fc2"]), top=10).selected
    assert difference(alone.with_meta(selection=None), read.with_meta(selection=None)) is None
    assert read.meta["selection"]["layers"] == ["fc1", "fc2"]


def test_another_column_can_say_what_is_strong() -> None:
    weight, score = np.array([[1.0, 2.0, 3.0]]), np.array([[5.0, -7.0, 6.0]])
    graph = Graph.from_matrices([weight])
    block = Block("layer_0", "layer_1", "linear", weight, {"score": score})
    kept = keep(Graph(graph.layers, (block,)), top=2, weight="score")
    assert kept.selected.edges.to_pandas()["weight"].tolist() == [2.0, 3.0]
    assert kept.share == 13 / 18
    with pytest.raises(UnknownName, match=r"unknown edge column 'scores'.*did you mean 'score'"):
        keep(Graph(graph.layers, (block,)), top=2, weight="scores")


def test_the_rules_of_a_block_travel_to_other_processes() -> None:
    graph = Graph.from_matrices([np.arange(1.0, 7.0).reshape(2, 3)])
    for rule in keep(graph, top=2, per_vertex=1, backbone=0.5, threshold=1).rules:
        again = pickle.loads(pickle.dumps(rule))
        for number, block in enumerate(graph.blocks):
            for tile in ops.tiles(block.weight):
                strength = ops.entries(block.weight, tile)
                assert np.array_equal(again.mask(number, tile, strength), rule.mask(number, tile, strength))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"top": 0}, "top is 0, expected a whole number from 1 up"),
        ({"top": True}, "top is True, expected a whole number"),
        ({"per_vertex": 1.5}, "per_vertex is 1.5, expected a whole number"),
        ({"threshold": -1}, "threshold is -1, expected a number from 0 up"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"backbone": 0}, "backbone is 0, expected a probability above 0"),
        ({"backbone": "0.1"}, "backbone is '0.1', expected a probability"),
        ({"layers": ["layer_00"]}, "unknown layer 'layer_00': did you mean 'layer_0'"),
    ],
)
def test_rules_out_of_range_are_explained(rule: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=message):
        ng.write_graph(Graph.from_matrices([np.eye(2)]), tmp_path / "out", **rule)
    assert not (tmp_path / "out").exists()


def test_weights_that_are_not_finite_are_neither_strong_nor_weak() -> None:
    graph = Graph.from_matrices([np.array([[1.0, np.nan, np.inf]])])
    with pytest.raises(NonFiniteError, match=r"layer_0 -> layer_1.*weight is NaN or infinite at 2 edges"):
        keep(graph, top=1)


@pytest.mark.parametrize("rule", [{"top": 3}, {"per_vertex": 3}, {"backbone": 0.5}, {"threshold": 0.5}])
@pytest.mark.parametrize("graph", [Graph((), ()), Graph.from_matrices([np.zeros((2, 2))])])
def test_graphs_without_edges_keep_none(rule: dict[str, Any], graph: Graph) -> None:
    kept = keep(graph, **rule)
    assert (kept.edges, kept.share, kept.selected.n) == (0, 1.0, graph.n)


def test_progress_counts_what_is_written(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    progress: Callable[[int, int], None] = lambda done, total: calls.append((done, total))  # noqa: E731
    graph = Graph.from_matrices([np.ones((3, 4)), np.ones((2, 3))])
    ng.write_graph(graph, tmp_path / "out", top=13, progress=progress)
    assert calls == [(12, 13), (13, 13)]


def test_a_choice_travels_without_its_graph() -> None:
    graph = Graph.from_matrices([np.random.default_rng(0).standard_normal((300, 400))])
    kept = keep(graph, top=1000)
    sent = pickle.dumps(kept)
    assert len(sent) < 5_000 < graph.blocks[0].weight.nbytes
    came = pickle.loads(sent)
    assert (came.edges, came.share, came.summary()) == (1000, kept.share, kept.summary())
    tile = next(ops.tiles(graph.blocks[0].weight))
    strength = np.abs(ops.entries(graph.blocks[0].weight, tile))
    assert np.array_equal(came.chosen(0, tile, strength), kept.mask(0, tile))
    with pytest.raises(GraphError, match=r"travel without their graph: give it back by kept\.of\(graph\)"):
        came.mask(0, tile)
    assert difference(came.of(graph).selected, kept.selected) is None
