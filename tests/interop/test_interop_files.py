"""GEXF, GraphML and Parquet are read by parsers that share nothing with ours, and all agree on what they hold."""

from __future__ import annotations

import csv
import math
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import numpy as np
import pytest
from graph_strategies import layered_graphs
from hypothesis import given, settings

import netgraph as ng
from netgraph.graph.layout import layout

Read = Callable[[Path], tuple[dict[str, dict[str, Any]], list[tuple[str, str, dict[str, Any]]]]]
"""A file -> (id -> attributes, edges with attributes)."""
ODD = ["<a & 'b' \"c\">", "two\nlines\tand a tab", "é😀ünï", " spaces ", "NA", "", "7", "]]>"]


@pytest.fixture(scope="module")
def graph() -> ng.Graph:
    """Ids with commas, awkward labels, tiny, huge and whole weights of both signs, values that one block lacks."""
    rng = np.random.default_rng(0)
    layers = (
        ng.Layer("", "input", "input", (1, 4, 4), 0, 16, grid=(1, 4, 4)),
        ng.Layer("conv", "conv", "conv", (3, 2, 2), 16, 3, "relu"),
        ng.Layer("0", "linear_0", "linear", (5,), 19, 5),
    )
    first = (rng.standard_normal((3, 16)) * 10.0 ** rng.integers(-12, 12, (3, 16))).astype(np.float32)
    first[0, :3] = [0.0, 1.0, -3.0]
    second = rng.standard_normal((5, 3)).astype(np.float32)
    blocks = (
        ng.Block("input", "conv", "conv", first, {"attribution": first * 2}),
        ng.Block("conv", "linear_0", "linear", second),
    )
    columns = {
        "label": np.array([*ODD, *(f"v{i}" for i in range(16))], dtype=object),
        "bias": rng.standard_normal(24).astype(np.float32),
        "module": np.arange(24) % 4,
        "dead": np.arange(24) % 5 == 0,
        "pagerank": rng.random(24),
    }
    return ng.Graph(layers, blocks, columns)


