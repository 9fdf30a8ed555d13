"""Graphs for the tests of the analyses: by hand, at random, and awkward ones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.graph.graph import Block, Graph, Layer

Edges = tuple[int, int, Any]
"""Source layer, target layer, matrix (n_target, n_source)."""


def make(sizes: Sequence[int], edges: Sequence[Edges], kinds: dict[int, str] | None = None, **columns: Any) -> Graph:
    """Layers l0, l1 … of the given sizes, and blocks between them; ``kinds`` names layers that are not plain."""
    layers, start = [], 0
    for i, size in enumerate(sizes):
        layers.append(Layer(f"m{i}", f"l{i}", (kinds or {}).get(i, "linear" if i else "input"), (size,), start, size))
        start += size
    blocks = [
        Block(f"l{s}", f"l{t}", (kinds or {}).get(s, "linear" if t == s + 1 else "skip"), _operator(matrix))
        for s, t, matrix in edges
    ]
    return Graph(tuple(layers), tuple(blocks), columns)


def chain(*matrices: Any) -> Graph:
    """A chain of layers."""
    operators = [_operator(m) for m in matrices]
    sizes = [operators[0].shape[1], *(m.shape[0] for m in operators)]
    return make(sizes, [(i, i + 1, m) for i, m in enumerate(operators)])


def _operator(matrix: Any) -> Any:
    return matrix if sp.issparse(matrix) else np.asarray(matrix, dtype=np.float64)


def random_graph(seed: int, positive: bool = False) -> Graph:
    """A random layered net: masked weights of both signs, skips, sparse blocks, now and then two blocks per pair."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, size=rng.integers(2, 6)).tolist()
    edges: list[Edges] = []
    for s in range(len(sizes)):
        for t in range(s + 1, len(sizes)):
            if t > s + 1 and rng.random() < 0.6:
                continue
            for _ in range(2 if rng.random() < 0.15 else 1):
                weight = rng.normal(size=(sizes[t], sizes[s])) * (rng.random((sizes[t], sizes[s])) < 0.7)
                weight = np.abs(weight) if positive else weight
                edges.append((s, t, sp.csr_array(weight) if rng.random() < 0.3 else weight))
    return make(sizes, edges)


def planted(sizes: Sequence[int], k: int, outside: float, seed: int) -> tuple[Graph, np.ndarray[Any, Any]]:
    """|normal| weights, times ``outside`` between different modules; and the true labels."""
    rng = np.random.default_rng(seed)
    of = [np.arange(size) % k for size in sizes]
    matrices = [
        np.abs(rng.standard_normal((b, a))) * np.where(of[i + 1][:, None] == of[i], 1.0, outside)
        for i, (a, b) in enumerate(itertools.pairwise(sizes))
    ]
    return chain(*matrices), np.concatenate(of)


def awkward() -> dict[str, Graph]:
    """Graphs that break careless code."""
    ones = np.ones((3, 3))
    explicit_zero = sp.csr_array((np.array([0.0, 2.0]), np.array([0, 1]), np.array([0, 2, 2])), shape=(2, 2))
    return {
        "disconnected": chain(np.kron(np.eye(2), np.ones((2, 2))), np.kron(np.eye(2), np.ones((2, 2)))),
        "single layer": make([4], []),
        "no layers": Graph((), ()),
        "two layers, no block": make([2, 2], []),
        "all weights zero": chain(np.zeros((2, 3)), np.zeros((2, 2))),
        "some weights zero": chain([[0.0, 1.0], [2.0, 0.0]], [[0.0, 1.0]]),
        "dead unit": chain([[1.0, 1.0], [0.0, 0.0]], [[1.0, 1.0]]),
        "isolated vertex": chain([[1.0, 0.0], [1.0, 0.0]], [[1.0, -1.0]]),
        "one vertex a layer": chain([[2.0]], [[-3.0]]),
        "one edge": chain([[5.0]]),
        "negative only": chain(-ones, -ones),
        "equal weights": chain(ones, ones),
        "bias vertices": make(
            [2, 1, 2, 1, 1],
            [(0, 2, [[1.0, -2.0], [3.0, 4.0]]), (1, 2, [[0.5], [0.0]]), (2, 4, [[1.0, 1.0]]), (3, 4, [[2.0]])],
            {1: "bias", 3: "bias"},
        ),
        "skips": make([2, 2, 2], [(0, 1, np.ones((2, 2))), (1, 2, [[1.0, -1.0], [0.5, 2.0]]), (0, 2, np.eye(2))]),
        "sparse": chain(sp.csr_array(np.eye(3)), sp.csr_array(np.array([[0.0, 1.0, -2.0]]))),
        "sparse with explicit zero": chain(explicit_zero, [[1.0, 1.0]]),
        "sparse and dense blocks of one pair": make([2, 2], [(0, 1, sp.csr_array(np.eye(2))), (0, 1, np.ones((2, 2)))]),
        "tiny weights": chain([[1e-30, 1e-200]], [[1e-30]]),
        "huge weights": chain([[1e30, 1e-30]], [[1e30]]),
    }
