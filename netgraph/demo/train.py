"""Trains a small classifier, the plainest way there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netgraph.demo.data import Dataset

Net = TypeVar("Net", bound=nn.Module)


def train(
    make: Callable[[], Net],
    data: Dataset,
    epochs: int = 40,
    seed: int = 0,
    progress: Callable[[int], object] = lambda epoch: None,
) -> Net:
    """A network made by `make` and trained by AdamW on the training images, in eval mode.

    The same seed gives the same network (on the same machine and torch); torch's own random state stays as it was.
    `progress` is called with 1, 2 … `epochs`.
    """
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        net = make()
        optimiser = torch.optim.AdamW(net.parameters(), lr=5e-3)
        for epoch in range(1, epochs + 1):
            for batch in torch.randperm(len(data.train_images)).split(64):
                optimiser.zero_grad()
                F.cross_entropy(net(data.train_images[batch]), data.train_labels[batch]).backward()
                optimiser.step()
            progress(epoch)
    return net.requires_grad_(False).eval()


@contextmanager
def one_thread() -> Iterator[None]:
    """Networks this small are trained faster by one thread than by several that wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def accuracy(net: Callable[[Tensor], Tensor], data: Dataset) -> float:
    """Share of the test images whose largest logit is that of their class."""
    with torch.no_grad():
        return float((net(data.test_images).argmax(1) == data.test_labels).float().mean())