@pytest.fixture(scope="module")
def files(graph: ng.Graph, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """ "gexf", "gexf-gephi", "graphml" … -> the file."""
    folder = tmp_path_factory.mktemp("files")
    made = {suffix: ng.write_graph(graph, folder / f"graph.{suffix}") for suffix in ("gexf", "graphml")}
    for suffix in ("gexf", "graphml"):
        made[f"{suffix}-gephi"] = ng.write_graph(graph, folder / f"gephi.{suffix}", profile="gephi")
    return made


def by_networkx(path: Path) -> Any:
    read = nx.read_gexf(path) if path.suffix == ".gexf" else nx.read_graphml(path)
    assert read.is_directed()
    return dict(read.nodes.items()), [(s, t, data) for (s, t), data in read.edges.items()]


def by_igraph(path: Path) -> Any:
    read = igraph.Graph.Read_GraphML(str(path))
    assert read.is_directed()
    names = read.vs["id"]
    vertices = {name: vertex.attributes() for name, vertex in zip(names, read.vs, strict=True)}
    return vertices, [(names[e.source], names[e.target], e.attributes()) for e in read.es]


def check_edges(graph: ng.Graph, edges: list[Any], profile: str) -> None:
    table = graph.edges.to_pandas()
    ends = list(zip(table["source"], table["target"], strict=True))
    place = {pair: number for number, pair in enumerate(ends)}
    edges = sorted(edges, key=lambda edge: place[edge[0], edge[1]])  # networkx lists them by their sources
    assert [(s, t) for s, t, _ in edges] == ends
    expected = table["weight"].to_numpy()
    signed = "weight" if profile == "default" else "signed_weight"
    assert np.float32([data[signed] for *_, data in edges]).tobytes() == expected.tobytes()
    size = "abs_weight" if profile == "default" else "weight"
    assert np.float32([data[size] for *_, data in edges]).tobytes() == np.abs(expected).tobytes()
    if profile == "gephi":
        assert [int(data["sign"]) for *_, data in edges] == np.sign(expected).astype(int).tolist()
    assert [data["kind"] for *_, data in edges] == table["kind"].tolist()
    for (*_, data), value in zip(edges, table["attribution"], strict=True):
        read = data.get("attribution")
        assert missing(read) if math.isnan(value) else np.float32(read) == np.float32(value)


def missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def check_vertices(graph: ng.Graph, vertices: dict[str, dict[str, Any]]) -> None:
    table = graph.vertices
    assert list(vertices) == table["id"].tolist()
    found = list(vertices.values())
    for name in ("label", "layer", "kind"):
        assert [data.get(name) or "" for data in found] == table[name].tolist(), name  # some readers drop empty text
    for name in ("depth", "module", "index"):
        assert [int(data[name]) for data in found] == table[name].tolist(), name
    assert [bool(data["dead"]) for data in found] == table["dead"].tolist()
    assert [data["pagerank"] for data in found] == table["pagerank"].tolist()
    assert np.float32([data["bias"] for data in found]).tobytes() == table["bias"].to_numpy().tobytes()
    for name in ("channel", "row", "col"):
        for data, value in zip(found, table[name], strict=True):
            assert missing(data.get(name)) if missing(value) or value is pd_na(value) else int(data[name]) == value


def pd_na(value: object) -> object:
    """The value itself where it is pandas' mark of a missing one."""
    return value if str(value) == "<NA>" else None


@pytest.mark.parametrize("profile", ["default", "gephi"])
@pytest.mark.parametrize(("suffix", "read"), [("gexf", by_networkx), ("graphml", by_networkx), ("graphml", by_igraph)])
def test_python_libraries_read_the_same_graph(
    suffix: str, read: Read, profile: str, graph: ng.Graph, files: dict[str, Path]
) -> None:
    vertices, edges = read(files[suffix if profile == "default" else f"{suffix}-gephi"])
    check_vertices(graph, vertices)
    check_edges(graph, edges, profile)


@pytest.mark.parametrize("profile", ["default", "gephi"])
@pytest.mark.parametrize("suffix", ["gexf", "graphml"])
def test_graphology_reads_the_same_graph(
    suffix: str, profile: str, graphology: Callable[[Path], Any], graph: ng.Graph, files: dict[str, Path]
) -> None:
    read = graphology(files[suffix if profile == "default" else f"{suffix}-gephi"])
    assert read["directed"] == "directed"
    check_vertices(graph, dict(read["nodes"]))
    check_edges(graph, read["edges"], profile)
    if suffix == "gexf":  # what Gephi and sigma draw
        for (_, data), (x, y) in zip(read["nodes"], zip(*layout(graph), strict=True), strict=True):
            assert (data["x"], data["y"]) == pytest.approx((x, y))
            assert data["size"] > 0
        colours = [data["color"] for _, data in read["nodes"]]
        modules = graph.columns["module"].tolist()
        assert len(set(colours)) == 4 == len(set(zip(colours, modules, strict=True)))


def test_r_reads_graphml(rscript: str, graph: ng.Graph, files: dict[str, Path], tmp_path: Path) -> None:
    code = """
        suppressPackageStartupMessages(library(igraph))
        args <- commandArgs(trailingOnly = TRUE)
        g <- read_graph(args[1], format = "graphml")
        stopifnot(is_directed(g), identical(V(g)$label[1:2], c("<a & 'b' \\"c\\">", "two\\nlines\\tand a tab")))
        ends <- as_edgelist(g, names = FALSE)
        write.table(data.frame(V(g)$id[ends[, 1]], V(g)$id[ends[, 2]], sprintf("%.17g", E(g)$weight), E(g)$kind),
                    args[2], sep = "\\t", row.names = FALSE, col.names = FALSE, quote = FALSE)
        writeLines(c(V(g)$id, V(g)$layer, V(g)$module), args[3])
    """
    edges, vertices = tmp_path / "edges.tsv", tmp_path / "vertices.txt"
    script = tmp_path / "read.R"
    script.write_text(code, encoding="utf-8")
    subprocess.run([rscript, str(script), str(files["graphml"]), str(edges), str(vertices)], check=True)
    table = graph.edges.to_pandas()
    with edges.open() as file:
        read = [(s, t, np.float32(float(w)), kind) for s, t, w, kind in csv.reader(file, delimiter="\t")]
    assert read == list(zip(table["source"], table["target"], table["weight"], table["kind"], strict=True))
    columns = graph.vertices
    expected = [*columns["id"], *columns["layer"], *columns["module"].astype(str)]
    assert vertices.read_text().split("\n")[:-1] == expected


@settings(max_examples=25)
@given(graph=layered_graphs())
def test_networkx_opens_files_of_any_names(graph: ng.Graph) -> None:
    pairs = list(zip(*(graph.edges.to_pandas()[name] for name in ("source", "target")), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        for suffix, open_file in (("gexf", nx.read_gexf), ("graphml", nx.read_graphml)):
            read = open_file(ng.write_graph(graph, f"{folder}/graph.{suffix}"))
            assert list(read.nodes) == graph.ids.tolist()
            assert sorted(read.edges()) == sorted(pairs)


def test_gephi_sees_no_edge_of_weight_0_or_below(graph: ng.Graph, files: dict[str, Path]) -> None:
    read = nx.read_gexf(files["gexf-gephi"])
    assert min(weight for *_, weight in read.edges(data="weight")) > 0
    assert read.number_of_edges() == len(graph.edges)
