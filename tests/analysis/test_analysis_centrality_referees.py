"""Centralities of larger and of convolutional graphs against networkx, igraph and plain numpy; and by hand."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import numba
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from analysis_graphs import chain, make, planted, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import netgraph as ng
from netgraph.analysis import kernels
from netgraph.analysis.centrality import best, distances, hops
from netgraph.errors import AnalysisError, GraphError, UnknownName
from netgraph.graph.blocks import listed
from netgraph.graph.convolution import Convolution
from netgraph.graph.graph import Block, Graph

seeds = st.integers(0, 10_000)


class Residual(nn.Module):
    """A convolution around which its input skips, then a strided and grouped one, then a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 2, 3, padding=1)
        self.second = nn.Conv2d(2, 2, 3, padding=1)
        self.third = nn.Conv2d(2, 4, 2, stride=2, groups=2)
        self.out = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.first(x))
        h = torch.relu(h + self.second(h))
        out: torch.Tensor = self.out(self.third(h).flatten(1))
        return out


def convolutional(seed: int) -> Graph:
    """Units of a small network with implicit convolutions, some taps pruned."""
    torch.manual_seed(seed)
    model = Residual().double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(torch.rand_like(parameter) < 0.8)
    graph = ng.trace(model, torch.randn(1, 1, 4, 4, dtype=torch.float64)).graph(granularity="unit")
    assert any(isinstance(block.weight, Convolution) for block in graph.blocks)
    return graph


