"""What GEXF and GraphML have in common when they are written: text that XML can hold, typed attributes, rows."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from netgraph.errors import TableError
from netgraph.graph.formats import manifest as about
from netgraph.graph.formats.checks import check_readable
from netgraph.graph.formats.csv import check_finite
from netgraph.graph.formats.export import Export
from netgraph.graph.formats.profiles import OF_WEIGHT
from netgraph.graph.formats.text import INSTEAD, NOT_XML, TYPED, cleaned, storable
from netgraph.graph.graph import Graph
from netgraph.graph.tables import EdgeTile, value_columns, vertex_frame

Array = np.ndarray[Any, Any]

CHUNK = 100_000
"""Rows made at a time."""
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}

TYPES: dict[Any, tuple[str, str]] = {
    pl.String: ("string", "string"),
    pl.Boolean: ("boolean", "boolean"),
    pl.Float32: ("float", "float"),
    pl.Float64: ("double", "double"),
    **dict.fromkeys((pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16), ("integer", "int")),
    **dict.fromkeys((pl.Int64, pl.UInt32), ("long", "long")),
}
"""Type of a column -> what GEXF calls it, what GraphML calls it."""


@dataclass(frozen=True)
class Attribute:
    """A column as a format declares it: its name, its type's name there, and what stands around a value."""

    name: str
    type: str
    before: str
    after: str

    def around(self, values: pl.Series) -> pl.Series:
        """The values with their markup; nothing where there is none (null, NaN)."""
        if values.dtype.is_float() and not values.is_finite().all():
            if values.is_infinite().any():
                raise TableError(
                    f"column {self.name!r} holds {values.is_infinite().sum()} infinite numbers, for which readers of "
                    "XML have no common word; leave the column out, or write a folder or .npz"
                )
            values = values.fill_nan(None)
        text = values if values.dtype == pl.String else values.cast(pl.String)
        whole = joined([self.before, text, self.after], len(values))
        return whole if not values.null_count() else whole.fill_null("")


def joined(parts: Sequence[str | pl.Series], rows: int) -> pl.Series:
    """The parts of each row, one after the other; null where one of them is."""
    columns = [pl.lit(part) if isinstance(part, str) else part for part in parts]
    text = pl.select(pl.concat_str(columns)).to_series()
    return text if len(text) == rows else text.new_from_index(0, rows)


def lines(rows: pl.Series) -> memoryview:
    """A line per row, as bytes."""
    buffer = io.BytesIO()
    pl.DataFrame({"": rows}).write_csv(buffer, include_header=False, quote_style="never")
    return buffer.getbuffer()


def escaped(text: pl.Series) -> pl.Series:
    """Text for attributes and elements; what XML cannot hold becomes U+FFFD."""
    text = text.str.replace_all(NOT_XML, INSTEAD)
    for character, entity in _ESCAPES.items():
        text = text.str.replace_all(character, entity, literal=True)
    return text


def escape(text: str) -> str:
    """The same of one text.

    >>> escape('a<b & "c"')
    'a&lt;b &amp; &quot;c&quot;'
    """
    return str(escaped(pl.Series([storable(text)]))[0])


# -- what is written --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sheet:
    """The vertices of a graph as XML can hold them.

    Attributes
    ----------
    graph : it, names and text as XML can hold them.
    frame : the columns, text escaped.
    manifest : the JSON that gives back an equal graph, escaped.
    """

    graph: Graph
    frame: pl.DataFrame
    manifest: str


def sheet(graph: Graph, export: Export, kind: str) -> Sheet:
    """The vertices and the manifest of an export.

    Raises
    ------
    TableError : activations, for which these formats have no place; columns that other tools would misread; ids or
        columns that are no longer different once what XML cannot hold is replaced; whole numbers beyond 64 bits.
    """
    if export.activations is not None:
        raise TableError("GEXF and GraphML have no place for activations: write a folder, .parquet or .npz")
    given, (graph, replaced) = graph, cleaned(graph, TYPED)
    frame = vertex_frame(graph, positions=True)
    frame = frame.select(export.profile.vertex_columns(graph, frame.columns))
    frame = frame.with_columns(_signed(column) for column in frame if column.dtype == pl.UInt64)
    text = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    frame = frame.with_columns(escaped(frame[name]).alias(name) for name in text)
    for table, columns in (("vertices", frame.columns), ("edges", export.profile.edge_columns(graph))):
        check_readable(f"the {table}", columns)
    described = about.describe(given, {}, export, kind) | {"replaced": replaced}
    return Sheet(graph, frame, escape(json.dumps(described, allow_nan=False)))


def _signed(column: pl.Series) -> pl.Series:
    try:
        return column.cast(pl.Int64)
    except pl.exceptions.PolarsError as error:
        raise TableError(
            f"vertex column {column.name!r} holds whole numbers from 2^63 up, which XML has no type for"
        ) from error


def edge_types(graph: Graph, export: Export) -> dict[str, Any]:
    """Column of an edge -> its type: one that holds the numbers of all blocks."""
    held = {
        name: [block.values[name] for block in graph.blocks if name in block.values] for name in value_columns(graph)
    }
    types: dict[str, Any] = {}
    for column, quantity in export.profile.edges.items():
        if quantity in ("source", "target"):
            continue
        fixed = {"kind": pl.String, "sign": pl.Int8}.get(quantity)
        types[column] = fixed or _float_type([block.weight for block in graph.blocks])
    return types | {name: _float_type(operators) for name, operators in held.items()}


def _float_type(operators: list[Any]) -> Any:
    narrow = all(about.WRITTEN_AS.get(str(operator.dtype)) is np.float32 for operator in operators)
    return pl.Float32 if narrow else pl.Float64


def edge_parts(
    tile: EdgeTile, ids: pl.Series, attributes: dict[str, Attribute], export: Export
) -> dict[str, pl.Series]:
    """Column -> the text of each edge: the ends as escaped ids, the others with their markup where they have one."""
    check_finite(tile)
    block = tile.block
    weight = about.written(tile.weight, f"block {block.source} -> {block.target}")
    parts: dict[str, pl.Series] = {}
    for column, held in export.profile.edges.items():
        if held in ("source", "target"):
            parts[held] = ids[getattr(tile, held)]
            continue
        if held == "kind":
            values = pl.Series([escape(block.kind)]).new_from_index(0, len(tile))
        else:
            values = pl.Series(OF_WEIGHT[held](weight))
        parts[column] = attributes[column].around(values) if column in attributes else values.cast(pl.String)
    for name, entries in tile.values.items():
        parts[f"value {name}"] = attributes[name].around(pl.Series(about.written(entries, f"value {name!r}")))
    return parts
