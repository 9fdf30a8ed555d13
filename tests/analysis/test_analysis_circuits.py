"""Circuits and their evidence on networks whose answer is known by construction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from analysis_fake_network import FakeNetwork, trained_like, xor
from analysis_graphs import chain, make
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy

from netgraph.analysis.circuits import circuit, faithfulness
from netgraph.analysis.circuits.evidence import kl
from netgraph.analysis.circuits.selection import count_edges, drop_dangling, masks_of, top
from netgraph.analysis.circuits.targets import resolve, take
from netgraph.errors import AnalysisError, TableError, UnknownName
from netgraph.graph.formats import read_graph, write_graph


def test_xor_keeps_its_six_edges_and_no_distractor() -> None:
    net = xor(distractors=5)
    found = circuit(net, np.array([[1.0, 1.0]]), edges=50, corrupted="zero")
    assert len(found) == 6
    assert found.graph.ids.tolist() == ["l0:0", "l0:1", "l1:0", "l1:1", "l2:0"]
    assert found.scores["score"].tolist() == [-2, -2, 2, -2, 1, 1]
    distractor_scores = found.block_scores[0][2:]
    assert (distractor_scores == 0).all()


def test_xor_flows_by_hand() -> None:
    # At (1, 1): a = (1, 1), h = (2, 1), y = 2 − 2 = 0.
    found = circuit(xor(), np.array([[1.0, 1.0]]), corrupted="zero")
    first, last = found.block_scores
    assert first.tolist() == [[1, 1], [-2, -2]]
    assert last.tolist() == [[2, -2]]


def test_faithfulness_is_0_without_and_1_with_all_edges() -> None:
    net, inputs, labels = trained_like()
    found = circuit(net, inputs, labels, target=1, edges=8)
    evidence = faithfulness(found, net, inputs, labels)
    assert evidence.baselines.loc["no edges", "faithfulness"] == 0
    assert evidence.baselines.loc["full network", "faithfulness"] == 1
    assert evidence.baselines.loc["full network", "kl"] == 0
    whole = circuit(net, inputs, labels, target=1, score="weight", edges=10_000)
    assert len(whole) == len(whole.whole.edges) == 54
    assert faithfulness(whole, net, inputs, labels).faithfulness == pytest.approx(1, abs=1e-12)


def test_what_is_no_edge_is_never_cut() -> None:
    """An entry may weigh 0 and still stand for a part that passes a constant on."""

    class Recording(FakeNetwork):
        def masked(self, inputs: Any, masks: Sequence[Any], *args: Any, **options: Any) -> np.ndarray[Any, Any]:
            for w, mask in zip(self.weights, masks, strict=True):
                assert mask[w == 0].all()
            return super().masked(inputs, masks, *args, **options)

    net = Recording([[[1.0, 0.0], [0.0, 2.0]], [[1.0, -1.0], [0.0, 1.0]]])
    inputs = np.array([[1.0, 2.0], [3.0, 1.0], [2.0, 2.0]])
    evidence = faithfulness(circuit(net, inputs, target=0, edges=2), net, inputs, [0, 1, 0], curve=True)
    assert net.runs > 3
    assert evidence.curve is not None
    assert evidence.curve["faithfulness"].iloc[-1] == pytest.approx(1)


def test_the_planted_circuit_is_found_and_is_faithful() -> None:
    net, inputs, labels = trained_like()
    found = circuit(net, inputs, labels, target=1, edges=6)
    # Class 1 is read from inputs 2, 3 through units 2, 3 (FakeNetwork plants it so).
    assert found.graph.ids.tolist() == ["l0:2", "l0:3", "l1:2", "l1:3", "l2:1"]
    evidence = found.evidence
    assert evidence.edges == 6
    assert evidence.faithfulness > 0.6
    assert (evidence.baselines.filter(like="random", axis=0)["faithfulness"] < evidence.faithfulness).all()
    assert evidence.false_positive_rate == 0
    assert evidence.accuracy > 0.95
    assert found.evidence is evidence  # computed once


def test_sparse_blocks_and_dense_ones_give_the_same_circuit() -> None:
    net, inputs, labels = trained_like()
    dense = FakeNetwork(net.weights, net.biases)
    one = circuit(net, inputs, labels, target=2, edges=9)
    two = circuit(dense, inputs, labels, target=2, edges=9)
    assert sp.issparse(one.masks[1])
    assert one.scores.equals(two.scores)
    assert one.evidence.faithfulness == pytest.approx(two.evidence.faithfulness, abs=1e-12)


def test_evidence_by_hand() -> None:
    # y = (x1, x2): the edge x1 → y1 alone, target 0 centred (y1 − y2), means (1/2, 1/2).
    net = FakeNetwork([np.eye(2)])
    inputs, labels = np.eye(2), np.array([0, 1])
    found = circuit(net, inputs, labels, target=0, edges=1)
    assert found.scores[["source", "target"]].to_numpy().tolist() == [["l0:0", "l1:0"]]
    evidence = faithfulness(found, net, inputs, labels)
    # On the input (1, 0): full 1 − 0 = 1, nothing 0, circuit 1 − 1/2.
    assert evidence.faithfulness == pytest.approx(0.5)
    # Outputs (1, 1/2) and (0, 1/2): right about both.
    assert evidence.accuracy == 1
    assert evidence.false_positive_rate == 0
    expected = np.mean([entropy(softmax(f), softmax(c)) for f, c in (([1, 0], [1, 0.5]), ([0, 1], [0, 0.5]))])
    assert evidence.kl == pytest.approx(expected)


def test_a_raw_logit_can_be_kept_while_others_are_called_that_class_too() -> None:
    # Class 0 is x1; class 1 is −x1. Ablated to zero, −x1 no longer speaks against class 0.
    net = FakeNetwork([[[1.0, 0.0], [0.0, 1.0]]])
    inputs = np.array([[2.0, 0.0], [1.0, 3.0]])
    labels = np.array([0, 1])
    raw = circuit(net, inputs, labels, target=("logit", 0), edges=1, corrupted="zero")
    evidence = faithfulness(raw, net, inputs, labels, corrupted="zero")
    assert evidence.faithfulness == 1
    assert evidence.false_positive_rate == 1


@given(st.integers(0, 1000))
def test_kl_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    full, other = rng.normal(size=(2, 4, 5)) * 10
    expected = entropy(softmax(full, axis=1), softmax(other, axis=1), axis=1).mean()
    assert kl(full, other) == pytest.approx(expected, rel=1e-9)


def test_curve_ends_at_1_and_gives_its_areas() -> None:
    net, inputs, labels = trained_like()
    evidence = faithfulness(circuit(net, inputs, labels, target=0, edges=6), net, inputs, labels, curve=True)
    assert evidence.curve is not None
    assert evidence.curve["share"].iloc[-1] == 1
    assert evidence.curve["faithfulness"].iloc[-1] == pytest.approx(1)
    f, s = evidence.curve["faithfulness"].to_numpy(), evidence.curve["share"].to_numpy()
    assert evidence.cpr == pytest.approx(sum((f[1:] + f[:-1]) / 2 * np.diff(s)))
    assert evidence.cmd is not None
    assert 0 <= evidence.cmd < 0.5
    assert "CPR" in repr(evidence)


def test_repr_is_a_small_table() -> None:
    net, inputs, labels = trained_like()
    text = repr(circuit(net, inputs, labels, target=0, edges=6).evidence)
    assert "centred logit 0: 6 of 54 edges" in text
    for row in ("circuit", "random, same size", "full network", "no edges"):
        assert f"\n{row}" in text


def test_same_seed_same_evidence() -> None:
    net, inputs, labels = trained_like()
    found = circuit(net, inputs, labels, target=0, edges=6)
    one, two = (faithfulness(found, net, inputs, labels, seed=3) for _ in range(2))
    assert one.baselines.equals(two.baselines)
    assert not faithfulness(found, net, inputs, labels, seed=4).baselines.equals(one.baselines)


def test_undefined_faithfulness_is_said() -> None:
    # Every input is the same: the mean says all.
    net = FakeNetwork([np.eye(2)])
    inputs = np.ones((3, 2))
    evidence = faithfulness(circuit(net, inputs, target=("logit", 0), edges=1), net, inputs)
    assert np.isnan(evidence.faithfulness)
    assert "undefined" in repr(evidence)


# -- selection ---------------------------------------------------------------------------------


@given(st.integers(0, 5000), st.integers(1, 60))
def test_what_is_kept_lies_on_ways_from_inputs_to_outputs(seed: int, keep: int) -> None:
    rng = np.random.default_rng(seed)
    graph = make(
        [3, 4, 3, 2],
        [
            (0, 1, rng.normal(size=(4, 3))),
            (1, 2, sp.csr_array(rng.normal(size=(3, 4)))),
            (2, 3, rng.normal(size=(2, 3))),
            (0, 3, rng.normal(size=(2, 3))),
        ],
    )
    sizes = [12, 12, 6, 6]
    masks = masks_of(graph, rng.permutation(sum(sizes))[: min(keep, sum(sizes))])
    live = drop_dangling(graph, masks)
    # The fixpoint, the slow way: drop edges whose source is not written or whose target is not read, until none goes.
    edges = []
    for block, mask in zip(graph.blocks, masks, strict=True):
        dense = mask if isinstance(mask, np.ndarray) else mask.toarray()
        s, t = graph.layer(block.source).start, graph.layer(block.target).start
        edges += [(int(i) + s, int(j) + t) for j, i in zip(*np.nonzero(dense), strict=True)]
    while True:
        written, read = {v for _, v in edges}, {u for u, _ in edges}
        kept = [(u, v) for u, v in edges if (u < 3 or u in written) and (v >= 10 or v in read)]
        if len(kept) == len(edges):
            break
        edges = kept
    found = set()
    for block, mask in zip(graph.blocks, live, strict=True):
        dense = mask if isinstance(mask, np.ndarray) else mask.toarray()
        s, t = graph.layer(block.source).start, graph.layer(block.target).start
        found |= {(int(i) + s, int(j) + t) for j, i in zip(*np.nonzero(dense), strict=True)}
    assert found == set(edges)
    again = drop_dangling(graph, live)
    assert count_edges(graph, again) == count_edges(graph, live)


@given(st.integers(0, 5000), st.integers(1, 40))
def test_top_counts_edges_after_dangling_ones_went(seed: int, edges: int) -> None:
    rng = np.random.default_rng(seed)
    graph = chain(rng.normal(size=(4, 3)), rng.normal(size=(3, 4)), rng.normal(size=(2, 3)))
    scores = [rng.normal(size=b.shape) for b in graph.blocks]
    chosen = top(graph, scores, edges)
    got = count_edges(graph, chosen.masks)
    assert got <= chosen.before
    flat = np.concatenate([np.abs(s).ravel() for s in scores])
    order = np.argsort(-flat, kind="stable")
    sizes = [count_edges(graph, drop_dangling(graph, masks_of(graph, order[:n]))) for n in range(len(flat) + 1)]
    fitting = [size for size in sizes if 0 < size <= edges]
    assert got == (max(fitting) if fitting else min(s for s in sizes if s))


def test_edges_that_score_0_are_never_chosen() -> None:
    graph = chain([[1.0, 1.0]], [[1.0]])
    chosen = top(graph, [np.array([[1.0, 0.0]]), np.array([[1.0]])], 3)
    assert [mask.tolist() for mask in chosen.masks] == [[[True, False]], [[True]]]
    with pytest.raises(AnalysisError, match="scores exactly 0"):
        top(graph, [np.zeros((1, 2)), np.zeros((1, 1))], 3)


def test_settings_tell_edges_before_and_after() -> None:
    net, inputs, labels = trained_like()
    found = circuit(net, inputs, labels, target=0, edges=7)
    assert found.settings["edges_asked"] == 7
    assert found.settings["edges_after"] == len(found) == len(found.graph.edges) <= 7
    assert found.settings["edges_before"] >= len(found)
    assert found.settings["inputs_scored"] == int((labels == 0).sum())


# -- the rest of a circuit ---------------------------------------------------------------------


def test_paths_run_inside_the_circuit() -> None:
    net, inputs, labels = trained_like()
    found = circuit(net, inputs, labels, target=1, edges=6)
    listed = found.paths()
    assert {v for path in listed["vertices"] for v in path} == set(found.graph.ids)
    assert len(listed) == 4
    assert listed["value"].sum() == pytest.approx(1)


def test_save_writes_tables_settings_and_evidence(tmp_path: Path) -> None:
    net, inputs, labels = trained_like()
    found = circuit(net, inputs, labels, target=1, edges=6)
    folder = found.save(tmp_path / "circuit")
    told = json.loads((folder / "circuit.json").read_text(encoding="utf-8"))
    assert told["settings"]["edges_after"] == 6
    assert told["evidence"]["faithfulness"] == pytest.approx(found.evidence.faithfulness)
    assert told["evidence"]["baselines"]["full network"]["faithfulness"] == 1
    assert (folder / "edges.csv").read_text(encoding="utf-8").count("\n") == 7
    found.save(folder)  # again, over itself
    assert read_graph(folder).n == found.graph.n
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(TableError, match=r"holds notes\.txt"):
        found.save(folder)
    assert (folder / "notes.txt").read_text() == "mine"


def test_save_refuses_a_folder_with_another_export(tmp_path: Path) -> None:
    net, inputs, labels = trained_like()
    write_graph(chain([[1.0]]), tmp_path / "graph")
    with pytest.raises(TableError, match="not just a saved circuit"):
        circuit(net, inputs, labels, target=1, edges=6).save(tmp_path / "graph")


def test_bad_questions_are_answered_by_name() -> None:
    net, inputs, labels = trained_like()
    with pytest.raises(UnknownName, match="unknown score 'atribution': did you mean 'attribution'"):
        circuit(net, inputs, labels, target=0, score="atribution")
    with pytest.raises(UnknownName, match="unknown method"):
        circuit(net, inputs, labels, target=0, method="greedily")
    with pytest.raises(UnknownName, match="unknown corrupted 'median'"):
        circuit(net, inputs, labels, target=0, corrupted="median")
    with pytest.raises(UnknownName, match="granularity"):
        circuit(net, inputs, labels, target=0, granularity="neuron")
    with pytest.raises(AnalysisError, match=r"class 3 does not exist.*0 … 2"):
        circuit(net, inputs, labels, target=3)
    with pytest.raises(AnalysisError, match="3 outputs: say which"):
        circuit(net, inputs, labels)
    with pytest.raises(AnalysisError, match="target='cat'"):
        circuit(net, inputs, labels, target="cat")
    with pytest.raises(AnalysisError, match=r"labels have shape \(3,\), the inputs need \(120,\)"):
        circuit(net, inputs, [0, 1, 2], target=0)
    with pytest.raises(AnalysisError, match="none of the 120 inputs has the label 2"):
        circuit(net, inputs, np.zeros(120), target=2)
    with pytest.raises(AnalysisError, match="at least one edge"):
        circuit(net, inputs, labels, target=0, edges=0)
    found = circuit(net, inputs, labels, target=0)
    with pytest.raises(AnalysisError, match="at least 3 random circuits"):
        faithfulness(found, net, inputs, labels, samples=1)


def test_inputs_may_be_nested_lists_or_a_tuple_of_arrays() -> None:
    net, inputs, labels = trained_like()
    expected = circuit(net, inputs, labels, target=1, edges=6).scores
    assert circuit(net, inputs.tolist(), labels.tolist(), target=1, edges=6).scores.equals(expected)
    rows = np.array([0, 2])
    assert [part.tolist() for part in take((np.arange(3), np.arange(3) * 2), rows, 3)] == [[0, 2], [0, 4]]
    assert take(inputs, np.arange(len(inputs)), len(inputs)) is inputs


def test_differences_and_raw_logits_have_their_own_metric() -> None:
    logits = np.array([[1.0, 2.0, 6.0]])
    assert resolve((2, 0), 3).metric(logits).tolist() == [5.0]
    assert resolve(("logit", 1), 3).metric(logits).tolist() == [2.0]
    assert resolve(2, 3).metric(logits).tolist() == [4.5]
    assert resolve(np.int64(2), 3).graph_target == ("centred", 2)
    assert resolve(None, 1).metric(logits[:, :1]).tolist() == [1.0]
