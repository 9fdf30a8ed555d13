"""Where each vertex is drawn: layers in columns by depth, a layer's vertices in order inside its column.

The places depend on the graph alone, never on chance, and no two vertices share one. The order inside a layer is
:mod:`netgraph.graph.ordering`'s, the drawing of a single layer :mod:`netgraph.graph.boxes`'s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.graph.boxes import HEIGHT, WIDEST, Box
from netgraph.graph.ordering import SINGLE_FILE, slots

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]

BETWEEN = 9.0
"""Layers that share a column, at least: their names stand there."""
SHARE = 0.47
"""Width of all columns over the width of the graph, at most."""
PICTURES = 0.2
"""Of that, what the inputs' pictures keep, whatever the others need."""
EVEN = 0.7
"""Columns that must be narrower get widths as this power of those that they would like."""
ASPECT = ((2, 1.4), (3, 1.7), (12, 1.7), (30, 2.2))
"""Width to height of the graph by the number of columns, linear between these."""
DEEPER = 0.06
"""What each further column adds."""
LOW = 40.0
"""Height that the pictures of a graph of few vertices are measured by, at least."""

ROUGHLY = 0.8
"""Part of the expected height that is near enough."""
_ROUNDS = 4


@dataclass(frozen=True)
class Places:
    """Where a graph's vertices stand, in arbitrary units.

    Attributes
    ----------
    x, y : (n,) float64, the middle of each vertex; y points up, so the first vertex of a layer is on top. The middle of
        the first column is at (0, 0).
    cell : by layer, the side of a vertex's square; squares of one layer touch at most. 0 for a layer without vertices.
    columns : by layer, the number of the column that it stands in, from 0; -1 for a layer without vertices.
    picture : by layer, whether its vertices are the pixels of pictures: squares that touch.
    """

    x: Array
    y: Array
    cell: tuple[float, ...]
    columns: tuple[int, ...]
    picture: tuple[bool, ...]


def layout(graph: Graph, order: str = "auto") -> tuple[Array, Array]:
    """Positions of the vertices: x and y of :func:`places`.

    Returns
    -------
    x, y : float64, one entry per vertex, in arbitrary units; y points up, so the first vertex of a layer is on top.

    >>> from netgraph.graph.graph import Graph
    >>> x, y = layout(Graph.from_matrices([np.ones((1, 3))]))
    >>> y.tolist(), x[:3].tolist(), bool(x[3] > 0)
    ([7.0, 0.0, -7.0, 0.0], [0.0, 0.0, 0.0], True)
    """
    found = places(graph, order)
    return found.x, found.y


def places(graph: Graph, order: str = "auto") -> Places:
    """Positions and sizes of the vertices.

    A layer stands in the column of its depth; layers of one depth share the column from top to bottom, apart. Many
    units are wrapped into a block, row by row; an image or feature map is drawn as a grid of pixels, its channels as a
    mosaic of such grids. All columns together take up to half of the width, large layers the more of it; the gaps
    between them make the graph about 1.7 times as wide as it is high, whatever the number of its columns.

    Parameters
    ----------
    order : "auto": by module, then so that strong edges are short (:func:`netgraph.graph.ordering.slots`); "index": as
        the layers number their vertices.

    Raises
    ------
    GraphError : another ``order``.

    >>> from netgraph.graph.graph import Graph
    >>> places(Graph.from_matrices([np.ones((1, 3))])).columns
    (0, 1)
    """
    order_of = slots(graph, order)
    x, y = np.zeros(graph.n), np.zeros(graph.n)
    cell, column_of, picture = [0.0] * len(graph.layers), [-1] * len(graph.layers), [False] * len(graph.layers)
    columns = _arranged(_by_depth(graph))
    gap, left = _gap(columns), 0.0
    if columns:
        left = -max(box.width for box in columns[0]) / 2
    for number, column in enumerate(columns):
        width = max(box.width for box in column)
        for box, middle in zip(column, _middles(column), strict=True):
            right, down = box.offsets(order_of[box.number])
            x[box.layer.vertices] = left + width / 2 + right
            y[box.layer.vertices] = middle - down
            cell[box.number], column_of[box.number], picture[box.number] = box.cell, number, not box.shape.units
        left += width + gap
    return Places(x, y, tuple(cell), tuple(column_of), tuple(picture))


Column = list[Box]


def _by_depth(graph: Graph) -> list[Column]:
    """The layers of each depth that have vertices."""
    by_depth: dict[int, Column] = {}
    for number, layer in enumerate(graph.layers):
        if layer.size:
            by_depth.setdefault(graph.depth[layer.name], []).append(Box.of(number, layer))
    return [by_depth[depth] for depth in sorted(by_depth)]


