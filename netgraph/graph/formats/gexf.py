"""GEXF 1.3, Gephi's own format: one file with typed attributes, positions, colours and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from netgraph import __version__
from netgraph.graph import blocks as ops
from netgraph.graph.formats import markup, xml_read
from netgraph.graph.formats.export import Export
from netgraph.graph.formats.markup import CHUNK, Attribute, escape, joined, lines
from netgraph.graph.formats.single import writing
from netgraph.graph.graph import Graph
from netgraph.graph.palette import category_colours

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

FORMAT = "netgraph-gexf"
NAMESPACE, VISUAL = "http://gexf.net/1.3", "http://gexf.net/1.3/viz"
SIZED_BY = ("pagerank", "strength", "betweenness", "katz", "closeness", "degree")
"""The first of these columns that there is says how big a vertex is drawn; without one its strength does."""
SMALLEST, LARGEST = 2.0, 20.0


def write(graph: Graph, path: Path, export: Export) -> Path:
    """See :func:`netgraph.write_graph`."""
    vertices = markup.sheet(graph, export, FORMAT)
    graph = vertices.graph
    drawn = ("id", "label", *(name for name in ("x", "y") if name not in graph.columns))
    of_vertices = [_attribute(name, dtype) for name, dtype in vertices.frame.schema.items() if name not in drawn]
    types = {name: dtype for name, dtype in markup.edge_types(graph, export).items() if name != "weight"}
    of_edges = {name: _attribute(name, dtype) for name, dtype in types.items()}
    with writing(path, export.overwrite) as file:
        head = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<gexf xmlns="{NAMESPACE}" xmlns:viz="{VISUAL}" version="1.3">',
            f"<meta><creator>netgraph {__version__}</creator><description>{vertices.manifest}</description></meta>",
            '<graph defaultedgetype="directed" idtype="string" mode="static">',
            *_declared("node", of_vertices),
            *_declared("edge", list(of_edges.values())),
            "<nodes>",
        ]
        file.write(("\n".join(head) + "\n").encode())
        for rows in _vertices(graph, vertices.frame, of_vertices):
            file.write(lines(rows))
        file.write(b"</nodes>\n<edges>\n")
        for rows in _edges(graph, export, vertices.frame["id"], of_edges):
            file.write(lines(rows))
        file.write(b"</edges>\n</graph>\n</gexf>\n")
    return path


def read(path: Path) -> Graph:
    """See :func:`netgraph.read_graph`."""
    return xml_read.graph_of(path, xml_read.GexfReader(), FORMAT)


def read_activations(path: Path) -> pd.DataFrame:
    """There are none in this format: an error."""
    raise xml_read.no_activations(path)


def _attribute(name: str, dtype: Any) -> Attribute:
    title = escape(name)
    return Attribute(title, markup.TYPES[dtype][0], f'<attvalue for="{title}" value="', '"/>')


def _declared(what: str, attributes: list[Attribute]) -> list[str]:
    if not attributes:
        return []
    rows = [f'<attribute id="{a.name}" title="{a.name}" type="{a.type}"/>' for a in attributes]
    return [f'<attributes class="{what}" mode="static">', *rows, "</attributes>"]


def _vertices(graph: Graph, frame: pl.DataFrame, attributes: list[Attribute]) -> Iterator[pl.Series]:
    size, colour = pl.Series(sizes(graph)), _colours(graph)
    names = [name for name in frame.columns if name not in ("id", "label")]
    names = [name for name in names if name in graph.columns or name not in ("x", "y")]
    for first in range(0, len(frame), CHUNK):
        rows = frame.slice(first, CHUNK)
        parts: list[str | pl.Series] = ['<node id="', rows["id"], '"']
        if "label" in rows.columns:
            parts.append(joined([' label="', rows["label"], '"'], len(rows)).fill_null(""))
        parts.append("><attvalues>")
        parts += [a.around(rows[name]) for name, a in zip(names, attributes, strict=True)]
        parts += ['</attvalues><viz:size value="', size.slice(first, CHUNK).cast(pl.String), '"/>']
        if "x" in rows.columns:
            parts += ['<viz:position x="', _number(rows["x"]), '" y="', _number(rows["y"]), '" z="0.0"/>']
        if colour is not None:
            red, green, blue = (pl.Series(channel).cast(pl.String) for channel in colour[first : first + CHUNK].T)
            parts += ['<viz:color r="', red, '" g="', green, '" b="', blue, '"/>']
        yield joined([*parts, "</node>"], len(rows))


def _edges(graph: Graph, export: Export, ids: pl.Series, attributes: dict[str, Attribute]) -> Iterator[pl.Series]:
    start = 0
    for tile in export.tiles(graph, CHUNK):
        parts = markup.edge_parts(tile, ids, attributes, export)
        numbers = pl.Series(np.arange(start, start + len(tile))).cast(pl.String)
        row: list[str | pl.Series] = ['<edge id="', numbers, '" source="', parts.pop("source")]
        row += ['" target="', parts.pop("target"), '" weight="', parts.pop("weight")]
        row += ['"><attvalues>', *parts.values(), "</attvalues></edge>"] if parts else ['"/>']
        yield joined(row, len(tile))
        start += len(tile)


def _number(column: pl.Series) -> pl.Series:
    """Positions of the user's own may be missing: they are drawn at 0."""
    column = column.cast(pl.Float64)
    return (
        pl.select(pl.when(column.is_finite().fill_null(False)).then(column).otherwise(0.0)).to_series().cast(pl.String)
    )


def sizes(graph: Graph) -> Array:
    """How big each vertex is drawn: its area grows with its centrality, or its strength (Σ|w| of its edges)."""
    for name in SIZED_BY:
        column = np.asarray(graph.columns.get(name, np.zeros(0, dtype=object)))
        if column.dtype.kind in "iuf" and len(column) == graph.n:
            value = column.astype(np.float64)
            break
    else:
        value = strength(graph)
    value = np.where(value > 0, np.minimum(value, np.finfo(np.float64).max), 0.0)  # NaN is 0, too
    largest = value.max(initial=0.0)
    area = value / largest if largest > 0 else np.zeros(graph.n)
    return np.round(SMALLEST + (LARGEST - SMALLEST) * np.sqrt(area), 3)


def strength(graph: Graph) -> Array:
    """Σ|w| of the edges that enter and leave each vertex, float64."""
    total = np.zeros(graph.n)
    with np.errstate(over="ignore"):
        for block in graph.blocks:
            total[graph.layer(block.target).vertices] += ops.row_sums(block.weight, absolute=True)
            total[graph.layer(block.source).vertices] += ops.column_sums(block.weight, absolute=True)
    return total


def _colours(graph: Graph) -> Array | None:
    return category_colours(np.asarray(graph.columns["module"])) if "module" in graph.columns else None
