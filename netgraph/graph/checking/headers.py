"""Tests of headers: functions of the columns' names, a row each."""

from __future__ import annotations

from collections.abc import Callable

TIMES = ("timeset", "timestamp", "interval")
ENDS, VERTICES, EDGES = ("source", "target"), "vertices", "edges"

HeaderTest = Callable[[list[str]], list[str]]
"""Names of columns -> those that fall into the trap."""


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if name and names.count(name) > 1})


def _case(names: list[str]) -> list[str]:
    folded = [name.strip().lower() for name in dict.fromkeys(names)]
    return [name for i, name in enumerate(dict.fromkeys(names)) if folded[i] and folded[i] in folded[:i]]


def _bare(names: list[str]) -> list[str]:
    return [name.strip() for name in names]


def lower(names: list[str]) -> list[str]:
    """The names as Gephi compares them."""
    return [name.strip().lower() for name in names]


BOTH: dict[str, HeaderTest] = {
    "header-empty": lambda names: [f"(column {i})" for i, name in enumerate(names, 1) if not name.strip()],
    "header-twice": _twice,
    "header-case": _case,
    "header-space": lambda names: [name for name in names if name.strip() != name and name.strip()],
    "column-time": lambda names: [name for name in names if any(time in name.lower() for time in TIMES)],
}
HEADER_TESTS: dict[str, dict[str, HeaderTest]] = {
    VERTICES: BOTH
    | {
        "column-name": lambda names: [name for name in names[1:] if name.strip().lower() == "name"],
        "id-unnamed": lambda names: [] if "id" in _bare(names) else [", ".join(names)],
        "id-not-first": lambda names: ["id"] if "id" in _bare(names)[1:] and _bare(names)[0] != "id" else [],
    },
    EDGES: BOTH
    | {
        "column-type": lambda names: [name for name in names if name.strip().lower() == "type"],
        "column-edge-id": lambda names: [name for name in names if name.strip().lower() == "id"],
        "ends-unnamed": lambda names: [] if set(ENDS) <= set(_bare(names)) else [", ".join(names[:2])],
        "ends-not-first": lambda names: (
            list(ENDS) if set(ENDS) <= set(_bare(names)) and tuple(_bare(names)[:2]) != ENDS else []
        ),
    },
}
"""Kind of table -> name of a trap -> its test."""


def place(names: list[str], name: str, otherwise: int) -> int:
    """Number of the column of that name (in any case), or of the one that igraph would take."""
    found = lower(names)
    return found.index(name) if name in found else min(otherwise, len(names) - 1)
