"""ablate as a command: the function's own answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netgraph as ng

Cli = Callable[..., Any]


def test_cli_ablate_is_the_function(files: Any, cli: Cli, tmp_path: Path) -> None:
    net = ng.load_network(files.weights, model=f"{files.folder / 'net.py'}:Net", input_shape=(1, 8, 8))
    x, y = ng.read_inputs(files.inputs)
    given = ("ablate", files.weights, "--inputs", files.inputs, *files.options)
    result = cli(*given, "--vertices", "fc1:0;fc1:1,conv1:2", "--json", "--seed", 2, "-o", tmp_path / "out")
    assert result.status == 0, result.err
    expected = ng.ablate(net, {"fc1:0": "fc1:0", "fc1:1,conv1:2": ["fc1:1", "conv1:2"]}, x, y, seed=2)
    assert [row["name"] for row in result.json["lesions"]] == ["fc1:0", "fc1:1,conv1:2"]
    for row in result.json["lesions"]:
        for name in ("loss_rise", "loss_rise_p", "accuracy_drop", "size"):
            assert row[name] == pytest.approx(expected.table.loc[row["name"], name])
    by_class = result.json["loss_rise_by_class"]["fc1:0"]
    assert list(by_class.values()) == pytest.approx(expected.class_loss.loc["fc1:0"].tolist())
    assert json.loads((tmp_path / "out" / "lesions.json").read_text())["seed"] == 2
    assert (tmp_path / "out" / "table.csv").exists()


def test_cli_ablate_layers_and_units(files: Any, cli: Cli) -> None:
    given = ("ablate", files.weights, "--inputs", files.inputs, *files.options)
    layer = cli(*given, "--layer", "fc1", "--json").json
    assert [row["name"] for row in layer["lesions"]] == [f"fc1:{i}" for i in range(6)]
    each = cli(*given, "--each", "--json", "--corrupted", "zero").json
    names = ["input:0", *(f"conv1:{i}" for i in range(3)), *(f"fc1:{i}" for i in range(6))]
    assert [row["name"] for row in each["lesions"]] == names and each["settings"]["corrupted"] == "zero"
    text = cli(*given, "--layer", "fc1", "--top", 2).out
    assert "loss_rise_p" in text and text.count("only 5 other sets exist") == 2
    # ids of units hold commas
    units = cli(*given, "--granularity", "unit", "--vertices", "conv1:0,0,1,conv1:0,0,2;conv1:1,3,3", "--json").json
    assert [row["size"] for row in units["lesions"]] == [2, 1]


def test_cli_ablate_says_what_is_wrong(files: Any, cli: Cli) -> None:
    given = ("ablate", files.weights, "--inputs", files.inputs, *files.options)
    assert cli(*given).status == 2 and "one of --vertices, --layer and --each" in cli(*given).err
    assert cli(*given, "--each", "--layer", "fc1").status == 2
    for options, message in (
        (("--layer", "fc9"), "unknown layer 'fc9'"),
        (("--layer", "fc2"), "is an output vertex"),
        (("--vertices", ";"), "nothing to cut"),
        (("--vertices", "fc1:77"), "unknown vertex 'fc1:77'"),
        (("--each", "--samples", 3), "at least 19 random sets"),
    ):
        wrong = cli(*given, *options)
        assert wrong.status == 1 and message in wrong.err, wrong.err
