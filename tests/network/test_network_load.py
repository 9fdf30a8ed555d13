"""Files of weights: told by content, nothing in them executed, every failure explained."""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import netgraph as ng
from netgraph.errors import LoadError, NetgraphError, UnknownName

NET = """
import torch
from torch import nn
from helper import WIDTH

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, WIDTH, 3)
        self.fc = nn.Linear(WIDTH * 4, 2)

    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).flatten(1))

def needs(width):
    return Net()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "helper.py").write_text("WIDTH = 3\n")
    return tmp_path


def net(folder: Path) -> str:
    return f"{folder / 'net.py'}:Net"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    from netgraph.network.load import _named

    torch.manual_seed(0)
    return dict(_named(net(folder))().state_dict())


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


WRAPS = {
    "plain": lambda w: w,
    "state_dict": lambda w: {"epoch": 3, "state_dict": w},
    "model": lambda w: {"model": w, "optimizer": {"lr": 0.1}},
    "list": lambda w: [w],
    "nested": lambda w: {"net": {"model_state_dict": w}},
    "parallel": lambda w: {f"module.{k}": v for k, v in w.items()},
    "compiled": lambda w: {f"_orig_mod.module.{k}": v for k, v in w.items()},
}


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("legacy", [False, True])
def test_network_load_real_checkpoints(folder: Path, wrap: str, legacy: bool) -> None:
    held = weights(folder)
    torch.save(WRAPS[wrap](held), folder / "w.any", _use_new_zipfile_serialization=not legacy)
    loaded = ng.load_network(folder / "w.any", (1, 4, 4), net(folder))
    assert loaded.verify()
    assert torch.equal(loaded.model.conv.weight, held["conv.weight"])


def test_network_load_safetensors_and_input_shape_of_the_class(folder: Path) -> None:
    save_file(weights(folder), folder / "w.bin")
    (folder / "net.py").write_text(
        NET.replace("class Net(nn.Module):", "class Net(nn.Module):\n    input_shape = (1, 4, 4)")
    )
    assert ng.load_network(folder / "w.bin", model=net(folder)).input_shape == (1, 4, 4)


def test_network_load_a_chain_of_linear_layers(tmp_path: Path) -> None:
    model = mlp()
    torch.save(model.state_dict(), tmp_path / "mlp.pt")
    loaded = ng.load_network(tmp_path / "mlp.pt", activation="relu")
    x = torch.randn(5, 4)
    assert torch.equal(loaded(x), model(x))
    assert [v.name for v in loaded.graph().layers] == ["input", "linear_0", "linear_2"]
    with pytest.raises(LoadError, match="activation="):
        ng.load_network(tmp_path / "mlp.pt")
    with pytest.raises(UnknownName, match="did you mean 'relu'"):
        ng.load_network(tmp_path / "mlp.pt", activation="relU")


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("legacy", [False, True])
def test_network_load_runs_no_payload(tmp_path: Path, legacy: bool) -> None:
    torch.save({"w": Payload(tmp_path / "ran")}, tmp_path / "bad.pt", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(LoadError, match="not only weights; it was not loaded"):
        ng.load_network(tmp_path / "bad.pt", activation="relu")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(LoadError, match=r"raw\.pt"):
        ng.load_network(tmp_path / "raw.pt", activation="relu")
    assert not (tmp_path / "ran").exists()


def test_network_load_says_what_a_file_is(tmp_path: Path) -> None:
    files = {
        "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"),
        "empty": (b"", "is empty"),
        "junk": (b"hello there, this is text", "no file of weights"),
        "cut": (b'\x10\x00\x00\x00\x00\x00\x00\x00{"a":1', "cut or damaged"),
        "pickle": (b"\x80\x02garbage", "cut or damaged|not only weights"),
    }
    for name, (content, words) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(LoadError, match=words) as caught:
            ng.load_network(tmp_path / name, activation="relu")
        assert name in str(caught.value)
    with pytest.raises(LoadError, match="there is no file"):
        ng.load_network(tmp_path / "absent", activation="relu")
    with pytest.raises(LoadError, match="is a folder"):
        ng.load_network(tmp_path, activation="relu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(mlp()).save(str(tmp_path / "script.pt"))
    with pytest.raises(LoadError, match="TorchScript"):
        ng.load_network(tmp_path / "script.pt")
    torch.save(torch.ones(3), tmp_path / "tensor.pt")
    with pytest.raises(LoadError, match="expected a state dict"):
        ng.load_network(tmp_path / "tensor.pt")


def test_network_load_asks_for_what_is_missing(folder: Path) -> None:
    held = weights(folder)
    path = folder / "w.pt"
    torch.save(held, path)
    with pytest.raises(LoadError, match=r"convolutions .* architecture is needed"):
        ng.load_network(path)
    with pytest.raises(LoadError, match="input_shape="):
        ng.load_network(path, model=net(folder))
    with pytest.raises(LoadError, match="did you mean 'Net'"):
        ng.load_network(path, (1, 4, 4), f"{folder / 'net.py'}:Nett")
    with pytest.raises(LoadError, match="there is no file"):
        ng.load_network(path, (1, 4, 4), "nothere.py:Net")
    with pytest.raises(LoadError, match="write it as"):
        ng.load_network(path, (1, 4, 4), "net.py")
    with pytest.raises(LoadError, match="without arguments"):
        ng.load_network(path, (1, 4, 4), f"{folder / 'net.py'}:needs")
    del held["fc.bias"]
    held["more"] = torch.ones(1)
    held["conv.weight"] = torch.ones(3, 1, 5, 5)
    torch.save(held, path)
    with pytest.raises(LoadError, match=r"lacks 'fc.bias'.*'more'.*\(3, 1, 5, 5\) where the model has \(3, 1, 3, 3\)"):
        ng.load_network(path, (1, 4, 4), net(folder))
    (folder / "net.py").write_text("raise ValueError('no')")
    with pytest.raises(LoadError, match="failed while it was run: ValueError: no"):
        ng.load_network(path, (1, 4, 4), net(folder))
    torch.save({"a.weight": torch.ones(3, 4), "b.weight": torch.ones(2, 5)}, path)
    with pytest.raises(LoadError, match="'a' makes 3 values and 'b' reads 5"):
        ng.load_network(path, activation="relu")
    assert issubclass(LoadError, NetgraphError)
