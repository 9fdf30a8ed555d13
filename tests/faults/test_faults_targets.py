"""Targets that cannot be written, or are not for us to write; several writers at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from faults_system import NEW, OLD, held, same, small_parts

from netgraph import read_graph, write_graph
from netgraph.errors import TableError
from netgraph.graph.formats import FORMATS, parts
from netgraph.graph.graph import Graph

FOLDERS = ("out", "out.parquet")
NAMES = [f"out{suffix}" for suffix in FORMATS]


def in_python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.skipif(os.name != "posix", reason="limits on files are POSIX")
@pytest.mark.parametrize("name", NAMES)
def test_faults_a_file_that_grows_too_big_leaves_the_old_export(tmp_path: Path, name: str) -> None:
    """The system itself refuses the write in the middle, as it does on a full disk."""
    write_graph(OLD, tmp_path / name)
    there = read_graph(tmp_path / name)
    done = in_python(f"""
        import resource
        import numpy as np
        from netgraph import write_graph
        from netgraph.errors import TableError
        from netgraph.graph.graph import Graph

        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            write_graph(Graph.from_matrices([np.random.default_rng(0).random((100, 200))]), {str(tmp_path / name)!r})
        except TableError as error:
            print(error)
    """)
    assert "File too large; what was there before is unchanged" in done.stdout, done.stderr
    assert same(held(tmp_path, name), there)


@pytest.fixture
def shelf() -> Iterator[Path]:
    """A folder that others may enter, and nobody but root may write to; this process is nobody meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="netgraph-faults-"))
    root = os.geteuid() == 0
    yield folder
    if root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
@pytest.mark.parametrize("name", NAMES)
def test_faults_a_folder_that_is_read_only_is_said_and_left(shelf: Path, name: str) -> None:
    write_graph(OLD, shelf / name)
    there = read_graph(shelf / name)
    shelf.chmod(0o555)
    if os.geteuid() == 0:
        os.seteuid(65534)
    with pytest.raises(TableError, match=r"cannot write .*Permission denied; what was there before is unchanged"):
        write_graph(NEW, shelf / name)
    assert same(held(shelf, name), there)


