"""How two blocks differ, piece by piece: what either has, in the first's order of vertices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from netgraph.analysis.compare.pairing import Meeting, Pair
from netgraph.errors import AnalysisError
from netgraph.graph import blocks as ops
from netgraph.graph.graph import Block

Array = np.ndarray[Any, Any]
_PIECE = 1 << 20
"""Entries that are looked at together."""
ROUNDINGS = 8
"""Roundings of a block's mean |value| that are no difference: sums of terms that cancel are no more exact."""


@dataclass(frozen=True)
class Piece:
    """Some edges that either block has, each an array with one entry per edge.

    Attributes
    ----------
    target, source : vertices, counted inside the two meetings.
    one, two : the values, 0 where there is no such edge.
    here, there : whether the first, the second has the edge.
    """

    target: Array
    source: Array
    one: Array
    two: Array
    here: Array
    there: Array


@dataclass(frozen=True)
class Sums:
    """What one pass over a pair of blocks counts and adds up; per vertex (target, source) where it says so.

    Attributes
    ----------
    edges, others : edges of the first and the second block.
    added, removed, changed : edges that only the second has, only the first, both with other values.
    squares : Σ one², Σ two², Σ (two − one)², Σ one·two.
    strengths : Σ|one| and Σ|two| by target and by source: ((targets, sources), (targets, sources)).
    changes : Σ|two − one| over the edges that differ, by target and by source.
    """

    edges: int
    others: int
    added: int
    removed: int
    changed: int
    squares: tuple[float, float, float, float]
    strengths: tuple[tuple[Array, Array], tuple[Array, Array]]
    changes: tuple[Array, Array]
    largest: float

    @property
    def shared(self) -> int:
        return self.edges - self.removed


@dataclass(frozen=True)
class Different:
    """When two values count as different: above ``relative`` of the larger, and above ``floor``."""

    relative: float
    floor: float = 0.0

    def edges(self, piece: Piece) -> Array:
        """Which edges of a piece differ: those that only one has, too."""
        gap = np.abs(piece.two - piece.one)
        size = np.maximum(np.abs(piece.one), np.abs(piece.two))
        differs: Array = (gap > self.relative * size) & (gap > self.floor)
        differs |= piece.here != piece.there
        return differs


def rule(pair: Pair, column: str, tolerance: float) -> Different:
    """The rule for one pair: what lies below the rounding of the blocks' own numbers is no difference."""
    size, rounding = 0.0, 0.0
    for block in (pair.first, pair.second):
        if block is not None and block.edges:
            operator = block.operator(column)
            size = max(size, float(ops.row_sums(operator, absolute=True).sum()) / block.edges)
            rounding = max(rounding, float(np.finfo(operator.dtype).eps) if operator.dtype.kind == "f" else 0.0)
    return Different(tolerance, min(tolerance, ROUNDINGS * rounding) * size)


def add_up(pair: Pair, meetings: Mapping[str, Meeting], column: str, tolerance: float) -> Sums:
    """One pass over a pair of blocks."""
    sizes = meetings[pair.target].size, meetings[pair.source].size
    different = rule(pair, column, tolerance)
    counts, squares, largest = np.zeros(5, dtype=np.int64), np.zeros(4), 0.0
    strengths = tuple(tuple(np.zeros(size) for size in sizes) for _ in range(2))
    changes = tuple(np.zeros(size) for size in sizes)
    for piece in pieces(pair, meetings, column):
        gap = piece.two - piece.one
        differs = different.edges(piece)
        both = piece.here & piece.there
        counts += [
            np.count_nonzero(piece.here),
            np.count_nonzero(piece.there),
            np.count_nonzero(~piece.here),
            np.count_nonzero(~piece.there),
            np.count_nonzero(both & differs),
        ]
        squares += [piece.one @ piece.one, piece.two @ piece.two, gap @ gap, piece.one @ piece.two]
        gap = np.where(differs, np.abs(gap), 0.0)
        largest = max(largest, float(gap.max(initial=0.0)))
        for axis, places in enumerate((piece.target, piece.source)):
            for values, into in ((gap, changes), (np.abs(piece.one), strengths[0]), (np.abs(piece.two), strengths[1])):
                into[axis][:] += np.bincount(places, values, sizes[axis])
    edges, others, added, removed, changed = counts.tolist()
    first, second, apart, dot = squares.tolist()
    return Sums(
        edges,
        others,
        added,
        removed,
        changed,
        (first, second, apart, dot),
        ((strengths[0][0], strengths[0][1]), (strengths[1][0], strengths[1][1])),
        (changes[0], changes[1]),
        largest,
    )


