"""describe and duplicates as commands: the functions' own answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netgraph as ng

Cli = Callable[..., Any]


@pytest.fixture
def doubled(files: Any, tmp_path: Path) -> Path:
    """The network's weights, its second hidden unit twice its first."""
    from safetensors.torch import load_file, save_file

    state = load_file(files.weights)
    name = next(n for n, w in state.items() if w.dim() == 2)
    state[name][1], bias = 2 * state[name][0], state[name.replace("weight", "bias")]
    bias[1] = 2 * bias[0]
    save_file(state, tmp_path / "doubled.safetensors")
    return tmp_path / "doubled.safetensors"


def test_cli_duplicates_are_the_functions(files: Any, doubled: Path, cli: Cli) -> None:
    result = cli("duplicates", doubled, *files.options, "--json")
    net = ng.load_network(doubled, model=f"{files.folder / 'net.py'}:Net", input_shape=(1, 8, 8))
    expected = ng.duplicates(net.graph())
    assert result.status == 0 and len(expected) > 0
    assert [row["vertex"] for row in result.json["duplicates"]] == list(expected.table["vertex"])
    assert result.json["families"] == [list(family) for family in expected.families]
    text = cli("duplicates", doubled, *files.options).out
    assert repr(expected).splitlines()[0] in text and expected.table["vertex"][0] in text
    wide = cli("duplicates", doubled, *files.options, "--tol", 0.9, "--json")
    assert len(wide.json["duplicates"]) > len(expected)
    assert "must be from 0 up to below 1" in cli("duplicates", doubled, *files.options, "--tol", 2).err


def test_cli_describe_is_the_functions(files: Any, cli: Cli) -> None:
    net = ng.load_network(files.weights, model=f"{files.folder / 'net.py'}:Net", input_shape=(1, 8, 8))
    expected = ng.describe(net.graph(), nulls=2, seed=5)
    result = cli("describe", files.weights, *files.options, "--nulls", 2, "--seed", 5, "--json")
    assert result.status == 0 and list(result.json) == list(expected.index)
    for name, row in result.json.items():
        for column, value in row.items():
            wanted = expected.loc[name, column]
            assert (value is None and wanted != wanted) or value == pytest.approx(wanted, rel=1e-6)
    lines = cli("describe", files.weights, *files.options, "--nulls", 1).out.splitlines()
    assert lines[0].split() == ["statistic", "graph", "strength", "0"] and len(lines) == 1 + expected.shape[1]
    assert lines[2].split() == ["edges", *[f"{len(net.graph().edges):g}"] * 2]
    assert "did you mean 'shuffle'" in cli("describe", files.weights, *files.options, "--null", "shufle").err
