"""Two networks that other people trained, on the MNIST test set."""

from __future__ import annotations

from itertools import pairwise

import network_mnist
import numpy as np
import pytest
import torch
from network_mnist import DATA, FILES, SIDES, mnist

import netgraph as ng

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=network_mnist.ABSENT)

LENET_LAYERS = [("input", 1), ("convnet.c1", 6), ("convnet.c3", 16), ("convnet.c5", 120), ("fc.f6", 84), ("fc.f7", 10)]
SMALL_LAYERS = [("input", 1), ("conv_0", 16), ("conv_2", 32), ("linear_5", 100), ("linear_7", 10)]
NETWORKS = {"LeNet": (0.988, LENET_LAYERS), "ConvSmall": (0.982, SMALL_LAYERS)}


def load(name: str) -> ng.Network:
    side = SIDES[name]
    return ng.load_network(DATA / "networks" / FILES[name], (1, side, side), f"{network_mnist.__file__}:{name}")


@pytest.mark.parametrize("name", NETWORKS)
def test_network_real_networks_reach_their_accuracy_and_verify(name: str) -> None:
    accuracy, layers = NETWORKS[name]
    net = load(name)
    images, labels = mnist(SIDES[name])
    found = (net.outputs(images).argmax(1) == labels).mean()
    assert found == pytest.approx(accuracy, abs=0.001), found
    check = net.verify(images[:1])
    assert check, str(check)
    assert [(v.name, v.size) for v in net.graph().layers] == layers
    edges = sum(a * b for (_, a), (_, b) in pairwise(layers))
    assert len(net.graph().edges) == edges


def test_network_absolute_means_over_real_images_are_those_of_single_ones() -> None:
    net = load("LeNet")
    images, labels = mnist(SIDES["LeNet"], 40)
    chosen = torch.from_numpy(labels.astype(np.int64))
    batches = ((images[i : i + 16], chosen[i : i + 16]) for i in range(0, 40, 16))
    for label, graph in net.graph(inputs=batches, target="label", by="label", aggregate="mean_abs").items():
        ones = [net.graph(inputs=one[None], target=label) for one in images[chosen == label]]
        for column in ("contribution", "attribution"):
            for got, *each in zip(*[[b.values[column] for b in g.blocks] for g in (graph, *ones)], strict=True):
                expected = np.abs(np.stack(each).astype(np.float64)).mean(0)
                assert np.abs(got - expected).max() <= 1e-5 * expected.max()
