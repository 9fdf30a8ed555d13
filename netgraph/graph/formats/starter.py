"""Plain pairs of CSV tables, of anybody's: a folder with vertices and edges and no manifest.

Nothing is guessed at: a row that is cut, an id that is missing, doubled or unknown, a weight that is no number is an
error that names the row (as a spreadsheet counts them: the header is row 1).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from netgraph.errors import GraphError, TableError, unknown
from netgraph.graph.checking.sheet import Sheet
from netgraph.graph.columns import to_pandas_frame
from netgraph.graph.formats.profiles import PROFILES, QUANTITIES
from netgraph.graph.graph import Graph
from netgraph.graph.imports import refuse_misspelt_weight
from netgraph.graph.names import TAKEN_FOR_MISSING

Array = np.ndarray[Any, Any]

VERTICES, EDGES = ("vertices.csv", "nodes.csv"), ("edges.csv", "links.csv")
"""What the tables may be called."""
ENDS = (("source", "target"), ("from_id", "to_id"), ("from", "to"))
"""What the ends of an edge may be called, in any case."""
TEXT = ("id", "label", "layer", "kind", *(name for pair in ENDS for name in pair))
"""Columns that are text whatever they look like."""
CUT = {
    "fields-missing": "fewer fields than the header",
    "fields-extra": "more fields than the header",
    "quote-stray": "a quote in the middle of a field",
    "quote-open": "a quote that never closes",
}
"""What may be wrong with a row."""


def find(folder: Path) -> tuple[Path, Path] | None:
    """The table of vertices and that of edges in a folder, where there are both."""
    found = [next((folder / name for name in names if (folder / name).is_file()), None) for names in (VERTICES, EDGES)]
    vertices, edges = found
    return None if vertices is None or edges is None else (vertices, edges)


def read(vertices: Path, edges: Path) -> Graph:
    """The graph of two tables.

    Parameters
    ----------
    vertices : column ``id``, and any others (see :meth:`Graph.from_pandas`): ``layer`` says which vertices stand
        together.
    edges : columns ``source`` and ``target``, or ``from_id`` and ``to_id``; ``weight`` (1 where there is none);
        ``kind`` (text), and numbers, which become values. Tables in a profile of :data:`PROFILES` are read as such.

    Raises
    ------
    TableError : rows, ids or weights that are wrong, with their file and rows.
    UnknownName : a column that is needed and not there, with the nearest one that is.
    """
    table, rows = _table(vertices)
    key = _column(table, ("id",), vertices)
    ids = table[key]
    _check_ids(vertices, key, ids, rows)
    known = {name: _typed(table[name]) for name in table.columns if name != key}
    listed, rows = _table(edges)
    ends = _ends(listed, edges)
    for end in ends:
        _check_ends(edges, listed[end], rows, ids, vertices)
    loops = (listed[ends[0]] == listed[ends[1]]).to_numpy()
    if loops.any():
        raise TableError(f"{edges}: {_rows(rows[loops])} one vertex at both ends; a layered graph has no such edge")
    weight, others = _weight(listed.columns, ends, edges)
    made = {"source": listed[ends[0]], "target": listed[ends[1]]}
    if weight is not None:
        made["weight"] = _numbers(edges, listed[weight], rows)
    for name in others:
        typed = _typed(listed[name])
        if typed.dtype != pl.String or name == "kind":
            made[name] = typed
    frames = [pl.DataFrame({n: s.alias(n) for n, s in columns.items()}) for columns in ({"id": ids, **known}, made)]
    try:
        return Graph.from_pandas(to_pandas_frame(frames[0]), to_pandas_frame(frames[1]))
    except GraphError as error:
        raise TableError(f"{vertices.parent} holds no layered graph: {error}") from error


def _table(path: Path) -> tuple[pl.DataFrame, Array]:
    """(cells as text, the row of each)."""
    sheet = Sheet(path)
    pieces = list(sheet.pieces())
    for fact, words in CUT.items():
        if found := sheet.seen.get(fact):
            raise TableError(f"{path}: {_rows(found.rows, found.count)} {words} ({len(sheet.columns)} fields)")
    names = [name.strip() for name in sheet.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TableError(f"{path} has two columns {twice[0]!r}; rename one of them")
    cells = [piece.rename(dict(zip(piece.columns, names, strict=True))) for piece, _ in pieces]
    empty = pl.DataFrame({name: [] for name in names}, schema=dict.fromkeys(names, pl.String))
    return pl.concat([empty, *cells]), np.concatenate([np.zeros(0, dtype=int), *(rows for _, rows in pieces)])


def _column(table: pl.DataFrame, wanted: tuple[str, ...], path: Path) -> str:
    folded = {name.lower(): name for name in table.columns}
    for name in wanted:
        if name in folded:
            return folded[name]
    near = [name for name in wanted if difflib.get_close_matches(name, folded, n=1, cutoff=0.5)]
    raise unknown("column", (near or wanted)[0], table.columns, f" in {path}")


def _ends(table: pl.DataFrame, path: Path) -> tuple[str, str]:
    folded = [name.lower() for name in table.columns]
    near = [sum(name in folded for name in pair) for pair in ENDS]
    close = [max((difflib.SequenceMatcher(None, pair[0], name).ratio() for name in folded), default=0) for pair in ENDS]
    source, target = ENDS[max(range(len(ENDS)), key=lambda i: (near[i], close[i]))]
    return _column(table, (source,), path), _column(table, (target,), path)


def _weight(columns: list[str], ends: tuple[str, str], path: Path) -> tuple[str | None, list[str]]:
    """(the column of weights, those of values): as the profile says whose columns are all there."""
    rest = [name for name in columns if name not in ends]
    for profile in PROFILES.values():
        if "sign" in profile.edges.values() and set(profile.edges) <= set(columns):
            made = {name for name, held in profile.edges.items() if held != "kind"}
            return profile.column_of("weight"), [name for name in rest if name not in made]
    weight = next((name for name in rest if name.lower() == "weight"), None)
    if weight is None:
        refuse_misspelt_weight(rest, f"in {path}")
    return weight, [name for name in rest if name != weight and (name == "kind" or name not in QUANTITIES)]


def _check_ids(path: Path, key: str, ids: pl.Series, rows: Array) -> None:
    missing = (ids == "").to_numpy()
    if missing.any():
        raise TableError(f"{path}: {_rows(rows[missing])} no {key!r}; every vertex needs one")
    if ids.n_unique() < len(ids):
        twice = ids.filter(ids.is_duplicated())[0]
        where = rows[(ids == twice).to_numpy()]
        raise TableError(f"{path}: id {twice!r} is there {len(where)} times ({_rows(where)} it); ids must be unique")


def _check_ends(path: Path, ends: pl.Series, rows: Array, ids: pl.Series, vertices: Path) -> None:
    lost = ends.is_in(ids.implode()).not_().to_numpy()
    if lost.any():
        name = ends.filter(pl.Series(lost))[0]
        near = difflib.get_close_matches(name, ids.head(10_000).to_list(), n=1, cutoff=0.5)
        hint = f": did you mean {near[0]!r}?" if near else "; add it there, or drop the edge"
        raise TableError(
            f"{path}: {_rows(rows[lost])} a {ends.name!r} that is not in {vertices.name}, first {name!r}{hint}"
        )


def _numbers(path: Path, text: pl.Series, rows: Array) -> pl.Series:
    numbers = text.str.strip_chars().cast(pl.Float64, strict=False)
    wrong = (numbers.is_null() | ~numbers.is_finite().fill_null(False)).to_numpy()
    if wrong.any():
        raise TableError(
            f"{path}: {_rows(rows[wrong])} a {text.name!r} that is no finite number, first "
            f"{text.filter(pl.Series(wrong))[0]!r}; expected numbers with a point: 0.5, -1e-3"
        )
    return numbers


def _typed(text: pl.Series) -> pl.Series:
    """Whole numbers, numbers or text, whichever all cells are; an empty cell is missing."""
    text = pl.select(pl.when(text != "").then(text).alias(text.name)).to_series()
    if text.name.lower() in TEXT or text.null_count() == len(text):
        return text
    present = pl.select(pl.when(~text.is_in(sorted(TAKEN_FOR_MISSING))).then(text).alias(text.name)).to_series()
    for kind in (pl.Int64, pl.Float64):
        numbers = present.cast(kind, strict=False)
        if numbers.null_count() == present.null_count():
            return numbers
    return text


def _rows(rows: Iterable[int], count: int | None = None) -> str:
    """ "row 7 has", "rows 7, 8, 9 and 4 more have"."""
    listed = [int(row) for row in rows]
    count = len(listed) if count is None else count
    if count == 1:
        return f"row {listed[0]} has"
    shown = ", ".join(map(str, listed[:5]))
    return f"rows {shown} have" if count <= 5 else f"rows {shown} and {count - 5:,} more have"
