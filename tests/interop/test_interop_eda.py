"""`scripts/eda.R` looks over an export under R: its figures are those of other tools, its pictures are pictures."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest

import netgraph as ng

ROOT = Path(__file__).resolve().parents[2]
Eda = Callable[..., subprocess.CompletedProcess[str]]
PICTURES = ("weights.png", "degrees.png", "strengths.png", "layers.png", "communities.png")


@pytest.fixture
def eda(rscript: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [rscript, str(ROOT / "scripts" / "eda.R"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("profile", ["default", "gephi", "starter"])
def test_eda_of_the_demos_graph(profile: str, eda: Eda, tmp_path: Path) -> None:
    graph = ng.read_graph(ROOT / "data" / "mlp" / "graph")
    done = eda(ng.write_graph(graph, tmp_path / "graph", profile=profile), tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path}/out/summary.md\n"

    measures = pd.read_csv(tmp_path / "out" / "vertices.csv")
    assert measures["id"].tolist() == graph.ids.tolist()
    weight = abs(graph.to_scipy().astype(np.float64))
    assert measures["in_strength"].to_numpy() == pytest.approx(weight.sum(axis=0), rel=1e-5)
    assert measures["out_strength"].to_numpy() == pytest.approx(weight.sum(axis=1), rel=1e-5)
    assert measures["in_degree"].tolist() == (weight > 0).sum(axis=0).tolist()
    assert measures["out_degree"].tolist() == (weight > 0).sum(axis=1).tolist()
    rank = nx.pagerank(nx.from_scipy_sparse_array(weight, create_using=nx.DiGraph), tol=1e-12, max_iter=1000)
    assert measures["pagerank"].to_numpy() == pytest.approx([rank[i] for i in range(graph.n)], rel=1e-4)
    both = igraph.Graph.Weighted_Adjacency((weight + weight.T).toarray(), mode="undirected")
    quality = both.modularity(measures["community"] - 1, weights="weight")

    summary = (tmp_path / "out" / "summary.md").read_text(encoding="utf-8")
    assert f"{graph.n} vertices, 3,392 edges, 4 layers." in summary
    assert f"{quality:.4f}" in summary
    strongest = graph.edges.to_pandas().nlargest(1, "abs_weight").iloc[0]
    assert f"| {strongest['source']} | {strongest['target']} | {strongest['weight']:.4f} |" in summary
    for name in PICTURES:
        head = (tmp_path / "out" / name).read_bytes()
        assert head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) > 5_000
        width, height = struct.unpack(">II", head[16:24])
        assert width == 990 and height in (550, 770)


def test_eda_says_what_is_wrong(eda: Eda, tmp_path: Path) -> None:
    def complaint(*arguments: object) -> str:
        done = eda(*arguments)
        assert done.returncode == 1 and not done.stdout
        return done.stderr.strip()

    assert complaint(tmp_path) == "eda.R: expected two arguments: Rscript scripts/eda.R FOLDER OUT"
    assert complaint(tmp_path, tmp_path / "out").endswith(
        "vertices.csv is not there; expected a folder that `netgraph export` wrote"
    )
    (tmp_path / "vertices.csv").write_text("id\na\nb\n")
    (tmp_path / "edges.csv").write_text("source,to,weight\na,b,1.0\n")
    assert "edges.csv has no column target; `netgraph check " in complaint(tmp_path, tmp_path / "out")
    (tmp_path / "edges.csv").write_text("source,target,weight\n")
    assert complaint(tmp_path, tmp_path / "out").endswith("has no edges: there is nothing to look at")
