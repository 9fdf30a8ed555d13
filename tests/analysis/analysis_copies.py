"""Copies of networks whose hidden units stand in another order and are scaled, and which compute the same."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

Array = np.ndarray[Any, Any]


def another_order(
    matrices: Sequence[Array], biases: Sequence[Array], rng: np.random.Generator, scales: bool = True
) -> tuple[list[Array], list[Array], list[Array]]:
    """(matrices, biases, for each hidden layer which old unit stands where) of a chain of layers."""
    before, stretch = np.arange(matrices[0].shape[1]), np.ones(matrices[0].shape[1])
    weights, shifts, orders = [], [], []
    for number, (weight, bias) in enumerate(zip(matrices, biases, strict=True)):
        last = number == len(matrices) - 1
        order = np.arange(len(weight)) if last else rng.permutation(len(weight))
        scale = np.exp(rng.normal(size=len(weight))) if scales and not last else np.ones(len(weight))
        weights.append((weight[:, before] / stretch)[order] * scale[:, None])
        shifts.append(bias[order] * scale)
        orders.append(order)
        before, stretch = order, scale
    return weights, shifts, orders[:-1]


class Residual(nn.Module):
    """A residual sum around two convolutions, a pool, a depthwise convolution and a mean, with BatchNorm."""

    def __init__(self, channels: int = 6) -> None:
        super().__init__()
        self.c0 = nn.Conv2d(2, channels, 3, padding=1, bias=False)
        self.c1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.c2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.b0, self.b1, self.b2 = (nn.BatchNorm2d(channels) for _ in range(3))
        self.d = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.fc = nn.Linear(channels, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.b0(self.c0(x)))
        x = torch.relu(x + self.b2(self.c2(torch.relu(self.b1(self.c1(x))))))
        x = torch.relu(self.d(nn.functional.max_pool2d(x, 2)))
        return self.fc(x.mean((2, 3)))


def residual(seed: int) -> Residual:
    torch.manual_seed(seed)
    model = Residual().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2), nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean), nn.init.uniform_(module.running_var, 0.5, 2)
    return model


@torch.no_grad()
def residual_copy(model: Residual, seed: int) -> tuple[Residual, Array, Array]:
    """(the copy, the order of the residual stream, the order inside the block)."""
    torch.manual_seed(seed)
    other, channels = copy.deepcopy(model), model.fc.in_features
    outer, inner = torch.randperm(channels), torch.randperm(channels)
    s, r = torch.exp(torch.randn(channels)), torch.exp(torch.randn(channels))

    def norm(new: Any, old: Any, order: torch.Tensor, scale: torch.Tensor) -> None:
        new.weight[:], new.bias[:] = old.weight[order] * scale, old.bias[order] * scale
        new.running_mean[:], new.running_var[:] = old.running_mean[order], old.running_var[order]

    other.c0.weight[:] = model.c0.weight[outer]
    other.c1.weight[:] = (model.c1.weight[:, outer] / s[:, None, None])[inner]
    other.c2.weight[:] = (model.c2.weight[:, inner] / r[:, None, None])[outer]
    norm(other.b0, model.b0, outer, s), norm(other.b1, model.b1, inner, r), norm(other.b2, model.b2, outer, s)
    other.d.weight[:] = model.d.weight[outer] / s[:, None, None, None]
    other.d.bias[:] = model.d.bias[outer]
    other.fc.weight[:] = model.fc.weight[:, outer]
    return other, outer.numpy(), inner.numpy()


@torch.no_grad()
def mlp_copy(model: nn.Module, names: Sequence[str], seed: int) -> tuple[nn.Module, list[Array]]:
    """(a copy of Linear layers one after the other, the orders of its hidden layers)."""
    rng, other = np.random.default_rng(seed), copy.deepcopy(model)
    layers = [model.get_submodule(name) for name in names]
    weights, biases, orders = another_order(
        [layer.weight.numpy() for layer in layers], [layer.bias.numpy() for layer in layers], rng
    )
    for name, weight, bias in zip(names, weights, biases, strict=True):
        layer: Any = other.get_submodule(name)
        layer.weight[:], layer.bias[:] = torch.as_tensor(weight), torch.as_tensor(bias)
    return other, orders
