"""One file of numpy arrays, a zip archive as ``numpy.load`` reads it, with ``manifest.json`` inside.

Blocks are held as they are: dense arrays, lists of edges, and implicit convolutions by their kernel, pattern and
factors. An array that several operators share is there once. Nothing in it is pickled.
"""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from netgraph.errors import GraphError, NoActivations, NonFiniteError, TableError
from netgraph.graph.columns import plain_column
from netgraph.graph.convolution import Convolution
from netgraph.graph.formats import manifest as about
from netgraph.graph.formats.csv import activation_frame
from netgraph.graph.formats.export import Export
from netgraph.graph.formats.single import check_is_file, writing
from netgraph.graph.formats.text import AS_IT_IS, TYPED, cleaned
from netgraph.graph.graph import Block, Graph
from netgraph.graph.sliding import Geometry, Sliding
from netgraph.graph.tables import id_series
from netgraph.graph.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

FORMAT = "netgraph-npz"
MANIFEST = "manifest.json"
TYPES: dict[str, type] = {cls.__name__: cls for cls in (Convolution, Sliding, Tokens, Geometry)}
"""Dataclasses that an operator may be made of, held field by field."""


def write(graph: Graph, path: Path, export: Export) -> Path:
    """See :func:`netgraph.write_graph`."""
    if export.profile.name != "default":
        raise TableError(
            f"profile {export.profile.name!r} names columns, and .npz holds whole blocks: leave the profile out, or "
            "write a folder, .parquet, .gexf or .graphml"
        )
    activations = export.activations
    if activations is not None:
        activation_frame(activations, id_series(cleaned(graph, TYPED).graph), TYPED)  # refuses what is no such table
    total, done = export.edges(graph) if export.progress else 0, 0
    with writing(path, export.overwrite) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        store = _Store(archive)
        manifest = about.describe(graph, {}, export, FORMAT)
        for number, block in enumerate(_blocks(graph, export)):
            _check_finite(block)
            manifest["blocks"][number]["arrays"] = {
                name: store.held(value)
                for name, value in (
                    ("weight", block.weight),
                    ("values", dict(block.values)),
                    *((name, getattr(block, name)) for name in ("gate", "constant")),
                )
            }
            done += block.edges if export.progress else 0
            if export.progress:
                export.progress(done, total)
            if export.kept:
                store.forget()
        manifest["vertices"] = {name: store.held(plain_column(name, values)) for name, values in graph.columns.items()}
        if activations is not None:
            manifest["activations"] = about.describe_activations(activations, AS_IT_IS) | {
                "columns": store.held(np.array([str(name) for name in activations.columns], dtype=object)),
                "labels": store.held(np.array([str(label) for label in activations.index], dtype=object)),
                "array": store.held(activations.to_numpy()),
            }
        archive.writestr(zipfile.ZipInfo(MANIFEST), json.dumps(manifest, indent=1, allow_nan=False) + "\n")
    return path


def read(path: Path) -> Graph:
    """See :func:`netgraph.read_graph`."""
    with _Archive(path) as archive:
        manifest = archive.manifest
        blocks = tuple(
            Block(
                entry["source"],
                entry["target"],
                entry["kind"],
                archive.restored(entry["arrays"]["weight"]),
                archive.restored(entry["arrays"]["values"]),
                archive.restored(entry["arrays"]["gate"]),
                archive.restored(entry["arrays"]["constant"]),
                entry["shared_with"],
            )
            for entry in manifest["blocks"]
        )
        columns = {name: archive.restored(held) for name, held in manifest["vertices"].items()}
        return Graph(about.layers(manifest), blocks, columns, about.restored(manifest["meta"]))


def read_activations(path: Path) -> pd.DataFrame:
    """See :func:`netgraph.graph.formats.read_activations`."""
    import pandas as pd

    with _Archive(path) as archive:
        if "activations" not in archive.manifest:
            raise NoActivations(f"{path} holds no activations; write them with write_graph(..., activations=)")
        said = archive.manifest["activations"]
        labels = archive.restored(said["labels"]).tolist()
        index = pd.Index([int(label) for label in labels] if said["index"] == "int64" else labels, name=said["name"])
        return pd.DataFrame(archive.restored(said["array"]), index=index, columns=archive.restored(said["columns"]))


def _blocks(graph: Graph, export: Export) -> Iterator[Block]:
    if export.kept is None:
        yield from graph.blocks
        return
    for number in range(len(graph.blocks)):
        yield export.kept.block(number)


