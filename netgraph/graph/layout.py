"""Where each vertex is drawn: layers in columns by depth, a layer's vertices in order inside its column.

The places depend on the graph alone, never on chance, and no two vertices share one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph, Layer

Array = np.ndarray[Any, Any]

HEIGHT = 100.0
"""Height of a column, whatever the number of its vertices."""
GAP = 40.0
"""Between one column and the next."""
WIDEST_STEP = 10.0
"""Distance of two neighbours in a layer of few vertices."""
SINGLE_FILE = 40
"""A layer of more vertices is wrapped into several sub-columns."""
TALLNESS = 4.0
"""Height over width of a wrapped layer."""


def layout(graph: Graph) -> tuple[Array, Array]:
    """Positions of the vertices.

    A layer stands in the column of its depth; layers of one depth share the column from top to bottom, each with a
    part of its height that grows with the logarithm of its size. Many units are wrapped into several sub-columns; an
    image or feature map is drawn as a grid of pixels, its channels as a mosaic of such grids.

    Returns
    -------
    x, y : float64, one entry per vertex, in arbitrary units; y points up, so the first vertex of a layer is on top.

    >>> from netgraph.graph.graph import Graph
    >>> x, y = layout(Graph.from_matrices([np.ones((1, 3))]))
    >>> x.tolist(), y.tolist()
    ([0.0, 0.0, 0.0, 40.0], [10.0, 0.0, -10.0, 0.0])
    """
    x, y = np.zeros(graph.n), np.zeros(graph.n)
    left = 0.0
    for column in _columns(graph):
        shares = [1.0 + math.log2(1 + layer.size) for layer in column]
        top, widths = HEIGHT / 2, [0.0]
        for layer, share in zip(column, shares, strict=True):
            height = HEIGHT * share / sum(shares)
            across, down = _cells(layer)
            step = min(WIDEST_STEP, height / (down.max() + 1.0))
            x[layer.vertices] = left + across * step
            y[layer.vertices] = top - height / 2 - (down - down.max() / 2) * step
            widths.append(float(across.max()) * step)
            top -= height
        left += max(widths) + GAP
    return x, y


def _columns(graph: Graph) -> list[list[Layer]]:
    """The layers of each depth that have vertices."""
    by_depth: dict[int, list[Layer]] = {}
    for layer in graph.layers:
        if layer.size:
            by_depth.setdefault(graph.depth[layer.name], []).append(layer)
    return [by_depth[depth] for depth in sorted(by_depth)]


def _cells(layer: Layer) -> tuple[Array, Array]:
    """(across, down): each vertex's cell in its layer's own raster, no two alike."""
    if len(layer.grid) == 3:
        return _mosaic(*layer.grid)
    if len(layer.grid) == 2:
        down, across = np.divmod(np.arange(layer.size), layer.grid[1])
        return across.astype(float), down.astype(float)
    rows = layer.size
    if layer.size > SINGLE_FILE:
        rows = math.ceil(layer.size / math.ceil(math.sqrt(layer.size / TALLNESS)))
    across, down = np.divmod(np.arange(layer.size), rows)
    return across.astype(float), down.astype(float)


def _mosaic(channels: int, height: int, width: int) -> tuple[Array, Array]:
    """Channels as pictures of height x width cells, side by side in rows, one empty cell between them."""
    beside = max(1, round(math.sqrt(channels / TALLNESS * (height + 1) / (width + 1))))
    channel, row, col = np.unravel_index(np.arange(channels * height * width), (channels, height, width))
    across = (channel % beside) * (width + 1) + col
    down = (channel // beside) * (height + 1) + row
    return across.astype(float), down.astype(float)
