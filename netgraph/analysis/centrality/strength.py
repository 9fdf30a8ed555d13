"""Strengths and degrees: what enters and leaves a vertex."""

from __future__ import annotations

import numpy as np

from netgraph.analysis.structure import Vector, pairs
from netgraph.graph.graph import Graph


def in_strength(graph: Graph, weight: str | None, signed: bool = False) -> Vector:
    """Σ of |weight| (or of weight) over the edges into a vertex."""
    total = np.zeros(graph.n)
    for pair in pairs(graph, weight, signed=signed):
        total[pair.target.vertices] += pair.rows
    return total


def out_strength(graph: Graph, weight: str | None, signed: bool = False) -> Vector:
    """Σ of |weight| (or of weight) over the edges out of a vertex."""
    total = np.zeros(graph.n)
    for pair in pairs(graph, weight, signed=signed):
        total[pair.source.vertices] += pair.columns
    return total


def strength(graph: Graph, weight: str | None, signed: bool = False) -> Vector:
    """in_strength + out_strength."""
    return in_strength(graph, weight, signed) + out_strength(graph, weight, signed)


def in_degree(graph: Graph, weight: str | None) -> Vector:
    """Number of edges into a vertex, by n−1. Several edges between the same two vertices count once."""
    return in_strength(graph, None) / max(graph.n - 1, 1)


def out_degree(graph: Graph, weight: str | None) -> Vector:
    """Number of edges out of a vertex, by n−1."""
    return out_strength(graph, None) / max(graph.n - 1, 1)


def degree(graph: Graph, weight: str | None) -> Vector:
    """in_degree + out_degree."""
    return in_degree(graph, None) + out_degree(graph, None)
