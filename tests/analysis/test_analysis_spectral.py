"""Spectral clustering: the eigenvectors against numpy's, the cut against scikit-learn's; degenerate graphs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from analysis_graphs import awkward, chain, make, planted, random_graph
from sklearn.cluster import SpectralClustering

from netgraph.analysis.modules import adjusted_rand, ncut
from netgraph.analysis.modules import spectral as module
from netgraph.analysis.modules.quality import weighted_pairs
from netgraph.analysis.modules.spectral import spectral
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]


def adjacency(graph: Graph) -> Array:
    found = np.zeros((graph.n, graph.n))
    for pair in weighted_pairs(graph, "weight"):
        dense = pair.matrix.toarray() if sp.issparse(pair.matrix) else pair.matrix
        found[pair.target.vertices, pair.source.vertices] += dense
    return found + found.T


def with_skips(seed: int, sizes: tuple[int, ...]) -> Graph:
    """Odd cycles of layers, so no bipartite graph."""
    rng = np.random.default_rng(seed)
    edges = [(i, i + 1, rng.standard_normal((b, a))) for i, (a, b) in enumerate(itertools.pairwise(sizes))]
    return make(sizes, [*edges, (0, 2, rng.standard_normal((sizes[2], sizes[0])))])


GRAPHS = {
    "chain": planted([30, 20, 25, 10], 3, 0.5, 0)[0],
    "skips": with_skips(0, (20, 15, 25, 10)),
    "sparse": chain(
        sp.random_array((30, 40), density=0.3, rng=np.random.default_rng(1), format="csr"), np.ones((5, 30))
    ),
    "with dead vertices": chain(
        np.pad(np.ones((4, 6)) + np.eye(4, 6), ((0, 3), (0, 0))), np.pad(np.eye(3, 4) + 0.1, ((0, 0), (0, 3)))
    ),
}


@pytest.mark.parametrize("way", ["chosen", "lanczos"])
@pytest.mark.parametrize("name", GRAPHS)
def test_spectral_vectors_span_what_numpys_do(name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eigenvalues that are apart; each way of finding them on its own."""
    if way == "lanczos":
        monkeypatch.setattr(module, "DENSE", 0)
        monkeypatch.setattr(module, "SIDE", 0)
    graph = GRAPHS[name]
    whole = adjacency(graph)
    strength = whole.sum(axis=0)
    alive = strength > 0
    root = np.sqrt(np.where(alive, strength, np.inf))
    values, vectors = np.linalg.eigh(whole / root[:, None] / root)
    k = 3
    assert values[-k] > values[-k - 1] + 1e-6, "else the space of the first k is not one space"
    found = module._vectors(weighted_pairs(graph, "weight"), strength, k, 0) * np.where(alive, root, 0)[:, None]
    np.testing.assert_allclose(found @ found.T, vectors[:, -k:] @ vectors[:, -k:].T, atol=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_spectral_cuts_as_scikit_learn_does(seed: int) -> None:
    graph, _ = planted([60, 40, 40, 10], 4, 0.7, seed)
    theirs = SpectralClustering(4, affinity="precomputed", random_state=seed).fit(adjacency(graph)).labels_
    assert ncut(graph, spectral(graph, 4, seed)) == pytest.approx(ncut(graph, theirs), rel=0.01)


def test_spectral_finds_what_was_planted() -> None:
    graph, truth = planted([40, 40, 40], 4, 0.2, 0)
    assert adjusted_rand(spectral(graph, 4), truth) == 1


@pytest.mark.parametrize("limit", [0, 10_000])
def test_spectral_parts_of_a_disconnected_graph_are_clusters(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal eigenvalues, one for every part: Lanczos' method alone would find them by rounding only."""
    monkeypatch.setattr(module, "DENSE", limit)
    monkeypatch.setattr(module, "SIDE", limit)
    rng = np.random.default_rng(0)
    blocks = [sp.block_diag([rng.random((4, 4)) + 0.1 for _ in range(5)]).toarray() for _ in range(2)]
    graph = chain(*blocks)
    labels = spectral(graph, 5)
    assert ncut(graph, labels) == pytest.approx(0, abs=1e-12)
    assert adjusted_rand(labels, np.tile(np.repeat(np.arange(5), 4), 3)) == 1
    fewer = spectral(graph, 3)
    assert len(set(fewer.tolist())) == 3
    more = spectral(graph, 7)
    assert 0 < ncut(graph, more) < 7


def test_spectral_of_pairs_is_that_of_the_graph_and_of_its_seed() -> None:
    graph = GRAPHS["skips"]
    labels = spectral(graph, 4, seed=3)
    assert np.array_equal(labels, spectral(weighted_pairs(graph, "weight"), 4, seed=3))
    assert np.array_equal(labels, spectral(graph, 4, seed=3))


def test_spectral_leaves_out_vertices_without_edges() -> None:
    labels = spectral(GRAPHS["with dead vertices"], 2)
    assert (labels == -1).tolist() == [False] * 6 + [False] * 4 + [True] * 3 + [False] * 3


@pytest.mark.parametrize("name", awkward())
def test_spectral_answers_or_says_why_not(name: str) -> None:
    graph = awkward()[name]
    try:
        labels = spectral(graph, 2)
    except AnalysisError as error:
        assert "no edge with 'weight' other than 0" in str(error)
        return
    assert labels.shape == (graph.n,) and set(labels.tolist()) <= {-1, 0, 1}


@pytest.mark.parametrize("seed", range(20))
def test_spectral_divides_any_graph(seed: int) -> None:
    graph = random_graph(seed)
    alive = int(np.count_nonzero(adjacency(graph).sum(axis=0)))
    labels = spectral(graph, alive)
    assert len(set(labels[labels >= 0].tolist())) <= alive
    assert ncut(graph, labels) <= alive + 1e-9


def test_spectral_k_that_no_graph_has() -> None:
    for k in (0, 5):
        with pytest.raises(AnalysisError, match=f"k is {k}; clusters must be from 1 to 4, the number of vertices with"):
            spectral(chain(np.ones((2, 2))), k)
    with pytest.raises(AnalysisError, match="k is 1; clusters must be from 1 to 0"):
        spectral([], 1)
    with pytest.raises(AnalysisError, match="NaN or infinity"):
        spectral(chain([[np.nan, 1.0]]), 2)
