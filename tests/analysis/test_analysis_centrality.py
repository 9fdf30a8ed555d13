"""Centralities against networkx, and against values worked by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from analysis_graphs import chain, make, random_graph
from hypothesis import given
from hypothesis import strategies as st

from netgraph.analysis.centrality import MEASURES, centrality
from netgraph.errors import AnalysisError, UnknownName
from netgraph.graph.graph import Graph

seeds = st.integers(0, 10_000)


def to_networkx(graph: Graph) -> nx.DiGraph:
    """|weight| summed per pair of vertices, built edge by edge: shares no code with the analyses."""
    G = nx.DiGraph()
    G.add_nodes_from(graph.ids)
    for block in graph.blocks:
        dense = block.weight if isinstance(block.weight, np.ndarray) else block.weight.toarray()
        for j, i in zip(*np.nonzero(dense), strict=True):
            u = graph.ids[graph.layer(block.source).start + i]
            v = graph.ids[graph.layer(block.target).start + j]
            weight = abs(float(dense[j, i])) + (G[u][v]["weight"] if G.has_edge(u, v) else 0.0)
            G.add_edge(u, v, weight=weight)
    depth = {v: d for d, layer in enumerate(graph.layers) for v in graph.ids[layer.vertices]}
    top = max((abs(math.log(d["weight"])) for *_, d in G.edges(data=True)), default=0.0) + 1
    for u, v, data in G.edges(data=True):
        # −log w lifted by a constant per layer climbed: positive, and the same shift for all paths between u and v.
        data["product"] = top * (depth[v] - depth[u]) - math.log(data["weight"])
        data["reciprocal"] = 1 / data["weight"]
    return G


def agree(ours: pd.Series, theirs: dict[str, float]) -> None:
    assert list(ours.index) == list(theirs)
    np.testing.assert_allclose(ours.to_numpy(), list(theirs.values()), rtol=1e-6, atol=1e-12)


@given(seeds, st.sampled_from([0.0, 0.3, 0.85, 0.99]))
def test_pagerank_is_networkx(seed: int, alpha: float) -> None:
    graph = random_graph(seed)
    G = to_networkx(graph)
    agree(centrality(graph, "pagerank", alpha=alpha), nx.pagerank(G, alpha=alpha, tol=1e-13, max_iter=10_000))


@given(seeds)
def test_pagerank_personalized_and_dangling_is_networkx(seed: int) -> None:
    graph = random_graph(seed)
    rng = np.random.default_rng(seed)
    some = {v: float(rng.random()) for v in graph.ids[:: 1 + seed % 2]}
    ends = {graph.ids[0]: 1.0, graph.ids[-1]: 3.0}
    G = to_networkx(graph)
    options: dict[str, Any] = {"tol": 1e-13, "max_iter": 10_000, "personalization": some}
    agree(centrality(graph, "pagerank", personalization=some), nx.pagerank(G, **options))
    ours = centrality(graph, "pagerank", personalization=pd.Series(some), dangling=ends)
    agree(ours, nx.pagerank(G, dangling=ends, **options))


@given(seeds, st.booleans())
def test_katz_is_networkx(seed: int, normalized: bool) -> None:
    graph = random_graph(seed)
    theirs = nx.katz_centrality(
        to_networkx(graph), alpha=0.2, beta=1.5, normalized=normalized, weight="weight", tol=1e-13, max_iter=10_000
    )
    agree(centrality(graph, "katz", alpha=0.2, beta=1.5, normalized=normalized), theirs)


@given(seeds)
def test_betweenness_is_networkx(seed: int) -> None:
    graph = random_graph(seed)
    G = to_networkx(graph)
    agree(centrality(graph, "betweenness"), nx.betweenness_centrality(G, weight="product"))
    agree(
        centrality(graph, "betweenness", distance="reciprocal", normalized=False),
        nx.betweenness_centrality(G, weight="reciprocal", normalized=False),
    )
    agree(centrality(graph, "betweenness", weight=None), nx.betweenness_centrality(G))


@given(seeds)
def test_degree_and_strength_are_networkx(seed: int) -> None:
    graph = random_graph(seed)
    G = to_networkx(graph)
    agree(centrality(graph, "degree"), nx.degree_centrality(G))
    agree(centrality(graph, "in_degree"), nx.in_degree_centrality(G))
    agree(centrality(graph, "out_degree"), nx.out_degree_centrality(G))
    agree(centrality(graph, "strength"), dict(G.degree(weight="weight")))
    agree(centrality(graph, "in_strength"), dict(G.in_degree(weight="weight")))
    agree(centrality(graph, "out_strength"), dict(G.out_degree(weight="weight")))


def test_betweenness_takes_the_largest_product_across_a_skip() -> None:
    # 0→2 directly weighs 0.5; through 1 it weighs 2·0.2 = 0.4, then 2·0.3 = 0.6: only then vertex 1 lies between.
    direct = make([1, 1, 1], [(0, 1, [[2.0]]), (1, 2, [[0.2]]), (0, 2, [[0.5]])])
    around = make([1, 1, 1], [(0, 1, [[2.0]]), (1, 2, [[0.3]]), (0, 2, [[0.5]])])
    assert centrality(direct, "betweenness", normalized=False).tolist() == [0, 0, 0]
    assert centrality(around, "betweenness", normalized=False).tolist() == [0, 1, 0]


def test_betweenness_shares_equal_products() -> None:
    # 2·3 = 3·2: both middle vertices carry half of the one pair.
    graph = chain([[2.0], [3.0]], [[3.0, 2.0]])
    assert centrality(graph, "betweenness", normalized=False).tolist() == [0, 0.5, 0.5, 0]


def test_strength_reads_absolute_weights_unless_told() -> None:
    graph = chain([[1.0, -2.0], [3.0, 0.0]])
    assert centrality(graph, "in_strength").tolist() == [0, 0, 3, 3]
    signed = centrality(graph, "in_strength", signed=True)
    assert signed.tolist() == [0, 0, -1, 3]
    assert signed.attrs["signs"] == "signed"
    assert centrality(graph, "out_strength").attrs["signs"] == "absolute"


def test_pagerank_by_hand() -> None:
    # One edge, α = 1/2: y = (1, 1.5), so x = (0.4, 0.6).
    assert centrality(chain([[7.0]]), "pagerank", alpha=0.5).tolist() == pytest.approx([0.4, 0.6])


def test_pruned_edges_do_not_count_whatever_another_column_says() -> None:
    graph = chain([[1.0, 0.0]])
    block = graph.blocks[0]
    odd = Graph(
        graph.layers, (type(block)("l0", "l1", "linear", block.weight, {"attribution": np.array([[2.0, 9.0]])}),)
    )
    assert centrality(odd, "in_strength", weight="attribution").tolist() == [0, 0, 2]


def test_within_layer_ranks_inside_each_layer() -> None:
    graph = chain([[1.0, 2.0, 2.0], [10.0, 0.0, 0.0]])
    ranks = centrality(graph, "strength", within="layer")
    assert ranks.tolist() == pytest.approx([1.0, 0.5, 0.5, 0.5, 1.0])
    assert ranks.attrs["within"] == "layer"


@pytest.mark.parametrize("measure", MEASURES)
def test_series_is_by_vertex_id_in_vertex_order(measure: str) -> None:
    graph = random_graph(3)
    options = {"module": np.arange(graph.n) % 2} if "module" in MEASURES[measure].options else {}
    series = centrality(graph, measure, **options)
    assert list(series.index) == list(graph.ids)
    assert series.name == measure
    assert series.dtype == np.float64
    assert series.attrs["direction"]


def test_unknown_names_say_what_exists() -> None:
    graph = chain([[1.0]])
    with pytest.raises(UnknownName, match="did you mean 'pagerank'"):
        centrality(graph, "page_rank")
    with pytest.raises(UnknownName, match=r"unknown option 'damping' of pagerank.*alpha"):
        centrality(graph, "pagerank", damping=0.5)
    with pytest.raises(UnknownName, match=r"within 'layers'.*did you mean 'layer'"):
        centrality(graph, "degree", within="layers")
    with pytest.raises(UnknownName, match=r"edge column 'wieght'.*l0 -> l1.*weight"):
        centrality(graph, "strength", weight="wieght")
    with pytest.raises(UnknownName, match="distance"):
        centrality(graph, "betweenness", distance="euclid")
    with pytest.raises(UnknownName, match="vertex 'l0:7' in personalization"):
        centrality(graph, "pagerank", personalization={"l0:7": 1.0})


def test_options_out_of_range_are_refused() -> None:
    graph = chain([[1.0]])
    with pytest.raises(AnalysisError, match="between 0 and 1"):
        centrality(graph, "pagerank", alpha=1.5)
    with pytest.raises(AnalysisError, match="from 0 up"):
        centrality(graph, "pagerank", personalization={graph.ids[0]: -1.0})
    with pytest.raises(AnalysisError, match="finite"):
        centrality(graph, "katz", alpha=float("nan"))
    with pytest.raises(AnalysisError, match="dict or a Series"):
        centrality(graph, "katz", beta=[1.0, 2.0])
    with pytest.raises(AnalysisError, match="beyond the range of floats"):
        centrality(chain([[1e200]], [[1e200]]), "katz")


def test_nan_weights_are_refused_by_name_of_the_block() -> None:
    with pytest.raises(AnalysisError, match="'weight' of the edges l0 -> l1 holds NaN"):
        centrality(chain([[1.0, float("nan")]]), "pagerank")


def test_the_readme_has_the_table_of_measures() -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    for name, row in MEASURES.items():
        signs = f"{row.signs}{' or signed' if 'signed' in row.options else ''}"
        cells = (f"`{name}`", row.formula.replace("|", "\\|"), row.source, row.direction, signs, row.cost)
        assert f"| {' | '.join(cells)} |\n" in readme


def test_a_renamed_index_stays_with_its_own_result() -> None:
    graph = random_graph(0)
    first = centrality(graph, "strength")
    first.index.name = "unit"
    second = centrality(graph, "strength")
    assert (second.index.name, second.index.tolist()) == ("id", graph.ids.tolist())
