"""CSV that others read back as it was: quoting, and a stream that is hashed while it is written."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from netgraph.errors import TableError
from netgraph.graph.formats.disk import append
from netgraph.graph.formats.system import start_writeback

Array = np.ndarray[Any, Any]

Entry = dict[str, Any]
"""What the manifest says of a file: rows, bytes, sha256."""

_PIECE = 1 << 20


def quoted(frame: pl.DataFrame) -> pl.DataFrame:
    """Text as CSV fields: in quotes where it needs them, empty text as ``""``; null stays null, numbers stay numbers.

    Quoting each id once, rather than at both ends of each of its edges, makes writing edges faster by a third.

    >>> quoted(pl.DataFrame({"id": ["fc1:0", "conv:1,2,3", "", None]}))["id"].to_list()
    ['fc1:0', '"conv:1,2,3"', '""', None]
    """
    text = pl.col(pl.String)
    plain = (text.str.len_bytes() > 0) & ~text.str.contains(r'[,"\r\n]')
    inside = text.str.replace_all('"', '""', literal=True)
    return frame.with_columns(pl.when(plain).then(text).otherwise(pl.lit('"') + inside + pl.lit('"')))


class TableWriter:
    """Writes tables while another thread hashes them and sends them to the disk.

    ``with TableWriter(folder) as writer: writer.write(…)``, then ``writer.entries()`` says what the manifest must.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1)
        self._open = contextlib.ExitStack()
        self._finished: dict[str, Future[Entry]] = {}

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True)
        self._open.close()

    def write(self, name: str, columns: list[str], frames: Iterable[pl.DataFrame]) -> None:
        """Write frames of numbers and :func:`quoted` text below one header, in one pass.

        Floats get the fewest digits that read back to the same bits, always with a point or an exponent.
        """
        number = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        self._open.callback(os.close, number)
        digest, rows, size = hashlib.sha256(), 0, 0

        def add(piece: memoryview | bytes) -> None:
            nonlocal size
            digest.update(piece)
            size += append(number, piece)
            start_writeback(number)  # so that little is left to wait for at the end

        def finish() -> Entry:
            os.fsync(number)
            return {"rows": rows, "bytes": size, "sha256": digest.hexdigest()}

        header = quoted(pl.DataFrame({"": pl.Series(columns, dtype=pl.String)})).to_series().to_list()
        pending: Future[None] = self._thread.submit(add, (",".join(header) + "\n").encode())
        for frame in frames:
            buffer = io.BytesIO()
            frame.write_csv(buffer, include_header=False, quote_style="never")
            rows += len(frame)
            pending.result()  # so that no more than two pieces wait in memory
            pending = self._thread.submit(add, buffer.getbuffer())
        pending.result()
        self._finished[name] = self._thread.submit(finish)

    def entries(self) -> dict[str, Entry]:
        """Name of each file -> its rows, bytes and sha256."""
        return {name: entry.result() for name, entry in self._finished.items()}


def check_file(path: Path, entry: Entry) -> None:
    """Refuse a file that is missing, or not the one that was written."""
    if not path.is_file():
        raise TableError(f"{path} is missing, though the manifest lists it")
    if path.stat().st_size != entry["bytes"]:
        raise TableError(f"{path} has {path.stat().st_size:,} bytes, expected {entry['bytes']:,}: {_MEND}")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    if digest.hexdigest() != entry["sha256"]:
        raise TableError(f"{path} is not the file that was written (its sha256 differs): {_MEND}")


_MEND = "it was cut or edited; write the graph again, or build one from the edited tables with Graph.from_pandas"


def read_table(path: Path, entry: Entry, types: dict[str, Any]) -> pl.DataFrame:
    """The columns named in ``types``, after :func:`check_file`; the number of rows must be the manifest's.

    A lone empty field is null, ``""`` empty text.
    """
    check_file(path, entry)
    there = {name: _as_polars_says(name, header(path)) for name in types}
    try:
        frame = pl.read_csv(
            path,
            columns=list(there.values()),
            schema_overrides={there[name]: kind for name, kind in types.items()},
            infer_schema=False,
        ).rename({said: name for name, said in there.items()})
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        reason = str(error).split("\n", 1)[0]
        raise TableError(f"{path} cannot be read: {reason}") from error
    if len(frame) != entry["rows"]:
        raise TableError(f"{path} has {len(frame):,} rows, the manifest says {entry['rows']:,}")
    return frame


def header(path: Path) -> list[str]:
    """The names of a table's columns."""
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file), [])


def _as_polars_says(name: str, names: list[str]) -> str:
    """polars 1 keeps the quotes inside a column's name doubled, as the file has them."""
    return name.replace('"', '""') if '"' in name and name in names else name
