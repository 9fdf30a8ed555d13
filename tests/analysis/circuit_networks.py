"""Traced networks whose circuits are known or can be worked out by hand, and what a selection chooses from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from boolean_networks import sequential
from torch import nn

import netgraph as ng
from netgraph.analysis.circuits.dangling import Ways
from netgraph.analysis.circuits.selection import Question
from netgraph.graph.flat import FlatEdges
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]


def dense(weights: Sequence[Any], biases: Sequence[Any] | None = None) -> ng.Network:
    """Linear layers with ReLU between them in float64, their ids input:0 …, linear_0:0 …, linear_2:0 …."""
    matrices = [np.asarray(w, dtype=float) for w in weights]
    shifts = [np.zeros(len(w)) for w in matrices] if biases is None else [np.asarray(b, dtype=float) for b in biases]
    return ng.trace(sequential(matrices, shifts).eval(), (matrices[0].shape[1],))


def xor(distractors: int = 0) -> ng.Network:
    """h1 = relu(x1+x2), h2 = relu(x1+x2−1), y = h1 − 2·h2; distractor units read the inputs and lead nowhere."""
    first = np.vstack([np.ones((2, 2)), np.random.default_rng(0).normal(size=(distractors, 2))])
    return dense([first, [[1.0, -2.0, *[0.0] * distractors]]], [np.array([0, -1.0, *[0.5] * distractors]), np.zeros(1)])


def three_classes(seed: int = 0) -> tuple[ng.Network, Array, Array]:
    """Three classes, each read by its own two inputs through its own two units, in weak noise; inputs and labels."""
    weights, inputs, labels = three_classes_by_hand(seed)
    return dense(weights), inputs, labels


def three_classes_by_hand(seed: int = 0) -> tuple[list[Array], Array, Array]:
    """Weights, inputs and labels of :func:`three_classes`."""
    rng = np.random.default_rng(seed)
    eye = np.eye(3)
    first = np.kron(eye, np.ones((2, 2))) + 0.02 * rng.normal(size=(6, 6))
    last = np.kron(eye, np.ones((1, 2))) + 0.02 * rng.normal(size=(3, 6))
    labels = rng.integers(0, 3, size=120)
    inputs = np.kron(eye, np.ones(2))[labels] + 0.1 * rng.normal(size=(120, 6))
    return [first, last], inputs, labels


class Residual(nn.Module):
    """A residual block between two linear layers: skip edges are sparse blocks, those of the layers are dense."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first, self.inner, self.last = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.first(x).relu()
        out: torch.Tensor = self.last((h + self.inner(h)).relu())
        return out


def residual(seed: int = 0, n: int = 60) -> tuple[ng.Network, torch.Tensor, torch.Tensor]:
    """A traced residual network in float64, inputs, and labels that it agrees with on most of them."""
    net = ng.trace(Residual(seed).double().eval(), (5,))
    rng = np.random.default_rng(seed)
    inputs = torch.from_numpy(rng.normal(size=(n, 5)))
    labels = torch.from_numpy(np.where(rng.random(n) < 0.1, rng.integers(0, 3, n), net.outputs(inputs).argmax(1)))
    return net, inputs, labels


def question(graph: Graph, key: Any = None, ends: Sequence[int] | None = None) -> Question:
    """What is chosen from: edges ranked by ``key`` (size,), by default |weight|."""
    edges = FlatEdges(graph)
    ranked = np.abs(edges.values("weight")) if key is None else np.asarray(key, dtype=float)
    return Question(edges, np.where(edges.real, ranked, 0.0), Ways(edges, ends))


def pairs(found: Any) -> set[tuple[str, str]]:
    """The edges of a circuit, by the ids of their ends."""
    return set(zip(found.scores["source"], found.scores["target"], strict=True))
