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
