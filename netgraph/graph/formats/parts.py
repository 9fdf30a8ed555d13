"""Parts of an edge table: each made by itself, anywhere, as often as one likes, always with the same result.

A part holds what it is made of (rows of a block), so that it can be sent to another process or machine. It is written
under another name, synchronised and renamed; a note beside it says that it is whole, and of what it was made.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import scipy.sparse as sp

from netgraph.errors import NetgraphError, NonFiniteError
from netgraph.graph import blocks as ops
from netgraph.graph.formats.disk import write_whole
from netgraph.graph.formats.manifest import written
from netgraph.graph.formats.profiles import OF_WEIGHT

Array = np.ndarray[Any, Any]
Operator = Any

TILE = 1_000_000
"""Edges listed at a time, and rows of a group of the Parquet file."""
_PIECE = 1 << 20


class Edges(NamedTuple):
    """Some edges: vertex numbers, weights, values."""

    source: Array
    target: Array
    weight: Array
    values: Mapping[str, Array]


@dataclass(frozen=True)
class Rows:
    """Rows of a block as they are held; the edges are listed where the part is made.

    Attributes
    ----------
    weight, values : the operators; cut to the rows in question where that can be done.
    cuts : runs of rows (first, last) of the operators, each listed at once.
    source, target : numbers of the vertices of column 0 and row 0.
    token : a digest of operators that are not cut; "" where they are.
    home : number of the process that cut them.
    """

    weight: Operator
    values: Mapping[str, Operator]
    cuts: tuple[tuple[int, int], ...]
    source: int
    target: int
    token: str = ""
    home: int = field(default_factory=os.getpid)

    def edges(self, vertex: str) -> Iterator[Edges]:
        """Their edges, a cut at a time, with vertex numbers of that type."""
        weight, values = _known(self)
        for first, last in self.cuts:
            if isinstance(weight, np.ndarray) and np.count_nonzero(weight[first:last]) == weight[first:last].size:
                columns = np.arange(self.source, self.source + weight.shape[1], dtype=vertex)
                rows = np.arange(self.target + first, self.target + last, dtype=vertex)
                source, target = np.tile(columns, len(rows)), np.repeat(rows, len(columns))  # where no weight is 0
                listed = {name: value[first:last].reshape(-1) for name, value in values.items()}
                yield Edges(source, target, weight[first:last].reshape(-1), listed)
                continue
            tile = ops.Tile(*ops.kind_of(weight).positions(weight, first, last))
            listed = {name: ops.entries(value, tile) for name, value in values.items()}
            source, target = (tile.source + self.source).astype(vertex), (tile.target + self.target).astype(vertex)
            yield Edges(source, target, ops.entries(weight, tile), listed)

    def digest(self, sha: Any) -> None:
        """Feed what they say to a hash."""
        sha.update(json.dumps([self.cuts, self.source, self.target, self.token, list(self.values)]).encode())
        for operator in () if self.token else (self.weight, *self.values.values()):
            digest_operator(sha, operator)


@dataclass(frozen=True)
class Listed:
    """Edges that are listed already: a choice of a block's, or those of what cannot be cut."""

    pieces: tuple[Edges, ...]

    def edges(self, vertex: str) -> Iterator[Edges]:
        """Them; their vertex numbers have that type already."""
        return iter(self.pieces)

    def digest(self, sha: Any) -> None:
        """Feed what they say to a hash."""
        for piece in self.pieces:
            for array in (piece.source, piece.target, piece.weight, *piece.values.values()):
                digest_array(sha, array)


@dataclass(frozen=True)
class Part:
    """One file of edges.

    Attributes
    ----------
    folder : where the export is gathered; see :mod:`netgraph.graph.formats.staging`.
    file : its name in the export.
    held : its edges.
    kind : of its block; ``kinds`` those of all.
    columns : what is made of the weight: name of a column -> a quantity of :data:`~.profiles.QUANTITIES`.
    numbers : type of the weight and of every value that any block has.
    vertex : type of vertex numbers.
    what : its block, for errors.
    """

    folder: str
    file: str
    held: Rows | Listed
    kind: str
    kinds: tuple[str, ...]
    numbers: Mapping[str, str]
    vertex: str
    columns: Mapping[str, str]
    what: str = ""

    @property
    def name(self) -> str:
        """Of the part alone: ``part-00007``."""
        return Path(self.file).stem

    def digest(self) -> str:
        """Of all that decides what is in the file."""
        sha = hashlib.sha256(pl.__version__.encode())
        sha.update(
            json.dumps([self.file, self.kind, self.kinds, dict(self.numbers), dict(self.columns), self.vertex]).encode()
        )
        self.held.digest(sha)
        return sha.hexdigest()


class Made(NamedTuple):
    """A part that is whole. One without rows has no file."""

    file: str
    rows: int
    bytes: int
    sha256: str