@pytest.mark.parametrize("name", FOLDERS)
def test_faults_a_file_in_the_place_of_a_folder_is_left(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(TableError, match=r"is a file; expected a folder"):
        write_graph(NEW, tmp_path / name)
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("there", [True, False])
def test_faults_of_a_link_what_it_leads_to_is_replaced(tmp_path: Path, name: str, there: bool) -> None:
    (tmp_path / "links").mkdir()
    if there:
        write_graph(OLD, tmp_path / "real" / name)
    link = tmp_path / "links" / name
    link.symlink_to(Path("..") / "real" / name)
    write_graph(NEW, link)
    assert link.is_symlink()
    assert same(held(tmp_path / "real", name), NEW)
    assert [entry.name for entry in (tmp_path / "links").iterdir()] == [name]


@pytest.mark.parametrize(
    "foreign",
    [
        "notes.txt",
        "edges/notes.txt",
        "edges/layer=a/part-1.csv",
        "edges/mine/part-00000.parquet",
        "empty/",
        "vertices.csv",
    ],
)
def test_faults_foreign_files_anywhere_in_a_parquet_folder_are_named_and_left(tmp_path: Path, foreign: str) -> None:
    at = write_graph(OLD, tmp_path / "out.parquet")
    path = at / foreign
    if foreign.endswith("/"):
        path.mkdir()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    before = sorted(str(entry) for entry in at.rglob("*"))
    with pytest.raises(TableError, match=rf"holds {foreign.rstrip('/')}, which netgraph did not write there"):
        write_graph(NEW, at)
    assert sorted(str(entry) for entry in tmp_path.glob("out.parquet/**/*")) == before


def test_faults_links_in_a_parquet_folder_are_foreign(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "part-00000.parquet").write_text("mine")
    at = write_graph(OLD, tmp_path / "out.parquet")
    (at / "edges" / "layer=a").symlink_to(elsewhere)
    with pytest.raises(TableError, match=r"holds edges/layer=a, which netgraph did not write there"):
        write_graph(NEW, at)
    assert (elsewhere / "part-00000.parquet").read_text() == "mine"


def test_faults_an_export_of_the_other_kind_is_foreign(tmp_path: Path) -> None:
    write_graph(OLD, tmp_path / "out.parquet/")
    shutil.move(write_graph(OLD, tmp_path / "csv"), tmp_path / "csv.parquet")
    with pytest.raises(TableError, match=r"holds edges.csv, vertices.csv, which netgraph did not write there"):
        write_graph(NEW, tmp_path / "csv.parquet")


def test_faults_overwrite_false_keeps_a_parquet_export(tmp_path: Path) -> None:
    at = write_graph(OLD, tmp_path / "out.parquet")
    with pytest.raises(TableError, match="holds an export already; pass overwrite=True"):
        write_graph(NEW, at, overwrite=False)
    assert same(held(tmp_path, "out.parquet"), OLD)


def test_faults_a_second_thread_is_refused_while_the_first_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_parts(monkeypatch)
    began, go = threading.Event(), threading.Event()
    write = parts._write

    def slow(part: parts.Part, content: str) -> parts.Made:
        began.set()
        assert go.wait(60)
        return write(part, content)

    monkeypatch.setattr(parts, "_write", slow)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(write_graph, NEW, tmp_path / "out.parquet")
        assert began.wait(60)
        with pytest.raises(TableError, match="another export to it is under way; wait until it has ended"):
            write_graph(OLD, tmp_path / "out.parquet")
        go.set()
        first.result()
    assert same(held(tmp_path, "out.parquet"), NEW)


def test_faults_a_second_process_is_refused_while_the_first_writes(tmp_path: Path) -> None:
    script = f"""
        import sys
        from netgraph import write_graph
        from netgraph.graph.formats import parts
        from netgraph.graph.graph import Graph
        import numpy as np

        write = parts._write
        def slow(part, content):
            print("began", flush=True)
            sys.stdin.readline()
            return write(part, content)
        parts._write = slow
        write_graph(Graph.from_matrices([np.eye(2, dtype=np.float32)], [np.ones(2)]), {str(tmp_path / "out.parquet")!r})
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "began\n"
        with pytest.raises(TableError, match="another export to it is under way"):
            write_graph(NEW, tmp_path / "out.parquet")
        first.communicate("go\n")
    assert first.returncode == 0
    assert same(held(tmp_path, "out.parquet"), OLD)
    write_graph(NEW, tmp_path / "out.parquet")
    assert same(held(tmp_path, "out.parquet"), NEW)


@pytest.mark.parametrize("name", FOLDERS)
def test_faults_of_many_writers_at_once_one_wins_whole(tmp_path: Path, name: str) -> None:
    graphs = [Graph.from_matrices([np.full((20, 20), i + 1.0)]) for i in range(4)]
    others: list[str] = []

    def write(graph: Graph) -> None:
        for _ in range(5):
            try:
                write_graph(graph, tmp_path / name)
            except TableError as error:
                others.append(str(error))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, graphs))
    assert all("another export to it is under way" in error for error in others)
    assert len(others) < 20
    assert any(same(held(tmp_path, name), graph) for graph in graphs)


def test_faults_a_worker_that_fails_leaves_the_old_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    write_graph(OLD, tmp_path / "out.parquet")
    broken = Graph.from_matrices([np.ones((30, 10)), np.full((5, 30), np.inf)])
    with ThreadPoolExecutor(3) as executor, pytest.raises(Exception, match="are NaN or infinite"):
        write_graph(broken, tmp_path / "out.parquet", executor=executor)
    assert same(held(tmp_path, "out.parquet"), OLD)


def test_faults_an_interrupt_leaves_the_old_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    write_graph(OLD, tmp_path / "out.parquet")

    def interrupt(done: int, total: int) -> None:
        if done > 40:
            raise KeyboardInterrupt

    with ThreadPoolExecutor(2) as executor, pytest.raises(KeyboardInterrupt):
        write_graph(NEW, tmp_path / "out.parquet", executor=executor, progress=interrupt)
    assert same(held(tmp_path, "out.parquet"), OLD)
