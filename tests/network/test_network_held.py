"""Matrices that depend on the input while nothing flows through them: patterns, masks of weights, renormed tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.errors import UnsupportedOperation

L = nn.Linear


class M(nn.Module):
    """A module whose forward pass is a function of it and the input; ``w``, ``b`` are parameters."""

    def __init__(self, forward: Callable[..., torch.Tensor], **modules: nn.Module) -> None:
        super().__init__()
        self.call = forward
        self.w, self.b = nn.Parameter(torch.randn(2, 4)), nn.Parameter(torch.randn(2))
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(self, x)


def masked(s: Any, x: torch.Tensor) -> torch.Tensor:
    """A weight whose rows the input switches on and off."""
    return s.w * (s.g(x) > 0).float()[0][:, None]


T = (5, 4)
HELD: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mm-pattern": (
        lambda: M(
            lambda s, x: ((s.q(x[0]) @ s.k(x[0]).T).softmax(-1) @ s.v(x[0])).mean(0)[None],
            q=L(4, 4),
            k=L(4, 4),
            v=L(4, 3),
        ),
        T,
    ),
    "mm-of-inputs": (lambda: M(lambda s, x: s.o((x[0] @ x[0].T).softmax(-1) @ x[0])[None].flatten(1), o=L(4, 2)), T),
    "mm-one-row": (lambda: M(lambda s, x: s.o((x @ x.T).softmax(-1) @ x), o=L(4, 2)), (4,)),
    "mm-masked-weight": (lambda: M(lambda s, x: F.linear(x, masked(s, x)), g=L(4, 2)), (4,)),
    "addmm-masked-weight": (lambda: M(lambda s, x: F.linear(x, masked(s, x), s.b), g=L(4, 2)), (4,)),
    "addmm-held-product": (lambda: M(lambda s, x: torch.addmm(s.o(x), (x > 0).float(), s.w.T), o=L(4, 2)), (4,)),
    "mv-pattern": (
        lambda: M(lambda s, x: s.o((x[0].T @ x[0]).softmax(-1).mv(s.i(x[0, 0])))[None], i=L(4, 4), o=L(4, 2)),
        T,
    ),
    "mv-held-vector": (
        lambda: M(lambda s, x: s.o(s.i(x[0]).mv((x[0] > 0).float().mean(0)))[None], i=L(4, 4), o=L(5, 2)),
        T,
    ),
    "addmv-pattern": (
        lambda: M(lambda s, x: torch.addmv(s.o(x[0]), s.w * (x[0] > 0).float(), s.i(x[0]))[None], i=L(4, 4), o=L(4, 2)),
        (4,),
    ),
    "addmv-held-product": (
        lambda: M(lambda s, x: torch.addmv(s.o(x[0]), s.w, (x[0] > 0).float())[None], o=L(4, 2)),
        (4,),
    ),
    "addcmul-held-product": (lambda: M(lambda s, x: torch.addcmul(s.o(x), (s.o(x) > 0).float(), s.b), o=L(4, 2)), (4,)),
}


@pytest.mark.parametrize("name", HELD)
def test_what_is_only_held_fixed_multiplies_as_a_pattern(name: str) -> None:
    torch.manual_seed(0)
    make, shape = HELD[name]
    model, x = make().eval(), torch.randn(1, *shape)
    net = ng.trace(model, x)
    assert net.verify(x).exact, net.verify(x)
    assert torch.allclose(net(x), model(x), atol=1e-5)
    for granularity in ("channel", "unit"):
        weights = net.graph(granularity)
        assert net.size(granularity).edges == len(weights.edges)
        graph = net.graph(granularity, inputs=x, target=lambda y: y.flatten(1)[:, 0])
        assert graph.meta["target_value"] == pytest.approx(float(model(x).flatten(1)[0, 0].detach()), abs=1e-5)
    whole = net.masked(x, [None] * len(net.graph().blocks))
    assert whole == pytest.approx(model(x).detach().numpy(), abs=1e-5)


def test_the_weights_that_a_pattern_leaves_are_those_of_the_input() -> None:
    model = M(lambda s, x: F.linear(x, masked(s, x)), g=L(4, 2))
    x = torch.randn(1, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.g.weight[:], model.g.bias[:] = 0, torch.tensor([1.0, -1.0])  # the first row passes, the second does not
    graph = ng.trace(model, x).graph("unit", inputs=x, target=lambda y: y.sum(1))
    weights = sum(np.asarray(block.weight.todense()) for block in graph.blocks)
    assert weights == pytest.approx((model.w * torch.tensor([[1.0], [0.0]])).detach().numpy())


def test_a_kernel_that_the_input_masks_is_refused() -> None:
    kernel = torch.randn(2, 1, 2, 2)
    with pytest.raises(UnsupportedOperation, match=r"convolution.*the kernel depends on the input.*unfold"):
        ng.trace(M(lambda s, x: F.conv2d(x, kernel * (x.mean() > 0).float())), (1, 4, 4))


def test_a_table_that_the_input_masks_is_refused() -> None:
    model = M(lambda s, i: F.embedding(i, s.w * (i.float().mean() > 0).float()).flatten(1))
    with pytest.raises(UnsupportedOperation, match="table that depends on the input"):
        ng.trace(model, torch.tensor([[0, 1]]))


def test_max_norm_is_read_as_if_every_row_had_been_looked_up() -> None:
    torch.manual_seed(0)
    model, tokens = (
        nn.Sequential(nn.Embedding(5, 3, max_norm=0.5), nn.Flatten(), L(6, 2)),
        torch.tensor([[0, 1], [4, 4]]),
    )
    before = model[0].weight.detach().clone()
    net = ng.trace(model, tokens)
    assert net.verify(tokens).exact
    table = net.graph().blocks[0].weight
    assert torch.equal(model[0].weight, before)  # torch writes the norms into the table when it runs
    scale = (0.5 / before.norm(dim=1, keepdim=True)).clamp(max=1)
    assert table == pytest.approx((before * scale).T.numpy(), rel=1e-5)
    assert net.graph(inputs=tokens, target=0).meta["target_value"] == pytest.approx(
        float(model(tokens)[:, 0].mean().detach()), abs=1e-5
    )
