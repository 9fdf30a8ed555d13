"""Reading the Parquet folder back, distrusting what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from netgraph.errors import GraphError, NoActivations, TableError
from netgraph.graph import blocks as ops
from netgraph.graph.formats import manifest as about
from netgraph.graph.formats.csv_read import called_in
from netgraph.graph.formats.manifest import PARQUET
from netgraph.graph.formats.swap import recover
from netgraph.graph.formats.tables import Entry, check_file
from netgraph.graph.formats.text import clean, restore
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.graph.tables import POSITIONS

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]


def read(path: Path) -> Graph:
    """See :func:`netgraph.read_graph`."""
    recover(path)
    manifest = about.load(path, PARQUET)
    try:
        layers = about.layers(manifest)
        columns = _columns(path, manifest, sum(layer.size for layer in layers))
        blocks = _blocks(path, manifest, {layer.name: layer for layer in layers})
        return Graph(layers, blocks, columns, about.restored(manifest["meta"]))
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise TableError(f"{path}/manifest.json is incomplete or changed ({error!r}); write the graph again") from error
    except TableError:
        raise
    except GraphError as error:
        raise TableError(f"{path} holds a graph that contradicts itself: {error}") from error
    except ValueError as error:
        raise TableError(f"{path}/manifest.json was changed ({error}); write the graph again") from error


def read_activations(path: Path) -> pd.DataFrame:
    """See :func:`netgraph.graph.formats.read_activations`."""
    recover(path)
    manifest = about.load(path, PARQUET)
    if "activations" not in manifest:
        raise NoActivations(f"{path} holds no activations; write them with write_graph(..., activations=)")
    said = manifest["activations"]
    frame = _table(path, manifest, "activations.parquet")
    values = frame.drop("input")
    return about.activations_of(said, values.to_numpy(), values.columns, frame["input"].to_list())


def _table(folder: Path, manifest: about.Manifest, name: str, columns: list[str] | None = None) -> pl.DataFrame:
    entry: Entry = manifest["files"][name]
    path = folder / name
    check_file(path, entry)
    try:
        frame = pl.read_parquet(path, columns=columns, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        raise TableError(f"{path} cannot be read: {reason}") from error
    if len(frame) != entry["rows"]:
        raise TableError(f"{path} has {len(frame):,} rows, the manifest says {entry['rows']:,}")
    return frame


def _columns(folder: Path, manifest: about.Manifest, n: int) -> dict[str, Array]:
    kinds: dict[str, str] = manifest["columns"]
    called = {name: in_file(manifest, name) for name in kinds}
    frame = _table(folder, manifest, "vertices.parquet", list(dict.fromkeys(["id", *called.values()])))
    if len(frame) != n:
        raise TableError(f"{folder}/vertices.parquet has {len(frame):,} rows, its layers hold {n:,} vertices")
    columns = {name: _column(frame[called[name]], name, kind) for name, kind in kinds.items()}
    for name, were in manifest.get("replaced", {}).items():
        restore(columns[name], were)
    return columns


def in_file(manifest: about.Manifest, name: str) -> str:
    """What the tables call a column; before text was cleaned, the same."""
    return clean(name) if "replaced" in manifest else name


def _column(series: pl.Series, name: str, kind: str) -> Array:
    if kind == "text":
        return np.array(series.to_list(), dtype=object)
    if name in POSITIONS:
        series = series.fill_null(-1)
    return series.to_numpy().astype(kind)


def _blocks(folder: Path, manifest: about.Manifest, layers: dict[str, Layer]) -> tuple[Block, ...]:
    gates = _gates(folder, manifest, layers)
    files: dict[int, list[str]] = {}
    for part in manifest["parts"]:
        files.setdefault(part["block"], []).append(part["file"])
    return tuple(
        _block(folder, manifest, entry, layers, files.get(number, []), gates.get(number, {}))
        for number, entry in enumerate(manifest["blocks"])
    )


def _block(
    folder: Path,
    manifest: about.Manifest,
    entry: dict[str, Any],
    layers: dict[str, Layer],
    files: list[str],
    gates: dict[str, Array],
) -> Block:
    """A block from its parts: a dense one is filled part by part, so that no list of all its edges is ever made."""
    to, since = layers[entry["target"]], layers[entry["source"]]
    shape = (to.size, since.size)
    types = {"weight": entry["dtype"], **entry["values"]}
    dense = entry["layout"] == "dense"
    arrays = {name: np.zeros(shape if dense else entry["rows"], dtype=dtype) for name, dtype in types.items()}
    width = np.int32 if max(shape) < 2**31 else np.int64
    ends = [np.zeros(0 if dense else entry["rows"], dtype=width) for _ in range(2)]
    first = 0
    for file in files:
        held = {in_file(manifest, name): name for name in entry["values"]} | {called_in(manifest)["weight"]: "weight"}
        frame = _table(folder, manifest, file, ["source", "target", *held]).rename(held)
        last = first + len(frame)
        if last > entry["rows"]:
            break
        target, source = _places(folder / file, frame["target"], to), _places(folder / file, frame["source"], since)
        if not dense:
            ends[0][first:last], ends[1][first:last] = target, source
        at: Any = (target, source) if dense else slice(first, last)
        for name, dtype in types.items():
            if frame[name].null_count():
                raise TableError(f"{folder / file} has {frame[name].null_count()} edges without {name!r}")
            arrays[name][at] = frame[name].to_numpy().astype(dtype, copy=False)
        first = last
    held = sum(manifest["files"][file]["rows"] for file in files)
    what = f"the edges from {entry['source']} to {entry['target']} in {folder}"
    if held != entry["rows"]:
        raise TableError(f"{what} have {held:,} rows, the manifest says {entry['rows']:,}")
    if not dense:
        assemble = ops.LAYOUTS[entry["layout"]].assemble
        if _any_twice(shape, ends[0], ends[1]):
            raise TableError(f"{what} hold an edge twice")
        arrays = {name: assemble(shape, ends[0], ends[1], values) for name, values in arrays.items()}
    if ops.count(arrays["weight"]) != held:
        raise TableError(f"{what} hold an edge twice, or one that weighs 0")
    weight = arrays.pop("weight")
    shared = entry.get("shared_with")
    return Block(entry["source"], entry["target"], entry["kind"], weight, arrays, **gates, shared_with=shared)


def _any_twice(shape: tuple[int, int], target: Array, source: Array) -> bool:
    key = target.astype(np.int64) * shape[1] + source
    return not bool((key[1:] > key[:-1]).all()) and len(np.unique(key)) < len(key)


def _places(at: Path, numbers: pl.Series, layer: Layer) -> Array:
    """Where in its layer each end lies."""
    if numbers.null_count():
        raise TableError(f"{at} has {numbers.null_count()} edges without {numbers.name}")
    places: Array = numbers.to_numpy() - layer.start
    if len(places) and (places.min() < 0 or places.max() >= layer.size):
        row = int(np.flatnonzero((places < 0) | (places >= layer.size))[0])
        raise TableError(f"{at}: row {row}, {numbers.name} {numbers[row]} is no vertex of layer {layer.name!r}")
    return places


def _gates(folder: Path, manifest: about.Manifest, layers: dict[str, Layer]) -> dict[int, dict[str, Array]]:
    """Number of a block -> its gate and constant, where it has them."""
    if "gates.parquet" not in manifest["files"]:
        return {}
    frame, first, gates = _table(folder, manifest, "gates.parquet"), 0, {}
    for number, entry in enumerate(manifest["blocks"]):
        there = {name: entry[name] for name in ("gate", "constant") if entry[name] is not None}
        if there:
            rows = frame.slice(first, layers[entry["source"]].size)
            gates[number] = {name: rows[name].to_numpy().astype(dtype) for name, dtype in there.items()}
            first += len(rows)
    return gates
