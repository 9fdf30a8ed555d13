"""Trained networks for the analyses: digits in a second, and two convolutional ones that other people trained."""

from __future__ import annotations

from functools import cache

import network_mnist
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import netgraph as ng

Sample = tuple[torch.Tensor, torch.Tensor]
"""Inputs (N, …) and their labels (N,)."""


def digits() -> tuple[Sample, Sample]:
    """1,437 digits to train on and 360 to test with, always the same: (N, 64) float64 in 0 … 1, labels (N,)."""
    data, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(data))
    x, y = torch.from_numpy(data[order] / 16), torch.from_numpy(labels[order]).long()
    return (x[:1437], y[:1437]), (x[1437:], y[1437:])


@cache
def digits_mlp(seed: int = 0) -> tuple[ng.Network, Sample, Sample]:
    """A 64-32-32-10 ReLU network in float64, what it was trained on and what it was not; all chance from the seed."""
    (x, y), test = digits()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10)).double()
        optimiser = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
        for _ in range(40):
            for batch in torch.randperm(len(x)).split(64):
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
                optimiser.step()
    model.zero_grad()
    return ng.trace(model.eval(), (64,)), (x, y), test


def lenet(n: int = 200) -> tuple[ng.Network, Sample]:
    """LeNet-5 (modules ``convnet`` and ``fc``) in float64, and the first n images of MNIST's test set, 32×32."""
    return _loaded("LeNet", n)


def conv_small(n: int = 200) -> tuple[ng.Network, Sample]:
    """Two strided convolutions and two linear layers in float64, and the first n images of MNIST's test set, 28×28."""
    return _loaded("ConvSmall", n)


def _loaded(name: str, n: int) -> tuple[ng.Network, Sample]:
    if not network_mnist.DATA.is_dir():
        pytest.skip(network_mnist.ABSENT)
    return _load(name, n)


@cache
def _load(name: str, n: int) -> tuple[ng.Network, Sample]:
    model, side = getattr(network_mnist, name)().double(), network_mnist.SIDES[name]
    path = network_mnist.DATA / "networks" / network_mnist.FILES[name]
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    images, labels = network_mnist.mnist(side, n)
    return ng.trace(model.eval(), (1, side, side)), (images.double(), torch.from_numpy(labels.astype(np.int64)))
