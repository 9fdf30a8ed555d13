"""Which edges to keep of a graph that is too big to look at: found in passes over the edges, which are never listed.

Rules that are given together must hold together. What they keep is known by a few numbers (a threshold, one per vertex
…), from which :meth:`Kept.mask` answers for any tile, so that a table can be written, in any order, tile by tile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from netgraph.graph import blocks as ops

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]


class Rule(Protocol):
    """One way to choose edges."""

    def mask(self, number: int, tile: ops.Tile, strength: Array) -> Array:
        """Which edges of a tile of block ``number`` stay, where |weight| is ``strength``."""
        ...


@dataclass(frozen=True)
class Kept:
    """The edges that rules keep.

    Attributes
    ----------
    graph : whose edges: what was given, without the layers that were not named.
    said : the rules as they were given: ``{"top": 1000}`` …
    weight : the edge column that they look at.
    rules : what decides.
    rows : edges kept of each block.
    share : their part of Σ|weight|, from 0 to 1.
    """

    graph: Graph
    said: dict[str, Any]
    weight: str
    rules: tuple[Rule, ...]
    rows: tuple[int, ...] = ()
    share: float = 1.0

    @property
    def edges(self) -> int:
        """How many edges are kept."""
        return sum(self.rows)

    def summary(self) -> dict[str, Any]:
        """The rules, the number of edges kept, and their share of Σ|weight|: for ``meta["selection"]``."""
        return {**self.said, "edges": self.edges, "share": self.share}

    def mask(self, number: int, tile: ops.Tile) -> Array:
        """Which edges of a tile of block ``number`` are kept: a boolean array, one entry per edge of the tile."""
        strength = np.abs(ops.entries(self.graph.blocks[number].operator(self.weight), tile))
        return self._kept(number, tile, strength)

    def _kept(self, number: int, tile: ops.Tile, strength: Array) -> Array:
        kept = np.ones(len(tile), dtype=bool)
        for rule in self.rules:
            kept &= rule.mask(number, tile, strength)
        return kept


def keep(
    graph: Graph,
    top: int | None = None,
    threshold: float | None = None,
    layers: Sequence[str] | None = None,
    per_vertex: int | None = None,
    backbone: float | None = None,
    weight: str = "weight",
) -> Kept:
    """Choose edges.

    Parameters
    ----------
    threshold : edges of at least this |weight|.
    layers : edges between vertices of these layers; the other layers are left out, with their vertices.
    """
    said = {"threshold": threshold, "layers": layers}
    rules: list[Rule] = []
    if threshold is not None:
        rules.append(_Threshold(float(threshold)))
    if layers is not None:
        graph = graph.select(layers=layers)
    kept = Kept(graph, {name: rule for name, rule in said.items() if rule is not None}, weight, tuple(rules))
    rows, part, whole = [0] * len(graph.blocks), 0.0, 0.0
    for number, tile, strength in _tiles(graph, weight):
        mask = kept._kept(number, tile, strength)
        rows[number] += int(np.count_nonzero(mask))
        part += float(strength[mask].sum(dtype=np.float64))
        whole += float(strength.sum(dtype=np.float64))
    return replace(kept, rows=tuple(rows), share=part / whole if whole else 1.0)


def _tiles(graph: Graph, weight: str) -> Iterator[tuple[int, ops.Tile, Array]]:
    """(number of the block, tile, |weight|) of all edges."""
    for number, block in enumerate(graph.blocks):
        operator = block.operator(weight)
        for tile in ops.tiles(block.weight):
            yield number, tile, np.abs(ops.entries(operator, tile))


@dataclass(frozen=True)
class _Threshold:
    least: float

    def mask(self, number: int, tile: ops.Tile, strength: Array) -> Array:
        return strength >= self.least
