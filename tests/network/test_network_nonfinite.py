"""NaN and infinity in what flows: never a number in a graph, and never exact for verify."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from network_zoo import make
from torch import nn

import netgraph as ng
from netgraph.network.checks import Truth, check
from netgraph.network.gaps import gap, largest, worst
from netgraph.network.verify import verify


class Made(nn.Module):
    """A module whose forward is a function of itself and its input."""

    def __init__(self, fn: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.fn = fn
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: torch.Tensor) -> Any:
        return self.fn(self, x)


def test_network_an_error_that_is_no_number_is_infinite() -> None:
    assert worst(0.0, math.nan) == worst(math.nan, 0.0) == math.inf
    assert largest(np.array([1.0, math.nan])) == largest(np.array([-math.inf])) == math.inf
    for a, b in ((1.0, math.nan), (math.nan, 1.0), (1.0, math.inf), (math.inf, math.inf)):
        assert gap(np.array([0.0, a]), np.array([0.0, b])) == math.inf
    assert gap(np.zeros(2), np.zeros(3)) == gap(np.ones(1), np.ones(1), math.nan) == math.inf
    assert gap(np.array([2.0, 4.0]), np.array([2.0, 8.0])) == 0.5 and gap(np.ones(1), np.zeros(1)) == 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("granularity", ["unit", "channel"])
def test_network_verify_of_a_graph_that_holds_no_number_is_infinite(granularity: str, bad: float) -> None:
    model, x = make("lenet-sigmoid")
    truth = Truth(ng.trace(model, x), [x[:1].double()], granularity)
    graph = truth.graph().unrolled()
    assert max(check(graph, truth).values()) < 1e-12
    for i, block in enumerate(graph.blocks):
        for name in {"contribution", "attribution", "gated_weight"} & set(block.values):
            operator = block.values[name].copy()
            (operator.data if hasattr(operator, "nnz") else operator.reshape(-1))[-1] = bad
            wrong = replace(block, values={**block.values, name: operator})
            blocks = (*graph.blocks[:i], wrong, *graph.blocks[i + 1 :])
            assert max(check(replace(graph, blocks=blocks), truth).values()) == math.inf, (name, i)
    for name in ("attribution", "bias"):
        column = graph.columns[name].copy()
        column[graph.layers[-1].start] = bad
        assert max(check(graph.with_columns(**{name: column}), truth).values()) == math.inf, name


@pytest.mark.filterwarnings("ignore:std")
def test_network_a_model_that_gives_nan_is_not_verified() -> None:
    """The deviation of one element is 0/0: whatever the graph says, it is not the model."""
    torch.manual_seed(0)
    net = ng.trace(
        Made(lambda s, x: s.o(torch.cat([x, x[:, :1].std(-1, keepdim=True)], 1)), o=nn.Linear(4, 2)), torch.randn(1, 3)
    )
    found = verify(net, net.programs.example)
    assert found.errors["forward"] == math.inf and not found
