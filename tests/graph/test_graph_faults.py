"""A write that fails leaves what was there, and nothing else."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from netgraph import read_graph, write_graph
from netgraph.errors import TableError
from netgraph.graph.equality import difference
from netgraph.graph.formats import swap
from netgraph.graph.formats.tables import TableWriter
from netgraph.graph.graph import Graph

OLD = Graph.from_matrices([np.eye(2)])
NEW = Graph.from_matrices([2 * np.eye(3)])


@pytest.fixture(params=["exchange", "two renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to put the new folder in place."""
    if request.param == "two renames":
        monkeypatch.setattr(swap, "exchange", lambda one, two: False)
    return str(request.param)


def only_the_old_one_is_there(folder: Path) -> bool:
    return [path.name for path in folder.iterdir()] == ["out"] and difference(OLD, read_graph(folder / "out")) is None


@pytest.mark.usefixtures("way")
def test_a_new_export_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    write_graph(OLD, tmp_path / "out")
    (tmp_path / "out").chmod(0o750)
    write_graph(NEW, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert difference(NEW, read_graph(tmp_path / "out")) is None
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o750


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("place", ["edges", "vertices", "manifest", "synchronise", "swap"])
def test_a_failure_at_any_place_leaves_the_old_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    write_graph(OLD, tmp_path / "out")
    write_table = TableWriter.write

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def cut(frames: Iterable[object]) -> Iterator[object]:
        yield from frames
        full()

    def failing_write(self: TableWriter, name: str, columns: list[str], frames: Iterable[object]) -> None:
        write_table(self, name, columns, cut(frames) if name.startswith(place) else frames)  # type: ignore[arg-type]

    if place in ("edges", "vertices"):
        monkeypatch.setattr(TableWriter, "write", failing_write)
    elif place == "manifest":
        monkeypatch.setattr(json, "dumps", full)
    else:
        monkeypatch.setattr(swap, f"_{place}", full)
    with pytest.raises(TableError, match=r"cannot write .*No space left on device; what was there before is unchanged"):
        write_graph(NEW, tmp_path / "out")
    monkeypatch.undo()
    assert only_the_old_one_is_there(tmp_path)


def test_an_interrupt_leaves_the_old_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_graph(OLD, tmp_path / "out")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(swap, "_synchronise", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_graph(NEW, tmp_path / "out")
    assert only_the_old_one_is_there(tmp_path)


def test_a_failed_second_rename_takes_the_first_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_graph(OLD, tmp_path / "out")
    monkeypatch.setattr(swap, "exchange", lambda one, two: False)
    rename = os.rename

    def failing(source: Path, target: Path) -> None:
        if target == tmp_path / "out" and "-new-" in source.name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(TableError, match="Input/output error"):
        write_graph(NEW, tmp_path / "out")
    monkeypatch.undo()
    assert only_the_old_one_is_there(tmp_path)


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("reader", [True, False])
def test_a_crash_between_two_renames_is_completed_by_the_next_read_or_write(
    tmp_path: Path, after: int, reader: bool
) -> None:
    """A process that dies after the marker, after the first or after the second rename."""
    write_graph(OLD, tmp_path / "out")
    script = f"""
        import os
        import numpy as np
        from netgraph import write_graph
        from netgraph.graph.formats import swap
        from netgraph.graph.graph import Graph

        swap.exchange = lambda one, two: False
        rename, done = os.rename, []
        def dying(source, target):
            if len(done) == {after}:
                os._exit(9)
            rename(source, target)
            done.append(target)
            if len(done) == 2 and {after} == 2:
                os._exit(9)
        os.rename = dying
        write_graph(Graph.from_matrices([2 * np.eye(3)]), {str(tmp_path / "out")!r})
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == 9
    assert len(list(tmp_path.iterdir())) > 1
    if not reader:
        write_graph(NEW, tmp_path / "out")
    assert difference(NEW, read_graph(tmp_path / "out")) is None
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_killed_write_leaves_the_old_export_and_the_next_one_sweeps(tmp_path: Path) -> None:
    write_graph(OLD, tmp_path / "out")
    script = f"""
        import time
        import numpy as np
        from netgraph import write_graph
        from netgraph.graph.formats import swap
        from netgraph.graph.graph import Graph

        swap._synchronise = lambda folder: (print("ready", flush=True), time.sleep(60))
        write_graph(Graph.from_matrices([2 * np.eye(3)]), {str(tmp_path / "out")!r})
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert len(list(tmp_path.iterdir())) == 2  # another process is at work: its folder is not swept
        write_graph(OLD, tmp_path / "out")
        assert len(list(tmp_path.iterdir())) == 2
        process.send_signal(signal.SIGKILL)
    assert difference(OLD, read_graph(tmp_path / "out")) is None
    write_graph(OLD, tmp_path / "out")
    assert only_the_old_one_is_there(tmp_path)


def test_readers_never_see_half_of_an_exchange(tmp_path: Path) -> None:
    if sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "renameat2"):
        pytest.skip("this system cannot exchange two folders in one call")
    write_graph(OLD, tmp_path / "out")
    script = f"""
        import numpy as np
        from netgraph import write_graph
        from netgraph.graph.graph import Graph
        graphs = [Graph.from_matrices([np.eye(2)]), Graph.from_matrices([2 * np.eye(3)])]
        print("ready", flush=True)
        for i in range(40):
            write_graph(graphs[i % 2], {str(tmp_path / "out")!r})
    """
    seen = 0
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while process.poll() is None:
            assert (tmp_path / "out" / "manifest.json").is_file()
            seen += 1
            time.sleep(0.0005)
    assert seen > 10
    assert process.returncode == 0


def test_targets_that_are_not_an_export_are_refused_and_untouched(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(TableError, match="is a file; expected a folder"):
        write_graph(OLD, f"{file}")
    foreign = write_graph(OLD, tmp_path / "out") / "notes.txt"
    foreign.write_text("mine")
    with pytest.raises(TableError, match=r"holds notes.txt, which netgraph did not write there: choose another folder"):
        write_graph(NEW, tmp_path / "out")
    own = tmp_path / "own"
    own.mkdir()
    (own / "edges.csv").write_text("source,target\n")
    with pytest.raises(TableError, match=r"holds edges.csv, which netgraph did not write"):
        write_graph(NEW, own)
    assert file.read_text() == foreign.read_text() == "mine"
    assert (own / "edges.csv").read_text() == "source,target\n"


def test_overwrite_false_keeps_an_export_but_fills_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_graph(OLD, tmp_path / "out", overwrite=False)
    with pytest.raises(TableError, match="holds an export already; pass overwrite=True"):
        write_graph(NEW, tmp_path / "out", overwrite=False)
    assert only_the_old_one_is_there(tmp_path)


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    write_graph(OLD, tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    write_graph(NEW, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert difference(NEW, read_graph(tmp_path / "real")) is None


def test_parents_are_made_and_a_file_among_them_is_named(tmp_path: Path) -> None:
    write_graph(OLD, tmp_path / "a" / "b" / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(TableError, match=r"cannot write .*file/out: (Not a directory|File exists)"):
        write_graph(OLD, tmp_path / "file" / "out")


def test_a_marker_that_cannot_be_read_is_removed(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write_graph(Graph.from_matrices([np.eye(2)]), target)
    marker = swap._marker(target)
    marker.write_text('{"new": ".netg')
    assert read_graph(target).n == 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
