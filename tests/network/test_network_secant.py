"""Secants near 0, where φ(z) − φ(0) is mostly rounding: the derivative is the gate, and the rest a constant."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.network.gates import secant

OFFSET: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], float]] = {
    "sigmoid": (torch.sigmoid, 1 / 4),
    "softplus": (F.softplus, 1 / 2),
    "steep": (lambda z: F.softplus(z, beta=20), 1 / 2),
    "logsigmoid": (F.logsigmoid, 1 / 2),
    "exp": (torch.exp, 1.0),
    "cos": (torch.cos, 0.0),
    "cosh": (torch.cosh, 0.0),
    "power": (lambda z: 2.0**z, math.log(2)),
}
"""Functions with φ(0) ≠ 0, and φ′(0)."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", OFFSET)
def test_network_gates_go_smoothly_to_the_derivative(name: str, dtype: torch.dtype) -> None:
    """Referee: the same secant in numbers of 50 digits would be φ′(0) + O(z); the values stay those of the function."""
    fn, slope = OFFSET[name]
    near = math.sqrt(torch.finfo(dtype).eps)
    z = torch.cat(
        [sign * torch.logspace(-30, -1, 400, dtype=dtype) for sign in (1, -1)] + [torch.zeros(1, dtype=dtype)]
    )
    gate = secant(fn, z)
    made = gate(z) + gate.constant
    assert (made - fn(z)).abs().max() <= 4 * torch.finfo(dtype).eps * fn(z).abs().max()
    curve = 20.0 if name == "steep" else 1.0
    assert ((gate.slope - slope).abs() <= 8 * near + curve * z.abs()).all()


@pytest.mark.parametrize("e", [1e-2, 1e-4, 1e-5, 1e-6, 1e-7, 0.0])
def test_network_a_sigmoid_near_zero_gives_a_quarter(e: float) -> None:
    """z = x₀ − x₁ = e in float32: the share of each input is ±σ′(0)·x = ±¼·x, and ½ is the constant's."""
    fc = nn.Linear(2, 1, bias=False)
    nn.init.constant_(fc.weight[0, 0], 1.0)
    nn.init.constant_(fc.weight[0, 1], -1.0)
    x = torch.tensor([[1.0, 1.0 - e]])
    out = nn.Linear(1, 1, bias=False)
    nn.init.ones_(out.weight)
    net = ng.trace(nn.Sequential(fc, nn.Sigmoid(), out), x)
    graph = net.graph("unit", inputs=x, target=0)
    attribution, shares = graph.columns["attribution"], graph.columns["constant_share"]
    assert attribution[:2].tolist() == pytest.approx([0.25, -0.25 * (1 - e)], rel=1e-3)
    assert graph.columns["gate"][2] == pytest.approx(0.25, rel=1e-3)
    assert shares[2] == pytest.approx(0.5, abs=1e-6)
    assert float(attribution[:2].sum() + shares.sum()) == pytest.approx(torch.sigmoid(x @ fc.weight.T).item(), rel=1e-6)
    assert net.verify(x), str(net.verify(x))


@pytest.mark.parametrize("e", [1e-7, 1e-9, 1e-14, 3e-16])
@pytest.mark.parametrize("name", OFFSET)
def test_network_units_of_values_near_zero_are_exact(name: str, e: float) -> None:
    """Gates, constants, flows and paths agree in a deep network, where some values are near 0 and others are not."""
    fn, _ = OFFSET[name]
    torch.manual_seed(0)
    a, b, c = nn.Linear(2, 3).double(), nn.Linear(3, 3).double(), nn.Linear(3, 2).double()
    with torch.no_grad():
        a.weight[0] = torch.tensor([1.0, -1.0])
        a.bias[0] = 0.0
    x = torch.tensor([[1.0, 1.0 - e]], dtype=torch.float64)
    net = ng.trace(lambda x: c(fn(b(fn(a(x))))), x)
    assert max(net.verify(x).errors.values()) <= 1e-13, str(net.verify(x))


def test_network_functions_through_zero_have_the_plain_secant() -> None:
    z = torch.tensor([1e-30, -1e-20, 0.0, 0.5, -2.0], dtype=torch.float64)
    for fn, slope in ((torch.tanh, 1.0), (F.gelu, 0.5), (F.silu, 0.5), (F.relu, None)):
        gate = secant(fn, z)
        assert not gate.constant.any() and gate.apart is None
        assert torch.equal(gate.slope[3:], fn(z[3:]) / z[3:])
        if slope is not None:
            assert np.allclose(gate.slope[:3], slope, rtol=1e-15)


@pytest.mark.parametrize("z", [0.0, 1e-9, 2.0])
def test_network_a_gate_of_a_single_number(z: float) -> None:
    gate = secant(torch.sigmoid, torch.tensor(z))
    assert gate.slope.shape == gate.constant.shape == ()
    assert gate.slope.item() == pytest.approx(0.25 if z < 1 else (1 / (1 + math.exp(-2)) - 0.5) / 2)


def test_network_a_step_without_a_derivative_has_the_plain_secant() -> None:
    ones: Any = torch.ones((), dtype=torch.float64)
    gate = secant(lambda z: torch.heaviside(z, ones.to(z)), torch.tensor([-2.0, 0.0, 1e-9, 3.0]))
    assert gate.slope.tolist() == [0.5, 0, 0, 0] and gate.constant.tolist() in (1.0, [1.0, 1.0, 1.0, 1.0])
