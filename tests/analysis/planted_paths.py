"""Small ReLU networks whose paths are all listed one by one, and networks with one strong path per class (numpy)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Dense:
    """Linear layers with ReLU between them, at one input.

    ``weights`` (n_target, n_source) and ``biases`` one per layer, ``x`` (n,).
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    x: Array

    @property
    def sizes(self) -> list[int]:
        return [len(self.x), *(len(w) for w in self.weights)]

    def activations(self) -> list[Array]:
        """Of the input and all layers; the last one's are the logits."""
        out = [self.x]
        for at, (w, b) in enumerate(zip(self.weights, self.biases, strict=True), 1):
            z = np.array([sum(w[j, i] * out[-1][i] for i in range(w.shape[1])) + b[j] for j in range(len(w))])
            out.append(z if at == len(self.weights) else np.maximum(z, 0))
        return out


@dataclass(frozen=True)
class Path:
    """``first``: layer where it begins, at an input (0) or a unit's bias; ``units``: one of each layer from there."""

    first: int
    units: tuple[int, ...]
    value: float

    @property
    def edges(self) -> list[tuple[int, int, int]]:
        """(block, target, source) of each."""
        return [(self.first + k, j, i) for k, (i, j) in enumerate(pairwise(self.units))]


def all_paths(net: Dense) -> Iterator[Path]:
    """Every path from an input or a bias to an output: where it begins times all weights and gates on it."""
    acts, sizes = net.activations(), net.sizes
    last = len(sizes) - 1
    for first in range(last + 1):
        for units in product(*(range(n) for n in sizes[first:])):
            value = float(net.x[units[0]] if first == 0 else net.biases[first - 1][units[0]])
            for layer, (i, j) in enumerate(pairwise(units), first):
                gate = 1.0 if layer == 0 or acts[layer][i] > 0 else 0.0
                value *= gate * float(net.weights[layer][j, i])
            yield Path(first, units, value)


def through_edges(net: Dense, target: Sequence[float]) -> list[Array]:
    """Arrays (n_target, n_source): the sum of all paths through each edge, outputs weighed by ``target``.

    It is what the edge's attribution must be.
    """
    sums = [np.zeros_like(w) for w in net.weights]
    for path in all_paths(net):
        for block, j, i in path.edges:
            sums[block][j, i] += path.value * target[path.units[-1]]
    return sums


def random_dense(seed: int = 0, sizes: Sequence[int] = (6, 7, 6, 3)) -> Dense:
    """Random weights, biases and input, drawn until every hidden layer has at least three live units and one dead."""
    rng = np.random.default_rng(seed)
    while True:
        weights = tuple(rng.normal(size=(b, a)) for a, b in pairwise(sizes))
        net = Dense(weights, tuple(rng.normal(size=len(w)) / 2 for w in weights), rng.normal(size=sizes[0]))
        if all(3 <= np.count_nonzero(a) < len(a) for a in net.activations()[1:-1]):
            return net


def planted_dense(
    seed: int = 0, sizes: Sequence[int] = (6, 7, 6, 3), strength: float = 2.0, noise: float = 0.1
) -> tuple[Dense, list[tuple[int, ...]]]:
    """A network with one strong path to each class, and those paths: a unit of every layer, no unit in two paths.

    All other weights are at most ``noise`` in absolute value, those of the paths are ``strength``, the input is 1 and
    biases are 0: a path that takes another edge is weaker by noise/strength for each of them.
    """
    rng = np.random.default_rng(seed)
    weights = [rng.uniform(-noise, noise, size=(b, a)) for a, b in pairwise(sizes)]
    starts = [rng.permutation(n)[: sizes[-1]] for n in sizes[:-1]]
    paths = [(*(int(s[c]) for s in starts), c) for c in range(sizes[-1])]
    for path in paths:
        for weight, (i, j) in zip(weights, pairwise(path), strict=True):
            weight[j, i] = strength
    return Dense(tuple(weights), tuple(np.zeros(n) for n in sizes[1:]), np.ones(sizes[0])), paths
