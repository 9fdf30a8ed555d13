"""The edges that the page holds: all of a graph of up to three million, of a bigger one each block's strongest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from netgraph.errors import RenderError
from netgraph.graph import blocks as ops
from netgraph.graph.convolution import Convolution
from netgraph.render.canvas.numbers import half, packed

if TYPE_CHECKING:
    from netgraph.graph.graph import Block, Graph

Array = np.ndarray[Any, Any]

WHOLE = 3_000_000
"""Up to this many stored edges a page holds all of them."""
KEPT = 400_000
"""So many it holds of a bigger graph, shared out so that no block with few edges loses any."""
MOST = 600_000_000
"""More edges than this are not even looked through."""
BINS = 64
"""Sides of the picture of a cut block."""
TILE = 1 << 20


@dataclass(frozen=True)
class Stored:
    """One block as the page holds it.

    Attributes
    ----------
    block : the block.
    indptr, indices : of its rows, int64, where it is held as a list; None for a dense one.
    weight : the stored entries, row by row: shape (rows · cols,) of a dense block.
    edges, mass : number of edges and Σ|weight| of the whole block, stored or not.
    whole : every edge of the block is stored.
    heat : (Σ|weight|, Σ weight) by bins of rows and columns, where edges were left out.
    """

    block: Block
    indptr: Array | None
    indices: Array | None
    weight: Array
    edges: int
    mass: float
    whole: bool
    heat: tuple[Array, Array] | None = None

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def places(self) -> tuple[Array, Array]:
        """(row, column) of every stored entry."""
        if self.indptr is None or self.indices is None:
            rows, columns = self.block.shape
            return np.repeat(np.arange(rows), columns), np.tile(np.arange(columns), rows)
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr)), self.indices

    def operator(self, values: Array) -> Any:
        """Values of the stored entries as a matrix, (rows, cols)."""
        if self.indptr is None:
            return values.reshape(self.block.shape)
        return sp.csr_array((values, self.indices, self.indptr), shape=self.block.shape)


def store(graph: Graph, column: str) -> list[Stored]:
    """Every block of the graph, its edges weighed by one of their columns.

    Raises
    ------
    RenderError : NaN or infinity among them, or too many edges to look through.
    """
    operators = [block.operator(column) for block in graph.blocks]
    entries = [_entries(block, operator) for block, operator in zip(graph.blocks, operators, strict=True)]
    if sum(entries) <= WHOLE:
        return [_whole(block, operator) for block, operator in zip(graph.blocks, operators, strict=True)]
    if sum(entries) > MOST:
        raise RenderError(
            f"this graph has {sum(entries):,} edges, and a page can look through {MOST:,}: draw it at a coarser "
            'granularity, net.graph(granularity="channel"), or a part, graph.select(layers=[…])'
        )
    return [
        _whole(block, operator) if count <= share else _strongest(block, operator, share)
        for block, operator, count, share in zip(graph.blocks, operators, entries, shares(entries, KEPT), strict=True)
    ]


def shares(sizes: list[int], total: int) -> list[int]:
    """``total`` shared out evenly, none more than its size: what small ones leave goes to the large ones.

    >>> shares([10, 1000, 2, 500], 300)
    [10, 144, 2, 144]
    """
    given = [0] * len(sizes)
    left, open_ = total, sorted(range(len(sizes)), key=lambda i: sizes[i])
    while open_:
        i = open_[0]
        given[i] = min(sizes[i], left // len(open_))
        left -= given[i]
        open_ = open_[1:]
    return given


def block_data(stored: Stored, numbers: dict[str, int], sign: Array | None, kernels: Any) -> dict[str, Any]:
    """The block as ``contract.ts`` has it; ``numbers``: layer name -> its number; ``sign``: int8 by stored entry."""
    rows, columns = stored.block.shape
    listed = stored.indptr is not None
    return {
        "source": numbers[stored.block.source],
        "target": numbers[stored.block.target],
        "kind": stored.block.kind,
        "rows": rows,
        "cols": columns,
        "layout": "csr" if listed else "dense",
        "stored": len(stored),
        "edges": stored.edges,
        "mass": stored.mass,
        "weight": half(stored.weight),
        "indptr": packed(stored.indptr, "<u4") if listed else None,
        "indices": packed(stored.indices, "<u4") if listed else None,
        "sign": None if sign is None else packed(sign, "i1"),
        "kernels": kernels,
        "heat": None if stored.heat is None else _heat_data(*stored.heat),
    }


def _heat_data(absolute: Array, signed: Array) -> dict[str, Any]:
    return {
        "height": absolute.shape[0],
        "width": absolute.shape[1],
        "absolute": packed(absolute, "<f4"),
        "signed": packed(signed, "<f4"),
    }


def _entries(block: Block, operator: Any) -> int:
    """Entries that would be stored."""
    if isinstance(operator, Convolution):
        return block.edges
    return int(operator.data.size if sp.issparse(operator) else operator.size)


def _whole(block: Block, operator: Any) -> Stored:
    operator = ops.listed(operator)
    values = finite(block, np.asarray(operator.data if sp.issparse(operator) else operator).reshape(-1))
    mass = float(np.abs(values).sum(dtype=np.float64))
    if sp.issparse(operator):
        indptr, indices = np.asarray(operator.indptr, np.int64), np.asarray(operator.indices, np.int64)
        return Stored(block, indptr, indices, values, block.edges, mass, whole=True)
    if block.edges * 3 >= values.size:
        return Stored(block, None, None, values, block.edges, mass, whole=True)
    rows, columns = np.nonzero(np.asarray(ops.listed(block.weight)))  # pruned: as a list it takes fewer bytes
    indptr = np.searchsorted(rows, np.arange(block.shape[0] + 1))
    return Stored(block, indptr, columns, values.reshape(block.shape)[rows, columns], block.edges, mass, whole=True)


def _strongest(block: Block, operator: Any, count: int) -> Stored:
    """The ``count`` edges of largest |value|, equals by row and column; where the rest lies in bins."""
    height, width = (min(BINS, n) for n in block.shape)
    absolute, signed = np.zeros(height * width), np.zeros(height * width)
    pool, mass, least = [np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)], 0.0, 0.0
    for rows, columns, values in _tiles(block, operator):
        size = np.abs(values)
        mass += float(size.sum(dtype=np.float64))
        bins = (rows * height // block.shape[0]) * width + columns * width // block.shape[1]
        absolute += np.bincount(bins, size, len(absolute))
        signed += np.bincount(bins, values, len(signed))
        near = size > least if len(pool[2]) >= count else slice(None)  # an equal that comes later does not come in
        pool = [np.concatenate(pair) for pair in zip(pool, (rows[near], columns[near], values[near]), strict=True)]
        if len(pool[2]) > count:
            kept = np.sort(np.argsort(-np.abs(pool[2]), kind="stable")[:count])
            pool = [part[kept] for part in pool]
            least = float(np.abs(pool[2]).min(initial=np.inf))
    indptr = np.searchsorted(pool[0], np.arange(block.shape[0] + 1))
    heat = absolute.reshape(height, width), signed.reshape(height, width)
    return Stored(block, indptr, pool[1], pool[2], block.edges, mass, False, heat)


def _tiles(block: Block, operator: Any) -> Iterator[tuple[Array, Array, Array]]:
    """(row, column, value) of the block's edges, in pieces."""
    for tile in ops.tiles(block.weight, TILE):
        yield tile.target, tile.source, finite(block, ops.entries(operator, tile))


def finite(block: Block, values: Array) -> Array:
    """The values, where all of them are numbers.

    Raises
    ------
    RenderError : NaN or infinity.
    """
    if not np.isfinite(values.sum(dtype=np.float64)) and not np.isfinite(values).all():
        raise RenderError(
            f"block {block.source} -> {block.target} holds NaN or infinity, which no page can draw: "
            "look at how the weights were trained, or replace them (numpy.nan_to_num)"
        )
    return values
