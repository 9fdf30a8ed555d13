"""What the scales of units change in a graph: strengths of vertices, and how far two graphs are apart."""

from __future__ import annotations

import numpy as np
from network_matrices import dense

from netgraph.graph.blocks import column_sums, row_sums
from netgraph.graph.graph import Graph

BALANCED = 1e-9
Orders = dict[str, np.ndarray]


def strengths(graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    """(n,) Σ|weight| into each vertex, and out of it."""
    into, out = np.zeros(graph.n), np.zeros(graph.n)
    for block in graph.blocks:
        into[graph.layer(block.target).vertices] += row_sums(block.weight, absolute=True)
        out[graph.layer(block.source).vertices] += column_sums(block.weight, absolute=True)
    return into, out


def difference(first: Graph, second: Graph, orders: Orders) -> float:
    """Largest relative difference of weights, flows, biases and activations, vertex j of ``second`` in its place."""
    worst = 0.0

    def gap(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.abs(a - b).max() / (np.abs(a).max() or 1.0))

    def order(name: str) -> np.ndarray:
        layer = first.layer(name)
        wanted = orders.get(name)
        if wanted is None:
            return np.arange(layer.size)
        return np.arange(layer.size).reshape(len(wanted), -1)[wanted].reshape(-1)  # a channel's units move together

    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    for a, b in zip(first.blocks, second.blocks, strict=True):
        t, s = order(a.target), order(a.source)
        for name in ("weight", *a.values):
            worst = max(worst, gap(dense(a.operator(name))[np.ix_(t, s)], dense(b.operator(name))))
    everyone = np.concatenate([layer.start + order(layer.name) for layer in first.layers])
    for name, values in first.columns.items():
        worst = max(worst, gap(values[everyone], second.columns[name]))
    return worst
