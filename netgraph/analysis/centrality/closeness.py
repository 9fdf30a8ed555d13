"""Closeness: how short the paths into a vertex are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from netgraph.analysis.centrality.best import NOWHERE
from netgraph.analysis.centrality.distances import Measured, extremes, measured
from netgraph.analysis.structure import Vector
from netgraph.graph.graph import Graph


def closeness(graph: Graph, weight: str | None, distance: str = "reciprocal", wf_improved: bool = True) -> Vector:
    """(r/Σ d)·(r/(n−1)) over the r vertices from which a vertex is reached, as networkx defines it (incoming paths).

    Lengths are 1/|w| (Newman 2001). −log|w| can be negative, and a mean of such distances says nothing: with
    ``distance="product"`` they are taken from the largest weight, −log(|w|/max|w|), which are never negative.
    """
    scaled = measured(graph, weight, distance)
    reach, total = np.zeros(graph.n), np.zeros(graph.n)
    if distance == "product" and weight is not None:
        scaled = _from_largest(scaled)
    for batch in scaled.distances(track=False):
        for name, reached in batch.reached.items():
            there = reached.best > NOWHERE / 2
            where = graph.layer(name).vertices
            reach[where] += there.sum(axis=1)
            total[where] -= np.where(there, reached.best, 0.0).sum(axis=1)
    others = reach - 1  # a vertex reaches itself
    value = np.divide(others, total, out=np.zeros(graph.n), where=total > 0)
    return value * others / max(graph.n - 1, 1) if wf_improved else value


def _from_largest(scaled: Measured) -> Measured:
    _, largest = extremes(pair.operator for pair in scaled.pairs)
    if largest == 0:
        return scaled
    length = _Longer(float(np.log(largest)))
    return Measured(scaled.graph, [replace(pair, length=length) for pair in scaled.pairs])


@dataclass(frozen=True)
class _Longer:
    """log|w| − log of the largest weight: −length, never above 0."""

    largest: float

    def __call__(self, weights: Any) -> Any:
        return np.log(weights) - self.largest
