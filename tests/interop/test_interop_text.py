"""Labels of any text are one text in every reader of CSV."""

from __future__ import annotations

import csv
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from graph_strategies import LABELS
from hypothesis import given, settings
from hypothesis import strategies as st

from netgraph import check_tables, read_graph, write_graph
from netgraph.graph.graph import Graph

WRITTEN = [*LABELS, "C:\\", 'q\\"']
IN_CSV = [
    "a\ufffdb",
    "end\ufffd",
    "\ufffd[0m",
    "half \ufffd",
    "two\nlines",
    "old\nmac",
    *LABELS[6:9],
    "",
    "C:\\ ",
    'q\\ "',
]


def test_labels_are_the_same_in_pandas_polars_python_and_r(tmp_path: Path, rscript: str) -> None:
    graph = Graph.from_matrices([np.ones((6, 6))]).with_columns(label=WRITTEN)
    at = write_graph(graph, tmp_path / "out")
    data = (at / "vertices.csv").read_bytes()
    assert b"\0" not in data and b"\r" not in data and data.decode("utf-8")
    file = at / "vertices.csv"
    assert pd.read_csv(file, keep_default_na=False)["label"].tolist() == IN_CSV
    assert pl.read_csv(file)["label"].fill_null("").to_list() == IN_CSV
    with file.open(newline="", encoding="utf-8") as rows:
        assert [row["label"] for row in csv.DictReader(rows)] == IN_CSV
    code = 'for (x in read.csv(commandArgs(TRUE)[1], na.strings = "")$label) cat(utf8ToInt(x), "\\n")'
    done = subprocess.run([rscript, "-e", code, str(file)], capture_output=True, text=True, check=True)
    assert [line.split() for line in done.stdout.splitlines()] == [
        [str(ord(letter)) for letter in label] or ["NA"] for label in IN_CSV
    ]


@settings(max_examples=200)
@given(labels=st.lists(st.text(st.sampled_from('\\",\n\r a'), max_size=6), min_size=4, max_size=4))
def test_a_reader_that_takes_backslashes_for_escapes_finds_every_cell(labels: list[str]) -> None:
    """As Gephi does: what such a label says may be another text there, but no cell is swallowed."""
    graph = Graph.from_matrices([np.eye(2)]).with_columns(label=labels)
    with tempfile.TemporaryDirectory() as folder:
        at = write_graph(graph, f"{folder}/out", profile="gephi")
        with (at / "vertices.csv").open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file, escapechar="\\", strict=True)
        assert check_tables(at).findings == ()
        assert read_graph(at).columns["label"].tolist() == labels
    assert [row[0] for row in rows] == graph.ids.tolist()
    assert [(len(row), row[2]) for row in rows] == [(len(header), name) for name in ["layer_0"] * 2 + ["layer_1"] * 2]
