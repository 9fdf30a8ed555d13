"""What compare() gives back: tables of what differs, made when asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from netgraph.analysis.compare import tables
from netgraph.analysis.compare.difference import Sums
from netgraph.analysis.compare.pairing import Meeting, Numbers, Pair
from netgraph.analysis.compare.saving import save
from netgraph.graph.graph import Graph


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The difference of two graphs, second minus first.

    Attributes
    ----------
    first, second : the graphs as they were compared: in the balanced gauge where units were matched.
    settings : ``match``, ``weight``, ``tolerance``, ``top``, ``gauge``; where units were matched also ``similarity``
        (mean cosine of the learned blocks), ``chance`` and ``chance_sd`` (the same for shuffled weights), ``start``.
    matching : a row a layer: units of both graphs, how many are matched and to another number, whether the layer is
        fixed or tied to another; ``similarity`` (mean cosine of matched units), ``confidence`` (the share of them that
        are each other's most similar).
    """

    first: Graph
    second: Graph
    settings: Mapping[str, Any]
    matching: pd.DataFrame
    _meetings: Mapping[str, Meeting] = field(repr=False)
    _pairs: tuple[Pair, ...] = field(repr=False)
    _sums: tuple[Sums, ...] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    @cached_property
    def vertices(self) -> pd.DataFrame:
        """A row a vertex, the largest change first.

        ``id``, ``other_id`` (missing where a graph has none), ``layer``, ``status`` ("added": the second's alone,
        "removed", "changed", "same"), ``strength``, ``other_strength`` (Σ|value| of its edges), ``change``
        (Σ|difference| of its edges, and of its bias where weights are compared).
        """
        return tables.vertices(self)

    @cached_property
    def edges(self) -> pd.DataFrame:
        """The ``top`` edges that differ, largest |change| first.

        ``source``, ``target``, ``status`` ("added", "removed", "changed"), ``weight``, ``other_weight`` (0 where there
        is no such edge), ``change``; ``other_source``, ``other_target`` are the second graph's ids. Ends that only the
        second graph has go by its ids.
        """
        return self.edge_table(self.settings["top"])

    def edge_table(self, top: int | None = None, same: bool = False) -> pd.DataFrame:
        """The same with another number of rows (None: all that differ), or with edges that are the same, too."""
        return tables.edges(self, top, same)

    @cached_property
    def layers(self) -> pd.DataFrame:
        """A row a block.

        ``source``, ``target``, ``kind``, ``edges``, ``other_edges``, ``added``, ``removed``, ``changed``, ``same``,
        ``distance`` (‖second − first‖ / ‖first‖, Frobenius), ``cosine``, ``jaccard`` (of the sets of edges),
        ``matched`` (the share of the target layer's units that have a counterpart).
        """
        return tables.layers(self)

    @cached_property
    def overlap(self) -> pd.DataFrame:
        """What both graphs have, of vertices and edges, all and by layer: sets, whatever their weights.

        ``what``, ``where``, ``shared``, ``first``, ``second`` (how many), ``jaccard``, ``precision`` (the shared part
        of the second), ``recall`` (the shared part of the first).
        """
        return tables.overlap(self)

    @property
    def permutations(self) -> dict[str, Numbers]:
        """Layer -> for each vertex of the first graph the second's, counted inside the layer; -1 for none."""
        return {name: meeting.to.copy() for name, meeting in self._meetings.items() if meeting.first is not None}

    @property
    def layers_added(self) -> tuple[str, ...]:
        """Layers of the second graph alone."""
        return tuple(name for name, meeting in self._meetings.items() if meeting.first is None)

    @property
    def layers_removed(self) -> tuple[str, ...]:
        """Layers of the first graph alone."""
        return tuple(name for name, meeting in self._meetings.items() if meeting.second is None)

    @cached_property
    def identical(self) -> bool:
        """Whether nothing differs: no layer, vertex, edge or bias, within the tolerance."""
        return (
            all(meeting.whole for meeting in self._meetings.values())
            and not any(sums.added or sums.removed or sums.changed for sums in self._sums)
            and not any(gap.any() for gap in tables.bias_gaps(self).values())
        )

    def graph(self) -> Graph:
        """The first graph with the edges of both, where both ends are the first's: for pages and exports.

        Edges carry ``change`` and ``other_weight`` (the column that was compared), vertices ``change``.
        """
        return tables.graph(self)

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Writes a folder: vertices.csv, edges.csv (all that differ), layers.csv, matching.csv, comparison.json.

        The folder appears whole or not at all; one that holds other files is refused.
        """
        return save(self, directory)

    def summary(self) -> dict[str, Any]:
        """The numbers that ``repr`` tells, as a dict."""
        status = self.vertices["status"].value_counts()
        edges = {name: sum(getattr(sums, name) for sums in self._sums) for name in ("added", "removed", "changed")}
        shared = sum(sums.shared for sums in self._sums)
        return {
            "identical": self.identical,
            "vertices": {name: int(status.get(name, 0)) for name in tables.STATUSES},
            "edges": {**edges, "same": shared - edges["changed"]},
            "layers_added": list(self.layers_added),
            "layers_removed": list(self.layers_removed),
            "settings": dict(self.settings),
        }

    def __repr__(self) -> str:
        told = self.summary()
        lines = [f"Comparison: {'identical' if told['identical'] else 'different'} (by {self.settings['match']})"]
        for what in ("vertices", "edges"):
            lines.append(f"  {what}: " + ", ".join(f"{n:,} {name}" for name, n in told[what].items()))
        for what, names in (("added", self.layers_added), ("removed", self.layers_removed)):
            if names:
                lines.append(f"  layers {what}: {', '.join(names)}")
        if self.settings["match"] == "units":
            s = self.settings
            chance = f", {s['chance']:.3f} by chance" if "chance" in s else ""
            lines.append(f"  units matched: similarity {s['similarity']:.3f}{chance}; gauge: {s['gauge']}")
        shown = self.layers[["source", "target", "added", "removed", "changed", "same", "distance", "cosine"]]
        return "\n".join([*lines, shown.to_string(index=False, max_rows=20)] if len(shown) else lines)
