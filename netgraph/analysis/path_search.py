"""The k best paths into some vertices: an exact heuristic by one sweep over the edges, then lazy best-first search."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from netgraph.analysis.path_steps import Numbers, Step, Tile, Vector

Found = tuple[float, tuple[int, ...]]
"""A path: the product of its values, and its vertices from first to last."""
ANY = 0
_LOST = -600.0
"""Logarithm of a best completion, beside its layer's best, below which exponentials are no longer exact."""
_FAINT = 1e-290
"""Products below this may have been rounded."""
_MANY, _LARGE = 200, 1 << 18
"""Paths asked for, and possible edges, from which the search is compiled."""
_FEW, _MORE = 16, 4
"""How many next steps of a vertex are sorted first; how many times as many when these are used up."""


@dataclass
class Sweep:
    """What one pass over the edges tells about all paths that end at each vertex.

    Attributes
    ----------
    best : sign -> (n,) log|value| of the best path of that sign (0: of any) to each vertex; -inf where there is none.
    total, total_abs, count : (n,) Σ value, Σ|value| and number of all paths to each vertex, of either sign.
    """

    best: dict[int, Vector]
    total: Vector
    total_abs: Vector
    count: Vector


def sweep(edges: Sequence[Step], start: Vector, sign: int = ANY) -> Sweep:
    """Every vertex after all that lead to it.

    Parameters
    ----------
    edges : ordered by target.
    start : (n,) what a path that starts at a vertex is multiplied by; 0 where none may start.
    sign : 1 or -1 tells paths of both signs apart; 0 does not.
    """
    with np.errstate(divide="ignore"):
        logs = np.log(np.abs(start))
    signs = (ANY,) if sign == ANY else (1, -1)
    best = {s: np.where((s == ANY) | (np.sign(start) == s), logs, -np.inf) for s in signs}
    found = Sweep(best, start.copy(), np.abs(start), (start != 0).astype(np.float64))
    for step in edges:
        into, out_of = step.target.start, step.source.vertices
        levels = {s: _Level.of(best[s][out_of]) for s in signs}
        sums = found.total[out_of], found.total_abs[out_of], found.count[out_of]
        for tile in step.tiles():
            at = slice(into + tile.first, into + tile.last)
            size, reached = _sums(found, at, tile, sums, spend=sign == ANY)
            for s in signs:
                for edge_sign in signs:
                    part = size if s == ANY else _only(tile, edge_sign)
                    arrived = _best(tile, part, levels[s * edge_sign if s else ANY], reached)
                    np.maximum(best[s][at], arrived, out=best[s][at])
    return found


def _sums(found: Sweep, at: slice, tile: Tile, sums: tuple[Vector, ...], spend: bool) -> tuple[Vector, Any]:
    """Adds a tile to the sums; returns |values|, in the tile's own place if it may be spent, and where rows begin."""
    total, total_abs, count = sums
    if tile.matrix is not None:
        found.total[at] += tile.matrix @ total
        size = np.abs(tile.matrix, out=tile.matrix if spend else None)
        found.total_abs[at] += size @ total_abs
        every = size.min(initial=np.inf) > 0
        found.count[at] += count.sum() if every else (size != 0).astype(np.float64) @ count
        return size, None
    size, rows = np.abs(tile.values), tile.last - tile.first
    row = tile.target - tile.first
    found.total[at] += np.bincount(row, tile.values * total[tile.source], rows)
    found.total_abs[at] += np.bincount(row, size * total_abs[tile.source], rows)
    found.count[at] += np.bincount(row, (size != 0) * count[tile.source], rows)
    return size, np.flatnonzero(np.diff(row, prepend=-1))


def _only(tile: Tile, sign: int) -> Vector:
    """|values| of one sign, 0 elsewhere."""
    held = tile.values if tile.matrix is None else tile.matrix
    kept: Vector = np.maximum(held if sign > 0 else -held, 0.0)
    return kept


