"""Two networks that other people trained, on the MNIST test set."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import netgraph as ng

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is absent")

LENET = """
from collections import OrderedDict
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convnet = nn.Sequential(OrderedDict([
            ("c1", nn.Conv2d(1, 6, 5)), ("relu1", nn.ReLU()), ("s2", nn.MaxPool2d(2)),
            ("c3", nn.Conv2d(6, 16, 5)), ("relu3", nn.ReLU()), ("s4", nn.MaxPool2d(2)),
            ("c5", nn.Conv2d(16, 120, 5)), ("relu5", nn.ReLU())]))
        self.fc = nn.Sequential(OrderedDict([
            ("f6", nn.Linear(120, 84)), ("relu6", nn.ReLU()),
            ("f7", nn.Linear(84, 10)), ("sig7", nn.LogSoftmax(dim=-1))]))

    def forward(self, x):
        return self.fc(self.convnet(x).flatten(1))
"""
SMALL = """
from torch import nn

def Net():
    return nn.Sequential(nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(), nn.Flatten(),
                         nn.Linear(1568, 100), nn.ReLU(), nn.Linear(100, 10))
"""
LENET_LAYERS = [("input", 1), ("convnet.c1", 6), ("convnet.c3", 16), ("convnet.c5", 120), ("fc.f6", 84), ("fc.f7", 10)]
SMALL_LAYERS = [("input", 1), ("conv_0", 16), ("conv_2", 32), ("linear_5", 100), ("linear_7", 10)]
NETWORKS = {
    "lenet5_mnist.pt": (LENET, 32, 0.988, LENET_LAYERS),
    "conv_small_mnist.pth": (SMALL, 28, 0.982, SMALL_LAYERS),
}


def mnist() -> tuple[torch.Tensor, np.ndarray]:
    with gzip.open(DATA / "mnist" / "t10k-images-idx3-ubyte.gz") as stream:
        images = np.frombuffer(stream.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(DATA / "mnist" / "t10k-labels-idx1-ubyte.gz") as stream:
        labels = np.frombuffer(stream.read(), np.uint8, offset=8)
    return torch.from_numpy(images.astype(np.float32) / 255), labels


@pytest.mark.parametrize("file", NETWORKS)
def test_network_real_networks_reach_their_accuracy_and_verify(file: str, tmp_path: Path) -> None:
    source, side, accuracy, layers = NETWORKS[file]
    (tmp_path / "net.py").write_text(source)
    net = ng.load_network(DATA / "networks" / file, (1, side, side), f"{tmp_path / 'net.py'}:Net")
    images, labels = mnist()
    if side != 28:
        images = F.interpolate(images, size=(side, side), mode="bilinear", align_corners=False)
    found = (net.outputs(images).argmax(1) == labels).mean()
    assert found == pytest.approx(accuracy, abs=0.001), found
    check = net.verify(images[:1])
    assert check, str(check)
    assert [(v.name, v.size) for v in net.graph().layers] == layers
    edges = sum(a * b for (_, a), (_, b) in pairwise(layers))
    assert len(net.graph().edges) == edges


def test_network_absolute_means_over_real_images_are_those_of_single_ones(tmp_path: Path) -> None:
    source, side, _, _ = NETWORKS["lenet5_mnist.pt"]
    (tmp_path / "net.py").write_text(source)
    net = ng.load_network(DATA / "networks" / "lenet5_mnist.pt", (1, side, side), f"{tmp_path / 'net.py'}:Net")
    images, labels = mnist()
    images = F.interpolate(images[:40], size=(side, side), mode="bilinear", align_corners=False)
    chosen = torch.from_numpy(labels[:40].astype(np.int64))
    batches = ((images[i : i + 16], chosen[i : i + 16]) for i in range(0, 40, 16))
    for label, graph in net.graph(inputs=batches, target="label", by="label", aggregate="mean_abs").items():
        ones = [net.graph(inputs=one[None], target=label) for one in images[chosen == label]]
        for column in ("contribution", "attribution"):
            for got, *each in zip(*[[b.values[column] for b in g.blocks] for g in (graph, *ones)], strict=True):
                expected = np.abs(np.stack(each).astype(np.float64)).mean(0)
                assert np.abs(got - expected).max() <= 1e-5 * expected.max()
