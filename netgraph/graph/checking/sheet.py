"""A CSV file of anybody's, read piece by piece: its records, and what its bytes do to readers."""

from __future__ import annotations

import codecs
import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from netgraph.errors import TableError
from netgraph.graph.checking.report import Tally

Array = np.ndarray[Any, Any]

PIECE = 1 << 24
"""Bytes read at a time."""
LONGEST = 1 << 26
"""A record longer than this has a quote that never closes."""
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SPACE = " "
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
QUOTE, NEWLINE, RETURN, BACKSLASH = 34, 10, 13, 92


class Sheet:
    """One table: ``columns``, then :meth:`pieces` of it as text; meanwhile ``seen`` fills: name of a fact -> its rows.

    Records whose number of fields is wrong, blank ones and those with stray quotes are counted and left out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: defaultdict[str, Tally] = defaultdict(Tally)
        self.records = 0
        with path.open("rb") as file:
            start = file.read(1 << 20)
        self._mark = next((mark for mark in MARKS if start.startswith(mark)), b"")
        self._encoding = MARKS.get(self._mark, "utf-8")
        if self._mark:
            self._note("utf-16" if "16" in self._encoding else "byte-order-mark", np.array([1]))
        text = start[len(self._mark) :].decode(self._encoding, "replace")
        if not text.strip():
            raise TableError(f"{path} is empty; expected a header and a row per vertex or edge")
        self._old_mac = "\n" not in text and "\r" in text
        if self._old_mac:
            self._note("line-ends-cr", np.array([1]))
        text = (text.replace("\r", "\n") if self._old_mac else text).lstrip("\r\n")
        self.separator = _separator(text.split("\n", 1)[0])
        if self.separator != ",":
            self._note("separator", np.array([1]), SEPARATORS.get(self.separator, "space"))
        self.columns = next(csv.reader(io.StringIO(text, newline=""), delimiter=self.separator))
        self._open_at = -1
        self._names = [str(number) for number in range(len(self.columns))]

    def pieces(self) -> Iterator[tuple[pl.DataFrame, Array]]:
        """(cells, rows): columns named "0", "1" …, all text, empty where nothing stands; the row of each record."""
        row, usual, header = 1, None, True
        for data in self._whole_records():
            array = np.frombuffer(data, dtype=np.uint8)
            ends, fields, stray = _structure(array, ord(self.separator))
            starts = np.concatenate([[0], ends[:-1] + 1])
            returned = (ends > starts) & (array[ends - 1] == RETURN)
            rows = np.arange(row, row + len(ends))
            if self._open_at >= 0:
                self._note("quote-open", rows[self._open_at : self._open_at + 1])
            row += len(ends)
            usual = bool(returned[0]) if usual is None else usual
            self._note("line-ends-mixed", rows[returned != usual])
            blank = ends - starts == returned
            wrong = ~blank & (fields != len(self.columns))
            self._note("blank-line", rows[blank])
            self._note("fields-missing", rows[wrong & (fields < len(self.columns))])
            self._note("fields-extra", rows[wrong & (fields > len(self.columns))])
            self._note("quote-stray", rows[stray])
            self._controls(array, ends, rows)
            if b"\\" in data:
                self._note("backslash-end", rows[_escaping(array, ends, ord(self.separator))])
            keep = ~(blank | wrong | stray)
            if header and not blank.all():
                first, header = int(np.argmin(blank)), False
                keep[first] = False
            self.records += len(ends) - int(blank.sum())
            data = self._in_utf8(data, ends, rows)
            if len(data) != len(array) or not keep.all():
                data = b"\n".join(r for r, kept in zip(self._split(data, ends, len(array)), keep, strict=True) if kept)
            if keep.any():
                yield self._parsed(data), rows[keep]
        self.records = max(0, self.records - 1)

    def _whole_records(self) -> Iterator[bytes]:
        """Bytes in pieces that end where a record ends, always in a line feed."""
        decode = None if self._encoding == "utf-8" else codecs.getincrementaldecoder(self._encoding)("replace")
        rest = b""
        with self.path.open("rb") as file:
            file.seek(len(self._mark))
            while piece := file.read(PIECE):
                if decode:
                    piece = decode.decode(piece).encode("utf-8", "replace")
                if self._old_mac:
                    piece = piece.replace(b"\r", b"\n")
                rest += piece
                cut = _last_end(rest)
                if cut:
                    yield rest[:cut]
                    rest = rest[cut:]
                elif len(rest) > LONGEST:
                    break
        if rest:
            if rest.count(b'"') % 2:
                self._open_at = rest[: rest.rfind(b'"')].count(b"\n")
                rest = rest.replace(b'"', b"")
            elif not rest.endswith(b"\n"):
                self.seen["last-line-open"].count = 1
            yield rest if rest.endswith(b"\n") else rest + b"\n"

    def _controls(self, array: Array, ends: Array, rows: Array) -> None:
        low = array < 32
        if int(low.sum()) > len(ends):
            low &= (array != NEWLINE) & (array != 9)
            at = np.flatnonzero(low)
            at = at[(array[at] != RETURN) | (array[np.minimum(at + 1, len(array) - 1)] != NEWLINE)]
            where = rows[np.searchsorted(ends, at)]
            self._note("character-nul", np.unique(where[array[at] == 0]))
            self._note("character-control", np.unique(where[array[at] != 0]))

    def _in_utf8(self, data: bytes, ends: Array, rows: Array) -> bytes:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            bad, start = [], 0
            for number, end in enumerate(ends.tolist()):
                try:
                    data[start:end].decode("utf-8")
                except UnicodeDecodeError:
                    bad.append(number)
                start = end + 1
            self._note("encoding", rows[bad])
            return data.decode("latin-1").encode("utf-8")
        return data

    @staticmethod
    def _split(data: bytes, ends: Array, length: int) -> list[bytes]:
        """The records one by one; the places of their ends moved where bytes were encoded anew."""
        if len(data) != length:
            grown = np.cumsum(np.frombuffer(data.decode("utf-8").encode("latin-1"), dtype=np.uint8) >= 128)
            ends = ends + grown[ends]
        starts = np.concatenate([[0], ends[:-1] + 1])
        return [data[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]

    def _parsed(self, data: bytes) -> pl.DataFrame:
        try:
            return pl.read_csv(
                data.replace(b"\r\n", b"\n"),
                has_header=False,
                new_columns=self._names,
                schema=dict.fromkeys(self._names, pl.String),
                separator=self.separator,
            ).fill_null("")
        except pl.exceptions.PolarsError as error:
            raise TableError(f"{self.path} cannot be read: {str(error).splitlines()[0]}") from error

    def _note(self, fact: str, rows: Array, example: str = "") -> None:
        if len(rows):
            self.seen[fact].add(rows, example)


def _separator(head: str) -> str:
    bare = "".join(head.split('"')[::2])  # what stands outside quotes
    counts = {separator: bare.count(separator) for separator in SEPARATORS}
    likely = max(counts, key=lambda separator: counts[separator])
    return SPACE if counts[likely] == 0 and SPACE in bare.strip() else likely


def _last_end(data: bytes) -> int:
    """Just behind the last line feed that is not inside quotes; 0 where there is none."""
    if b'"' not in data:
        return data.rfind(b"\n") + 1
    array = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero((array == NEWLINE) & ~_inside(array))
    return int(ends[-1]) + 1 if len(ends) else 0


def _inside(array: Array) -> Array:
    """Where quotes are open."""
    return (np.cumsum(array == QUOTE, dtype=np.uint8) & 1).astype(bool)  # it wraps at 256, which is even


def _escaping(array: Array, ends: Array, separator: int) -> Array:
    """The records in which a backslash, as an escape, would take the end of a cell, or a quote, for a letter."""
    at = np.flatnonzero(array == BACKSLASH)
    first = np.flatnonzero(np.diff(at, prepend=-2) > 1)  # of each run of them: two are one that is no escape
    last = np.append(first[1:], len(at)) - 1
    at = at[last[(last - first) % 2 == 0]]
    after = array[np.minimum(at + 1, len(array) - 1)]
    outside = ~_inside(array)[at] & ((after == separator) | (after == NEWLINE) | (after == RETURN))
    return np.unique(np.searchsorted(ends, at[outside | (after == QUOTE)]))


def _structure(array: Array, separator: int) -> tuple[Array, Array, Array]:
    """(place of each record's end, number of its fields, whether quotes stand in the middle of one)."""
    quotes = array == QUOTE
    breaks, splits = array == NEWLINE, array == separator
    if not quotes.any():
        ends, at = np.flatnonzero(breaks), np.flatnonzero(splits)
        stray = np.zeros(len(ends), dtype=bool)
    else:
        inside = _inside(array)
        ends, at = np.flatnonzero(breaks & ~inside), np.flatnonzero(splits & ~inside)
        stray = np.zeros(len(ends), dtype=bool)
        border = splits | breaks | quotes | (array == RETURN)
        before, after = np.concatenate([[True], border[:-1]]), np.concatenate([border[1:], [True]])
        bad = quotes & ((inside & ~before) | (~inside & ~after))
        stray[np.searchsorted(ends, np.flatnonzero(bad))] = True
    fields = np.diff(np.searchsorted(at, ends), prepend=0) + 1
    return ends, fields, stray
