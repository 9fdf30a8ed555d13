"""Betweenness by numbers of edges: breadth first from many sources at once, a matrix product a step.

A block whose entries are all edges needs no product: every target gathers the same sum. That is why this betweenness
is the same for all vertices of a layer between dense blocks, and says something on pruned graphs only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.analysis.centrality.best import batches
from netgraph.analysis.centrality.distances import merged_pairs
from netgraph.analysis.structure import Vector
from netgraph.graph.graph import Graph, Layer

Array = np.ndarray[Any, Any]

_BATCH_BYTES = 96 << 20
_RANGE = 1e30
"""Numbers of paths up to which shares stay inside float32's range."""
_SINGLE_ABOVE = 1 << 18
"""Entries of dense blocks above which products are in float32."""
_SLAB = 1 << 20
"""Entries of a pattern that are held as numbers at a time."""


@dataclass(frozen=True)
class Pattern:
    """Where a pair of layers has edges.

    Attributes
    ----------
    source, target : the layers.
    edges : (n_target, n_source): truths, a ``csr_array``, or None where all entries are edges.
    """

    source: Layer
    target: Layer
    edges: Any

    def out_of(self, sources: Array) -> Any:
        """The columns of chosen sources, (n_target, sources), or 1 where all are edges."""
        if self.edges is None:
            return 1
        chosen = self.edges[:, sources]
        return chosen.toarray() if sp.issparse(chosen) else chosen

    def gather(self, x: Array) -> Array:
        """Σ over sources, (n_target, columns) of (n_source, columns)."""
        if self.edges is None:
            return np.broadcast_to(x.sum(axis=0, dtype=np.float64).astype(x.dtype), (self.target.size, x.shape[1]))
        if sp.issparse(self.edges):
            return np.asarray(self.edges @ x.astype(np.float64), dtype=x.dtype)
        out = np.empty((self.target.size, x.shape[1]), dtype=x.dtype)
        for first, last in self._slabs():
            out[first:last] = self.edges[first:last].astype(x.dtype) @ x
        return out

    def scatter(self, y: Array) -> Array:
        """Σ over targets, (n_source, columns) of (n_target, columns)."""
        if self.edges is None:
            return np.broadcast_to(y.sum(axis=0, dtype=np.float64).astype(y.dtype), (self.source.size, y.shape[1]))
        if sp.issparse(self.edges):
            return np.asarray(self.edges.T @ y.astype(np.float64), dtype=y.dtype)
        out = np.zeros((self.source.size, y.shape[1]), dtype=y.dtype)
        for first, last in self._slabs():
            out += self.edges[first:last].astype(y.dtype).T @ y[first:last]
        return out

    def _slabs(self) -> list[tuple[int, int]]:
        step = max(1, _SLAB // max(1, self.source.size))
        return [(first, min(first + step, self.target.size)) for first in range(0, self.target.size, step)]


def fewest_edges(graph: Graph) -> Vector:
    """Σ over pairs of other vertices of the share of paths with fewest edges that lead through a vertex.

    Large dense blocks are multiplied in float32: results are then good to about 1e-6, relatively, else to 1e-14.
    """
    patterns = [
        Pattern(graph.layers[s], graph.layers[t], _edges(operator))
        for (t, s), operator in sorted(merged_pairs(graph, None).items(), key=lambda entry: entry[0])
    ]
    dtype = np.float32 if _large(patterns) and _most_paths(graph, patterns) < _RANGE else np.float64
    total = np.zeros(graph.n)
    wanted = int(np.clip(_BATCH_BYTES // (20 * max(graph.n, 1)) // 64 * 64, 64, 1024))
    for first, last in batches([layer.size for layer in graph.layers], wanted):
        total += _Batch(graph, patterns, first, last, dtype).dependencies()
    return total


def _edges(operator: Any) -> Any:
    """Where the edges are, as :class:`Pattern` holds it."""
    if sp.issparse(operator):
        ones = (operator.data != 0).astype(np.float32)
        return sp.csr_array((ones, operator.indices, operator.indptr), shape=operator.shape)
    edges = operator != 0
    return None if edges.all() else edges


def _large(patterns: list[Pattern]) -> bool:
    return sum(p.source.size * p.target.size for p in patterns if not sp.issparse(p.edges)) > _SINGLE_ABOVE


def _most_paths(graph: Graph, patterns: list[Pattern]) -> float:
    """More than there are paths between any two vertices: into each, from where most of them come."""
    most = np.ones(graph.n)
    for pattern in patterns:
        source = most[pattern.source.vertices]
        if pattern.edges is None:
            into = np.full(pattern.target.size, source.sum())
        else:
            into = np.asarray(pattern.edges @ source)
        most[pattern.target.vertices] = np.maximum(most[pattern.target.vertices], 0) + into
    return float(most.max(initial=0.0))


class _Batch:
    """Numbers of paths with fewest edges from some sources (columns), and what depends on each vertex."""

    def __init__(self, graph: Graph, patterns: list[Pattern], first: int, last: int, dtype: Any) -> None:
        self.layers = [layer for layer in graph.layers if layer.stop > first]
        self.patterns = [p for p in patterns if p.source.stop > first]
        self.first, self.last, self.dtype, self.n = first, last, dtype, graph.n
        wide = last - first
        self.counts = {layer.name: np.zeros((layer.size, wide), dtype=dtype) for layer in self.layers}
        self.steps = {layer.name: np.full((layer.size, wide), -1, dtype=np.int16) for layer in self.layers}
        self.through = {layer.name: np.zeros((layer.size, wide), dtype=dtype) for layer in self.layers}
        self.last_step = {layer.name: -1 for layer in self.layers}
        for layer in self.layers:
            rows, columns = self._own(layer)
            self.steps[layer.name][rows, columns] = 0
            self.counts[layer.name][rows, columns] = 1
            self.last_step[layer.name] = 0 if len(rows) else -1

    def _own(self, layer: Layer) -> tuple[Array, Array]:
        """(rows, columns) of a layer's vertices that are sources themselves."""
        vertices = np.arange(max(layer.start, self.first), min(layer.stop, self.last))
        return vertices - layer.start, vertices - self.first

    def dependencies(self) -> Vector:
        """Brandes' sums of every vertex over these sources."""
        fronts = self._forward()
        for step in range(len(fronts) - 1, 0, -1):  # back to the sources themselves nothing is needed
            for pattern in fronts[step]:
                self._back(pattern, step)
        total = np.zeros(self.n)
        for layer in self.layers:
            total[layer.vertices] = self.through[layer.name].sum(axis=1, dtype=np.float64)
        return total

    def _forward(self) -> list[list[Pattern]]:
        """Step by step; the pairs of layers that each step used."""
        fronts: list[list[Pattern]] = []
        while True:
            step = len(fronts)
            used = [p for p in self.patterns if self.last_step[p.source.name] >= step and self._front(p, step).any()]
            if not used:
                return fronts
            fronts.append(used)
            gathered: dict[str, Array] = {}
            for pattern in used:
                name, arrived = pattern.target.name, self._arriving(pattern, step)
                gathered[name] = gathered[name] + arrived if name in gathered else arrived
            for name, arrived in gathered.items():
                new = (arrived > 0) & (self.steps[name] < 0)
                np.copyto(self.steps[name], step + 1, where=new)
                np.copyto(self.counts[name], arrived, where=new)
                self.last_step[name] = step + 1

    def _front(self, pattern: Pattern, step: int) -> Array:
        return np.equal(self.steps[pattern.source.name], step)

    def _arriving(self, pattern: Pattern, step: int) -> Array:
        if step == 0:
            rows, columns = self._own(pattern.source)
            arrived = np.zeros((pattern.target.size, self.last - self.first), dtype=self.dtype)
            arrived[:, columns] = pattern.out_of(rows)
            return arrived
        front, counts = self._front(pattern, step), self.counts[pattern.source.name]
        return pattern.gather(counts if (front | (counts == 0)).all() else np.where(front, counts, self.dtype(0)))

    def _back(self, pattern: Pattern, step: int) -> None:
        onward = self.steps[pattern.target.name] == step + 1
        counts, through = self.counts[pattern.target.name], self.through[pattern.target.name]
        share = (1 + through) / np.maximum(counts, self.dtype(1))
        share *= onward  # there are paths there, so counts are 1 at least
        back = pattern.scatter(share) * self.counts[pattern.source.name]
        self.through[pattern.source.name] += back * self._front(pattern, step)
