"""Columns whose first rows are empty, where the reader of a profile would take them for text.

Gephi guesses the type of a column by its first 25 rows, so that a column of numbers that begins later can be neither
ranked nor filtered by size. Where the places of vertices begin late (the ids say them, too) they are left out; of what
cannot be left out, a warning says what to choose in Gephi.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from netgraph.errors import NetgraphWarning
from netgraph.graph.tables import value_columns

if TYPE_CHECKING:
    from netgraph.graph.formats.export import Export
    from netgraph.graph.formats.profiles import Profile
    from netgraph.graph.graph import Graph


def without_late(vertices: pl.DataFrame, graph: Graph, profile: Profile) -> pl.DataFrame:
    """The vertex table without the columns that begin too late and that the graph makes; a warning of its own ones."""
    if not profile.types_by:
        return vertices
    numbers = [series for series in vertices if series.dtype.is_numeric()]
    late = [series.name for series in numbers if _begins_late(series, profile.types_by)]
    _warn("vertices.csv", [name for name in late if name in graph.columns], profile.types_by)
    return vertices.drop(name for name in late if name not in graph.columns)


def warn_of_late_values(graph: Graph, export: Export) -> None:
    """A warning of the values that the blocks of the first edges lack."""
    profile = export.profile
    if not profile.types_by:
        return
    written = [(block, rows) for block, rows in zip(graph.blocks, export.rows(graph), strict=True) if rows]
    before = np.cumsum([0, *(rows for _, rows in written)])
    first = [block for (block, _), begin in zip(written, before, strict=False) if begin < profile.types_by]
    late = [
        name
        for name in value_columns(graph)
        if name not in profile.filled
        and not any(name in block.values for block in first)
        and any(name in block.values for block, _ in written)
    ]
    _warn("edges.csv", late, profile.types_by)


def _begins_late(series: pl.Series, rows: int) -> bool:
    return series.head(rows).null_count() == min(rows, len(series)) and series.null_count() < len(series)


def _warn(table: str, columns: list[str], rows: int) -> None:
    if columns:
        said = ", ".join(map(repr, columns))
        warnings.warn(
            f"{table}: Gephi will take {said} for text, as the first {rows} rows are empty there: choose the type "
            "Double in its import dialog, or write a .gexf file, which carries the types",
            NetgraphWarning,
            stacklevel=2,
        )
