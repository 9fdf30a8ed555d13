"""Scores of all edges against referees: masks in plain torch, slopes of masked runs, loops by hand, paper."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from boolean_networks import xor_at_one_one
from masked_by_hand import MaskedByHand, Target, centred, logit
from network_zoo import ZOO, make
from scipy.stats import spearmanr
from torch import nn
from trained_networks import digits_mlp

import netgraph as ng
from netgraph.graph.flat import FlatEdges
from netgraph.network.corruption import Corruption

TOLERANCE = 1e-10
CORRUPTED = ["mean", "zero", "resample", "counterfactual"]


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 7), nn.GELU(), nn.Linear(7, 4))


def lenet() -> nn.Sequential:
    """Kernels with several taps, a stride, padding, maxima, and units that read channels in several columns."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3, stride=2, padding=1),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(20, 6),
        nn.ReLU(),
        nn.Linear(6, 3),
    )


CHAINS: dict[str, tuple[Callable[[], nn.Sequential], tuple[int, ...]]] = {
    "mlp": (mlp, (12,)),
    "lenet": (lenet, (2, 10, 10)),
}


class Case:
    """A chain, some inputs, others to take a mean over or to be the counterfactuals, and what its cut edges carry."""

    def __init__(self, name: str, corrupted: str) -> None:
        build, shape = CHAINS[name]
        torch.manual_seed(3)
        self.chain = build().double()
        for module in self.chain:
            if hasattr(module, "weight"):
                nn.init.normal_(module.weight, 0, 1.5 / module.weight[0].numel() ** 0.5)
        self.net = ng.trace(self.chain, shape)
        self.x, self.other = torch.randn(2, 6, *shape, dtype=torch.float64)
        self.hand = MaskedByHand(self.chain)
        self.options: dict[str, Any] = {"corrupted": corrupted, "reference": self.other}
        if corrupted == "mean":
            self.base = self.hand.means(self.other)
        elif corrupted == "zero":
            self.base = self.hand.zeros(self.other)
        elif corrupted == "resample":
            numbering = self.net.programs.numbering("channel", [self.x])
            partner = Corruption(self.net, numbering, [self.x], "resample", [self.other], 0).other
            assert partner is not None
            self.base = self.hand.sources(partner[0])
        else:
            self.options = {"corrupted": self.other}
            self.base = self.hand.sources(self.other)

    def scored(self, score: str, target: Any, **options: Any) -> ng.Graph:
        return self.net.edge_scores(self.x, score, target, **self.options, **options)


def blocks(graph: ng.Graph, column: str = "score") -> list[np.ndarray]:
    return [np.asarray(block.values[column]) for block in graph.blocks]


def same(found: list[np.ndarray], expected: list[np.ndarray], tolerance: float = TOLERANCE) -> None:
    assert max(np.abs(e).max() for e in expected) > 1e-4
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


TARGETS = [(1, logit(1)), (("centred", 2), centred(2))]


def everywhere(test: Any) -> Any:
    """Every network, corruption and target."""
    test = pytest.mark.parametrize(("target", "by_hand"), TARGETS)(test)
    test = pytest.mark.parametrize("corrupted", CORRUPTED)(test)
    return pytest.mark.parametrize("name", list(CHAINS))(test)


@everywhere
def test_network_scores_eap_is_the_slope_along_the_edges_mask(
    name: str, corrupted: str, target: Any, by_hand: Target
) -> None:
    case = Case(name, corrupted)
    graph = case.scored("eap", target)
    same(blocks(graph), case.hand.eap(case.x, case.base, by_hand))
    same(blocks(graph, "abs_score"), case.hand.eap(case.x, case.base, by_hand, absolute=True))


@everywhere
def test_network_scores_mask_ig_is_the_mean_slope_along_masks(
    name: str, corrupted: str, target: Any, by_hand: Target
) -> None:
    case = Case(name, corrupted)
    graph = case.scored("mask_ig", target)
    assert graph.meta["metric"] == "deviation"
    same(blocks(graph), case.hand.mask_ig(case.x, case.base, by_hand))


