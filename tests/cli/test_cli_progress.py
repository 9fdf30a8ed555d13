"""Progress of exports: how many edges, how fast, how much longer; only where somebody looks."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from netgraph import write_graph
from netgraph.cli.progress import edges_bar
from netgraph.graph.graph import Graph


def test_cli_progress_says_edges_rate_and_time_left() -> None:
    text = io.StringIO()
    with edges_bar("writing out", Console(file=text, force_terminal=True, width=120)) as bar:
        assert bar is not None
        bar(0, 4_000_000)
        bar(1_000_000, 4_000_000)
        bar(3_000_000, 4_000_000)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue())
    assert re.search(r"writing out .*3000000/4000000 [\d,]+ rows/s \d:\d\d:\d\d", shown)


def test_cli_progress_is_silent_where_nobody_looks() -> None:
    text = io.StringIO()
    with edges_bar("writing out", Console(file=text)) as bar:
        assert bar is None
    assert text.getvalue() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_cli_progress_stands_on_stderr_of_a_terminal_and_data_on_stdout(tmp_path: Path) -> None:
    import pty
    import select
    import subprocess

    write_graph(Graph.from_matrices([np.ones((40, 50))]), tmp_path / "graph")
    main, end = pty.openpty()
    command = [sys.executable, "-m", "netgraph", "convert", tmp_path / "graph", tmp_path / "out.parquet", "--json"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=end, text=True, check=True, env=environment)
    shown = b""
    while select.select([main], [], [], 1.0)[0]:  # before its other end is closed: then nothing is lost
        shown += os.read(main, 1 << 16)
    os.close(end)
    os.close(main)
    assert '"edges": 2000' in done.stdout
    assert b"2000/2000" in shown
    assert b"writing" in shown