class Failed(NamedTuple):
    """A part that could not be made, and why: what the executor itself raises is another matter."""

    error: Exception


def make(part: Part) -> Made | Failed:
    """Write a part, unless it is there and whole."""
    try:
        content = part.digest()
        return _whole(part, content) or _write(part, content)
    except (OSError, NetgraphError) as error:
        return Failed(error)


def frame(part: Part, edges: Edges) -> pl.DataFrame:
    """Edges as rows of the table."""
    bad = len(edges.weight) - int(np.count_nonzero(np.isfinite(edges.weight)))
    if bad:
        raise NonFiniteError(
            f"{part.what}: {bad:,} of {len(edges.weight):,} weights in a row of it are NaN or infinite; "
            "expected finite weights: a model that diverged cannot be written"
        )
    kind = pl.Series([part.kind], dtype=pl.Enum(part.kinds))
    columns: dict[str, Any] = {"source": edges.source, "target": edges.target}
    weight = written(edges.weight, f"weight of {part.what}").astype(part.numbers["weight"], copy=False)
    columns |= {name: OF_WEIGHT[quantity](weight) for name, quantity in part.columns.items()}
    for name, type_ in part.numbers.items():
        if name == "weight":
            continue
        numbers = edges.values.get(name)
        if numbers is None:
            dtype = {"float32": pl.Float32, "float64": pl.Float64}[type_]
            columns[name] = pl.Series([None], dtype=dtype).new_from_index(0, len(edges.source))
        else:
            columns[name] = written(numbers, f"{name} of {part.what}").astype(type_, copy=False)
    columns["kind"] = kind.new_from_index(0, len(edges.source))
    return pl.DataFrame(columns)


def _write(part: Part, content: str) -> Made:
    frames = [frame(part, edges) for edges in part.held.edges(part.vertex) if len(edges.source)]
    if not frames:
        return Made(part.file, 0, 0, "")
    table = pl.concat(frames, rechunk=False)
    del frames
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd", compression_level=1, row_group_size=TILE)
    rows = len(table)
    del table
    data = buffer.getbuffer()
    made = Made(part.file, rows, len(data), hashlib.sha256(data).hexdigest())
    folder = Path(part.folder)
    _put(folder, data, folder / "export" / part.file)
    note = json.dumps({"content": content, **made._asdict()}).encode()
    _put(folder, note, folder / "done" / f"{part.name}.json")
    return made


def _put(folder: Path, data: Any, path: Path) -> None:
    making = folder / "making" / f"{path.name}-{os.getpid()}-{secrets.token_hex(4)}"
    write_whole(making, [data])
    try:
        os.replace(making, path)
    except OSError:
        making.unlink(missing_ok=True)
        raise


def _whole(part: Part, content: str) -> Made | None:
    """What the note says, if it is about this very part and the file is what it says."""
    folder = Path(part.folder)
    try:
        note = json.loads((folder / "done" / f"{part.name}.json").read_bytes())
        if note.pop("content") != content:
            return None
        made = Made(**note)
        sha = hashlib.sha256()
        with (folder / "export" / part.file).open("rb") as file:
            while piece := file.read(_PIECE):
                sha.update(piece)
            size = file.tell()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # not there, cut, or of another version
        return None
    return made if (size, sha.hexdigest()) == (made.bytes, made.sha256) else None


# -- what is sent only once -----------------------------------------------------------------------------------

_KNOWN: dict[str, tuple[Operator, Mapping[str, Operator]]] = {}
"""Token -> operators: what a convolution works out about itself is kept for the next part of its block."""


def _known(rows: Rows) -> tuple[Operator, Mapping[str, Operator]]:
    if not rows.token or rows.home == os.getpid():
        return rows.weight, rows.values
    if rows.token not in _KNOWN:
        _KNOWN.clear()
        _KNOWN[rows.token] = rows.weight, rows.values
    return _KNOWN.get(rows.token, (rows.weight, rows.values))


def digest_operator(sha: Any, operator: Operator) -> None:
    """Feed an operator to a hash: its numbers and where they lie."""
    if sp.issparse(operator):
        arrays = [operator.indptr, operator.indices, operator.data]
    elif isinstance(operator, np.ndarray):
        arrays = [operator]
    else:
        said = {part.name: getattr(operator.pattern, part.name) for part in fields(operator.pattern)}
        arrays = [value for value in said.values() if isinstance(value, np.ndarray)]
        arrays += [operator.kernel, operator.rows, operator.columns, operator.data]
        sha.update(repr([value for value in said.values() if not isinstance(value, np.ndarray)]).encode())
    for array in arrays:
        if array is None:
            sha.update(b"none")
        else:
            digest_array(sha, array)


def digest_array(sha: Any, array: Array) -> None:
    """Feed an array to a hash."""
    sha.update(f"{array.dtype}{array.shape}".encode())
    sha.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
