"""Graphs from one format to another on the command line, whole or in part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import netgraph as ng
from netgraph.cli.source import GRAPHS
from netgraph.errors import NoActivations
from netgraph.graph.equality import difference
from netgraph.graph.filtering import keep
from netgraph.graph.formats import FORMATS, read_activations

Cli = Any
SUFFIXES = [".npz", ".gexf", ".graphml"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cli_convert_there_and_back(exported: Path, cli: Cli, tmp_path: Path, suffix: str) -> None:
    assert cli("convert", exported, tmp_path / f"out{suffix}").status == 0
    assert cli("convert", tmp_path / f"out{suffix}", tmp_path / "again").status == 0
    for name in ("vertices.csv", "edges.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (exported / name).read_bytes()
    assert cli("info", tmp_path / f"out{suffix}", "--json").json == cli("info", exported, "--json").json


def test_cli_convert_writes_a_part(exported: Path, cli: Cli, tmp_path: Path) -> None:
    graph = ng.read_graph(exported)
    result = cli("convert", exported, tmp_path / "out.npz", "--top", 5, "--threshold", 0.01, "--json")
    kept = keep(graph, top=5, threshold=0.01)
    assert result.json == {
        "out": str(tmp_path / "out.npz"),
        "vertices": graph.n,
        "edges": 5,
        "of_edges": len(graph.edges),
    }
    assert difference(kept.selected, ng.read_graph(tmp_path / "out.npz")) is None
    last = [layer.name for layer in graph.layers[-2:]]
    for options, rule in (
        (["--per-vertex", 1], {"per_vertex": 1}),
        (["--backbone", 0.3], {"backbone": 0.3}),
        (
            ["--layers", ",".join(last)],
            {"layers": last},
        ),
    ):
        result = cli("convert", exported, tmp_path / "part", *options, "--json")
        expected = keep(graph, **rule)  # type: ignore[arg-type]
        assert (result.json["vertices"], result.json["edges"]) == (expected.graph.n, expected.edges)
        assert difference(expected.selected, ng.read_graph(tmp_path / "part")) is None


def test_cli_convert_under_other_names_and_from_plain_tables(exported: Path, cli: Cli, tmp_path: Path) -> None:
    assert cli("convert", exported, tmp_path / "gephi", "--profile", "gephi").status == 0
    table = pd.read_csv(tmp_path / "gephi" / "edges.csv")
    assert (table.weight > 0).all() and np.array_equal(table.weight * table.sign, table.signed_weight)
    assert cli("convert", exported, tmp_path / "plain", "--profile", "starter").status == 0
    (tmp_path / "plain" / "manifest.json").unlink()
    result = cli("convert", tmp_path / "plain", tmp_path / "out.graphml", "--json")
    assert result.json["edges"] == len(ng.read_graph(exported).edges)
    result = cli("convert", exported, tmp_path / "x", "--profile", "gefi")
    assert result.status == 1 and "did you mean 'gephi'" in result.err
    assert cli("convert", exported, tmp_path / "x", "--top", 0).status == 2


def test_cli_export_in_another_format_and_in_part(files: Any, exported: Path, cli: Cli, tmp_path: Path) -> None:
    options = ["--inputs", files.inputs, "--target", 2, "--granularity", "unit"]
    result = cli("export", files.weights, "-o", tmp_path / "g.gexf", *files.options, *options, "--top", 7, "--json")
    assert (result.status, result.json["edges"]) == (0, 7)
    assert "attribution" in ng.read_graph(tmp_path / "g.gexf").edges.columns
    names = [layer.name for layer in ng.read_graph(exported).layers]
    result = cli(
        "export",
        files.weights,
        "-o",
        tmp_path / "g",
        *files.options,
        "--inputs",
        files.inputs,
        "--target",
        2,
        "--layers",
        names[-1],
    )
    assert result.status == 0
    activations = pd.read_csv(tmp_path / "g" / "activations.csv")
    assert [name.split(":")[0] for name in activations.columns] == [
        "input",
        *[names[-1]] * (len(activations.columns) - 1),
    ]


def test_cli_a_graph_is_no_network(exported: Path, cli: Cli, tmp_path: Path) -> None:
    assert cli("convert", exported, tmp_path / "g.npz").status == 0
    assert sorted(GRAPHS) == sorted(suffix for suffix in FORMATS if suffix)
    result = cli("verify", tmp_path / "g.npz")
    assert result.status == 1 and "is an exported graph, and this command needs the network itself" in result.err


@pytest.mark.parametrize("name", ["there", "there.parquet", "there.npz", "graph"])
def test_cli_activations_come_along(files: Any, cli: Cli, tmp_path: Path, name: str) -> None:
    graph, out = tmp_path / "graph", tmp_path / name
    assert (
        cli("export", files.weights, "-o", graph, *files.options, "--inputs", files.inputs, "--target", 2).status == 0
    )
    before = read_activations(graph)
    assert cli("convert", graph, out).status == 0
    pd.testing.assert_frame_equal(read_activations(out), before)
    assert cli("modules", out, "--out", graph).status == 0
    pd.testing.assert_frame_equal(read_activations(graph), before)
    assert "module" in ng.read_graph(graph).vertices.columns


def test_cli_activations_that_cannot_come_along_are_said(files: Any, cli: Cli, tmp_path: Path) -> None:
    graph = tmp_path / "graph"
    assert (
        cli("export", files.weights, "-o", graph, *files.options, "--inputs", files.inputs, "--target", 2).status == 0
    )
    result = cli("convert", graph, tmp_path / "out.gexf")
    assert result.status == 0 and "has no place for the activations of" in result.err
    result = cli("convert", tmp_path / "out.gexf", tmp_path / "plain", "--profile", "starter")
    assert result.status == 0 and not result.err
    (tmp_path / "plain" / "manifest.json").unlink()
    with pytest.raises(NoActivations, match="a plain pair of tables"):
        read_activations(tmp_path / "plain")
