"""Best paths from many sources at once: a max-plus product per pair of layers, in numba since BLAS has none.

Distances are kept as −distance, so that best is largest. Columns are sources: a weight meets 64 of them in one go, in
groups of eight edges, so that the processor's widest additions and maxima do the work. Predecessors are not tracked
edge by edge: a product remembers in which run of 32 edges the best lies, and whether another run comes as close as a
tie; only those 32 are looked through afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.analysis.kernels import compiled
from netgraph.graph.graph import Layer

Array = np.ndarray[Any, Any]

NOWHERE = -1e300
"""What stands for −infinity, which would make NaN of differences."""
RUN = 32
"""Edges of a run."""
TIED = -1.0
"""In place of a run where several are as good, or where nothing leads."""
TIE = 1e-12
"""Relative difference of distances up to which two paths are equally good."""
_LANE = 64
"""Sources that are worked on together."""
_SLAB = 1 << 17
"""Entries of a block whose lengths are held at a time."""
_FREE = ("nnan", "nsz")


@dataclass(frozen=True)
class Lengths:
    """The edges of a pair of layers as −length.

    Attributes
    ----------
    source, target : the layers.
    operator : |w| where it is held, dense or ``csr_array``.
    length : of |w| in float64 -> −length; edges only.
    floor : distances are compared relative to themselves, or to this where they are smaller.
    first : number of its first run; of a dense row's runs, or of a sparse row's.
    kept : hold the −lengths, 8 B an edge, instead of computing them whenever they are read.
    """

    source: Layer
    target: Layer
    operator: Any
    length: Any
    floor: float
    first: int
    kept: bool

    @property
    def runs(self) -> int:
        """Number of runs in its longest row."""
        longest = int(self.operator.shape[1])
        if sp.issparse(self.operator):
            longest = int(np.diff(self.operator.indptr).max(initial=0))
        return -(-longest // RUN)

    def slabs(self) -> Iterator[tuple[int, int, tuple[Array, ...]]]:
        """(first row, last row, entries): −lengths, (rows, sources) or (values, indices, indptr)."""
        rows, columns = self.operator.shape
        if sp.issparse(self.operator) or self.kept:
            yield 0, rows, self._whole
            return
        step = max(1, _SLAB // max(1, columns))
        for first in range(0, rows, step):
            yield first, min(first + step, rows), (self._of(self.operator[first : first + step]),)

    @cached_property
    def _whole(self) -> tuple[Array, ...]:
        if sp.issparse(self.operator):
            return self._of(self.operator.data), self.operator.indices, self.operator.indptr
        return (self._of(self.operator),)

    def _of(self, weights: Array) -> Array:
        size = np.abs(weights.astype(np.float64))
        with np.errstate(divide="ignore"):
            return np.ascontiguousarray(np.where(size > 0, self.length(size), NOWHERE))

    def columns(self, first: int, last: int) -> Array:
        """(n_target, last − first) −lengths of the edges out of sources first … last − 1."""
        if sp.issparse(self.operator):
            chosen = self.operator[:, first:last].tocoo()
            found = np.full(chosen.shape, NOWHERE)
            found[chosen.row, chosen.col] = self._of(chosen.data)
            return found
        if self.kept:
            whole: Array = self._whole[0][:, first:last]
            return whole
        return self._of(self.operator[:, first:last])

    def forward(self, dist: Array) -> Array:
        """(n_target,) −distances by one more edge, from (n_source,)."""
        best = np.full(self.operator.shape[0], NOWHERE)
        for first, last, entries in self.slabs():
            if len(entries) == 1:
                best[first:last] = (entries[0] + dist).max(axis=1, initial=NOWHERE)
            else:
                rows = np.repeat(np.arange(len(entries[2]) - 1), np.diff(entries[2]))
                np.maximum.at(best, rows, entries[0] + dist[entries[1]])
        return best

    def backward(self, dist: Array) -> Array:
        """(n_source,) −distances by one edge before, from (n_target,)."""
        best = np.full(self.operator.shape[1], NOWHERE)
        for first, last, entries in self.slabs():
            if len(entries) == 1:
                np.maximum(best, (entries[0] + dist[first:last, None]).max(axis=0, initial=NOWHERE), out=best)
            else:
                rows = np.repeat(np.arange(len(entries[2]) - 1), np.diff(entries[2]))
                np.maximum.at(best, entries[1], entries[0] + dist[rows])
        return best


@dataclass(frozen=True)
class Reached:
    """What is known of a layer's vertices (rows) from a batch of sources (columns).

    Attributes
    ----------
    best : −distance, ``NOWHERE`` where no path leads.
    run : number of the run with the best last edge, ``TIED`` where several are as good; float64, so that it moves
        through the processor beside the distances.
    """

    best: Array
    run: Array

    @staticmethod
    def nothing(rows: int, columns: int, track: bool = True) -> Reached:
        """Nothing is reached yet; without ``track`` only distances are held."""
        shape = (rows, columns) if track else (rows, 0)
        return Reached(np.full((rows, columns), NOWHERE), np.full(shape, TIED))


def extend(lengths: Lengths, dist: Array, reached: Reached, wide: int, track: bool) -> None:
    """One more edge: the best of what is known and of all paths that end with an edge of this pair.

    Parameters
    ----------
    dist : (n_source, sources) −distances of where the edges begin.
    reached : of where they end, (n_target, sources); changed.
    wide : how many of the columns begin before the pair.
    track : remember runs and ties.
    """
    if wide == 0:
        return
    parts = (reached.best, reached.run)
    for first, last, entries in lengths.slabs():
        rows = tuple(part[first:last] for part in parts)
        if len(entries) == 1:
            _extend_dense(entries[0], dist, *rows, wide, lengths.first, lengths.floor, track)
        else:
            _extend_sparse(*entries, dist, *rows, wide, lengths.first, lengths.floor, track)


def begin(lengths: Lengths, first: int, last: int, at: int, reached: Reached) -> None:
    """The first edge of paths that begin in the pair's own sources first … last − 1: no product is needed.

    Their columns in ``reached`` begin at ``at``.
    """
    if first == last:
        return
    best = reached.best[:, at : at + last - first]
    found = lengths.columns(first, last)
    if not reached.run.size:
        np.maximum(best, found, out=best)
        return
    run = reached.run[:, at : at + last - first]
    number = lengths.first + _runs(lengths.operator, first, last)
    tie = TIE * np.maximum(np.abs(found), lengths.floor)
    run[...] = np.where(found > best + tie, number, np.where(found >= best - tie, TIED, run))
    np.maximum(best, found, out=best)


def _runs(operator: Any, first: int, last: int) -> Array:
    """In which run of its row the edge from each of the sources (columns) lies; whatever where there is none."""
    if not sp.issparse(operator):
        return np.arange(first, last)[None, :] // RUN
    row = np.repeat(np.arange(operator.shape[0]), np.diff(operator.indptr))
    run = (np.arange(len(operator.indices)) - operator.indptr[row]) // RUN
    chosen = (operator.indices >= first) & (operator.indices < last)
    numbers = np.zeros((operator.shape[0], last - first), dtype=np.int64)
    numbers[row[chosen], operator.indices[chosen] - first] = run[chosen]
    return numbers


@compiled(*_FREE)
def _merge(got: Array, n: int, best: Array, run: Array, number: float, floor: float) -> None:
    """A run's best against the best so far, for the sources of one lane."""
    for s in range(n):
        p, k = got[s], best[s]
        tie = TIE * max(abs(p), floor)
        run[s] = number if p > k + tie else (TIED if p >= k - tie else run[s])
        best[s] = max(p, k)


