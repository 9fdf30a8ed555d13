"""Betweenness: how many best paths lead through a vertex. igraph counts them."""

from __future__ import annotations

from collections.abc import Callable

import igraph
import numpy as np

from netgraph.analysis.structure import Vector, edge_lists, pairs
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.graph import Graph


def betweenness(graph: Graph, weight: str | None, normalized: bool = True, distance: str = "product") -> Vector:
    """The share of best paths through every vertex, summed over all pairs of other vertices (Freeman 1977).

    ``distance="product"``: the best path has the largest Π|w| (cost −log|w|); ``"reciprocal"``: the smallest Σ1/|w|;
    ``weight=None``: the fewest edges. Normalised by (n−1)(n−2), as networkx does for directed graphs.
    """
    if distance not in DISTANCES:
        raise unknown("distance", distance, DISTANCES)
    sources, targets, values = edge_lists(pairs(graph, weight))
    listed = igraph.Graph(n=graph.n, edges=list(zip(sources.tolist(), targets.tolist(), strict=True)), directed=True)
    costs = None
    if weight is not None and len(values):
        depth = np.repeat(np.arange(len(graph.layers)), [layer.size for layer in graph.layers])
        costs = DISTANCES[distance](values, (depth[targets] - depth[sources]).astype(np.float64)).tolist()
    counted = np.array(listed.betweenness(directed=True, weights=costs), dtype=np.float64)
    pairs_of_others = (graph.n - 1) * (graph.n - 2)
    return counted / pairs_of_others if normalized and pairs_of_others > 0 else counted


def _product(values: Vector, steps: Vector) -> Vector:
    # −log|w| may be negative, which igraph refuses. Adding c to every layer that an edge climbs makes all costs
    # positive and adds the same to every path between two given vertices, skips or not: the best paths stay the best.
    logs = np.log(values)
    climb = max(float(np.max(logs / steps)), 0.0) + 1.0
    return climb * steps - logs


def _reciprocal(values: Vector, steps: Vector) -> Vector:
    if float(values.min()) < 1e-300:
        raise AnalysisError(f"an edge of |weight| {values.min():.3g} has no finite 1/|weight|; scale the weights up")
    return 1 / values


DISTANCES: dict[str, Callable[[Vector, Vector], Vector]] = {"product": _product, "reciprocal": _reciprocal}
