"""What units are matched by: each pair of blocks as weights between features, and what they keep in common.

A feature is a unit of a linear layer or a channel of feature maps: what a permutation may move as a whole. Its vertices
(positions) and the taps of a kernel keep their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from netgraph.analysis.compare.pairing import NONE, Pair
from netgraph.analysis.duplicates.features import UNLEARNED, features_of, taps_of
from netgraph.graph import blocks as ops
from netgraph.graph.convolution import Convolution
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.graph.sliding import Sliding

Array = np.ndarray[Any, Any]
Numbers = npt.NDArray[np.int64]
Matrix = Any
"""float64, an array or a ``csr_array``."""


@dataclass(frozen=True)
class Side:
    """One graph's weights between the features of two layers: (targets · places, sources · places), features first."""

    matrix: Matrix
    targets: int
    sources: int
    to_places: int
    since_places: int

    @property
    def norm(self) -> float:
        data = self.matrix.data if sp.issparse(self.matrix) else self.matrix
        return float(np.linalg.norm(data))

    def by_target(self, order: Numbers | None = None) -> Matrix:
        """(targets, entries); ``order``: which source stands at each place (-1: none)."""
        return _flat(self._ordered(self.matrix, order, self.sources, self.since_places), self.targets)

    def by_source(self, order: Numbers | None = None) -> Matrix:
        """(sources, entries); ``order``: which target stands at each place."""
        matrix = sp.csr_array(self.matrix.T) if sp.issparse(self.matrix) else self.matrix.T
        return _flat(self._ordered(matrix, order, self.targets, self.to_places), self.sources)

    def _ordered(self, matrix: Matrix, order: Numbers | None, count: int, places: int) -> Matrix:
        """With its columns' features in another order."""
        if order is None or (len(order) == count and (order == np.arange(count)).all()):
            return matrix
        if sp.issparse(matrix):
            columns = np.where(order == NONE, NONE, order)[:, None] * places + np.arange(places)
            known = np.repeat(order != NONE, places)
            chosen = sp.csr_array(
                (np.ones(known.sum()), (columns.ravel()[known], np.flatnonzero(known))),
                shape=(count * places, len(order) * places),
            )
            return sp.csr_array(matrix @ chosen)
        out = matrix.reshape(matrix.shape[0], count, places)[:, order]
        if (order == NONE).any():
            out[:, order == NONE] = 0.0
        return out.reshape(matrix.shape[0], -1)

    @property
    def diagonal(self) -> bool:
        """Whether every weight is between features of the same number."""
        if self.targets != self.sources:
            return False
        if sp.issparse(self.matrix):
            entries = sp.coo_array(self.matrix)
            kept = entries.data != 0
            return bool((entries.row[kept] // self.to_places == entries.col[kept] // self.since_places).all())
        whole = self.matrix.reshape(self.targets, self.to_places, self.sources, self.since_places)
        return not whole.any(axis=(1, 3))[~np.eye(self.targets, dtype=bool)].any()

    @property
    def reached(self) -> bool:
        """Whether every target feature has a weight."""
        return bool((ops.row_sums(sp.csr_array(self.matrix), absolute=True) > 0).all())


@dataclass(frozen=True)
class Sheet:
    """The same block of both graphs; ``scale`` brings all sheets to the same size."""

    source: str
    target: str
    one: Side
    two: Side
    learned: bool

    @cached_property
    def scale(self) -> float:
        sizes = self.one.norm * self.two.norm
        return 1 / sizes if sizes > 0 else 0.0

    @cached_property
    def ties(self) -> bool:
        """Whether both layers must be permuted alike: every unit has an edge to its own counterpart, and no other."""
        sides = (self.one, self.two)
        return all(side.diagonal for side in sides) and (not self.learned or all(side.reached for side in sides))


def features(graph: Graph, layer: Layer) -> Numbers:
    """(size,) the feature of each vertex of a layer."""
    into = [b for b in graph.blocks if b.target == layer.name]
    out_of = [b for b in graph.blocks if b.source == layer.name]
    convolved = any(isinstance(b.weight, Convolution) for b in [*into, *out_of])
    if not convolved and len(layer.grid) > 1:
        return np.arange(layer.size) // max(layer.size // max(layer.grid[0], 1), 1)
    return features_of(layer, into, out_of)


def sheet(pair: Pair, of: tuple[dict[str, Numbers], dict[str, Numbers]]) -> Sheet | None:
    """A pair of blocks for the matching; None where the two have nothing that could be compared.

    ``of``: for each graph, layer name -> feature of each vertex.
    """
    if pair.first is None or pair.second is None:
        return None
    one, two = _side(pair.first, of[0]), _side(pair.second, of[1])
    if one is None or two is None or (one.to_places, one.since_places) != (two.to_places, two.since_places):
        return None
    return Sheet(pair.source, pair.target, one, two, pair.kind not in UNLEARNED)


def _side(block: Block, of: dict[str, Numbers]) -> Side | None:
    weight, to, since = block.weight, of[block.target], of[block.source]
    targets, sources = (int(x.max()) + 1 if len(x) else 0 for x in (to, since))
    if not targets or not sources or len(to) % targets or len(since) % sources:
        return None
    if _one_kernel(weight):
        taps = _whole(taps_of(weight), weight, to, since, targets, sources)
        return Side(taps.reshape(targets, -1), targets, sources, 1, taps.shape[2])
    operators = [weight] + ([block.values["tap_sum"]] if "tap_sum" in block.values else [])
    parts = []
    for operator in operators:
        matrix = ops.listed(operator)
        rows, columns = _order(to), _order(since)
        if rows is not None or columns is not None:
            matrix = matrix[np.arange(len(to)) if rows is None else rows]
            matrix = matrix if columns is None else matrix[:, columns]
        parts.append(matrix.astype(np.float64))
    if len(parts) == 1:
        return Side(parts[0], targets, sources, len(to) // targets, len(since) // sources)
    if sp.issparse(parts[0]):  # one column for |taps|, one for their sum, side by side for each source
        width = len(since)
        spread = [
            sp.csr_array((np.ones(width), (np.arange(width), 2 * np.arange(width) + i)), shape=(width, 2 * width))
            for i in range(2)
        ]
        both: Matrix = sp.csr_array(parts[0] @ spread[0] + parts[1] @ spread[1])
    else:
        both = np.stack(parts, axis=-1).reshape(len(to), -1)
    return Side(both, targets, sources, len(to) // targets, 2 * len(since) // sources)


def _one_kernel(weight: Any) -> bool:
    """Whether the edges are a sliding kernel's taps, with a scale for each channel at most."""
    return (
        isinstance(weight, Convolution)
        and isinstance(weight.pattern, Sliding)
        and weight.data is None
        and weight.terms == 1
    )


def _order(of: Numbers) -> Numbers | None:
    """The vertices feature by feature; None where they stand so."""
    return None if (np.diff(of) >= 0).all() else np.argsort(of, kind="stable")


def _whole(taps: Array, weight: Convolution, to: Numbers, since: Numbers, targets: int, sources: int) -> Array:
    """(targets, sources, taps) of a kernel that may read or make some channels of a layer only."""
    pattern = weight.pattern
    assert isinstance(pattern, Sliding)
    out = np.zeros((targets, sources, taps.shape[2]))
    rows = to[np.asarray(pattern.targets).reshape(-1) * pattern.here]
    out[np.ix_(rows, since[pattern.vertices()[:, 0]])] = taps
    return out


def _flat(matrix: Matrix, count: int) -> Matrix:
    shape = (count, matrix.shape[0] * matrix.shape[1] // max(count, 1))
    return sp.csr_array(matrix.reshape(shape)) if sp.issparse(matrix) else matrix.reshape(shape)
