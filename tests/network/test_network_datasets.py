"""Graphs over many inputs against single inputs, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from network_matrices import blocks, matrix
from network_zoo import ZOO, make
from torch.utils.data import DataLoader, TensorDataset

import netgraph as ng
from netgraph.errors import InputError, UnknownName
from netgraph.network.moments import Moments
from netgraph.network.replay import Replay

WAYS = {"mean": lambda v: v.mean(0), "mean_abs": lambda v: np.abs(v).mean(0), "std": lambda v: v.std(0)}


def data(name: str) -> tuple[Any, torch.Tensor, torch.Tensor]:
    model, x = make(name, torch.float64)
    inputs = torch.cat([x, -x, 0.5 * x.flip(0), x + 0.1])
    return ng.trace(model, x), inputs, torch.tensor([0, 1, 1, 2, 0, 1, 2, 2])


def close(got: np.ndarray, expected: np.ndarray) -> bool:
    """Equal to 1e-12 of the largest."""
    return bool(np.abs(got - expected).max() <= 1e-12 * max(np.abs(expected).max(), 1e-300))


@pytest.mark.parametrize("granularity", ["channel", "unit"])
@pytest.mark.parametrize("name", ZOO)
def test_network_aggregates_are_those_of_single_inputs(name: str, granularity: str) -> None:
    net, x, _ = data(name)
    ones = [net.graph(granularity, inputs=x[i : i + 1], target=some) for i in range(5)]
    for aggregate, fold in WAYS.items():
        graph = net.graph(granularity, inputs=x[:5], target=some, aggregate=aggregate)
        for column in ("activation", "attribution", "constant_share"):
            assert close(graph.columns[column], fold(np.stack([g.columns[column] for g in ones]))), (aggregate, column)
        for column in ("contribution", "attribution"):
            singles = zip(*[blocks(g, column) for g in ones], strict=True)
            for got, each in zip(blocks(graph, column), singles, strict=True):
                assert close(got, fold(np.stack(each))), (aggregate, column)
        assert (graph.meta["aggregate"], graph.meta["inputs"]) == (aggregate, 5)
        assert graph.meta["target_value"] == pytest.approx(np.mean([g.meta["target_value"] for g in ones]), abs=1e-12)


def some(output: torch.Tensor) -> torch.Tensor:
    """A target for outputs of any shape: a fixed mixture of them."""
    weights = torch.linspace(0.5, 1.5, output[0].numel(), dtype=output.dtype).reshape(output.shape[1:])
    return (output * weights).flatten(1).sum(1)


@pytest.mark.parametrize("aggregate", WAYS)
def test_network_loaders_give_what_arrays_give(aggregate: str) -> None:
    net, x, labels = data("lenet-relu")
    loader = DataLoader(TensorDataset(x, labels), batch_size=3)
    a = net.graph(inputs=loader, target="label", aggregate=aggregate)
    b = net.graph(inputs=x, labels=labels, target="label", aggregate=aggregate)
    assert np.allclose(a.columns["attribution"], b.columns["attribution"], atol=1e-12)
    assert np.allclose(matrix(a, "attribution"), matrix(b, "attribution"), atol=1e-12)
    alone = DataLoader(TensorDataset(x), batch_size=3)
    c = net.graph(inputs=alone, target=0, aggregate=aggregate)
    assert np.allclose(
        c.columns["attribution"], net.graph(inputs=x, target=0, aggregate=aggregate).columns["attribution"]
    )


def test_network_graphs_by_label() -> None:
    net, x, labels = data("mlp-gelu")
    graphs = net.graph(inputs=DataLoader(TensorDataset(x, labels), batch_size=3), target="label", by="label")
    assert list(graphs) == [0, 1, 2]
    for label, graph in graphs.items():
        expected = net.graph(inputs=x[labels == label], target=label)
        assert np.allclose(matrix(graph, "attribution"), matrix(expected, "attribution"), atol=1e-12)
        assert graph.meta["label"] == label and graph.meta["inputs"] == int((labels == label).sum())
    layers = net.graph("layer", inputs=x, labels=labels, target="label", by="label")
    assert [g.n for g in layers.values()] == [4, 4, 4]


def test_network_data_sets_that_do_not_fit() -> None:
    net, x, labels = data("mlp-gelu")
    with pytest.raises(InputError, match="needs a label for each input"):
        net.graph(inputs=x, target="label")
    with pytest.raises(InputError, match="needs a label for each input"):
        net.graph(inputs=x, target=0, by="label")
    with pytest.raises(InputError, match="labels= goes with inputs that are arrays"):
        net.graph(inputs=DataLoader(TensorDataset(x, labels)), labels=labels, target=0)
    with pytest.raises(InputError, match="no inputs"):
        net.graph(inputs=iter([]), target=0)
    with pytest.raises(UnknownName, match="did you mean 'mean_abs'"):
        net.graph(inputs=x, target=0, aggregate="meanabs")
    with pytest.raises(UnknownName, match="Known: label"):
        net.graph(inputs=x, labels=labels, target=0, by="class")


@pytest.mark.parametrize("granularity", ["channel", "unit"])
@pytest.mark.parametrize("aggregate", ["mean_abs", "std"])
def test_network_spreads_by_label_are_those_of_each_label(aggregate: str, granularity: str) -> None:
    net, x, labels = data("lenet-relu")
    loader = DataLoader(TensorDataset(x, labels), batch_size=3)
    graphs = net.graph(granularity, inputs=loader, target="label", by="label", aggregate=aggregate)
    assert list(graphs) == [0, 1, 2]
    for label, graph in graphs.items():
        ones = [net.graph(granularity, inputs=one[None], target=label) for one in x[labels == label]]
        for column in ("contribution", "attribution"):
            for got, *each in zip(*[blocks(g, column) for g in (graph, *ones)], strict=True):
                assert close(got, WAYS[aggregate](np.stack(each))), column
        assert close(graph.columns["attribution"], WAYS[aggregate](np.stack([g.columns["attribution"] for g in ones])))
        assert (graph.meta["label"], graph.meta["inputs"]) == (label, len(ones))


@pytest.mark.parametrize("room", [1, 3000])
def test_network_spreads_do_not_depend_on_how_many_inputs_fit(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x, labels = data("resnet-gelu")
    whole = {how: net.graph(inputs=x, labels=labels, target="label", aggregate=how) for how in ("mean_abs", "std")}
    monkeypatch.setattr("netgraph.network.spread.ROOM", room)
    for how, expected in whole.items():
        few = net.graph(inputs=x, labels=labels, target="label", aggregate=how)
        for column in ("contribution", "attribution"):
            assert close(matrix(few, column), matrix(expected, column))


def test_network_spreads_take_one_pass_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x, _ = data("lenet-relu")
    sizes: list[int] = []
    run = Replay.run

    def counted(self: Replay, inputs: list[torch.Tensor]) -> torch.Tensor:
        sizes.append(len(inputs[0]))
        return run(self, inputs)

    monkeypatch.setattr(Replay, "run", counted)
    net.graph(inputs=x, target=0, aggregate="mean_abs")
    assert sizes == [1, 2, 8]  # where the inputs lie, then all of them


def test_network_an_input_that_never_changes_has_no_spread() -> None:
    """Deviations of what does not differ are 0, not the root of a rounding error."""
    net, x, _ = data("lenet-relu")
    graph = net.graph(inputs=x[:1].repeat(7, 1, 1, 1) * 1e4, target=0, aggregate="std")
    mean = net.graph(inputs=x[:1] * 1e4, target=0)
    for column in ("contribution", "attribution"):
        assert np.abs(matrix(graph, column)).max() <= 1e-12 * np.abs(matrix(mean, column)).max()


def test_network_moments_by_hand() -> None:
    values = torch.tensor([[1.0, -2.0], [3.0, 2.0], [5.0, -6.0]])
    for parts in ([3], [1, 2], [1, 1, 1]):
        absolute, spread = Moments("mean_abs"), Moments("std")
        for part in values.split(parts):
            absolute.add(part)
            spread.add(part)
        assert np.allclose(absolute.finish(), [3, 10 / 3], atol=1e-15)
        assert np.allclose(spread.finish(), [(8 / 3) ** 0.5, (32 / 3) ** 0.5], atol=1e-15)
