"""What a check of tables gives back: findings, and the report that holds them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

SEVERITIES = ("error", "warning", "note")
"""error: a tool stops or reads another graph; warning: one loses something, or an analysis refuses; note: no harm."""

SHOWN = 5
"""Row numbers that a finding names."""


@dataclass
class Tally:
    """How many rows something happens in, and the first of them."""

    count: int = 0
    rows: list[int] = field(default_factory=list)
    example: str = ""

    def add(self, rows: Array, example: str = "") -> None:
        """Count these rows (in order)."""
        if len(rows) and not self.count:
            self.example = example
        self.count += len(rows)
        self.rows += rows[: SHOWN - len(self.rows)].tolist() if len(self.rows) < SHOWN else []


@dataclass(frozen=True)
class Finding:
    """One thing that some tool would misread.

    Attributes
    ----------
    severity : "error", "warning" or "note"; see :data:`SEVERITIES`.
    trap : its short name.
    file, column : where; no column where it is about the whole file.
    rows, count : the first few rows as a spreadsheet numbers them (the header is row 1), and how many there are.
    example : what one of those cells holds.
    tools : name of a tool -> what it makes of it.
    mend : what to do.
    """

    severity: str
    trap: str
    file: str
    column: str
    rows: tuple[int, ...]
    count: int
    example: str
    tools: dict[str, str]
    mend: str

    def __str__(self) -> str:
        where = self.file + (f", column {self.column!r}" if self.column else "")
        if self.rows:
            more = f" … ({self.count:,} rows)" if self.count > len(self.rows) else ""
            where += f", row{'s' if self.count > 1 else ''} {', '.join(map(str, self.rows))}{more}"
        lines = [f"{self.severity}: {self.trap}: {where}" + (f": {self.example!r}" if self.example else "")]
        lines += [f"    {tool}: {what}" for tool, what in self.tools.items()]
        return "\n".join([*lines, f"    mend: {self.mend}"])


@dataclass(frozen=True)
class Report:
    """What R, Gephi, networkx, pandas and igraph would make of a pair of tables.

    Attributes
    ----------
    files : the tables that were read.
    vertices, edges : rows of each (0 where there is no such table).
    findings : the worst first.
    """

    files: tuple[str, ...]
    vertices: int
    edges: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make a tool stop, or read another graph."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    def __str__(self) -> str:
        found = Counter(finding.severity for finding in self.findings)
        said = ", ".join(f"{found[s]} {s}{'s' if found[s] > 1 else ''}" for s in SEVERITIES if found[s])
        total = f"{self.vertices:,} vertices, {self.edges:,} edges: {said or 'nothing that a tool would misread'}"
        return "\n".join([*map(str, self.findings), total])
