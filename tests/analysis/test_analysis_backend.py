"""networkx's own functions on our graphs: found by their entry points, equal to networkx, refused with reasons."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import networkx as nx
import numpy as np
import pytest
from analysis_graphs import chain, make, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

import netgraph as ng
from netgraph.analysis import backend
from netgraph.analysis.backend_info import FUNCTIONS, get_info
from netgraph.errors import AnalysisError, NetgraphWarning
from netgraph.graph.graph import Graph

seeds = st.integers(0, 10_000)


def converted(graph: Graph) -> nx.DiGraph:
    """|weight| summed per pair of vertices, edge by edge."""
    made = nx.DiGraph()
    made.add_nodes_from(graph.ids)
    for block in graph.blocks:
        dense = block.weight if isinstance(block.weight, np.ndarray) else block.weight.toarray()
        for j, i in zip(*np.nonzero(dense), strict=True):
            u = graph.ids[graph.layer(block.source).start + i]
            v = graph.ids[graph.layer(block.target).start + j]
            weight = abs(float(dense[j, i])) + (made[u][v]["weight"] if made.has_edge(u, v) else 0.0)
            made.add_edge(u, v, weight=weight)
    return made


@pytest.fixture
def fallback() -> Iterator[None]:
    with nx.config(fallback_to_nx=True):
        yield


def agree(ours: dict[str, float], theirs: dict[str, float]) -> None:
    assert list(ours) == list(theirs)
    np.testing.assert_allclose(list(ours.values()), list(theirs.values()), rtol=1e-6, atol=1e-12)
    assert all(type(value) is float for value in ours.values())


def test_backend_is_found_by_its_entry_points() -> None:
    assert "netgraph" in nx.utils.backends.backends, (
        "the environment is older than the entry points: install the package again (scripts/test does)"
    )
    assert nx.utils.backends.backend_info["netgraph"]["functions"].keys() == FUNCTIONS.keys()
    assert Graph.__networkx_backend__ == "netgraph"


def test_backend_has_every_function_that_it_announces_with_networkxs_own_arguments() -> None:
    for name in get_info()["functions"]:
        theirs = inspect.signature(getattr(nx, name).orig_func).parameters
        ours = inspect.signature(getattr(backend, name)).parameters
        assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


def test_backend_costs_nothing_until_it_is_used() -> None:
    code = "import sys, networkx; print([m for m in ('torch', 'pandas', 'numba', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@settings(max_examples=40)
@given(seeds)
def test_backend_gives_networkxs_numbers(seed: int) -> None:
    graph = random_graph(seed)
    G = converted(graph)
    exact: dict[str, Any] = {"tol": 1e-13, "max_iter": 10_000}
    agree(nx.pagerank(graph), nx.pagerank(G, **exact))
    ids = graph.ids.tolist()
    some = {ids[0]: 1.0, ids[-1]: 2.0}
    theirs = nx.pagerank(G, alpha=0.5, personalization=some, dangling=some, **exact)
    agree(nx.pagerank(graph, alpha=0.5, personalization=some, dangling=some), theirs)
    agree(nx.katz_centrality(graph), nx.katz_centrality(G, **exact))
    weighted = nx.katz_centrality(G, 0.2, 1.5, weight="weight", normalized=False, **exact)
    agree(nx.katz_centrality(graph, 0.2, 1.5, weight="weight", normalized=False), weighted)
    agree(nx.katz_centrality_numpy(graph, weight="weight"), nx.katz_centrality(G, weight="weight", **exact))
    agree(nx.betweenness_centrality(graph), nx.betweenness_centrality(G))
    agree(
        nx.betweenness_centrality(graph, normalized=False, weight="weight"),
        nx.betweenness_centrality(G, normalized=False, weight="weight"),
    )
    agree(nx.closeness_centrality(graph), nx.closeness_centrality(G))
    agree(
        nx.closeness_centrality(graph, distance="weight", wf_improved=False),
        nx.closeness_centrality(G, distance="weight", wf_improved=False),
    )
    assert nx.closeness_centrality(graph, ids[-1]) == pytest.approx(nx.closeness_centrality(G, ids[-1]))
    for name in ("degree_centrality", "in_degree_centrality", "out_degree_centrality"):
        agree(getattr(nx, name)(graph), getattr(nx, name)(G))


@settings(max_examples=40)
@given(seeds, st.sampled_from([None, "weight"]))
def test_backend_gives_networkxs_distances(seed: int, weight: str | None) -> None:
    graph = random_graph(seed)
    G = converted(graph)
    ids = graph.ids.tolist()
    all_pairs = dict(nx.shortest_path_length(graph, weight=weight))
    assert list(all_pairs) == ids
    for source, theirs in nx.shortest_path_length(G, weight=weight):
        same(all_pairs[source], theirs)
        same(nx.shortest_path_length(graph, source, weight=weight), theirs)
        same(
            nx.shortest_path_length(graph, target=source, weight=weight),
            dict(nx.shortest_path_length(G, target=source, weight=weight)),
        )
        for target in ids:
            assert nx.has_path(graph, source, target) == (target in theirs)
            if target in theirs:
                found = nx.shortest_path_length(graph, source, target, weight=weight)
                assert found == pytest.approx(theirs[target])
                assert isinstance(found, int if weight is None else float)
            else:
                with pytest.raises(nx.NetworkXNoPath, match=f"No path between {source} and {target}"):
                    nx.shortest_path_length(graph, source, target, weight=weight)
    same(nx.single_source_shortest_path_length(graph, ids[0]), nx.single_source_shortest_path_length(G, ids[0]))
    same(nx.single_source_dijkstra_path_length(graph, ids[0]), nx.single_source_dijkstra_path_length(G, ids[0]))
    assert nx.is_directed_acyclic_graph(graph)


def same(ours: dict[str, float], theirs: dict[str, float]) -> None:
    assert set(ours) == set(theirs)
    assert list(ours.values()) == sorted(ours.values())
    np.testing.assert_allclose([ours[v] for v in theirs], list(theirs.values()), rtol=1e-9)


def test_backend_refuses_with_a_reason_what_it_does_not_do() -> None:
    graph = chain([[1.0, 2.0]])
    with pytest.raises(AnalysisError, match=r"k=1: a sample of sources is not supported.*fallback_to_nx = True"):
        nx.betweenness_centrality(graph, k=1)
    with pytest.raises(AnalysisError, match="paths' ends are not counted"):
        nx.betweenness_centrality(graph, endpoints=True)
    with pytest.raises(AnalysisError, match=r"cutoff=3: all distances come from one sweep"):
        nx.single_source_shortest_path_length(graph, "l0:0", cutoff=3)
    with pytest.raises(AnalysisError, match=r"weight is a function; .*give its name"):
        nx.shortest_path_length(graph, "l0:0", weight=lambda u, v, d: 1)
    with pytest.raises(nx.NodeNotFound, match=r"Source 'l0:9' is not in G: a vertex's id looks like \['l0:0'\]"):
        nx.shortest_path_length(graph, "l0:9")
    with pytest.raises(ValueError, match="method not supported: astar"):
        nx.shortest_path_length(graph, "l0:0", method="astar")
    with pytest.raises(ng.NetgraphError, match="edge column 'wieght'"):
        nx.pagerank(graph, weight="wieght")
    with pytest.raises(NotImplementedError, match="'harmonic_centrality' is not implemented by"):
        nx.harmonic_centrality(graph)


def test_backend_tells_networkx_its_reasons() -> None:
    graph = chain([[1.0, 2.0]])
    with nx.config(fallback_to_nx=True):
        assert backend.can_run("pagerank", (graph,), {}) is True
        assert "sample of sources" in str(backend.can_run("betweenness_centrality", (graph,), {"k": 3}))
        assert "does not have harmonic" in str(backend.should_run("harmonic_centrality", (graph,), {}))
        assert "Graph.from_networkx" in str(backend.can_run("pagerank", (nx.DiGraph(),), {}))


def test_backend_does_not_take_networkxs_graphs() -> None:
    with pytest.raises(NotImplementedError):
        nx.pagerank(nx.path_graph(3), backend="netgraph")
    with pytest.raises(NotImplementedError, match=r"netgraph\.Graph\.from_networkx"):
        backend.convert_from_nx(nx.path_graph(3))
    assert nx.pagerank(nx.path_graph(3))  # without being told so, networkx works on its own


def test_backend_falls_back_on_a_converted_graph(fallback: None) -> None:
    graph = make(
        [2, 2, 1], [(0, 1, [[1.0, -2.0], [3.0, 0.0]]), (1, 2, [[-1.0, 1.0]]), (0, 1, [[1.0, 0.0], [0.0, 0.0]])]
    )
    G = converted(graph)
    assert nx.harmonic_centrality(graph, distance="weight") == nx.harmonic_centrality(G, distance="weight")
    assert nx.betweenness_centrality(graph, endpoints=True) == nx.betweenness_centrality(G, endpoints=True)
    made = backend.convert_to_nx(graph)
    assert dict(made.edges) == dict(G.edges)
    assert backend.convert_to_nx(3.5) == 3.5


def test_backend_warns_before_it_converts_a_large_graph(fallback: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "LARGE", 3)
    nx.harmonic_centrality(chain([[1.0, 2.0, 3.0]]))
    with pytest.warns(
        NetgraphWarning, match=r"falls back on its own code, for which 4 edges are converted: .*pagerank"
    ):
        nx.harmonic_centrality(chain([[1.0, 2.0, 3.0, 4.0]]))
