"""Modules and their qualities: known answers, invariants, and igraph and scikit-learn as referees."""

from __future__ import annotations

import random
from typing import Any

import igraph
import numpy as np
import pandas as pd
import pytest
from analysis_graphs import chain, make, planted, random_graph
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from netgraph.analysis.modules import adjusted_rand, modularity, modules, ncut
from netgraph.errors import AnalysisError, UnknownName
from netgraph.graph.graph import Graph

seeds = st.integers(0, 10_000)
STRUCTURELESS = chain(*[np.ones((10, 10))] * 5)
TWO_PARTS = chain(np.kron(np.eye(2), np.ones((2, 2))), np.kron(np.eye(2), np.ones((2, 2))))
PARTS = [0, 0, 1, 1] * 3


def undirected(graph: Graph) -> tuple[list[tuple[int, int]], list[float]]:
    edges, weights = [], []
    for block in graph.blocks:
        dense = block.weight if isinstance(block.weight, np.ndarray) else block.weight.toarray()
        for j, i in zip(*np.nonzero(dense), strict=True):
            edges.append((graph.layer(block.source).start + int(i), graph.layer(block.target).start + int(j)))
            weights.append(abs(float(dense[j, i])))
    return edges, weights


# -- known answers -----------------------------------------------------------------------------


def test_newman_sees_depth_where_the_layered_null_sees_nothing() -> None:
    best = modules(STRUCTURELESS, method="leiden", runs=100)  # many divisions tie at .2996
    assert best.quality == pytest.approx(0.3)
    rng = np.random.default_rng(0)
    for labels in (rng.integers(0, 4, size=60), best.labels, np.arange(60)):
        for mass in ("equal", "weight"):
            assert modularity(STRUCTURELESS, labels, layer_mass=mass) == pytest.approx(0, abs=1e-12)


def test_a_structureless_net_is_one_module_not_singletons() -> None:
    found = modules(STRUCTURELESS)
    assert found.labels.unique().tolist() == [0]
    assert found.quality == pytest.approx(0, abs=1e-12)


def test_two_separate_parts() -> None:
    assert ncut(TWO_PARTS, PARTS) == 0
    assert modularity(TWO_PARTS, PARTS) == pytest.approx(0.5)
    assert modularity(TWO_PARTS, PARTS, null="newman") == pytest.approx(0.5)
    for method in ("layered", "leiden"):
        found = modules(TWO_PARTS, method=method)
        assert found.labels.tolist() == PARTS
        assert found.quality == pytest.approx(0.5)
        assert found.stability == 1


def test_ncut_by_hand() -> None:
    # Edges 0-2: 1, 1-2: 2, 1-3: 3. Division {0, 2} | {1, 3}: cut 2, volumes 1+3 = 4 and 5+3 = 8.
    graph = chain([[1.0, -2.0], [0.0, 3.0]])
    assert ncut(graph, [0, 1, 0, 1]) == pytest.approx(2 / 4 + 2 / 8)
    assert ncut(graph, [0, 0, 0, 0]) == 0
    # Every vertex alone cuts all it has: as many as there are modules.
    assert ncut(graph, [0, 1, 2, 3]) == pytest.approx(4)


def test_layered_modularity_by_hand() -> None:
    # m = 6; inside 1 + 3; expected: module 0 (source 0: 1, target 2: 3), module 1 (source 1: 5, target 3: 3).
    graph = chain([[1.0, -2.0], [0.0, 3.0]])
    assert modularity(graph, [0, 1, 0, 1]) == pytest.approx((4 - (1 * 3 + 5 * 3) / 6) / 6)
    assert modularity(graph, [0, 1, 0, 1], resolution=0.5) == pytest.approx((4 - 0.5 * (1 * 3 + 5 * 3) / 6) / 6)


def test_layer_mass() -> None:
    # First pair weighs 2 and is divided well (1/2), second weighs 20 and is divided badly (−1/2).
    graph = chain(np.eye(2), 10 * np.eye(2))
    labels = [0, 1, 0, 1, 1, 0]
    assert modularity(graph, labels, layer_mass="equal") == pytest.approx(0)
    assert modularity(graph, labels, layer_mass="weight") == pytest.approx((2 * 0.5 - 20 * 0.5) / 22)


def test_four_planted_parts_are_recovered() -> None:
    graph, truth = planted([40, 40, 40, 40], 4, 0.0, seed=1)
    found = modules(graph)
    assert adjusted_rand(found.labels.to_numpy(), truth) == 1
    assert len(found) == 4


def test_planted_at_six_tenths() -> None:
    layered, newman = [], []
    for seed in range(3):
        graph, truth = planted([64, 64, 64, 64], 4, 0.6, seed=seed)
        layered.append(adjusted_rand(modules(graph, runs=5).labels.to_numpy(), truth))
        newman.append(adjusted_rand(modules(graph, method="leiden", runs=5).labels.to_numpy(), truth))
    assert np.mean(layered) >= 0.9
    assert np.mean(newman) <= 0.5


