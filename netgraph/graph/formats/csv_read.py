"""Reading the CSV folder back, distrusting what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from netgraph.errors import GraphError, NoActivations, TableError
from netgraph.graph import blocks as ops
from netgraph.graph.formats import manifest as about
from netgraph.graph.formats import starter
from netgraph.graph.formats.swap import recover
from netgraph.graph.formats.tables import check_file, header, read_table
from netgraph.graph.formats.text import clean_csv, restore
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.graph.tables import POSITIONS

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

TYPES: dict[str, Any] = {
    "text": pl.String,
    "bool": pl.Boolean,
    "float16": pl.Float32,
    "float32": pl.Float32,
    "float64": pl.Float64,
    **{f"{sign}int{bits}": getattr(pl, f"{sign.upper()}Int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
"""Type of a vertex column in the manifest -> how its text is parsed."""


def read(path: Path) -> Graph:
    """See :func:`netgraph.read_graph`."""
    recover(path)
    if not (path / "manifest.json").exists() and (pair := starter.find(path)):
        return starter.read(*pair)
    manifest = about.load(path)
    try:
        layers = about.layers(manifest)
        ids, columns = _vertices(path, manifest, sum(layer.size for layer in layers))
        blocks = _blocks(path, manifest, {layer.name: layer for layer in layers}, ids)
        return Graph(layers, blocks, columns, about.restored(manifest["meta"]))
    except (KeyError, TypeError) as error:
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
    if not (path / "manifest.json").exists() and starter.find(path):
        raise NoActivations(f"{path} holds no activations: it is a plain pair of tables")
    manifest, at = about.load(path), path / "activations.csv"
    if "activations" not in manifest:
        raise NoActivations(f"{path} holds no activations; write them with write_graph(..., activations=)")
    said, entry = manifest["activations"], manifest["files"]["activations.csv"]
    check_file(at, entry)
    names = header(at)[1:]
    frame = read_table(at, entry, {"input": pl.String, **dict.fromkeys(names, _parsed([said["dtype"]]))})
    return about.activations_of(said, frame.drop("input").to_numpy(), names, frame["input"].to_list())


def _vertices(folder: Path, manifest: about.Manifest, n: int) -> tuple[pl.Series, dict[str, Array]]:
    kinds: dict[str, str] = manifest["columns"]
    called = {name: in_file(manifest, name) for name in kinds}
    types = {"id": pl.String, **{called[name]: _parsed_as(name, kind) for name, kind in kinds.items()}}
    frame = read_table(folder / "vertices.csv", manifest["files"]["vertices.csv"], types)
    if len(frame) != n:
        raise TableError(f"{folder}/vertices.csv has {len(frame):,} rows, its layers hold {n:,} vertices")
    ids = frame["id"]
    if ids.null_count() or ids.n_unique() < n:
        twice = ids.filter(ids.is_duplicated())
        what = "a vertex without an id" if ids.null_count() else f"vertex id {twice[0]!r} more than once"
        raise TableError(f"{folder}/vertices.csv holds {what}")
    columns = {name: column(frame[called[name]], name, kind) for name, kind in kinds.items()}
    for name, were in manifest.get("replaced", {}).items():
        restore(columns[name], were)
    return ids, columns


def in_file(manifest: about.Manifest, name: str) -> str:
    """What the tables call a column; before text was cleaned, the same."""
    return clean_csv(name) if "replaced" in manifest else name


def _parsed_as(name: str, kind: str) -> Any:
    return pl.Int64 if name in POSITIONS else TYPES[kind]


def column(series: pl.Series, name: str, kind: str) -> Array:
    if kind == "text":
        return np.array(series.to_list(), dtype=object)
    if name in POSITIONS:
        series = series.fill_null(-1)
    return series.to_numpy().astype(kind)


def _blocks(folder: Path, manifest: about.Manifest, layers: dict[str, Layer], ids: pl.Series) -> tuple[Block, ...]:
    at, entries = folder / "edges.csv", manifest["blocks"]
    names = list(dict.fromkeys(name for entry in entries for name in entry["values"]))
    vertex = pl.Enum(ids)  # an end that is no vertex cannot be parsed
    called = called_in(manifest)
    ends = [called["source"], called["target"]]
    types: dict[str, Any] = dict.fromkeys(ends, vertex)
    types[called["weight"]] = _parsed([e["dtype"] for e in entries])
    held = {in_file(manifest, name): name for name in names}
    types |= {said: _parsed([e["values"][n] for e in entries if n in e["values"]]) for said, n in held.items()}
    frame = read_table(at, manifest["files"]["edges.csv"], types).rename(held)
    frame = frame.with_columns(pl.col(ends).to_physical())
    return blocks_of(at, manifest, layers, frame, _gates(folder, manifest, layers))


def called_in(manifest: about.Manifest) -> dict[str, str]:
    """What the profile calls the ends and the weight of an edge (nothing else, before there were profiles)."""
    called: dict[str, str] = manifest.get("edge_columns", {})
    return {name: name for name in ("source", "target", "weight")} | called


def blocks_of(
    at: Path,
    manifest: about.Manifest,
    layers: dict[str, Layer],
    frame: pl.DataFrame,
    gates: dict[int, dict[str, Array]],
) -> tuple[Block, ...]:
    """The blocks whose edges the rows of a table are, one block after the other; ends are vertex numbers."""
    entries, called = manifest["blocks"], called_in(manifest)
    expected = sum(entry["rows"] for entry in entries)
    if len(frame) != expected:
        raise TableError(f"{at} has {len(frame):,} rows, its blocks {expected:,}")
    first, blocks = 0, []
    for number, entry in enumerate(entries):
        rows = frame.slice(first, entry["rows"])
        source = _places(at, rows[called["source"]], layers[entry["source"]])
        target = _places(at, rows[called["target"]], layers[entry["target"]])
        blocks.append(_block(at, entry, layers, target, source, rows[called["weight"]], rows, gates.get(number, {})))
        first += entry["rows"]
    return tuple(blocks)


def _block(
    at: Path,
    entry: dict[str, Any],
    layers: dict[str, Layer],
    target: Array,
    source: Array,
    weights: pl.Series,
    rows: pl.DataFrame,
    gates: dict[str, Array],
) -> Block:
    shape = (layers[entry["target"]].size, layers[entry["source"]].size)
    assemble = ops.LAYOUTS[entry["layout"]].assemble
    weight = assemble(shape, target, source, _numbers(weights, entry["dtype"]))
    if ops.count(weight) != len(rows) or not _all_differ(shape, target, source):
        raise TableError(f"{at} holds an edge from {entry['source']} to {entry['target']} twice, or one that weighs 0")
    values = {
        name: assemble(shape, target, source, _numbers(rows[name], dtype)) for name, dtype in entry["values"].items()
    }
    shared = entry.get("shared_with")  # absent before it was recorded
    return Block(entry["source"], entry["target"], entry["kind"], weight, values, **gates, shared_with=shared)


def _all_differ(shape: tuple[int, int], target: Array, source: Array) -> bool:
    key = target * shape[1] + source
    return bool((key[1:] > key[:-1]).all()) or len(np.unique(key)) == len(key)


def _places(at: Path, numbers: pl.Series, layer: Layer) -> Array:
    """Where in its layer each end lies."""
    if numbers.null_count():
        raise TableError(f"{at} has {numbers.null_count()} edges without a {numbers.name}")
    places = numbers.to_numpy().astype(np.int64) - layer.start
    if len(places) and (places.min() < 0 or places.max() >= layer.size):
        row = int(np.flatnonzero((places < 0) | (places >= layer.size))[0])
        raise TableError(f"{at}: vertex {row} of a block's {numbers.name}s is none of layer {layer.name!r}")
    return places


def _gates(folder: Path, manifest: about.Manifest, layers: dict[str, Layer]) -> dict[int, dict[str, Array]]:
    """Number of a block -> its gate and constant, where it has them."""
    files = manifest["files"]
    if "gates.csv" not in files:
        return {}
    types = {"block": pl.Int64, "gate": pl.String, "constant": pl.String}
    frame, first, gates = read_table(folder / "gates.csv", files["gates.csv"], types), 0, {}
    for number, entry in enumerate(manifest["blocks"]):
        there = {name: entry[name] for name in ("gate", "constant") if entry[name] is not None}
        if there:
            rows = frame.slice(first, layers[entry["source"]].size)
            gates[number] = {name: _numbers(rows[name], dtype) for name, dtype in there.items()}
            first += len(rows)
    return gates


def _parsed(dtypes: list[str]) -> Any:
    """How to parse a column of edges: as the one type that its blocks share, or later, block by block, from text.

    The shortest text of a float32 must not be parsed as a float64 and rounded again.
    """
    kinds = {TYPES[dtype] if dtype.startswith("float") else pl.Float64 for dtype in dtypes}
    return kinds.pop() if len(kinds) == 1 else pl.String


def _numbers(series: pl.Series, dtype: str) -> Array:
    if series.dtype == pl.String:
        series = series.cast(_parsed([dtype]))
    return series.to_numpy().astype(dtype, copy=False)
