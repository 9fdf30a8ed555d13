"""The size of a graph is known before it is made: exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from network_zoo import ZOO, make

import netgraph as ng
from netgraph.errors import TooManyEdges
from netgraph.graph.blocks import nbytes
from netgraph.graph.convolution import Convolution
from netgraph.network.size import Size


@pytest.mark.parametrize("granularity", ["channel", "unit"])
@pytest.mark.parametrize("name", ZOO)
def test_network_size_is_the_graphs(name: str, granularity: str) -> None:
    model, x = make(name)
    net = ng.trace(model, x)
    with torch.no_grad():  # a pruned weight is no edge
        for parameter in model.parameters():
            parameter.view(-1)[0] = 0
    graph = net.graph(granularity)
    held = sum(nbytes(b.weight) for b in graph.blocks)
    held += sum(v.data.nbytes if hasattr(v, "indptr") else v.nbytes for b in graph.blocks for v in b.values.values())
    held += sum(np.asarray(values).nbytes for values in graph.columns.values())
    found = net.size(granularity)
    assert found == Size(graph.n, len(graph.edges), held)
    with_biases = net.graph(granularity, bias="vertex")
    found = net.size(granularity, bias="vertex")
    assert (found.vertices, found.edges) == (with_biases.n, len(with_biases.edges))


@pytest.mark.parametrize("granularity", ["channel", "unit"])
@pytest.mark.parametrize("name", ["mlp-relu", "lenet-relu", "densenet-gelu", "transformer"])
def test_network_size_at_an_input(name: str, granularity: str) -> None:
    model, x = make(name)
    net = ng.trace(model, x)
    graph = net.graph(granularity, inputs=x[:1], target=0)
    found = net.size(granularity, inputs=True)
    held = sum(np.asarray(values).nbytes for values in graph.columns.values())
    for b in graph.blocks:
        held += nbytes(b.weight)
        held += sum(v.data.nbytes if hasattr(v, "indptr") else v.nbytes for v in b.values.values())
    assert found.vertices == graph.n
    exact = not any(isinstance(b.weight, Convolution) for b in graph.blocks)
    assert held == found.bytes if exact else held <= found.bytes


def test_network_size_of_layers() -> None:
    model, x = make("resnet-relu")
    net = ng.trace(model, x)
    graph = net.graph("layer")
    assert net.size("layer")[:2] == (graph.n, len(graph.edges))


def test_network_graphs_above_the_limit_are_refused() -> None:
    net = ng.trace(torch.nn.Conv2d(3, 64, 3, padding=1), (3, 224, 224))
    with pytest.raises(TooManyEdges, match=r"'unit' has 86,188,800 edges .* more than max_edges=1,000,000: raise"):
        net.graph("unit", max_edges=1_000_000)
    with pytest.raises(TooManyEdges, match=r"take granularity='layer'"):
        net.graph(max_edges=10, inputs=torch.zeros(1, 3, 224, 224), target=lambda out: out.sum((1, 2, 3)))
    assert len(net.graph(max_edges=192).edges) == 192
