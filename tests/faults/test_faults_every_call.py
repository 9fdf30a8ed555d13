"""Whichever call of the system fails, the old export is there or the new one, whole, and nothing beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from faults_system import CALLS, NEW, OLD, failing, held, same, small_parts

from netgraph import read_graph, write_graph
from netgraph.errors import TableError
from netgraph.graph.formats import FORMATS, single, swap

NAMES = [f"out{suffix}" for suffix in FORMATS]


WAYS = {"exchange": True, "two renames": True, "nothing there": False}
"""Both ways to put what is new in place of what is old, and the way where there is nothing old."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("name", NAMES)
def test_faults_of_every_call_leave_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str, way: str
) -> None:
    small_parts(monkeypatch)
    if way == "two renames":
        for module in (swap, single):
            monkeypatch.setattr(module, "exchange", lambda one, two: False)
    there = None
    if WAYS[way]:
        there = read_graph(write_graph(OLD, tmp_path / "there" / name))
    write_graph(NEW, tmp_path / "wanted" / name)
    wanted = read_graph(tmp_path / "wanted" / name)
    place = tmp_path / "place"
    number, failures = 0, 0
    while True:
        number += 1
        place.mkdir()
        if there is not None:
            write_graph(OLD, place / name)
        with failing(kind, number) as fault:
            try:
                write_graph(NEW, place / name)
            except TableError as error:
                failures += 1
                assert "what was there before is unchanged" in str(error)
                expected = there
            else:
                expected = wanted
        assert same(held(place, name), expected), f"{kind} {number}"
        shutil.rmtree(place)
        if not fault.struck:
            break
    assert failures > 0 or kind in ("rename", "mkdir")  # not every way has need of these
