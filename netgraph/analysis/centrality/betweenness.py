"""Betweenness: how many best paths lead through a vertex. Brandes' sums, from whole batches of sources at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgraph.analysis.centrality.distances import Batch, Measured, measured
from netgraph.analysis.centrality.hops import fewest_edges
from netgraph.analysis.centrality.trees import SEVERAL, back, back_single, trace
from netgraph.analysis.structure import Vector
from netgraph.errors import unknown
from netgraph.graph.graph import Graph


def betweenness(graph: Graph, weight: str | None, normalized: bool = True, distance: str = "product") -> Vector:
    """The share of best paths through every vertex, summed over all pairs of other vertices (Freeman 1977).

    ``distance="product"``: the best path has the largest Π|w| (cost −log|w|); ``"reciprocal"``: the smallest Σ1/|w|;
    ``"weight"``: the smallest Σ|w|; ``weight=None``: the fewest edges. Distances that differ by less than 1e-12 of
    themselves are ties. Normalised by (n−1)(n−2), as networkx does for directed graphs.
    """
    if weight is None:
        if distance not in ("product", "reciprocal", "weight"):
            raise unknown("distance", distance, ["product", "reciprocal", "weight"])
        total = fewest_edges(graph)
    else:
        total = np.zeros(graph.n)
        lengths = measured(graph, weight, distance)
        for batch in lengths.distances(track=True):
            total += _dependencies(lengths, batch)
    pairs_of_others = (graph.n - 1) * (graph.n - 2)
    return total / pairs_of_others if normalized and pairs_of_others > 0 else total


def _dependencies(lengths: Measured, batch: Batch) -> Vector:
    """Σ over a batch's sources of Brandes' dependency of every vertex."""
    graph, wide = lengths.graph, batch.last - batch.first
    counts = np.zeros((wide, graph.n))
    counts[np.arange(wide), np.arange(batch.first, batch.last)] = 1.0
    turned: dict[str, Any] = {}
    before: dict[str, Any] = {}
    for layer in graph.layers:
        if layer.name not in batch.reached:
            continue
        reached = batch.reached[layer.name]
        begun = np.zeros((layer.size, wide))
        chosen = before[layer.name] = np.full((layer.size, wide), -1, dtype=np.int32)
        for pair in lengths.into(layer.name):
            source = pair.source
            if source.name in turned:
                trace(pair, turned[source.name], reached, counts[:, source.vertices], begun, chosen, batch.first)
        counts[:, layer.vertices] += begun.T
        turned[layer.name] = np.ascontiguousarray(reached.best.T)
    through = np.zeros((wide, graph.n))
    for layer in reversed(graph.layers):
        if layer.name not in before or layer.stop <= batch.first:
            continue
        chosen = before[layer.name]
        back_single(np.ascontiguousarray(chosen.T), through, layer.start)
        if (chosen == SEVERAL).any():
            for pair in lengths.into(layer.name):
                if pair.source.name in turned:
                    back(pair, turned[pair.source.name], batch.reached[layer.name], counts, chosen, through)
    through[np.arange(wide), np.arange(batch.first, batch.last)] = 0.0  # a path does not lead through its ends
    return np.asarray(through.sum(axis=0))
