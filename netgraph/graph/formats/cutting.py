"""A graph's edges cut into parts of about four million rows, each with the rows of the block that it is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import scipy.sparse as sp

from netgraph.graph import blocks as ops
from netgraph.graph.convolution import Convolution
from netgraph.graph.formats.manifest import WRITTEN_AS
from netgraph.graph.formats.parts import TILE, Edges, Listed, Part, Rows, digest_operator
from netgraph.graph.formats.profiles import OF_WEIGHT
from netgraph.graph.tables import value_columns

if TYPE_CHECKING:
    from netgraph.graph.formats.export import Export
    from netgraph.graph.formats.profiles import Profile
    from netgraph.graph.graph import Block, Graph

Array = np.ndarray[Any, Any]
Operator = Any

PART = 4_000_000
"""Rows of a part, more or less."""
LONGEST = 200
"""Bytes of a folder's name that a layer's name may fill; most file systems allow 255."""


@dataclass(frozen=True)
class Cutting:
    """What cuts a graph.

    Attributes
    ----------
    graph, export : what is written, and how.
    folder : where the parts are gathered.
    """

    graph: Graph
    export: Export
    folder: Path

    def parts(self) -> Iterator[tuple[int, Part]]:
        """(number of the block, part), block by block, row by row; the parts are numbered through."""
        total = 0
        for number, block in enumerate(self.graph.blocks):
            for held in self._held(number, block):
                yield number, self.part(total, block, held)
                total += 1

    def part(self, number: int, block: Block, held: Rows | Listed) -> Part:
        """The part of that number."""
        return Part(
            folder=str(self.folder),
            file=f"edges/layer={partition(block.target)}/part-{number:05d}.parquet",
            held=held,
            kind=block.kind,
            kinds=tuple(dict.fromkeys(block.kind for block in self.graph.blocks)),
            numbers=number_types(self.graph),
            vertex=vertex_type(self.graph),
            columns=made_columns(self.export.profile),
            what=f"block {block.source} -> {block.target} ({block.kind})",
        )

    def _held(self, number: int, block: Block) -> Iterator[Rows | Listed]:
        operators = [block.weight, *block.values.values()]
        kept = block.edges if self.export.kept is None else self.export.kept.rows[number]
        if kept < block.edges or any(
            isinstance(operator, Convolution) and operator.data is not None for operator in operators
        ):
            return self._listed(number, block)
        return self._rows(block)

    def _rows(self, block: Block) -> Iterator[Rows]:
        to, since = self.graph.layer(block.target).start, self.graph.layer(block.source).start
        cut = next((row for kind, row in _CUT.items() if isinstance(block.weight, kind)), None)
        if cut is None:
            token, whole, values = _token(block), bare(block.weight), dict(block.values)
            values = {name: replace(bare(value), pattern=whole.pattern) for name, value in values.items()}
            for cuts in _runs(whole):
                yield Rows(whole, values, cuts, since, to, token)
            return
        for cuts in _runs(block.weight):
            first, last = cuts[0][0], cuts[-1][1]
            weight = cut(block.weight, first, last)
            values = {name: cut(value, first, last) for name, value in block.values.items()}
            yield Rows(weight, values, tuple((a - first, b - first) for a, b in cuts), since, to + first)

    def _listed(self, number: int, block: Block) -> Iterator[Listed]:
        to, since = self.graph.layer(block.target).start, self.graph.layer(block.source).start
        kept = self.export.kept
        pieces: list[Edges] = []
        vertex = vertex_type(self.graph)
        for tile in ops.tiles(block.weight, TILE):
            mask: Any = slice(None) if kept is None else kept.mask(number, tile)
            piece = Edges(
                (tile.source[mask] + since).astype(vertex),
                (tile.target[mask] + to).astype(vertex),
                ops.entries(block.weight, tile)[mask],
                {name: ops.entries(value, tile)[mask] for name, value in block.values.items()},
            )
            if len(piece.source):
                pieces.append(piece)
            if sum(len(piece.source) for piece in pieces) >= PART:
                yield Listed(tuple(pieces))
                pieces = []
        if pieces:
            yield Listed(tuple(pieces))


def partition(layer: str) -> str:
    """A layer's name as a folder's: percent-encoded, as readers of such folders decode it.

    A name too long for a file system is cut, and a digest of the whole stands at its end.

    >>> partition("conv1#2"), partition("a/b")
    ('conv1%232', 'a%2Fb')
    """
    encoded = quote(layer, safe="")
    if len(encoded) <= LONGEST:
        return encoded
    start = encoded[:LONGEST]
    whole = start if "%" not in start[-2:] else start.rpartition("%")[0]
    return f"{whole}~{hashlib.sha256(layer.encode()).hexdigest()[:8]}"


def number_types(graph: Graph) -> dict[str, str]:
    """Column -> "float32" or "float64": the type that holds it exactly in all blocks."""
    operators: dict[str, list[Operator]] = {"weight": [block.weight for block in graph.blocks]}
    for name in value_columns(graph):
        operators[name] = [block.values[name] for block in graph.blocks if name in block.values]
    single = np.dtype(np.float32)
    return {
        name: "float32" if all(WRITTEN_AS.get(str(held.dtype)) == single for held in held_as) else "float64"
        for name, held_as in operators.items()
    }


def made_columns(profile: Profile) -> dict[str, str]:
    """Columns that are made of the weight; that of |weight| only where the profile calls it the weight."""
    return {name: held for name, held in profile.edges.items() if held in OF_WEIGHT and name != "abs_weight"}


def vertex_type(graph: Graph) -> str:
    """Type of vertex numbers."""
    return "int32" if graph.n < 2**31 else "int64"


def _runs(operator: Operator) -> Iterator[tuple[tuple[int, int], ...]]:
    """Cuts of an operator, as many together as make a part."""
    run: list[tuple[int, int]] = []
    size = 0
    for first, last in ops.kind_of(operator).cuts(operator, TILE):
        run.append((first, last))
        size += _size(operator, first, last)
        if size >= PART - TILE // 2:
            yield tuple(run)
            run, size = [], 0
    if run:
        yield tuple(run)


def _size(operator: Operator, first: int, last: int) -> int:
    """How many entries some rows hold, about."""
    if isinstance(operator, np.ndarray):
        return (last - first) * int(operator.shape[1])
    if sp.issparse(operator):
        return int(operator.indptr[last]) - int(operator.indptr[first])
    return TILE


def _dense_rows(operator: Array, first: int, last: int) -> Array:
    return operator[first:last]


def _sparse_rows(operator: Any, first: int, last: int) -> Any:
    begin, end = int(operator.indptr[first]), int(operator.indptr[last])
    held = (operator.data[begin:end], operator.indices[begin:end], operator.indptr[first : last + 1] - begin)
    return sp.csr_array(held, shape=(last - first, operator.shape[1]))


_CUT: dict[type, Callable[[Operator, int, int], Operator]] = {np.ndarray: _dense_rows, sp.csr_array: _sparse_rows}
"""Type of operator -> its rows first … last - 1. What is not here is sent whole."""


def bare(operator: Convolution) -> Convolution:
    """The same without what it has worked out about itself, which need not be sent."""
    return replace(operator, pattern=replace(operator.pattern))


def _token(block: Block) -> str:
    sha = hashlib.sha256()
    for name, operator in {"weight": block.weight, **block.values}.items():
        sha.update(name.encode())
        digest_operator(sha, operator)
    return sha.hexdigest()
