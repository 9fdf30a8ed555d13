"""What the tests of faults share: graphs, what may be left, and a system whose n-th call of a kind fails."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netgraph import read_graph
from netgraph.graph.equality import difference
from netgraph.graph.formats import cutting
from netgraph.graph.graph import Graph

OLD = Graph.from_matrices([np.eye(2, dtype=np.float32)], [np.ones(2)])
NEW = Graph.from_matrices([2 * np.ones((4, 30), dtype=np.float32), np.ones((3, 4), dtype=np.float32)])
"""What stands there before, and what is written over it: in Parquet, several parts (see :func:`small_parts`)."""

CALLS: dict[str, tuple[str, ...]] = {
    "write": ("write",),
    "fsync": ("fsync",),
    "rename": ("rename", "replace"),
    "close": ("close",),
    "open": ("open",),
    "mkdir": ("mkdir",),
}
"""Kind of fault -> the functions of ``os`` that it befalls."""


def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of about 40 rows."""
    monkeypatch.setattr(cutting, "PART", 40)
    monkeypatch.setattr(cutting, "TILE", 30)


def held(folder: Path, name: str) -> Graph | None:
    """The graph that is there, or None; anything else in the folder is a failure."""
    assert [entry.name for entry in folder.iterdir()] in ([], [name])
    return read_graph(folder / name) if (folder / name).exists() else None


def same(one: Graph | None, two: Graph | None) -> bool:
    """Whether both are nothing, or equal."""
    return one is two if one is None or two is None else difference(one, two) is None


def checksums(folder: Path) -> dict[str, str]:
    """Path -> sha256 of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Fault:
    """Counts calls of a kind; the one of that number fails."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.calls = 0

    @property
    def struck(self) -> bool:
        return self.calls >= self.number

    def strikes(self) -> bool:
        self.calls += 1
        return self.calls == self.number


@contextmanager
def failing(kind: str, number: int) -> Iterator[Fault]:
    """The system, where call ``number`` (from 1) of that kind fails; a close that fails has closed all the same."""
    fault = Fault(number)
    error = errno.ENOSPC if kind == "write" else errno.EIO
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS[kind]:
            patch.setattr(os, name, _broken(getattr(os, name), fault, error, after=name == "close"))
        yield fault


def _broken(call: Any, fault: Fault, error: int, after: bool) -> Any:
    def broken(*given: Any, **named: Any) -> Any:
        if not fault.strikes():
            return call(*given, **named)
        if after:
            call(*given, **named)
        raise OSError(error, os.strerror(error))

    return broken
