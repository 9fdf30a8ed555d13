"""`verify` on the command line: inputs of any kind of file, the tolerance, what it tells, and weights that are NaN."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import netgraph as ng

Cli = Callable[..., Any]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).state_dict(), tmp_path / "mlp.pt")
    return tmp_path / "mlp.pt"


WRITERS: dict[str, Callable[[torch.Tensor, Path], Any]] = {
    "x.npy": lambda x, path: np.save(path, x.numpy()),
    "x.npz": lambda x, path: np.savez(path, inputs=x.numpy(), labels=np.zeros(len(x))),
    "x.pt": lambda x, path: torch.save(x, path),
    "pair.pt": lambda x, path: torch.save((x, torch.zeros(len(x))), path),
    "dict.pt": lambda x, path: torch.save({"inputs": x, "labels": torch.zeros(len(x))}, path),
    "half.pt": lambda x, path: torch.save(x.bfloat16(), path),
    "x.safetensors": lambda x, path: save_file({"inputs": x, "labels": torch.zeros(len(x))}, path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_cli_verify_reads_inputs_of_any_kind_of_file(name: str, weights: Path, cli: Cli, tmp_path: Path) -> None:
    x = torch.randn(3, 4)
    WRITERS[name](x, tmp_path / name)
    result = cli("verify", weights, "--activation", "relu", "--inputs", tmp_path / name, "--json")
    assert (result.status, result.json["inputs"], result.json["exact"]) == (0, 3, True)
    inputs, labels = ng.read_inputs(tmp_path / name)
    assert np.allclose(inputs, x, atol=0.02 if name == "half.pt" else 0) and inputs.dtype == np.float32
    assert (labels is None) == (name in {"x.npy", "x.pt", "half.pt"})


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_cli_verify_executes_no_code_of_an_inputs_file(weights: Path, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.pt").write_bytes(pickle.dumps(Payload(tmp_path / "ran"), protocol=2))
    np.save(tmp_path / "objects.npy", np.array([Payload(tmp_path / "ran")], dtype=object))
    torch.save({"a": torch.ones(2)}, tmp_path / "other.pt")
    torch.save("text", tmp_path / "text.pt")
    for name, words in {
        "bad.pt": "could run any code",
        "objects.npy": "no .npy or .npz file of plain arrays",
        "other.pt": "holds ['a'], expected an array called 'inputs'",
        "text.pt": "holds a str: expected a tensor",
        "none.npy": "there is no file",
    }.items():
        result = cli("verify", weights, "--activation", "relu", "--inputs", tmp_path / name)
        assert result.status == 1 and words in result.err and "allow_pickle" not in result.err, name
    assert not (tmp_path / "ran").exists()


def test_cli_verify_prints_the_table_and_keeps_to_the_tolerance(weights: Path, cli: Cli) -> None:
    result = cli("verify", weights, "--activation", "gelu")
    assert result.status == 0 and result.out == str(ng.load_network(weights, activation="gelu").verify()) + "\n"
    strict = cli("verify", weights, "--activation", "gelu", "--tolerance", 0, "--json")
    assert (strict.status, strict.json["tolerance"], strict.json["exact"]) == (1, 0, False)
    assert "the graph is not the network" in strict.err
    assert cli("verify", weights, "--activation", "gelu", "--tolerance", -1).status == 2


def test_cli_verify_tells_what_is_held_fixed(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\nclass Net(nn.Sequential):\n    input_shape = (4,)\n\n    def __init__(self):\n"
        "        super().__init__(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 2))\n"
    )
    made = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 2))
    torch.save(made.state_dict(), tmp_path / "w.pt")
    result = cli("verify", tmp_path / "w.pt", "--model", f"{tmp_path / 'net.py'}:Net", "--json")
    assert result.json["frozen"] == [
        {"operation": "native_layer_norm", "times": 1, "why": "its statistic (a normaliser)"}
    ]
    assert result.json["silent"] == {} and result.json["warnings"] == []
    assert (
        "held fixed   1 native_layer_norm"
        in cli("verify", tmp_path / "w.pt", "--model", f"{tmp_path / 'net.py'}:Net").out
    )


@pytest.mark.filterwarnings("always::netgraph.NetgraphWarning")
def test_cli_weights_that_are_nan_are_refused_or_dropped(weights: Path, cli: Cli) -> None:
    held = torch.load(weights, weights_only=True)
    held["0.weight"][0, 1] = float("nan")
    torch.save(held, weights)
    refused = cli("verify", weights, "--activation", "relu")
    assert refused.status == 1 and "first at index (0, 1)" in refused.err and "--nonfinite 'drop'" in refused.err
    dropped = cli("verify", weights, "--activation", "relu", "--nonfinite", "drop", "--json")
    assert (dropped.status, dropped.json["exact"]) == (0, True) and "1 weights are NaN" in dropped.json["warnings"][0]
    assert dropped.err.startswith("warning: 1 weights are NaN or infinite")
    told = cli("info", weights, "--activation", "relu", "--nonfinite", "drop", "--json")
    assert told.json["edges"] == 17 and told.json["meta"]["nonfinite"] == {"0.weight": 1}
    assert "did you mean 'drop'" in cli("info", weights, "--activation", "relu", "--nonfinite", "dorp").err
