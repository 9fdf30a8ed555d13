"""How a graph is to be written: what every format is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netgraph.graph.formats.profiles import PROFILES, Profile
from netgraph.graph.tables import EdgeTile, edge_tiles

if TYPE_CHECKING:
    import pandas as pd

    from netgraph.graph.filtering import Kept
    from netgraph.graph.graph import Graph

Progress = Callable[[int, int], None]
"""Called with the number of edges that are written, and of all that will be."""


@dataclass(frozen=True)
class Export:
    """What a format's ``write(graph, path, export)`` is told.

    Attributes
    ----------
    activations : a table to write beside the graph, or None.
    overwrite : whether an export that is there may be replaced.
    profile : names and choice of columns.
    kept : which of the edges are written; None: all. It speaks of the blocks of the very graph that is written.
    executor : where parts are made; None: here. Formats that are one stream have no use for it.
    progress : called while edges are written.
    """

    activations: pd.DataFrame | None = None
    overwrite: bool = True
    profile: Profile = PROFILES["default"]
    kept: Kept | None = None
    executor: Executor | None = None
    progress: Progress | None = None

    def rows(self, graph: Graph) -> list[int]:
        """Edges of each block that are written."""
        return [block.edges for block in graph.blocks] if self.kept is None else list(self.kept.rows)

    def edges(self, graph: Graph) -> int:
        """Edges that are written."""
        return sum(self.rows(graph))

    def tiles(self, graph: Graph, chunk: int = 1_000_000) -> Iterator[EdgeTile]:
        """The edges to write in pieces of about ``chunk`` (before what is not kept is left out), in edge order."""
        total = self.edges(graph) if self.progress else 0
        done = 0
        for tile in edge_tiles(graph, chunk, None if self.kept is None else self.kept.mask):
            yield tile
            done += len(tile)
            if self.progress:
                self.progress(done, total)
