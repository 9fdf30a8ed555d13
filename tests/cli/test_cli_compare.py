"""compare as a command: the function's own answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

import netgraph as ng

Cli = Callable[..., Any]


@pytest.fixture
def tuned(files: Any, tmp_path: Path) -> Path:
    """The same network with one weight changed and one pruned."""
    state = load_file(files.weights)
    state["fc1.weight"][2, 5] += 3
    state["fc2.weight"][1, 4] = 0
    save_file(state, tmp_path / "tuned.safetensors")
    return tmp_path / "tuned.safetensors"


def test_cli_compare_is_the_function(files: Any, tuned: Path, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = cli("compare", files.weights, tuned, *files.options, "--json", "-o", out)
    assert result.status == 0, result.err
    told = result.json
    assert told["identical"] is False and told["edges"] == {"added": 0, "removed": 1, "changed": 1, "same": 43}
    assert [(row["source"], row["status"]) for row in told["edges_listed"]] == [
        ("conv1:0", "changed"),
        ("fc1:4", "removed"),
    ]
    assert told["layers"][1]["changed"] == 1 and told["overlap"][0]["what"] == "vertices"
    assert json.loads((out / "comparison.json").read_text())["edges"]["changed"] == 1
    text = cli("compare", files.weights, tuned, *files.options).out
    assert "identical" in text and "removed" in text and "fc2:1" in text


def test_cli_compare_units_and_exports(files: Any, exported: Path, tuned: Path, cli: Cli) -> None:
    units = cli("compare", files.weights, files.weights, *files.options, "--match", "units", "--nulls", 0, "--json")
    assert units.json["identical"] is True and units.json["settings"]["match"] == "units"
    mixed = cli("compare", exported, tuned, *files.options, "--json")
    assert mixed.json["edges"]["changed"] == 1, mixed.err
    assert cli("compare", exported, exported, "--json").json["identical"] is True
    bad = cli("compare", exported, exported, "--match", "unitz")
    assert bad.status == 1 and "did you mean 'units'" in bad.err
    assert ng.compare(ng.read_graph(exported), ng.read_graph(exported)).identical
