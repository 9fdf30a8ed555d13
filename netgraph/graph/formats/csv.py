"""The CSV folder: ``vertices.csv``, ``edges.csv``, ``manifest.json``, and ``gates.csv``, ``activations.csv`` if any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from netgraph.errors import NonFiniteError, TableError, unknown
from netgraph.graph import blocks as ops
from netgraph.graph.formats import manifest as about
from netgraph.graph.formats.checks import check_graph, check_target
from netgraph.graph.formats.csv_read import read as read
from netgraph.graph.formats.csv_read import read_activations as read_activations
from netgraph.graph.formats.disk import write_whole
from netgraph.graph.formats.export import Export
from netgraph.graph.formats.late import warn_of_late_values, without_late
from netgraph.graph.formats.profiles import OF_WEIGHT
from netgraph.graph.formats.swap import replacing
from netgraph.graph.formats.tables import TableWriter, quoted
from netgraph.graph.formats.text import CSV, Rule, cleaned
from netgraph.graph.graph import Block, Graph
from netgraph.graph.tables import EdgeTile, value_columns, vertex_frame

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

CHUNK = 150_000
"""Edges written at a time: enough to keep the threads busy, little enough to stay in the caches."""


_NO_NAN = pl.col(pl.Float32, pl.Float64).fill_nan(None)
"""A number that is missing is an empty cell: Gephi takes NaN for the largest of a column, and ranks all by it."""


def write(graph: Graph, path: Path, export: Export) -> Path:
    """See :func:`netgraph.write_graph`."""
    profile, activations = export.profile, export.activations
    check_target(path, export.overwrite)
    given, (graph, replaced) = graph, cleaned(graph, CSV)
    vertices = vertex_frame(graph, positions=True)
    vertices = vertices.select(profile.vertex_columns(graph, vertices.columns)).with_columns(_NO_NAN)
    vertices = without_late(vertices, graph, profile)
    warn_of_late_values(graph, export)
    check_graph(graph, vertices["id"], vertices.columns, profile.edge_columns(graph))
    fields = quoted(vertices)
    with replacing(path) as folder:
        with TableWriter(folder) as writer:
            writer.write("edges.csv", profile.edge_columns(graph), _edge_frames(graph, export, fields["id"]))
            writer.write("vertices.csv", vertices.columns, [fields])
            if any(block.gate is not None or block.constant is not None for block in graph.blocks):
                writer.write("gates.csv", ["block", "source", "gate", "constant"], _gate_frames(graph, fields["id"]))
            if activations is not None:
                frame = activation_frame(activations, vertices["id"], CSV).with_columns(_NO_NAN)
                writer.write("activations.csv", frame.columns, [quoted(frame)])
            manifest = about.describe(given, writer.entries(), export) | {"replaced": replaced}
        if activations is not None:
            manifest["activations"] = about.describe_activations(activations, CSV)
        text = json.dumps(manifest, indent=1, allow_nan=False)
        write_whole(folder / "manifest.json", [(text + "\n").encode("ascii")])
    return path


def _edge_frames(graph: Graph, export: Export, ids: pl.Series) -> Iterator[pl.DataFrame]:
    kinds = list(dict.fromkeys(block.kind for block in graph.blocks))
    kind_fields = quoted(pl.DataFrame({"kind": pl.Series(kinds, dtype=pl.String)})).to_series()
    missing = pl.Series([None], dtype=pl.Float32)
    for tile in export.tiles(graph, CHUNK):
        check_finite(tile)
        weight = about.written(tile.weight, f"block {tile.block.source} -> {tile.block.target}")
        at = kinds.index(tile.block.kind)
        frame: dict[str, pl.Series | Array] = {}
        for column, held in export.profile.edges.items():
            if held in ("source", "target"):
                frame[column] = ids[getattr(tile, held)]  # much faster than gather
            elif held == "kind":
                frame[column] = kind_fields[at : at + 1].new_from_index(0, len(tile))
            else:
                frame[column] = OF_WEIGHT[held](weight)
        for name in value_columns(graph):
            if name in tile.values:
                frame[f"value {name}"] = about.written(tile.values[name], f"value {name!r}")
            elif name in export.profile.filled:
                frame[f"value {name}"] = OF_WEIGHT[export.profile.filled[name]](weight)
            else:
                frame[f"value {name}"] = missing.new_from_index(0, len(tile))
        made = pl.DataFrame(frame)
        yield made.with_columns(_NO_NAN) if tile.values else made  # weights are finite


def check_finite(tile: EdgeTile) -> None:
    if np.isfinite(tile.weight).all():
        return
    block = tile.block
    bad = sum(int(np.count_nonzero(~np.isfinite(ops.entries(block.weight, t)))) for t in ops.tiles(block.weight))
    raise NonFiniteError(
        f"block {block.source} -> {block.target} ({block.kind}): {bad:,} of {block.edges:,} weights into layer "
        f"{block.target!r} are NaN or infinite; expected finite weights: a model that diverged cannot be written"
    )


def _gate_frames(graph: Graph, ids: pl.Series) -> Iterator[pl.DataFrame]:
    for number, block in enumerate(graph.blocks):
        if block.gate is None and block.constant is None:
            continue
        size = block.shape[1]
        yield pl.DataFrame(
            {
                "block": np.full(size, number),
                "source": ids[graph.layer(block.source).vertices],
                "gate": _optional(block, "gate", size),
                "constant": _optional(block, "constant", size),
            }
        )


def _optional(block: Block, name: str, size: int) -> pl.Series:
    values = getattr(block, name)
    if values is None:
        return pl.Series([None], dtype=pl.Float32).new_from_index(0, size)
    return pl.Series(about.written(np.asarray(values), f"{name} of block {block.source} -> {block.target}"))


def activation_frame(table: pd.DataFrame, ids: pl.Series, rule: Rule) -> pl.DataFrame:
    """Activations as rows of a table: the input's name, then a column per vertex; text as `rule` has it."""
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise TableError(
            f"the activations are a {type(table).__name__}; expected a pandas DataFrame, a row per input, columns = "
            "vertex ids: pandas.DataFrame(array, columns=graph.ids)"
        )
    known = set(ids.to_list())
    columns = [rule.clean(str(name)) for name in table.columns]
    for name in columns:
        if name not in known:
            raise unknown("vertex", name, ids.to_list(), " in the activations")
    if "input" in columns:
        raise TableError(
            "activations.csv names the inputs in its column 'input', so no vertex can have that id: rename the vertex"
        )
    if len(set(columns)) < len(columns):
        raise TableError("the activations name a vertex twice; expected one column per vertex id")
    values = about.written(table.to_numpy(), "activations")
    labels = pl.Series("input", [rule.clean(str(label)) for label in table.index], dtype=pl.String)
    return pl.DataFrame([labels, *(pl.Series(name, values[:, i]) for i, name in enumerate(columns))])
