"""Strengths and degrees: what enters and leaves a vertex."""

from __future__ import annotations

import numpy as np

from netgraph.analysis.streams import streams
from netgraph.analysis.structure import Vector
from netgraph.graph.graph import Graph


def in_strength(graph: Graph, weight: str | None, signed: bool = False) -> Vector:
    """Σ of |weight| (or of weight) over the edges into a vertex."""
    total = np.zeros(graph.n)
    for stream in streams(graph, weight, signed=signed):
        total[stream.target.vertices] += stream.rows
    return total


def out_strength(graph: Graph, weight: str | None, signed: bool = False) -> Vector:
    """Σ of |weight| (or of weight) over the edges out of a vertex."""
    total = np.zeros(graph.n)
    for stream in streams(graph, weight, signed=signed):
        total[stream.source.vertices] += stream.columns
    return total


def strength(graph: Graph, weight: str | None, signed: bool = False) -> Vector:
    """in_strength + out_strength."""
    total = np.zeros(graph.n)
    for stream in streams(graph, weight, signed=signed):
        total[stream.target.vertices] += stream.rows
        total[stream.source.vertices] += stream.columns
    return total


def in_degree(graph: Graph, weight: str | None) -> Vector:
    """Number of edges into a vertex, by n−1. Several edges between the same two vertices count once."""
    return in_strength(graph, None) / max(graph.n - 1, 1)


def out_degree(graph: Graph, weight: str | None) -> Vector:
    """Number of edges out of a vertex, by n−1."""
    return out_strength(graph, None) / max(graph.n - 1, 1)


def degree(graph: Graph, weight: str | None) -> Vector:
    """in_degree + out_degree."""
    return strength(graph, None) / max(graph.n - 1, 1)


def neuron_strength(graph: Graph, weight: str | None) -> Vector:
    """Σ_i w_ij + b_j, signed: the strength of La Malfa et al. (2021); a bias is a weight that enters its vertex."""
    total = in_strength(graph, weight, signed=True)
    if weight in ("weight", None) and "bias" in graph.columns:  # bias vertices' edges are among the weights already
        total += np.nan_to_num(np.asarray(graph.columns["bias"], dtype=np.float64))
    return total


def layer_fluctuation(graph: Graph, values: Vector) -> dict[str, float]:
    """sqrt(Σ_j (s_j − mean s)²/n) of every layer with incoming edges: Y of La Malfa et al. (2021)."""
    entered = {block.target for block in graph.blocks}
    return {layer.name: float(np.std(values[layer.vertices])) for layer in graph.layers if layer.name in entered}
