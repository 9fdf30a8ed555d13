"""The README's R and SQL run as they stand, in their order; they find in the files what Python put there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import duckdb
import pytest

import netgraph as ng

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = ("", ".graphml", ".parquet")
"""Formats of the export that the code opens."""
CHECKS = """
stopifnot(is_directed(g), vcount(g) == {n}, ecount(g) == {m}, identical(V(g)$name, vertices$id), any(E(g)$signed < 0))
stopifnot(igraph::vcount(tidy) == {n}, igraph::ecount(tidy) == {m})
stopifnot(identical(igraph::as_edgelist(tidy, names = FALSE), igraph::as_edgelist(g, names = FALSE)))
stopifnot(identical(V(from_one_file)$id, V(g)$name), identical(E(from_one_file)$weight, E(g)$signed))
"""


def blocks(language: str) -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)


def exported(folder: Path) -> ng.Graph:
    """The graph whose files the code expects below out/."""
    graph = ng.read_graph(ROOT / "data" / "mlp" / "graph")
    for suffix in SUFFIXES:
        ng.write_graph(graph, folder / "out" / f"digits{suffix}")
    return graph


def test_the_readmes_r_code_runs(rscript: str, tmp_path: Path) -> None:
    graph, code = exported(tmp_path), blocks("r")
    assert code and "graph_from_data_frame" in code[0]
    script = tmp_path / "readme.R"
    script.write_text("\n".join([*code, CHECKS.format(n=graph.n, m=len(graph.edges))]), encoding="utf-8")
    done = subprocess.run([rscript, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "Rplots.pdf").stat().st_size > 1_000  # what plot() drew


def test_the_readmes_sql_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = exported(tmp_path)
    monkeypatch.chdir(tmp_path)
    tables = [duckdb.sql(query).fetchall() for code in blocks("sql") for query in code.split(";") if query.strip()]
    assert len(tables) == 2
    into = {block.target: (block.edges, float(abs(block.weight).sum())) for block in graph.blocks}
    assert {layer: edges for layer, edges, _ in tables[0]} == {name: edges for name, (edges, _) in into.items()}
    assert {layer: total for layer, _, total in tables[1]} == pytest.approx({k: s for k, (_, s) in into.items()})
    for layer, edges, mean in tables[0]:
        assert mean * edges == pytest.approx(into[layer][1], rel=1e-5)
