"""Small promises: one warning a network, sizes that check their options, errors that name what was meant."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.errors import InputError, UnknownName, UnsupportedOperation
from netgraph.graph.blocks import nbytes
from netgraph.network.heard import heard


def mlp() -> ng.Network:
    torch.manual_seed(0)
    return ng.trace(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)), (4,))


def test_training_mode_is_told_once_a_network() -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)), torch.randn(3, 4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = ng.trace(model, x)
        assert len(caught) == 1 and "training mode" in str(caught[0].message)
        check = net.verify(x)
        net.graph(inputs=x, target=0)
        net(x[:2])
        assert len(caught) == 1
        assert check.exact and any("training mode" in text for text in check.warnings)
        ng.trace(model, x)
        assert len(caught) == 2  # another network tells it, too


def test_warnings_that_are_known_are_not_shown_again() -> None:
    kept = ["old"]
    with pytest.warns(UserWarning, match="new") as shown, heard(kept):
        for text in ("old", "new", "new"):
            warnings.warn(text, UserWarning, stacklevel=1)
    assert [str(w.message) for w in shown] == ["new"] and kept == ["old", "new"]


@pytest.mark.parametrize("granularity", ["channel", "unit", "layer"])
@pytest.mark.parametrize(
    ("option", "said"), [("reduce", "unknown reduction 'zzz'.*l1"), ("bias", "unknown bias 'zzz'.*column")]
)
def test_a_size_checks_its_options(granularity: str, option: str, said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        mlp().size(granularity, **{option: "zzz"})


@pytest.mark.parametrize("granularity", ["channel", "unit", "layer"])
def test_a_size_at_inputs_is_that_of_the_graph(granularity: str) -> None:
    net = mlp()
    graph = net.graph(granularity, inputs=torch.randn(1, 4), target=0)
    held = sum(nbytes(b.weight) + sum(np.asarray(v).nbytes for v in b.values.values()) for b in graph.blocks)
    held += sum(np.asarray(values).nbytes for values in graph.columns.values())
    assert net.size(granularity, inputs=True) == (graph.n, len(graph.edges), held)


def test_a_size_at_inputs_bounds_the_edges_from_above() -> None:
    net = ng.trace(lambda x: x[:, :2] * x[:, 2:], (4,))
    graph = net.graph("unit", inputs=torch.tensor([[1.0, 2.0, 0.0, 3.0]]), target=1)
    assert len(graph.edges) < net.size("unit", inputs=True).edges == 4


FOURIER: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "fft": lambda x: torch.fft.fft(x).real,
    "abs": lambda x: torch.fft.rfft(x).abs(),
    "made complex": lambda x: torch.fft.fft2(x.to(torch.complex64)).real,
    "mixed": lambda x: torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real,
}


@pytest.mark.parametrize("name", FOURIER)
def test_complex_numbers_are_named(name: str) -> None:
    with pytest.raises(UnsupportedOperation, match=r"_fft_.2c .*complex numbers, which have no vertices.*cosines"):
        ng.trace(FOURIER[name], (5, 4))


def test_losses_are_no_operations_of_a_network() -> None:
    layer = nn.Linear(4, 2)
    with pytest.raises(
        UnsupportedOperation, match=r"mse_loss .*It is a loss: trace the model without it.*target="
    ) as error:
        ng.trace(lambda x: F.mse_loss(layer(x), torch.ones(1, 2)), (4,))
    assert "masked_fill" not in str(error.value)


def test_nan_in_a_mask_is_refused_and_infinity_is_not() -> None:
    layer = nn.Linear(4, 4)
    mask = torch.zeros(4, 4).fill_diagonal_(float("-inf"))

    def attended(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return ((x @ x.transpose(1, 2) + mask).softmax(-1) @ layer(x)).flatten(1)

    x = torch.randn(2, 4, 4)
    net = ng.trace(attended, (x, mask))
    assert torch.allclose(net(x, mask), attended(x, mask), atol=1e-6)
    mask[0, 1] = float("nan")
    with pytest.raises(InputError, match="input 2 holds 1 values that are NaN"):
        net(x, mask)


def test_nested_lists_are_inputs_everywhere() -> None:
    net, x = mlp(), torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    nested = x.tolist()
    want = net.graph(inputs=x, target=0).meta
    got = net.graph(inputs=nested, target=0).meta
    assert (got["inputs"], got["target_value"]) == (3, want["target_value"])
    assert np.array_equal(net.activations(nested), net.activations(x))
    with pytest.raises(InputError, match=r"expected \(N, 4\): add a batch axis"):
        net.graph(inputs=nested[0], target=0)


PADDED: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], tuple[int, ...]]] = {
    "constant": (lambda x: F.pad(x, (1, 2, 0, 1), value=0.7), (2, 4, 4)),
    "constant, cut": (lambda x: F.pad(x, (-1, 2, 1, -1), value=-0.3), (2, 4, 4)),
    "constant, a row": (lambda x: F.pad(x, (1, 1), value=2.0), (6,)),
    "constant module": (nn.ConstantPad2d(1, 0.5), (2, 4, 4)),
    "reflect": (lambda x: F.pad(x, (1, 2, 1, 1), mode="reflect"), (2, 4, 4)),
    "replicate": (lambda x: F.pad(x, (1, 2, 1, 1), mode="replicate"), (2, 4, 4)),
    "circular": (lambda x: F.pad(x, (1, 2, 1, 1), mode="circular"), (2, 4, 4)),
}


@pytest.mark.parametrize("front", ["plain", "normed", "gated"])
@pytest.mark.parametrize("name", PADDED)
def test_padding_of_every_kind_is_exact(name: str, front: str) -> None:
    torch.manual_seed(0)
    pad, shape = PADDED[name]
    maps = len(shape) == 3
    first: nn.Module = nn.Conv2d(2, 3, 3, padding=1) if maps else nn.Linear(6, 5)
    norm = (nn.BatchNorm2d(3) if maps else nn.BatchNorm1d(5)).eval()
    for t in (norm.running_mean, norm.weight.data, norm.bias.data):
        t.normal_()
    between = {"plain": [], "normed": [nn.ReLU(), norm], "gated": [nn.Softplus()]}[front]
    second: nn.Module = nn.Conv2d(3, 2, 2) if maps else nn.LazyLinear(3)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.between, self.second = first, nn.Sequential(*between), second
            self.head = nn.LazyLinear(2)

        def forward(self, x: torch.Tensor) -> Any:
            return self.head(self.second(pad(self.between(self.first(x)))).flatten(1))

    model, x = Net().eval(), torch.randn(2, *shape)
    model(x)
    net = ng.trace(model, x)
    assert net.verify(x).exact, net.verify(x)
    assert torch.allclose(net(x), model(x), atol=1e-5)
    for granularity in ("channel", "unit"):
        graph = net.graph(granularity, inputs=x, target=0)
        shares = np.asarray(graph.columns["constant_share"])
        entry = (np.asarray(graph.columns["attribution"]) - shares)[: graph.layers[0].size]
        assert entry.sum() + shares.sum() == pytest.approx(float(model(x)[:, 0].mean().detach()), abs=1e-4)


REFUSED: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "grid_sample": (
        lambda x: F.grid_sample(x[:, None], x.reshape(-1, 2, 2, 2)[:, :2, :2], align_corners=False),
        "grid_sampler",
    ),
    "cumprod": (lambda x: x.cumprod(-1), "cumprod"),
    "chosen": (lambda x: x[x > 0][None], "index|nonzero"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_exact_rule_is_refused(name: str) -> None:
    op, where = REFUSED[name]
    with pytest.raises(UnsupportedOperation, match=where):
        ng.trace(op, torch.ones(1, 2, 4) * 0.5)
