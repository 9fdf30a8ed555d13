"""``manifest.json``: what the tables cannot say, so that a graph read back equals the one written."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph import __version__
from netgraph.errors import TableError
from netgraph.graph import blocks as ops
from netgraph.graph.columns import plain_column
from netgraph.graph.equality import plain
from netgraph.graph.formats.export import Export
from netgraph.graph.formats.text import Rule, clean_texts, restore
from netgraph.graph.graph import SCHEMA, Graph, Layer

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]
Manifest = dict[str, Any]

FORMAT = "netgraph-csv"
PARQUET = "netgraph-parquet"
WRITTEN_AS = {"float16": np.float32, "float32": np.float32, "float64": np.float64}
"""Type of a number -> the type whose shortest text is written. Others are written as float64 where that is exact."""


def describe(graph: Graph, files: dict[str, Any], export: Export, kind: str = FORMAT) -> Manifest:
    """The manifest of a graph whose tables are written; ``kind`` names the format."""
    return {
        "format": kind,
        "schema": SCHEMA,
        "netgraph": __version__,
        "profile": export.profile.name,
        "edge_columns": {held: column for column, held in export.profile.edges.items()},
        "files": files,
        "layers": [
            {field.name: plain(getattr(layer, field.name)) for field in fields(Layer)} for layer in graph.layers
        ],
        "blocks": [
            {
                "source": block.source,
                "target": block.target,
                "kind": block.kind,
                "layout": ops.kind_of(block.weight).LAYOUT,
                "rows": rows,
                "dtype": str(block.weight.dtype),
                "values": {name: str(value.dtype) for name, value in block.values.items()},
                "gate": None if block.gate is None else str(np.asarray(block.gate).dtype),
                "constant": None if block.constant is None else str(np.asarray(block.constant).dtype),
                "shared_with": block.shared_with,
            }
            for block, rows in zip(graph.blocks, export.rows(graph), strict=True)
        ],
        "columns": {name: _kind(plain_column(name, values)) for name, values in graph.columns.items()},
        "meta": plain(graph.meta),
    }


def describe_activations(table: pd.DataFrame, rule: Rule) -> Manifest:
    """What the table of activations, whose text is as `rule` has it, cannot say."""
    whole = all(isinstance(label, (int, np.integer)) and not isinstance(label, bool) for label in table.index)
    name = table.index.name
    texts = [np.array([str(label) for label in labels], dtype=object) for labels in (table.columns, table.index)]
    return {
        "dtype": str(table.to_numpy().dtype),
        "index": "int64" if whole else "text",
        "name": None if name is None else str(name),
        "replaced": [clean_texts(text, rule)[1] for text in texts],
    }


def activations_of(said: Manifest, values: Array, columns: list[str], labels: list[str]) -> pd.DataFrame:
    """The table of activations as it was, from what a file holds of it and what its manifest says."""
    import pandas as pd

    both = zip((columns, labels), said.get("replaced", ({}, {})), strict=True)
    names, rows = (restore(np.array(texts, dtype=object), were).tolist() for texts, were in both)
    index = pd.Index([int(label) for label in rows] if said["index"] == "int64" else rows, name=said["name"])
    return pd.DataFrame(values.astype(said["dtype"]), index=index, columns=names)


def load(folder: Path, kind: str = FORMAT) -> Manifest:
    """The manifest of a folder of that format.

    Raises
    ------
    TableError : no folder, no manifest, one that is no JSON, of another program, or of a newer schema.
    """
    if not folder.is_dir():
        raise TableError(f"{folder}: no such folder; expected one that netgraph.write_graph made")
    path = folder / "manifest.json"
    if not path.is_file():
        raise TableError(
            f"{folder} has no manifest.json: it was not written by netgraph.write_graph, and it is no pair of plain "
            "tables (vertices.csv or nodes.csv, edges.csv or links.csv); others are read by Graph.from_pandas("
            "pd.read_csv(…), pd.read_csv(…))"
        )
    return parsed(path.read_bytes(), path, kind)


def parsed(text: str | bytes, where: object, kind: str) -> Manifest:
    """A manifest from its JSON; ``where`` it was, for the messages.

    Raises
    ------
    TableError : it is no JSON, of another program, of another format or of another schema.
    """
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise TableError(f"{where} is no JSON: {error}; write the graph again") from error
    if not isinstance(manifest, dict) or manifest.get("format") != kind:
        raise TableError(f"{where} is not a netgraph manifest: its 'format' is not {kind!r}")
    if manifest.get("schema") != SCHEMA:
        raise TableError(
            f"{where} has schema {manifest.get('schema')!r}, this netgraph ({__version__}) reads {SCHEMA}; "
            f"it was written by netgraph {manifest.get('netgraph')}: use that version or a newer one"
        )
    return manifest


def layers(manifest: Manifest) -> tuple[Layer, ...]:
    return tuple(Layer(**entry) for entry in manifest["layers"])


def restored(value: Any) -> Any:
    """A value of ``meta`` as it was before :func:`plain` wrote it."""
    if isinstance(value, dict):
        if set(value) == {"$float"}:
            return float(value["$float"])
        return {key: restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [restored(item) for item in value]
    return value


def written(values: Array, what: str) -> Array:
    """Numbers as they are written: float32 or float64, refused where that loses digits."""
    name = str(values.dtype)
    if name in WRITTEN_AS:
        return np.ascontiguousarray(values, dtype=WRITTEN_AS[name])
    if values.dtype.kind in "biu":
        wide = values.astype(np.float64)
        if np.array_equal(wide.astype(values.dtype), values):
            return wide
    raise TableError(f"{what} is {name}, which cannot be written exactly; expected float16, float32 or float64")


def _kind(array: Array) -> str:
    return "text" if array.dtype == object else str(array.dtype)
