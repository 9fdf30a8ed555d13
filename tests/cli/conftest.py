"""The command line as a function, and a small network's files for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 3, padding=1)
        self.fc1 = nn.Linear(48, 6)
        self.fc2 = nn.Linear(6, 4)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        return self.fc2(torch.relu(self.fc1(torch.flatten(x, 1))))
"""


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Files:
    """A network's weights and source, inputs with labels, and the options that name them."""

    folder: Path
    weights: Path
    inputs: Path
    bare: Path

    @property
    def options(self) -> list[str]:
        return ["--model", f"{self.folder / 'net.py'}:Net", "--input-shape", "1,8,8"]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs the program in this process: its exit status, stdout and stderr."""
    from netgraph.cli import main

    def run(*arguments: object) -> Result:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["netgraph", *map(str, arguments)])
            with pytest.raises(SystemExit) as stop:
                main()
        out, err = capfd.readouterr()
        return Result(int(stop.value.code or 0), out, err)

    return run


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("network")
    (folder / "net.py").write_text(NET)
    scope: dict[str, Any] = {}
    exec(NET, scope)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = scope["Net"]()
        images = torch.rand(40, 1, 8, 8)
    save_file(net.state_dict(), folder / "weights.safetensors")
    np.savez(folder / "inputs.npz", inputs=images.numpy(), labels=np.arange(40) % 4)
    torch.save(
        {"0.weight": torch.tensor([[1.0, 2, 3], [4, 5, 6]]), "0.bias": torch.tensor([7.0, 8])}, folder / "bare.pt"
    )
    return Files(folder, folder / "weights.safetensors", folder / "inputs.npz", folder / "bare.pt")


@pytest.fixture
def exported(files: Files, cli: Callable[..., Result], tmp_path: Path) -> Path:
    """A graph folder of that network."""
    assert cli("export", files.weights, "-o", tmp_path / "graph", *files.options).status == 0
    return tmp_path / "graph"
