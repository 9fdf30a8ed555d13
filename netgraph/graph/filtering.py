"""Which edges to keep of a graph that is too big to look at: found in passes over the edges, which are never listed.

Rules that are given together must hold together. What they keep is known by a few numbers (a threshold, one per vertex
…), from which :meth:`Kept.mask` answers for any tile, so that a table can be written, in any order, tile by tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from netgraph.errors import GraphError, NonFiniteError
from netgraph.graph import blocks as ops
from netgraph.graph import rules as rule
from netgraph.graph.rules import Rule, Tiles
from netgraph.graph.selection import masked

if TYPE_CHECKING:
    from netgraph.graph.graph import Block, Graph

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Kept:
    """The edges that rules keep. Pickled without its graph: a worker asks :meth:`chosen`, or :meth:`of` its own graph.

    Attributes
    ----------
    graph : whose edges: what was given, without the layers that were not named.
    said : the rules as they were given: ``{"top": 1000}`` …
    weight : the edge column that they look at.
    rules : what decides.
    dtype : of the strengths that they compare.
    rows : edges kept of each block.
    share : their part of Σ|weight|, from 0 to 1.
    """

    graph: Graph
    said: dict[str, Any]
    weight: str
    rules: tuple[Rule, ...]
    dtype: np.dtype[Any]
    rows: tuple[int, ...] = ()
    share: float = 1.0

    @property
    def edges(self) -> int:
        """How many edges are kept."""
        return sum(self.rows)

    def summary(self) -> dict[str, Any]:
        """The rules, the number of edges kept, and their share of Σ|weight|: for ``meta["selection"]``."""
        return {**self.said, "edges": self.edges, "share": self.share}

    @property
    def selected(self) -> Graph:
        """The graph with these edges and all of its vertices: what is read back from an export of them."""
        blocks = tuple(self.block(number) for number in range(len(self.graph.blocks)))
        return replace(self.graph, blocks=blocks).with_meta(selection=self.summary())

    def of(self, graph: Graph) -> Kept:
        """The same choice in that graph, which must be the one that :func:`keep` was given, or an equal one."""
        return replace(self, graph=graph.select(layers=self.said["layers"]) if "layers" in self.said else graph)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "graph": None}

    def _held(self, number: int) -> Block:
        if self.graph is None:
            raise GraphError("edges that were chosen travel without their graph: give it back by kept.of(graph)")
        return self.graph.blocks[number]

    def block(self, number: int) -> Block:
        """A block with these edges alone, as :meth:`Graph.select` makes it of a mask."""
        block = self._held(number)
        if not self.rules:
            return block
        listed, strength = ops.listed(block.weight), ops.listed(block.operator(self.weight))
        stored = np.zeros(len(listed.data) if sp.issparse(listed) else block.shape, dtype=bool)
        for tile in ops.tiles(listed):
            chosen = self.chosen(number, tile, _strength(strength, tile, self.dtype))
            stored[tile.at] = chosen.reshape(stored[tile.at].shape)
        return masked(block, stored)

    def mask(self, number: int, tile: ops.Tile) -> Array:
        """Which edges of a tile of block ``number`` are kept: a boolean array, one entry per edge of the tile."""
        return self.chosen(number, tile, _strength(self._held(number).operator(self.weight), tile, self.dtype))

    def chosen(self, number: int, tile: ops.Tile, strength: Array) -> Array:
        """The same where |weight| is known already: of ``dtype``, one entry per edge of the tile."""
        kept = np.ones(len(tile), dtype=bool)
        for one in self.rules:
            kept &= one.mask(number, tile, strength)
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
    """Choose edges; every rule looks at the whole graph (of the chosen layers), and what is given must all hold.

    Parameters
    ----------
    top : so many strongest edges; of equally strong ones the first, in the order of the edge table.
    threshold : edges of at least this |weight|.
    layers : edges between vertices of these layers; the other layers are left out, with their vertices.
    per_vertex : so many strongest edges that leave each vertex, and so many that enter it.
    backbone : the disparity filter: edges that would be found by chance, at one of their ends at least, with a
        probability below this: (1 - w/s)^(k-1) < alpha, s the vertex's strength and k its degree in the edge's
        direction (Serrano, Boguñá & Vespignani 2009). An end with a single edge can say nothing (the probability is
        1): the other end decides, and where that has a single edge too, the edge goes.
    weight : the edge column whose size counts as strength, everywhere above.

    Raises
    ------
    UnknownName : a layer, or an edge column that a block does not have.
    GraphError : a number out of range.
    NonFiniteError : a weight that is NaN or infinite.

    >>> from netgraph.graph.graph import Graph
    >>> kept = keep(Graph.from_matrices([np.array([[1.0, -4.0], [2.0, 3.0]])]), top=2)
    >>> kept.edges, kept.share, kept.selected.edges.to_pandas()["weight"].tolist()
    (2, 0.7, [-4.0, 3.0])
    """
    said = {"top": top, "threshold": threshold, "layers": layers, "per_vertex": per_vertex, "backbone": backbone}
    for name in ("top", "per_vertex"):
        _check(
            name, said[name], "a whole number from 1 up", lambda x: isinstance(x, (int, np.integer)) and bool(x >= 1)
        )
    _check("threshold", threshold, "a number from 0 up", lambda x: 0 <= x < np.inf)
    _check("backbone", backbone, "a probability above 0, up to 1", lambda x: 0 < x <= 1)
    if layers is not None:
        said["layers"] = [layers] if isinstance(layers, str) else list(layers)
        graph = graph.select(layers=layers)
    starts = tuple((graph.layer(block.source).start, graph.layer(block.target).start) for block in graph.blocks)
    dtype = _dtype([block.operator(weight) for block in graph.blocks])
    tiles = partial(_tiles, graph, weight, dtype)
    chosen: list[Rule] = []
    if threshold is not None:
        chosen.append(rule.Threshold(float(threshold)))
    if top is not None:
        chosen.append(rule.top(tiles, int(top)))
    if per_vertex is not None:
        chosen.append(rule.per_vertex(tiles, graph.n, starts, int(per_vertex)))
    if backbone is not None:
        chosen.append(rule.backbone(tiles, graph.n, starts, float(backbone)))
    given = {name: value for name, value in said.items() if value is not None}
    return _measured(Kept(graph, given, weight, tuple(chosen), dtype), tiles)


def _measured(kept: Kept, tiles: Tiles) -> Kept:
    """With the number of edges, and their share."""
    if not kept.rules:  # all of them: there is no need to look
        return replace(kept, rows=tuple(block.edges for block in kept.graph.blocks))
    rows, part, whole = [0] * len(kept.graph.blocks), 0.0, 0.0
    for number, tile, strength in tiles():
        mask = kept.chosen(number, tile, strength)
        rows[number] += int(np.count_nonzero(mask))
        part += float(strength[mask].sum(dtype=np.float64))
        whole += float(strength.sum(dtype=np.float64))
    return replace(kept, rows=tuple(rows), share=part / whole if whole else 1.0)


def _check(name: str, value: Any, expected: str, holds: Callable[[Any], bool]) -> None:
    if value is None:
        return
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.number)) or not holds(value):
        raise GraphError(f"{name} is {value!r}, expected {expected}")


def _dtype(operators: list[Any]) -> np.dtype[Any]:
    """One type of floats that holds all strengths."""
    narrow = all(operator.dtype in (np.float16, np.float32) for operator in operators)
    return np.dtype(np.float32 if narrow and operators else np.float64)


def _strength(operator: Any, tile: ops.Tile, dtype: np.dtype[Any]) -> Array:
    strength: Array = np.abs(ops.entries(operator, tile).astype(dtype, copy=False))
    return strength


def _tiles(graph: Graph, weight: str, dtype: np.dtype[Any]) -> Iterator[tuple[int, ops.Tile, Array]]:
    """(number of the block, tile, |weight|) of all edges."""
    for number, block in enumerate(graph.blocks):
        operator = block.operator(weight)
        for tile in ops.tiles(block.weight):
            strength = _strength(operator, tile, dtype)
            if not np.isfinite(strength).all():
                raise NonFiniteError(
                    f"block {block.source} -> {block.target} ({block.kind}): {weight} is NaN or infinite at "
                    f"{np.count_nonzero(~np.isfinite(strength)):,} edges or more; such edges are neither strong nor "
                    "weak: a model that diverged cannot be filtered"
                )
            yield number, tile, strength
