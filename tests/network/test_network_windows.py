"""Windows found axis by axis, against the operation on every unit map."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from netgraph.network.operations.windows import coefficients, members

AVERAGES: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], tuple[int, ...]]] = {
    "plain": (lambda t: F.avg_pool2d(t, 2), (6, 5)),
    "padded": (lambda t: F.avg_pool2d(t, (3, 2), (2, 1), (1, 1)), (7, 5)),
    "not-counting": (lambda t: F.avg_pool2d(t, 3, 2, 1, count_include_pad=False), (7, 6)),
    "ceil": (lambda t: F.avg_pool2d(t, 3, 2, ceil_mode=True), (6, 8)),
    "ceil-padded": (lambda t: F.avg_pool2d(t, 3, 2, 1, ceil_mode=True), (6, 8)),
    "divisor": (lambda t: F.avg_pool2d(t, 2, 1, divisor_override=3), (4, 4)),
    "adaptive": (lambda t: F.adaptive_avg_pool2d(t, (3, 2)), (7, 5)),
    "1d": (lambda t: F.avg_pool1d(t, 3, 2, 1), (7,)),
    "3d": (lambda t: F.avg_pool3d(t, 2, 1), (3, 4, 3)),
    "nearest": (lambda t: F.interpolate(t, size=(5, 7)), (3, 4)),
    "bilinear": (lambda t: F.interpolate(t, scale_factor=2, mode="bilinear"), (3, 4)),
}
MAXIMA: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], tuple[int, ...]]] = {
    "plain": (lambda t: F.max_pool2d(t, 2), (6, 5)),
    "padded": (lambda t: F.max_pool2d(t, 3, 2, 1), (7, 6)),
    "dilated": (lambda t: F.max_pool2d(t, 2, 1, dilation=2), (6, 6)),
    "ceil": (lambda t: F.max_pool2d(t, 3, 2, ceil_mode=True), (6, 8)),
    "adaptive": (lambda t: F.adaptive_max_pool2d(t, (3, 2)), (7, 5)),
    "3d": (lambda t: F.max_pool3d(t, 2, 1), (3, 4, 3)),
}


def unit_maps(op: Callable[[torch.Tensor], torch.Tensor], inner: tuple[int, ...]) -> torch.Tensor:
    n = torch.Size(inner).numel()
    return op(torch.eye(n, dtype=torch.float64).reshape(n, 1, *inner)).reshape(n, -1).t()


@pytest.mark.parametrize("name", AVERAGES)
def test_network_windows_of_averages(name: str) -> None:
    op, inner = AVERAGES[name]
    expected = unit_maps(op, inner)
    rows, cols, values = coefficients(op, inner)
    got = torch.zeros_like(expected)
    got[rows, cols] = values
    assert torch.allclose(got, expected, atol=1e-15)
    assert bool((rows[1:] >= rows[:-1]).all())


@pytest.mark.parametrize("name", MAXIMA)
def test_network_windows_of_maxima(name: str) -> None:
    op, inner = MAXIMA[name]
    expected = unit_maps(op, inner) > 0
    rows, cols = members(op, inner)
    got = torch.zeros_like(expected)
    got[rows, cols] = True
    assert torch.equal(got, expected)
