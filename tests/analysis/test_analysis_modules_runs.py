"""Several methods, several runs, several resolutions, two gauges: known answers, scikit-learn as referee, bad input."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from analysis_graphs import chain, make, planted, random_graph
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score
from torch import nn

import netgraph as ng
from netgraph.analysis.modules import adjusted_mutual_information, adjusted_rand, hierarchy, modularity, modules, ncut
from netgraph.analysis.modules.agreement import confidence
from netgraph.analysis.modules.consensus import consensus
from netgraph.errors import AnalysisError, NetgraphWarning, UnknownName
from netgraph.graph.graph import Graph

TWO = np.kron(np.eye(2), np.ones((4, 4)))
TWO_BLOCKS = chain(TWO, TWO)
TRUTH = [0, 0, 0, 0, 1, 1, 1, 1] * 3
METHODS = ["layered", "leiden", "louvain", "spectral"]


# -- methods -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_two_disjoint_blocks_by_every_method(method: str) -> None:
    k = 2 if method == "spectral" else None
    found = modules(TWO_BLOCKS, method=method, k=k)
    assert found.labels.tolist() == TRUTH
    assert found.quality == pytest.approx(0.0 if method == "spectral" else 0.5)
    assert found.qualities == pytest.approx(
        {"layered_equal": 0.5, "layered_weight": 0.5, "newman": 0.5, "ncut": 0, "modules": 2, "ami_layers": 0}, abs=0.1
    )
    assert found.stability == 1
    assert found.confidence.tolist() == [1] * 24
    assert found.table["confidence"].tolist() == [1, 1]


def test_louvain_finds_zacharys_four_groups() -> None:
    graph = Graph.from_networkx(nx.karate_club_graph(), weight=None)
    assert modules(graph, method="louvain", runs=20).quality == pytest.approx(0.4197896, abs=2e-3)


def test_louvain_is_a_division_newman_likes() -> None:
    graph, _ = planted([30, 30, 30], 3, 0.3, seed=0)
    found = modules(graph, method="louvain")
    assert found.quality == pytest.approx(modularity(graph, found.labels, null="newman"))
    assert found.quality >= 0.98 * modules(graph, method="leiden").quality


def test_spectral_makes_as_many_clusters_as_it_is_told() -> None:
    graph, truth = planted([40, 40, 40], 4, 0.1, seed=0)
    found = modules(graph, method="spectral", k=4, runs=3)
    assert adjusted_rand(found.labels.to_numpy(), truth) == 1
    assert found.quality == pytest.approx(ncut(graph, found.labels))
    assert found.settings["k"] == 4
    assert len(modules(graph, method="spectral", k=1, runs=1)) == 1
    assert modules(graph, method="spectral", runs=1).settings["k"] == 12
    assert modules(TWO_BLOCKS, method="spectral", runs=1).settings["k"] == 3  # 8 vertices for each, at least


def test_of_several_spectral_runs_the_smallest_cut_is_best() -> None:
    graph, _ = planted([30, 30, 30], 3, 0.9, seed=1)
    found = modules(graph, method="spectral", k=5, runs=6)
    assert found.quality == pytest.approx(min(ncut(graph, labels) for labels in found.runs))


# -- agreement ---------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_adjusted_mutual_information_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(side) for side in zip(*pairs, strict=True))
    assert adjusted_mutual_information(a, b) == pytest.approx(adjusted_mutual_info_score(a, b), abs=1e-9)
    assert adjusted_mutual_information(a, a) == 1


def test_confidence_by_hand() -> None:
    # Second run: names swapped, vertex 2 elsewhere. Third: all in one module, which is matched with one of the two.
    reference = np.array([0, 0, 0, 1, 1])
    runs = [reference, np.array([1, 1, 0, 0, 0]), np.array([7, 7, 7, 7, 7])]
    assert confidence(reference, runs).tolist() == pytest.approx([1, 1, 2 / 3, 2 / 3, 2 / 3])
    assert np.isnan(confidence(reference, runs[:1])).all()


def test_confidence_is_low_where_there_is_nothing_to_find() -> None:
    clear, noise = planted([40] * 4, 4, 0.1, seed=0)[0], planted([40] * 4, 4, 1.0, seed=0)[0]
    assert modules(clear).confidence.mean() > 0.99
    assert modules(noise).confidence.mean() < 0.8
    single = modules(TWO_BLOCKS, runs=1)
    assert single.confidence.isna().all()
    assert "confidence" not in single.table


def test_modules_of_one_vertex_are_told() -> None:
    # Barber's null explains every edge of a block of equal weights: its targets gain nowhere.
    found = modules(chain(TWO, np.ones((3, 8))))
    assert found.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1] * 2 + [2, 3, 4]
    assert "3 modules of a single vertex" in repr(found)
    assert "single vertex" not in repr(modules(TWO_BLOCKS))


def test_consensus_by_hand() -> None:
    # Vertex 3 is with 4 and 5 in two runs of three.
    runs = [np.array([0, 0, 0, 1, 1, 1]), np.array([5, 5, 5, 2, 2, 2]), np.array([0, 0, 0, 0, 1, 1])]
    assert consensus(runs).tolist() == [0, 0, 0, 1, 1, 1]
    assert consensus(runs[:1]).tolist() == runs[0].tolist()


def test_consensus_is_no_heap_of_singletons_where_runs_disagree() -> None:
    rng = np.random.default_rng(0)
    runs = [rng.integers(0, 4, 60) for _ in range(10)]
    agreed = consensus(runs, seed=1)
    assert agreed.tolist() == consensus(runs, seed=1).tolist()
    assert 1 <= len(set(agreed)) < 30


def test_consensus_of_many_groups_is_the_division_most_like_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netgraph.analysis.modules.consensus.MAX_GROUPS", 2)
    runs = [np.array([0, 1, 0, 1, 0, 1]), np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 0, 0, 1, 1])]
    assert consensus(runs).tolist() == [0, 0, 0, 1, 1, 1]


def test_consensus_of_noisy_runs_is_nearer_the_truth_than_the_runs() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(200) % 4
    runs = [np.where(rng.random(200) < 0.3, rng.integers(0, 4, 200), truth) for _ in range(10)]
    assert adjusted_rand(consensus(runs), truth) > 0.95 > max(adjusted_rand(run, truth) for run in runs)


def test_labels_may_be_the_consensus() -> None:
    graph, truth = planted([64, 64, 64, 64], 4, 0.6, seed=0)
    best, agreed = modules(graph), modules(graph, pick="consensus")
    assert best.consensus.equals(agreed.labels)
    assert adjusted_rand(agreed.labels.to_numpy(), truth) >= 0.9
    assert agreed.quality == pytest.approx(modularity(graph, agreed.labels))
    assert best.quality >= agreed.quality
    assert (best.settings["pick"], agreed.settings["pick"]) == ("best", "consensus")
    assert best.runs.shape == (10, graph.n)


def test_consensus_leaves_vertices_without_edges_out() -> None:
    block = np.kron(np.eye(3), np.ones((2, 2)))
    block[:, :2] = block[:2] = 0.0
    found = modules(chain(block), pick="consensus", runs=3)
    assert found.labels.tolist() == [-1, -1, 0, 0, 1, 1] * 2
    assert found.consensus.tolist() == found.labels.tolist()
    assert found.confidence.isna().tolist() == [True, True, False, False, False, False] * 2


# -- hierarchy ---------------------------------------------------------------------------------


def test_a_hierarchy_of_two_levels() -> None:
    block = np.kron(np.eye(4), np.ones((4, 4))) + 0.3 * np.kron(np.eye(2), np.ones((8, 8)))
    graph = chain(block, block, block)
    levels = hierarchy(graph, np.geomspace(0.1, 1.5, 8))
    assert levels.table["modules"].isin([2, 4]).all()
    assert levels.table["modules"].is_monotonic_increasing
    assert levels.plateaus["modules"].tolist() == [2, 4]
    assert levels.plateaus["levels"].sum() == len(levels) == 8
    assert (levels.table["stability"] == 1).all()
    nested = levels.table["nestedness"].to_numpy()
    assert np.isnan(nested[0])
    assert sorted(set(nested[1:].round(3))) == [pytest.approx(0.658, abs=0.02), 1]
    fine, coarse = levels.labels.iloc[:, -1], levels.labels.iloc[:, 0]
    assert levels.labels.index.tolist() == graph.ids.tolist()
    assert (pd.crosstab(fine, coarse) > 0).sum(axis=1).tolist() == [1] * 4  # each lies in one of the coarse
    for value, row in levels.table.iterrows():
        labels = levels.labels[value]
        assert row["quality"] == pytest.approx(modularity(graph, labels, resolution=float(str(value))))
        assert row["modularity"] == pytest.approx(modularity(graph, labels))
    assert "8 levels, 2 plateaus" in repr(levels)


def test_a_hierarchy_by_newmans_null() -> None:
    levels = ng.hierarchy(TWO_BLOCKS, (1.0, 0.5, 1.0), method="leiden", runs=2)
    assert levels.table.index.tolist() == [0.5, 1.0]
    assert levels.table["modules"].tolist() == [2, 2]
    assert levels.table["modularity"].tolist() == pytest.approx([0.5, 0.5])
    assert levels.plateaus[["lowest", "highest", "levels"]].to_numpy().tolist() == [[0.5, 1.0, 2]]


def test_questions_a_hierarchy_cannot_answer() -> None:
    with pytest.raises(
        AnalysisError, match='method="spectral" has no resolution; a hierarchy takes one of: layered, le'
    ):
        hierarchy(TWO_BLOCKS, method="spectral")
    with pytest.raises(UnknownName, match="unknown method 'layers': did you mean 'layered'"):
        hierarchy(TWO_BLOCKS, method="layers")
    with pytest.raises(AnalysisError, match="resolutions is empty"):
        hierarchy(TWO_BLOCKS, ())
    with pytest.raises(AnalysisError, match="resolution is -1"):
        hierarchy(TWO_BLOCKS, (1.0, -1.0))


# -- gauges ------------------------------------------------------------------------------------


def network(rescaled: bool = False) -> tuple[nn.Sequential, np.ndarray]:
    """Four planted groups in 12-16-16-12, ReLU; and the same with hidden units rescaled and in another order."""
    rng = np.random.default_rng(0)
    sizes = [12, 16, 16, 12]
    weights = [
        rng.normal(size=(b, a)) * np.where(np.arange(b)[:, None] % 4 == np.arange(a) % 4, 1, 0.02)
        for a, b in pairwise(sizes)
    ]
    order = np.arange(sum(sizes))
    if rescaled:
        start = 12
        for i in (0, 1):
            scale, new = np.exp(rng.normal(size=16) * 2), rng.permutation(16)
            weights[i] = (weights[i] * scale[:, None])[new]
            weights[i + 1] = (weights[i + 1] / scale)[:, new]
            order[start : start + 16] = start + new
            start += 16
    layers = [nn.Linear(a, b, bias=False, dtype=torch.float64) for a, b in pairwise(sizes)]
    for layer, weight in zip(layers, weights, strict=True):
        layer.weight.data = torch.from_numpy(weight)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2]), order


@pytest.mark.parametrize("method", ["layered", "spectral"])
def test_the_balanced_gauge_gives_the_same_modules_whatever_the_scales(method: str) -> None:
    (plain, _), (other, order) = network(), network(rescaled=True)
    even = [ng.trace(model, (12,)).graph(gauge="balanced") for model in (plain, other)]
    k = 4 if method == "spectral" else None
    first, second = (modules(graph, method=method, k=k) for graph in even)
    there = first.labels.to_numpy()[order]
    assert adjusted_rand(there, second.labels.to_numpy()) == 1
    assert ncut(even[0], first.labels) == pytest.approx(ncut(even[1], there), rel=1e-9)
    assert first.quality == pytest.approx(second.quality, rel=1e-9)


def test_a_gauge_that_changes_the_modules_is_told() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 30), nn.ReLU(), nn.Linear(30, 5))
    scale = torch.exp(4 * torch.randn(30))
    model[0].weight.data *= scale[:, None]
    model[2].weight.data /= scale
    net = ng.trace(model, (20,))
    with pytest.warns(
        NetgraphWarning, match=r"scales of hidden units.*AMI 0\.\d\d only \(two runs .*graph\(gauge='bal"
    ):
        found = modules(net.graph(), check_gauge=True)
    assert found.settings["gauge_ami"] < 0.5
    with pytest.warns(NetgraphWarning, match=r"AMI 0\.\d\d only; take"):
        modules(net.graph(), check_gauge=True, runs=1)
    assert modules(net.graph(gauge="balanced"), check_gauge=True).settings["gauge_ami"] is None
    assert "gauge_ami" not in modules(net.graph()).settings


def test_a_gauge_that_does_not_matter_is_not_told() -> None:
    found = modules(ng.trace(network()[0], (12,)).graph(), check_gauge=True)
    assert found.settings["gauge_ami"] == 1
    tanh = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3))
    assert modules(ng.trace(tanh, (6,)).graph(), check_gauge=True).settings["gauge_ami"] is None


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_signs_are_dropped_and_that_is_recorded(method: str) -> None:
    graph, _ = planted([20, 20, 20], 2, 0.3, seed=0)
    rng = np.random.default_rng(0)
    signed = chain(*[b.weight * rng.choice([-1, 1], size=b.shape) for b in graph.blocks])
    one, two = modules(graph, method=method, runs=2), modules(signed, method=method, runs=2)
    assert one.labels.equals(two.labels)
    assert two.settings["signs"] == "absolute"
    assert len(two) < 20  # no singletons


@pytest.mark.parametrize("method", METHODS)
def test_weights_that_are_no_numbers_are_refused(method: str) -> None:
    for bad in (np.nan, np.inf):
        with pytest.raises(AnalysisError, match="'weight' of the edges l0 -> l1 holds NaN or infinity"):
            modules(chain([[1.0, bad], [1.0, 1.0]]), method=method)


@pytest.mark.parametrize("method", METHODS)
def test_isolated_vertices_and_single_layers(method: str) -> None:
    graph = make([3, 2], [(0, 1, [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])])
    found = modules(graph, method=method, runs=2)
    assert found.labels["l0:2"] == -1
    assert (found.labels.drop("l0:2") >= 0).all()
    assert found.settings["without_edges"] == 1
    assert (found.runs[:, 2] == -1).all()
    with pytest.raises(AnalysisError, match="no edge with 'weight' other than 0"):
        modules(make([4], []), method=method)


def test_k_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(AnalysisError, match="k is 25; clusters must be from 1 to 24"):
        modules(TWO_BLOCKS, method="spectral", k=25)
    with pytest.raises(AnalysisError, match="k is 0"):
        modules(TWO_BLOCKS, method="spectral", k=0)
    with pytest.raises(
        AnalysisError, match='k=3 is the number of clusters of method="spectral"; method="layered" finds'
    ):
        modules(TWO_BLOCKS, k=3)
    with pytest.raises(UnknownName, match="unknown pick 'concensus': did you mean 'consensus'"):
        modules(TWO_BLOCKS, pick="concensus")


@given(st.integers(0, 10_000), st.sampled_from(METHODS))
def test_what_is_told_fits_together(seed: int, method: str) -> None:
    graph = random_graph(seed)
    if not any(abs(b.weight).sum() for b in graph.blocks):
        return
    found = modules(graph, method=method, runs=3)
    labels, alive = found.labels.to_numpy(), found.labels.to_numpy() >= 0
    assert found.qualities["modules"] == len(found) == labels.max() + 1
    assert found.confidence[alive].between(0, 1).all()
    depth = np.repeat(np.arange(len(graph.layers)), [layer.size for layer in graph.layers])
    expected = adjusted_mutual_info_score(depth[alive], labels[alive])
    assert found.qualities["ami_layers"] == pytest.approx(expected, abs=1e-9)
    # Whatever run is the best one, its own modules are matched with themselves.
    assert found.confidence[alive].min() >= 1 / 3 - 1e-12 or len(found) == 1
