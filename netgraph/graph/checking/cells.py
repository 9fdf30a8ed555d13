"""Tests of cells: polars expressions, a row each, evaluated on pieces of a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from netgraph.graph.checking.report import Tally
from netgraph.graph.names import TAKEN_FOR_MISSING, TAKEN_FOR_VALUES

Array = np.ndarray[Any, Any]
Expression = Callable[[pl.Expr], pl.Expr]

MISSING_WORDS = sorted(TAKEN_FOR_MISSING | {"#N/A", "#N/A N/A", "#NA", "<NA>", "-NaN", "-nan", "1.#IND", "1.#QNAN"})
TRUTHS = sorted(word for word in TAKEN_FOR_VALUES if word.lower() in {"t", "f", "true", "false"})
NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
INFINITY = r"^[+-]?(?i:inf|infinity|nan)$"
NUMERIC = rf"{NUMBER}|{INFINITY}"
DIRECTIONS = ("directed", "undirected", "mutual")
TIMES = ("timeset", "timestamp", "interval")
SAFE = r"^\p{L}(?:[^\\]*[^\\\s])?$"
"""Ids that need no other test but that for words."""


@dataclass(frozen=True)
class CellTest:
    """Which cells fall into a trap; with `column` only where every cell of it is such: readers type whole columns."""

    trap: str
    cell: Expression
    column: Expression | None = None


def _is(pattern: str) -> Expression:
    return lambda text: text.str.contains(pattern)


def _rewritten(text: pl.Expr) -> pl.Expr:
    """Numbers that are not written as a reader of numbers would write them, or need more digits than a float has."""
    return text.str.contains(NUMBER) & (~text.str.contains(r"^-?(?:0|[1-9]\d*)$") | (text.str.len_chars() > 15))


ID_TESTS = (
    CellTest("id-empty", lambda text: text.str.strip_chars() == ""),
    CellTest("id-missing-word", lambda text: text.is_in(MISSING_WORDS)),
    CellTest("id-rewritten", _rewritten, _is(NUMERIC)),
    CellTest("id-infinity", _is(INFINITY), _is(NUMERIC)),
    CellTest("id-number", _is(NUMBER), _is(NUMERIC)),
    CellTest("id-truth", lambda text: text.is_in(TRUTHS), lambda text: text.is_in(TRUTHS)),
    CellTest("id-space", lambda text: (text.str.strip_chars() != text) & (text.str.strip_chars() != "")),
    CellTest("id-backslash", lambda text: text.str.contains("\\", literal=True)),
)
WEIGHT_TESTS = (
    CellTest("weight-empty", lambda text: text == ""),
    CellTest("weight-not-finite", lambda text: text.str.contains(INFINITY) | text.is_in(MISSING_WORDS)),
    CellTest("weight-text", lambda text: ~(text.str.contains(NUMERIC) | text.is_in(MISSING_WORDS)) & (text != "")),
)
OTHER_TESTS: dict[str, tuple[CellTest, ...]] = {
    "type": (CellTest("column-type", lambda text: ~text.str.to_lowercase().is_in(["", *DIRECTIONS])),),
    "time": (CellTest("column-time", lambda text: (text != "") & ~text.str.contains(rf"{NUMBER}|^[<\[]")),),
}
"""What a column is called by Gephi -> tests of its cells."""
GEPHI_ROWS = 25
GEPHI_TYPES = (
    ("boolean", r"^(?i:true|false)$"),
    ("whole numbers", r"^[+-]?\d{1,19}$"),
    ("numbers", rf"{NUMBER}|^[+-]?(?:NaN|Infinity)$"),  # as Java writes them: inf and nan are text
)
"""In the order in which Gephi tries them."""
NOT_NUMBERS = ("NaN", "+NaN", "-NaN")


@dataclass
class Column:
    """What was met in one column so far."""

    tallies: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    every: dict[str, bool] = field(default_factory=dict)
    seen: int = 0
    fits: list[str] = field(default_factory=lambda: [pattern for _, pattern in GEPHI_TYPES])
    typed: bool = False

    def found(self, tests: tuple[CellTest, ...] = ()) -> dict[str, Tally]:
        """Name of a trap -> its rows; without those of whole columns that some cell contradicts."""
        whole = {test.trap for test in tests if test.column is not None}
        ranked = self.typed and self.fits[:1] == [GEPHI_TYPES[2][1]]
        return {
            trap: tally
            for trap, tally in self.tallies.items()
            if tally.count and (trap not in whole or self.every.get(trap, False)) and (trap != "gephi-nan" or ranked)
        }

    def look(self, cells: pl.Series, rows: Array, tests: tuple[CellTest, ...], suspect: Array) -> None:
        """Put the cells where `suspect` to the tests."""
        at = np.flatnonzero(suspect)
        few, text = cells.filter(pl.Series(suspect)), pl.col("text")
        for test in tests:
            if test.column is not None and self.every.get(test.trap, True):
                self.every[test.trap] = len(few) == len(cells) and _all(few, test.column)
        if not len(few):
            return
        wanted = [test for test in tests if self.every.get(test.trap, True)]
        hits = pl.DataFrame({"text": few}).select([test.cell(text).alias(test.trap) for test in wanted])
        for test in wanted:
            hit = np.flatnonzero(hits[test.trap].to_numpy())
            if len(hit):
                self.tallies[test.trap].add(rows[at[hit]], few[int(hit[0])])

    def look_as_gephi(self, cells: pl.Series, rows: Array) -> None:
        """Type the column by its first rows, then look for cells that do not fit; and for those that rank above all."""
        if (nan := cells.is_in(NOT_NUMBERS).to_numpy()).any():
            self.tallies["gephi-nan"].add(rows[nan], "NaN")
        if (first := GEPHI_ROWS - self.seen) > 0:
            head = cells.head(first).str.strip_chars()
            filled = head.filter(head != "")
            self.typed |= len(filled) > 0
            self.fits = [pattern for pattern in self.fits if bool(filled.str.contains(pattern).all())]
            self.seen, cells, rows = self.seen + len(head), cells[first:], rows[first:]
        if not len(cells) or not self.fits:  # text holds everything
            return
        bad = _misfits(cells, self.fits[0] if self.typed else None)
        if len(bad):
            self.tallies["gephi-column-type"].add(rows[bad], cells[int(bad[0])])


def _all(cells: pl.Series, expression: Expression) -> bool:
    return bool(pl.DataFrame({"text": cells}).select(expression(pl.col("text")).all()).item())


def _misfits(cells: pl.Series, pattern: str | None) -> Array:
    if pattern is None:  # nothing in the first rows: Gephi makes text of later numbers
        return np.flatnonzero(cells.str.contains(NUMBER).to_numpy())
    fast = {GEPHI_TYPES[1][1]: pl.Int64, GEPHI_TYPES[2][1]: pl.Float64}.get(pattern)
    if fast is not None:
        cast = cells.cast(fast, strict=False)
        doubtful = cast.is_null() if fast is pl.Int64 else ~cast.is_finite().fill_null(False)
        bad = np.flatnonzero((doubtful & (cells != "")).to_numpy())
        if not len(bad):
            return bad
        few = cells[bad].str.strip_chars()
        return np.asarray(bad[(~few.str.contains(pattern) & (few != "")).to_numpy()])
    text = cells.str.strip_chars()
    return np.flatnonzero((~text.str.contains(pattern) & (text != "")).to_numpy())
