"""`netgraph check`: findings on stdout, as text and as JSON; the exit status says whether a tool is misled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import netgraph as ng

Cli = Callable[..., Any]


def test_cli_check_of_an_export_finds_nothing(exported: Path, cli: Cli) -> None:
    result = cli("check", exported)
    assert (result.status, result.err) == (0, "")
    assert result.out.endswith("edges: nothing that a tool would misread\n")
    said = cli("check", exported, "--json").json
    assert said["ok"] is True and said["findings"] == []
    graph = ng.read_graph(exported)
    assert (said["vertices"], said["edges"]) == (graph.n, len(graph.edges))


def test_cli_check_names_rows_tools_and_the_mend(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "edges.csv").write_text("from_id,to_id,weight\nfc1:0,fc2:0,0.5\nfc1:1,fc2:0,inf\n")
    result = cli("check", tmp_path)
    assert result.status == 1
    assert "ends-unnamed: edges.csv, column 'from_id, to_id', row 1\n    Gephi: reads an adjacency list" in result.out
    assert "weight-not-finite: edges.csv, column 'weight', row 3: 'inf'" in result.out
    assert "mend: call the two columns source and target" in result.out
    assert result.out.endswith("0 vertices, 2 edges: 2 errors\n")
    said = cli("check", tmp_path, "--json")
    assert said.status == 1 and said.json["ok"] is False
    found = {finding["trap"]: finding for finding in said.json["findings"]}
    assert found["weight-not-finite"]["rows"] == [3] and found["weight-not-finite"]["count"] == 1
    assert found["weight-not-finite"]["severity"] == "error" and "igraph" in found["weight-not-finite"]["tools"]


def test_cli_check_takes_two_files_and_warnings_are_no_failure(tmp_path: Path, cli: Cli) -> None:
    vertices, edges = tmp_path / "units.csv", tmp_path / "joints.csv"
    vertices.write_text("id,layer\na,x\nb,x\n")
    edges.write_text("source,target,weight\na,b,-1.0\n")
    result = cli("check", vertices, edges)
    assert result.status == 0 and "2 vertices, 1 edges: 1 warning" in result.out
    assert "weight-negative" in result.out


def test_cli_check_of_what_is_no_table(tmp_path: Path, cli: Cli) -> None:
    result = cli("check", tmp_path)
    assert result.status == 1 and "expected vertices.csv or nodes.csv" in result.err and not result.out
    assert cli("check", tmp_path / "none.csv").status == 1