def wide(seed: int, integers: bool = False) -> Graph:
    """Layers of more vertices than a run or a lane has, masked, with skips, lists and parallel blocks."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 150, size=4).tolist()
    edges: list[tuple[int, int, Any]] = []
    for s, t in itertools.combinations(range(4), 2):
        for _ in range(2 if rng.random() < 0.2 else 1):
            if t > s + 1 and rng.random() < 0.5:
                continue
            shape = (sizes[t], sizes[s])
            weight = rng.integers(1, 4, shape).astype(float) if integers else rng.normal(size=shape)
            weight *= rng.random(shape) < rng.choice([0.05, 0.5, 1.0])
            edges.append((s, t, sp.csr_array(weight) if rng.random() < 0.4 else weight))
    return make(sizes, edges)


def matrix(graph: Graph, signed: bool = False) -> np.ndarray[Any, Any]:
    """(n, n) from source to target, by plain numpy."""
    whole = np.zeros((graph.n, graph.n))
    for block in graph.blocks:
        held = listed(block.weight)
        weight = held.toarray() if sp.issparse(held) else np.asarray(held, dtype=np.float64)
        part = whole[graph.layer(block.source).vertices, graph.layer(block.target).vertices]
        part += (weight if signed else np.abs(weight)).T
    return whole


def in_networkx(graph: Graph) -> nx.DiGraph:
    whole = matrix(graph)
    made = nx.DiGraph()
    made.add_nodes_from(graph.ids)
    depth = np.repeat(np.arange(len(graph.layers)), [layer.size for layer in graph.layers])
    top = float(np.log(whole.max(initial=1.0))) + 1
    largest = whole.max(initial=0.0)
    for u, v in zip(*np.nonzero(whole), strict=True):
        w = float(whole[u, v])
        made.add_edge(
            graph.ids[u],
            graph.ids[v],
            weight=w,
            product=top * float(depth[v] - depth[u]) - math.log(w),
            reciprocal=1 / w,
            scaled=-math.log(w / largest),
        )
    return made


def in_igraph(graph: Graph) -> igraph.Graph:
    whole = matrix(graph)
    sources, targets = np.nonzero(whole)
    made = igraph.Graph(n=graph.n, edges=list(zip(sources.tolist(), targets.tolist(), strict=True)), directed=True)
    made.es["weight"] = whole[sources, targets].tolist()
    return made


def close(ours: Any, theirs: Any, rtol: float = 1e-6) -> None:
    theirs = list(theirs.values()) if isinstance(theirs, dict) else theirs
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=rtol, atol=1e-13)


@settings(max_examples=40)
@given(seeds, st.sampled_from(["small", "wide", "convolutional"]))
def test_linear_measures_agree_with_igraph_networkx_and_numpy(seed: int, kind: str) -> None:
    graph = {"small": random_graph, "wide": wide, "convolutional": convolutional}[kind](seed)
    whole, signed, peer = matrix(graph), matrix(graph, signed=True), in_igraph(graph)
    close(ng.centrality(graph, "strength"), peer.strength(weights="weight"))
    close(ng.centrality(graph, "in_strength", signed=True), signed.sum(axis=0))
    close(ng.centrality(graph, "out_strength", signed=True), signed.sum(axis=1))
    close(ng.centrality(graph, "in_degree"), nx.in_degree_centrality(in_networkx(graph)))
    rank = nx.pagerank(in_networkx(graph), tol=1e-14, max_iter=10_000)
    close(ng.centrality(graph, "pagerank"), rank)
    if peer.ecount():
        close(ng.centrality(graph, "pagerank"), peer.pagerank(weights="weight"))
    identity = np.eye(graph.n)
    close(
        ng.centrality(graph, "katz", alpha=0.3, normalized=False),
        np.linalg.solve(identity - 0.3 * whole.T, identity.sum(0)),
    )
    outputs = np.zeros(graph.n)
    sources = {block.source for block in graph.blocks}
    for layer in graph.layers:
        outputs[layer.vertices] = layer.name not in sources
    close(ng.centrality(graph, "total_influence"), np.linalg.solve(identity - whole, outputs))
    close(ng.centrality(graph, "total_influence", signed=True), np.linalg.solve(identity - signed, outputs), 1e-6)
    pattern = (whole > 0).astype(float)
    into = np.linalg.solve(identity - pattern.T, (pattern.sum(0) == 0).astype(float))
    out_of = np.linalg.solve(identity - pattern, (pattern.sum(1) == 0).astype(float))
    close(ng.centrality(graph, "path_count"), np.where(pattern.sum(0) + pattern.sum(1) > 0, into * out_of, 0.0))


@settings(max_examples=40)
@given(seeds, st.sampled_from(["small", "wide", "convolutional"]))
def test_distances_agree_with_networkx(seed: int, kind: str) -> None:
    graph = {"small": random_graph, "wide": wide, "convolutional": convolutional}[kind](seed)
    peer = in_networkx(graph)
    close(ng.centrality(graph, "betweenness"), nx.betweenness_centrality(peer, weight="product"))
    close(ng.centrality(graph, "closeness"), nx.closeness_centrality(peer, distance="reciprocal"))
    close(ng.centrality(graph, "betweenness", weight=None), nx.betweenness_centrality(peer))


@settings(max_examples=15)
@given(seeds)
def test_closeness_in_all_its_ways_is_networkxs(seed: int) -> None:
    graph = random_graph(seed)
    peer = in_networkx(graph)
    for wf in (True, False):
        close(
            ng.centrality(graph, "closeness", weight=None, wf_improved=wf),
            nx.closeness_centrality(peer, wf_improved=wf),
        )
    close(ng.centrality(graph, "closeness", distance="weight"), nx.closeness_centrality(peer, distance="weight"))
    scaled = nx.closeness_centrality(peer, distance="scaled")
    close(ng.centrality(graph, "closeness", distance="product"), scaled)


@settings(max_examples=15)
@given(seeds)
def test_betweenness_with_many_ties_is_networkxs(seed: int) -> None:
    graph = wide(seed, integers=True)
    peer = in_networkx(graph)
    ours = ng.centrality(graph, "betweenness", distance="weight", normalized=False)
    close(ours, nx.betweenness_centrality(peer, weight="weight", normalized=False), 1e-9)


def test_weighted_betweenness_is_igraphs_on_a_dense_net() -> None:
    rng = np.random.default_rng(5)
    graph = chain(*(rng.standard_normal((n, m)).astype(np.float32) for m, n in itertools.pairwise([90, 130, 70, 40])))
    peer = in_igraph(graph)
    costs = (8 - np.log(peer.es["weight"])).tolist()  # a layered graph without skips: the same constant for every path
    close(ng.centrality(graph, "betweenness", normalized=False), peer.betweenness(weights=costs), 1e-12)


def test_measures_do_not_depend_on_how_batches_slabs_and_sums_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = wide(7)
    measures = [("betweenness", "weight"), ("betweenness", None), ("closeness", "weight")]
    whole = [ng.centrality(graph, measure, weight=weight) for measure, weight in measures]
    monkeypatch.setattr(distances, "_BATCH_BYTES", 1)
    monkeypatch.setattr(distances, "_KEPT_BYTES", 1)
    monkeypatch.setattr(best, "_SLAB", 64)
    monkeypatch.setattr(hops, "_BATCH_BYTES", 1)
    monkeypatch.setattr(hops, "_SLAB", 64)
    cut = [ng.centrality(graph, measure, weight=weight) for measure, weight in measures]
    for a, b in zip(whole, cut, strict=True):
        close(a, b, 1e-12)
    monkeypatch.setattr(hops, "_SINGLE_ABOVE", 0)
    close(ng.centrality(graph, "betweenness", weight=None), whole[1], 1e-6)


def test_betweenness_by_edges_is_constant_between_dense_blocks() -> None:
    rng = np.random.default_rng(0)
    graph = chain(rng.standard_normal((5, 4)), rng.standard_normal((6, 5)), rng.standard_normal((2, 6)))
    values = ng.centrality(graph, "betweenness", weight=None, normalized=False).to_numpy()
    # Through one of 5: 4 sources, 6 + 2 targets, a fifth of each path; of 6: 4 + 5 sources, 2 targets, a sixth.
    assert values == pytest.approx([0] * 4 + [4 * 8 / 5] * 5 + [9 * 2 / 6] * 6 + [0] * 2)


@settings(max_examples=25)
@given(seeds, st.sampled_from(["small", "wide", "convolutional"]))
def test_eigenvector_is_that_of_the_undirected_graph(seed: int, kind: str) -> None:
    graph = {"small": random_graph, "wide": wide, "convolutional": convolutional}[kind](seed)
    whole = matrix(graph)
    both = whole + whole.T
    values, vectors = np.linalg.eigh(both)
    top = vectors[:, values > values[-1] - 1e-9 * max(values[-1], 1e-300)]
    expected = np.abs(top @ (top.T @ np.full(graph.n, 1.0)))
    ours = ng.centrality(graph, "eigenvector").to_numpy()
    np.testing.assert_allclose(ours, expected / np.linalg.norm(expected), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(both @ ours, values[-1] * ours, atol=1e-9 * max(values[-1], 1.0))


def test_eigenvector_by_hand_and_by_networkx() -> None:
    # One edge of weight 7, and a vertex apart: A + Aᵀ has eigenvalues 7, 0, −7; power iteration would swing.
    graph = make([1, 1, 1], [(0, 1, [[7.0]])])
    assert ng.centrality(graph, "eigenvector").tolist() == pytest.approx([2**-0.5, 2**-0.5, 0.0], abs=1e-15)
    graph = random_graph(11)
    peer = nx.eigenvector_centrality(in_networkx(graph).to_undirected(), weight="weight", tol=1e-13, max_iter=100_000)
    np.testing.assert_allclose(ng.centrality(graph, "eigenvector"), list(peer.values()), rtol=1e-6, atol=1e-9)


def test_influence_and_path_count_by_hand() -> None:
    # 0 → 2 by 2·3 and by the skip −1; 1 is reached by 2 and leaves by 3.
    graph = make([1, 1, 1], [(0, 1, [[2.0]]), (1, 2, [[3.0]]), (0, 2, [[-1.0]])])
    assert ng.centrality(graph, "total_influence").tolist() == [7.0, 3.0, 1.0]
    assert ng.centrality(graph, "total_influence", signed=True).tolist() == [5.0, 3.0, 1.0]
    assert ng.centrality(graph, "total_influence", target="l1").tolist() == [2.0, 1.0, 0.0]
    assert ng.centrality(graph, "total_influence", target="l1:0").tolist() == [2.0, 1.0, 0.0]
    assert ng.centrality(graph, "path_count").tolist() == [2.0, 1.0, 2.0]
    with pytest.raises(UnknownName, match="did you mean 'l1:0'"):
        ng.centrality(graph, "total_influence", target="l1:1")


def test_roles_by_hand() -> None:
    # Vertex 0 gives 3 to its own module and 1 to the other: 1 − (9 + 1)/16.
    graph = chain([[3.0, 0.0], [-1.0, 2.0]])
    labels = [0, 1, 0, 1]
    assert ng.centrality(graph, "participation", module=labels).tolist() == pytest.approx([0.375, 0, 0, 4 / 9])
    z = ng.centrality(graph, "within_module_z", module=pd.Series(labels, index=graph.ids))
    assert z.tolist() == [0, 0, 0, 0]  # both of a module give each other the same
    graph = chain([[3.0, 1.0]])
    z = ng.centrality(graph, "within_module_z", module=["a", "a", "a"])  # strengths 3, 1, 4
    mean, sd = 8 / 3, np.std([3, 1, 4])
    assert z.tolist() == pytest.approx([(3 - mean) / sd, (1 - mean) / sd, (4 - mean) / sd])


def test_roles_find_the_connector_of_planted_modules() -> None:
    graph, labels = planted([12, 12, 12], 3, 0.0, seed=0)
    spread = np.asarray(graph.blocks[0].weight).copy()
    spread[4, :] = 1.0  # one hidden vertex reads all modules
    first = graph.blocks[0]
    joined = Graph(graph.layers, (Block(first.source, first.target, first.kind, spread), graph.blocks[1]))
    values = ng.centrality(joined.with_columns(module=labels), "participation")
    assert values.idxmax() == graph.ids[12 + 4]
    hidden = values.iloc[12:24]
    assert (hidden > 1e-12).sum() == 1  # the others of its layer stay inside their modules


def test_roles_say_where_modules_come_from() -> None:
    graph = chain([[1.0, 2.0]])
    with pytest.raises(AnalysisError, match=r"no vertex column 'module': pass module=ng\.modules\(graph\)\.labels"):
        ng.centrality(graph, "participation")
    with pytest.raises(AnalysisError, match="vertex 'l0:1' has no module"):
        ng.centrality(graph, "within_module_z", module=[0.0, np.nan, 1.0])
    with pytest.raises(GraphError, match="one value per vertex"):
        ng.centrality(graph, "participation", module=[0, 1])


def test_neuron_strength_is_the_signed_sum_with_the_bias() -> None:
    graph = ng.Graph.from_matrices([[[1.0, -2.0], [3.0, 0.5]]], biases=[[10.0, -1.0]])
    found = ng.centrality(graph, "neuron_strength")
    assert found.tolist() == [0.0, 0.0, 9.0, 2.5]
    assert found.attrs["layer_fluctuation"] == {"layer_1": pytest.approx(3.25)}  # half of 9 − 2.5
    assert found.attrs["signs"] == "signed"


def test_neuron_strength_is_the_same_with_bias_vertices() -> None:
    torch.manual_seed(0)
    net = ng.trace(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).double(), (4,))
    columns = ng.centrality(net.graph(), "neuron_strength")
    vertices = ng.centrality(net.graph(bias="vertex"), "neuron_strength")
    close(vertices[columns.index[4:]], columns[4:], 1e-12)


def test_centralities_are_the_measures_one_by_one() -> None:
    graph = random_graph(4)
    table = ng.centralities(graph, within="layer")
    assert list(table.index) == list(graph.ids)
    for measure in ("strength", "pagerank", "katz", "path_count", "total_influence", "neuron_strength", "in_degree"):
        assert table[measure].tolist() == ng.centrality(graph, measure).tolist()
        ranks = ng.centrality(graph, measure, within="layer")
        assert table[f"{measure}_in_layer"].tolist() == ranks.tolist()
    assert table["in_strength_signed"].tolist() == ng.centrality(graph, "in_strength", signed=True).tolist()
    plain = ng.centralities(graph)
    assert not any(name.endswith("_in_layer") for name in plain)
    with pytest.raises(UnknownName, match="did you mean 'layer'"):
        ng.centralities(graph, within="layers")


def test_convolutions_are_never_listed_by_linear_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = convolutional(0)

    def listing(self: Convolution) -> Any:
        raise AssertionError("unrolled")

    monkeypatch.setattr(Convolution, "unrolled", property(listing))
    table = ng.centralities(graph)
    assert np.isfinite(table.drop(columns="layer").to_numpy()).all()


def test_weights_at_an_input_are_read_as_the_listed_graph_has_them() -> None:
    torch.manual_seed(1)
    net = ng.trace(Residual().double().eval(), torch.randn(1, 1, 4, 4, dtype=torch.float64))
    graph = net.graph(inputs=torch.randn(1, 1, 4, 4, dtype=torch.float64), target=1, granularity="unit")
    plain = graph.unrolled()
    for column in ("contribution", "attribution", "gated_weight", "abs_weight"):
        for signed in (False, True):
            ours = ng.centrality(graph, "strength", weight=column, signed=signed)
            close(ours, ng.centrality(plain, "strength", weight=column, signed=signed), 1e-9)
        close(ng.centrality(graph, "katz", weight=column), ng.centrality(plain, "katz", weight=column), 1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.int64, bool])
def test_every_dtype_is_read_as_its_numbers(dtype: type) -> None:
    values = np.array([[1, 0, 1], [0, 1, 1]]) if dtype is bool else np.array([[1, -2, 0], [3, 0, -128]])
    graph = chain(values.astype(dtype)) if dtype is not np.float16 else chain(values)
    held = Graph(graph.layers, (Block("l0", "l1", "linear", values.astype(dtype)),))
    listed_graph = Graph(held.layers, (Block("l0", "l1", "linear", sp.csr_array(values.astype(np.float64))),))
    for measure in ("strength", "pagerank", "betweenness", "closeness", "out_degree"):
        close(ng.centrality(held, measure), ng.centrality(listed_graph, measure), 1e-12)


@pytest.mark.parametrize("measure", ["strength", "degree", "katz", "betweenness", "closeness", "eigenvector"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("sparse", [False, True])
def test_weights_that_are_not_finite_are_refused(measure: str, bad: float, sparse: bool) -> None:
    weight: Any = np.array([[1.0, bad], [2.0, 0.0]])
    with pytest.raises(AnalysisError, match="'weight' of the edges l0 -> l1 holds NaN or infinity"):
        ng.centrality(chain(sp.csr_array(weight) if sparse else weight), measure)


def test_a_cycle_has_no_layers() -> None:
    with pytest.raises(GraphError, match=r"run in a circle: .*a layered graph needs edges that all run forward"):
        ng.Graph.from_networkx(nx.DiGraph([("a", "b"), ("b", "c"), ("c", "a")]))


@pytest.mark.parametrize("held", ["read-only", "memory-mapped", "Fortran", "strided"])
def test_weights_are_read_however_they_lie_in_memory(held: str, tmp_path: Path) -> None:
    weight = np.random.default_rng(0).standard_normal((37, 41)).astype(np.float32)
    lies: Any = weight.copy()
    if held == "read-only":
        lies.setflags(write=False)
    elif held == "memory-mapped":
        np.save(tmp_path / "w.npy", weight)
        lies = np.load(tmp_path / "w.npy", mmap_mode="r")
    elif held == "Fortran":
        lies = np.asfortranarray(weight)
    else:
        lies = np.repeat(np.repeat(weight, 2, axis=0), 3, axis=1)[::2, ::3]
    layers = chain(weight).layers
    plain, other = (Graph(layers, (Block("l0", "l1", "linear", operator),)) for operator in (weight, lies))
    for measure in ("strength", "katz", "betweenness", "closeness", "eigenvector", "path_count"):
        close(ng.centrality(other, measure), ng.centrality(plain, measure), 1e-12)


def test_kernels_are_compiled_where_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    real = numba.njit

    def njit(cache: bool = False, **how: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(**how)

    monkeypatch.setattr(numba, "njit", njit)
    assert kernels.compiled()(lambda x: x + 1)(2) == 3
