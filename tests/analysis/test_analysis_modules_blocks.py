"""The layered search on blocks: known answers, its own arithmetic against the definition, igraph's Leiden beside it."""

from __future__ import annotations

import random

import numpy as np
import pytest
import scipy.sparse as sp
from analysis_graphs import awkward, chain, make, planted, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

from netgraph.analysis.modules import adjusted_rand, modularity, modules
from netgraph.analysis.modules.layered import Search
from netgraph.analysis.modules.merging import put_together
from netgraph.analysis.modules.methods import METHODS, Question
from netgraph.analysis.modules.quality import pair_shares, weighted_pairs
from netgraph.errors import AnalysisError, NetgraphWarning
from netgraph.graph.graph import Graph

seeds = st.integers(0, 10_000)
masses = st.sampled_from(["equal", "weight"])
TWO = np.kron(np.eye(2), np.ones((4, 4)))


def search(graph: Graph, mass: str = "equal", resolution: float = 1.0) -> Search:
    return Search(graph, weighted_pairs(graph, "weight"), mass, resolution)


def with_sparse(graph: Graph, blocks: slice = slice(None)) -> Graph:
    """The same graph, some of its blocks sparse."""
    found = [sp.csr_array(b.weight) if b in graph.blocks[blocks] else b.weight for b in graph.blocks]
    order = [layer.name for layer in graph.layers]
    ends = [(order.index(b.source), order.index(b.target)) for b in graph.blocks]
    return make([layer.size for layer in graph.layers], [(s, t, w) for (s, t), w in zip(ends, found, strict=True)])


