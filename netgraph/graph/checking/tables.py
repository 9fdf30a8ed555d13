"""A vertex table and an edge table, put to all tests."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from netgraph.graph.checking.cells import ID_TESTS, OTHER_TESTS, SAFE, TIMES, WEIGHT_TESTS, CellTest, Column
from netgraph.graph.checking.headers import EDGES, HEADER_TESTS, VERTICES, lower, place
from netgraph.graph.checking.report import Finding, Tally
from netgraph.graph.checking.sheet import Sheet
from netgraph.graph.checking.traps import TRAPS
from netgraph.graph.names import MISREAD

Array = np.ndarray[Any, Any]
Findings = list[Finding]

UNTYPED = {"id", "label", "source", "target", "type", "kind", "weight"}
"""Columns whose type Gephi does not guess."""


class Ids:
    """Vertex ids and their numbers, in the order of their rows."""

    def __init__(self, sheet: Sheet | None = None) -> None:
        self.sheet = sheet
        self.table = pl.DataFrame(schema={"id": pl.String, "number": pl.Int64})
        self.rows: list[Array] = []
        self.complete = False

    def repeated(self, cells: pl.Series) -> Array:
        """Which of the cells were there before, in these or in earlier ones."""
        before, numbers = len(self.table), self.numbers(cells)
        at = np.arange(len(numbers))
        first = np.full(len(self.table), len(numbers))
        np.minimum.at(first, numbers, at)
        return np.asarray((numbers < before) | (first[numbers] != at))

    def numbers(self, cells: pl.Series) -> Array:
        """The number of each; -1 where it is unknown and the table is complete. Unknown ones are added otherwise."""
        found = self._looked_up(cells)
        if found.null_count() and not self.complete:
            new = cells.filter(found.is_null()).unique(maintain_order=True)
            first = len(self.table)
            numbers = pl.Series("number", np.arange(first, first + len(new)), dtype=pl.Int64)
            self.table = pl.concat([self.table, pl.DataFrame({"id": new.alias("id"), "number": numbers})])
            found = self._looked_up(cells)
        return found.fill_null(-1).to_numpy()

    def _looked_up(self, cells: pl.Series) -> pl.Series:
        ends = pl.DataFrame({"id": cells})
        return ends.join(self.table, on="id", how="left", maintain_order="left")["number"]


def check_vertices(sheet: Sheet, findings: Findings) -> Ids:
    """Add what is found in a vertex table; its ids."""
    at = place(sheet.columns, "id", 0)
    columns, ids, twice = _columns(sheet), Ids(sheet), Tally()
    for frame, rows in sheet.pieces():
        _look(sheet.columns, columns, frame, rows, {at})
        again = _count_repeated(ids, frame[str(at)], rows, twice)
        ids.rows.append(rows[~again])
    ids.complete = True
    _report(sheet, VERTICES, columns, {at: ID_TESTS}, findings)
    _graph(sheet, {"vertex-twice": (sheet.columns[at], twice)}, findings)
    return ids


def _count_repeated(ids: Ids, cells: pl.Series, rows: Array, twice: Tally) -> Array:
    again = ids.repeated(cells)
    if again.any():
        twice.add(rows[again], cells[int(np.argmax(again))])
    return again


def check_edges(sheet: Sheet, ids: Ids | None, findings: Findings) -> None:
    """Add what is found in an edge table, by itself and against the vertices."""
    ends = [place(sheet.columns, name, i) for i, name in enumerate(("source", "target"))]
    weight = place(sheet.columns, "weight", -2)
    names, columns = sheet.columns, _columns(sheet)
    known = ids if ids is not None else Ids()
    unknown = {end: Tally() for end in ends}
    loops, pairs, places = Tally(), [], []
    negative, zero = Tally(), Tally()
    own, own_ids, own_twice = place(names, "id", -2), Ids(), Tally()
    for frame, rows in sheet.pieces():
        _look(names, columns, frame, rows, set(ends))
        if weight >= 0:
            _look_at_weights(columns[weight], frame[str(weight)], rows, zero, negative)
        if own >= 0:
            _count_repeated(own_ids, frame[str(own)], rows, own_twice)
        numbers = []
        for end in ends:
            cells = frame[str(end)]
            numbers.append(known.numbers(cells))
            lost = numbers[-1] < 0
            if lost.any():
                unknown[end].add(rows[lost], cells[int(np.argmax(lost))])
        source, target = numbers[0], numbers[-1]
        whole = (source >= 0) & (target >= 0)
        if (same := whole & (source == target)).any():
            loops.add(rows[same], frame[str(ends[0])][int(np.argmax(same))])
        pairs.append(np.stack([source[whole], target[whole]]).astype(np.uint32))
        places.append(rows[whole])
    _report(sheet, EDGES, columns, dict.fromkeys(ends, ID_TESTS) | {weight: WEIGHT_TESTS}, findings)
    if weight < 0:
        folded = lower(sheet.columns)
        near = difflib.get_close_matches("weight", folded, n=1, cutoff=0.8)  # a column "weigth"
        _add(findings, "weight-missing", sheet, sheet.columns[folded.index(near[0])] if near else "", Tally(1))
    beside = any(name.strip().lower() == "abs_weight" for name in names)
    found = {
        "weight-zero": ("weight", zero),
        "weight-negative": ("weight", Tally() if beside else negative),
        "column-edge-id": ("id", own_twice),
        "self-loop": ("", loops),
        "edge-twice": ("", _repeated(pairs, places, len(known.table))),
    }
    _graph(sheet, found, findings)
    if ids is not None and ids.sheet is not None:
        for end in ends:
            _graph(sheet, {"end-unknown": (names[end], unknown[end])}, findings)
        _alone(ids.sheet, ids, pairs, findings)


def _look_at_weights(column: Column, cells: pl.Series, rows: Array, zero: Tally, negative: Tally) -> None:
    cells = cells.str.strip_chars()  # every reader takes spaces around numbers off
    numbers = cells.cast(pl.Float64, strict=False)
    suspect = ~numbers.is_finite().fill_null(False).to_numpy()
    column.look(cells, rows, WEIGHT_TESTS, suspect)
    values = numbers.fill_null(np.nan).to_numpy()
    for tally, hit in ((zero, values == 0), (negative, values < 0)):
        if hit.any():
            tally.add(rows[hit], cells[int(np.argmax(hit))])


def _columns(sheet: Sheet) -> list[Column]:
    return [Column() for _ in sheet.columns]


def _other_tests(name: str, edges: bool) -> tuple[CellTest, ...]:
    name = name.strip().lower()
    if name == "type" and not edges:
        return ()
    return OTHER_TESTS["time"] if any(time in name for time in TIMES) else OTHER_TESTS.get(name, ())


def _look(names: list[str], columns: list[Column], frame: pl.DataFrame, rows: Array, ids: set[int]) -> None:
    for number, column in enumerate(columns):
        cells = frame[str(number)]
        if number in ids:
            safe = cells.str.contains(SAFE) & ~cells.is_in(sorted(MISREAD))
            column.look(cells, rows, ID_TESTS, ~safe.to_numpy())
        elif tests := _other_tests(names[number], edges=len(ids) > 1):
            column.look(cells, rows, tests, np.ones(len(cells), dtype=bool))
        column.look_as_gephi(cells, rows)


def _report(
    sheet: Sheet, kind: str, columns: list[Column], tests: Mapping[int, tuple[Any, ...]], findings: Findings
) -> None:
    """Findings about the file, its header, and its columns one by one."""
    for fact, tally in sheet.seen.items():
        if tally.count:
            _add(findings, fact, sheet, "", tally)
    for trap, test in HEADER_TESTS[kind].items():
        for name in test(sheet.columns):
            _add(findings, trap, sheet, name, Tally(1, [1]))
    for number, column in enumerate(columns):
        for trap, tally in column.found(tests.get(number, ())).items():
            if not trap.startswith("gephi-") or sheet.columns[number].strip().lower() not in UNTYPED:
                _add(findings, trap, sheet, sheet.columns[number], tally)


def _graph(sheet: Sheet, found: dict[str, tuple[str, Tally]], findings: Findings) -> None:
    for trap, (column, tally) in found.items():
        if tally.count:
            _add(findings, trap, sheet, column, tally)


def _repeated(pairs: list[Array], places: list[Array], n: int) -> Tally:
    """Rows whose ends are those of an earlier row."""
    if not pairs:
        return Tally()
    source, target = np.concatenate(pairs, axis=1)
    key, rows = source.astype(np.int64) * n + target, np.concatenate(places)
    if (key[1:] > key[:-1]).all():
        return Tally()
    order = np.argsort(key, kind="stable")
    tally = Tally()
    tally.add(np.sort(rows[order[1:][key[order[1:]] == key[order[:-1]]]]))
    return tally


def _alone(sheet: Sheet, ids: Ids, pairs: list[Array], findings: Findings) -> None:
    touched = np.zeros(len(ids.table), dtype=bool)
    for ends in pairs:
        touched[ends] = True
    rows = np.concatenate(ids.rows) if ids.rows else np.zeros(0, dtype=int)
    tally = Tally()
    tally.add(rows[~touched], ids.table["id"][int(np.argmin(touched))] if len(touched) else "")
    _graph(sheet, {"vertex-alone": ("", tally)}, findings)


def _add(findings: Findings, trap: str, sheet: Sheet, column: str, tally: Tally) -> None:
    row = TRAPS[trap]
    findings.append(
        Finding(
            row.severity, trap, sheet.path.name, column, tuple(tally.rows), tally.count, tally.example, row.tools,
            row.mend,
        )
    )  # fmt: skip
