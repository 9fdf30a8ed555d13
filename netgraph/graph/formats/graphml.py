"""GraphML, which networkx, igraph, R and yEd read: one file with typed attributes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from netgraph.graph.formats import markup, xml_read
from netgraph.graph.formats.export import Export
from netgraph.graph.formats.markup import CHUNK, Attribute, escape, joined, lines
from netgraph.graph.formats.single import writing
from netgraph.graph.graph import Graph

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "netgraph-graphml"
NAMESPACE = "http://graphml.graphdrawing.org/xmlns"


def write(graph: Graph, path: Path, export: Export) -> Path:
    """See :func:`netgraph.write_graph`."""
    vertices = markup.sheet(graph, export, FORMAT)
    graph = vertices.graph
    names = [name for name in vertices.frame.columns if name != "id"]
    of_vertices = {name: _attribute(f"v{i}", name, vertices.frame.schema[name]) for i, name in enumerate(names)}
    types = markup.edge_types(graph, export)
    of_edges = {name: _attribute(f"e{i}", name, dtype) for i, (name, dtype) in enumerate(types.items())}
    with writing(path, export.overwrite) as file:
        head = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<graphml xmlns="{NAMESPACE}">',
            '<key id="g0" for="graph" attr.name="netgraph" attr.type="string"/>',
            *_declared("node", "v", of_vertices),
            *_declared("edge", "e", of_edges),
            '<graph id="G" edgedefault="directed">',
            f'<data key="g0">{vertices.manifest}</data>',
        ]
        file.write(("\n".join(head) + "\n").encode())
        for first in range(0, len(vertices.frame), CHUNK):
            rows = vertices.frame.slice(first, CHUNK)
            parts = [of_vertices[name].around(rows[name]) for name in names]
            row: list[str | pl.Series] = ['<node id="', rows["id"], '">', *parts, "</node>"]
            file.write(lines(joined(row, len(rows))))
        for edges in _edges(graph, export, vertices.frame["id"], of_edges):
            file.write(lines(edges))
        file.write(b"</graph>\n</graphml>\n")
    return path


def read(path: Path) -> Graph:
    """See :func:`netgraph.read_graph`."""
    return xml_read.graph_of(path, xml_read.GraphmlReader(), FORMAT)


def read_activations(path: Path) -> pd.DataFrame:
    """There are none in this format: an error."""
    raise xml_read.no_activations(path)


def _attribute(key: str, name: str, dtype: Any) -> Attribute:
    return Attribute(escape(name), markup.TYPES[dtype][1], f'<data key="{key}">', "</data>")


def _declared(what: str, letter: str, attributes: dict[str, Attribute]) -> list[str]:
    return [
        f'<key id="{letter}{i}" for="{what}" attr.name="{a.name}" attr.type="{a.type}"/>'
        for i, a in enumerate(attributes.values())
    ]


def _edges(graph: Graph, export: Export, ids: pl.Series, attributes: dict[str, Attribute]) -> Iterator[pl.Series]:
    for tile in export.tiles(graph, CHUNK):
        parts = markup.edge_parts(tile, ids, attributes, export)
        row: list[str | pl.Series] = ['<edge source="', parts.pop("source"), '" target="', parts.pop("target"), '">']
        yield joined([*row, *parts.values(), "</edge>"], len(tile))
