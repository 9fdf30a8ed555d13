"""The edges that a path may take, read where they lie: tile by tile for a sweep, row by row for a search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from netgraph.errors import AnalysisError
from netgraph.graph import blocks as ops
from netgraph.graph.graph import Block, Graph, Layer

Vector = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

_DENSE, _LISTED = 1 << 15, 1 << 20
"""Entries of a tile: of an array, so that it stays in the cache; of a list."""


class Tile(NamedTuple):
    """Some rows of a step. Either ``matrix`` holds all their entries, or the other three list those that are edges.

    ``target`` and ``source`` count inside their layers; targets do not decrease.
    """

    first: int
    last: int
    matrix: Vector | None
    target: Numbers
    source: Numbers
    values: Vector


_NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Step:
    """All edges from one layer to another, and what a path is multiplied by where it takes one.

    Attributes
    ----------
    source, target : the layers.
    weight, values : operators of one layout; an entry of ``values`` counts where that of ``weight`` is not 0.
    rows, columns : (n_target,), (n_source,) further factors, or None for 1.
    absolute : |values| is meant.
    """

    source: Layer
    target: Layer
    weight: Any
    values: Any
    rows: Vector | None = None
    columns: Vector | None = None
    absolute: bool = False

    def tiles(self) -> Iterator[Tile]:
        """The edges in pieces of whole rows, float64; no more than one piece is ever copied."""
        if isinstance(self.values, np.ndarray):
            height = max(1, _DENSE // max(1, self.values.shape[1]))
            for first in range(0, self.values.shape[0], height):
                last = min(first + height, self.values.shape[0])
                yield Tile(first, last, self._dense(slice(first, last)), _NONE, _NONE, np.zeros(0))
            return
        kind = ops.kind_of(self.weight)
        for first, last in kind.cuts(self.weight, _LISTED):
            yield Tile(first, last, None, *self._listed(first, last))

    def row(self, target: int) -> tuple[Numbers | None, Vector]:
        """(sources, values) of what enters one target, counted inside the layers; None: all sources in order."""
        if isinstance(self.values, np.ndarray):
            return None, self._dense(slice(target, target + 1))[0]
        _, source, values = self._listed(target, target + 1)
        return source, values

    def _dense(self, rows: slice) -> Vector:
        chosen = self.values[rows]
        out: Vector = chosen.astype(np.float64)
        if self.values is not self.weight:
            # A pruned weight is no edge, whatever the other columns say there.
            out[self.weight[rows] == 0] = 0.0
        if self.absolute:
            np.abs(out, out=out)
        if self.rows is not None:
            out *= self.rows[rows, None]
        if self.columns is not None:
            out *= self.columns
        return out

    def _listed(self, first: int, last: int) -> tuple[Numbers, Numbers, Vector]:
        kind = ops.kind_of(self.weight)
        target, source, at = kind.positions(self.weight, first, last)
        values = kind.entries(self.values, at).astype(np.float64)
        if self.absolute:
            np.abs(values, out=values)
        if self.rows is not None:
            values *= self.rows[target]
        if self.columns is not None:
            values *= self.columns[source]
        return target, source, values

    def scaled(self, rows: Vector | None = None, columns: Vector | None = None) -> Step:
        """With further factors."""
        both = [
            new if old is None else old if new is None else old * new
            for old, new in ((self.rows, rows), (self.columns, columns))
        ]
        return replace(self, rows=both[0], columns=both[1])

    def refuse_nonfinite(self, column: str) -> None:
        """An analysis needs finite values.

        Raises
        ------
        AnalysisError : a value is NaN or infinite.
        """
        for tile in self.tiles():
            held = tile.values if tile.matrix is None else tile.matrix
            if not np.isfinite(held).all():
                raise AnalysisError(
                    f"{column!r} of the edges {self.source.name} -> {self.target.name} holds NaN or infinity; "
                    "an analysis needs finite values: mend the network or choose another weight="
                )


def steps(graph: Graph, column: str, absolute: bool = False) -> list[Step]:
    """The steps of a graph, one for each pair of layers with edges, ordered by target, then source.

    Several blocks between one pair of layers are added up (after |values| where that is meant): a path is a sequence of
    vertices. Only then are implicit blocks unrolled.
    """
    order = {layer.name: i for i, layer in enumerate(graph.layers)}
    held: dict[tuple[int, int], list[Block]] = {}
    for block in graph.blocks:
        held.setdefault((order[block.target], order[block.source]), []).append(block)
    out = []
    for (target, source), blocks in sorted(held.items()):
        ends = graph.layers[source], graph.layers[target]
        parts = [Step(*ends, b.weight, b.weight if column == "weight" else b.operator(column)) for b in blocks]
        parts = [replace(step, absolute=absolute) for step in parts]
        out.append(parts[0] if len(parts) == 1 else _added(parts))
    return out


def _added(parts: Sequence[Step]) -> Step:
    """Parallel steps as one: an array as soon as one of them is, a list otherwise."""
    shape = parts[0].target.size, parts[0].source.size
    total: Any = None
    for part in parts:
        tiles = list(part.tiles())
        if any(tile.matrix is not None for tile in tiles):
            one: Any = np.concatenate([tile.matrix for tile in tiles if tile.matrix is not None])
        else:
            at = [np.concatenate(axis) for axis in zip(*((t.target, t.source) for t in tiles), strict=True)]
            values = np.concatenate([tile.values for tile in tiles])
            one = sp.csr_array((values, (at[0], at[1])), shape=shape)
        if total is not None and sp.issparse(total) != sp.issparse(one):
            total, one = (m.toarray() if sp.issparse(m) else m for m in (total, one))
        total = one if total is None else total + one
    total = sp.csr_array(total) if sp.issparse(total) else total
    if sp.issparse(total):
        total.sort_indices()
    return Step(parts[0].source, parts[0].target, total, total)


def inflow(n: int, edges: Sequence[Step]) -> Vector:
    """(n,) Σ of what enters every vertex."""
    out = np.zeros(n)
    for step in edges:
        into = out[step.target.vertices]
        for tile in step.tiles():
            if tile.matrix is not None:
                into[tile.first : tile.last] += tile.matrix.sum(axis=1)
            else:
                into[tile.first : tile.last] += np.bincount(
                    tile.target - tile.first, tile.values, tile.last - tile.first
                )
    return out


def entered(graph: Graph) -> npt.NDArray[np.bool_]:
    """(n,) which vertices have an incoming edge."""
    out = np.zeros(graph.n, dtype=bool)
    for block in graph.blocks:
        into = graph.layer(block.target).vertices
        if isinstance(block.weight, np.ndarray):
            out[into] |= block.weight.any(axis=1)
        else:
            out[into] |= ops.row_sums(block.weight, absolute=True) > 0
    return out
