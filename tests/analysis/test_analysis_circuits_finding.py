"""Which edges a circuit keeps: orders, sizes and what dangles, held against the slow way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from analysis_graphs import chain, make, random_graph
from circuit_networks import pairs, question, residual, three_classes, xor
from hypothesis import given
from hypothesis import strategies as st

import netgraph as ng
from netgraph.analysis.circuits import selection
from netgraph.analysis.circuits.dangling import Ways
from netgraph.analysis.circuits.ranking import by_size, from_output, sizes
from netgraph.errors import AnalysisError
from netgraph.graph.flat import FlatEdges
from netgraph.graph.graph import Graph

seeds = st.integers(0, 5000)


def skipping(seed: int) -> Graph:
    """Dense and sparse blocks, and a skip from the inputs to the outputs."""
    rng = np.random.default_rng(seed)
    return make(
        [3, 4, 3, 2],
        [
            (0, 1, rng.normal(size=(4, 3))),
            (1, 2, sp.csr_array(rng.normal(size=(3, 4)))),
            (2, 3, rng.normal(size=(2, 3))),
            (0, 3, rng.normal(size=(2, 3))),
        ],
    )


def slowly_live(edges: FlatEdges, chosen: list[int], begins: set[int], ends: set[int]) -> set[int]:
    """Drop edges whose source is not written or whose target is not read, until none goes."""
    left = set(chosen)
    while True:
        written, read = {int(edges.target[e]) for e in left}, {int(edges.source[e]) for e in left}
        kept = {e for e in left if (int(edges.source[e]) in begins | written) and (int(edges.target[e]) in ends | read)}
        if kept == left:
            return kept
        left = kept


# -- what dangles ------------------------------------------------------------------------------


@given(seeds, st.integers(1, 60))
def test_what_is_kept_lies_on_ways_from_inputs_to_outputs(seed: int, keep: int) -> None:
    edges = FlatEdges(skipping(seed))
    chosen = np.random.default_rng(seed).permutation(edges.size)[:keep]
    found = Ways(edges).live(chosen)
    assert set(found.tolist()) == slowly_live(edges, chosen.tolist(), {0, 1, 2}, {10, 11})
    assert found.tolist() == sorted(found.tolist())
    assert Ways(edges).live(found).tolist() == found.tolist()


@given(seeds, st.integers(1, 30), st.integers(3, 9))
def test_ways_may_end_at_any_vertex(seed: int, keep: int, end: int) -> None:
    edges = FlatEdges(skipping(seed))
    chosen = np.random.default_rng(seed).permutation(edges.size)[:keep]
    assert set(Ways(edges, [end]).live(chosen).tolist()) == slowly_live(edges, chosen.tolist(), {0, 1, 2}, {end})
    assert Ways(edges, [end]).ends.tolist() == [end]


# -- orders ------------------------------------------------------------------------------------


def slowly_greedy(edges: FlatEdges, key: Any, ends: list[int]) -> list[int]:
    """Every edge is looked at in every round; ties go to the first target, then to the first edge."""
    joined, order = set(ends), []
    left = {e for e in range(edges.size) if key[e] > 0}
    while entering := [e for e in left if int(edges.target[e]) in joined]:
        best = min(entering, key=lambda e: (-key[e], int(edges.target[e]), e))
        left.remove(best)
        joined.add(int(edges.source[best]))
        order.append(best)
    return order


@given(seeds, st.booleans())
def test_greedy_is_the_slow_way(seed: int, ties: bool) -> None:
    edges = FlatEdges(random_graph(seed))
    rng = np.random.default_rng(seed)
    key = rng.integers(0, 4, edges.size).astype(float) if ties else rng.random(edges.size)
    ends = rng.choice(edges.graph.n, size=min(2, edges.graph.n), replace=False).tolist()
    assert from_output(edges, key, np.array(ends)).tolist() == slowly_greedy(edges, key, ends)


def test_greedy_by_hand() -> None:
    # 0, 1 → 2, 3 → 4: 3 → 4 is larger, so 1 → 3 comes before 2 → 4, though 0 → 2 is the largest of all.
    edges = FlatEdges(chain([[9.0, 0.0], [0.0, 4.0]], [[3.0, 5.0]]))
    named = [(int(edges.source[e]), int(edges.target[e])) for e in from_output(edges, edges.values("weight"), [4])]
    assert named == [(3, 4), (1, 3), (2, 4), (0, 2)]


def test_the_largest_come_first_and_ties_in_their_order() -> None:
    edges = FlatEdges(chain([[1.0, 1.0, 0.0, 2.0]], [[1.0]]))
    assert by_size(edges, np.array([1.0, 1.0, 0.0, 2.0, 1.0])).tolist() == [3, 0, 1, 4]


def test_an_edge_whose_shares_cancel_comes_after_those_that_count_and_before_those_that_do_nothing() -> None:
    edges = FlatEdges(chain([[1.0, 1.0, 1.0, 0.0]]))
    key = sizes(edges, np.array([0.0, -2.0, 0.0, 5.0]), np.array([3.0, 2.0, 0.0, 5.0]))
    assert key.tolist() == [3e-6, 2.0, 0.0, 0.0]  # the last weighs 0: it is no edge
    assert sizes(edges, np.array([0.0, -2.0, 0.0, 5.0]), None).tolist() == [0.0, 2.0, 0.0, 0.0]


# -- sizes -------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 40), st.sampled_from(sorted(selection.ORDERS)))
def test_sizes_count_edges_after_dangling_ones_went(seed: int, count: int, method: str) -> None:
    asked = question(skipping(seed), np.random.default_rng(seed).random(36))
    order = selection.ORDERS[method](asked)
    chosen = selection.first(asked, order, count)
    live = [len(asked.ways.live(order[:n])) for n in range(len(order) + 1)]
    fitting = [size for size in live if 0 < size <= count]
    assert len(chosen.edges) == (max(fitting) if fitting else min(size for size in live if size))
    assert chosen.edges.tolist() == asked.ways.live(order[: chosen.before]).tolist()
    assert len(chosen.edges) <= chosen.before


def test_more_edges_than_there_are_give_all_that_score() -> None:
    asked = question(chain([[1.0, 0.0], [2.0, 3.0]], [[1.0, 1.0]]))
    assert len(selection.first(asked, selection.top(asked), 10**9).edges) == 5


def test_edges_that_score_0_are_never_chosen() -> None:
    graph = chain([[1.0, 1.0]], [[1.0]])
    asked = question(graph, [1.0, 0.0, 1.0])
    for method in selection.ORDERS.values():
        assert selection.first(asked, method(asked), 3).edges.tolist() == [0, 2]
    nothing = question(graph, [0.0, 0.0, 0.0])
    for method in selection.ORDERS.values():
        with pytest.raises(AnalysisError, match="scores exactly 0"):
            selection.first(nothing, method(nothing), 3)


def test_what_leads_nowhere_is_no_circuit() -> None:
    asked = question(chain([[1.0]], [[1.0]]), [1.0, 0.0])
    with pytest.raises(AnalysisError, match="no chosen edge lies on a way from an input to an output"):
        selection.first(asked, selection.top(asked), 3)


def test_thresholds_by_hand() -> None:
    # 3 and 2 lead on: 0 → 2 (3), 1 → 2 (1), 2 → 3 (2)
    asked = question(chain([[3.0, 1.0]], [[-2.0]]))
    for least, edges, before in ((3.0, None, 1), (2.0, [0, 2], 2), (1.5, [0, 2], 2), (1.0, [0, 1, 2], 3)):
        if edges is None:
            with pytest.raises(AnalysisError, match="no chosen edge lies on a way"):
                selection.threshold(asked, least)
            continue
        found = selection.threshold(asked, least)
        assert (found.edges.tolist(), found.before) == (edges, before)
    with pytest.raises(AnalysisError, match=r"no edge scores 3\.5 or more; the largest \|score\| is 3"):
        selection.threshold(asked, 3.5)
    for least in (0, -1.0, float("nan")):
        with pytest.raises(AnalysisError, match=r"expected a positive \|score\|"):
            selection.threshold(asked, least)


def test_shares_of_all_scores_by_hand() -> None:
    asked = question(chain([[3.0, 1.0]], [[-2.0]]))  # 3 of 6, 5 of 6, 6 of 6
    assert selection.cumulative(asked, 5 / 6).edges.tolist() == [0, 2]
    assert selection.cumulative(asked, 0.51).edges.tolist() == [0, 2]
    assert selection.cumulative(asked, 0.84).edges.tolist() == [0, 1, 2]
    assert selection.cumulative(asked, 1).edges.tolist() == [0, 1, 2]
    with pytest.raises(AnalysisError, match="no chosen edge lies on a way"):
        selection.cumulative(asked, 0.5)  # the input's edge alone
    for share in (0, 1.01, -0.5, float("nan")):
        with pytest.raises(AnalysisError, match=r"expected a share of Σ\|score\| above 0 and up to 1"):
            selection.cumulative(asked, share)


@given(seeds, st.floats(0.05, 1))
def test_the_search_ends_at_a_faithful_beginning_after_one_that_is_not(seed: int, wanted: float) -> None:
    asked = question(skipping(seed), np.random.default_rng(seed).random(36))
    order = selection.top(asked)
    tried: list[int] = []

    def judge(edges: Any) -> float:
        tried.append(len(edges))
        return len(edges) / 36

    found = selection.faithful(asked, order, wanted, judge)
    live = [len(asked.ways.live(order[:n])) / 36 for n in range(len(order) + 1)]
    assert found.before == next(n for n, share in enumerate(live) if share >= wanted - 1e-6)
    assert len(found.edges) / 36 == live[found.before]
    assert len(tried) <= 12  # doubled, then halved


def test_a_faithfulness_that_cannot_be_had_is_said() -> None:
    asked = question(chain([[3.0, 1.0]], [[-2.0]]))
    order = selection.top(asked)
    with pytest.raises(AnalysisError, match=r"faithful to 0\.9: all 3 edges that score reach 0\.500"):
        selection.faithful(asked, order, 0.9, lambda _: 0.5)
    with pytest.raises(AnalysisError, match="faithfulness is undefined at these inputs"):
        selection.faithful(asked, order, 0.9, lambda _: float("nan"))
    for wanted in (0, 1.1, float("nan")):
        with pytest.raises(AnalysisError, match="expected a share above 0 and up to 1"):
            selection.faithful(asked, order, wanted, lambda _: 1.0)


# -- circuits ----------------------------------------------------------------------------------


def test_xor_keeps_its_six_edges_and_no_distractor() -> None:
    found = ng.circuit(xor(distractors=5), np.array([[1.0, 1.0]]), edges=50, corrupted="zero", score="attribution")
    assert len(found) == 6
    assert found.graph.ids.tolist() == ["input:0", "input:1", "linear_0:0", "linear_0:1", "linear_2:0"]
    assert found.scores["score"].tolist() == [-2, -2, 2, -2, 1, 1]
    assert (found.whole.blocks[0].values["score"][2:] == 0).all()


@pytest.mark.parametrize("score", ["attribution", "eap"])
def test_xor_flows_by_hand(score: str) -> None:
    # At (1, 1): a = (1, 1), h = (2, 1), y = 2 − 2 = 0.
    found = ng.circuit(xor(), np.array([[1.0, 1.0]]), corrupted="zero", score=score)
    first, last = (block.values["score"] for block in found.whole.blocks)
    assert first.tolist() == [[1, 1], [-2, -2]]
    assert last.tolist() == [[2, -2]]


def test_the_planted_circuit_is_found() -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs, labels, target=1, edges=6)
    # Class 1 is read from inputs 2, 3 through units 2, 3.
    assert found.graph.ids.tolist() == ["input:2", "input:3", "linear_0:2", "linear_0:3", "linear_2:1"]
    assert len(found.graph.edges) == len(found) == 6


@pytest.mark.parametrize("method", ["greedy", "top", "paths"])
def test_settings_tell_edges_before_and_after(method: str) -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs, labels, target=0, edges=7, method=method)
    assert found.settings["edges_asked"] == 7
    assert found.settings["edges_after"] == len(found) == len(found.graph.edges) <= 7
    assert found.settings["edges_before"] >= len(found)
    assert found.settings["edges_total"] == 54
    assert found.settings["inputs_scored"] == int((labels == 0).sum())
    assert found.settings["inputs"] == 120


def test_masks_are_the_circuit_in_the_layout_of_its_graph() -> None:
    net, inputs, labels = residual()
    found = ng.circuit(net, inputs, labels, target=1, edges=20)
    listed = set()
    assert any(sp.issparse(mask) for mask in found.masks)
    for block, mask in zip(found.whole.blocks, found.masks, strict=True):
        assert sp.issparse(mask) == sp.issparse(block.weight) and mask.shape == block.shape
        assert mask.dtype == bool
        whole = mask.toarray() if sp.issparse(mask) else mask
        listed |= {(f"{block.source}:{i}", f"{block.target}:{j}") for j, i in np.argwhere(whole).tolist()}
    _, table = found.graph.to_pandas()
    assert listed == pairs(found) == set(zip(table["source"], table["target"], strict=True))
    assert np.array_equal(
        net.masked(inputs, found.masks), net.masked(inputs, [np.asarray(dense_of(m)) for m in found.masks])
    )


def dense_of(mask: Any) -> Any:
    return mask.toarray() if sp.issparse(mask) else mask


def test_scores_are_listed_as_they_are_ranked() -> None:
    net, inputs, labels = residual()
    found = ng.circuit(net, inputs, labels, target=2, edges=15)
    table = found.scores
    assert (np.diff(found.question.key[found.chosen][np.argsort(-found.question.key[found.chosen])]) <= 0).all()
    assert (np.diff(table["score"].abs()) <= 1e-12).all()
    assert (table["abs_score"] >= table["score"].abs() - 1e-12).all()
    assert (table["weight"] != 0).all()
    plain = ng.circuit(net, inputs, labels, target=2, edges=15, absolute=False)
    assert list(plain.scores.columns) == ["source", "target", "score", "weight"]


def test_shares_of_the_edges_are_numbers_of_them() -> None:
    net, inputs, labels = three_classes()
    for share in (0.25, np.float32(0.25), 1.0):
        one = ng.circuit(net, inputs, labels, target=1, edges=share)
        assert pairs(one) == pairs(ng.circuit(net, inputs, labels, target=1, edges=round(float(share) * 54)))


def test_repr_says_what_it_is() -> None:
    net, inputs, labels = three_classes()
    assert (
        repr(ng.circuit(net, inputs, labels, target=1, edges=6))
        == "<Circuit for centred logit 1: 6 of 54 edges, 5 of 15 vertices, score 'mask_ig', method 'greedy'>"
    )
