"""Total influence against the inverse of I − A, sums over paths, autograd, and a count of bytes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from analysis_graphs import chain, make, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import netgraph as ng
from netgraph.analysis.influence import influence
from netgraph.analysis.paths import paths
from netgraph.errors import AnalysisError, UnknownName
from netgraph.graph.graph import Graph


def inverse(graph: Graph, signed: bool) -> np.ndarray:
    """(I − A)⁻¹, rows = targets."""
    whole = np.zeros((graph.n, graph.n))
    for block in graph.blocks:
        part = block.weight if isinstance(block.weight, np.ndarray) else block.weight.toarray()
        whole[graph.layer(block.target).vertices, graph.layer(block.source).vertices] += part
    return np.linalg.inv(np.eye(graph.n) - (whole if signed else np.abs(whole)))


@given(st.integers(0, 10_000), st.booleans())
def test_influence_is_the_inverse_restricted_to_two_layers(seed: int, signed: bool) -> None:
    graph = random_graph(seed)
    pairs = [(b.source, b.target) for b in graph.blocks]
    if len(set(pairs)) < len(pairs):
        signed = True  # of parallel blocks the sizes are added, not the sums' sizes
    whole = inverse(graph, signed)
    for i, source in enumerate(graph.layers):
        for target in graph.layers[i + 1 :]:
            found = influence(graph, source.name, target.name, signed=signed)
            np.testing.assert_allclose(found, whole[target.vertices, source.vertices], rtol=1e-10, atol=1e-12)


def test_by_hand_through_a_skip() -> None:
    graph = make([2, 2, 1], [(0, 1, [[1.0, 2.0], [0.0, -1.0]]), (1, 2, [[3.0, 4.0]]), (0, 2, [[10.0, 0.0]])])
    assert influence(graph, "l0", "l2").tolist() == [[3 + 10, 6 - 4]]
    assert influence(graph, "l0", "l2", signed=False).tolist() == [[13, 10]]


def test_it_is_the_sum_over_all_paths() -> None:
    graph = random_graph(8)
    source, target = graph.layers[0], graph.layers[-1]
    found = influence(graph, source.name, target.name)
    for i in range(source.size):
        for j in range(target.size):
            if np.abs(found[:, i]).any() and graph.n:
                try:
                    told = paths(graph, str(graph.ids[target.start + j]), str(graph.ids[source.start + i])).attrs
                except AnalysisError:
                    assert not found[j].any()
                    continue
                assert found[j, i] == pytest.approx(told["total"], abs=1e-12)


def test_gated_weights_give_autograds_jacobian_through_implicit_convolutions() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 2, 2), nn.GELU(), nn.Flatten()
    )
    model = nn.Sequential(*model, nn.Linear(8, 4)).double().eval()
    x = torch.randn(1, 1, 6, 6, dtype=torch.float64)
    model[4] = nn.LeakyReLU(0.2)  # piecewise linear: the frozen network's slopes are the network's own
    graph = ng.trace(model, x).graph("unit", inputs=x, target=0)
    jacobian = torch.autograd.functional.jacobian(model, x).reshape(4, 36).numpy()
    for limit in (1 << 30, 8 * 4 * 36 + 8 * 300):  # of any width
        found = influence(graph, "input", graph.layers[-1].name, weight="gated_weight", max_bytes=limit)
        np.testing.assert_allclose(found, jacobian, rtol=1e-10, atol=1e-12)


def test_the_memory_is_known_before() -> None:
    rng = np.random.default_rng(0)
    graph = chain(*(rng.normal(size=(400, 400)) for _ in range(4)))
    with pytest.raises(
        AnalysisError, match=r"takes 1,280,000 bytes and 6,400 beside them, more than max_bytes=1,284,0"
    ):
        influence(graph, "l0", "l4", max_bytes=1_284_000)
    limit = 1_280_000 + 20 * 6_400
    whole = influence(graph, "l0", "l4")
    tracemalloc.start()
    found = influence(graph, "l0", "l4", max_bytes=limit)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_allclose(found, whole, rtol=1e-9)
    assert most < limit + 2 * 1_280_000 + (4 << 20)  # and one tile, one identity, one transposed copy


def test_bad_questions() -> None:
    graph = chain([[1.0, 2.0]], sp.csr_array([[1.0]]))
    with pytest.raises(UnknownName, match="unknown layer 'l3'"):
        influence(graph, "l0", "l3")
    with pytest.raises(UnknownName, match="edge column 'score'"):
        influence(graph, "l0", "l2", weight="score")
    with pytest.raises(AnalysisError, match="the target must be a later layer than the source"):
        influence(graph, "l2", "l0")
    with pytest.raises(AnalysisError, match="NaN or infinity"):
        influence(chain([[np.nan, 2.0]], [[1.0]]), "l0", "l2")
    assert influence(make([2, 2], []), "l0", "l1").tolist() == [[0, 0], [0, 0]]
