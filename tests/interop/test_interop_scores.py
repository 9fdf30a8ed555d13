"""LRP-ε of captum and zennit is the score ``lrp_eps``: what leaves an input over its edges is its relevance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import LRP
from captum.attr._utils.lrp_rules import EpsilonRule
from torch import nn

import netgraph as ng
from netgraph.graph.flat import FlatEdges

ng.load_torchvision()  # zennit imports torchvision, which fails beside some CPU-only builds of torch

from zennit.attribution import Gradient  # noqa: E402
from zennit.composites import LayerMapComposite  # noqa: E402
from zennit.rules import Epsilon, Pass  # noqa: E402
from zennit.types import Activation, Linear  # noqa: E402

TOLERANCE = 1e-12
CLASS = 1


def mlp() -> tuple[nn.Sequential, torch.Tensor]:
    torch.manual_seed(0)
    chain = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3))
    return chain.double(), torch.randn(4, 6, dtype=torch.float64)


def convolutions() -> tuple[nn.Sequential, torch.Tensor]:
    torch.manual_seed(1)
    chain = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(20, 6),
        nn.ReLU(),
        nn.Linear(6, 3),
    )
    return chain.double(), torch.randn(4, 3, 8, 8, dtype=torch.float64)


def leaving(net: ng.Network, x: torch.Tensor, epsilon: float, granularity: str) -> np.ndarray:
    """(inputs, vertices of the input) Σ of the scores of the edges that leave each of them, input by input."""
    rows = []
    for one in x:
        graph = net.edge_scores(one[None], "lrp_eps", CLASS, granularity, epsilon=epsilon)
        flat = FlatEdges(graph)
        rows.append(np.bincount(flat.source, flat.values("score"), graph.n)[graph.layer("input").vertices])
    return np.array(rows)


@pytest.mark.parametrize("epsilon", [1e-6, 1e-2, 0.5])
@pytest.mark.parametrize("build", [mlp, convolutions])
def test_interop_lrp_epsilon_is_zennits(build, epsilon: float) -> None:  # type: ignore[no-untyped-def]
    """Its maxima pass relevance on as it is, as those between positions of one channel do."""
    model, x = build()
    composite = LayerMapComposite([(Activation, Pass()), (Linear, Epsilon(epsilon))])
    with Gradient(model, composite) as attributor:
        _, relevance = attributor(x, lambda logits: logits * (torch.arange(3) == CLASS))
    expected = relevance.flatten(2).sum(2) if x.dim() > 2 else relevance
    found = leaving(ng.trace(model, x), x, epsilon, "channel")
    assert float(expected.abs().max()) > 1e-4
    np.testing.assert_allclose(found, expected.detach(), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("epsilon", [1e-6, 1e-2, 0.5])
@pytest.mark.parametrize("build", [mlp, convolutions])
def test_interop_lrp_epsilon_is_captums(build, epsilon: float) -> None:  # type: ignore[no-untyped-def]
    """Its maxima take the rule, too: as those between units do, which are vertices."""
    model, x = build()
    for module in model:
        if not isinstance(module, nn.ReLU):
            module.rule = EpsilonRule(1e-30 if isinstance(module, nn.Flatten) else epsilon)
    expected = LRP(model).attribute(x.clone().requires_grad_(), target=CLASS).detach().flatten(1)
    plain, _ = build()
    found = leaving(ng.trace(plain, x), x, epsilon, "unit")
    assert float(expected.abs().max()) > 1e-4
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("build", [mlp, convolutions])
@pytest.mark.parametrize("granularity", ["channel", "unit"])
def test_interop_lrp_without_epsilon_is_the_attribution(build, biases: bool, granularity: str) -> None:  # type: ignore[no-untyped-def]
    model, x = build()
    if not biases:
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
    net = ng.trace(model, x)
    flow = FlatEdges(net.edge_scores(x, "attribution", CLASS, granularity)).values("score")
    previous = np.inf
    for epsilon in (1e-2, 1e-5, 1e-8, 0.0):
        found = FlatEdges(net.edge_scores(x, "lrp_eps", CLASS, granularity, epsilon=epsilon)).values("score")
        gap = np.abs(found - flow).max()
        assert gap < previous
        previous = gap if epsilon else 0
    assert gap < 1e-14
    assert np.abs(flow).max() > 1e-3


def test_interop_lrp_without_epsilon_where_a_unit_is_exactly_0() -> None:
    """z = 1 − 1 = 0: nothing flows, and nothing is 0/0."""
    model = nn.Sequential(nn.Linear(2, 1, bias=False), nn.ReLU(), nn.Linear(1, 1)).double()
    nn.init.ones_(model[0].weight)
    graph = ng.trace(model, (2,)).edge_scores(torch.tensor([[1.0, -1.0]]), "lrp_eps", 0, epsilon=0.0)
    assert graph.blocks[0].values["score"].tolist() == [[0.0, 0.0]]
