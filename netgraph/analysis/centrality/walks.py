"""Measures of walks. On a layered graph each is a triangular system, solved exactly by one sweep over the layers."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from netgraph.analysis.streams import Stream, backward, forward, streams
from netgraph.analysis.structure import Vector, by_vertex, vertex_number
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
    edges = streams(graph, weight)
    scale, dead_end = _shares(graph, edges, float(alpha))
    teleport = _distribution(graph, personalization, "personalization")
    y = forward(edges, teleport, scale)
    if dangling is None:
        return np.asarray(y / y.sum())  # both terms are multiples of y
    after_end = _distribution(graph, dangling, "dangling")
    y_end = forward(edges, after_end, scale)
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
        x = forward(streams(graph, weight), start, float(alpha))
    largest = float(np.abs(x).max(initial=0.0))
    if not normalized or largest == 0 or not np.isfinite(largest):
        return x
    scaled = x / largest  # the squares of large values would overflow
    return np.asarray(scaled / np.linalg.norm(scaled))


def path_count(graph: Graph, weight: str | None) -> Vector:
    """Number of paths through a vertex that begin where no edge enters and end where no edge leaves.

    A vertex without edges has none. Several edges between the same two vertices count once.
    """
    edges = streams(graph, None)
    entered, left = np.zeros(graph.n, dtype=bool), np.zeros(graph.n, dtype=bool)
    for stream in edges:
        entered[stream.target.vertices] |= stream.rows > 0
        left[stream.source.vertices] |= stream.columns > 0
    with np.errstate(over="ignore", invalid="ignore"):
        into = forward(edges, (~entered).astype(np.float64))
        out_of = backward(edges, (~left).astype(np.float64))
        return np.where(entered | left, into * out_of, 0.0)


def total_influence(graph: Graph, weight: str | None, signed: bool = False, target: str | None = None) -> Vector:
    """Σ over all paths from a vertex to the outputs of Π|w| (or Π w); 1 for an output itself, the path of no edge.

    The outputs are the layers that nothing leaves; ``target`` puts one vertex, or one layer, in their place.
    """
    end = np.zeros(graph.n)
    if target is None:
        sources = {block.source for block in graph.blocks}
        for layer in graph.layers:
            end[layer.vertices] = layer.name not in sources
    elif target in {layer.name for layer in graph.layers}:
        end[graph.layer(target).vertices] = 1.0
    else:
        end[vertex_number(graph, target)] = 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        return backward(streams(graph, weight, signed=signed), end)


def _shares(graph: Graph, edges: list[Stream], alpha: float) -> tuple[Vector, Any]:
    """α by what leaves each vertex; and which vertices nothing leaves."""
    leaving = np.zeros(graph.n)
    for stream in edges:
        leaving[stream.source.vertices] += stream.columns
    dead_end = leaving == 0
    with np.errstate(over="ignore"):  # said by the caller, by name of the vertex
        return np.divide(alpha, leaving, out=np.zeros(graph.n), where=~dead_end), dead_end


def _distribution(graph: Graph, values: Any, name: str) -> Vector:
    """Numbers per vertex id scaled to sum 1; equal for all vertices where none are given."""
    if values is None:
        return np.full(graph.n, 1 / graph.n)
    given = by_vertex(graph, values, name)
    if (given < 0).any() or given.sum() <= 0:
        raise AnalysisError(f"{name} must hold numbers from 0 up, one of them above 0")
    return np.asarray(given / given.sum())
