"""What verify holds the replay against where the model in float64 is another function, and where it draws numbers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from network_zoo import make
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.network.reference import MODEL
from netgraph.network.replay import Replay


class Made(nn.Module):
    """A module whose forward is a function of a linear layer and the input."""

    def __init__(self, fn: Callable[..., Any], inputs: int, outputs: int = 2) -> None:
        super().__init__()
        self.fn, self.o = fn, nn.Linear(inputs, outputs)

    def forward(self, x: torch.Tensor) -> Any:
        return self.fn(self.o, x)


def _sinusoids(o: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    angle = torch.arange(x.shape[1])[:, None] / 10000 ** (torch.arange(0, 6) / 6)
    return o((x + torch.sin(angle)).mean(1))


def _refuses(o: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    assert x.dtype == torch.float32, "float32 only"
    return o(x)


def _refuses_otherwise(o: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    if x.dtype != torch.float32:
        raise TypeError("float32 only")
    return o(x)


def _locked() -> nn.Module:
    model = Made(lambda o, x: o(x), 6)
    model.lock = threading.Lock()
    return model


OWN: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "rms-norm": (lambda: nn.Sequential(nn.RMSNorm(6), nn.Linear(6, 2)), (6,), "another function"),
    "sinusoids": (lambda: Made(_sinusoids, 6), (5, 6), "another function"),
    "upcast": (lambda: Made(lambda o, x: o(F.softmax(x.float(), -1).to(x.dtype)), 6), (6,), "another function"),
    "finfo": (
        lambda: Made(lambda o, x: o(x / (x.norm(dim=-1, keepdim=True) + 1e4 * torch.finfo(x.dtype).eps)), 6),
        (6,),
        "another function",
    ),
    "float": (lambda: Made(lambda o, x: o(x).float(), 6), (6,), "its output stays in float32"),
    "assert": (lambda: Made(_refuses, 6), (6,), "does not run in float64 (AssertionError: float32 only"),
    "type": (lambda: Made(_refuses_otherwise, 6), (6,), "does not run in float64 (TypeError: float32 only"),
    "lock": (_locked, (6,), "does not run in float64 (TypeError: cannot pickle"),
}


@pytest.mark.parametrize("name", OWN)
def test_network_a_precision_of_its_own_is_no_mistake(name: str) -> None:
    make_model, shape, why = OWN[name]
    torch.manual_seed(0)
    model = make_model().eval()
    x = 0.01 * torch.randn(2, *shape)
    found = ng.trace(model, x).verify(x)
    assert found and len(found.reference) >= 1, str(found)
    assert all(why in r and "its tape in float64, the model in float32" in r for r in found.reference), found.reference
    assert "  held against its tape" in str(found)


def test_network_distances_of_many_rows_to_themselves() -> None:
    """More than 25 rows: torch takes squares by products, and their roots are off by 1e-8."""
    torch.manual_seed(0)
    model = Made(lambda o, x: o(torch.cdist(x, x).flatten(1)), 64 * 64)
    x = torch.randn(1, 64, 8)
    assert ng.trace(model, x).verify(x, granularity="channel")


@pytest.mark.parametrize("name", ["mlp-gelu", "lenet-relu", "transformer"])
def test_network_an_ordinary_model_is_held_against_itself(name: str) -> None:
    model, x = make(name)
    found = ng.trace(model, x).verify(x)
    assert found and found.reference == (MODEL,) and "held against" not in str(found)


@pytest.mark.parametrize("name", ["mlp-gelu", "rms-norm"])
def test_network_a_wrong_rule_finds_no_excuse(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay that is off by 1e-8 fails, whatever it is held against."""
    model, x = make(name) if name == "mlp-gelu" else (OWN[name][0](), 0.01 * torch.randn(2, 6))
    net = ng.trace(model, x)
    assert net.verify(x)
    whole = Replay.matmul

    def off(self: Replay, x: Any, weight: torch.Tensor, label: str = "linear") -> Any:
        return whole(self, x, weight * (1 + 1e-8), label)

    monkeypatch.setattr(Replay, "matmul", off)
    found = net.verify(x)
    assert not found and found.errors["forward"] > 1e-9


def test_network_a_wrong_recording_finds_no_excuse() -> None:
    """What a model does otherwise when it is run again is seen in its own dtype, too."""
    net = ng.trace(Made(lambda o, x: o(x).float(), 6), (6,))
    assert net.verify()
    tape = net.programs.tape(net.programs.example)
    (bias,) = (slot for slot, name in tape.names.items() if name == "o.bias")
    tape.constants[bias] = tape.constants[bias] + 0.01
    found = net.verify()
    assert not found and found.errors["forward"] > 1e-3


# -- draws -----------------------------------------------------------------------------------------------

DRAWS: dict[str, tuple[Callable[..., Any], str]] = {
    "noise": (lambda o, x: o(x + 0.1 * torch.randn_like(x)), "randn_like"),
    "dropout": (lambda o, x: o(F.dropout(x, 0.5)), "bernoulli"),
    "reparametrised": (lambda o, x: (lambda h: h + torch.exp(0.5 * h) * torch.randn_like(h))(o(x)), "randn_like"),
    "gumbel": (lambda o, x: F.gumbel_softmax(o(x)) @ torch.eye(2) * 3, "exponential"),
    "bernoulli": (lambda o, x: o(x * torch.bernoulli(torch.full_like(x, 0.5))), "bernoulli"),
}


@pytest.mark.parametrize("name", DRAWS)
def test_network_draws_are_warned_of_and_held(name: str) -> None:
    fn, operation = DRAWS[name]
    torch.manual_seed(0)
    model, x = Made(fn, 6), torch.randn(2, 6)
    with pytest.warns(
        ng.NetgraphWarning, match=rf"{operation}.*\(test_network_reference.py:\d+\) draws random numbers"
    ):
        net = ng.trace(model, x)
    found = net.verify(x)
    assert found, str(found)
    drawn = "its tape in float64: random numbers are held as they were drawn"
    assert found.reference == ((MODEL,) if name == "dropout" else (drawn,))  # masks are the same in any dtype
    assert sum("draws random numbers" in w for w in found.warnings) >= 1


def test_network_constants_of_a_seeded_generator_are_no_draws() -> None:
    """A model that makes the same numbers every time is held against itself."""

    def fn(o: nn.Linear, x: torch.Tensor) -> torch.Tensor:
        return o(x + torch.randn(6, generator=torch.Generator().manual_seed(0)).to(x.dtype))

    found = ng.trace(Made(lambda o, x: fn(o, x), 6), (6,)).verify()
    assert found and found.warnings == ()


def test_network_dropout_outside_of_training_draws_nothing() -> None:
    torch.manual_seed(0)
    net = ng.trace(Made(lambda o, x: o(F.dropout(x, 0.5, training=False)), 6), (6,))
    assert net.verify().reference == (MODEL,) and not net.programs.warnings


def test_network_what_is_too_big_to_compare_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shuffles(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c, self.d = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(1, 3, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.d(F.pixel_shuffle(self.c(x), 2)).mean((2, 3))

    torch.manual_seed(0)
    net = ng.trace(Shuffles(), (2, 4, 4))
    assert net.verify(granularity="channel").uncompared == ()
    monkeypatch.setattr("netgraph.network.checks.LISTED", 1)
    found = net.verify(granularity="channel")
    assert found.uncompared == ("d",) and "not compared d: its weights by channel are too many" in str(found)
