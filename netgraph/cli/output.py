"""How results and messages are printed: data to stdout, as a table or as JSON; everything else to stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def complain(text: str) -> None:
    """One message to stderr."""
    Console(stderr=True, soft_wrap=True).print(Text(text))


@contextmanager
def working(text: str) -> Iterator[None]:
    """Shows on stderr, while it lasts, what is being done (nothing where stderr is no terminal)."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(Text(text)):
        yield


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], as_json: bool) -> None:
    """A table: a list of objects in JSON, aligned columns otherwise (no cell is cut where stdout is no terminal)."""
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    kept = [list(row) for row in rows]
    for i, column in enumerate(columns):
        numbers = all(isinstance(_plain(row[i]), int | float) for row in kept)
        table.add_column(Text(column), justify="right" if numbers else "left", overflow="fold", no_wrap=not _terminal())
    for row in kept:
        table.add_row(*(Text(_cell(value)) for value in row))
    _print(table)


def print_facts(facts: Mapping[str, Any], as_json: bool) -> None:
    """Names and their values: an object in JSON, two columns otherwise."""
    if as_json:
        print_json(dict(facts))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold", no_wrap=not _terminal())
    for name, value in facts.items():
        table.add_row(Text(name), Text(_cell(value)))
    _print(table)


def print_json(value: Any) -> None:
    """Strict JSON: NaN and infinity become null."""
    sys.stdout.write(json.dumps(_strict(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def _terminal() -> bool:
    return sys.stdout.isatty()


def _print(table: Table) -> None:
    console = Console() if _terminal() else Console(width=10_000, soft_wrap=True)
    with console.capture() as captured:  # rich would answer a closed pipe by itself, with status 1
        console.print(table)
    sys.stdout.write("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")


def _plain(value: Any) -> Any:
    """numpy's scalars as Python's."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


def _cell(value: Any) -> str:
    value = _plain(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, Mapping | tuple | list) and not value):
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_cell(part)}" for key, part in value.items())
    if isinstance(value, tuple | list):
        return " ".join(_cell(part) for part in value)
    return str(value)


def _strict(value: Any) -> Any:
    value = _plain(value)
    if isinstance(value, Mapping):
        return {str(key): _strict(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_strict(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
