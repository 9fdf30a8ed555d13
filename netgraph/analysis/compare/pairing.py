"""Which vertices and which blocks of two graphs stand for each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from netgraph.graph.graph import Block, Graph, Layer

Numbers = npt.NDArray[np.int64]
NONE = -1
"""In place of a vertex's number: it has no counterpart."""


@dataclass(frozen=True)
class Meeting:
    """A layer of either graph, or of both: its vertices are the first's, then those that only the second has.

    Attributes
    ----------
    name : of the layer.
    first, second : the layer in each graph, None where it is not.
    to : (first.size,) the counterpart of each vertex, counted inside the second's layer; -1 for none.
    """

    name: str
    first: Layer | None
    second: Layer | None
    to: Numbers

    @cached_property
    def extra(self) -> Numbers:
        """Vertices of the second that are nobody's counterpart, counted inside its layer."""
        alone = np.ones(self.second.size if self.second else 0, dtype=bool)
        alone[self.to[self.to != NONE]] = False
        return np.flatnonzero(alone)

    @property
    def size(self) -> int:
        return len(self.to) + len(self.extra)

    @cached_property
    def here(self) -> Numbers:
        """(second.size,) where each vertex of the second stands in this order."""
        place = np.zeros(self.second.size if self.second else 0, dtype=np.int64)
        found = np.flatnonzero(self.to != NONE)
        place[self.to[found]] = found
        place[self.extra] = len(self.to) + np.arange(len(self.extra))
        return place

    @property
    def matched(self) -> int:
        """How many vertices have a counterpart."""
        return int(np.count_nonzero(self.to != NONE))

    @property
    def whole(self) -> bool:
        """Whether every vertex of both has one."""
        return len(self.extra) == 0 and self.matched == len(self.to)

    @property
    def unmoved(self) -> bool:
        """Whether every vertex has one, with its own number."""
        return self.whole and bool((self.to == np.arange(len(self.to))).all())


@dataclass(frozen=True)
class Pair:
    """Blocks of the two graphs with the same ends; None where a graph has no such block."""

    source: str
    target: str
    kind: str
    first: Block | None
    second: Block | None


def meetings(first: Graph, second: Graph, to: Mapping[str, Numbers] | None = None) -> dict[str, Meeting]:
    """Every layer of either graph by name, the first's order first; vertices meet by id unless ``to`` says how."""
    layers = [{layer.name: layer for layer in graph.layers} for graph in (first, second)]
    found = {}
    for name in dict.fromkeys([*layers[0], *layers[1]]):
        one, two = layers[0].get(name), layers[1].get(name)
        if one is None or two is None:
            counterparts = np.full(one.size if one else 0, NONE, dtype=np.int64)
        elif to is not None and name in to:
            counterparts = to[name]
        else:
            counterparts = _by_id(first, one, second, two)
        found[name] = Meeting(name, one, two, counterparts)
    return found


def _by_id(first: Graph, one: Layer, second: Graph, two: Layer) -> Numbers:
    if one.grid == two.grid and "id" not in first.columns and "id" not in second.columns:
        return np.arange(one.size, dtype=np.int64)
    place = {identifier: i for i, identifier in enumerate(second.ids[two.vertices])}
    return np.array([place.get(identifier, NONE) for identifier in first.ids[one.vertices]], dtype=np.int64)


def paired(first: Graph, second: Graph) -> list[Pair]:
    """The blocks in the first's order, then those that only the second has."""
    left: dict[tuple[str, str], list[Block]] = {}
    for block in second.blocks:
        left.setdefault((block.source, block.target), []).append(block)
    found = []
    for block in first.blocks:
        others = left.get((block.source, block.target), [])
        other: Any = next((b for b in others if b.kind == block.kind), None)
        if other is None and others and not _awaited(others[0], block, first):
            other = others[0]
        if other is not None:
            left[block.source, block.target] = [b for b in others if b is not other]
        found.append(Pair(block.source, block.target, block.kind, block, other))
    return [*found, *(Pair(b.source, b.target, b.kind, None, b) for blocks in left.values() for b in blocks)]


def _awaited(other: Block, block: Block, first: Graph) -> bool:
    """Whether another block of the first has the ends and the kind of this one of the second."""
    ends = (other.source, other.target, other.kind)
    return any((b.source, b.target, b.kind) == ends for b in first.blocks if b is not block)
