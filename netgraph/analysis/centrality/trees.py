"""What a best path's last edge was, and Brandes' sums back along those edges, from many sources at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgraph.analysis.centrality.best import NOWHERE, RUN, TIE, TIED, Lengths, Reached
from netgraph.analysis.kernels import compiled

Array = np.ndarray[Any, Any]

SEVERAL = -2
"""In place of a predecessor where there are several."""
_LANE = 64
_PLACES = float(1 << 30)
"""More than a row has places; a power of two, so that sums of places are exact."""
_SUMS = ("nnan", "nsz", "reassoc", "contract")


def trace(
    lengths: Lengths, dist: Array, reached: Reached, counts: Array, begun: Array, before: Array, first_source: int
) -> None:
    """How many best paths end with an edge of this pair, and where that edge begins.

    Parameters
    ----------
    dist : (sources, n_source) −distances of where the edges begin.
    reached : of where they end, (n_target, sources).
    counts : (sources, n_source) numbers of best paths to where the edges begin.
    begun : (n_target, sources) numbers of best paths; added to.
    before : (n_target, sources) the vertex before, -1 for none yet; changed.
    first_source : the vertex that the first column begins at.
    """
    start, shift = lengths.source.start, first_source - lengths.source.start
    for first, last, entries in lengths.slabs():
        rows = tuple(part[first:last] for part in (reached.best, reached.run, begun, before))
        if len(entries) == 1:
            _trace_dense(entries[0], dist, counts, *rows, lengths.first, lengths.floor, start, shift)
        else:
            _trace_sparse(*entries, dist, counts, *rows, lengths.first, lengths.floor, start)


def back(lengths: Lengths, dist: Array, reached: Reached, counts: Array, before: Array, through: Array) -> None:
    """Adds to every source of this pair its part of what leads on from the targets with several vertices before.

    Parameters
    ----------
    counts, through : (sources, n) numbers of best paths, and Brandes' dependencies; the latter is changed.
    """
    source, target = lengths.source.start, lengths.target.start
    for first, last, entries in lengths.slabs():
        best, chosen = reached.best[first:last], before[first:last]
        if len(entries) == 1:
            _back_dense(entries[0], dist, best, chosen, counts, through, lengths.floor, source, target + first)
        else:
            _back_sparse(*entries, dist, best, chosen, counts, through, lengths.floor, source, target + first)


@compiled()
def back_single(before: Array, through: Array, target: int) -> None:
    """The same for targets with one vertex before, whichever pair it lies in; ``before`` is (sources, n_target)."""
    for s in range(before.shape[0]):
        row = through[s]
        for v in range(before.shape[1]):
            u = before[s, v]
            if u >= 0:
                row[u] += 1.0 + row[target + v]


@compiled(*_SUMS)
def _trace_dense(
    cost: Array,
    dist: Array,
    counts: Array,
    best: Array,
    run: Array,
    begun: Array,
    before: Array,
    number: int,
    floor: float,
    start: int,
    shift: int,
) -> None:
    targets, sources = cost.shape
    for s0 in range(0, dist.shape[0], _LANE):  # the distances of a lane stay in the processor
        for v in range(targets):
            edges = cost[v]
            for s in range(s0, min(s0 + _LANE, dist.shape[0])):
                b = best[v, s]
                if b <= NOWHERE / 2:
                    continue
                tied = run[v, s] == TIED
                first = 0 if tied else (int(run[v, s]) - number) * RUN
                if first < 0 or first >= sources:
                    continue
                if 0 <= s + shift < sources and not tied:  # a path of one edge
                    begun[v, s] += 1.0
                    before[v, s] = start + s + shift
                    continue
                last = sources if tied else min(first + RUN, sources)
                least = b - TIE * max(abs(b), floor)
                # Each hit adds 1 and its place/_PLACES: one sum tells how many there are and where a single one is.
                found = 0.0
                base = np.uintp(first)  # a sign would cost a test at each place
                if last - first == RUN:
                    for i in range(RUN):
                        u = base + np.uintp(i)
                        found += 1.0 + i / _PLACES if dist[s, u] + edges[u] >= least else 0.0
                else:
                    for i in range(last - first):
                        u = base + np.uintp(i)
                        found += 1.0 + i / _PLACES if dist[s, u] + edges[u] >= least else 0.0
                if 1.0 <= found < 2.0:
                    place = first + int((found - 1.0) * _PLACES)
                    begun[v, s] += counts[s, place]
                    before[v, s] = SEVERAL if tied else start + place
                elif found >= 2.0:
                    total = 0.0
                    for i in range(last - first):
                        u = base + np.uintp(i)
                        total += counts[s, u] if dist[s, u] + edges[u] >= least else 0.0
                    begun[v, s] += total
                    before[v, s] = SEVERAL


@compiled(*_SUMS)
def _trace_sparse(
    cost: Array,
    indices: Array,
    indptr: Array,
    dist: Array,
    counts: Array,
    best: Array,
    run: Array,
    begun: Array,
    before: Array,
    number: int,
    floor: float,
    start: int,
) -> None:
    for v in range(len(indptr) - 1):
        for s in range(dist.shape[0]):
            b = best[v, s]
            if b <= NOWHERE / 2:
                continue
            tied = run[v, s] == TIED
            first = indptr[v] if tied else indptr[v] + (int(run[v, s]) - number) * RUN
            if first < indptr[v] or first >= indptr[v + 1]:
                continue
            last = indptr[v + 1] if tied else min(first + RUN, indptr[v + 1])
            least = b - TIE * max(abs(b), floor)
            found, total, latest = 0, 0.0, -1
            for k in range(first, last):
                u = indices[k]
                if dist[s, u] + cost[k] >= least:
                    found += 1
                    total += counts[s, u]
                    latest = u
            if found:
                begun[v, s] += total
                before[v, s] = start + latest if found == 1 and not tied else SEVERAL


@compiled(*_SUMS)
def _back_dense(
    cost: Array,
    dist: Array,
    best: Array,
    before: Array,
    counts: Array,
    through: Array,
    floor: float,
    start: int,
    target: int,
) -> None:
    targets, sources = cost.shape
    for v in range(targets):
        edges = cost[v]
        for s in range(dist.shape[0]):
            if before[v, s] != SEVERAL:
                continue
            b = best[v, s]
            least = b - TIE * max(abs(b), floor)
            share = (1.0 + through[s, target + v]) / counts[s, target + v]
            there, paths, sums = dist[s], counts[s, start : start + sources], through[s, start : start + sources]
            for u in range(sources):
                sums[u] += paths[u] * share if there[u] + edges[u] >= least else 0.0


@compiled(*_SUMS)
def _back_sparse(
    cost: Array,
    indices: Array,
    indptr: Array,
    dist: Array,
    best: Array,
    before: Array,
    counts: Array,
    through: Array,
    floor: float,
    start: int,
    target: int,
) -> None:
    for v in range(len(indptr) - 1):
        for s in range(dist.shape[0]):
            if before[v, s] != SEVERAL:
                continue
            b = best[v, s]
            least = b - TIE * max(abs(b), floor)
            share = (1.0 + through[s, target + v]) / counts[s, target + v]
            for k in range(indptr[v], indptr[v + 1]):
                u = indices[k]
                if dist[s, u] + cost[k] >= least:
                    through[s, start + u] += counts[s, start + u] * share
