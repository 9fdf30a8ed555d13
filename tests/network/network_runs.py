"""Networks of the zoo with inputs, masks and a tolerance, for tests of runs with edges cut."""

from __future__ import annotations

import numpy as np
import torch
from network_zoo import ZOO, make

import netgraph as ng

TOLERANCE = 1e-10


def drawn(name: str, n: int = 5) -> tuple[ng.Network, torch.Tensor, torch.Tensor]:
    """(network, n inputs, n others) of the zoo, in float64."""
    model, x = make(name, torch.float64)
    generator = torch.Generator().manual_seed(1)
    x, other = torch.randn(2, n, *ZOO[name][1], generator=generator, dtype=torch.float64)
    return ng.trace(model, x), x, other


def some(size: int, share: float = 0.7) -> np.ndarray:
    return (np.random.default_rng(0).random(size) < share).astype(float)


def same(a: np.ndarray, b: np.ndarray | torch.Tensor) -> None:
    np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE)
