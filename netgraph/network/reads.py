"""Columns of an operation, split by the layer that they read, and their taps reduced to weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from netgraph.network.vertices import Vertices

Array = np.ndarray[Any, Any]

REDUCTIONS: dict[str, Callable[[Array], Array]] = {
    "l1": lambda taps: np.abs(taps).sum(-1),
    "l2": lambda taps: np.sqrt(np.square(taps).sum(-1)),
    "max": lambda taps: np.abs(taps).max(-1),
    "sum": lambda taps: taps.sum(-1),
    "mean": lambda taps: taps.mean(-1),
}
"""What a kernel with several taps weighs: entrywise norms, or signed sums. One tap keeps exactly its parameter."""
NORMS = {"l1", "l2", "max"}


@dataclass(frozen=True, eq=False)
class Read:
    """Which columns of a joint read one layer, and as which vertices of it.

    ``columns`` are sorted by vertex;
    ``vertices`` are the distinct ones (local numbers), ``counts`` says how many columns each has.
    """

    layer: Vertices
    columns: Array
    vertices: Array
    counts: Array

    @property
    def one_to_one(self) -> bool:
        """Whether each vertex is read by a single column."""
        return len(self.columns) == len(self.vertices)

    def gather(self, taps: Array, how: str) -> Array:
        """(rows, columns, taps) -> (rows, vertices): the taps of each vertex reduced."""
        rows, total, per = taps.shape
        whole = len(self.columns) == total and np.array_equal(self.columns, np.arange(total))
        picked = taps if whole else taps[:, self.columns]
        if self.one_to_one and per == 1:
            return picked[:, :, 0]
        if (self.counts == self.counts[0]).all():
            return _reduce(picked.reshape(rows, len(self.vertices), -1), how)
        stops = np.cumsum(self.counts)
        pieces = [
            _reduce(picked[:, b - c : b].reshape(rows, 1, -1), how) for b, c in zip(stops, self.counts, strict=True)
        ]
        return np.concatenate(pieces, 1)


def _reduce(taps: Array, how: str) -> Array:
    return taps[..., 0] if taps.shape[-1] == 1 else REDUCTIONS[how](taps)


def read(numbers: Array, layers: Sequence[Vertices], exact: bool) -> list[Read]:
    """Columns by the layer that they read; with ``exact``, a vertex that is read again comes in a further Read."""
    order = np.argsort(numbers, kind="stable")
    order = order[numbers[order] >= 0]
    sorted_numbers = numbers[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = sorted_numbers[1:] != sorted_numbers[:-1]
    starts = np.flatnonzero(fresh)
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    out = []
    begins = np.array([layer.start for layer in layers])
    where = np.searchsorted(begins, sorted_numbers, side="right") - 1
    for index in np.unique(where):
        layer = layers[index]
        inside = where == index
        for r in range(int(rank[inside].max()) + 1) if exact else [None]:
            mask = inside if r is None else inside & (rank == r)
            vertices, counts = np.unique(sorted_numbers[mask] - layer.start, return_counts=True)
            out.append(Read(layer, order[mask], vertices, counts))
    return out


def entries(operator: Any, rows: Array, columns: Array) -> Array:
    """Entries of a dense or sparse operator; 1 where a sparse one holds none (an edge of weight 0, left out)."""
    if not sp.issparse(operator):
        picked: Array = np.asarray(operator, dtype=np.float64)[rows, columns]
        return picked
    width = operator.shape[1]
    held = np.repeat(np.arange(operator.shape[0]), np.diff(operator.indptr)) * width + operator.indices
    order = np.argsort(held)
    wanted = rows.reshape(-1) * width + columns.reshape(-1)
    at = np.minimum(np.searchsorted(held[order], wanted), max(len(held) - 1, 0))
    found = held[order][at] == wanted if len(held) else np.zeros(len(wanted), dtype=bool)
    values = np.where(found, operator.data[order][at] if len(held) else 1.0, 1.0)
    return values.reshape(rows.shape)


class Layout(NamedTuple):
    """How the entries that read one layer become the edges of a sparse block.

    ``edge[i]`` is the edge of entry ``chosen[i]``, counted in CSR order; ``column`` and ``indptr`` are the CSR's own.
    """

    read: Read
    chosen: Array
    edge: Array
    column: Array
    indptr: Array

    def operator(self, data: Array) -> sp.csr_array:
        """The block whose edges hold ``data``."""
        return sp.csr_array((data, self.column, self.indptr), shape=(len(self.indptr) - 1, self.read.layer.size))

    def summed(self, values: Array) -> sp.csr_array:
        """The block whose edges hold the sums of their entries' values."""
        return self.operator(np.bincount(self.edge, values[self.chosen], len(self.column)).astype(values.dtype))


def layout(r: Read, chosen: Array, target: Array, source: Array, size: int) -> Layout:
    """Entries ``chosen``, each from local vertex ``source`` of the layer that is read to ``target`` of ``size``."""
    code = target * r.layer.size + source
    if len(code) and (np.diff(code) > 0).all():  # sorted and distinct already
        distinct, edge = code, np.arange(len(code))
    else:
        distinct, edge = np.unique(code, return_inverse=True)
    row, column = np.divmod(distinct, r.layer.size)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=size))])
    width = places_in(size, r.layer.size, len(distinct))
    return Layout(r, chosen, edge, column.astype(width), indptr.astype(width))


def places_in(*sizes: int) -> Any:
    """The integer type that holds places and counts up to these sizes."""
    return np.int32 if max(sizes, default=0) < 2**31 else np.int64
