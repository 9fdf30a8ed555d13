"""The k best paths into one vertex: an exact heuristic by one sweep, then lazy best-first search."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from netgraph.analysis.structure import Matrix, Pair, Vector

Found = tuple[float, tuple[int, ...]]
"""A path: the product of its values, and its vertices from first to last."""
ANY = 0


@dataclass(frozen=True)
class Children:
    """The ways to go one step back from a state, best first.

    Attributes
    ----------
    best : log|product| of the best completion by each way.
    vertex : where each way leads; -1 for stopping here, because a path may start here.
    value : the edge's value; for stopping, the start's.
    """

    best: Vector
    vertex: npt.NDArray[np.int64]
    value: Vector


def best_paths(edges: list[Pair], start: Vector, target: int, k: int, sign: int = ANY) -> list[Found]:
    """The k paths of largest |start · Π values| into ``target``, best first; ties in a fixed order.

    Parameters
    ----------
    edges : signed values, ordered by target.
    start : (n,) what a path that starts at a vertex is multiplied by; 0 where none may start.
    target : number of the vertex where all paths end.
    k : how many at most.
    sign : 1 or -1 keeps the paths of that sign only; 0 keeps both.
    """
    search = _Search(edges, start, sign)
    found = list(itertools.islice(search.run(target), k))
    # The heap works on sums of logs; products differ from them by rounding, and the table must not go up and down.
    return sorted(found, key=lambda path: -abs(path[0]))


class _Search:
    def __init__(self, edges: list[Pair], start: Vector, sign: int) -> None:
        self.start, self.sign = start, sign
        with np.errstate(divide="ignore"):
            self.start_log = np.log(np.abs(start))
        self.into: dict[int, list[tuple[Pair, Pair]]] = {}
        self.layer_start = np.zeros(len(start), dtype=np.int64)
        self.best = {s: self._stopping(s) for s in ((ANY,) if sign == ANY else (1, -1))}
        for pair in edges:
            logs = Pair(pair.source, pair.target, _log(pair.matrix))
            self.into.setdefault(pair.target.start, []).append((pair, logs))
            self.layer_start[pair.target.vertices] = pair.target.start
            self._extend(pair, logs)
        self.known: dict[tuple[int, int], Children] = {}

    def _stopping(self, sign: int) -> Vector:
        allowed = np.ones(len(self.start), bool) if sign == ANY else np.sign(self.start) == sign
        return np.where(allowed, self.start_log, -np.inf)

    def _extend(self, pair: Pair, logs: Pair) -> None:
        """One step of the sweep: the best completion from every target of a pair, through its sources."""
        for sign, best in self.best.items():
            arrived = best[pair.target.vertices]
            for edge_sign in (ANY,) if sign == ANY else (1, -1):
                onward = self.best[sign * edge_sign][pair.source.vertices]
                np.maximum(arrived, _row_max(pair.matrix, logs.matrix, onward, edge_sign), out=arrived)

    def run(self, target: int) -> Iterator[Found]:
        """All paths, best first. A heap entry is a prefix (read from the target) and the rank of its next step."""
        count = itertools.count()
        heap: list[tuple[float, int, float, float, tuple[int, ...], int, int]] = []

        def push(log: float, product: float, tail: tuple[int, ...], sign: int, rank: int) -> None:
            ways = self._children(tail[-1], sign)
            if rank < len(ways.best):
                heapq.heappush(heap, (-(log + float(ways.best[rank])), next(count), log, product, tail, sign, rank))

        push(0.0, 1.0, (target,), self.sign, 0)
        while heap:
            _, _, log, product, tail, sign, rank = heapq.heappop(heap)
            push(log, product, tail, sign, rank + 1)
            ways = self._children(tail[-1], sign)
            vertex, value = int(ways.vertex[rank]), float(ways.value[rank])
            if vertex < 0:
                yield product * value, tail[::-1]
            else:
                wanted = sign * (1 if value > 0 else -1)
                push(log + float(np.log(abs(value))), product * value, (*tail, vertex), wanted, 0)

    def _children(self, vertex: int, sign: int) -> Children:
        if (vertex, sign) not in self.known:
            self.known[vertex, sign] = self._sorted_children(vertex, sign)
        return self.known[vertex, sign]

    def _sorted_children(self, vertex: int, sign: int) -> Children:
        best = [self._stopping(sign)[vertex : vertex + 1]]
        vertices = [np.array([-1])]
        values = [self.start[vertex : vertex + 1]]
        for pair, logs in self.into.get(int(self.layer_start[vertex]), []):
            row = vertex - pair.target.start
            if not 0 <= row < pair.target.size:
                continue
            sources, value, log = _row(pair.matrix, logs.matrix, row)
            sources = sources + pair.source.start
            if sign == ANY:
                onward = self.best[ANY][sources]
            else:
                onward = np.where(value > 0, self.best[sign][sources], self.best[-sign][sources])
            best.append(log + onward)
            vertices.append(sources)
            values.append(value)
        all_best = np.concatenate(best)
        order = np.argsort(-all_best, kind="stable")
        order = order[all_best[order] > -np.inf]
        return Children(all_best[order], np.concatenate(vertices)[order], np.concatenate(values)[order])


def _log(matrix: Matrix) -> Matrix:
    with np.errstate(divide="ignore"):
        if sp.issparse(matrix):
            return sp.csr_array((np.log(np.abs(matrix.data)), matrix.indices, matrix.indptr), shape=matrix.shape)
        return np.log(np.abs(matrix))


def _row(matrix: Matrix, logs: Matrix, row: int) -> tuple[npt.NDArray[np.int64], Vector, Vector]:
    """Sources, values and logs of the edges into one target."""
    if sp.issparse(matrix):
        at = slice(matrix.indptr[row], matrix.indptr[row + 1])
        return matrix.indices[at].astype(np.int64), matrix.data[at], logs.data[at]
    return np.arange(matrix.shape[1], dtype=np.int64), matrix[row], logs[row]


def _row_max(matrix: Matrix, logs: Matrix, onward: Vector, edge_sign: int) -> Vector:
    """max_i log|w_ji| + onward_i for every target j, over edges of one sign (or of any)."""
    if not sp.issparse(matrix):
        reached = logs + onward
        if edge_sign != ANY:
            reached[np.sign(matrix) != edge_sign] = -np.inf
        return np.asarray(reached.max(axis=1, initial=-np.inf))
    reached = logs.data + onward[matrix.indices]
    if edge_sign != ANY:
        reached[np.sign(matrix.data) != edge_sign] = -np.inf
    result = np.full(matrix.shape[0], -np.inf)
    filled = np.flatnonzero(np.diff(matrix.indptr))
    if len(filled):
        result[filled] = np.maximum.reduceat(reached, matrix.indptr[filled])
    return result