def slopes(case: Case, objective: Target, steps: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Mean over α = 1/steps … 1 of an objective's slopes along the masks: signed, and of absolute values."""
    each = [case.hand._gradients(case.x, case.base, objective, k / steps, True) for k in range(1, steps + 1)]
    found = [np.stack(block) for block in zip(*each, strict=True)]
    return [block.mean((0, 1)) for block in found], [np.abs(block).mean((0, 1)) for block in found]


@pytest.mark.parametrize("name", list(CHAINS))
@pytest.mark.parametrize(("metric", "steps"), [("target", 1), ("target", 3), ("deviation", 3), ("kl", 3)])
def test_network_scores_mask_ig_of_every_metric(name: str, metric: str, steps: int) -> None:
    """The absolute one is the mean over points of each input's absolute value, α = 1 among them."""
    case = Case(name, "mean")
    with torch.no_grad():
        full = case.chain(case.x).log_softmax(1)
    metrics: dict[str, Target] = {
        "target": logit(0),
        "deviation": case.hand.deviation(case.x, logit(0)),
        "kl": lambda logits: -(full.exp() * (full - logits.log_softmax(1))).sum(1),
    }
    signed, absolute = slopes(case, metrics[metric], steps)
    graph = case.scored("mask_ig", 0, metric=metric, steps=steps)
    same(blocks(graph), signed)
    same(blocks(graph, "abs_score"), absolute)


@pytest.mark.parametrize("name", list(CHAINS))
@pytest.mark.parametrize("corrupted", CORRUPTED)
def test_network_scores_eap_ig_is_a_loop_over_inputs_between(name: str, corrupted: str) -> None:
    """(a − a′) of the clean and corrupted inputs, times the mean slope at inputs between: Hanna et al. 2024."""
    case = Case(name, corrupted)
    clean, steps = case.hand.sources(case.x), 4
    if corrupted == "mean":
        start = case.other.mean(0, keepdim=True)
    elif corrupted == "zero":
        start = torch.zeros_like(case.x)
    else:
        start = case.base[0]
    total = [np.zeros((6, *shape)) for shape in case.hand.shapes]
    size = [np.zeros((6, *shape)) for shape in case.hand.shapes]
    for k in range(1, steps + 1):
        a = start + k / steps * (case.x - start)
        made = []
        for step in case.chain:
            a = step(a)
            if step in case.hand.affine:
                made.append(a)
        gradients = torch.autograd.grad(a[:, 1].sum(), made)
        for i, (module, gradient) in enumerate(zip(case.hand.affine, gradients, strict=True)):
            gap = (clean[i] - case.base[i]).expand_as(clean[i])
            for n in range(6):
                mask = torch.ones(case.hand.shapes[i], dtype=torch.float64, requires_grad=True)
                if isinstance(module, nn.Linear):
                    wide = mask.repeat_interleave(module.in_features // mask.shape[1], dim=1)
                    z = gap[n : n + 1] @ (module.weight.detach() * wide).T
                else:
                    taps = module.weight.detach() * mask[:, :, None, None]
                    z = nn.functional.conv2d(gap[n : n + 1], taps, None, module.stride, module.padding)
                (z * gradient[n : n + 1]).sum().backward()
                assert mask.grad is not None
                total[i][n] += mask.grad.numpy() / steps
                size[i][n] += mask.grad.abs().numpy() / steps
    graph = case.scored("eap_ig", 1, steps=steps)
    same(blocks(graph), [block.mean(0) for block in total])
    same(blocks(graph, "abs_score"), [block.mean(0) for block in size])


# -- one edge at a time --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(CHAINS))
@pytest.mark.parametrize(
    ("corrupted", "metric"),
    [("mean", "target"), ("resample", "target"), ("zero", "kl"), ("counterfactual", "deviation")],
)
def test_network_scores_exact_cuts_one_edge_at_a_time(name: str, corrupted: str, metric: str) -> None:
    case = Case(name, corrupted)
    with torch.no_grad():
        full = case.chain(case.x).log_softmax(1)
    metrics: dict[str, Target] = {
        "target": logit(2),
        "deviation": case.hand.deviation(case.x, logit(2)),
        "kl": lambda logits: -(full.exp() * (full - logits.log_softmax(1))).sum(1),
    }
    graph = case.scored("exact", 2, metric=metric)
    same(blocks(graph), case.hand.exact(case.x, case.base, metrics[metric]))
    assert all((a >= np.abs(b) - 1e-12).all() for a, b in zip(blocks(graph, "abs_score"), blocks(graph), strict=True))


def test_network_scores_exact_of_a_single_output_needs_no_target() -> None:
    """A cut edge loses what it carried: w·a."""
    model = nn.Sequential(nn.Linear(3, 1, bias=False)).double()
    nn.init.constant_(model[0].weight, 2.0)
    graph = ng.trace(model, (3,)).edge_scores(torch.tensor([[1.0, 2.0, -3.0]]), "exact", corrupted="zero")
    assert blocks(graph)[0].tolist() == [[2.0, 4.0, -6.0]]


def test_network_scores_eap_ranks_edges_as_cutting_each_of_them_does() -> None:
    net, (x, _), (test, _) = digits_mlp()
    options: dict[str, Any] = {"target": ("centred", 3), "reference": x[:500]}
    few = test[:20]
    exact = FlatEdges(net.edge_scores(few, "exact", **options)).values("score")
    found = FlatEdges(net.edge_scores(few, "eap", **options)).values("score")
    assert spearmanr(found, exact).statistic > 0.95
    whole = MaskedByHand(net.model)
    edges = [(b, j, i) for b, (n, m) in enumerate(whole.shapes) for j in range(0, n, 7) for i in range(0, m, 5)]
    by_hand = np.concatenate([b.ravel() for b in whole.exact(few, whole.means(x[:500]), centred(3), edges)])
    chosen = np.isfinite(by_hand)
    assert chosen.sum() == len(edges) > 100
    np.testing.assert_allclose(exact[chosen], by_hand[chosen], rtol=0, atol=TOLERANCE)


# -- on paper ----------------------------------------------------------------------------------------

PAPER = {  # XOR at (1, 1): h1 = relu(2) = 2, h2 = relu(1) = 1, y = h1 − 2·h2 = 0; a cut edge carries 0
    "weight": [[1, 1], [1, 1], [1, -2]],
    "contribution": [[1, 1], [1, 1], [2, -2]],
    "centred": [[1, 1], [1, 1], [2, -2]],
    "attribution": [[1, 1], [-2, -2], [2, -2]],
    "eap": [[1, 1], [-2, -2], [2, -2]],
    "eap_ig": [[1, 1], [-1, -1], [2, -2]],  # h2 is dead at (½, ½): its slope there is 0
    "exact": [[1, 1], [-2, -2], [2, -2]],
}


@pytest.mark.parametrize("score", list(PAPER))
def test_network_scores_of_xor_on_paper(score: str) -> None:
    paper = xor_at_one_one()
    net = ng.trace(paper.model, (2,))
    graph = net.edge_scores(paper.x, score, corrupted="zero", steps=2)
    found = np.concatenate([block.ravel() for block in blocks(graph)])
    assert found.tolist() == np.ravel(PAPER[score]).tolist()
    absolute = np.concatenate([block.ravel() for block in blocks(graph, "abs_score")])
    assert absolute.tolist() == np.abs(np.ravel(PAPER[score])).tolist()
    if score == "attribution":
        ids = graph.ids
        found_at = {(ids[s], ids[t]): v for s, t, v in zip(*_ends(graph), found, strict=True)}
        assert {(str(s), str(t)): v for (s, t), v in found_at.items()} == paper.attributions


def _ends(graph: ng.Graph) -> tuple[np.ndarray, np.ndarray]:
    flat = FlatEdges(graph)
    return flat.source, flat.target


def test_network_scores_mask_ig_of_xor_on_paper() -> None:
    """At α = ½: h1 = ½·2 = 1, h2 = relu(½·2 − 1) = 0, dead; y = ½·1 = ½, t = 0, −(y − t)² has slope −2·½ = −1.

    ∂y/∂(edge into h1) = ½, times x = 1; into h2 nothing; ∂y/∂(h1→y) = 1. Half of it: the slope at α = 1 is 0.
    """
    paper = xor_at_one_one()
    graph = ng.trace(paper.model, (2,)).edge_scores(paper.x, "mask_ig", corrupted="zero", steps=2)
    assert [block.tolist() for block in blocks(graph)] == [[[-0.25, -0.25], [0, 0]], [[-0.5, 0]]]
    assert [block.tolist() for block in blocks(graph, "abs_score")] == [[[0.25, 0.25], [0, 0]], [[0.5, 0]]]


# -- slopes of masked runs, on everything that is read ---------------------------------------------------


def slope(runs: Any, at: np.ndarray, along: np.ndarray, target: int, h: float = 1e-5) -> float:
    """d/dt of the mean target at ``at`` + t · ``along``, by central differences of masked runs."""
    ahead, behind = (runs.run(at + s * h * along, target).values.mean() for s in (1, -1))
    return float(ahead - behind) / (2 * h)


# A window of the largest of several zeros of ReLU has no slope: its edges carry means that are not 0.
TIED = [("lenet-relu", "unit"), ("resnet-relu", "unit"), ("in-place", "unit")]
SMOOTH = [pair for pair in itertools.product(ZOO, ["channel", "unit"]) if pair not in TIED]


@pytest.mark.parametrize(("name", "granularity"), SMOOTH)
def test_network_scores_are_slopes_of_masked_runs(name: str, granularity: str) -> None:
    """Along random directions in the space of all masks, each joint's own and all together."""
    model, _ = make(name, torch.float64)
    generator = torch.Generator().manual_seed(5)
    x, other = torch.randn(2, 3, *ZOO[name][1], generator=generator, dtype=torch.float64)
    net = ng.trace(model, x)
    runs = net.masked_runs(x, granularity, "mean", other)
    options: dict[str, Any] = {"granularity": granularity, "reference": other, "absolute": False}
    eap = FlatEdges(net.edge_scores(x, "eap", 1, **options)).values("score")
    ig = FlatEdges(net.edge_scores(x, "mask_ig", 1, metric="target", steps=3, **options)).values("score")
    graph = net.graph(granularity)
    assert eap.shape == ig.shape == (runs.size,)
    targets = FlatEdges(graph).target
    rng = np.random.default_rng(0)
    joints = [np.unique(targets)] if granularity == "unit" else []
    joints += [np.arange(layer.start, layer.stop) for layer in graph.layers if (targets == layer.start).any()]
    for vertices in joints:
        along = rng.normal(size=runs.size) * np.isin(targets, vertices)
        expected = slope(runs, np.ones(runs.size), along, 1)
        assert float(eap @ along) == pytest.approx(expected, rel=1e-5, abs=1e-8)
    along = rng.normal(size=runs.size)
    path = np.mean([slope(runs, np.full(runs.size, k / 3), along, 1) for k in (1, 2, 3)])
    assert float(ig @ along) == pytest.approx(path, rel=1e-5, abs=1e-8)
    assert abs(path) > 1e-6


# -- the true gradient through what flows leave out ------------------------------------------------------


class Attending(nn.Module):
    """Queries, keys and values are made of the same embedding, whose edges therefore act in three ways."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(3, 4), nn.Linear(4, 2)
        self.q, self.k, self.v = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def after(self, e: torch.Tensor) -> torch.Tensor:
        pattern = torch.softmax(self.q(e) @ self.k(e).transpose(1, 2), -1)
        return self.head((pattern @ self.v(e)).sum(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(self.embed(x))


def test_network_scores_eap_goes_through_queries_and_keys() -> None:
    torch.manual_seed(4)
    model = Attending().double()
    x, other = torch.randn(2, 3, 5, 3, dtype=torch.float64)
    net = ng.trace(model, x)
    mask = torch.ones(4, 3, dtype=torch.float64, requires_grad=True)
    base = other.mean(0, keepdim=True)
    embedded = (x - base) @ (model.embed.weight * mask).T + model.embed(base)
    (expected,) = torch.autograd.grad(model.after(embedded)[:, 1].mean(), mask)
    graph = net.edge_scores(x, "eap", 1, reference=other)
    assert graph.blocks[0].target == "embed"
    found = np.asarray(graph.blocks[0].values["score"])
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    frozen = net.edge_scores(x, "attribution", 1)
    pattern = torch.softmax(model.q(model.embed(x)) @ model.k(model.embed(x)).transpose(1, 2), -1).detach()
    mask = torch.ones(4, 3, dtype=torch.float64, requires_grad=True)
    v = (x @ (model.embed.weight * mask).T + model.embed.bias) @ model.v.weight.T + model.v.bias
    (held,) = torch.autograd.grad(model.head((pattern @ v).sum(1))[:, 1].mean(), mask)
    np.testing.assert_allclose(np.asarray(frozen.blocks[0].values["score"]), held, rtol=0, atol=TOLERANCE)
    zero = net.edge_scores(x, "eap", 1, corrupted="zero")
    assert np.abs(np.asarray(zero.blocks[0].values["score"]) - held.numpy()).max() > 1e-2
    for a, b in itertools.pairwise([found, np.asarray(zero.blocks[0].values["score"])]):
        assert np.abs(a - b).max() > 1e-3
