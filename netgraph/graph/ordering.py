"""Which vertex stands above which inside a layer: by module, then where its strongest edges pull it.

The order depends on the graph alone: stable sorts in float64, no chance. It is what :mod:`netgraph.graph.layout` draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from netgraph.errors import unknown
from netgraph.graph import blocks as ops
from netgraph.graph.convolution import Convolution
from netgraph.graph.sliding import Sliding

if TYPE_CHECKING:
    from netgraph.graph.graph import Block, Graph, Layer

Array = np.ndarray[Any, Any]

ORDERS = ("auto", "index")
"""By module and barycentre, or as the layer numbers them."""
SINGLE_FILE = 40
"""A layer of more vertices is wrapped into rows; a square number of more inputs is taken for a picture."""
MOST_EDGES = 5_000_000
"""Of more (a convolution counts as its kernel) layers keep their own order, but for modules: no edge stands out."""
SPARSE = 3
"""Entries of a dense block that one of a sparse block counts as."""
ENOUGH = 0.995
"""A sweep that leaves edges longer than this part of what they were is the last one."""
_SWEEPS = 6
_DIGITS = 9
"""Places after the point to which two barycentres are told apart: less is rounding, and the index decides."""


class Raster(NamedTuple):
    """A layer as tiles of rows x columns cells: one tile a channel of feature maps, one cell a unit elsewhere."""

    tiles: int
    rows: int
    columns: int

    @property
    def units(self) -> bool:
        """The tiles are single vertices."""
        return self.rows == self.columns == 1


def raster(layer: Layer) -> Raster:
    """The tiles of a layer; their vertices are numbered tile by tile, row by row.

    >>> from netgraph.graph.graph import Layer
    >>> raster(Layer("conv", "conv", "conv", (8, 5, 4), 0, 160, grid=(8, 5, 4)))
    Raster(tiles=8, rows=5, columns=4)
    >>> raster(Layer("", "input", "input", (784,), 0, 784))
    Raster(tiles=1, rows=28, columns=28)
    """
    if len(layer.grid) > 1 and layer.size > max(layer.grid):
        *tiles, rows, columns = layer.grid
        return Raster(math.prod(tiles), rows, columns)
    side = math.isqrt(layer.size)
    if layer.kind == "input" and layer.size > SINGLE_FILE and len(layer.shape) == 1 and side * side == layer.size:
        return Raster(1, side, side)
    return Raster(layer.size, 1, 1)


def slots(graph: Graph, order: str = "auto") -> list[Array]:
    """The place of each tile of each layer in its layer, from 0 (on top), int64.

    Parameters
    ----------
    order : "auto": tiles of one module together (column ``module``; those of none last), inside a module by the
        barycentre of what they read and of what reads them, Σ w⁴·y / Σ w⁴ (the barycentre heuristic of Sugiyama et
        al., 1981, sharpened), a few sweeps to and fro, of which the one with the shortest edges counts. Inputs only by
        module; pictures and outputs as they are numbered. "index": everything as it is numbered.

    Raises
    ------
    GraphError : another ``order``.

    >>> from netgraph.graph.graph import Graph
    >>> swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> [places.tolist() for places in slots(Graph.from_matrices([swap, swap]))]
    [[0, 1], [1, 0], [0, 1]]
    """
    if order not in ORDERS:
        raise unknown("order", order, ORDERS)
    if order == "index":
        return [np.arange(raster(layer).tiles) for layer in graph.layers]
    return _Sweep(graph).run()


class _Sweep:
    """The search for an order of all layers."""

    def __init__(self, graph: Graph) -> None:
        self.layers = graph.layers
        self.rasters = [raster(layer) for layer in graph.layers]
        number = {layer.name: i for i, layer in enumerate(graph.layers)}
        drawn = [(number[b.source], number[b.target], b) for b in graph.blocks if b.kind != "bias"]
        reads, read = {target for _, target, _ in drawn}, {source for source, _, _ in drawn}
        loose = [
            r.tiles > 1 and (r.units or len(layer.grid) == 3)
            for r, layer in zip(self.rasters, graph.layers, strict=True)
        ]
        self.free = [i for i, moves in enumerate(loose) if moves and i in reads and i in read]
        self.modules = self._modules(graph)
        self.slots = [np.arange(r.tiles) for r in self.rasters]
        for i, moves in enumerate(loose):
            if moves and (i in self.free or i not in reads):
                self.slots[i] = _ranks(self.modules[i], np.arange(self.rasters[i].tiles))
        self.y = [self._heights(i) for i in range(len(self.layers))]
        pulls = [Pull.of(s, t, b) for s, t, b in drawn] if self.free and _entries(drawn) <= MOST_EDGES else []
        self.pulls = [pull for pull in pulls if pull is not None]
        self.into: list[list[Pull]] = [[p for p in self.pulls if p.target == i] for i in range(len(self.layers))]
        self.out: list[list[Pull]] = [[p for p in self.pulls if p.source == i] for i in range(len(self.layers))]

    def run(self) -> list[Array]:
        """The slots with the shortest edges among those met."""
        if not self.pulls:
            return self.slots
        best, length = list(self.slots), self._length()
        for sweep in range(_SWEEPS + 1):
            for i in self.free if sweep % 2 == 0 else reversed(self.free):
                self._settle(i, both=sweep > 0)  # at first what follows has no order yet that could mean anything
            now = self._length()
            enough = sweep > 1 and now > ENOUGH * length
            if now < length:
                best, length = list(self.slots), now
            if enough:
                break
        return best

    def _settle(self, i: int, both: bool) -> None:
        """A layer's tiles in the order of their barycentres."""
        tiles = self.rasters[i].tiles
        sides = [_barycentre(((p.gathered(self.y[p.source]), p.into) for p in self.into[i]), tiles)]
        if both:
            sides.append(_barycentre(((p.scattered(self.y[p.target]), p.out) for p in self.out[i]), tiles))
        pulled = np.array(sides)
        known = np.isfinite(pulled)
        wish = np.where(known, pulled, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        own = (self.slots[i] + 0.5) / tiles
        wish = np.where(known.any(axis=0), wish, own)
        self.slots[i] = _ranks(self.modules[i], np.round(wish, _DIGITS))
        self.y[i] = self._heights(i)

    def _heights(self, i: int) -> Array:
        """How far down each vertex stands in its layer, 0 … 1, as if the tiles stood one below the other."""
        tiles, rows, columns = self.rasters[i]
        row = (np.arange(rows) + 0.5) / max(rows, 1)
        down = (self.slots[i][:, None] + row) / max(tiles, 1)
        return np.repeat(down.reshape(-1), columns)

    def _length(self) -> float:
        """Σ w⁴ (y_target - y_source)², every block of one mass."""
        return sum(pull.length(self.y[pull.source], self.y[pull.target]) for pull in self.pulls)

    def _modules(self, graph: Graph) -> list[Array]:
        """The module of each tile, those without one last; zeros where the graph has no modules."""
        none = [np.zeros(r.tiles) for r in self.rasters]
        if "module" not in graph.columns:
            return none
        values = np.asarray(graph.columns["module"])
        if values.dtype.kind not in "biuf":
            _, values = np.unique(values.astype(str), return_inverse=True)
        numbers = values.astype(np.float64)
        numbers[~(numbers >= 0)] = np.inf
        return [
            np.sort(numbers[layer.vertices].reshape(r.tiles, -1), axis=1)[:, r.rows * r.columns // 2]
            if layer.size
            else empty
            for layer, r, empty in zip(self.layers, self.rasters, none, strict=True)
        ]


@dataclass(frozen=True)
class Pull:
    """How strongly a block draws its ends together: w⁴, scaled so that a target is pulled by 1 on average.

    Attributes
    ----------
    source, target : numbers of the layers.
    operator : the powers, float64, between vertices, or between channels of a convolution; ``scale`` times them is the
        pull.
    into, out : (n_target,), (n_source,) what pulls at each end.
    """

    source: int
    target: int
    operator: Any
    scale: float
    into: Array
    out: Array

    @staticmethod
    def of(source: int, target: int, block: Block) -> Pull | None:
        """None where no weight pulls, or where it would have to be unrolled first."""
        operator = _powers(block.weight)
        if operator is None:
            return None
        targets, sources = block.shape
        pull = Pull(source, target, operator, 1.0, np.ones(targets), np.ones(sources))
        into, out = pull.gathered(pull.out), pull.scattered(pull.into)
        mass = float(into.sum())
        if not (np.isfinite(mass) and mass > 0 and np.isfinite(out).all()):
            return None
        scale = targets / mass
        return Pull(source, target, operator, scale, into * scale, out * scale)

    def gathered(self, y: Array) -> Array:
        """Σ_source pull · y, (n_target,)."""
        return _spread(
            ops.matvec(self.operator, _drawn_together(y, self.operator.shape[1])) * self.scale, len(self.into)
        )

    def scattered(self, y: Array) -> Array:
        """Σ_target pull · y, (n_source,)."""
        return _spread(
            ops.rmatvec(self.operator, _drawn_together(y, self.operator.shape[0])) * self.scale, len(self.out)
        )

    def length(self, y_source: Array, y_target: Array) -> float:
        """Σ pull · (y_target - y_source)² over the mass."""
        total = self.into @ y_target**2 + self.out @ y_source**2 - 2 * (y_target @ self.gathered(y_source))
        return float(total) / len(self.into)


def _drawn_together(y: Array, tiles: int) -> Array:
    """The mean of each tile."""
    return y if len(y) == tiles else y.reshape(tiles, -1).mean(axis=1)


def _spread(pull: Array, n: int) -> Array:
    """The pull of each tile as that of its vertices, in equal parts."""
    return pull if len(pull) == n else np.repeat(pull / (n // len(pull)), n // len(pull))


def _channels(weight: Convolution) -> Array | None:
    """Σ |w| ⁴ over the taps between whole channels, by the kernel alone; None where elements were mixed before."""
    pattern, kernel = weight.pattern, weight.kernel
    if weight.data is not None or not isinstance(pattern, Sliding) or pattern.sources.ndim > 1:
        return None
    largest = float(np.abs(kernel.astype(np.float64)).max(initial=0.0))
    if not (0 < largest < np.inf):
        return None
    powers = np.square(np.square(kernel.astype(np.float64) / largest))
    taps = powers.reshape(*kernel.shape[:2], -1) @ pattern.uses
    groups = pattern.geometry.groups
    if pattern.geometry.transposed:  # (inputs, outputs of a group)
        taps = np.concatenate([part.T for part in np.split(taps, groups)])
    made, read = len(pattern.targets) // groups, pattern.width
    between = np.zeros((weight.shape[0] // pattern.here, weight.shape[1] // pattern.there))
    for group in range(groups):
        rows = pattern.targets[group * made : (group + 1) * made]
        columns = pattern.sources[group * read : (group + 1) * read]
        between[np.ix_(rows, columns)] += taps[group * made : (group + 1) * made]
    return between


def _powers(weight: Any) -> Any:
    """(|w| / largest)⁴ in the weight's layout, float64; None where that is not to be had cheaply."""
    if isinstance(weight, Convolution):
        return _channels(weight)
    values = weight.data if sp.issparse(weight) else weight
    powers: Array = np.abs(values.astype(np.float64))
    if not np.isfinite(powers.sum()):
        powers[np.isnan(powers)] = 0.0
        powers[np.isinf(powers)] = np.finfo(np.float64).max
    largest = float(powers.max(initial=0.0))
    if largest == 0:
        return None
    powers /= largest
    np.square(powers, out=powers)
    np.square(powers, out=powers)
    return sp.csr_array((powers, weight.indices, weight.indptr), shape=weight.shape) if sp.issparse(weight) else powers


def _barycentre(sides: Iterable[tuple[Array, Array]], tiles: int) -> Array:
    """Σ pull · y / Σ pull of each tile over several blocks; NaN where nothing pulls."""
    middle, moment, mass = np.full(tiles, np.nan), np.zeros(tiles), np.zeros(tiles)
    for moments, masses in sides:
        moment += moments.reshape(tiles, -1).sum(axis=1)
        mass += masses.reshape(tiles, -1).sum(axis=1)
    np.divide(moment, mass, out=middle, where=mass > 1e-12)
    return middle


def _ranks(module: Array, wish: Array) -> Array:
    """Places 0 … n-1 by module, then by wish, then by index."""
    ranks = np.empty(len(wish), dtype=np.int64)
    ranks[np.lexsort((wish, module))] = np.arange(len(wish))
    return ranks


def _entries(drawn: Sequence[tuple[int, int, Block]]) -> int:
    """Entries that one product with every block touches; those of a list are found more slowly."""
    total = 0
    for _, _, block in drawn:
        if isinstance(block.weight, Convolution):
            total += block.weight.kernel.size
        else:
            total += int(block.weight.size) * (SPARSE if sp.issparse(block.weight) else 1)
    return total