def _arranged(columns: list[Column]) -> list[Column]:
    """All layers, fitted: as wide as they would be, or narrower."""
    others = [kept for column in columns if (kept := [box for box in column if not box.input])]
    tall = max((_tall(_fitted(column, _wish(column))) for column in others), default=HEIGHT)
    for _ in range(_ROUNDS):  # narrow columns of few vertices are lower, too, so that less width is left
        fitted = _side_by_side([[box.among(max(tall, LOW)) for box in column] for column in columns], tall)
        found = max((_tall(column) for column in fitted), default=HEIGHT)
        if found > ROUGHLY * tall:
            break
        tall = found
    return fitted


def _side_by_side(columns: list[Column], tall: float) -> list[Column]:
    """Columns as wide as they would be, or narrower where they would fill more than their share of the width."""
    wishes = np.array([_wish(column) for column in columns])
    inputs = np.array([any(box.input for box in column) for column in columns], dtype=bool)
    room = SHARE * _aspect(len(columns)) * tall
    pictures, rest = float(wishes[inputs].sum()), float(wishes[~inputs].sum())
    if pictures + rest > room:
        share = min(pictures, max(PICTURES * room, room * pictures / (pictures + rest)))
        wishes[inputs] = _narrowed(wishes[inputs], share)
        wishes[~inputs] = _narrowed(wishes[~inputs], room - share)
    return [_fitted(column, float(width)) for column, width in zip(columns, wishes, strict=True)]


def _narrowed(wishes: Array, room: float) -> Array:
    """Widths of ``room`` together, none beyond its wish: large columns give up more than small ones."""
    low, high = 0.0, float(wishes.max(initial=1.0))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(wishes, middle * wishes**EVEN).sum() <= room else (low, middle)
    return np.minimum(wishes, low * wishes**EVEN)


def _wish(column: Column) -> float:
    """The width that a column would like; wrapped layers that share one have less height each, so they need more."""
    wrapped = sum(box.wish for box in column if box.shape.tiles > SINGLE_FILE or not box.shape.units)
    return max(min(wrapped, WIDEST), *(box.wish for box in column), 0.0)


def _fitted(column: Column, width: float) -> Column:
    """The layers of a column, above each other: each as high as alone if that fits, else with its part of the height.

    The part grows with the logarithm of a layer's size; what one does not need is the others'.
    """
    room = HEIGHT - _between(column) * (len(column) - 1)
    wanted = [box.fitted(HEIGHT, width).height for box in column]
    part = [1.0 + math.log2(1 + box.layer.size) for box in column]
    given: dict[int, float] = {}
    while len(given) < len(column):
        left = [i for i in range(len(column)) if i not in given]
        unit = (room - sum(given.values())) / sum(part[i] for i in left)
        content = [i for i in left if wanted[i] <= part[i] * unit * (1 + 1e-9)]
        given |= {i: wanted[i] if i in content else part[i] * unit for i in content or left}
    return [box.fitted(HEIGHT if len(column) == 1 else given[i], width) for i, box in enumerate(column)]


def _between(column: Column) -> float:
    """From one layer of a column to the next, at least."""
    return min(BETWEEN, HEIGHT / 2 / len(column))


def _spread(column: Column) -> float:
    """From one layer of a column to the next: more where there is room, so that branches stay apart."""
    room = HEIGHT - sum(box.height for box in column)
    return float(np.clip(room / (len(column) + 1), _between(column), 2 * _between(column)))


def _tall(column: Column) -> float:
    return sum(box.height for box in column) + _spread(column) * (len(column) - 1)


def _middles(column: Column) -> list[float]:
    """Height of each layer's middle; the column's own is at 0."""
    tops = _tall(column) / 2 - np.cumsum([0.0, *(box.height + _spread(column) for box in column[:-1])])
    return [float(top) - box.height / 2 for top, box in zip(tops, column, strict=True)]


def _aspect(number: int) -> float:
    at, ratio = zip(*ASPECT, strict=True)
    return float(np.interp(number, at, ratio)) + DEEPER * max(0, number - at[-1])


def _gap(columns: list[Column]) -> float:
    """From one column to the next, so that the graph gets the aspect it should have."""
    if len(columns) < 2:
        return 0.0
    tall = max(_tall(column) for column in columns)
    widths = sum(max(box.width for box in column) for column in columns)
    return (max(_aspect(len(columns)) * tall, 2.1 * widths) - widths) / (len(columns) - 1)