@compiled(*_FREE)
def _extend_dense(
    cost: Array, dist: Array, best: Array, run: Array, wide: int, number: int, floor: float, track: bool
) -> None:
    targets, sources = cost.shape
    packed, got = np.full((RUN, _LANE), NOWHERE), np.empty(_LANE)
    edges = np.full(RUN, NOWHERE)
    for s0 in range(0, wide, _LANE):
        n = min(_LANE, wide - s0)
        for c in range(0, sources, RUN):
            width = min(RUN, sources - c)
            packed[:, :] = NOWHERE
            packed[:width, :n] = dist[c : c + width, s0 : s0 + n]
            for v in range(targets):
                edges[:width] = cost[v, c : c + width]
                edges[width:] = NOWHERE
                for s in range(_LANE):
                    got[s] = 2 * NOWHERE
                for u in range(0, width, 8):
                    a0, a1, a2, a3 = edges[u], edges[u + 1], edges[u + 2], edges[u + 3]
                    a4, a5, a6, a7 = edges[u + 4], edges[u + 5], edges[u + 6], edges[u + 7]
                    for s in range(_LANE):
                        p = max(
                            max(packed[u, s] + a0, packed[u + 1, s] + a1),
                            max(packed[u + 2, s] + a2, packed[u + 3, s] + a3),
                        )
                        q = max(
                            max(packed[u + 4, s] + a4, packed[u + 5, s] + a5),
                            max(packed[u + 6, s] + a6, packed[u + 7, s] + a7),
                        )
                        got[s] = max(got[s], max(p, q))
                row = best[v, s0 : s0 + n]
                if track:
                    _merge(got, n, row, run[v, s0 : s0 + n], float(number + c // RUN), floor)
                else:
                    for s in range(n):
                        row[s] = max(row[s], got[s])


@compiled(*_FREE)
def _extend_sparse(
    cost: Array,
    indices: Array,
    indptr: Array,
    dist: Array,
    best: Array,
    run: Array,
    wide: int,
    number: int,
    floor: float,
    track: bool,
) -> None:
    got = np.empty(_LANE)
    for s0 in range(0, wide, _LANE):
        n = min(_LANE, wide - s0)
        for v in range(len(indptr) - 1):
            row = best[v, s0 : s0 + n]
            for c in range(indptr[v], indptr[v + 1], RUN):
                got[:] = 2 * NOWHERE
                for k in range(c, min(c + RUN, indptr[v + 1])):
                    a = cost[k]
                    from_there = dist[indices[k], s0 : s0 + n]
                    for s in range(n):
                        got[s] = max(got[s], from_there[s] + a)
                if track:
                    _merge(got, n, row, run[v, s0 : s0 + n], float(number + (c - indptr[v]) // RUN), floor)
                else:
                    for s in range(n):
                        row[s] = max(row[s], got[s])


def batches(sizes: list[int], wanted: int) -> list[tuple[int, int]]:
    """Runs of vertices (first, last) of about ``wanted``, whole layers where they are small.

    >>> batches([3, 100, 5], 64)
    [(0, 51), (51, 103), (103, 108)]
    """
    found: list[tuple[int, int]] = []
    start = at = 0
    for size in sizes:
        if at + size - start > wanted and size >= wanted // 2 and at > start and at - start >= wanted // 2:
            found.append((start, at))
            start = at
        at += size
        if at - start > wanted:
            parts = -(-(at - start) // wanted)
            ends = start + (np.arange(1, parts + 1) * (at - start)) // parts
            found += [(int(a), int(b)) for a, b in zip([start, *ends[:-1]], ends, strict=True)]
            start = at
    return found + ([(start, at)] if at > start else [])
