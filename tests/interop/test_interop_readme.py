"""The README's R code runs as it stands, in its order; R finds in the tables what Python put there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import netgraph as ng

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = ("",)
"""Formats of the export that the code opens."""
CHECKS = """
stopifnot(is_directed(g), vcount(g) == {n}, ecount(g) == {m}, identical(V(g)$name, vertices$id), any(E(g)$signed < 0))
stopifnot(igraph::vcount(tidy) == {n}, igraph::ecount(tidy) == {m})
stopifnot(identical(igraph::as_edgelist(tidy, names = FALSE), igraph::as_edgelist(g, names = FALSE)))
"""


def test_the_readmes_r_code_runs(rscript: str, tmp_path: Path) -> None:
    graph = ng.read_graph(ROOT / "data" / "mlp" / "graph")
    for suffix in SUFFIXES:
        ng.write_graph(graph, tmp_path / "out" / f"digits{suffix}")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code = re.findall(r"^```r\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert code and "graph_from_data_frame" in code[0]
    script = tmp_path / "readme.R"
    script.write_text("\n".join([*code, CHECKS.format(n=graph.n, m=len(graph.edges))]), encoding="utf-8")
    done = subprocess.run([rscript, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "Rplots.pdf").stat().st_size > 1_000  # what plot() drew
