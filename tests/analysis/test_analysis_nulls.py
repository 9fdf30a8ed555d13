"""Nulls keep what they say they keep, and nothing else: weights, places, degrees, strengths, tied copies, seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from analysis_graphs import awkward, chain, random_graph

from netgraph.analysis.nulls import NULLS, residual, shuffle, shuffle_nonzero
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Block, Graph, Layer

Array = np.ndarray[Any, Any]
every_null = pytest.mark.parametrize("name", NULLS)


def dense(block: Block) -> Array:
    return np.asarray(block.weight.toarray() if sp.issparse(block.weight) else block.weight)


def layered(*blocks: Block) -> Graph:
    layers = tuple(Layer(f"m{i}", f"l{i}", "linear" if i else "input", (6,), 6 * i, 6) for i in range(3))
    return Graph(layers, blocks, {})


@pytest.mark.parametrize("seed", range(10))
def test_shuffle_nonzero_keeps_weights_and_places(seed: int) -> None:
    graph = random_graph(seed)
    for before, after in zip(graph.blocks, shuffle_nonzero(graph, seed).blocks, strict=True):
        if before.kind == "skip":
            assert np.array_equal(dense(before), dense(after))
            continue
        assert np.array_equal(dense(before) != 0, dense(after) != 0)
        assert np.array_equal(np.sort(dense(before), axis=None), np.sort(dense(after), axis=None))


def test_residual_by_hand() -> None:
    # |W| = [[1, 3], [2, 2]]: r = (4, 4), c = (3, 5), m = 8; ratios w·m/(r·c) = 2/3, 6/5, 4/3, 4/5. In the null they are
    # elsewhere, as far from 1 times one factor; times r·c/m they are its weights.
    explained, ratios = np.outer([4, 4], [3, 5]) / 8, np.array([2 / 3, 4 / 5, 6 / 5, 4 / 3])
    seen = set()
    for seed in range(30):
        made = residual(chain(np.array([[-1.0, 3.0], [2.0, 2.0]])), seed).blocks[0].weight
        factor = (np.sort(np.abs(made) / explained, axis=None) - 1) / (ratios - 1)
        np.testing.assert_allclose(factor, factor[0])
        assert 0.5 <= factor[0] <= 2
        assert np.count_nonzero(made < 0) == 1
        assert np.abs(made / explained)[made < 0] == (np.abs(made) / explained).min(), "a sign goes with its weight"
        seen.add(tuple(made.ravel().round(6)))
    assert len(seen) > 10


def test_residual_leaves_what_strengths_explain() -> None:
    explained = np.outer([1.0, 2.0, 4.0], [1.0, 3.0, 5.0, 7.0])
    for matrix in (explained, sp.csr_array(explained)):
        np.testing.assert_allclose(dense(residual(chain(matrix), 1).blocks[0]), explained)


@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array])
def test_residual_keeps_places_and_strengths_in_the_mean(layout: Any) -> None:
    rng = np.random.default_rng(0)
    strong = np.exp(rng.standard_normal(30))[:, None] * np.exp(rng.standard_normal(40))
    weight = rng.standard_normal((30, 40)) * strong * (rng.random((30, 40)) < 0.6)
    graph = chain(layout(weight))
    made = [dense(residual(graph, seed).blocks[0]) for seed in range(60)]
    assert all(np.array_equal(m != 0, weight != 0) for m in made)

    def alike(null: Any) -> float:
        rows = np.mean([np.abs(dense(null(graph, seed).blocks[0])).sum(axis=1) for seed in range(60)], axis=0)
        return float(np.corrcoef(np.log(rows), np.log(np.abs(weight).sum(axis=1)))[0, 1])

    assert alike(residual) > 0.95 > 0.6 > alike(shuffle_nonzero)
    assert np.abs(made[0]).sum(axis=1) != pytest.approx(np.abs(weight).sum(axis=1), rel=0.01), "in the mean only"


def test_nulls_of_pruned_weights_differ_in_what_moves() -> None:
    """A unit whose weights are all pruned comes alive when zeros move, too."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((8, 9))
    weight[3] = 0
    alive = {name: bool(dense(null(chain(weight), 0).blocks[0])[3].any()) for name, null in NULLS.items()}
    assert alive == {"shuffle": True, "shuffle_nonzero": False, "strength": False, "residual": False}


@every_null
def test_nulls_move_tied_copies_together_and_operations_not_at_all(name: str) -> None:
    rng = np.random.default_rng(1)
    shared = rng.standard_normal((6, 6))
    graph = layered(
        Block("l0", "l1", "linear", shared),
        Block("l1", "l2", "linear", shared.copy(), shared_with="l1"),
        Block("l0", "l2", "skip", np.eye(6)),
    )
    first, second, skip = (dense(block) for block in NULLS[name](graph, 5).blocks)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, shared)
    assert np.array_equal(skip, np.eye(6))


@every_null
def test_nulls_of_a_block_depend_on_no_other_block(name: str) -> None:
    """So that any order of work, on any worker, gives the same."""
    rng = np.random.default_rng(2)
    first, second = (Block(f"l{i}", f"l{i + 1}", "linear", rng.standard_normal((6, 6))) for i in range(2))
    both = NULLS[name](layered(first, second), 7)
    assert np.array_equal(dense(both.blocks[1]), dense(NULLS[name](layered(second), 7).blocks[0]))
    assert not np.array_equal(dense(both.blocks[1]), dense(NULLS[name](layered(second), 8).blocks[0]))


@every_null
@pytest.mark.parametrize("graph", awkward())
@pytest.mark.filterwarnings("ignore:null of:netgraph.NetgraphWarning")
def test_nulls_of_awkward_graphs_are_finite_and_as_large(name: str, graph: str) -> None:
    before = awkward()[graph]
    after = NULLS[name](before, 1)
    assert len(after.edges) == len(before.edges)
    for block in after.blocks:
        assert np.isfinite(dense(block)).all()


@every_null
def test_nulls_keep_single_precision(name: str) -> None:
    graph = Graph.from_matrices([np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)])
    assert NULLS[name](graph, 0).blocks[0].weight.dtype == np.float32


@every_null
def test_nulls_refuse_what_is_not_finite(name: str) -> None:
    with pytest.raises(AnalysisError, match="holds NaN or infinity"):
        NULLS[name](chain(np.array([[np.inf, 1.0]])), 0)


def test_nulls_keep_the_spread_that_search_feeds_on() -> None:
    """Of weights without structure, what sums leave unexplained is as wide in every null as it was.

    Ratios that are permuted as they are lose some of it to their sums once more, and every graph would look modular.
    """

    def unexplained(weight: Array) -> float:
        size = np.abs(weight) / np.abs(weight).sum()
        return float(np.square(size - np.outer(size.sum(axis=1), size.sum(axis=0))).sum())

    rng = np.random.default_rng(0)
    for null in (shuffle, shuffle_nonzero, residual):
        ratio = []
        for seed in range(60):
            weight = rng.standard_normal((12, 12))
            ratio.append(unexplained(null(chain(weight), seed).blocks[0].weight) / unexplained(weight))
        assert np.mean(ratio) == pytest.approx(1, abs=0.04), null.__name__
