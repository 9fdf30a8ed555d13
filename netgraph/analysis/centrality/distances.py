"""Distances between vertices, a batch of sources at a time: what betweenness and closeness are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.analysis.centrality.best import NOWHERE, Lengths, Reached, batches, begin, extend
from netgraph.analysis.structure import Vector, edge_values
from netgraph.errors import AnalysisError, unknown
from netgraph.graph import blocks as ops
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]

_BATCH_BYTES = 96 << 20
"""Bytes that the arrays of a batch may hold: about 40 for every vertex and source."""
_PIECE = 1 << 18
_KEPT_BYTES = 64 << 20
"""Up to here the lengths of all edges are held, 8 B an edge."""


@dataclass(frozen=True)
class Distance:
    """A row of the table: how long an edge is.

    Attributes
    ----------
    length : of |w| in float64 -> −length.
    floor : distances below this are compared as if they were it: sums of logs cancel.
    formula : in words.
    """

    length: Callable[[Array], Array]
    floor: float
    formula: str


DISTANCES = {
    "product": Distance(np.log, 1.0, "−log|w|: the best path has the largest product"),
    "reciprocal": Distance(lambda w: -1 / w, 0.0, "1/|w|: the best path has the smallest Σ 1/|w|"),
    "weight": Distance(np.negative, 0.0, "|w| is itself the length, as networkx reads weights"),
    "edges": Distance(lambda w: np.full_like(w, -1.0), 0.0, "1: the best path has the fewest edges"),
}
"""Lengths of edges; ``edges`` is what ``weight=None`` stands for."""


@dataclass(frozen=True)
class Batch:
    """Distances from some sources, in vertex order.

    Attributes
    ----------
    first, last : the sources.
    reached : layer name -> what is known of its vertices (rows) from the sources (columns).
    """

    first: int
    last: int
    reached: dict[str, Reached]


@dataclass(frozen=True)
class Measured:
    """A graph whose edges have lengths."""

    graph: Graph
    pairs: list[Lengths]

    def into(self, name: str) -> list[Lengths]:
        """The pairs that end in a layer."""
        return [pair for pair in self.pairs if pair.target.name == name]

    def distances(self, track: bool) -> Iterator[Batch]:
        """All sources, batch by batch; with runs and ties where they are asked for."""
        per_source = (40 if track else 16) * max(self.graph.n, 1)
        wanted = int(np.clip(_BATCH_BYTES // per_source // 64 * 64, 64, 1024))
        for first, last in batches([layer.size for layer in self.graph.layers], wanted):
            yield self.from_sources(first, last, track)

    def from_sources(self, first: int, last: int, track: bool) -> Batch:
        """Distances from vertices first … last − 1."""
        reached: dict[str, Reached] = {}
        for layer in self.graph.layers:
            if layer.stop <= first:
                continue
            here = reached[layer.name] = Reached.nothing(layer.size, last - first, track)
            for pair in self.into(layer.name):
                source = pair.source
                if source.name not in reached:
                    continue
                own = max(source.start, first), min(source.stop, last)
                before = min(max(source.start - first, 0), last - first)
                extend(pair, reached[source.name].best, here, before, track)
                if own[0] < own[1]:
                    begin(pair, own[0] - source.start, own[1] - source.start, own[0] - first, here)
            for vertex in range(max(layer.start, first), min(layer.stop, last)):
                here.best[vertex - layer.start, vertex - first] = 0.0
        return Batch(first, last, reached)

    def from_one(self, vertex: int) -> Vector:
        """(n,) −distances from a vertex, ``NOWHERE`` where no path leads."""
        best = np.full(self.graph.n, NOWHERE)
        best[vertex] = 0.0
        for pair in self.pairs:  # ordered by target
            if pair.source.stop > vertex and (best[pair.source.vertices] > NOWHERE).any():
                there = best[pair.target.vertices]
                np.maximum(there, pair.forward(best[pair.source.vertices]), out=there)
        return best

    def to_one(self, vertex: int) -> Vector:
        """(n,) −distances to a vertex."""
        best = np.full(self.graph.n, NOWHERE)
        best[vertex] = 0.0
        for pair in sorted(self.pairs, key=lambda pair: -pair.source.start):
            if pair.target.start <= vertex and (best[pair.target.vertices] > NOWHERE).any():
                here = best[pair.source.vertices]
                np.maximum(here, pair.backward(best[pair.target.vertices]), out=here)
        return best


def measured(graph: Graph, weight: str | None, distance: str) -> Measured:
    """The graph's edges with lengths; several blocks of a pair are added up, implicit convolutions listed.

    Raises
    ------
    UnknownName : a distance or edge column that does not exist.
    AnalysisError : a length that is not finite.
    """
    if distance not in DISTANCES:
        raise unknown("distance", distance, [name for name in DISTANCES if name != "edges"])
    row = DISTANCES["edges" if weight is None else distance]
    merged = merged_pairs(graph, weight)
    kept = 8 * sum(int(np.prod(operator.shape)) for operator in merged.values()) <= _KEPT_BYTES
    pairs: list[Lengths] = []
    number = 0
    for (t, s), operator in sorted(merged.items(), key=lambda entry: entry[0]):
        pairs.append(Lengths(graph.layers[s], graph.layers[t], operator, row.length, row.floor, number, kept))
        number += pairs[-1].runs
    if distance == "reciprocal" and weight is not None:
        least, _ = extremes(merged.values())
        if least < 1e-290:
            raise AnalysisError(f"an edge of |weight| {least:.3g} has no finite 1/|weight|; scale the weights up")
    return Measured(graph, pairs)


def merged_pairs(graph: Graph, weight: str | None) -> dict[tuple[int, int], Any]:
    """(target layer, source layer) -> weights, as they are held where a pair has one plain block."""
    order = {layer.name: i for i, layer in enumerate(graph.layers)}
    blocks: dict[tuple[int, int], list[Any]] = {}
    for block in graph.blocks:
        blocks.setdefault((order[block.target], order[block.source]), []).append(block)
    found = {}
    for key, parallel in blocks.items():
        if len(parallel) == 1 and weight in ("weight", "abs_weight", None):
            operator = ops.listed(parallel[0].weight)
            if np.isfinite(ops.row_sums(operator, absolute=True).sum()):
                found[key] = operator
                continue
        matrices = [abs(edge_values(block, weight or "weight")) for block in parallel]
        total: Any = matrices[0]
        for matrix in matrices[1:]:
            both = sp.issparse(total) and sp.issparse(matrix)
            total = sp.csr_array(total + matrix) if both else _full(total) + _full(matrix)
        found[key] = total
    return found


def _full(matrix: Any) -> Array:
    return np.asarray(matrix.toarray() if sp.issparse(matrix) else matrix)


def extremes(operators: Iterable[Any]) -> tuple[float, float]:
    """(least, largest) |w| of all edges, read some rows at a time; (inf, 0) without edges."""
    least, largest = np.inf, 0.0
    for operator in operators:
        data = operator.data.reshape(1, -1) if sp.issparse(operator) else operator
        step = max(1, _PIECE // max(1, data.shape[1]))
        for first in range(0, data.shape[0], step):
            sizes = np.abs(data[first : first + step].astype(np.float64))
            least = min(least, float(np.min(sizes, initial=np.inf, where=sizes > 0)))
            largest = max(largest, float(np.max(sizes, initial=0.0)))
    return least, largest
