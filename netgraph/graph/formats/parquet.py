"""The Parquet folder: ``vertices.parquet``, ``edges/layer=NAME/part-NNNNN.parquet``, ``manifest.json``.

And ``gates.parquet``, ``activations.parquet`` if any. Edges name their ends by vertex number, the row in
``vertices.parquet``; each layer's folder holds the edges into it. Parts are made one by one, by an executor if one is
given, and gathered in a hidden folder from which an export that was killed goes on.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from netgraph.errors import TableError
from netgraph.graph.formats import manifest as about
from netgraph.graph.formats.checks import check_columns, check_target
from netgraph.graph.formats.csv import activation_frame
from netgraph.graph.formats.cutting import PART, Cutting, made_columns, number_types, partition, vertex_type
from netgraph.graph.formats.disk import append, remove, write_whole
from netgraph.graph.formats.export import Export
from netgraph.graph.formats.manifest import PARQUET as FORMAT
from netgraph.graph.formats.parquet_read import read as read
from netgraph.graph.formats.parquet_read import read_activations as read_activations
from netgraph.graph.formats.parts import TILE, Edges, Listed, Part, frame
from netgraph.graph.formats.spread import all_made
from netgraph.graph.formats.staging import staged
from netgraph.graph.formats.text import TYPED, cleaned
from netgraph.graph.graph import Block, Graph
from netgraph.graph.tables import id_series, value_columns, vertex_frames

Entry = dict[str, Any]

VERTICES = 100_000
"""Vertices written at a time, and rows of a group of their file."""
NOWHERE = "__HIVE_DEFAULT_PARTITION__"
"""What readers of such folders take for a missing value: the layer of no edges at all."""


def write(graph: Graph, path: Path, export: Export) -> Path:
    """See :func:`netgraph.write_graph`."""
    check_target(path, export.overwrite, FORMAT)
    if export.profile.ends != ("source", "target"):
        ends = " and ".join(export.profile.ends)
        raise TableError(
            f"profile {export.profile.name!r} calls the ids at the ends of an edge {ends}; in Parquet they are vertex "
            "numbers: leave the profile out, or write a folder of CSV tables"
        )
    given, (graph, replaced) = graph, cleaned(graph, TYPED)
    vertices = vertex_frames(graph, VERTICES, positions=True)
    first = next(vertices)
    check_columns("vertices.parquet", first.columns)
    check_columns("edges", ["source", "target", *made_columns(export.profile), "kind", "layer", *value_columns(graph)])
    with staged(path, _plan(given, export)) as folder:
        table = _Tables(folder)
        table.write("vertices.parquet", first.schema, lambda: vertex_frames(graph, VERTICES, positions=True))
        if any(block.gate is not None or block.constant is not None for block in graph.blocks):
            frames = list(_gate_frames(graph))
            table.write("gates.parquet", frames[0].schema, lambda: iter(frames))
        if export.activations is not None:
            activations = activation_frame(export.activations, id_series(graph), TYPED)
            table.write("activations.parquet", activations.schema, lambda: iter([activations]))
        parts = _write_edges(graph, export, folder)
        files = {part["file"]: {name: part[name] for name in ("rows", "bytes", "sha256")} for part in parts}
        manifest = about.describe(given, table.entries | files, export, FORMAT) | {"replaced": replaced}
        made = {held: name for name, held in made_columns(export.profile).items()}
        manifest["edge_columns"] = {name: name for name in ("source", "target", "kind")} | made
        manifest["parts"] = [{"file": part["file"], "block": part["block"]} for part in parts if part["block"] >= 0]
        if export.activations is not None:
            manifest["activations"] = about.describe_activations(export.activations, TYPED)
        _leave_only(folder / "export", set(manifest["files"]))
        text = json.dumps(manifest, indent=1, allow_nan=False) + "\n"
        write_whole(folder / "export" / "manifest.json", [text.encode("ascii")])
    return path


def _plan(graph: Graph, export: Export) -> str:
    """A digest of what is written and with what; whether the numbers are the same, each part finds out by itself."""
    said = [about.describe(graph, {}, export, FORMAT), pl.__version__, TILE, PART]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def _write_edges(graph: Graph, export: Export, folder: Path) -> list[Entry]:
    """What the manifest says of each part, in their order."""
    cutting = Cutting(graph, export, folder)
    for block in graph.blocks:
        (folder / "export" / "edges" / f"layer={partition(block.target)}").mkdir(parents=True, exist_ok=True)
    entries: list[Entry] = []
    total = export.edges(graph) if export.progress else 0
    done = 0
    for number, made in all_made(cutting.parts(), export.executor):
        if made.rows:
            entries.append({**made._asdict(), "block": number})
        done += made.rows
        if export.progress:
            export.progress(done, total)
    return sorted(entries, key=lambda entry: int(Path(entry["file"]).stem.removeprefix("part-"))) or [
        _no_edges(graph, folder, made_columns(export.profile))
    ]


def _no_edges(graph: Graph, folder: Path, made: dict[str, str]) -> Entry:
    """A part without rows, so that the table can be read at all."""
    none, columns = np.zeros(0), number_types(graph)
    part = Part("", "", Listed(()), "none", ("none",), columns, vertex_type(graph), made)
    ends = none.astype(part.vertex)
    table = frame(part, Edges(ends, ends, none, dict.fromkeys(columns, none)))
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    file = f"edges/layer={NOWHERE}/part-00000.parquet"
    path = folder / "export" / file
    remove(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    size = write_whole(path, [buffer.getbuffer()])
    sha = hashlib.sha256(buffer.getbuffer()).hexdigest()
    return {"file": file, "rows": 0, "bytes": size, "sha256": sha, "block": -1}


def _leave_only(export: Path, files: set[str]) -> None:
    """Remove what an earlier run left that this one has no use for."""
    for folder, _, names in os.walk(export, topdown=False):
        at = Path(folder)
        for name in names:
            if (at / name).relative_to(export).as_posix() not in files:
                remove(at / name)
        if at != export and not any(at.iterdir()):
            at.rmdir()


def _gate_frames(graph: Graph) -> Iterator[pl.DataFrame]:
    read = [(number, block) for number, block in enumerate(graph.blocks) if not (block.gate is block.constant is None)]
    types = {name: _type([getattr(block, name) for _, block in read]) for name in ("gate", "constant")}
    for number, block in read:
        size, what = block.shape[1], f"block {block.source} -> {block.target}"
        columns = {"block": np.full(size, number, dtype=np.int32), "source": _vertices(graph, block)}
        frame = pl.DataFrame(columns)
        for name, dtype in types.items():
            values = getattr(block, name)
            held = None if values is None else about.written(np.asarray(values), f"{name} of {what}")
            series = pl.Series([None], dtype=dtype).new_from_index(0, size) if held is None else pl.Series(held)
            frame = frame.with_columns(series.cast(dtype).alias(name))
        yield frame


def _type(arrays: list[Any]) -> Any:
    single = all(array is None or np.asarray(array).dtype in (np.float16, np.float32) for array in arrays)
    return pl.Float32 if single else pl.Float64


def _vertices(graph: Graph, block: Block) -> np.ndarray[Any, Any]:
    layer = graph.layer(block.source)
    return np.arange(layer.start, layer.stop).astype(vertex_type(graph))


class _Tables:
    """Writes the tables beside the edges, each streamed into one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.entries: dict[str, Entry] = {}
        """Name -> rows, bytes, sha256."""

    def write(self, name: str, schema: pl.Schema, frames: Callable[[], Iterator[pl.DataFrame]]) -> None:
        """Write one table."""
        rows = 0

        def counted(*_: Any) -> Iterator[pl.DataFrame]:
            nonlocal rows
            for piece in frames():
                rows += len(piece)
                yield piece

        path = self._folder / "making" / name
        with _Hashed(path) as file:
            table = register_io_source(counted, schema=schema)
            to = cast(IO[bytes], file)
            file.take(lambda: table.sink_parquet(to, compression="zstd", row_group_size=VERTICES))
        os.replace(path, self._folder / "export" / name)
        self.entries[name] = {"rows": rows, "bytes": file.size, "sha256": file.sha.hexdigest()}


class _Hashed(io.RawIOBase):
    """A file that hashes what is written to it, and keeps the error that others would word anew."""

    def __init__(self, path: Path) -> None:
        self.sha = hashlib.sha256()
        self.size = 0
        self._error: OSError | None = None
        self._number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)

    def writable(self) -> bool:
        return True

    def write(self, piece: Any, /) -> int:
        try:
            size = append(self._number, piece)
        except OSError as error:
            self._error = error
            raise
        self.sha.update(piece)
        self.size += size
        return size

    def take(self, writing: Callable[[], object]) -> None:
        """Let it be written, then synchronise it."""
        try:
            writing()
        except pl.exceptions.PolarsError:
            if self._error is None:
                raise
        if self._error is not None:
            raise self._error
        os.fsync(self._number)

    def close(self) -> None:
        """Also called when nothing refers to it any more."""
        if not self.closed:
            super().close()
            os.close(self._number)