def pieces(pair: Pair, meetings: Mapping[str, Meeting], column: str) -> Iterator[Piece]:
    """The edges that either block has; those of one piece at a time are held."""
    to, since = meetings[pair.target], meetings[pair.source]
    first, second = pair.first, pair.second
    if first is not None and second is not None and to.whole and since.whole:
        held = [first.weight, first.operator(column), second.weight, second.operator(column)]
        if all(isinstance(operator, np.ndarray) for operator in held):
            yield from _dense(pair, held, to, since, column)
            return
    yield from _listed(pair, to, since, column)


def _dense(pair: Pair, held: list[Array], to: Meeting, since: Meeting, column: str) -> Iterator[Piece]:
    rows, width = held[0].shape
    step = max(1, _PIECE // max(width, 1))
    unmoved = to.unmoved and since.unmoved
    for begin in range(0, rows, step):
        end = min(begin + step, rows)
        weights, one = held[0][begin:end], held[1][begin:end]
        if unmoved:
            others, two = held[2][begin:end], held[3][begin:end]
        else:
            taken = np.ix_(to.to[begin:end], since.to)
            others = held[2][taken]
            two = others if held[3] is held[2] else held[3][taken]
        here, there = (weights != 0).ravel(), (others != 0).ravel()
        target = np.repeat(np.arange(begin, end), width)
        source = np.tile(np.arange(width), end - begin)
        a, b = (values.astype(np.float64).ravel() for values in (one, two))
        either = here | there
        if not either.all():
            target, source, a, b, here, there = (x[either] for x in (target, source, a, b, here, there))
        yield _checked(Piece(target, source, np.where(here, a, 0), np.where(there, b, 0), here, there), pair, column)


def _listed(pair: Pair, to: Meeting, since: Meeting, column: str) -> Iterator[Piece]:
    width = since.size
    sides = []
    for block, rows, columns in ((pair.first, None, None), (pair.second, to.here, since.here)):
        target, source, values = (
            (np.zeros(0, np.int64),) * 2 + (np.zeros(0),) if block is None else _edges(block, column)
        )
        if rows is not None and columns is not None:
            target, source = rows[target], columns[source]
        key = target.astype(np.int64) * width + source
        if len(key) and (key[1:] <= key[:-1]).any():
            order = np.argsort(key, kind="stable")
            key, values = key[order], values[order]
        sides.append((key, values))
    (first, one), (second, two) = sides
    alike = np.array_equal(first, second)  # the same edges: their values stand side by side already
    keys = first if alike else _united(first, second)
    for begin in range(0, len(keys), _PIECE):
        some = keys[begin : begin + _PIECE]
        if alike:
            a, b = one[begin : begin + _PIECE], two[begin : begin + _PIECE]
            here = there = np.ones(len(some), dtype=bool)
        else:
            (a, here), (b, there) = _found(some, first, one), _found(some, second, two)
        target, source = np.divmod(some, max(width, 1))
        yield _checked(Piece(target, source, a, b, here, there), pair, column)


def _united(first: Array, second: Array) -> Array:
    """The sorted union of two sorted runs: a merge, which a stable sort of both is."""
    both = np.sort(np.concatenate([first, second]), kind="stable")
    fresh = np.ones(len(both), dtype=bool)
    np.not_equal(both[1:], both[:-1], out=fresh[1:])
    return both[fresh]


def _edges(block: Block, column: str) -> tuple[Array, Array, Array]:
    """(target, source, value) of the edges of a block."""
    weight, values = ops.listed(block.weight), ops.listed(block.operator(column))
    tile = ops.Tile(*ops.kind_of(weight).positions(weight, 0, weight.shape[0]))
    return tile.target, tile.source, ops.entries(values, tile).astype(np.float64)


def _found(keys: Array, held: Array, values: Array) -> tuple[Array, Array]:
    """(value or 0, whether it is there) of some keys, where ``held`` is sorted."""
    if not len(held):
        return np.zeros(len(keys)), np.zeros(len(keys), dtype=bool)
    at = np.minimum(np.searchsorted(held, keys), len(held) - 1)
    there = held[at] == keys
    return np.where(there, values[at], 0.0), there


def _checked(piece: Piece, pair: Pair, column: str) -> Piece:
    for values, which in ((piece.one, "first"), (piece.two, "second")):
        if not np.isfinite(values).all():
            raise AnalysisError(
                f"{column!r} of the edges {pair.source} -> {pair.target} holds NaN or infinity in the {which} graph; "
                "a comparison needs finite values: mend the network or choose another weight="
            )
    return piece
