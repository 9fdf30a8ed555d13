"""Where things stand on the page: the layered layout scaled to a stage, and how large a vertex may be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]

WIDTH = 1000.0
ASPECT = (1.25, 1.6)
"""Width to height of the stage: the layout's own between these bounds, stretched to the nearer one outside them."""

RADIUS = (1.6, 3.0, 11.0)
"""Radius of the smallest vertex, and the bounds of the largest one's, in stage units: about pixels on a laptop."""


@dataclass(frozen=True)
class Stage:
    """Positions in stage units, 0 … width and 0 … height, y downwards.

    Attributes
    ----------
    x, y : float64, shape (n,).
    gap : distance from each layer's vertices to their nearest neighbour, infinite for a single one, by layer.
    room : the largest radius at which a vertex keeps clear of every other one, float64, shape (n,).
    largest : radius that the largest vertex is drawn with, unless it has no room for it.
    """

    x: Array
    y: Array
    width: float
    height: float
    gap: tuple[float, ...]
    room: Array
    largest: float


def stage(graph: Graph) -> Stage:
    """The graph's layout (``graph/layout.py``), scaled; stretched only where the picture would be a thread."""
    from netgraph.graph.layout import layout

    x, y = (np.asarray(a, dtype=np.float64) for a in layout(graph))
    if not graph.n:
        return Stage(x, y, WIDTH, WIDTH / ASPECT[1], (np.inf,) * len(graph.layers), x, RADIUS[2])
    x, y = x - x.min(), y.max() - y  # a page counts y downwards, the layout upwards
    wide, high = float(x.max()), float(y.max())
    height = WIDTH / float(np.clip(wide / high if high else np.inf, *ASPECT))
    x = x / wide * WIDTH if wide else x + WIDTH / 2
    y = y / high * height if high else y + height / 2
    gap = tuple(_gap(x[layer.vertices], y[layer.vertices]) for layer in graph.layers)
    room = _room(x, y)
    largest = float(np.clip(np.quantile(room, 0.75), *RADIUS[1:]))
    return Stage(x, y, WIDTH, height, gap, room, largest)


def radii(part: Array, stage: Stage) -> Array:
    """The radii that ``part`` (0 … 1) asks for, cut to the room there is."""
    return np.maximum(np.minimum(wished(part, stage.largest), stage.room), 0.5)


def wished(part: Array, largest: float) -> Array:
    """Radii whose square, so the area, is linear in ``part``."""
    return np.asarray(np.sqrt(RADIUS[0] ** 2 + (largest**2 - RADIUS[0] ** 2) * part))


def _gap(x: Array, y: Array) -> float:
    points = np.unique(np.column_stack([x, y]), axis=0)
    if len(points) < 2:
        return float("inf")
    distance, _ = cKDTree(points).query(points, k=2)
    return float(distance[:, 1].min())


def _room(x: Array, y: Array) -> Array:
    """Less than half the distance to the nearest other vertex."""
    points = np.column_stack([x, y])
    if len(points) < 2:
        return np.full(len(points), RADIUS[2])
    distance, _ = cKDTree(points).query(points, k=2)
    return np.asarray(distance[:, 1] * 0.42)
