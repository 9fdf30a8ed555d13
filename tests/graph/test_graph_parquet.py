"""The Parquet folder: equal graphs back, few bytes an edge, other people's readers, parts of any size."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from graph_strategies import layered_graphs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import netgraph as ng
from netgraph import read_graph, write_graph
from netgraph.errors import NonFiniteError, TableError
from netgraph.graph.equality import difference
from netgraph.graph.formats import cutting, parquet, read_activations
from netgraph.graph.graph import Block, Graph, Layer


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of about 40 rows, listed 10 at a time; vertices by sevens."""
    monkeypatch.setattr(cutting, "PART", 40)
    monkeypatch.setattr(cutting, "TILE", 10)
    monkeypatch.setattr(parquet, "VERTICES", 7)


def hand_made() -> Graph:
    first = np.array([[0.5, 0.0, -2.0], [0.0, 0.25, 3.0]], dtype=np.float32)
    return Graph.from_matrices([first, np.array([[4.0, -1.0]], dtype=np.float32)], names=["input", "a/b", "fc#2"])


def lenet() -> ng.Network:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 5)
    )
    return ng.trace(model.eval(), (1, 10, 10))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(layered_graphs(), st.sampled_from(["default", "gephi"]))
def test_parquet_a_written_graph_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, graph: Graph, profile: str
) -> None:
    folder = tmp_path_factory.mktemp("graph") / "out.parquet"
    write_graph(graph, folder, profile=profile)
    assert difference(graph, read_graph(folder)) is None
    assert [entry.name for entry in folder.parent.iterdir()] == ["out.parquet"]


def test_parquet_says_what_the_graph_says(tmp_path: Path) -> None:
    at = write_graph(hand_made().with_columns(module=[0, 1, 0, 1, 0, 1]), tmp_path / "out.parquet")
    files = sorted(file.relative_to(at).as_posix() for file in at.rglob("*") if file.is_file())
    assert files == [
        "edges/layer=a%2Fb/part-00000.parquet",
        "edges/layer=fc%232/part-00001.parquet",
        "manifest.json",
        "vertices.parquet",
    ]
    vertices = pl.read_parquet(at / "vertices.parquet")
    assert vertices["id"].to_list() == ["input:0", "input:1", "input:2", "a/b:0", "a/b:1", "fc#2:0"]
    assert vertices["module"].to_list() == [0, 1, 0, 1, 0, 1]
    edges = pl.read_parquet(at / "edges", hive_partitioning=True)
    assert edges.schema["source"] == pl.Int32
    assert edges.schema["weight"] == pl.Float32
    assert edges.select("source", "target", "weight", pl.col("kind").cast(pl.String), "layer").rows() == [
        (0, 3, 0.5, "linear", "a/b"),
        (2, 3, -2.0, "linear", "a/b"),
        (1, 4, 0.25, "linear", "a/b"),
        (2, 4, 3.0, "linear", "a/b"),
        (3, 5, 4.0, "linear", "fc#2"),
        (4, 5, -1.0, "linear", "fc#2"),
    ]
    manifest = json.loads((at / "manifest.json").read_text())
    for name in files:
        if name != "manifest.json":
            assert manifest["files"][name]["sha256"] == hashlib.sha256((at / name).read_bytes()).hexdigest()
    assert [manifest["files"][part["file"]]["rows"] for part in manifest["parts"]] == [4, 2]


def test_parquet_opens_in_duckdb_and_joins_with_its_vertices(tmp_path: Path) -> None:
    at = write_graph(hand_made(), tmp_path / "out.parquet")
    rows = duckdb.sql(f"""
        SELECT s.id, t.id, e.weight, e.kind, e.layer
        FROM read_parquet('{at}/edges/**/*.parquet', hive_partitioning = true) e
        JOIN (SELECT *, row_number() OVER () - 1 AS number FROM '{at}/vertices.parquet') s ON e.source = s.number
        JOIN (SELECT *, row_number() OVER () - 1 AS number FROM '{at}/vertices.parquet') t ON e.target = t.number
        WHERE e.layer = 'fc#2' ORDER BY e.weight
    """).fetchall()
    assert rows == [("a/b:1", "fc#2:0", -1.0, "linear", "fc#2"), ("a/b:0", "fc#2:0", 4.0, "linear", "fc#2")]


