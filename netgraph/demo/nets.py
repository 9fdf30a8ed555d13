"""The demo's two networks. This file needs torch alone, so that it can serve as ``--model nets.py:MLP`` anywhere.

``input_shape`` spares whoever loads them the ``--input-shape``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MLP(nn.Module):
    """Pixels -> two hidden layers -> one logit a class.

    >>> MLP()(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    def __init__(self, side: int = 8, hidden: int = 32, classes: int = 10) -> None:
        super().__init__()
        self.input_shape = (1, side, side)
        self.fc1 = nn.Linear(side * side, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, classes)

    def forward(self, images: Tensor) -> Tensor:
        hidden = F.relu(self.fc1(torch.flatten(images, 1)))
        hidden = F.relu(self.fc2(hidden))
        return self.fc3(hidden)  # type: ignore[no-any-return]


class CNN(nn.Module):
    """Two convolutions with max pooling -> one logit a class.

    >>> CNN()(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    def __init__(self, side: int = 8, classes: int = 10) -> None:
        super().__init__()
        self.input_shape = (1, side, side)
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16 * (side // 4) ** 2, classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = F.max_pool2d(F.relu(self.conv1(images)), 2)
        maps = F.max_pool2d(F.relu(self.conv2(maps)), 2)
        return self.fc(torch.flatten(maps, 1))  # type: ignore[no-any-return]


def mnist_mlp() -> MLP:
    """The MLP for images of 28 x 28: ``--model nets.py:mnist_mlp``."""
    return MLP(side=28)


def mnist_cnn() -> CNN:
    """The CNN for images of 28 x 28: ``--model nets.py:mnist_cnn``."""
    return CNN(side=28)
