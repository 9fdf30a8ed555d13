"""Labels of any text are one text in every reader of CSV."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from netgraph import write_graph
from netgraph.graph.graph import Graph

LABELS = [
    "a\0b",
    "end\0",
    "\x1b[0m",
    "half \ud83d",
    "two\r\nlines",
    "old\rmac",
    "tab\there",
    "line\u2028",
    "\x85",
    None,
]
IN_CSV = ["a\ufffdb", "end\ufffd", "\ufffd[0m", "half \ufffd", "two\nlines", "old\nmac", *LABELS[6:9], ""]


def test_labels_are_the_same_in_pandas_polars_python_and_r(tmp_path: Path, rscript: str) -> None:
    graph = Graph.from_matrices([np.ones((5, 5))]).with_columns(label=LABELS)
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
