"""Random sets that match a lesion: as many vertices of every layer, or as many edges of every block."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from netgraph.graph.flat import FlatEdges

Array = np.ndarray[Any, Any]


class Matching:
    """Members in groups, for sets to be drawn that take as many from each group as a lesion does.

    Parameters
    ----------
    groups : the members of each group, rising; a later group's are larger.
    names : of the groups.
    samples : how many sets a lesion is held against.
    seed : of the draws. Lesions that take the same numbers from the same groups share them.

    Examples
    --------
    >>> matching = Matching([np.arange(2), np.arange(2, 5)], ["fc1", "fc2"], samples=19, seed=0)
    >>> drawn, notes = matching.sets(np.array([2]))
    >>> [members.tolist() for members in drawn], notes
    ([[3], [4]], ('only 2 other sets exist',))
    """

    def __init__(self, groups: Sequence[Array], names: Sequence[str], samples: int, seed: int) -> None:
        self._groups, self._names, self._samples, self._seed = groups, names, samples, seed
        last = [-1]
        for group in groups:
            last.append(int(group[-1]) if len(group) else last[-1])
        self._last = np.array(last[1:])
        self._pools: dict[tuple[tuple[int, int], ...], list[Array]] = {}

    def composition(self, members: Array) -> tuple[tuple[int, int], ...]:
        """(group, how many members of it) wherever there are any."""
        place = np.searchsorted(self._last, members)
        numbers, counts = np.unique(place, return_counts=True)
        return tuple(zip(numbers.tolist(), counts.tolist(), strict=True))

    def names(self, members: Array) -> tuple[str, ...]:
        """The groups that hold some of the members."""
        return tuple(self._names[number] for number, _ in self.composition(members))

    def sets(self, members: Array) -> tuple[list[Array], tuple[str, ...]]:
        """(other sets of the same composition, each different; what ought to be known of them)."""
        composition = self.composition(members)
        if composition not in self._pools:
            self._pools[composition] = self._drawn(composition)
        others = [drawn for drawn in self._pools[composition] if not np.array_equal(drawn, members)][: self._samples]
        whole = [self._names[number] for number, count in composition if count == len(self._groups[number])]
        if not others:
            return others, (f"all of {', '.join(whole)}: there is no other set to compare with",)
        notes = [f"all of {', '.join(whole)}, which its random sets hold too"] if whole else []
        if len(others) < self._samples:
            notes.append(f"only {len(others)} other set{'s exist' if len(others) > 1 else ' exists'}")
        return others, tuple(notes)

    def _drawn(self, composition: tuple[tuple[int, int], ...]) -> list[Array]:
        """One set more than are needed, since one of them may be the lesion; all there are where they are few."""
        wanted = self._samples + 1
        ways = math.prod(_ways(len(self._groups[number]), count, wanted) for number, count in composition)
        if ways <= wanted:
            parts = [itertools.combinations(self._groups[number].tolist(), count) for number, count in composition]
            return [np.array([v for part in chosen for v in part]) for chosen in itertools.product(*parts)]
        rng = np.random.default_rng([self._seed, zlib.crc32(repr(composition).encode())])
        seen: dict[bytes, Array] = {}
        while len(seen) < wanted:
            drawn = np.concatenate(
                [np.sort(rng.choice(self._groups[number], count, replace=False)) for number, count in composition]
            )
            seen.setdefault(drawn.tobytes(), drawn)
        return list(seen.values())


def _ways(n: int, k: int, enough: int) -> int:
    """How many sets of k there are among n, or any number above ``enough`` where there are more."""
    if k in (0, n):
        return 1
    return enough + 1 if n > enough else math.comb(n, k)  # there are at least n


def of_vertices(edges: FlatEdges, samples: int, seed: int) -> Matching:
    """Vertices by their layer."""
    layers = edges.graph.layers
    groups = [np.arange(edges.graph.n)[layer.vertices] for layer in layers]
    return Matching(groups, [layer.name for layer in layers], samples, seed)


def of_edges(edges: FlatEdges, samples: int, seed: int) -> Matching:
    """Edges by their block."""
    blocks = edges.graph.blocks
    spans = zip(edges.starts[:-1], edges.starts[1:], strict=True)
    groups = [np.flatnonzero(edges.real[first:last]) + first for first, last in spans]
    return Matching(groups, [f"{block.source} -> {block.target}" for block in blocks], samples, seed)