def test_zacharys_club() -> None:
    import networkx as nx

    graph = Graph.from_networkx(nx.karate_club_graph(), weight=None)
    found = modules(graph, method="leiden", runs=20)
    assert found.quality == pytest.approx(0.4197896, abs=1e-7)
    assert modularity(graph, found.labels, null="newman") == pytest.approx(0.4197896, abs=1e-7)


# -- referees and invariants -------------------------------------------------------------------


@given(seeds)
def test_newman_is_igraphs_modularity(seed: int) -> None:
    graph = random_graph(seed)
    edges, weights = undirected(graph)
    if not edges:
        return
    labels = np.random.default_rng(seed).integers(0, 3, size=graph.n)
    theirs = igraph.Graph(graph.n, edges).modularity(labels.tolist(), weights=weights)
    assert modularity(graph, labels, null="newman") == pytest.approx(theirs, abs=1e-12)


@given(seeds)
def test_layered_is_its_definition(seed: int) -> None:
    graph = random_graph(seed)
    labels = np.random.default_rng(seed).integers(0, 3, size=graph.n)
    by_pair: dict[tuple[str, str], Any] = {}
    for block in graph.blocks:
        dense = abs(block.weight if isinstance(block.weight, np.ndarray) else block.weight.toarray())
        key = (block.source, block.target)
        by_pair[key] = by_pair.get(key, 0) + dense
    live = {key: w for key, w in by_pair.items() if w.sum() > 0}
    if not live:
        return
    terms = []
    for (source, target), w in live.items():
        m = w.sum()
        same = labels[graph.layer(target).vertices][:, None] == labels[graph.layer(source).vertices]
        terms.append((m, ((w / m - np.outer(w.sum(1), w.sum(0)) / m**2) * same).sum()))
    equal = np.mean([q for _, q in terms])
    by_mass = sum(m * q for m, q in terms) / sum(m for m, _ in terms)
    assert modularity(graph, labels) == pytest.approx(equal, abs=1e-12)
    assert modularity(graph, labels, layer_mass="weight") == pytest.approx(by_mass, abs=1e-12)


@given(seeds)
def test_names_of_labels_do_not_matter(seed: int) -> None:
    graph = random_graph(seed)
    if not undirected(graph)[0]:
        return
    labels = np.random.default_rng(seed).integers(0, 3, size=graph.n)
    named = pd.Series([f"m{9 - label}" for label in labels], index=graph.ids).iloc[::-1]  # by id, so order is free
    assert modularity(graph, named) == pytest.approx(modularity(graph, labels), abs=1e-15)
    assert ncut(graph, named) == pytest.approx(ncut(graph, labels), abs=1e-12)


@given(seeds, st.sampled_from(["layered", "leiden"]), st.sampled_from(["equal", "weight"]))
def test_quality_is_the_modularity_of_the_labels(seed: int, method: str, mass: str) -> None:
    graph = random_graph(seed)
    if not undirected(graph)[0]:
        return
    found = modules(graph, method=method, layer_mass=mass, runs=3)
    null = {"layered": "layered", "leiden": "newman"}[method]
    assert found.quality == pytest.approx(modularity(graph, found.labels, null=null, layer_mass=mass), abs=1e-9)
    assert found.quality >= -1e-12
    assert found.qualities["ncut"] == pytest.approx(ncut(graph, found.labels))
    assert found.table["size"].sum() == (found.labels >= 0).sum()
    total = sum(undirected(graph)[1])
    assert found.table["strength_inside"].sum() + found.table["strength_outside"].sum() / 2 == pytest.approx(total)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30))
def test_adjusted_rand_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(side) for side in zip(*pairs, strict=True))
    assert adjusted_rand(a, b) == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)


