"""Graphs over many inputs against single inputs, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from network_zoo import make
from torch.utils.data import DataLoader, TensorDataset

import netgraph as ng
from netgraph.errors import InputError, UnknownName

WAYS = {"mean": lambda v: v.mean(0), "mean_abs": lambda v: np.abs(v).mean(0), "std": lambda v: v.std(0)}


def data(name: str) -> tuple[Any, torch.Tensor, torch.Tensor]:
    model, x = make(name, torch.float64)
    inputs = torch.cat([x, -x, 0.5 * x.flip(0), x + 0.1])
    return ng.trace(model, x), inputs, torch.tensor([0, 1, 1, 2, 0, 1, 2, 2])


def dense(graph: ng.Graph, column: str) -> np.ndarray:
    out = np.zeros((graph.n, graph.n))
    for b in graph.blocks:
        v = b.values[column]
        out[graph.layer(b.target).vertices, graph.layer(b.source).vertices] += (
            v.toarray() if hasattr(v, "toarray") else v
        )
    return out


@pytest.mark.parametrize("aggregate", WAYS)
@pytest.mark.parametrize("name", ["mlp-gelu", "lenet-relu", "resnet-sigmoid"])
def test_network_aggregates_are_those_of_single_inputs(name: str, aggregate: str) -> None:
    net, x, _ = data(name)
    graph = net.graph(inputs=x, target=1, aggregate=aggregate)
    ones = [net.graph(inputs=x[i : i + 1], target=1) for i in range(len(x))]
    for column in ("activation", "attribution", "constant_share"):
        expected = WAYS[aggregate](np.stack([g.columns[column] for g in ones]))
        assert np.allclose(graph.columns[column], expected, atol=1e-7), column
    for column in ("contribution", "attribution"):
        expected = WAYS[aggregate](np.stack([dense(g, column) for g in ones]))
        assert np.allclose(dense(graph, column), expected, atol=1e-7), column
    assert (graph.meta["aggregate"], graph.meta["inputs"]) == (aggregate, 8)


@pytest.mark.parametrize("aggregate", WAYS)
def test_network_loaders_give_what_arrays_give(aggregate: str) -> None:
    net, x, labels = data("lenet-relu")
    loader = DataLoader(TensorDataset(x, labels), batch_size=3)
    a = net.graph(inputs=loader, target="label", aggregate=aggregate)
    b = net.graph(inputs=x, labels=labels, target="label", aggregate=aggregate)
    assert np.allclose(a.columns["attribution"], b.columns["attribution"], atol=1e-12)
    assert np.allclose(dense(a, "attribution"), dense(b, "attribution"), atol=1e-12)
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
        assert np.allclose(dense(graph, "attribution"), dense(expected, "attribution"), atol=1e-12)
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
