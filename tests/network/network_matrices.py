"""A graph's blocks as whole matrices, to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np

import netgraph as ng


def dense(operator: Any) -> np.ndarray:
    """(n_target, n_source) whatever holds the edges, as an array."""
    return operator.toarray() if hasattr(operator, "toarray") else np.asarray(operator)


def between(graph: ng.Graph, source: str, target: str, name: str = "weight") -> np.ndarray:
    """(n_target, n_source) a column of the only block between two layers."""
    (block,) = (b for b in graph.blocks if (b.source, b.target) == (source, target))
    return dense(block.operator(name))


def matrix(graph: ng.Graph, column: str) -> np.ndarray:
    """(n, n) a column of all edges: from column j to row i."""
    out = np.zeros((graph.n, graph.n))
    for block in graph.blocks:
        out[graph.layer(block.target).vertices, graph.layer(block.source).vertices] += dense(block.values[column])
    return out


def blocks(graph: ng.Graph, column: str) -> list[np.ndarray]:
    """A column of each block, (n_target, n_source): two blocks may lie between the same layers."""
    return [dense(block.values[column]) for block in graph.blocks]


def weights(graph: ng.Graph, source: str, target: str) -> np.ndarray:
    """(n_target, n_source) the weights between two layers."""
    whole: np.ndarray = sum(dense(b.weight) for b in graph.blocks if (b.source, b.target) == (source, target))
    return whole
