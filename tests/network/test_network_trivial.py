"""Outputs that are inputs: a graph of one layer and no edges. And targets that nothing flows to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import netgraph as ng
from netgraph.errors import InputError


class Both(nn.Module):
    """A layer's output, and the input itself."""

    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.l(x), x


TRIVIAL: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    "identity": (nn.Identity, {}),
    "dropout": (nn.Dropout, {}),
    "softmax": (lambda: nn.Softmax(-1), {}),
    "log-softmax": (lambda: nn.Sequential(nn.Identity(), nn.LogSoftmax(-1)), {}),
    "flatten": (nn.Flatten, {}),
    "an input beside": (Both, {"output": 1}),
}


@pytest.mark.parametrize("granularity", ["channel", "unit"])
@pytest.mark.parametrize("name", TRIVIAL)
def test_an_output_that_is_an_input_is_a_layer_without_edges(name: str, granularity: str) -> None:
    make, options = TRIVIAL[name]
    x = torch.tensor([[1.0, -2.0, 4.0], [3.0, 0.0, -1.0]])
    net = ng.trace(make().eval(), x, **options)
    assert net.verify(x).exact and net.verify(x).inputs == 2
    assert np.array_equal(net.outputs(x), x.numpy())
    assert np.array_equal(net.activations(x, granularity).to_numpy(), x.numpy())
    assert np.array_equal(net.masked(x, [], granularity), x.numpy())
    weights = net.graph(granularity)
    assert (weights.n, len(weights.edges), weights.blocks) == (3, 0, ())
    assert net.size(granularity)[:2] == (3, 0)
    graph = net.graph(granularity, inputs=x, target=2)
    assert graph.meta["target_value"] == 1.5
    assert np.asarray(graph.columns["attribution"]).tolist() == [0, 0, 1.5]
    spread = net.graph(granularity, inputs=x, target=2, aggregate="mean_abs")
    assert np.asarray(spread.columns["attribution"]).tolist() == [0, 0, 2.5]


TARGETS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "ones": lambda y: torch.ones(len(y)),
    "detached": lambda y: y.detach()[:, 0],
    "compared": lambda y: (y[:, 0] > 0).float(),
}


@pytest.mark.parametrize("aggregate", ["mean", "std"])
@pytest.mark.parametrize("name", TARGETS)
def test_a_target_that_nothing_flows_to_is_refused(name: str, aggregate: str) -> None:
    net = ng.trace(nn.Linear(3, 2), (3,))
    with pytest.raises(InputError, match=r"no change of the network would move.*logits\[:, 0\]"):
        net.graph(inputs=torch.ones(2, 3), target=TARGETS[name], aggregate=aggregate)
