"""Every analysis over every awkward graph: an answer that makes sense, or a clear error; never silence."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_graphs import awkward
from circuit_networks import question

from netgraph.analysis.centrality import MEASURES, centrality
from netgraph.analysis.circuits.selection import ORDERS, cumulative, first, threshold
from netgraph.analysis.modules import METHODS, modularity, modules, ncut
from netgraph.analysis.paths import paths
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph

GRAPHS = awkward()
WITHOUT_EDGES = {"single layer", "no layers", "two layers, no block", "all weights zero"}
every_graph = pytest.mark.parametrize("name", GRAPHS)


def untouched(graph: Graph) -> list[bytes]:
    return [np.asarray(getattr(b.weight, "data", b.weight)).tobytes() for b in graph.blocks]


@every_graph
@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_answers(name: str, measure: str) -> None:
    graph = GRAPHS[name]
    before = untouched(graph)
    options = {"module": np.arange(graph.n) % 2} if "module" in MEASURES[measure].options else {}
    for weight in ("weight", None):
        for within in (None, "layer"):
            values = centrality(graph, measure, weight=weight, within=within, **options)
            assert list(values.index) == list(graph.ids)
            assert np.isfinite(values).all()
            assert (values >= 0).all() or measure in ("neuron_strength", "within_module_z")
    assert untouched(graph) == before


@every_graph
@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers_or_says_why_not(name: str, method: str) -> None:
    graph = GRAPHS[name]
    if name in WITHOUT_EDGES:
        with pytest.raises(AnalysisError, match="no edge with 'weight' other than 0"):
            modules(graph, method=method)
        return
    before = untouched(graph)
    found = modules(graph, method=method, runs=3)
    assert list(found.labels.index) == list(graph.ids)
    assert found.labels.max() + 1 == len(found.table)
    assert np.isfinite(found.quality)
    assert found.quality >= -1e-12
    assert found.graph().n > 0
    assert untouched(graph) == before


@every_graph
def test_every_quality_answers_or_says_why_not(name: str) -> None:
    graph = GRAPHS[name]
    labels = np.arange(graph.n) % 2
    for ask in (
        lambda: modularity(graph, labels),
        lambda: modularity(graph, labels, null="newman"),
        lambda: ncut(graph, labels),
    ):
        if name in WITHOUT_EDGES:
            with pytest.raises(AnalysisError, match="no modules"):
                ask()
        else:
            assert np.isfinite(ask())


@every_graph
@pytest.mark.parametrize("group", [None, "input"])
def test_paths_to_every_vertex_answer_or_say_why_not(name: str, group: str | None) -> None:
    graph = GRAPHS[name]
    for vertex in graph.ids:
        try:
            found = paths(graph, vertex, k=5, group=group)
        except AnalysisError as error:
            assert "no edge leads to" in str(error)
            continue
        assert len(found) == min(5, found.attrs["paths"])
        assert (found["value"] != 0).all()
        assert np.isfinite(found["share"]).all()


@every_graph
@pytest.mark.parametrize("method", [*ORDERS, "threshold", "cumulative"])
def test_every_selection_answers_or_says_why_not(name: str, method: str) -> None:
    graph = GRAPHS[name]
    before = untouched(graph)
    asked = question(graph)
    try:
        if method in ORDERS:
            chosen = first(asked, ORDERS[method](asked), 3)
        else:
            chosen = threshold(asked, 1e-250) if method == "threshold" else cumulative(asked, 1)
    except AnalysisError as error:
        assert name in WITHOUT_EDGES
        assert "scores exactly 0" in str(error)
        return
    assert name not in WITHOUT_EDGES
    assert 0 < len(chosen.edges) <= chosen.before
    flat = np.zeros(asked.edges.size, dtype=bool)
    flat[chosen.edges] = True
    part = graph.select(edges=asked.edges.blocks(flat))
    assert len(part.edges) == len(chosen.edges)
    assert set(part.ids) <= set(graph.ids)
    assert untouched(graph) == before
