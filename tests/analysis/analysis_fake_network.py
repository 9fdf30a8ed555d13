"""A dense ReLU network in numpy that fulfils the protocol of circuits, in place of ``netgraph.Network``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from analysis_graphs import chain

from netgraph.graph.graph import Block, Graph


class FakeNetwork:
    """z = W·a + b per layer, ReLU in between. ``sparse`` names blocks that are emitted as CSR."""

    def __init__(self, weights: Sequence[Any], biases: Sequence[Any] | None = None, sparse: Sequence[int] = ()) -> None:
        self.weights = [np.asarray(w, dtype=float) for w in weights]
        self.biases = [np.asarray(b, dtype=float) for b in biases or [np.zeros(len(w)) for w in self.weights]]
        self.sparse = set(sparse)
        self.runs = 0

    def _play(self, inputs: Any) -> list[np.ndarray[Any, Any]]:
        acts = [np.asarray(inputs, dtype=float)]
        for i, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = acts[-1] @ w.T + b
            acts.append(z if i == len(self.weights) - 1 else np.maximum(z, 0))
        return acts

    def outputs(self, inputs: Any) -> np.ndarray[Any, Any]:
        return self._play(inputs)[-1]

    def graph(self, *, granularity: str = "channel", inputs: Any = None, target: Any = None) -> Graph:
        acts = self._play(inputs)
        upstream = np.broadcast_to(self._direction(target), acts[-1].shape)
        flows = []
        for w, a in reversed(list(zip(self.weights, acts, strict=False))):
            flows.insert(0, np.einsum("ji,ni,nj->ji", w, a, upstream) / len(a))
            upstream = (upstream @ w) * (a > 0)
        plain = chain(*self.weights)
        blocks = []
        for i, (block, flow) in enumerate(zip(plain.blocks, flows, strict=True)):
            weight = block.weight
            if i in self.sparse:
                weight = sp.csr_array(weight)
                rows = np.repeat(np.arange(weight.shape[0]), np.diff(weight.indptr))
                flow = sp.csr_array((flow[rows, weight.indices], weight.indices, weight.indptr), shape=weight.shape)
            blocks.append(Block(block.source, block.target, block.kind, weight, {"attribution": flow}))
        columns = {"activation": np.concatenate([a.mean(0) for a in acts])}
        return Graph(plain.layers, tuple(blocks), columns, {"granularity": granularity, "inputs": len(acts[0])})

    def _direction(self, target: Any) -> np.ndarray[Any, Any]:
        size = len(self.weights[-1])
        one = np.eye(size)
        if target is None:
            return one[0]
        if isinstance(target, int):
            return one[target]
        first, second = target
        if first == "centred":
            return one[second] - (1 - one[second]) / (size - 1)
        return one[first] - one[second]

    def masked(
        self,
        inputs: Any,
        masks: Sequence[Any],
        granularity: str = "channel",
        corrupted: str = "mean",
        reference: Any = None,
    ) -> np.ndarray[Any, Any]:
        self.runs += 1
        clean = self._play(inputs if reference is None else reference)
        a = np.asarray(inputs, dtype=float)
        for i, (w, b, mask) in enumerate(zip(self.weights, self.biases, masks, strict=True)):
            if mask is None:
                kept = np.ones_like(w)
            elif i in self.sparse:
                assert isinstance(mask, sp.csr_array)
                kept = mask.toarray().astype(float)
            else:
                kept = np.asarray(mask, dtype=float)
            assert kept.shape == w.shape
            other = clean[i].mean(0) if corrupted == "mean" else np.zeros(w.shape[1])
            z = a @ (kept * w).T + (w * (1 - kept)) @ other + b
            a = z if i == len(self.weights) - 1 else np.maximum(z, 0)
        return a


def xor(distractors: int = 0) -> FakeNetwork:
    """h1 = relu(x1+x2), h2 = relu(x1+x2−1), y = h1 − 2·h2; distractor units read the inputs and lead nowhere."""
    rng = np.random.default_rng(0)
    first = np.vstack([np.ones((2, 2)), rng.normal(size=(distractors, 2))])
    return FakeNetwork(
        [first, [[1.0, -2.0, *[0.0] * distractors]]], [np.array([0, -1.0, *[0.5] * distractors]), np.zeros(1)]
    )


def trained_like(seed: int = 0) -> tuple[FakeNetwork, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Three classes, each read by its own two inputs through its own two units, in weak noise; inputs and labels."""
    rng = np.random.default_rng(seed)
    eye = np.eye(3)
    first = np.kron(eye, np.ones((2, 2))) + 0.02 * rng.normal(size=(6, 6))
    last = np.kron(eye, np.ones((1, 2))) + 0.02 * rng.normal(size=(3, 6))
    labels = rng.integers(0, 3, size=120)
    inputs = np.kron(eye, np.ones(2))[labels] + 0.1 * rng.normal(size=(120, 6))
    return FakeNetwork([first, last], sparse=[1]), inputs, labels
