"""In which order edges join a circuit: by their score, or growing from the output."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from netgraph.analysis.kernels import compiled
from netgraph.graph.flat import FlatEdges

Array = np.ndarray[Any, Any]

CANCELLED = 1e-6
"""An edge counts at least so much of its mean absolute value, where its shares cancel over the inputs."""


def sizes(edges: FlatEdges, score: Array, absolute: Array | None) -> Array:
    """(size,) what edges are ranked by: |signed mean|, and at least a millionth of the mean absolute value.

    An edge whose shares cancel over the inputs still comes before one that does nothing at all.
    """
    key = np.abs(score.astype(np.float64))
    if absolute is not None:
        key = np.maximum(key, CANCELLED * np.abs(absolute.astype(np.float64)))
    return np.where(edges.real, key, 0.0)


def by_size(edges: FlatEdges, key: Array) -> Array:
    """Numbers of the edges that score, largest first, ties in their order."""
    order = np.argsort(-key, kind="stable")
    return order[: int(np.count_nonzero(key))]


def from_output(edges: FlatEdges, key: Array, ends: Array) -> Array:
    """The same edges as they join a circuit that grows from the vertices ``ends``: always the largest that enters it.

    M. Hanna et al. (2024), Have faith in faithfulness: the greedy search. Edges that lead to no end never join.
    """
    order = np.lexsort((np.arange(edges.size), -key, edges.target))
    order = order[key[order] > 0].astype(np.int64)
    target, source = edges.target[order], edges.source[order]
    first = np.searchsorted(target, np.arange(edges.graph.n + 1)).astype(np.int64)
    joined: Array = _grow(key[order], source.astype(np.int64), first, np.asarray(ends, dtype=np.int64))
    return order[joined]


@compiled()
def _grow(key: Array, source: Array, first: Array, ends: Array) -> Array:
    """Positions in the order in which they join; edges of a target lie from first[v] on, largest first."""
    out = np.empty(len(key), dtype=np.int64)
    seen = np.zeros(len(first) - 1, dtype=np.bool_)
    following = np.empty(len(key), dtype=np.int64)  # the target's next edge, or -1
    for u in range(len(first) - 1):
        for p in range(first[u], first[u + 1]):
            following[p] = p + 1 if p + 1 < first[u + 1] else -1
    heap = [(0.0, np.int64(-1))]
    heap.pop()
    for i in range(len(ends)):
        v = ends[i]
        if not seen[v]:
            seen[v] = True
            if first[v] < first[v + 1]:
                heapq.heappush(heap, (-key[first[v]], first[v]))
    count = 0
    while len(heap) > 0:
        _, top = heapq.heappop(heap)
        out[count] = top
        count += 1
        after = following[top]
        if after >= 0:
            heapq.heappush(heap, (-key[after], after))
        v = source[top]
        if not seen[v]:
            seen[v] = True
            if first[v] < first[v + 1]:
                heapq.heappush(heap, (-key[first[v]], first[v]))
    return out[:count]
