"""The evidence for circuits: every figure worked out by hand, or from runs in plain torch."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from boolean_networks import sequential
from circuit_networks import dense, pairs, residual, three_classes, three_classes_by_hand
from hypothesis import given
from hypothesis import strategies as st
from masked_by_hand import MaskedByHand, centred
from scipy.special import softmax
from scipy.stats import entropy

import netgraph as ng
from netgraph.analysis.circuits.curve import SHARES
from netgraph.analysis.circuits.judging import Judge, kl
from netgraph.errors import AnalysisError, UnknownName

Array = np.ndarray[Any, Any]


def signs() -> Array:
    """All of (±1, ±1, ±1): every mean is 0, and nothing is correlated."""
    return np.array(list(product((-1.0, 1.0), repeat=3)))


# -- by hand -----------------------------------------------------------------------------------


def test_faithfulness_is_0_without_and_1_with_all_edges() -> None:
    for net, inputs, labels in (three_classes(), residual()):
        for corrupted in ("mean", "zero", "resample", -inputs):
            evidence = ng.circuit(net, inputs, labels, target=1, edges=8, corrupted=corrupted).evidence
            assert evidence.baselines.loc["no edges", "faithfulness"] == 0
            assert evidence.baselines.loc["full network", "faithfulness"] == 1
            assert evidence.baselines.loc["full network", "kl"] == 0
    net, inputs, labels = three_classes()
    whole = ng.circuit(net, inputs, labels, target=1, score="weight", edges=10_000)
    assert len(whole) == len(whole.whole.edges) == 54
    evidence = ng.faithfulness(whole, net, inputs, labels)
    assert evidence.faithfulness == pytest.approx(1, abs=1e-12)
    assert evidence.knock_out == 0


def test_evidence_by_hand() -> None:
    # y = (x1, x2): the edge x1 → y1 alone, target 0 centred (y1 − y2), means (1/2, 1/2).
    net, inputs, labels = dense([np.eye(2)]), np.eye(2), np.array([0, 1])
    found = ng.circuit(net, inputs, labels, target=0, edges=1)
    assert found.scores[["source", "target"]].to_numpy().tolist() == [["input:0", "linear_0:0"]]
    evidence = ng.faithfulness(found, net, inputs, labels)
    # On the input (1, 0): full 1 − 0 = 1, nothing 0, circuit 1 − 1/2.
    assert evidence.faithfulness == pytest.approx(0.5)
    # Outputs (1, 1/2) and (0, 1/2): right about both.
    assert evidence.accuracy == 1
    assert evidence.false_positive_rate == 0
    expected = np.mean([entropy(softmax(f), softmax(c)) for f, c in (([1, 0], [1, 0.5]), ([0, 1], [0, 0.5]))])
    assert evidence.kl == pytest.approx(expected)
    # Without the edge: 1/2 − 0 on that input. Without it the circuit is nothing.
    assert evidence.knock_out == pytest.approx(0.5)
    assert evidence.minimality == 1
    assert evidence.error == 0  # one input of the class: it is always drawn
    assert (evidence.edges, evidence.edges_total) == (1, 2)


def test_edges_that_score_nothing_come_last_on_the_curve_and_what_is_no_edge_nowhere() -> None:
    # On the input (1, 0) nothing flows from x2, yet at its mean it speaks: it is the second of the two edges.
    net, inputs, labels = dense([np.eye(2)]), np.eye(2), np.array([0, 1])
    found = ng.circuit(net, inputs, labels, target=0, edges=1, score="attribution")
    assert found.order.tolist() == [0]
    curve = found.evidence.curve
    assert curve is not None
    assert curve["edges"].tolist() == [1] * 9 + [2]
    assert curve["faithfulness"].tolist() == pytest.approx([0.5] * 9 + [1])
    judge = Judge(net, found.whole, inputs, labels, 0)
    assert judge.edges.real.tolist() == [True, False, False, True]
    assert np.array_equal(judge.run([0, 3]).logits, judge.full.logits)
    assert np.array_equal(judge.without([1, 2]).logits, judge.full.logits)


def test_a_raw_logit_can_be_kept_while_others_are_called_that_class_too() -> None:
    # Ablated to zero, x2 no longer speaks against class 0.
    net, inputs, labels = dense([np.eye(2)]), np.array([[2.0, 0.0], [1.0, 3.0]]), np.array([0, 1])
    raw = ng.circuit(net, inputs, labels, target=("logit", 0), edges=1, corrupted="zero")
    evidence = ng.faithfulness(raw, net, inputs, labels, corrupted="zero")
    assert evidence.faithfulness == 1
    assert evidence.false_positive_rate == 1
    assert evidence.accuracy == 0.5


def test_a_single_output_is_judged_by_how_far_it_is_off() -> None:
    # y = x1 + x2 + x3/100 over all signs: each part's variance adds up, 2.0001 in all; the mean is 0 throughout.
    net, inputs = dense([[[1.0, 1.0, 0.01]]]), signs()
    found = ng.circuit(net, inputs, edges=2)
    assert {source for source, _ in pairs(found)} == {"input:0", "input:1"}
    evidence = ng.faithfulness(found, net, inputs)
    assert evidence.settings["measured_by"] == "deviation"
    assert evidence.faithfulness == pytest.approx(1 - 0.0001 / 2.0001, abs=1e-12)
    assert evidence.knock_out == pytest.approx(1 - 2 / 2.0001, abs=1e-12)
    assert np.isnan([evidence.accuracy, evidence.false_positive_rate, evidence.kl]).all()
    assert "nan" in repr(evidence)


def test_an_edge_that_moves_f_by_less_than_a_tenth_of_its_part_is_not_needed() -> None:
    net, inputs = dense([[[1.0, 1.0, 0.01]]]), signs()
    found = ng.circuit(net, inputs, edges=3)
    evidence = ng.faithfulness(found, net, inputs)
    # Without x1 or x2: f = 1 − 1/2.0001. Without x3: 1 − 0.0001/2.0001, which is less than 1/30 off.
    assert evidence.minimality == pytest.approx(2 / 3)
    assert evidence.settings["probed"] == 3
    assert ng.faithfulness(found, net, inputs, probes=2).minimality in (0.5, 1.0)
    none = ng.faithfulness(found, net, inputs, probes=0)
    assert np.isnan(none.minimality) and none.settings["probed"] == 0


@given(st.integers(0, 1000))
def test_kl_is_scipys(seed: int) -> None:
    full, other = np.random.default_rng(seed).normal(size=(2, 4, 5)) * 10
    expected = entropy(softmax(full, axis=1), softmax(other, axis=1), axis=1).mean()
    assert kl(full, other) == pytest.approx(expected, rel=1e-9)


# -- against runs in plain torch -----------------------------------------------------------------


@pytest.mark.parametrize("corrupted", ["mean", "zero"])
def test_every_figure_is_that_of_runs_by_hand(corrupted: str) -> None:
    weights, inputs, labels = three_classes_by_hand(2)
    net, x = dense(weights), torch.from_numpy(inputs)
    by_hand = MaskedByHand(sequential(weights, [np.zeros(len(w)) for w in weights]))
    base = by_hand.means(x) if corrupted == "mean" else by_hand.zeros(x)
    found = ng.circuit(net, inputs, labels, target=2, edges=5, corrupted=corrupted)
    evidence = ng.faithfulness(found, net, inputs, labels, curve=True)

    def logits(masks: Any) -> torch.Tensor:
        with torch.no_grad():
            return by_hand.forward(x, masks, base)

    def flat(chosen: Array) -> list[Array]:
        kept = np.zeros(54)
        kept[chosen] = 1
        return [kept[:36].reshape(6, 6), kept[36:].reshape(3, 6)]

    full, nothing = logits(by_hand.masks()), logits(by_hand.masks(0.0))
    mine = labels == 2

    def f(out: torch.Tensor, rows: Any = mine) -> float:
        own, most, least = (float(centred(2)(o)[rows].mean()) for o in (out, full, nothing))
        return (own - least) / (most - least)

    own = logits(found.masks)
    assert evidence.faithfulness == pytest.approx(f(own), abs=1e-12)
    called = own.argmax(1).numpy() == 2
    assert evidence.accuracy == np.mean(called == mine)
    assert evidence.false_positive_rate == called[~mine].mean()
    assert evidence.kl == pytest.approx(entropy(softmax(full, axis=1), softmax(own, axis=1), axis=1).mean(), abs=1e-12)
    assert evidence.knock_out == pytest.approx(f(logits([1 - m for m in found.masks])), abs=1e-12)
    moved = [abs(f(logits(flat(found.chosen[found.chosen != e]))) - f(own)) for e in found.chosen]
    assert evidence.minimality == np.mean(np.array(moved) > 0.1 * abs(f(own)) / len(found))
    # the error: f of the members drawn again, 200 times
    members = np.flatnonzero(mine)
    draws = np.random.default_rng(0).multinomial(len(members), np.full(len(members), 1 / len(members)), size=200)
    assert evidence.error == pytest.approx(np.std([f(own, np.repeat(members, draw)) for draw in draws]), abs=1e-9)
    assert evidence.error > 0
    # the curve: beginnings of the order, then what the order lacks
    order = np.concatenate([found.order, np.setdiff1d(np.arange(54), found.order)])
    assert evidence.curve is not None and evidence.areas is not None
    counts = [max(1, round(share * 54)) for share in SHARES]
    assert evidence.curve["edges"].tolist() == counts
    by_count = [f(logits(flat(order[:count]))) for count in counts]
    assert evidence.curve["faithfulness"].to_numpy() == pytest.approx(by_count, abs=1e-12)
    cpr = cmd = 0.0
    for (s, a), (t, b) in zip(zip(SHARES, by_count), zip(SHARES[1:], by_count[1:])):  # noqa: B905
        cpr += (t - s) * (a + b) / 2
        cmd += (t - s) * (abs(1 - a) + abs(1 - b)) / 2
    assert (evidence.cpr, evidence.cmd) == (pytest.approx(cpr), pytest.approx(cmd))


@given(st.integers(0, 200))
def test_swapping_clean_and_corrupted_inputs_flips_the_sign(seed: int) -> None:
    """m(N) − m(∅) of any network; of a linear one m(C) − m(∅) of any circuit too."""
    rng = np.random.default_rng(seed)
    clean, other, labels = rng.normal(size=(8, 3)), rng.normal(size=(8, 3)), np.arange(8) % 2
    for weights in ([rng.normal(size=(4, 3)), rng.normal(size=(2, 4))], [rng.normal(size=(2, 3))]):
        net = dense(weights)
        graph = net.graph()
        one = Judge(net, graph, clean, labels, 1, corrupted=other)
        two = Judge(net, graph, other, labels, 1, corrupted=clean)
        assert one.measured_by == "target"
        rows = one.target.rows
        sets = [np.arange(one.edges.size)]
        if len(weights) == 1:
            sets.append(rng.permutation(6)[:3])
        for chosen in sets:
            gain, loss = ((j.run(chosen).values - j.nothing.values)[rows].mean() for j in (one, two))
            assert gain == pytest.approx(-loss, abs=1e-12)


# -- what it is measured on ------------------------------------------------------------------------


def test_what_is_held_out_is_what_evidence_is_on() -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs[:80], labels[:80], target=1, edges=6, held_out=(inputs[80:], labels[80:]))
    assert found.settings["inputs"] == 80
    assert found.evidence.settings["inputs"] == 40
    assert found.evidence.settings["inputs_of_interest"] == int((labels[80:] == 1).sum())
    assert "that it was found with" not in repr(found.evidence)
    direct = ng.faithfulness(found, net, inputs[80:], labels[80:], curve=True)
    assert direct.baselines.equals(found.evidence.baselines)
    assert direct.areas is not None and direct.areas.equals(found.evidence.areas)
    alone = ng.circuit(net, inputs[:80], labels[:80], target=1, edges=6)
    assert alone.scores.equals(found.scores)
    assert "80 inputs that it was found with, corrupted='mean'" in repr(alone.evidence)
    assert found.evidence is found.evidence  # computed once


def test_a_share_of_the_inputs_can_be_held_out() -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs, labels, target=1, edges=6, held_out=0.25)
    assert (found.settings["inputs"], found.evidence.settings["inputs"]) == (90, 30)
    again, other = (ng.circuit(net, inputs, labels, target=1, edges=6, held_out=0.25, seed=s) for s in (0, 1))
    assert again.scores.equals(found.scores)
    assert again.evidence.baselines.equals(found.evidence.baselines)
    assert not other.scores.equals(found.scores)
    # inputs, labels and counterfactuals are parted alike: where x' = −x, so it is on both sides
    paired = ng.circuit(net, inputs, labels, target=1, edges=6, corrupted=-inputs, held_out=0.25)
    rows = np.sort(np.random.default_rng([0, 120]).permutation(120)[:30])
    theirs = ng.faithfulness(paired, net, inputs[rows], labels[rows], corrupted=-inputs[rows])
    assert theirs.faithfulness == pytest.approx(paired.evidence.faithfulness, abs=1e-12)
    for share in (0.0, 1.0, 2, "half", (inputs,)):
        with pytest.raises(AnalysisError, match=r"held_out=.*: expected \(inputs, labels\), or a share"):
            ng.circuit(net, inputs, labels, target=1, held_out=share)
    with pytest.raises(AnalysisError, match="leaves none to score"):
        ng.circuit(net, inputs[:1], target="prediction", held_out=0.5)
    with pytest.raises(AnalysisError, match=r"held_out= needs its own: \(inputs, labels, corrupted\)"):
        ng.circuit(net, inputs, labels, target=1, corrupted=-inputs, held_out=(inputs, labels))
    assert ng.circuit(
        net, inputs, labels, target=1, corrupted=-inputs, held_out=(inputs[:9], None, -inputs[:9])
    ).evidence.settings["corrupted"] == "counterfactual"  # fmt: skip


def test_without_labels_the_networks_own_predictions_are_the_classes() -> None:
    net, inputs, _ = three_classes()
    called = net.outputs(inputs).argmax(1)
    one, two = (ng.circuit(net, inputs, labels, target=2, edges=6) for labels in (None, called))
    assert one.scores.equals(two.scores)
    assert one.evidence.baselines.equals(two.evidence.baselines)
    assert one.evidence.baselines.loc["full network", "accuracy"] == 1
    assert (one.evidence.settings["classes"], two.evidence.settings["classes"]) == ("predictions", "labels")


def test_undefined_faithfulness_is_said() -> None:
    # Every input is the same: the mean says all.
    for dtype in (torch.float64, torch.float32):
        model = torch.nn.Linear(2, 2, bias=False).to(dtype).eval()
        model.weight.data = torch.eye(2, dtype=dtype)
        net, inputs = ng.trace(model, (2,)), torch.tensor([[0.1, 0.3], [0.7, 0.2], [0.33, 1 / 3]], dtype=dtype)
        found = ng.circuit(net, inputs, target=("logit", 0), labels=[0, 0, 0], edges=1)
        evidence = ng.faithfulness(found, net, inputs, labels=[0, 0, 0])
        assert np.isnan([evidence.faithfulness, evidence.error]).all()
        assert "faithfulness is undefined: ablating every edge leaves" in repr(evidence)
        assert "pass labels of several classes, or corrupted='zero'" in repr(evidence)
        zero = ng.faithfulness(found, net, inputs, labels=[0, 0, 0], corrupted="zero")
        assert zero.faithfulness == pytest.approx(1)
        assert "undefined" not in repr(zero)


# -- baselines -------------------------------------------------------------------------------------


def test_random_circuits_are_of_the_same_size_and_come_from_the_seed() -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs, labels, target=0, edges=6)
    one, two = (ng.faithfulness(found, net, inputs, labels, seed=3, curve=True) for _ in range(2))
    assert one.baselines.equals(two.baselines) and one.error == two.error
    assert one.curve is not None and one.curve.equals(two.curve)
    assert not ng.faithfulness(found, net, inputs, labels, seed=4).baselines.equals(one.baselines)
    judge = Judge(net, found.whole, inputs, labels, 0)
    for sample in range(3):
        drawn = np.random.default_rng([3, sample]).permutation(54)[: len(found)]
        assert judge.faithfulness(judge.run(drawn)) == one.baselines.loc[f"random {sample + 1}", "faithfulness"]
    values = one.baselines.filter(like="random", axis=0)["faithfulness"]
    assert len(values) == 3
    assert one.random.loc["mean", "faithfulness"] == pytest.approx(values.mean())
    assert one.random.loc["sd", "faithfulness"] == pytest.approx(np.std(values))
    assert len(ng.faithfulness(found, net, inputs, labels, samples=5).baselines) == 8
    with pytest.raises(AnalysisError, match="at least 3 random circuits"):
        ng.faithfulness(found, net, inputs, labels, samples=2)


def test_weight_is_chosen_as_the_circuit_is() -> None:
    net, inputs, labels = three_classes()
    for method in ("greedy", "top"):
        found = ng.circuit(net, inputs, labels, target=0, edges=6, method=method)
        alike = ng.circuit(net, inputs, labels, target=0, edges=len(found), method=method, score="weight")
        theirs = ng.faithfulness(alike, net, inputs, labels).faithfulness
        assert found.evidence.baselines.loc["weight", "faithfulness"] == pytest.approx(theirs, abs=1e-12)


def test_the_planted_circuit_is_better_than_chance() -> None:
    net, inputs, labels = three_classes()
    evidence = ng.circuit(net, inputs, labels, target=1, edges=6).evidence
    assert evidence.edges == 6
    assert evidence.faithfulness > 0.6
    assert (evidence.baselines.filter(like="random", axis=0)["faithfulness"] < evidence.faithfulness).all()
    assert evidence.false_positive_rate == 0
    assert evidence.accuracy > 0.95
    assert evidence.cmd is not None and 0 <= evidence.cmd < 0.5


def test_unknown_corruptions_are_named_and_networks_that_are_not_the_circuits() -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs, labels, target=0, edges=6)
    with pytest.raises(UnknownName, match="unknown corrupted 'median'"):
        ng.faithfulness(found, net, inputs, labels, corrupted="median")
    with pytest.raises(AnalysisError, match="which this network does not make"):
        ng.faithfulness(found, dense([np.eye(6)]), inputs, labels)
