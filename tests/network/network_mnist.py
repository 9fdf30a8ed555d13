"""Two networks that other people trained, and the MNIST test set, from the shared data folder beside the project.

The file is read by ``load_network(…, model="network_mnist.py:LeNet")`` too.
"""

from __future__ import annotations

import gzip
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ABSENT = "the shared data folder is absent"
"""Why tests skip where there is none."""
SIDES = {"LeNet": 32, "ConvSmall": 28}
FILES = {"LeNet": "lenet5_mnist.pt", "ConvSmall": "conv_small_mnist.pth"}


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convnet = nn.Sequential(
            OrderedDict(
                c1=nn.Conv2d(1, 6, 5),
                relu1=nn.ReLU(),
                s2=nn.MaxPool2d(2),
                c3=nn.Conv2d(6, 16, 5),
                relu3=nn.ReLU(),
                s4=nn.MaxPool2d(2),
                c5=nn.Conv2d(16, 120, 5),
                relu5=nn.ReLU(),
            )
        )
        self.fc = nn.Sequential(
            OrderedDict(f6=nn.Linear(120, 84), relu6=nn.ReLU(), f7=nn.Linear(84, 10), sig7=nn.LogSoftmax(dim=-1))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.convnet(x).flatten(1))

    def chain(self) -> nn.Sequential:
        """The same modules in one row."""
        return nn.Sequential(*self.convnet, nn.Flatten(), *self.fc)


def ConvSmall() -> nn.Sequential:
    # no class: a Sequential's keys are 0, 2, 5 and 7
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 4, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1568, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )


def mnist(side: int = 28, n: int = 10_000) -> tuple[torch.Tensor, np.ndarray]:
    """The first n test images (n, 1, side, side), 0 … 1, and their labels (n,)."""
    with gzip.open(DATA / "mnist" / "t10k-images-idx3-ubyte.gz") as stream:
        images = np.frombuffer(stream.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)[:n]
    with gzip.open(DATA / "mnist" / "t10k-labels-idx1-ubyte.gz") as stream:
        labels = np.frombuffer(stream.read(), np.uint8, offset=8)[:n]
    x = torch.from_numpy(images.astype(np.float32) / 255)
    if side != 28:
        x = F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
    return x, labels
