"""The same code wherever a model lies: float32 on an accelerator against float64 on the CPU."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from network_zoo import make

import netgraph as ng

HERE = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
DEVICES = [name for name, there in HERE.items() if there]
"""What this machine has."""


@pytest.mark.parametrize("granularity", ["channel", "unit"])
@pytest.mark.parametrize("name", ["mlp-gelu", "lenet-relu", "resnet-relu", "densenet-gelu", "transformer", "lstm"])
@pytest.mark.parametrize("device", DEVICES)
def test_network_devices_agree(device: str, name: str, granularity: str) -> None:
    model, x = make(name, torch.float64)
    expected = ng.trace(model, x).graph(granularity, inputs=x[:2], target=0)
    moved = copy.deepcopy(model).float().to(device)
    net = ng.trace(moved, x.float().to(device))
    got = net.graph(granularity, inputs=x[:2].float().to(device), target=0)
    assert got.meta["target_value"] == pytest.approx(expected.meta["target_value"], rel=1e-3, abs=1e-4)
    for column in ("weight", "contribution", "attribution"):
        a, b = (g.to_scipy(column).toarray() for g in (got, expected))
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * np.abs(b).max())
    assert np.allclose(net.outputs(x.float()), ng.trace(model, x).outputs(x), rtol=1e-3, atol=1e-4)
    assert next(moved.parameters()).device.type == device
    assert len(net.activations(x.float())) == len(x)


@pytest.mark.parametrize("device", DEVICES)
def test_network_devices_take_inputs_from_the_cpu_and_masks(device: str) -> None:
    model, x = make("lenet-relu")
    net = ng.trace(copy.deepcopy(model).to(device), x.to(device))
    graph = net.graph()
    masks = [np.ones(b.shape) for b in graph.blocks]
    masks[0][0] = 0
    expected = ng.trace(model, x).masked(x, masks)
    assert np.allclose(net.masked(x, masks), expected, rtol=1e-3, atol=1e-4)
    spread = net.graph(inputs=x, target=0, aggregate="mean_abs")
    assert np.isfinite(spread.to_scipy("attribution").data).all()
