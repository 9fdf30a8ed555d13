"""Tests of headers: functions of the columns' names, a row each."""

from __future__ import annotations

from collections.abc import Callable

ENDS, VERTICES, EDGES = ("source", "target"), "vertices", "edges"

HeaderTest = Callable[[list[str]], list[str]]
"""Names of columns -> those that fall into the trap."""


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if name and names.count(name) > 1})


def _case(names: list[str]) -> list[str]:
    folded = [name.strip().lower() for name in dict.fromkeys(names)]
    return [name for i, name in enumerate(dict.fromkeys(names)) if folded[i] and folded[i] in folded[:i]]


def lower(names: list[str]) -> list[str]:
    """The names as Gephi compares them."""
    return [name.strip().lower() for name in names]


SPECIAL = ("id", "source", "target", "weight", "label")

BOTH: dict[str, HeaderTest] = {
    "header-empty": lambda names: [f"(column {i})" for i, name in enumerate(names, 1) if not name.strip()],
    "header-twice": _twice,
    "header-case": _case,
    "header-space": lambda names: [name for name in names if name.strip() != name and name.strip()],
    "header-capital": lambda names: [name for name in names if name.strip() != name.strip().lower() in SPECIAL],
}
HEADER_TESTS: dict[str, dict[str, HeaderTest]] = {
    VERTICES: BOTH
    | {
        "column-name": lambda names: [name for name in names[1:] if name.strip().lower() == "name"],
        "id-unnamed": lambda names: [] if "id" in lower(names) else [", ".join(names)],
        "id-not-first": lambda names: ["id"] if "id" in lower(names)[1:] and lower(names)[0] != "id" else [],
    },
    EDGES: BOTH
    | {
        "ends-unnamed": lambda names: [] if set(ENDS) <= set(lower(names)) else [", ".join(names[:2])],
        "ends-not-first": lambda names: (
            [", ".join(ENDS)] if set(ENDS) <= set(lower(names)) and tuple(lower(names)[:2]) != ENDS else []
        ),
    },
}
"""Kind of table -> name of a trap -> its test."""


def place(names: list[str], name: str, otherwise: int) -> int:
    """Number of the column of that name (in any case), or of the one that igraph would take."""
    found = lower(names)
    return found.index(name) if name in found else min(otherwise, len(names) - 1)
