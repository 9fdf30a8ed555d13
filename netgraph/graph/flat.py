"""The edges of a graph numbered through: block by block, in the order of their entries."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.graph.blocks import listed
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]


class FlatEdges:
    """Entries of all blocks as one array: of a dense block every place, row by row, of a sparse one what it holds.

    Attributes
    ----------
    graph : whose blocks they are.
    starts : (blocks + 1,) where each block begins.
    size : how many entries there are; an edge is one whose weight is not 0.

    Examples
    --------
    >>> flat = FlatEdges(Graph.from_matrices([np.array([[1.0, 0.0, 2.0]])]))
    >>> flat.size, flat.real.tolist(), flat.source.tolist(), flat.target.tolist()
    (3, [True, False, True], [0, 1, 2], [3, 3, 3])
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        sizes = [entries(block.weight).size for block in graph.blocks]
        self.starts = np.concatenate([[0], np.cumsum(np.asarray(sizes, dtype=np.int64))]).astype(np.int64)
        self.size = int(self.starts[-1])

    @cached_property
    def real(self) -> Array:
        """(size,) which entries are edges."""
        real: Array = self.values("weight") != 0
        return real

    @cached_property
    def source(self) -> Array:
        """(size,) the number of the vertex that each edge leaves."""
        return self._joined([places(b.weight)[1] + self.graph.layer(b.source).start for b in self.graph.blocks])

    @cached_property
    def target(self) -> Array:
        """(size,) the number of the vertex that each edge enters."""
        return self._joined([places(b.weight)[0] + self.graph.layer(b.target).start for b in self.graph.blocks])

    def values(self, column: str) -> Array:
        """(size,) an edge column; 0 in blocks that lack it."""
        return self._joined(
            [
                entries(block.operator(column))
                if column == "weight" or column in block.values
                else np.zeros(entries(block.weight).size)
                for block in self.graph.blocks
            ]
        )

    def blocks(self, values: Array) -> tuple[Any, ...]:
        """(size,) numbers, in the layout of each block."""
        parts = np.split(values, self.starts[1:-1]) if len(self.starts) > 1 else []
        return tuple(beside(block.weight, part) for block, part in zip(self.graph.blocks, parts, strict=True))

    def _joined(self, parts: Sequence[Array]) -> Array:
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def entries(operator: Any) -> Array:
    """The entries of an operator, flat, in their own order."""
    operator = listed(operator)
    return np.asarray(operator.data if sp.issparse(operator) else operator).ravel()


def beside(operator: Any, values: Array) -> Any:
    """Flat entries in the layout of an operator."""
    operator = listed(operator)
    if sp.issparse(operator):
        return sp.csr_array((values, operator.indices, operator.indptr), shape=operator.shape)
    return values.reshape(operator.shape)


def places(operator: Any) -> tuple[Array, Array]:
    """(rows, columns) of the entries, in their order."""
    operator = listed(operator)
    if sp.issparse(operator):
        return np.repeat(np.arange(operator.shape[0]), np.diff(operator.indptr)), operator.indices.astype(np.int64)
    rows, columns = np.divmod(np.arange(operator.size), max(operator.shape[1], 1))
    return rows, columns