class _Level(NamedTuple):
    """The best completions from a layer: as logarithms, and as numbers beside the best of them."""

    logs: Vector
    top: float
    numbers: Vector | None

    @staticmethod
    def of(logs: Vector) -> _Level:
        finite = logs > -np.inf
        top = float(logs.max()) if finite.any() else -np.inf
        if top == -np.inf or float(logs[finite].min()) - top < _LOST:
            return _Level(logs, top, None)
        return _Level(logs, top, np.exp(logs - top))


def _best(tile: Tile, size: Vector, level: _Level, begins: Any) -> Vector:
    """log max_i |w_ji| · best_i for every row of a tile."""
    rows = tile.last - tile.first
    arrived = np.full(rows, -np.inf)
    if level.top == -np.inf:
        return arrived
    filled: Any = slice(None) if begins is None else tile.target[begins] - tile.first
    if level.numbers is not None:
        if begins is None:
            product = (size * level.numbers).max(axis=1, initial=0.0)
        else:
            product = np.maximum.reduceat(size * level.numbers[tile.source], begins) if len(begins) else np.zeros(0)
        with np.errstate(divide="ignore"):
            arrived[filled] = np.log(product) + level.top
        if not (product < _FAINT).any():
            return arrived
        if begins is None:  # only these rows again, by logarithms
            faint = np.flatnonzero(product < _FAINT)
            with np.errstate(divide="ignore"):
                arrived[faint] = (np.log(size[faint]) + level.logs).max(axis=1, initial=-np.inf)
            return arrived
    with np.errstate(divide="ignore"):
        if begins is None:
            arrived = (np.log(size) + level.logs).max(axis=1, initial=-np.inf)
        elif len(begins):
            arrived[filled] = np.maximum.reduceat(np.log(size) + level.logs[tile.source], begins)
    return arrived


@dataclass
class Ways:
    """The ways to go one step back from a vertex, best first, sorted only as far as anybody asked.

    Attributes
    ----------
    scores : log|product| of the best completion by each way.
    sources : where each leads; -1 for stopping here, because a path may start here.
    values : the edge's value; for stopping, the start's.
    """

    scores: Vector
    sources: Numbers
    values: Vector
    best: list[float] = field(default_factory=list)
    vertex: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    all: bool = False

    def has(self, rank: int) -> bool:
        """Whether there is a way of this rank (from 0)."""
        if rank >= len(self.best) and not self.all:
            self._sort()
        return rank < len(self.best)

    def _sort(self) -> None:
        n = len(self.scores)
        wanted = max(_FEW, _MORE * len(self.best))
        least = -np.inf
        if wanted < n:
            least = np.partition(self.scores, n - wanted)[n - wanted]
        # Those equal to the last one come along: ties must not depend on how many were asked for.
        self.all = bool(least == -np.inf)
        chosen = np.flatnonzero(self.scores > -np.inf if self.all else self.scores >= least)
        chosen = chosen[np.argsort(-self.scores[chosen], kind="stable")]
        self.best, self.vertex = self.scores[chosen].tolist(), self.sources[chosen].tolist()
        self.value = self.values[chosen].tolist()


