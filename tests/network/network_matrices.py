"""A graph's blocks as whole matrices, to compare with."""

from __future__ import annotations

import numpy as np

import netgraph as ng


def matrix(graph: ng.Graph, column: str) -> np.ndarray:
    """(n, n) a column of all edges: from column j to row i."""
    out = np.zeros((graph.n, graph.n))
    for block in graph.blocks:
        held = block.values[column]
        whole = held.toarray() if hasattr(held, "toarray") else held
        out[graph.layer(block.target).vertices, graph.layer(block.source).vertices] += whole
    return out


def blocks(graph: ng.Graph, column: str) -> list[np.ndarray]:
    """A column of each block, (n_target, n_source): two blocks may lie between the same layers."""
    held = [block.values[column] for block in graph.blocks]
    return [v.toarray() if hasattr(v, "toarray") else v for v in held]


def weights(graph: ng.Graph, source: str, target: str) -> np.ndarray:
    """(n_target, n_source) the weights between two layers."""
    blocks = [b.weight for b in graph.blocks if (b.source, b.target) == (source, target)]
    whole: np.ndarray = sum(w.toarray() if hasattr(w, "toarray") else w for w in blocks)
    return whole