def test_the_layered_search_is_near_the_best_division_there_is() -> None:
    # All divisions of 2+2+2 vertices into at most 3 modules, one by one.
    for seed in range(5):
        rng = np.random.default_rng(seed)
        graph = chain(rng.normal(size=(2, 2)), rng.normal(size=(2, 2)))
        best = max(modularity(graph, [n // 3**i % 3 for i in range(6)]) for n in range(3**6))
        assert modules(graph).quality == pytest.approx(best, abs=1e-9)


def test_signs_are_not_read() -> None:
    graph, _ = planted([20, 20, 20], 2, 0.3, seed=0)
    rng = np.random.default_rng(0)
    signed = chain(*[b.weight * rng.choice([-1, 1], size=b.shape) for b in graph.blocks])
    assert modules(signed).labels.equals(modules(graph).labels)
    assert modules(signed).settings["signs"] == "absolute"


# -- what comes back ---------------------------------------------------------------------------


def test_same_seed_same_modules_and_pythons_random_state_is_left_alone() -> None:
    graph, _ = planted([30, 30, 30], 3, 0.7, seed=0)
    random.seed(5)
    before = random.getstate()
    one, two = modules(graph, seed=3), modules(graph, seed=3)
    assert random.getstate() == before
    assert one.labels.equals(two.labels)
    assert one.stability == two.stability
    assert 0 < one.stability <= 1
    assert np.isnan(modules(graph, runs=1).stability)


def test_stability_is_low_where_there_is_nothing_to_find() -> None:
    rng = np.random.default_rng(0)
    noise = chain(*[np.abs(rng.standard_normal((40, 40))) for _ in range(3)])
    clear, _ = planted([40] * 4, 4, 0.1, seed=0)
    assert modules(noise).stability < 0.5 < modules(clear).stability


def test_vertices_without_edges_belong_to_no_module() -> None:
    graph = make([3, 1, 2], [(0, 2, [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]), (1, 2, [[9.0], [0.0]])], {1: "bias"})
    found = modules(graph)
    assert found.labels.to_dict() == {"l0:0": 0, "l0:1": 0, "l0:2": -1, "l1:0": -1, "l2:0": 0, "l2:1": 0}
    assert found.settings["without_edges"] == 2
    assert "2 vertices without edges" in repr(found)
    assert found.table["size"].tolist() == [4]


def test_table() -> None:
    graph = chain([[4.0, 1.0], [0.0, 2.0]])
    found = modules(graph)
    assert found.labels.tolist() == [0, 1, 0, 1]
    table = found.table
    assert table["size"].tolist() == [2, 2]
    assert table["layers"].tolist() == [2, 2]
    assert table["strength_inside"].tolist() == [4, 2]
    assert table["strength_outside"].tolist() == [1, 1]
    assert table["where"].tolist() == ["l0 1, l1 1"] * 2


def test_module_graph_keeps_layers_and_adds_up_weights() -> None:
    graph = chain([[4.0, -1.0], [0.0, 2.0]], [[3.0, 0.0]])
    found = modules(graph)
    small = found.graph()
    assert small.ids.tolist() == ["l0:module_0", "l0:module_1", "l1:module_0", "l1:module_1", "l2:module_2"]
    total = sum(abs(b.weight).sum() for b in graph.blocks)
    assert sum(b.weight.sum() for b in small.blocks) == pytest.approx(total)
    assert small.columns["size"].sum() == graph.n
    inside = sum(
        b.weight[j, i]
        for b in small.blocks
        for j in range(b.shape[0])
        for i in range(b.shape[1])
        if small.columns["module"][small.layer(b.source).start + i]
        == small.columns["module"][small.layer(b.target).start + j]
    )
    assert inside == pytest.approx(found.table["strength_inside"].sum())


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1e200, 1e300])
def test_modularity_does_not_depend_on_the_scale_of_the_weights(scale: float) -> None:
    block = np.kron(np.eye(2), np.ones((2, 2)))
    graph, labels = chain(scale * block, scale * block), [0, 0, 1, 1] * 3
    assert modularity(graph, labels) == pytest.approx(0.5)
    assert modularity(graph, labels, null="newman") == pytest.approx(0.5)
    found = modules(graph, runs=2)
    assert found.labels.tolist() == labels
    assert found.quality == pytest.approx(0.5)


def test_labels_that_do_not_fit_are_refused() -> None:
    ids = TWO_PARTS.ids
    with pytest.raises(AnalysisError, match=r"shape \(3,\); expected one per vertex, \(12,\)"):
        ncut(TWO_PARTS, [0, 1, 2])
    with pytest.raises(AnalysisError, match="vertex 'l0:1' has no label"):
        ncut(TWO_PARTS, [0, np.nan, *range(10)])
    with pytest.raises(AnalysisError, match="lack 2 of 12 vertices, 'l2:2' first"):
        modularity(TWO_PARTS, pd.Series(0, index=ids[:10]))
    with pytest.raises(UnknownName, match=r"unknown vertex '0' in labels \(a Series is read by vertex id"):
        modularity(TWO_PARTS, pd.Series(PARTS))
    with pytest.raises(AnalysisError, match="'l0:0' more than once"):
        modularity(TWO_PARTS, pd.Series(0, index=[*ids, "l0:0"]))


def test_bad_questions_are_answered_by_name() -> None:
    with pytest.raises(UnknownName, match="unknown method 'layerd': did you mean 'layered'"):
        modules(TWO_PARTS, method="layerd")
    with pytest.raises(UnknownName, match="unknown null"):
        modularity(TWO_PARTS, PARTS, null="erdos")
    with pytest.raises(UnknownName, match="unknown layer_mass 'equals': did you mean 'equal'"):
        modules(TWO_PARTS, layer_mass="equals")
    with pytest.raises(AnalysisError, match="runs is 0"):
        modules(TWO_PARTS, runs=0)
    with pytest.raises(AnalysisError, match="resolution is -1"):
        modules(TWO_PARTS, resolution=-1)
    with pytest.raises(AnalysisError, match="no modules"):
        modules(make([3], []))
    with pytest.raises(AnalysisError, match="no modules"):
        ncut(make([2, 2], [(0, 1, np.ones((2, 2)))], {0: "bias"}), [0, 0, 1, 1])


def test_a_graph_too_big_for_the_list_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netgraph.analysis.modules.methods.MAX_LISTED", 10)
    for method in ("leiden", "louvain"):
        with pytest.raises(
            AnalysisError, match=f'method="{method}" would list 16 edges, more than 10; take method="la'
        ):
            modules(TWO_PARTS, method=method)
    assert modules(TWO_PARTS, method="layered").quality == pytest.approx(0.5)
