"""Planted duplicates, negations, idle units and families of kernels are found, all and only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from analysis_graphs import awkward, chain
from torch import nn

import netgraph as ng
from netgraph.analysis.duplicates import Duplicates, duplicates
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph

TURNS = {
    "rot90": lambda k: np.rot90(k, 1, (-2, -1)),
    "rot180": lambda k: np.rot90(k, 2, (-2, -1)),
    "rot270": lambda k: np.rot90(k, 3, (-2, -1)),
    "flip_rows": lambda k: k[..., ::-1, :],
    "flip_columns": lambda k: k[..., ::-1],
    "transpose": lambda k: k.swapaxes(-2, -1),
    "antitranspose": lambda k: k[..., ::-1, ::-1].swapaxes(-2, -1),
}


def found(table: Any) -> dict[str, tuple[str, str, str]]:
    return {row.vertex: (row.kind, row.like, row.by) for row in table.itertuples()}


def test_planted_units_all_and_only() -> None:
    rng = np.random.default_rng(0)
    w1, w2, w3 = rng.normal(size=(40, 20)), rng.normal(size=(30, 40)), rng.normal(size=(5, 30))
    b1, b2 = rng.normal(size=40), rng.normal(size=30)
    w1[7], b1[7] = 2 * w1[3], 2 * b1[3]  # the same function, twice as large
    w1[9], b1[9] = -w1[3], -b1[3]
    w1[11] = w1[3]  # another bias: not the same function
    b1[11] = b1[3] + 1
    w2[:, 20] = 0.5 * w2[:, 15]  # the same readers
    w2[:, 21] = -w2[:, 15]
    w1[30], b1[30] = w1[31], b1[31]
    w2[:, 30] = w2[:, 31]
    w2[:, 33] = 0  # nothing reads it
    w1[34], b1[34] = 0, -0.1  # relu of less than nothing
    w1[35], b1[35] = 0, 0.1
    graph = ng.Graph.from_matrices([w1, w2, w3], [b1, b2, np.zeros(5)])
    relu = [replace(layer, activation="relu" if layer.start else None) for layer in graph.layers]
    graph = Graph(tuple(relu), graph.blocks, graph.columns)
    result = duplicates(graph)
    assert found(result.table) == {
        "layer_1:7": ("equal", "layer_1:3", "in"),
        "layer_1:9": ("negated", "layer_1:3", "in"),
        "layer_1:20": ("equal", "layer_1:15", "out"),
        "layer_1:21": ("negated", "layer_1:15", "out"),
        "layer_1:31": ("equal", "layer_1:30", "both"),
        "layer_1:33": ("dead", "", "out"),
        "layer_1:34": ("dead", "", "in"),
        "layer_1:35": ("constant", "", "in"),
    }
    row = result.table.set_index("vertex").loc["layer_1:7"]
    assert row["ratio"] == pytest.approx(2) and row["in_cosine"] == pytest.approx(1)
    assert result.families == (
        ("layer_1:3", "layer_1:7", "layer_1:9"),
        ("layer_1:15", "layer_1:20", "layer_1:21"),
        ("layer_1:30", "layer_1:31"),
    )
    assert "1 constant" in repr(result) and "3 equal, 2 negated" in repr(result)


def test_nothing_is_found_where_nothing_was_planted() -> None:
    rng = np.random.default_rng(1)
    for dtype in (np.float32, np.float64):
        weights = [rng.normal(size=s).astype(dtype) for s in ((100, 30), (80, 100), (10, 80))]
        assert len(duplicates(ng.Graph.from_matrices(weights))) == 0
    torch.manual_seed(0)
    net = ng.trace(nn.Sequential(nn.Conv2d(3, 48, 3), nn.ReLU(), nn.Conv2d(48, 32, 3, groups=4)), (3, 8, 8))
    assert len(duplicates(net.graph())) == 0


def test_near_and_sparse() -> None:
    rng = np.random.default_rng(2)
    weight = rng.normal(size=(20, 50)) * (rng.random((20, 50)) < 0.5)
    weight[5] = weight[2] + 0.001 * rng.normal(size=50) * (weight[2] != 0)
    plain, sparse = (duplicates(chain(m, rng.normal(size=(30, 20)))) for m in (weight, sp.csr_array(weight)))
    assert found(plain.table) == found(sparse.table) == {"l1:5": ("equal", "l1:2", "in")}
    assert len(duplicates(chain(weight, rng.normal(size=(30, 20))), tol=1e-9)) == 0


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.bn = nn.Conv2d(2, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.b, self.c = nn.Conv2d(16, 8, 5), nn.Conv2d(8, 8, 1)
        self.fc = nn.Linear(8 * 4, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn(self.a(x)))
        x = torch.relu(self.c(torch.relu(self.b(nn.functional.max_pool2d(x, 2)))))
        return self.fc(x.flatten(1))


def planted() -> nn.Module:
    """A family of the first kernel in channels 1 … 7, and duplicates, negations and idle channels."""
    torch.manual_seed(3)
    model = Net().eval()
    nn.init.uniform_(model.bn.running_var, 0.5, 2), nn.init.normal_(model.bn.weight)
    a = model.a.weight.detach().numpy()
    for i, turn in enumerate(TURNS.values(), 1):
        a[i] = (-1 if i == 4 else i) * turn(a[0])
    a[9] = 3 * a[8]
    with torch.no_grad():
        # after BatchNorm: the same mean, variance and shift, so that 9 is three times 8, its bias, too
        for values in (model.bn.running_mean, model.bn.running_var, model.bn.weight, model.bn.bias):
            values[9] = values[8]
        model.a.bias[8:10], model.bn.running_mean[8:10], model.bn.bias[8:10] = 0, 0, 0
        model.b.weight[:, 12] = -2 * model.b.weight[:, 11]
        model.b.weight[:, 13] = 0
        model.c.weight[:, 5] = model.c.weight[:, 4]
        model.c.weight[2] = 0
        model.c.bias[2] = 0.5
        model.fc.weight[:, 4:8] = model.fc.weight[:, 0:4]  # channel 1 is read as channel 0 is, at every place
        model.fc.weight[4], model.fc.bias[4] = model.fc.weight[1], model.fc.bias[1]
    return model


WANTED = {
    **{f"a:{i}": ("flipped" if i > 3 else "rotated", "a:0", "kernel") for i in range(1, 8)},
    "a:9": ("equal", "a:8", "in"),
    "a:12": ("negated", "a:11", "out"),
    "a:13": ("dead", "", "out"),
    "b:5": ("equal", "b:4", "out"),
    "c:1": ("equal", "c:0", "out"),
    "c:2": ("constant", "", "in"),
    "fc:4": ("equal", "fc:1", "in"),
}


@pytest.mark.parametrize("granularity", ["channel", "unit"])
def test_planted_kernels_all_and_only(granularity: str) -> None:
    graph = ng.trace(planted(), (2, 12, 12)).graph(granularity)
    result = duplicates(graph)
    assert found(result.table) == WANTED
    how = result.table.set_index("vertex")["transformation"]
    signs = dict(zip(range(8), np.sign(planted().bn.weight.detach().numpy()), strict=False))
    for i, name in enumerate(TURNS, 1):
        same = signs[i] * signs[0] * (-1 if i == 4 else 1) > 0
        assert how[f"a:{i}"] == (name if same else f"negated {name}")
    assert result.settings["kernels"] and not result.skipped
    assert ("a:0", *(f"a:{i}" for i in range(1, 8))) in result.families


def test_without_kernels_it_says_what_it_could_not_compare() -> None:
    graph = ng.trace(planted(), (2, 12, 12)).graph()
    bare = Graph(graph.layers, graph.blocks, graph.columns, graph.meta)
    result = duplicates(bare)
    assert found(result.table) == {v: WANTED[v] for v in ("a:13", "b:5", "c:2")}  # b is read by kernels of one tap
    assert not any(row.vertex.startswith("a:") and row.kind == "equal" for row in result.table.itertuples())
    assert result.skipped[0] == "input -> a: kernels of several taps, of which this graph has one number"
    assert "not compared: input -> a" in repr(result)
    again = duplicates(bare, network=graph.origin)
    assert found(again.table) == WANTED


def test_symmetric_kernels_are_no_family_of_themselves() -> None:
    conv = nn.Conv2d(1, 3, 3, bias=False)
    kernels = np.array(
        [[[0, 1, 0], [1, 5, 1], [0, 1, 0]], [[1, 0, 1], [0, 5, 0], [1, 0, 1]], [[0, 1, 0], [1, 5, 1], [0, 1, 0]]]
    )
    conv.weight.data = torch.from_numpy(kernels[:, None].astype(np.float32))
    table = duplicates(ng.trace(conv, (1, 6, 6)).graph()).table
    assert [(row.kind, row.vertex[-2:], row.like[-2:]) for row in table.itertuples()] == [("equal", ":2", ":0")]


def test_groups_and_tokens() -> None:
    torch.manual_seed(0)
    depthwise = nn.Conv2d(4, 4, 3, groups=4, bias=False)
    depthwise.weight.data[3] = depthwise.weight.data[1]  # of different channels: not the same
    assert list(duplicates(ng.trace(depthwise, (4, 5, 5)).graph()).table["kind"]) == []
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5))
    model[0].weight.data[6], model[0].bias.data[6] = -model[0].weight.data[2], -model[0].bias.data[2]
    for granularity in ("channel", "unit"):
        table = duplicates(ng.trace(model, (7, 6)).graph(granularity)).table
        assert found(table) == {"linear_0:6": ("negated", "linear_0:2", "in")}


@pytest.mark.parametrize("name", awkward())
def test_awkward_graphs_have_an_answer(name: str) -> None:
    result = duplicates(awkward()[name])
    assert isinstance(result, Duplicates) and repr(result).startswith("Duplicates among")
    assert set(result.table["vertex"]) <= set(awkward()[name].ids)


def test_bad_questions() -> None:
    with pytest.raises(AnalysisError, match="tol is 1; it must be from 0 up to below 1"):
        duplicates(chain([[1.0, 2.0]]), tol=1)
    with pytest.raises(AnalysisError, match="the weights out of layer 'l0' hold NaN or infinity"):
        duplicates(chain([[1.0, np.nan], [1.0, 2.0]], [[1.0, 2.0], [2.0, 1.0]]))
