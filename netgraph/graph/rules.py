"""The rules that choose edges. Each is made in passes over the edges and is then a few numbers.

A tile's edge lies between vertices ``starts[block][0] + tile.source`` and ``starts[block][1] + tile.target``. Where
edges are equally strong, the earlier one is preferred: of the earlier block, then target, then source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from netgraph.graph.blocks import Tile

Array = np.ndarray[Any, Any]
Tiles = Callable[[], Iterator[tuple[int, Tile, Array]]]
"""Gives (number of the block, tile, |weight|) of all edges, anew each time; all strengths of one dtype of floats."""
Starts = tuple[tuple[int, int], ...]
"""Per block, the first vertex of its source and of its target."""

_LAST = np.iinfo(np.int64).max
_DIGIT = 16
"""Bits that one pass over the edges finds of a strength."""


class Rule(Protocol):
    """One way to choose edges."""

    def mask(self, number: int, tile: Tile, strength: Array) -> Array:
        """Which edges of a tile of block ``number`` stay, where |weight| is ``strength``."""
        ...


@dataclass(frozen=True)
class Threshold:
    """Edges of at least some strength."""

    least: float

    def mask(self, number: int, tile: Tile, strength: Array) -> Array:
        """See :class:`Rule`."""
        return strength >= self.least


# -- the strongest of all ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Top:
    """The strongest edges: those above a level, and of those at the level the first, up to one of them."""

    level: float
    last: tuple[int, int, int]

    def mask(self, number: int, tile: Tile, strength: Array) -> Array:
        """See :class:`Rule`."""
        kept: Array = strength > self.level
        block, target, source = self.last
        if number <= block:
            equal = strength == self.level
            if number == block:
                equal &= (tile.target < target) | ((tile.target == target) & (tile.source <= source))
            kept |= equal
        return kept


def top(tiles: Tiles, count: int) -> Top:
    """The ``count`` strongest edges: their least strength digit by digit, from the first 16 bits to the last.

    The bits of floats from 0 up, read as whole numbers, have the floats' own order.
    """
    level, left, equal, width, kind = 0, count, 0, 0, np.dtype(np.float32)
    shift = None
    while shift is None or shift > 0:
        counts = np.zeros(1 << _DIGIT, dtype=np.int64)
        for _, _, strength in tiles():
            if shift is None:
                kind, width = strength.dtype, 8 * strength.dtype.itemsize
                shift = width
            bits = strength.view(f"u{width // 8}")
            if shift < width:
                bits = bits[(bits >> bits.dtype.type(shift)) == level]
            digit = (bits >> bits.dtype.type(shift - _DIGIT)) & bits.dtype.type((1 << _DIGIT) - 1)
            counts += np.bincount(digit, minlength=1 << _DIGIT)
        if counts.sum() < left or shift is None:
            return Top(-1.0, (-1, 0, 0))  # there are no more than that
        from_above = np.cumsum(counts[::-1])
        digit_from_above = int(np.searchsorted(from_above, left))
        equal = int(counts[::-1][digit_from_above])
        left -= int(from_above[digit_from_above]) - equal
        shift -= _DIGIT
        level = (level << _DIGIT) | ((1 << _DIGIT) - 1 - digit_from_above)
    least = float(np.array([level], dtype=f"u{width // 8}").view(kind)[0])
    return Top(least, (_LAST, 0, 0) if left == equal else _last_equal(tiles, least, left))


def _last_equal(tiles: Tiles, level: float, left: int) -> tuple[int, int, int]:
    """The ``left``-th edge at the level."""
    for number, tile, strength in tiles():
        equal = np.flatnonzero(strength == level)
        if len(equal) >= left:
            target, source = tile.target[equal], tile.source[equal]
            at = np.lexsort((source, target))[left - 1]
            return number, int(target[at]), int(source[at])
        left -= len(equal)
    raise AssertionError("fewer edges at the level than were counted")


# -- the strongest of every vertex ---------------------------------------------------------------------


@dataclass(frozen=True)
class End:
    """The strongest edges at one end (0: those that leave a vertex, 1: those that enter it), as arrays over vertices.

    Those above a vertex's level, and of those at the level the first, up to the one of ``block`` whose other end is
    ``other``.
    """

    end: int
    starts: Starts
    level: Array
    block: Array
    other: Array

    def mask(self, number: int, tile: Tile, strength: Array) -> Array:
        """See :class:`Rule`."""
        vertex, other = _ends(tile, self.starts[number], self.end)
        level, block = self.level[vertex], self.block[vertex]
        first = (number < block) | ((number == block) & (other <= self.other[vertex]))
        kept: Array = (strength > level) | ((strength == level) & first)
        return kept


@dataclass(frozen=True)
class PerVertex:
    """The strongest edges that leave each vertex, and those that enter it: an edge stays for the sake of either end."""

    leaving: End
    entering: End

    def mask(self, number: int, tile: Tile, strength: Array) -> Array:
        """See :class:`Rule`."""
        return self.leaving.mask(number, tile, strength) | self.entering.mask(number, tile, strength)


def per_vertex(tiles: Tiles, n: int, starts: Starts, count: int) -> PerVertex:
    """The ``count`` strongest edges of each vertex in either direction."""
    leaving, entering = (_strongest(tiles, n, starts, count, end) for end in (0, 1))
    return PerVertex(leaving, entering)


def _strongest(tiles: Tiles, n: int, starts: Starts, count: int, end: int) -> End:
    best: Array | None = None  # (n, count) the strengths so far, increasing; -1: none yet
    for number, tile, strength in tiles():
        if best is None:
            best = np.full((n, count), -1, dtype=strength.dtype)
        vertex, _ = _ends(tile, starts[number], end)
        better = _candidates(vertex, strength, best[:, 0], count)
        _merge(best, vertex[better], strength[better])
    best = np.full((n, count), -1.0) if best is None else best
    level = best[:, 0]
    left = count - np.count_nonzero(best > level[:, None], axis=1)  # of those at the level
    block, other, seen = np.full(n, -1), np.full(n, -1), np.zeros(n, dtype=np.int64)
    for number, tile, strength in tiles():
        vertex, far = _ends(tile, starts[number], end)
        equal = np.flatnonzero(strength == level[vertex])
        vertex, far = vertex[equal], far[equal]
        order = np.lexsort((far, vertex))
        vertex, far = vertex[order], far[order]
        rank = seen[vertex] + _rank(vertex) + 1
        here = rank == left[vertex]
        block[vertex[here]], other[vertex[here]] = number, far[here]
        np.add.at(seen, vertex, 1)
    return End(end, starts, level.copy(), block, other)


def _candidates(vertex: Array, strength: Array, least: Array, count: int) -> Array:
    """Where edges lie that may be among the best of their vertices."""
    length = int(np.searchsorted(vertex, vertex[0], side="right")) if len(vertex) else 0
    if length > count and len(vertex) % length == 0 and (vertex[::length] == vertex.reshape(-1, length).T).all():
        rows = strength.reshape(-1, length)  # whole rows of equal length: no need to sort them
        enough = np.partition(rows, length - count, axis=1)[:, length - count]
        return np.flatnonzero((rows >= enough[:, None]).reshape(-1) & (strength > least[vertex]))
    return np.flatnonzero(strength > least[vertex])


def _merge(best: Array, vertex: Array, strength: Array) -> None:
    """Put some edges among the best of their vertices."""
    if not len(vertex):
        return
    count = best.shape[1]
    order = np.lexsort((-strength, vertex))
    vertex, strength = vertex[order], strength[order]
    rank = _rank(vertex)
    few = rank < count
    touched, row = np.unique(vertex[few], return_inverse=True)
    new = np.full((len(touched), count), -1, dtype=best.dtype)
    new[row, rank[few]] = strength[few]
    both = np.concatenate([best[touched], new], axis=1)
    best[touched] = np.sort(both, axis=1)[:, count:]


def _rank(sorted_groups: Array) -> Array:
    """The place of each entry in its run of equal entries: 0, 1, 2 …"""
    at = np.arange(len(sorted_groups))
    begins = np.flatnonzero(np.diff(sorted_groups, prepend=-1))
    return at - np.repeat(begins, np.diff(begins, append=len(at)))


def _ends(tile: Tile, starts: tuple[int, int], end: int) -> tuple[Array, Array]:
    """(number of the vertex at an end of each edge, the other end inside its layer)."""
    near, far = (tile.source, tile.target) if end == 0 else (tile.target, tile.source)
    return near + starts[end], far


# -- the backbone --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Backbone:
    """Edges that are more than chance would give one of their ends.

    An end of degree k and strength s finds an edge of strength w by chance with probability (1 - w/s)^(k-1); where
    that is below ``alpha`` the edge stays. ``degree`` and ``strength`` are (2, n): of what leaves, of what enters.
    """

    alpha: float
    starts: Starts
    degree: Array
    strength: Array

    def mask(self, number: int, tile: Tile, strength: Array) -> Array:
        """See :class:`Rule`."""
        kept = np.zeros(len(tile), dtype=bool)
        for end in (0, 1):
            vertex, _ = _ends(tile, self.starts[number], end)
            whole = np.maximum(self.strength[end][vertex], np.finfo(np.float64).tiny)
            rest = np.maximum(1.0 - strength / whole, 0.0)
            kept |= rest ** (self.degree[end][vertex] - 1) < self.alpha
        return kept


def backbone(tiles: Tiles, n: int, starts: Starts, alpha: float) -> Backbone:
    """The disparity filter (Serrano, Boguñá & Vespignani 2009), for each direction by itself."""
    degree, total = np.zeros((2, n), dtype=np.int64), np.zeros((2, n))
    for number, tile, strength in tiles():
        for end in (0, 1):
            vertex, _ = _ends(tile, starts[number], end)
            if len(vertex):
                first = int(vertex.min())
                here = slice(first, int(vertex.max()) + 1)
                degree[end, here] += np.bincount(vertex - first)
                total[end, here] += np.bincount(vertex - first, strength)
    return Backbone(alpha, starts, degree, total)
