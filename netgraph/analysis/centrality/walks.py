"""Measures of walks. On a layered graph each is a triangular system, solved exactly by one forward sweep."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.analysis.structure import Pair, Vector, by_vertex, pairs, sweep_forward
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph


def pagerank(
    graph: Graph, weight: str | None, alpha: float = 0.85, personalization: Any = None, dangling: Any = None
) -> Vector:
    """PageRank as networkx defines it: a walker follows |weight|, teleports with 1−alpha, and leaves dead ends.

    With A the transition matrix, p where the walker teleports to, w where it goes from a dangling vertex, and
    y_p = (1−αAᵀ)⁻¹p: x = (1−α) y_p + α s y_w, where s is the mass on dangling vertices. The sums over dangling
    vertices of both sides give s, so no iteration is needed.
    """
    if not 0 <= alpha <= 1:
        raise AnalysisError(f"alpha is {alpha}; PageRank needs it between 0 and 1")
    if graph.n == 0:
        return np.zeros(0)
    edges, dead_end = _transitions(graph, pairs(graph, weight))
    teleport = _distribution(graph, personalization, "personalization")
    y = _scaled_sweep(graph, edges, teleport, alpha)
    if dangling is None:
        return np.asarray(y / y.sum())  # both terms are multiples of y
    after_end = _distribution(graph, dangling, "dangling")
    y_end = _scaled_sweep(graph, edges, after_end, alpha)
    if alpha == 1:
        return np.asarray(y_end / y_end.sum())
    mass = (1 - alpha) * y[dead_end].sum() / (1 - alpha * y_end[dead_end].sum())
    x = (1 - alpha) * y + alpha * mass * y_end
    return np.asarray(x / x.sum())


def katz(graph: Graph, weight: str | None, alpha: float = 0.1, beta: Any = 1.0, normalized: bool = True) -> Vector:
    """Katz centrality over in-edges, as networkx defines it: x_j = α Σ_i |w_ij| x_i + β_j, of length 1.

    Any alpha converges: a layered graph has no cycles, so its largest eigenvalue is 0.
    """
    if not np.isfinite(alpha):
        raise AnalysisError(f"alpha is {alpha}; Katz centrality needs a finite number")
    start = np.full(graph.n, float(beta)) if isinstance(beta, Real) else by_vertex(graph, beta, "beta")
    with np.errstate(over="ignore", invalid="ignore"):  # said by the caller, by name of the vertex
        x = _scaled_sweep(graph, pairs(graph, weight), start, alpha)
    largest = float(np.abs(x).max(initial=0.0))
    if not normalized or largest == 0 or not np.isfinite(largest):
        return x
    scaled = x / largest  # the squares of large values would overflow
    return np.asarray(scaled / np.linalg.norm(scaled))


def _scaled_sweep(graph: Graph, edges: list[Pair], start: Vector, alpha: float) -> Vector:
    return sweep_forward(graph, [replace(pair, matrix=alpha * pair.matrix) for pair in edges], start)


def _transitions(graph: Graph, edges: list[Pair]) -> tuple[list[Pair], Any]:
    """Columns divided by what leaves their source; and which vertices nothing leaves."""
    leaving = np.zeros(graph.n)
    for pair in edges:
        leaving[pair.source.vertices] += pair.columns
    dead_end = leaving == 0
    with np.errstate(over="ignore"):  # said by the caller, by name of the vertex
        scale = np.divide(1.0, leaving, out=np.zeros(graph.n), where=~dead_end)
    scaled = []
    for pair in edges:
        by = scale[pair.source.vertices]
        matrix = sp.csr_array(pair.matrix @ sp.diags_array(by)) if sp.issparse(pair.matrix) else pair.matrix * by
        scaled.append(replace(pair, matrix=matrix))
    return scaled, dead_end


def _distribution(graph: Graph, values: Any, name: str) -> Vector:
    """Numbers per vertex id scaled to sum 1; equal for all vertices where none are given."""
    if values is None:
        return np.full(graph.n, 1 / graph.n)
    given = by_vertex(graph, values, name)
    if (given < 0).any() or given.sum() <= 0:
        raise AnalysisError(f"{name} must hold numbers from 0 up, one of them above 0")
    return np.asarray(given / given.sum())
