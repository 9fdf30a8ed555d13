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
from netgraph.errors import NonFiniteError
from netgraph.network.checks import Truth, check
from netgraph.network.gaps import gap, largest, worst
from netgraph.network.gates import scaled, secant, times
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


# -- what a model leaves out may be anything -------------------------------------------------------------


def _inverse_distances(s: Made, x: torch.Tensor) -> torch.Tensor:
    p = s.i(x)
    return s.o((1 / torch.cdist(p, p))[:, ~torch.eye(3).bool()])


def _mean_of_positive(s: Made, x: torch.Tensor, how: str) -> torch.Tensor:
    h, d = s.i(x), (x > 0).float().sum(-1, keepdim=True)
    return s.o(torch.where(d > 0, h / d, torch.zeros_like(h)) if how == "where" else (h / d).masked_fill(d == 0, 0.0))


WEIGHTS = nn.Parameter(torch.tensor([1.0, 0.0, 2.0]), requires_grad=False)
ZERO, NEGATIVE, MIXED = torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([[-1.0, -1, -2]]), torch.tensor([[1.0, -1, 2]])
LEFT_OUT: dict[str, tuple[Any, tuple[int, int], int, torch.Tensor]] = {
    "distances": (_inverse_distances, (2, 3), 6, torch.tensor([[[0.5, 1.0], [-1.0, 0.3], [2.0, -0.7]]])),
    "slice": (lambda s, x: s.o((s.i(x) / x)[:, 1:]), (3, 3), 2, ZERO),
    "log": (lambda s, x: s.o(x.log()[:, 1:]), (3, 3), 2, ZERO),
    "where": (lambda s, x: _mean_of_positive(s, x, "where"), (3, 3), 3, NEGATIVE),
    "masked_fill": (lambda s, x: _mean_of_positive(s, x, "fill"), (3, 3), 3, NEGATIVE),
    "where-log": (lambda s, x: s.o(torch.where(x > 0, x.log(), torch.zeros_like(x))), (3, 3), 3, MIXED),
    "where-sqrt": (lambda s, x: s.o(torch.where(x > 0, x.sqrt(), torch.zeros_like(x))), (3, 3), 3, MIXED),
    "where-both": (lambda s, x: s.o(torch.where(x > 0, x.log(), s.i(x))), (3, 3), 3, MIXED),
    "constant": (lambda s, x: s.o(torch.where(s.c > 0, s.i(x) / s.c, torch.zeros_like(x))), (3, 3), 3, NEGATIVE),
    "overflow": (lambda s, x: s.o(1 / (1 + torch.exp(-5000 * s.i(x)))), (3, 3), 3, MIXED),
    "topk": (lambda s, x: s.o(x.relu().reciprocal().topk(2, -1, largest=False).values), (3, 3), 2, ZERO),
    "tril": (lambda s, x: s.o((1 / x[:, :, None].expand(-1, 3, 3).transpose(1, 2)).triu(1).sum(-1)), (3, 3), 3, ZERO),
}


@pytest.mark.parametrize("granularity", ["unit", "channel"])
@pytest.mark.parametrize("name", LEFT_OUT)
def test_network_what_is_left_out_has_no_share_whatever_it_is(name: str, granularity: str) -> None:
    """Referee: completeness against the model itself, in its own dtype, where autograd would give NaN."""
    fn, i, o, x = LEFT_OUT[name]
    torch.manual_seed(0)
    model = Made(fn, i=nn.Linear(*i), o=nn.Linear(o, 2), c=WEIGHTS)
    net = ng.trace(model, x)
    assert net.verify(x), str(net.verify(x))
    graph = net.graph(granularity, inputs=x, target=1).unrolled()
    for block in graph.blocks:
        for operator in (block.weight, *block.values.values()):
            assert np.isfinite(operator.data if hasattr(operator, "indptr") else operator).all()
    for column in graph.columns.values():
        assert np.isfinite(column).all()
    shares = graph.columns["constant_share"].astype(float)
    entering = sum((graph.columns["attribution"] - shares)[v.vertices].sum() for v in graph.layers if v.kind == "input")
    assert shares.sum() + entering == pytest.approx(model(x)[0, 1].item(), rel=1e-5)


def test_network_a_division_that_is_kept_is_worked_out_by_hand() -> None:
    """h/d where d > 0: the share of x_i is w·x_i/d, that of an element that is left out 0."""
    x = torch.tensor([[3.0, 0.0, 4.0]])
    fc = nn.Linear(3, 1, bias=False)
    nn.init.ones_(fc.weight)
    net = ng.trace(Made(lambda s, x: s.fc(torch.where(x > 0, x / x.square(), torch.zeros_like(x))), fc=fc), x)
    graph = net.graph(inputs=x, target=0)
    assert graph.columns["attribution"][:3].tolist() == pytest.approx([1 / 3, 0, 1 / 4])


@pytest.mark.parametrize("aggregate", ["mean", "mean_abs", "std"])
@pytest.mark.parametrize("granularity", ["unit", "channel", "layer"])
def test_network_what_flows_and_is_no_number_is_refused(granularity: str, aggregate: str) -> None:
    torch.manual_seed(0)
    net = ng.trace(Made(lambda s, x: s.b(torch.relu(s.a(1 / x))), a=nn.Linear(3, 4), b=nn.Linear(4, 2)), MIXED)
    assert net.graph(granularity, inputs=MIXED, target=0, aggregate=aggregate).n
    with pytest.raises(NonFiniteError, match=r"layer 'a': contribution of edges into it.*division by 0.*clamp"):
        net.graph(granularity, inputs=ZERO, target=0, aggregate=aggregate)


def test_network_a_target_that_is_no_number_is_refused() -> None:
    net = ng.trace(nn.Linear(3, 2), (3,))
    with pytest.raises(NonFiniteError, match=r"target gave NaN or infinity for 1 of 2 inputs.*return a finite"):
        net.graph(
            inputs=torch.ones(2, 3), target=lambda logits: torch.stack([logits[0, 0], logits[1, 0] * float("nan")])
        )


def test_network_gates_of_values_that_are_not_finite() -> None:
    z = torch.tensor([200.0, -math.inf, 0.0, math.nan, 1.0])
    gate = secant(torch.exp, z)
    assert gate.apart is not None and gate.apart.tolist() == [True, True, False, True, False]
    assert gate.slope.tolist() == pytest.approx([0, 0, 1, 0, math.e - 1])
    assert gate.constant[:3].tolist() == [math.inf, 0, 1]
    made, apart = scaled(torch.tensor([math.inf, 2.0, 0.0]), torch.tensor([False, True, True]))
    assert made.tolist() == [0, 2, 0] and apart is not None and apart.tolist() == [True, False, False]
    assert times(torch.tensor([0.0, 2.0]), torch.tensor([math.inf, 3.0])).tolist() == [0, 6]