@pytest.fixture
def on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every graph is searched on its blocks, however small."""
    monkeypatch.setattr("netgraph.analysis.modules.methods.LISTED", -1)


# -- known answers -----------------------------------------------------------------------------


@pytest.mark.usefixtures("on_blocks")
def test_two_blocks_of_four_in_three_layers() -> None:
    for graph in (chain(TWO, TWO), chain(sp.csr_array(TWO), sp.csr_array(TWO)), chain(sp.csr_array(TWO), TWO)):
        for mass in ("equal", "weight"):
            found = modules(graph, layer_mass=mass)
            assert found.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1] * 3
            assert found.quality == pytest.approx(0.5)
            assert found.qualities["newman"] == pytest.approx(0.5)
            assert found.stability == 1


@pytest.mark.usefixtures("on_blocks")
def test_a_structureless_net_is_one_module_on_blocks_too() -> None:
    found = modules(chain(*[np.ones((10, 10))] * 5), runs=3)
    assert found.labels.unique().tolist() == [0]
    assert found.quality == pytest.approx(0, abs=1e-12)


@pytest.mark.usefixtures("on_blocks")
def test_planted_parts_are_recovered_on_blocks() -> None:
    graph, truth = planted([40, 40, 40, 40], 4, 0.0, seed=1)
    assert adjusted_rand(modules(graph, runs=2).labels.to_numpy(), truth) == 1
    scores = []
    for seed in range(3):
        graph, truth = planted([64, 64, 64, 64], 4, 0.6, seed=seed)
        scores.append(adjusted_rand(modules(graph, runs=3).labels.to_numpy(), truth))
    assert np.mean(scores) >= 0.9


def test_every_division_of_a_small_net_is_no_better() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        graph = chain(rng.normal(size=(2, 2)), rng.normal(size=(2, 2)))
        best = max(modularity(graph, [n // 3**i % 3 for i in range(6)]) for n in range(3**6))
        found = max(modularity(graph, search(graph).solve(str(run))) for run in range(10))
        assert found == pytest.approx(best, abs=1e-9)


def test_merging_by_hand() -> None:
    # 0 and 1 attract by 3, 1 and 2 by 1, 0 and 2 repel by 2: all three are worth 2, 0 and 1 alone 3.
    between = np.array([[9.0, 3, -2], [3, 9, 1], [-2, 1, 9]])
    for seed in range(10):
        labels = put_together(between, np.random.default_rng(seed))
        assert labels[0] == labels[1] != labels[2]
    # From a division that is too coarse, what repels leaves.
    assert len(set(put_together(-np.ones((3, 3)), np.random.default_rng(0), np.zeros(3, dtype=np.int64)))) == 3


# -- invariants --------------------------------------------------------------------------------


@given(seeds, masses, st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_its_quality_is_the_layered_modularity(seed: int, mass: str, resolution: float) -> None:
    graph = random_graph(seed)
    if not any(abs(b.weight).sum() for b in graph.blocks):
        return
    labels = np.random.default_rng(seed).integers(0, 4, size=graph.n)
    ours = search(graph, mass, resolution).quality(labels)
    assert ours == pytest.approx(modularity(graph, labels, layer_mass=mass, resolution=resolution), abs=1e-12)


@settings(max_examples=30)
@given(seeds, masses)
def test_no_single_move_gains_and_the_edges_format_does_not_matter(seed: int, mass: str) -> None:
    graph = random_graph(seed)
    if not any(abs(b.weight).sum() for b in graph.blocks):
        return
    labels = search(graph, mass).solve("0")
    reached = modularity(graph, labels, layer_mass=mass)
    for vertex in range(graph.n):
        for module in [*set(labels.tolist()), labels.max() + 1]:
            other = labels.copy()
            other[vertex] = module
            assert modularity(graph, other, layer_mass=mass) <= reached + 1e-9
    dense = make(
        [layer.size for layer in graph.layers],
        [
            (graph.layers.index(p.source), graph.layers.index(p.target), m.toarray() if sp.issparse(m) else m)
            for p in weighted_pairs(graph, "weight")
            for m in [p.matrix]
        ],
    )
    assert modularity(dense, search(dense, mass).solve("0"), layer_mass=mass) == pytest.approx(
        reached, rel=0.2, abs=0.05
    )


def test_dense_and_sparse_blocks_move_alike() -> None:
    graph, _ = planted([30, 30, 30], 3, 0.4, seed=0)
    dense = search(graph)
    for blocks in (slice(None), slice(1), slice(1, 2)):
        assert search(with_sparse(graph, blocks)).solve("1").tolist() == dense.solve("1").tolist()


def test_batches_of_a_layer_do_not_change_what_is_gained(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, truth = planted([40, 40, 40], 4, 0.3, seed=2)
    monkeypatch.setattr("netgraph.analysis.modules.layered.SCORES", 50)  # one vertex at a time
    assert adjusted_rand(search(graph).solve("0"), truth) == 1


def test_as_good_as_the_best_of_ten_leiden_runs_on_400_thousand_edges() -> None:
    rng = np.random.default_rng(0)
    bound = 1 / np.sqrt([784, 500])  # what torch draws
    graph = chain(rng.uniform(-bound[0], bound[0], (500, 784)), rng.uniform(-bound[1], bound[1], (10, 500)))
    edges = weighted_pairs(graph, "weight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("netgraph.analysis.modules.methods.LISTED", 10**9)
        leiden = METHODS["layered"].prepare(Question(graph, edges, "weight", "equal", 1.0, None))
    best = max(modularity(graph, leiden(str(run))) for run in range(10))
    assert modules(graph, runs=1).quality >= 0.995 * best


@pytest.mark.usefixtures("on_blocks")
def test_the_same_seed_gives_the_same_modules_on_blocks() -> None:
    graph, _ = planted([30, 30, 30], 3, 0.7, seed=0)
    random.seed(5)
    before = random.getstate()
    one, two = modules(graph, seed=3, runs=3), modules(graph, seed=3, runs=3)
    assert random.getstate() == before
    assert one.labels.equals(two.labels)
    assert one.runs.tolist() == two.runs.tolist()


# -- awkward graphs ----------------------------------------------------------------------------


@pytest.mark.usefixtures("on_blocks")
@pytest.mark.parametrize("name", awkward())
def test_every_awkward_graph_answers_or_says_why_not_on_blocks(name: str) -> None:
    graph = awkward()[name]
    if name in {"single layer", "no layers", "two layers, no block", "all weights zero"}:
        with pytest.raises(AnalysisError, match="no edge with 'weight' other than 0"):
            modules(graph)
        return
    found = modules(graph, runs=3)
    assert found.labels.max() + 1 == len(found.table)
    assert -1e-12 <= found.quality <= 1
    assert found.quality == pytest.approx(modularity(graph, found.labels), abs=1e-12)


@pytest.mark.usefixtures("on_blocks")
@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1e200, 1e300])
def test_weights_of_any_scale_on_blocks(scale: float) -> None:
    for block in (scale * TWO, sp.csr_array(scale * TWO)):
        found = modules(chain(block, block), runs=2)
        assert found.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1] * 3
        assert found.quality == pytest.approx(0.5)


@pytest.mark.usefixtures("on_blocks")
def test_more_groups_than_can_be_merged_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netgraph.analysis.modules.layered.MAX_MERGED", 1)
    with pytest.warns(
        NetgraphWarning, match="2 groups of vertices are too many to be merged as wholes \\(at most 1\\)"
    ):
        found = modules(chain(TWO, TWO), runs=1)
    assert found.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1] * 3


def test_shares_add_up_to_one() -> None:
    edges = weighted_pairs(chain(TWO, 3 * TWO), "weight")
    assert pair_shares(edges, "equal") == [0.5, 0.5]
    assert pair_shares(edges, "weight") == [0.25, 0.75]