def _check_finite(block: Block) -> None:
    weight = block.weight
    if isinstance(weight, Convolution):
        parts = [part for part in (weight.kernel, weight.rows, weight.columns, weight.data) if part is not None]
    else:
        parts = [weight.data if sp.issparse(weight) else weight]
    for part in parts:
        for first in range(0, len(part), step := max(1, (1 << 20) * len(part) // max(part.size, 1))):
            if not np.isfinite(part[first : first + step]).all():
                raise NonFiniteError(
                    f"block {block.source} -> {block.target} ({block.kind}) holds weights that are NaN or infinite; "
                    "expected finite weights: a model that diverged cannot be written"
                )


# -- what is held -------------------------------------------------------------------------------------------


class _Store:
    """Puts arrays into an archive and says, in JSON, what is made of them."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names: dict[Any, tuple[str, Array]] = {}  # the array too: so that no other takes its place in memory
        self._count = 0

    def held(self, value: Any) -> Any:
        """A value as JSON can say it; its arrays go to the archive."""
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, np.ndarray):
            return self._text(value) if value.dtype == object else {"array": self._array(value)}
        if sp.issparse(value):
            parts = {name: self._array(getattr(value, name)) for name in ("data", "indices", "indptr")}
            return {"csr": parts | {"shape": [int(n) for n in value.shape]}}
        if is_dataclass(value) and type(value).__name__ in TYPES:
            parts = {field.name: self.held(getattr(value, field.name)) for field in fields(value)}
            return {"type": type(value).__name__, "fields": parts}
        if isinstance(value, (tuple, list)):
            return [self.held(item) for item in value]
        if isinstance(value, Mapping):
            return {"dict": {name: self.held(item) for name, item in value.items()}}
        if isinstance(value, np.integer):
            return int(value)
        raise TableError(f"a {type(value).__name__} cannot be held in an .npz file; write a folder of tables")

    def forget(self) -> None:
        """Let go of the arrays that are written; equal ones later are written again."""
        self._names.clear()

    def _array(self, array: Array) -> str:
        about_it = array.__array_interface__
        key = (about_it["data"][0], array.shape, array.strides, about_it["typestr"])
        if key not in self._names:
            name = f"array_{self._count}"
            self._count += 1
            with self._archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
            self._names[key] = name, array
        return self._names[key][0]

    def _text(self, texts: Array) -> Any:
        """Texts or None: one run of UTF-8 and their lengths in bytes, -1 for None."""
        pieces = [None if text is None else str(text).encode("utf-8", "surrogatepass") for text in texts.tolist()]
        lengths = np.array([-1 if piece is None else len(piece) for piece in pieces], dtype=np.int64)
        run = np.frombuffer(b"".join(piece for piece in pieces if piece), dtype=np.uint8)
        return {"text": self._array(run), "lengths": self._array(lengths)}


class _Archive:
    """Takes them out again. As a context it turns what may be wrong with a file into one kind of error."""

    def __init__(self, path: Path) -> None:
        check_is_file(path)
        self._path = path
        self._arrays: dict[str, Array] = {}
        self._parts: dict[str, Any] = {}

    def __enter__(self) -> _Archive:
        with contextlib.ExitStack() as stack:
            try:
                self._archive = stack.enter_context(zipfile.ZipFile(self._path))
                if MANIFEST not in self._archive.namelist():
                    raise TableError(
                        f"{self._path} has no {MANIFEST} inside: it was not written by netgraph.write_graph; "
                        "weights of other tools are read by Graph.from_matrices([numpy.load(…)[name], …])"
                    )
                text = self._archive.read(MANIFEST)
            except (zipfile.BadZipFile, EOFError) as error:
                raise self._damaged(error) from error
            self.manifest = about.parsed(text, f"{self._path}: {MANIFEST}", FORMAT)
            stack.pop_all()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._archive.close()
        if isinstance(error, TableError) or error is None:
            return
        if isinstance(error, GraphError):
            raise TableError(f"{self._path} holds a graph that contradicts itself: {error}") from error
        if isinstance(error, (zipfile.BadZipFile, EOFError, KeyError, TypeError, ValueError)):
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> TableError:
        return TableError(f"{self._path} was cut or changed ({error}); write the graph again")

    def restored(self, held: Any) -> Any:
        """What :meth:`_Store.held` was given."""
        if isinstance(held, list):
            return tuple(self.restored(item) for item in held)
        if not isinstance(held, dict):
            return held
        if "array" in held:
            return self._array(held["array"])
        if "dict" in held:
            return {name: self.restored(item) for name, item in held["dict"].items()}
        if "csr" in held:
            parts = held["csr"]
            arrays = tuple(self._array(parts[name]) for name in ("data", "indices", "indptr"))
            return sp.csr_array(arrays, shape=tuple(parts["shape"]))
        if "text" in held:
            return self._text(self._array(held["text"]).tobytes(), self._array(held["lengths"]))
        key = json.dumps(held)
        if key not in self._parts:  # so that a weight and the values beside it share their pattern
            self._parts[key] = TYPES[held["type"]](
                **{name: self.restored(part) for name, part in held["fields"].items()}
            )
        return self._parts[key]

    def _array(self, name: str) -> Array:
        if name not in self._arrays:
            with self._archive.open(f"{name}.npy") as file:
                self._arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
                if file.read(1):
                    raise ValueError(f"{name} is longer than it says")
        return self._arrays[name]

    @staticmethod
    def _text(run: bytes, lengths: Array) -> Array:
        texts, at = np.empty(len(lengths), dtype=object), 0
        for i, length in enumerate(lengths.tolist()):
            if length >= 0:
                texts[i] = run[at : at + length].decode("utf-8", "surrogatepass")
                at += length
        return texts
