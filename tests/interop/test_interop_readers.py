"""Other people's tools read the CSV folder unchanged, and agree on what it says."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest

from netgraph import write_graph
from netgraph.graph.graph import Block, Graph, Layer


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Ids with commas (a feature map), a sparse block, tiny, huge and whole weights of both signs, values."""
    rng = np.random.default_rng(0)
    layers = (
        Layer("", "input", "input", (1, 4, 4), 0, 16, grid=(1, 4, 4)),
        Layer("conv", "conv", "conv", (3, 2, 2), 16, 3, "relu"),
        Layer("0", "linear_0", "linear", (5,), 19, 5),
    )
    first = (rng.standard_normal((3, 16)) * 10.0 ** rng.integers(-12, 12, (3, 16))).astype(np.float32)
    first[0, :3] = [0.0, 1.0, -3.0]
    second = rng.standard_normal((5, 3)).astype(np.float32)
    blocks = (
        Block("input", "conv", "conv", first, {"attribution": first * 2}),
        Block("conv", "linear_0", "linear", second),
    )
    return Graph(layers, blocks, {"bias": rng.standard_normal(24).astype(np.float32), "module": np.arange(24) % 4})


@pytest.fixture(scope="module")
def folder(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_graph(graph, tmp_path_factory.mktemp("interop") / "out")


def edges_of(graph: Graph) -> list[tuple[str, str, float]]:
    """The edges by brute force."""
    found = []
    for block in graph.blocks:
        into, out = graph.layer(block.target), graph.layer(block.source)
        for target in range(into.size):
            for source in range(out.size):
                if weight := float(block.weight[target, source]):
                    found.append((graph.ids[out.start + source], graph.ids[into.start + target], weight))
    return found


def test_r_builds_the_same_graph(rscript: str, graph: Graph, folder: Path, tmp_path: Path) -> None:
    script = """
        suppressPackageStartupMessages(library(igraph))
        args <- commandArgs(trailingOnly = TRUE)
        setwd(args[1])
        g <- graph_from_data_frame(read.csv("edges.csv"), vertices = read.csv("vertices.csv"))
        stopifnot(is_directed(g), identical(V(g)$label, V(g)$name), is.numeric(V(g)$x), is.numeric(E(g)$weight))
        ends <- as_edgelist(g)
        write.table(data.frame(ends[, 1], ends[, 2], sprintf("%.17g", E(g)$weight)), args[2],
                    sep = "\\t", row.names = FALSE, col.names = FALSE, quote = FALSE)
        writeLines(c(V(g)$name, V(g)$layer, V(g)$module), args[3])
    """
    edges, vertices = tmp_path / "edges.tsv", tmp_path / "vertices.txt"
    subprocess.run([rscript, "-e", script, str(folder), str(edges), str(vertices)], check=True)
    with edges.open() as file:
        read = [
            (source, target, float(np.float32(weight))) for source, target, weight in csv.reader(file, delimiter="\t")
        ]
    assert read == edges_of(graph)
    table = graph.vertices
    assert vertices.read_text().split("\n")[:-1] == [*table["id"], *table["layer"], *table["module"].astype(str)]


def test_pandas_and_networkx_read_the_folder(graph: Graph, folder: Path) -> None:
    edges, vertices = pd.read_csv(folder / "edges.csv"), pd.read_csv(folder / "vertices.csv")
    read = nx.from_pandas_edgelist(edges, edge_attr=["weight", "attribution"], create_using=nx.DiGraph)
    read.add_nodes_from(vertices["id"])
    assert vertices["id"].tolist() == graph.ids.tolist()
    assert {(s, t): np.float32(w) for s, t, w in read.edges(data="weight")} == {
        (s, t): np.float32(w) for s, t, w in edges_of(graph)
    }
    assert edges["attribution"].isna().sum() == graph.blocks[1].edges
    assert (edges["abs_weight"] == edges["weight"].abs()).all()


def test_igraph_reads_the_folder(graph: Graph, folder: Path) -> None:
    edges, vertices = (pd.read_csv(folder / name) for name in ("edges.csv", "vertices.csv"))
    read = igraph.Graph.DataFrame(edges, vertices=vertices, directed=True, use_vids=False)
    names = read.vs["name"]
    assert names == graph.ids.tolist()
    assert [(names[e.source], names[e.target], float(np.float32(e["weight"]))) for e in read.es] == edges_of(graph)


def test_every_float_carries_a_point_or_an_exponent(folder: Path) -> None:
    for name, columns in (("edges.csv", ["weight", "abs_weight", "attribution"]), ("vertices.csv", ["bias", "x", "y"])):
        with (folder / name).open() as file:
            for row in csv.DictReader(file):
                assert all(not row[c] or "." in row[c] or "e" in row[c] for c in columns), row


def test_the_objects_hold_what_the_files_hold(graph: Graph) -> None:
    expected = {(s, t): w for s, t, w in edges_of(graph)}
    network = graph.to_networkx()
    assert dict(network.edges.items()).keys() == expected.keys()
    assert {pair: data["weight"] for pair, data in network.edges.items()} == expected
    assert network.nodes["conv:1"]["channel"] == 1
    assert "row" not in network.nodes["conv:1"]

    other = graph.to_igraph()
    names = other.vs["name"]
    assert names == graph.ids.tolist()
    assert {(names[e.source], names[e.target]): e["weight"] for e in other.es} == expected
    assert other.es["attribution"][-1] is None

    matrix = graph.to_scipy()
    again = nx.from_scipy_sparse_array(matrix, create_using=nx.DiGraph)
    ids = graph.ids
    assert {(ids[s], ids[t]): w for s, t, w in again.edges(data="weight")} == expected

    vertices, edges = graph.to_pandas()
    assert list(zip(edges["source"], edges["target"], edges["weight"].tolist(), strict=True)) == edges_of(graph)
    assert len(vertices) == graph.n


def test_strength_agrees_between_the_objects(graph: Graph) -> None:
    matrix = graph.to_scipy("abs_weight")
    strength = np.asarray(matrix.sum(axis=0)).ravel()
    assert strength == pytest.approx(np.abs(graph.to_scipy().toarray()).sum(axis=0), rel=1e-6)
    other = graph.to_igraph()
    assert other.strength(mode="in", weights=[abs(w) for w in other.es["weight"]]) == pytest.approx(strength, rel=1e-6)
