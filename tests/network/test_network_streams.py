"""Data that come batch by batch: activations, progress, memory, low precision."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from network_matrices import matrix
from network_zoo import make
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import netgraph as ng
from netgraph.errors import InputError
from netgraph.network.values import Run


def data(name: str = "lenet-relu") -> tuple[Any, torch.Tensor, torch.Tensor]:
    model, x = make(name, torch.float64)
    inputs = torch.cat([x, -x, 0.5 * x.flip(0), x + 0.1])
    return ng.trace(model, x), inputs, torch.tensor([0, 1, 1, 2, 0, 1, 2, 2])


# -- activations -------------------------------------------------------------------------------------


@pytest.mark.parametrize("granularity", ["channel", "unit"])
@pytest.mark.parametrize("name", ["lenet-relu", "densenet-gelu", "tokens", "forms"])
def test_network_activations_of_a_loader_are_those_of_the_array(name: str, granularity: str) -> None:
    net, x, labels = data(name)
    whole = net.activations(x, granularity)
    for loader in (
        DataLoader(TensorDataset(x, labels), batch_size=3),
        DataLoader(TensorDataset(x), batch_size=8),
        iter([x[:1], x[1:]]),
    ):
        pd.testing.assert_frame_equal(net.activations(loader, granularity), whole, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 8, 100])
def test_network_activations_come_in_tables_of_any_size(chunk: int) -> None:
    net, x, _ = data()
    tables = net.activations(iter([x[:3], x[3:4], x[4:]]), chunk=chunk)
    assert isinstance(tables, Iterator)
    pieces = list(tables)
    assert [len(p) for p in pieces] == [chunk] * (8 // chunk) + ([8 % chunk] if 8 % chunk else [])
    whole = pd.concat(pieces)
    assert whole.index.tolist() == list(range(8))
    pd.testing.assert_frame_equal(whole, net.activations(x), check_index_type=False, rtol=1e-12, atol=1e-13)


def test_network_activations_read_no_further_than_the_table_that_is_asked_for() -> None:
    net, x, _ = data()
    given: list[int] = []

    def batches() -> Iterator[torch.Tensor]:
        for i in range(8):
            given.append(i)
            yield x[i : i + 1]

    tables = net.activations(batches(), chunk=2)
    assert given == []
    next(tables)
    assert given == [0, 1]


@pytest.mark.parametrize("chunk", [0, -1, 2.5, True])
def test_network_a_bad_chunk_is_explained(chunk: Any) -> None:
    net, x, _ = data("mlp-relu")
    with pytest.raises(InputError, match="expected how many rows a table shall have"):
        net.activations(x, chunk=chunk)


def test_network_activations_keep_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x, _ = data("resnet-relu")
    kept: list[Run] = []
    run = Run.run

    def remembered(self: Run, inputs: Any) -> torch.Tensor:
        kept.append(self)
        return run(self, inputs)

    monkeypatch.setattr(Run, "run", remembered)
    net.activations(x)
    (played,) = kept
    held = [v for v in played._values.values() if not isinstance(v, torch.Tensor)]
    assert not played.records and not played.reads and len(held) == 1  # the logits


# -- progress ----------------------------------------------------------------------------------------


class Endless(IterableDataset[torch.Tensor]):
    def __init__(self, x: torch.Tensor) -> None:
        self.x = x

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(self.x)


@pytest.mark.parametrize(
    "options",
    [{}, {"aggregate": "std"}, {"by": "label"}, {"by": "label", "aggregate": "mean_abs"}, {"granularity": "layer"}],
)
def test_network_progress_counts_the_inputs(options: dict[str, Any]) -> None:
    net, x, labels = data()
    told: list[tuple[int, int | None]] = []
    loader = DataLoader(TensorDataset(x, labels), batch_size=3)
    net.graph(inputs=loader, target=0, progress=lambda done, total: told.append((done, total)), **options)
    done = [d for d, _ in told]
    assert done == sorted(done) and done[-1] == 8 and {total for _, total in told} == {8}
    assert len(told) == (3 if "by" not in options or "aggregate" in options else 6)


@pytest.mark.parametrize(
    ("of", "total"),
    [
        (lambda x: x, 8),
        (lambda x: x.numpy(), 8),
        (lambda x: DataLoader(TensorDataset(x), batch_size=3), 8),
        (lambda x: DataLoader(TensorDataset(x), batch_size=4, drop_last=True), 8),
        (lambda x: DataLoader(Endless(x), batch_size=3), None),
        (lambda x: iter([x[:5], x[5:]]), None),
    ],
)
def test_network_progress_knows_how_many_where_the_loader_does(of: Any, total: int | None) -> None:
    net, x, _ = data("mlp-relu")
    told: list[tuple[int, int | None]] = []
    net.activations(of(x), progress=lambda *step: told.append(step))
    assert told[-1] == (8, total)


def test_network_progress_is_a_bar_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    net, x, _ = data("mlp-relu")
    net.graph(inputs=x, target=0, progress=True)
    net.activations(x, progress=False)
    assert capsys.readouterr().out == ""


def test_network_progress_of_another_kind_is_explained() -> None:
    net, x, _ = data("mlp-relu")
    with pytest.raises(InputError, match=r"expected True \(a bar on stderr\) or a function of \(done, total\)"):
        net.graph(inputs=x, target=0, progress="bar")  # type: ignore[call-overload]


# -- low precision -----------------------------------------------------------------------------------


@pytest.mark.parametrize("aggregate", ["mean", "mean_abs", "std"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_network_low_precision_flows_are_those_of_the_same_numbers_in_float32(
    dtype: torch.dtype, aggregate: str
) -> None:
    model, x = make("lenet-relu")
    model, x = model.to(dtype), x.to(dtype)
    low = ng.trace(model, x).graph(inputs=x, target=1, aggregate=aggregate)
    wide = ng.trace(model.float(), x.float()).graph(inputs=x.float(), target=1, aggregate=aggregate)
    for column in ("contribution", "attribution"):
        assert np.array_equal(matrix(low, column), matrix(wide, column))
    assert low.columns["attribution"].dtype == np.float32


def test_network_sums_over_positions_do_not_overflow() -> None:
    """64² positions of 100: 409,600, where float16 ends at 65,504."""
    conv = nn.Conv2d(1, 1, 1, bias=False)
    conv.weight.data.fill_(1.0)
    x = torch.full((2, 1, 64, 64), 100.0, dtype=torch.float16)
    net = ng.trace(nn.Sequential(conv.half(), nn.AdaptiveAvgPool2d(1), nn.Flatten()), x[:1])
    for aggregate in ("mean", "mean_abs"):
        graph = net.graph(inputs=x, aggregate=aggregate)
        assert float(graph.blocks[0].values["contribution"][0, 0]) == 409_600
        assert float(graph.blocks[0].values["attribution"][0, 0]) == pytest.approx(100, rel=1e-6)
    assert net.activations(x).iloc[0].tolist() == [100.0, 100.0]


# -- memory ------------------------------------------------------------------------------------------

PEAK = """
import sys, torch, netgraph as ng
from pathlib import Path
from torch import nn

def held(what):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024

torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Flatten(), nn.Linear(400, 84), nn.ReLU(), nn.Linear(84, 10)).eval()
net, way, n = ng.trace(model, (1, 32, 32)), sys.argv[1], int(sys.argv[2])
batches = ((torch.rand(200, 1, 32, 32), torch.randint(10, (200,))) for _ in range(n // 200))
before = held("VmRSS")
if way == "activations":
    rows = sum(len(table) for table in net.activations(batches, chunk=500))
    assert rows == n
else:
    graphs = net.graph(inputs=batches, target="label", by="label", aggregate=way)
    assert sum(g.meta["inputs"] for g in graphs.values()) == n
print(held("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory of a process from /proc")
@pytest.mark.parametrize("way", ["mean", "mean_abs", "std", "activations"])
def test_network_memory_does_not_grow_with_the_inputs(way: str) -> None:
    few, many = (
        float(subprocess.run([sys.executable, "-c", PEAK, way, n], check=True, capture_output=True, text=True).stdout)
        for n in ("2000", "10000")
    )
    assert many < 1.25 * few + 20, (few, many)
