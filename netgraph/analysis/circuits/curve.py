"""Where a curve of faithfulness is measured, and the area under it."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgraph.graph.flat import FlatEdges

Array = np.ndarray[Any, Any]

SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Shares of the edges at which the curve is measured (Mueller et al. 2025, MIB)."""


def beginnings(edges: FlatEdges, order: Array) -> list[Array]:
    """The edges that an order keeps at each of ``SHARES``, at least one; those that it lacks come last, as they are."""
    every = np.flatnonzero(edges.real)
    whole = np.concatenate([order, every[~np.isin(every, order)]])
    return [whole[: max(1, round(share * len(every)))] for share in SHARES]


def area(values: Array) -> float:
    """Of what was measured at ``SHARES``, over the share of edges, by the trapezoid rule.

    >>> area(np.ones(10))
    0.999
    """
    return float((values[1:] + values[:-1]) / 2 @ np.diff(SHARES))