class Search:
    """Best-first search over what a sweep has found."""

    def __init__(self, edges: Sequence[Step], start: Vector, found: Sweep, sign: int = ANY) -> None:
        self.start, self.best, self.sign = start, found.best, sign
        self.into: dict[int, list[Step]] = {}
        self.layer_of = np.full(len(start), -1)
        for step in edges:
            self.into.setdefault(step.target.start, []).append(step)
            self.layer_of[step.target.vertices] = step.target.start
        self.known: dict[tuple[int, int], Ways] = {}

    def paths(self, targets: Sequence[int], k: int) -> list[Found]:
        """The k paths of largest |start · Π values| into any of the targets, best first; ties in a fixed order."""
        with np.errstate(divide="ignore"):  # log 0 = -∞ is meant
            found = self._compiled(targets, k) if self._is_large(k) else list(itertools.islice(self._run(targets), k))
        # The heap works on sums of logs; products differ from them by rounding, and the table must not go up and down.
        return sorted(found, key=lambda path: -abs(path[0]))

    def _is_large(self, k: int) -> bool:
        """Whether compiling, or reading what was compiled, is worth its time."""
        steps = itertools.chain.from_iterable(self.into.values())
        return k >= _MANY and sum(step.source.size * step.target.size for step in steps) >= _LARGE

    def _compiled(self, targets: Sequence[int], k: int) -> list[Found]:
        from netgraph.analysis.path_loop import best_paths  # numba takes a third of a second to import

        def read(vertex: int, sign: int) -> tuple[Vector, Numbers, Vector]:
            ways = self._found(vertex, sign)
            return ways.scores, ways.sources.astype(np.int64, copy=False), ways.values

        return best_paths(read, targets, k, self.sign, self.layer_of >= 0, self.start, len(self.into) + 2)

    def _run(self, targets: Sequence[int]) -> Iterator[Found]:
        """All paths, best first. A heap entry is a prefix (read from the target) and the rank of its next step.

        The best completion of a prefix that was just chosen is the best of all: it is followed to its end at once, and
        the second-best way of every vertex that is passed is put on the heap (Lawler's scheme).
        """
        count, known, push, log_of = itertools.count(), self.known, heapq.heappush, math.log
        heap: list[tuple[float, int, float, float, Any, int, Ways, int]] = []
        for target in targets:
            ways = self._ways(target, self.sign)
            if ways.has(0):
                heap.append((-ways.best[0], next(count), 0.0, 1.0, (target, None), self.sign, ways, 0))
        heapq.heapify(heap)
        while heap:
            _, _, log, product, tail, sign, ways, rank = heapq.heappop(heap)
            while True:
                after = rank + 1
                if after < len(ways.best) or ways.has(after):
                    push(heap, (-log - ways.best[after], next(count), log, product, tail, sign, ways, after))
                vertex, value = ways.vertex[rank], ways.value[rank]
                product *= value
                if vertex < 0:
                    yield product, _unrolled(tail)
                    break
                log += log_of(abs(value))
                tail, rank = (vertex, tail), 0
                if self.layer_of[vertex] < 0:  # nothing leads there: the path starts there
                    yield product * float(self.start[vertex]), _unrolled(tail)
                    break
                sign = sign if value > 0 else -sign
                ways = known.get((vertex, sign)) or self._ways(vertex, sign)
                if not (
                    ways.best or ways.has(0)
                ):  # a rounding beside the sweep: never where the sweep says that there is a way
                    break

    def _ways(self, vertex: int, sign: int) -> Ways:
        if (vertex, sign) not in self.known:
            self.known[vertex, sign] = self._found(vertex, sign)
        return self.known[vertex, sign]

    def _found(self, vertex: int, sign: int) -> Ways:
        scores: list[npt.NDArray[Any]] = []
        sources: list[npt.NDArray[Any]] = []
        values: list[npt.NDArray[Any]] = []
        first = float(self.start[vertex])
        if first != 0 and (sign == ANY or (first > 0) == (sign > 0)):
            scores.append(np.array([math.log(abs(first))]))
            sources.append(np.array([-1]))
            values.append(np.array([first]))
        for step in self.into.get(int(self.layer_of[vertex]), ()):
            source, value = step.row(vertex - step.target.start)
            at: Any = step.source.vertices if source is None else source + step.source.start
            log = np.abs(value)
            np.log(log, out=log)
            if sign == ANY:
                log += self.best[ANY][at]
            else:
                log += np.where(value > 0, self.best[sign][at], self.best[-sign][at])
            scores.append(log)
            sources.append(np.arange(step.source.start, step.source.stop) if source is None else at)
            values.append(value)
        if not scores:
            return Ways(np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0))
        if len(scores) == 1:
            return Ways(scores[0], sources[0], values[0])
        return Ways(np.concatenate(scores), np.concatenate(sources), np.concatenate(values))


def _unrolled(tail: Any) -> tuple[int, ...]:
    """The vertices of a prefix, from the one that was reached last."""
    out = []
    while tail is not None:
        out.append(tail[0])
        tail = tail[1]
    return tuple(out)
