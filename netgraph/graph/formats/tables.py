"""CSV that others read back as it was: quoting, and a stream that is hashed while it is written."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from netgraph.errors import TableError

Array = np.ndarray[Any, Any]

Entry = dict[str, Any]
"""What the manifest says of a file: rows, bytes, sha256."""

_PIECE = 1 << 20


def quoted(text: pl.Series) -> pl.Series:
    """Text as a CSV field: in quotes where it needs them, empty text as ``""``; null stays null.

    Quoting the few ids of a layer once, rather than each of its edges' ends, makes writing edges faster by a half.

    >>> quoted(pl.Series(["fc1:0", "conv:1,2,3", "", None])).to_list()
    ['fc1:0', '"conv:1,2,3"', '""', None]
    """
    inside = text.str.replace_all('"', '""', literal=True)
    plain = (text.str.len_bytes() > 0) & ~text.str.contains(r'[,"\r\n]')
    return pl.select(pl.when(plain).then(text).otherwise(pl.lit('"') + inside + pl.lit('"'))).to_series()


def write_table(path: Path, columns: list[str], frames: Iterable[pl.DataFrame]) -> Entry:
    """Write frames of numbers and :func:`quoted` text below one header, in one pass, while another thread hashes.

    Floats are written with the fewest digits that read back to the same bits, always with a point or an exponent.
    """
    digest, rows = hashlib.sha256(), 0
    header = ",".join(quoted(pl.Series(columns, dtype=pl.String)).to_list()) + "\n"
    with path.open("wb") as file, ThreadPoolExecutor(1) as writer:

        def append(piece: memoryview | bytes) -> None:
            digest.update(piece)
            file.write(piece)

        pending: Future[None] = writer.submit(append, header.encode())
        for frame in frames:
            buffer = io.BytesIO()
            frame.write_csv(buffer, include_header=False, quote_style="never")
            rows += len(frame)
            pending.result()
            pending = writer.submit(append, buffer.getbuffer())
        pending.result()
        size = file.tell()
    return {"rows": rows, "bytes": size, "sha256": digest.hexdigest()}


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
    try:
        frame = pl.read_csv(path, columns=list(types), schema_overrides=types, infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        reason = str(error).split("\n", 1)[0]
        raise TableError(f"{path} cannot be read: {reason}") from error
    if len(frame) != entry["rows"]:
        raise TableError(f"{path} has {len(frame):,} rows, the manifest says {entry['rows']:,}")
    return frame
