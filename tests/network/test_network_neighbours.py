"""Inputs of a batch that meet each other have no graph of their own; those that are only kept together do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.errors import InputError


class M(nn.Module):
    """A module whose forward pass is a function of it and the inputs."""

    def __init__(self, forward: Callable[..., torch.Tensor], **modules: nn.Module) -> None:
        super().__init__()
        self.call = forward
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return self.call(self, *xs)


def head() -> nn.Module:
    return nn.Linear(4, 2)


MIXED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "sub": (lambda: M(lambda s, x: s.o(x - x.mean(0, keepdim=True)), o=head()), "sub"),
    "standardised": (
        lambda: M(lambda s, x: s.o((x - x.mean(0)) / (x.std(0, False) + 1)).relu(), o=head()),
        "std|sub|var",
    ),
    "running": (lambda: M(lambda s, x: s.o(x).cumsum(0), o=head()), "cumsum"),
    "neighbour": (lambda: M(lambda s, x: s.o(x + x.roll(1, 0)), o=head()), "roll"),
    "attention": (lambda: M(lambda s, x: s.o((x @ x.T).softmax(-1) @ x), o=head()), "mm"),
    "first": (lambda: M(lambda s, x: s.o(x * (x[0] > 0)), o=head()), "select"),
}


@pytest.mark.parametrize("name", MIXED)
def test_inputs_that_meet_in_a_batch_are_refused_together(name: str) -> None:
    torch.manual_seed(0)
    make, where = MIXED[name]
    x = torch.randn(4, 4)
    model = make()
    net = ng.trace(model, x[:1])
    said = rf"depends on the other inputs of its batch, from aten::({where}) .*test_network_neighbours.*one at a time"
    runs: list[Callable[[], Any]] = [
        lambda: net.outputs(x),
        lambda: net.verify(x),
        lambda: net.graph(inputs=x, target=0),
        lambda: net.graph(inputs=x, target=0, aggregate="std"),
        lambda: net.activations(x),
        lambda: net.masked(x, [None] * len(net.graph().blocks)),
    ]
    for run in runs:
        with pytest.raises(InputError, match=said):
            run()
    assert torch.allclose(net(x), model(x), atol=1e-6)  # to run it needs no graph
    assert net.verify(x[1:2]).exact


def test_in_batch_similarities_are_refused_together() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(4, 4), torch.randn(4, 4)
    net = ng.trace(M(lambda s, a, b: F.normalize(s.o(a)) @ F.normalize(s.o(b)).T, o=head()), (a, b))
    assert net((a, b)).shape == (4, 4)
    with pytest.raises(InputError, match="other inputs of its batch, from aten::mm"):
        net.outputs((a, b))


def test_a_batch_can_be_made_one_input() -> None:
    torch.manual_seed(0)
    model, x = M(lambda s, x: s.o(x - x.mean(0, keepdim=True)), o=head()), torch.randn(4, 4)
    net = ng.trace(lambda batch: model(batch[0]).flatten()[None], x[None])
    assert net.verify(x[None]).exact
    value = net.graph("unit", inputs=x[None], target=0).meta["target_value"]
    assert value == pytest.approx(float(model(x)[0, 0].detach()), abs=1e-6)


APART: dict[str, Callable[[], nn.Module]] = {
    "layers": lambda: nn.Sequential(head(), nn.ReLU()),
    "batch-axis-second": lambda: M(
        lambda s, x: s.o(s.g(x.unflatten(1, (2, 2)).transpose(0, 1))[0][-1]), g=nn.GRU(2, 4), o=head()
    ),
    "one-by-one": lambda: M(lambda s, x: torch.stack([s.o(row) for row in x]), o=head()),
    "rows-merged": lambda: M(lambda s, x: s.o(x.unflatten(1, (1, 4)).flatten(0, 1)).relu(), o=head()),
    "mean-of-all": lambda: M(lambda s, x: s.o(x).mean(), o=head()),
    "noise": lambda: M(lambda s, x: s.o(x + torch.rand_like(x)), o=head()),
    "branches": lambda: M(lambda s, x: s.o(x) if x.sum() > 0 else s.o(-x), o=head()),
}


@pytest.mark.parametrize("name", APART)
@pytest.mark.filterwarnings("ignore:.*looks at a value:UserWarning", "ignore:.*draws random numbers:UserWarning")
def test_inputs_that_are_only_kept_together_are_taken(name: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 4)
    net = ng.trace(APART[name](), x)
    assert len(net.outputs(x)) == 4
    target = (lambda y: y.reshape(-1)[:1]) if name == "mean-of-all" else (lambda y: y.flatten(1)[:, 0])
    value = net.graph(inputs=x[:1], target=target).meta["target_value"]
    assert value == pytest.approx(float(net.outputs(x[:1]).reshape(-1)[0]), abs=1e-6) or name == "mean-of-all"


def test_equal_inputs_are_compared_with_what_differs_most() -> None:
    torch.manual_seed(0)
    x = torch.zeros(4, 4)
    x[3] = 1
    net = ng.trace(M(lambda s, x: s.o(x - x.mean(0, keepdim=True)), o=head()), x)
    with pytest.raises(InputError, match="other inputs of its batch"):
        net.outputs(x)


@pytest.mark.parametrize("padding", [None, 0])
@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_bags_of_words_are_played_one_after_the_other(mode: str, padding: int | None) -> None:
    torch.manual_seed(0)
    bag = nn.EmbeddingBag(9, 3, mode=mode, padding_idx=padding)
    model, words = nn.Sequential(bag, nn.Linear(3, 2)), torch.randint(0, 9, (4, 3))
    net = ng.trace(model, words)
    assert net.outputs(words) == pytest.approx(model(words).detach().numpy(), abs=1e-6)
    assert net.verify(words).exact
    for granularity in ("channel", "unit"):
        rows = net.activations(words, granularity)
        graphs = [net.graph(granularity, inputs=words[i : i + 1], target=0) for i in range(4)]
        both = net.graph(granularity, inputs=words, target=0)
        assert rows.to_numpy() == pytest.approx(
            np.stack([np.asarray(g.columns["activation"]) for g in graphs]), abs=1e-6
        )
        shares = np.mean([np.asarray(g.columns["attribution"]) for g in graphs], 0)
        assert np.asarray(both.columns["attribution"]) == pytest.approx(shares, abs=1e-6)
