"""Random convolutions of every kind: their unit graph is torch's convolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import netgraph as ng
from netgraph.graph.convolution import Convolution

KINDS = {
    (1, False): nn.Conv1d,
    (2, False): nn.Conv2d,
    (3, False): nn.Conv3d,
    (1, True): nn.ConvTranspose1d,
    (2, True): nn.ConvTranspose2d,
    (3, True): nn.ConvTranspose3d,
}


def random_convolution(rng: np.random.Generator, d: int, transposed: bool) -> tuple[nn.Module, tuple[int, ...]]:
    """(the layer, the shape of an input that it takes)."""

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(n) for n in rng.integers(low, high, d))

    groups = int(rng.choice([1, 1, 2, 3]))
    kernel, stride, dilation = each(1, 4), each(1, 4), each(1, 3)
    padding = tuple(int(rng.integers(0, k)) for k in kernel)
    size = tuple(max(3, (k - 1) * s + 1) for k, s in zip(kernel, dilation, strict=True))
    options = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "bias": bool(rng.integers(2)),
    }
    if transposed:
        options["output_padding"] = tuple(
            int(rng.integers(0, max(s, t))) for s, t in zip(stride, dilation, strict=True)
        )
    channels, made = groups * int(rng.integers(1, 3)), groups * int(rng.integers(1, 3))
    return KINDS[d, transposed](channels, made, kernel, **options).double(), (channels, *size)


@pytest.mark.parametrize(("d", "transposed"), KINDS)
def test_network_random_convolutions(d: int, transposed: bool) -> None:
    rng = np.random.default_rng(d + 10 * transposed)
    torch.manual_seed(d)
    for _ in range(60):
        layer, shape = random_convolution(rng, d, transposed)
        x = torch.randn(1, *shape, dtype=torch.float64)
        with torch.no_grad():
            expected = layer(x).reshape(-1).numpy()
        graph = ng.trace(layer, x).graph("unit")
        got = graph.columns["bias"][graph.layers[1].vertices] + graph.blocks[0].weight @ x.reshape(-1).numpy()
        assert np.abs(got - expected).max() <= 1e-12 * max(np.abs(expected).max(), 1), layer


class Shuffled(torch.nn.Module):
    """Maps of two layers, one of them read twice, mixed before a depthwise, a grouped and a plain convolution."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.Conv2d(2, 4, 3, padding=1)
        self.c = torch.nn.Conv2d(6, 6, 3, padding=1, groups=groups)
        self.d = torch.nn.ConvTranspose2d(6, 6, 2, stride=2, groups=min(groups, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = torch.relu(self.a(x)), torch.tanh(self.b(x))
        mixed = torch.cat([a[:, :1], b[:, [3, 1, 0]], a[:, 3:], a[:, :1]], 1)
        return self.d(torch.relu(self.c(mixed))).flatten(1)[:, ::7]


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_network_convolutions_of_shuffled_maps_stay_implicit(groups: int) -> None:
    torch.manual_seed(0)
    net = ng.trace(Shuffled(groups), (2, 5, 5))
    assert net.verify(torch.randn(2, 2, 5, 5))
    blocks = [b for b in net.graph("unit").blocks if b.target == "c"]
    implicit = [isinstance(b.weight, Convolution) for b in blocks]
    assert all(implicit) if groups != 2 else not any(implicit)  # a group of two layers' maps is listed
    assert [b.source for b in blocks] == ["a", "a", "b"]


def test_network_convolutions_of_maps_in_another_order_stay_implicit() -> None:
    """Sums of what lies channels last are numbered so; a convolution reads them channels first."""

    class Last(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (
                torch.nn.Conv2d(2, 4, 1),
                torch.nn.Linear(4, 4),
                torch.nn.Conv2d(4, 3, 3, padding=1),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.a(x).permute(0, 2, 3, 1)
            return self.c((tokens + torch.relu(self.b(tokens))).permute(0, 3, 1, 2)).flatten(1)

    torch.manual_seed(0)
    net = ng.trace(Last(), (2, 5, 4))
    assert net.verify(torch.randn(2, 2, 5, 4))
    graph = net.graph("unit")
    (block,) = [b for b in graph.blocks if b.target == "c"]
    assert isinstance(block.weight, Convolution) and block.weight.pattern.sources.ndim == 2
    assert block.weight.unrolled.has_canonical_format
