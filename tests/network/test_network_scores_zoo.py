"""Every score on every network: finite, in the graph's own layout, and what the graph says of its flows."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from network_zoo import ZOO, make
from torch import nn

import netgraph as ng
from netgraph.errors import AnalysisError, InputError, UnknownName
from netgraph.graph.flat import FlatEdges
from netgraph.network.score_rules import METRICS, SCORES

TOLERANCE = 1e-12
BOTH = list(itertools.product(ZOO, ["channel", "unit"]))
WHATEVER_IS_CUT = ["weight", "contribution", "attribution", "lrp_eps"]
COMPARED = ["centred", "eap", "eap_ig", "mask_ig"]


def drawn(name: str, n: int = 3) -> tuple[ng.Network, torch.Tensor, torch.Tensor]:
    model, x = make(name, torch.float64)
    generator = torch.Generator().manual_seed(7)
    x, other = torch.randn(2, n, *ZOO[name][1], generator=generator, dtype=torch.float64)
    return ng.trace(model, x), x, other


@pytest.mark.parametrize(("name", "granularity"), BOTH)
def test_network_scores_are_finite_and_in_the_graphs_layout(name: str, granularity: str) -> None:
    net, x, other = drawn(name, 2)
    plain = net.graph(granularity)
    flat = FlatEdges(plain)
    asked: list[dict[str, Any]] = [{"score": score} for score in WHATEVER_IS_CUT]
    for score, corrupted in itertools.product(COMPARED, ["mean", "zero", "resample", other]):
        asked.append({"score": score, "corrupted": corrupted, "steps": 2})
    others = [metric for metric in METRICS if metric != SCORES["mask_ig"].metric]
    asked += [{"score": "mask_ig", "metric": metric, "steps": 2, "reference": other} for metric in others]
    for options in asked:
        graph = net.edge_scores(x, target=1, granularity=granularity, **options)
        found = FlatEdges(graph)
        assert [(b.source, b.target, b.shape) for b in graph.blocks] == [
            (b.source, b.target, b.shape) for b in plain.blocks
        ]
        assert np.array_equal(found.source, flat.source) and np.array_equal(found.target, flat.target)
        assert np.array_equal(found.values("weight"), flat.values("weight"))
        score, absolute = found.values("score"), found.values("abs_score")
        assert score.shape == absolute.shape == (flat.size,)
        assert np.isfinite(score).all() and absolute.max() > 0  # signed, centred ones are 0 over their own mean
        assert not score[~flat.real].any()  # what is no edge has no score
        assert (absolute >= np.abs(score) * (1 - 1e-9) - 1e-14).all()
        assert graph.meta["score"] == options["score"]


@pytest.mark.parametrize(("name", "granularity"), BOTH)
def test_network_scores_attribution_is_the_flow_of_the_graph(name: str, granularity: str) -> None:
    """Kirchhoff: what flows into a vertex and its constants is what flows out of it, also by score."""
    net, x, _ = drawn(name)
    scored = net.edge_scores(x, "attribution", 1, granularity, flows=True)
    flat = FlatEdges(scored)
    for column, aggregate in [("score", "mean"), ("abs_score", "mean_abs")]:
        flows = FlatEdges(net.graph(granularity, inputs=x, target=1, aggregate=aggregate)).values("attribution")
        np.testing.assert_allclose(flat.values(column), flows, rtol=0, atol=TOLERANCE)
    contribution = FlatEdges(net.edge_scores(x, "contribution", 1, granularity)).values("score")
    np.testing.assert_allclose(contribution, flat.values("contribution"), rtol=0, atol=TOLERANCE)
    score = flat.values("score")
    into, out = (np.bincount(ends, score, scored.n) for ends in (flat.target, flat.source))
    attribution, constants = scored.columns["attribution"], scored.columns["constant_share"]
    entered, left = np.zeros(scored.n, dtype=bool), np.zeros(scored.n, dtype=bool)
    entered[flat.target], left[flat.source] = True, True
    assert entered.any() and left.any()
    np.testing.assert_allclose((into + constants)[entered], attribution[entered], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(out[left], attribution[left], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["mlp-gelu", "forms", "generator", "grouped"])
def test_network_scores_centred_is_the_contribution_less_that_of_what_cut_edges_carry(name: str) -> None:
    """w·(a − μ): means add up, so it is the mean contribution here less that there; 0 over the reference itself."""
    net, x, other = drawn(name, 4)
    of = {
        key: FlatEdges(net.edge_scores(inputs, score, 0, **options))
        for key, (inputs, score, options) in {
            "centred": (x, "centred", {"reference": other}),
            "here": (x, "contribution", {}),
            "there": (other, "contribution", {}),
            "itself": (x, "centred", {}),
        }.items()
    }
    graph, chosen = of["here"].graph, np.ones(of["here"].size, dtype=bool)
    if (
        name == "forms"
    ):  # gates and products are weights that are taken from the values: those of the first layer add up
        chosen = np.isin(of["here"].target, np.arange(graph.layer("fc1").start, graph.layer("fc1").stop))
    expected = of["here"].values("score") - of["there"].values("score")
    assert np.abs(expected[chosen]).max() > 1e-3
    np.testing.assert_allclose(of["centred"].values("score")[chosen], expected[chosen], rtol=0, atol=TOLERANCE)
    assert np.abs(of["itself"].values("score")[chosen]).max() < TOLERANCE
    assert np.abs(of["itself"].values("abs_score")[chosen]).max() > 1e-3


@pytest.mark.parametrize("score", ["eap", "mask_ig", "eap_ig", "exact"])
def test_network_scores_of_batches_are_those_of_all_inputs(score: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x, other = drawn("squeeze-excite" if score != "exact" else "forms", 5)
    options: dict[str, Any] = {"target": ("centred", torch.tensor([0, 1, 2, 1, 0])), "reference": other}
    together = FlatEdges(net.edge_scores(x, score, **options))
    monkeypatch.setattr("netgraph.network.inputs.BATCH", 2)
    told: list[tuple[int, int | None]] = []
    apart = FlatEdges(net.edge_scores(x, score, progress=lambda done, total: told.append((done, total)), **options))
    for column in ("score", "abs_score"):
        np.testing.assert_allclose(apart.values(column), together.values(column), rtol=0, atol=TOLERANCE)
    assert told[-1] == (5, 5)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_network_scores_in_lower_precision_are_near(dtype: torch.dtype) -> None:
    net, x, _ = drawn("lenet-gelu")
    expected = FlatEdges(net.edge_scores(x, "eap", 1)).values("score")
    model, _ = make("lenet-gelu", torch.float64)
    low = ng.trace(model.to(dtype), x.to(dtype))
    graph = low.edge_scores(x.to(dtype), "eap", 1)
    found = FlatEdges(graph).values("score")
    assert found.dtype == np.float32
    assert np.corrcoef(found, expected)[0, 1] > (0.9999999 if dtype == torch.float32 else 0.99)


# -- what is refused ---------------------------------------------------------------------------------


def test_network_scores_what_is_refused() -> None:
    net, x, _ = drawn("mlp-relu")
    with pytest.raises(UnknownName, match=r"unknown score 'eep': did you mean 'eap'"):
        net.edge_scores(x, "eep", 0)
    with pytest.raises(UnknownName, match=r"unknown metric 'target_': did you mean 'target'\? Known: target, dev"):
        net.edge_scores(x, "eap", 0, metric="target_")
    with pytest.raises(UnknownName, match="granularity"):
        net.edge_scores(x, "eap", 0, "chanel")
    with pytest.raises(UnknownName, match="corrupted"):
        net.edge_scores(x, "eap", 0, corrupted="gauss")
    with pytest.raises(AnalysisError, match=r"steps=0, epsilon=0\.01: expected a whole number of at least one"):
        net.edge_scores(x, "mask_ig", 0, steps=0)
    with pytest.raises(AnalysisError, match=r"steps=2\.5, .* a whole number of at least one step"):
        net.edge_scores(x, "mask_ig", 0, steps=2.5)
    for score, metric in (("mask_ig", None), ("eap_ig", "kl")):
        with pytest.raises(AnalysisError, match=r"steps=1 takes the gradient where nothing is cut.*take at least two"):
            net.edge_scores(x, score, 0, steps=1, metric=metric)
    with pytest.raises(AnalysisError, match="an epsilon of at least 0"):
        net.edge_scores(x, "lrp_eps", 0, epsilon=-1.0)
    for score in ("eap", "attribution", "lrp_eps"):
        with pytest.raises(AnalysisError, match=f"score '{score}' takes its gradient where nothing is cut.*mask_ig"):
            net.edge_scores(x, score, 0, metric="deviation")
    with pytest.raises(InputError, match="the network has 4 outputs: say which with target="):
        net.edge_scores(x, "eap")
    with pytest.raises(InputError, match="the network has 4 outputs: say which with target="):
        net.edge_scores(x, "exact")
    with pytest.raises(InputError, match="no change of the network would move"):
        net.edge_scores(x, "eap", lambda logits: torch.ones(len(logits)))
    single = ng.trace(nn.Linear(2, 1), (2,))
    with pytest.raises(InputError, match=r"metric='kl' compares classes, and the output has shape \(3, 1\)"):
        single.edge_scores(torch.randn(3, 2), "mask_ig", metric="kl")
    tokens = ng.trace(nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2)), torch.tensor([[1, 2]]))
    with pytest.raises(InputError, match="whole numbers have none: use 'mask_ig'"):
        tokens.edge_scores(torch.tensor([[1, 2]]), "eap_ig", 0)
    assert set(SCORES) == {*WHATEVER_IS_CUT, *COMPARED, "exact"}
