"""Which edges and vertices of one graph are those of another: a circuit's in the whole, a graph's at an input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from netgraph.graph import blocks as ops
from netgraph.render.canvas.stored import Stored

if TYPE_CHECKING:
    from netgraph.graph.graph import Block, Graph

Array = np.ndarray[Any, Any]


class Match:
    """Finds the edges that a page holds in another graph of the same network.

    Attributes
    ----------
    whole : both graphs have the same layers, so that vertex numbers are the same.
    """

    def __init__(self, graph: Graph, other: Graph) -> None:
        self.graph, self.other = graph, other
        self.whole = same_layers(graph, other)
        self._place: dict[str, Array] = {}
        if not self.whole:
            number = {identifier: i for i, identifier in enumerate(other.ids.tolist())}
            at = np.array([number.get(identifier, -1) for identifier in graph.ids.tolist()], dtype=np.int64)
            for layer in graph.layers:
                known = next((v for v in other.layers if v.name == layer.name), None)
                if known is not None:
                    here = at[layer.vertices]
                    self._place[layer.name] = np.where(here < 0, -1, here - known.start)
        keys = dict(zip(_keys(other.blocks), other.blocks, strict=True))
        self.blocks: list[Block | None] = [keys.get(key) for key in _keys(graph.blocks)]

    def edges(self, stored: Sequence[Stored], number: int, column: str) -> Array:
        """A column of the other graph at the stored entries of block ``number``; 0 where it has no such edge."""
        block, mine = self.blocks[number], stored[number]
        if block is None or (column != "weight" and column not in block.values):
            return np.zeros(len(mine))
        operator = ops.listed(block.operator(column))
        if self.whole and mine.indptr is None and not sp.issparse(operator):
            return np.asarray(operator).reshape(-1)
        rows, columns = mine.places
        if not self.whole:
            rows, columns = self._place[mine.block.target][rows], self._place[mine.block.source][columns]
        edge = entries_at(ops.listed(mine.block.weight), *mine.places) != 0  # a part of a dense block has gaps
        return np.where(edge, entries_at(operator, rows, columns), 0)

    def missing(self) -> list[int]:
        """Numbers of the other graph's blocks that this one has none for."""
        found = {id(block) for block in self.blocks if block is not None}
        return [i for i, block in enumerate(self.other.blocks) if id(block) not in found]

    def vertices(self, column: str) -> Array:
        """(n,) a vertex column of the other graph, NaN where it has no such vertex or column."""
        if column not in self.other.columns:
            return np.full(self.graph.n, np.nan)
        values = np.asarray(self.other.columns[column], dtype=np.float64)
        if self.whole:
            return values
        out = np.full(self.graph.n, np.nan)
        for layer in self.graph.layers:
            if layer.name in self._place:
                place, here = self._place[layer.name], values[self.other.layer(layer.name).vertices]
                out[layer.vertices] = np.where(place < 0, np.nan, here[np.maximum(place, 0)])
        return out


def same_layers(a: Graph, b: Graph) -> bool:
    """Whether both have the same layers, whole ones."""
    return (
        [(v.name, v.size) for v in a.layers] == [(v.name, v.size) for v in b.layers]
        and ("id" in a.columns) == ("id" in b.columns)
        and ("id" not in a.columns or bool(np.array_equal(a.ids, b.ids)))
    )


def entries_at(operator: Any, rows: Array, columns: Array) -> Array:
    """The entries of a matrix at some places; 0 where a list has none, and where a place is -1.

    >>> entries_at(np.array([[1.0, 2.0]]), np.array([0, 0, -1]), np.array([1, 0, 0])).tolist()
    [2.0, 1.0, 0.0]
    """
    known = (rows >= 0) & (columns >= 0)
    if not sp.issparse(operator):
        return np.where(known, np.asarray(operator)[rows, columns], 0)
    if not len(operator.data):
        return np.zeros(len(rows), dtype=operator.dtype)
    width = operator.shape[1]
    keys = np.repeat(np.arange(operator.shape[0]), np.diff(operator.indptr)) * width + operator.indices
    data = operator.data
    if np.any(keys[1:] < keys[:-1]):
        order = np.argsort(keys, kind="stable")
        keys, data = keys[order], data[order]
    wanted = rows.astype(np.int64) * width + columns
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found: Array = np.where(known & (keys[at] == wanted), data[at], 0)
    return found


def _keys(blocks: Sequence[Block]) -> list[tuple[str, str, str, int]]:
    """What a block is known by: its ends, its kind, and which of several such it is."""
    seen: Counter[tuple[str, str, str]] = Counter()
    keys = []
    for block in blocks:
        key = (block.source, block.target, block.kind)
        keys.append((*key, seen[key]))
        seen[key] += 1
    return keys
