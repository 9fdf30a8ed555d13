"""Circuits of networks whose true edges are known, and of trained ones against chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from boolean_networks import FUNCTIONS, compiled, sequential
from circuit_networks import pairs
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from trained_networks import conv_small, digits_mlp, lenet

import netgraph as ng
from netgraph.graph.flat import FlatEdges

Array = np.ndarray[Any, Any]
FLOWING = ("attribution", "eap", "eap_ig", "mask_ig", "lrp_eps")
"""Scores that are 0 where nothing flows from an edge to the target."""
HELD = 300


# -- boolean functions -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_default_returns_exactly_the_true_edges(name: str, seed: int) -> None:
    made = compiled(name, 10, "dead", seed)
    net = ng.trace(made.model, (made.inputs.shape[1],))
    for edges in (200, len(made.edges)):
        found = ng.circuit(net, made.inputs, edges=edges)
        assert pairs(found) == made.edges  # F1 = 1
        assert len(found) == len(made.edges) < len(found.whole.edges) / 5
    assert found.evidence.faithfulness == pytest.approx(1, abs=1e-12)
    assert found.evidence.knock_out == pytest.approx(0, abs=1e-12)
    assert found.evidence.minimality == 1
    assert found.evidence.random.loc["mean", "faithfulness"] < 0.5


@pytest.mark.parametrize("score", FLOWING)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_distractors_score_exactly_0(name: str, score: str) -> None:
    made = compiled(name, 10)
    net = ng.trace(made.model, (made.inputs.shape[1],))
    graph = net.edge_scores(made.inputs, score)
    for block, mask in zip(graph.blocks, made.masks, strict=True):
        for column in ("score", "abs_score"):
            assert (block.values[column][~mask] == 0).all()
    true = np.concatenate([mask.ravel() for mask in made.masks])
    real, sizes = FlatEdges(graph).real, FlatEdges(graph).values("abs_score")
    assert roc_auc_score(true[real], sizes[real]) == 1 if score == "mask_ig" else (sizes[true] > 0).any()


@pytest.mark.parametrize("name", ["xor", "majority3", "parity3_chain"])
def test_cutting_a_distractor_alone_changes_exactly_nothing(name: str) -> None:
    made = compiled(name, 10)
    graph = ng.trace(made.model, (made.inputs.shape[1],)).edge_scores(made.inputs, "exact", metric="deviation")
    for block, mask in zip(graph.blocks, made.masks, strict=True):
        assert (block.values["score"][~mask] == 0).all()
        assert (block.values["score"][mask] > 1e-3).all()


@pytest.mark.parametrize("corrupted", ["mean", "zero", "resample"])
def test_true_edges_are_found_whatever_cut_edges_carry(corrupted: str) -> None:
    made = compiled("majority5", 10)
    net = ng.trace(made.model, (5,))
    assert pairs(ng.circuit(net, made.inputs, corrupted=corrupted)) == made.edges
    assert pairs(ng.circuit(net, made.inputs, corrupted=1 - made.inputs)) == made.edges


# -- trained networks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_digits_are_better_than_chance_and_than_weights(seed: int) -> None:
    net, (x, y), held_out = digits_mlp(seed)
    evidence = ng.circuit(net, x[:HELD], y[:HELD], target=2 * seed, held_out=held_out).evidence
    assert evidence.settings["inputs"] == len(held_out[0])
    assert_better(evidence)


@pytest.mark.parametrize("network", [lenet, conv_small], ids=["lenet", "conv_small"])
def test_convolutions_are_better_than_chance_and_than_weights(network: Any) -> None:
    net, (x, y) = network(200)
    found = ng.circuit(net, x[:100], y[:100], target=3, held_out=(x[100:], y[100:]))
    assert_better(found.evidence)
    again = ng.circuit(net, x[:100], y[:100], target=3, held_out=(x[100:], y[100:]))
    assert again.scores.equals(found.scores)


def assert_better(evidence: ng.Evidence) -> None:
    assert evidence.areas is not None and evidence.cmd is not None
    random = evidence.areas.filter(like="random", axis=0)["cmd"]
    assert len(random) >= 3
    assert evidence.cmd <= random.min() - 0.3
    assert evidence.cmd < evidence.areas.loc["weight", "cmd"]
    assert evidence.faithfulness > evidence.baselines.filter(like="random", axis=0)["faithfulness"].max()


@pytest.mark.parametrize("target", [0, 3])
def test_eap_ranks_edges_as_cutting_them_one_by_one_does(target: int) -> None:
    """To 12 digits: against the mean, edges into the logits score 0 by definition, and rounding must not rank them."""
    net, (x, _), _ = digits_mlp(0)
    exact, fast = (
        FlatEdges(net.edge_scores(x[:HELD], score, target=("centred", target), absolute=False))
        .values("score")
        .round(12)
        for score in ("exact", "eap")
    )
    assert spearmanr(exact, fast).statistic >= 0.95
    assert spearmanr(np.abs(exact), np.abs(fast)).statistic >= 0.95


def test_the_same_seed_gives_the_same_circuit() -> None:
    net, (x, y), _ = digits_mlp(0)
    for options in ({}, {"corrupted": "resample"}, {"held_out": 0.5}):
        one, two = (ng.circuit(net, x[:HELD], y[:HELD], target=4, seed=7, **options) for _ in range(2))
        assert one.scores.equals(two.scores)
        assert one.chosen.tolist() == two.chosen.tolist()
        assert one.evidence.baselines.equals(two.evidence.baselines)


def test_permuting_units_permutes_the_circuit() -> None:
    net, (x, y), _ = digits_mlp(0)
    linear = [m for m in net.model if isinstance(m, torch.nn.Linear)]
    weights, biases = ([getattr(m, name).detach().numpy() for m in linear] for name in ("weight", "bias"))
    rng = np.random.default_rng(0)
    orders = [np.arange(64), rng.permutation(32), rng.permutation(32), np.arange(10)]
    moved = [w[after][:, before] for w, before, after in zip(weights, orders, orders[1:], strict=False)]
    copy = ng.trace(sequential(moved, [b[o] for b, o in zip(biases, orders[1:], strict=True)]).eval(), (64,))
    one, two = (ng.circuit(n, x[:HELD], y[:HELD], target=5) for n in (net, copy))
    names = ("input", "linear_0", "linear_2", "linear_4")
    back = {f"{name}:{new}": f"{name}:{old}" for name, order in zip(names, orders, strict=True)
            for new, old in enumerate(order)}  # fmt: skip
    assert {(back[a], back[b]) for a, b in pairs(two)} == pairs(one)
    assert two.evidence.faithfulness == pytest.approx(one.evidence.faithfulness, abs=1e-9)
