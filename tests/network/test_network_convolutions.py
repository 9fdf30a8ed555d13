"""Random convolutions of every kind: their unit graph is torch's convolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import netgraph as ng

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
