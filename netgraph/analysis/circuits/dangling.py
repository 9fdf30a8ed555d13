"""Only what lies on a way from an input to the target can carry anything: the rest of a circuit is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netgraph.graph.flat import FlatEdges

Array = np.ndarray[Any, Any]


class Ways:
    """The graph's layers in their order, for edge sets to be followed through.

    Parameters
    ----------
    edges : of the whole graph.
    ends : numbers of the vertices where ways end; by default those of every layer that nothing reads.
    """

    def __init__(self, edges: FlatEdges, ends: Sequence[int] | Array | None = None) -> None:
        graph = edges.graph
        self.edges = edges
        read = {block.source for block in graph.blocks}
        written = {block.target for block in graph.blocks}
        self._begins, self._ends = np.zeros(graph.n, dtype=bool), np.zeros(graph.n, dtype=bool)
        for layer in graph.layers:
            self._begins[layer.vertices] = layer.name not in written
            if ends is None:
                self._ends[layer.vertices] = layer.name not in read
        if ends is not None:
            self._ends[np.asarray(ends)] = True
        place = {layer.name: i for i, layer in enumerate(graph.layers)}
        blocks = range(len(graph.blocks))
        self._forward = sorted(blocks, key=lambda i: place[graph.blocks[i].target])
        self._backward = sorted(blocks, key=lambda i: -place[graph.blocks[i].source])

    @property
    def ends(self) -> Array:
        """Numbers of the vertices where ways end."""
        return np.flatnonzero(self._ends)

    def live(self, chosen: Array) -> Array:
        """The chosen edges (numbers) that lie on a way from a first layer to an end: the fixpoint at once."""
        chosen = np.sort(chosen)
        source, target = self.edges.source[chosen], self.edges.target[chosen]
        cuts = np.searchsorted(chosen, self.edges.starts)
        reached, reaching = self._begins.copy(), self._ends.copy()
        for i in self._forward:
            mine = slice(cuts[i], cuts[i + 1])
            reached[target[mine][reached[source[mine]]]] = True
        for i in self._backward:
            mine = slice(cuts[i], cuts[i + 1])
            reaching[source[mine][reaching[target[mine]]]] = True
        found: Array = chosen[reached[source] & reaching[target]]
        return found