def test_parquet_takes_about_four_bytes_an_edge(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = [(500, 784), (10, 500)]
    graph = Graph.from_matrices([rng.standard_normal(shape).astype(np.float32) for shape in shapes])
    at = write_graph(graph, tmp_path / "out.parquet")
    assert sum(file.stat().st_size for file in (at / "edges").rglob("*.parquet")) <= 4.2 * 397_000


@pytest.mark.usefixtures("small_parts")
def test_parquet_many_parts_hold_what_one_would(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    dense = rng.standard_normal((30, 9)) * (rng.random((30, 9)) < 0.6)
    listed = sp.csr_array(rng.standard_normal((20, 30)) * (rng.random((20, 30)) < 0.3))
    values = {"attribution": sp.csr_array((listed.data * 2, listed.indices, listed.indptr), shape=listed.shape)}
    layers = (
        Layer("a", "a", "input", (9,), 0, 9),
        Layer("b", "b", "linear", (30,), 9, 30),
        Layer("c", "c", "linear", (20,), 39, 20),
    )
    graph = Graph(layers, (Block("a", "b", "linear", dense), Block("b", "c", "linear", listed, values)))
    at = write_graph(graph, tmp_path / "out.parquet")
    assert difference(graph, read_graph(at)) is None
    rows = [pl.read_parquet(file).height for file in sorted((at / "edges").rglob("*.parquet"))]
    assert len(rows) > 7
    assert sum(rows) == len(graph.edges)
    assert max(rows) <= 60
    assert pl.read_parquet(at / "edges")["attribution"].null_count() == graph.blocks[0].edges


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("flows", [False, True])
def test_parquet_lists_implicit_convolutions_part_by_part(tmp_path: Path, flows: bool) -> None:
    inputs = {"inputs": torch.ones(1, 1, 10, 10), "target": 1} if flows else {}
    graph = lenet().graph(granularity="unit", **inputs)
    at = write_graph(graph, tmp_path / "out.parquet")
    again = read_graph(at)
    assert difference(graph.unrolled(), again) is None
    assert len(list((at / "edges").rglob("*.parquet"))) > 20


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("rule", [{"threshold": 0.2}, {"layers": ["input", "0"]}, {"threshold": 100.0}])
def test_parquet_of_some_edges_is_the_selected_graph(tmp_path: Path, rule: dict[str, object]) -> None:
    graph = lenet().graph()
    if "layers" in rule:
        rule = {"layers": [layer.name for layer in graph.layers[:2]]}
    at = write_graph(graph, tmp_path / "out.parquet", **rule)  # type: ignore[arg-type]
    csv = write_graph(graph, tmp_path / "out", **rule)  # type: ignore[arg-type]
    assert difference(read_graph(csv), read_graph(at)) is None
    assert pl.read_parquet(at / "edges").height == len(read_graph(csv).edges)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("how", ["threads", *multiprocessing.get_all_start_methods()])
def test_parquet_any_executor_makes_the_same_bytes(tmp_path: Path, how: str) -> None:
    """Forked workers, too, in which polars alone would wait for ever; convolutions are sent whole, rows are cut."""
    graph = lenet().graph(granularity="unit")
    here = write_graph(graph, tmp_path / "here.parquet")
    executor: Executor = (
        ThreadPoolExecutor(2)
        if how == "threads"
        else ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(how))
    )
    with executor:
        there = write_graph(graph, tmp_path / "there.parquet", executor=executor)
    files = [file.relative_to(here) for file in sorted(here.rglob("*")) if file.suffix == ".parquet"]
    assert len(files) > 20
    assert [file.relative_to(there) for file in sorted(there.rglob("*")) if file.suffix == ".parquet"] == files
    assert all((here / file).read_bytes() == (there / file).read_bytes() for file in files)
    assert difference(read_graph(here), read_graph(there)) is None


def test_parquet_without_edges_still_opens(tmp_path: Path) -> None:
    layers = (Layer("a", "a", "input", (2,), 0, 2), Layer("b", "b", "linear", (3,), 2, 3))
    graph = Graph(layers, (Block("a", "b", "linear", np.zeros((3, 2), dtype=np.float32)),))
    at = write_graph(graph, tmp_path / "out.parquet")
    assert difference(graph, read_graph(at)) is None
    table = pl.read_parquet(at / "edges")
    assert table.height == 0
    assert {"source", "target", "weight", "kind"} <= set(table.columns)


def test_parquet_keeps_activations_and_gates(tmp_path: Path) -> None:
    net = lenet()
    x = torch.rand(3, 1, 10, 10)
    activations = net.activations(x, granularity="unit")
    graph = net.graph(granularity="unit", inputs=x[:1], target=2).unrolled()
    at = write_graph(graph, tmp_path / "out.parquet", activations=activations)
    assert difference(graph, read_graph(at)) is None
    pd.testing.assert_frame_equal(read_activations(at), activations, check_names=False)
    assert any(block.gate is not None for block in graph.blocks)


def test_parquet_reports_progress_up_to_all_edges(tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    write_graph(hand_made(), tmp_path / "out.parquet", progress=lambda done, total: said.append((done, total)))
    assert said == [(4, 6), (6, 6)]


def test_parquet_in_the_words_of_gephi(tmp_path: Path) -> None:
    at = write_graph(hand_made(), tmp_path / "out.parquet", profile="gephi")
    table = pl.read_parquet(at / "edges" / "layer=a%2Fb" / "*.parquet", hive_partitioning=False)
    assert table.columns == ["source", "target", "weight", "signed_weight", "sign", "kind"]
    assert table["weight"].to_list() == [0.5, 2.0, 0.25, 3.0]
    assert table["signed_weight"].to_list() == [0.5, -2.0, 0.25, 3.0]
    assert table["sign"].to_list() == [1, -1, 1, 1]
    assert difference(hand_made(), read_graph(at)) is None


def test_parquet_long_names_of_layers_fit_a_file_system(tmp_path: Path) -> None:
    names = ["input", "é" * 120, "é" * 119 + "a"]
    graph = Graph.from_matrices([np.eye(2), np.eye(2)], names=names)
    at = write_graph(graph, tmp_path / "out.parquet")
    folders = [folder.name for folder in (at / "edges").iterdir()]
    assert len(set(folders)) == 2
    assert all(len(name) < 230 for name in folders)
    assert difference(graph, read_graph(at)) is None


def test_parquet_refuses_what_it_cannot_say(tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    with pytest.raises(
        TableError, match="'starter' calls the ids at the ends of an edge from_id and to_id; in Parquet they are"
    ):
        write_graph(hand_made(), target, profile="starter")
    signs = Graph(hand_made().layers[:2], (Block("input", "a/b", "linear", np.eye(2, 3), {"sign": np.eye(2, 3)}),))
    with pytest.raises(TableError, match="edges cannot have a column 'sign': there is 'sign' already"):
        write_graph(signs, target, profile="gephi")
    broken = hand_made()
    broken.blocks[0].weight[0, 0] = np.nan
    with pytest.raises(NonFiniteError, match=r"block input -> a/b \(linear\): 1 of 4 weights .* NaN or infinite"):
        write_graph(broken, target)
    doubled = hand_made().with_columns(Bias=np.zeros(6), bias=np.ones(6))
    with pytest.raises(TableError, match=r"vertices.parquet cannot have a column 'Bias': there is 'bias' already"):
        write_graph(doubled, target)
    layer = Graph(hand_made().layers[:2], (Block("input", "a/b", "linear", np.eye(2, 3), {"layer": np.eye(2, 3)}),))
    with pytest.raises(TableError, match="edges cannot have a column 'layer'"):
        write_graph(layer, target)
    assert list(tmp_path.iterdir()) == []


def test_parquet_that_was_changed_is_refused(tmp_path: Path) -> None:
    at = write_graph(hand_made(), tmp_path / "out.parquet")
    part = next((at / "edges").rglob("*.parquet"))
    whole = part.read_bytes()
    part.write_bytes(whole[:-1])
    with pytest.raises(TableError, match=r"part-0000\d.parquet has .* bytes, expected"):
        read_graph(at)
    part.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with pytest.raises(TableError, match="is not the file that was written"):
        read_graph(at)
    part.unlink()
    with pytest.raises(TableError, match="is missing, though the manifest lists it"):
        read_graph(at)
    (at / "manifest.json").unlink()
    with pytest.raises(TableError, match=r"has no manifest.json"):
        read_graph(at)


def test_parquet_whose_ends_are_elsewhere_is_refused(tmp_path: Path) -> None:
    at = write_graph(hand_made(), tmp_path / "out.parquet")
    file = at / "edges" / "layer=fc%232" / "part-00001.parquet"
    pl.read_parquet(file, hive_partitioning=False).with_columns(source=pl.lit(0, pl.Int32)).write_parquet(file)
    manifest = json.loads((at / "manifest.json").read_text())
    entry = manifest["files"][file.relative_to(at).as_posix()]
    entry.update(bytes=file.stat().st_size, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    (at / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(TableError, match=r"row 0, source 0 is no vertex of layer 'a/b'"):
        read_graph(at)
    manifest["parts"].pop()
    (at / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(TableError, match=r"edges from a/b to fc#2 in .* have 0 rows, the manifest says 2"):
        read_graph(at)
