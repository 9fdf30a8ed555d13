"""The edges as streams: sums over blocks of any kind, read where they lie; nothing of a block's size is made.

A :class:`Stream` is a block and what is read of it. Measures that are sums over edges are written in its two verbs,
``gather`` (from sources to targets) and ``scatter`` (from targets to sources), and in the two sweeps below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.analysis import kernels
from netgraph.analysis.structure import Vector, edge_values, pairs
from netgraph.errors import AnalysisError
from netgraph.graph import blocks as ops
from netgraph.graph.blocks import Operator
from netgraph.graph.convolution import Convolution
from netgraph.graph.graph import Block, Graph, Layer

READINGS = {"absolute": kernels.ABSOLUTE, "signed": kernels.SIGNED, "pattern": kernels.PATTERN}
"""What is read of an edge: |w|, w, or 1."""

_TILE = 1 << 16
"""Entries of a temporary piece, small enough for a processor's own memory."""


@dataclass(frozen=True)
class Stream:
    """A block, and what is read of its edges.

    Attributes
    ----------
    source, target : its layers.
    operator : the column's entries.
    weight : the entries that say what is an edge, where the column is another one; else None.
    reading : a key of ``READINGS``.
    name : of the block, for errors.
    """

    source: Layer
    target: Layer
    operator: Operator
    weight: Operator | None
    reading: str
    name: str

    def gather(self, x: Vector) -> Vector:
        """Σ over sources of f(w)·x, (n_target,)."""
        return self._finite(self._product(np.ascontiguousarray(x, dtype=np.float64), backward=False))

    def scatter(self, y: Vector) -> Vector:
        """Σ over targets of f(w)·y, (n_source,)."""
        return self._finite(self._product(np.ascontiguousarray(y, dtype=np.float64), backward=True))

    @cached_property
    def rows(self) -> Vector:
        """What arrives at every target, (n_target,)."""
        return self.gather(np.ones(self.source.size))

    @cached_property
    def columns(self) -> Vector:
        """What leaves every source, (n_source,)."""
        return self.scatter(np.ones(self.target.size))

    def _product(self, x: Vector, backward: bool) -> Vector:
        out = np.zeros(self.source.size if backward else self.target.size)
        if isinstance(self.operator, Convolution):
            return self._slid(x, backward, out)
        mode = READINGS[self.reading]
        if sp.issparse(self.operator):
            data = self._sparse_data()
            sums: Any = kernels.scatter_sparse if backward else kernels.gather_sparse
            sums(data, self.operator.indices, self.operator.indptr, x, out, mode)
            return out
        for first, last, piece in self._pieces():
            if backward:
                kernels.scatter_dense(piece, x[first:last], out, mode)
            else:
                kernels.gather_dense(piece, x, out[first:last], mode)
        return out

    def _pieces(self) -> Iterator[tuple[int, int, Any]]:
        """(first row, last row, entries): all in one where they can be read as they lie."""
        array = self.operator
        plain = array.dtype in (np.float32, np.float64) and array.flags.c_contiguous and array.dtype.isnative
        if plain and self.weight is None:
            yield 0, array.shape[0], array
            return
        step = max(1, _TILE // max(1, array.shape[1]))
        for first in range(0, array.shape[0], step):
            last = min(first + step, array.shape[0])
            piece = np.ascontiguousarray(array[first:last], dtype=np.float64)
            if self.weight is not None:  # a pruned weight is no edge, whatever another column says there
                piece = np.where(self.weight[first:last] != 0, piece, 0.0)
            yield first, last, piece

    def _sparse_data(self) -> Any:
        data = self.operator.data
        if self.weight is not None:
            data = np.where(self.weight.data != 0, data, 0)
        return data if data.dtype in (np.float32, np.float64) else data.astype(np.float64)

    def _slid(self, x: Vector, backward: bool, out: Vector) -> Vector:
        """A convolution plays itself where its entries are products; else its entries are listed tile by tile."""
        operator = self.operator
        simple = operator.data is None and (operator.terms == 1 or self.reading == "signed") and self.weight is None
        if simple:
            with np.errstate(invalid="ignore", over="ignore"):
                played: Vector = (ops.rmatvec if backward else ops.matvec)(_taps(operator, self.reading), x)
            return played
        weight = operator if self.weight is None else self.weight
        for tile in ops.tiles(weight):
            values = _values(ops.entries(operator, tile).astype(np.float64), self.reading)
            to, of = (tile.source, tile.target) if backward else (tile.target, tile.source)
            out += np.bincount(to, weights=values * x[of], minlength=len(out))
        return out

    def _finite(self, result: Vector) -> Vector:
        """The result; if it is not finite because of an edge, the error that names the block."""
        if not np.isfinite(result).all():
            for tile in ops.tiles(self.operator if self.weight is None else self.weight):
                if not np.isfinite(ops.entries(self.operator, tile)).all():
                    column, where = self.name.split("\n")
                    raise AnalysisError(
                        f"{column!r} of the edges {where} holds NaN or infinity; an analysis needs finite values: "
                        "mend the network or choose another weight="
                    )
        return result


def _taps(operator: Convolution, reading: str) -> Convolution:
    """|it|, itself, or 1 for each of its edges."""
    if reading == "signed":
        return operator
    if reading == "absolute":
        return operator.mapped(np.abs)
    rows, columns = (None if f is None else _values(f, reading) for f in (operator.rows, operator.columns))
    return replace(operator, kernel=_values(operator.kernel, reading), rows=rows, columns=columns)


def _values(values: Any, reading: str) -> Any:
    if reading == "pattern":
        with np.errstate(invalid="ignore"):
            return (values != 0) + values * 0.0
    return np.abs(values) if reading == "absolute" else values


def streams(graph: Graph, weight: str | None = "weight", signed: bool = False) -> list[Stream]:
    """A stream for every block, ordered by target, then source.

    Parameters
    ----------
    graph : any graph.
    weight : name of the edge column; None counts every edge as 1, and several edges between two vertices once.
    signed : keep the signs; otherwise absolute values.

    Raises
    ------
    UnknownName : a block does not carry that column.
    """
    order = {layer.name: i for i, layer in enumerate(graph.layers)}
    reading = "pattern" if weight is None else "signed" if signed else "absolute"
    column = weight or "weight"
    found: list[tuple[tuple[int, int], Stream]] = []
    ends = [(block.source, block.target) for block in graph.blocks]
    parallel = {end for end in ends if weight is None and ends.count(end) > 1} if len(set(ends)) < len(ends) else set()
    for block in graph.blocks:
        if (block.source, block.target) not in parallel:
            key = (order[block.target], order[block.source])
            found.append((key, _stream(graph, block, column, reading)))
    if parallel:  # only these are added up, since an edge that is there twice counts once
        chosen = tuple(block for block in graph.blocks if (block.source, block.target) in parallel)
        for block in chosen:
            edge_values(block, column)  # refuses what is not finite
        for pair in pairs(Graph(graph.layers, chosen), None):
            name = f"{column}\n{pair.source.name} -> {pair.target.name}"
            stream = Stream(pair.source, pair.target, pair.matrix, None, reading, name)
            found.append(((order[pair.target.name], order[pair.source.name]), stream))
    return [stream for _, stream in sorted(found, key=lambda entry: entry[0])]


def _stream(graph: Graph, block: Block, column: str, reading: str) -> Stream:
    if column == "abs_weight":
        column, reading = "weight", "absolute" if reading == "signed" else reading
    operator = block.weight if column == "weight" else block.operator(column)
    weight = None if column == "weight" else block.weight
    name = f"{column}\n{block.source} -> {block.target}"
    return Stream(graph.layer(block.source), graph.layer(block.target), operator, weight, reading, name)


def forward(edges: list[Stream], start: Vector, scale: Vector | float = 1.0) -> Vector:
    """Solves x = start + A·(scale·x): every vertex after all that feed it. Exact, since the graph is a DAG."""
    x = start.astype(np.float64)
    for stream in edges:  # ordered by target: a source is complete before it is read
        factor = scale if isinstance(scale, float) else scale[stream.source.vertices]
        x[stream.target.vertices] += stream.gather(x[stream.source.vertices] * factor)
    return x


def backward(edges: list[Stream], end: Vector) -> Vector:
    """Solves x = end + Aᵀ·x: every vertex before all that it feeds."""
    x = end.astype(np.float64)
    for stream in sorted(edges, key=lambda stream: -stream.source.start):
        x[stream.source.vertices] += stream.scatter(x[stream.target.vertices])
    return x
