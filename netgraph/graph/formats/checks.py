"""What is refused before anything is written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from netgraph.errors import TableError
from netgraph.graph.formats.manifest import FORMAT, PARQUET
from netgraph.graph.graph import Graph
from netgraph.graph.names import MISREAD

FILES = {"vertices.csv", "edges.csv", "gates.csv", "activations.csv", "manifest.json"}
"""All that a folder of CSV tables may hold for it to be replaced."""

OURS: dict[str, re.Pattern[str]] = {
    FORMAT: re.compile("|".join(map(re.escape, sorted(FILES)))),
    PARQUET: re.compile(r"(vertices|gates|activations)\.parquet|manifest\.json|edges/layer=[^/]+/part-\d+\.parquet"),
}
"""Format -> the names of all that its folder may hold."""

MISREAD_COLUMNS = {
    "name": "R's igraph takes it for the ids",
    "type": "Gephi takes it for the direction of the edges",
    "timeset": "Gephi takes it for a time",
    "timestamp": "Gephi takes it for a time",
    "interval": "Gephi takes it for a time",
    "start": "Gephi takes it for a time",
    "end": "Gephi takes it for a time",
}
"""Column name (in any case) -> what other tools make of it."""


def check_target(path: Path, overwrite: bool, kind: str = FORMAT) -> None:
    """Refuse a target that is a file, holds anything but an export of this format, or may not be replaced."""
    if path.exists() and not path.is_dir():
        raise TableError(f"{path} is a file; expected a folder, which may not exist yet")
    if not path.is_dir():
        return
    held = sorted(entry.name for entry in path.iterdir())
    foreign = list(islice(_foreign(path, OURS[kind]), 6))
    if held and not foreign and not _is_export(path, kind):
        foreign = held
    if foreign:
        some = ", ".join(foreign[:5]) + (" …" if len(foreign) > 5 else "")
        raise TableError(
            f"{path} holds {some}, which netgraph did not write there: choose another folder, or empty this one"
        )
    if held and not overwrite:
        raise TableError(f"{path} holds an export already; pass overwrite=True to replace it")


def _foreign(path: Path, ours: re.Pattern[str]) -> Iterator[str]:
    """What lies in a folder that an export does not have; of folders, what is in them."""
    for folder, folders, files in os.walk(path):
        folders.sort()
        at = Path(folder)
        inside = [*files, *(name for name in folders if (at / name).is_symlink()), *([] if folders or files else [""])]
        for name in sorted(inside):
            found = (at / name).relative_to(path).as_posix()
            if found != "." and not (ours.fullmatch(found) and (at / name).is_file()):
                yield found


def _is_export(path: Path, kind: str) -> bool:
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("format") == kind


def check_graph(graph: Graph, ids: pl.Series, vertex_columns: list[str], edge_columns: list[str]) -> None:
    """Refuse ids and names that other tools would misread."""
    missing = ids.is_null() | ids.is_in(sorted(MISREAD))
    unsafe = ids.filter(missing | ~ids.str.contains(r"^\p{L}(?s:.*\S)?$").fill_null(False))
    if len(unsafe):
        raise TableError(
            f"{len(unsafe)} of {len(ids)} vertex ids are not safe in other tools, first {unsafe[0]!r}; expected text "
            "that starts with a letter, ends in no space or backslash, and is no word for a value (NA, null, TRUE, Inf "
            "…): rename layers or vertices"
        )
    if ids.n_unique() < len(ids):
        raise TableError(f"vertex id {ids.filter(ids.is_duplicated())[0]!r} is there twice; ids must be unique")
    for table, columns in (("vertices.csv", vertex_columns), ("edges.csv", edge_columns)):
        check_readable(table, columns)


def check_readable(table: str, columns: list[str]) -> None:
    """Refuse names that R or Gephi would take for something else."""
    for column in columns:
        if column.casefold() in MISREAD_COLUMNS:
            raise _bad_column(table, column, MISREAD_COLUMNS[column.casefold()])
    check_columns(table, columns, "Gephi tells")


def check_columns(table: str, columns: list[str], who: str = "DuckDB tells") -> None:
    """Refuse a column without a name, and two whose names differ by case only."""
    seen: dict[str, str] = {}
    for column in columns:
        folded = column.casefold()
        if not column:
            raise _bad_column(table, column, "a column needs a name")
        if folded in seen:
            raise _bad_column(table, column, f"there is {seen[folded]!r} already, and {who} no case apart")
        seen[folded] = column


def _bad_column(table: str, column: str, reason: str) -> TableError:
    return TableError(f"{table} cannot have a column {column!r}: {reason}; rename it, such as 'my_{column}'")
