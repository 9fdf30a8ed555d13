"""Cut edges against the same cut made in the model by hand."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from network_zoo import make

import netgraph as ng
from netgraph.errors import AnalysisError, UnknownName


def whole(graph: ng.Graph) -> list[np.ndarray]:
    return [np.ones(b.shape) for b in graph.blocks]


@pytest.mark.parametrize(
    "name", ["mlp-relu", "lenet-gelu", "resnet-relu", "densenet-sigmoid", "grouped", "squeeze-excite"]
)
@pytest.mark.parametrize("granularity", ["channel", "unit"])
def test_network_masked_keeping_all_edges_changes_nothing(name: str, granularity: str) -> None:
    model, x = make(name, torch.float64)
    net = ng.trace(model, x)
    masks = whole(net.graph(granularity))
    assert np.allclose(net.masked(x, masks, granularity), net.outputs(x), atol=1e-12)
    assert np.allclose(net.masked(x, [None] * len(masks), granularity), net.outputs(x), atol=1e-12)


def test_network_masked_linear_edges() -> None:
    model, x = make("mlp-gelu", torch.float64)
    net = ng.trace(model, x)
    graph = net.graph()
    rng = np.random.default_rng(0)
    masks = [(rng.random(b.shape) < 0.5).astype(float) for b in graph.blocks]
    cut = copy.deepcopy(model)
    for layer, mask in zip((cut[0], cut[2], cut[4]), masks, strict=True):
        layer.weight.data *= torch.from_numpy(mask)
    with torch.no_grad():
        assert np.allclose(net.masked(x, masks, corrupted="zero"), cut(x).numpy())


def test_network_masked_kernels_carry_the_mean() -> None:
    """conv(a, K⊙M) + conv(ā, K⊙(1−M)) by hand, in one layer."""
    model, x = make("lenet-relu", torch.float64)
    net = ng.trace(model, x)
    graph = net.graph()
    masks: list[np.ndarray | None] = [None] * len(graph.blocks)
    i = next(i for i, b in enumerate(graph.blocks) if b.target == "c2")
    kept = np.random.default_rng(1).random(graph.blocks[i].shape) < 0.6
    masks[i] = kept
    with torch.no_grad():
        a = torch.nn.functional.max_pool2d(model.act(model.c1(x)), 2)
        mean, m = a.mean(0, keepdim=True), torch.from_numpy(kept)[:, :, None, None]
        conv, w = torch.nn.functional.conv2d, model.c2.weight
        z = conv(a, w * m, model.c2.bias, padding=1) + conv(mean, w * ~m, padding=1)
        h = torch.nn.functional.avg_pool2d(model.act(z), 2).flatten(1)
        expected = model.fc2(model.act(model.fc1(h)))
    assert np.allclose(net.masked(x, masks), expected.numpy())


@pytest.mark.parametrize("name", ["lenet-relu", "resnet-sigmoid", "densenet-relu", "in-place"])
def test_network_masked_by_unit_agrees_with_the_emitted_graph(name: str) -> None:
    """Referee: the sparse matrix of the unit graph, cut, at a network without gates behind the cut: the last layer."""
    model, x = make(name, torch.float64)
    net = ng.trace(model, x)
    graph = net.graph("unit", inputs=x[:1], target=0)
    last = len(graph.blocks) - 1
    block = graph.blocks[last]
    kept = (np.random.default_rng(0).random(block.shape) < 0.5).astype(float)
    masks: list[np.ndarray | None] = [None] * len(graph.blocks)
    masks[last] = kept
    lost = (block.values["contribution"] * (1 - kept)).sum(1)
    expected = net.outputs(x[:1])[0] - lost
    assert np.allclose(net.masked(x[:1], masks, "unit", corrupted="zero")[0], expected)


def test_network_masked_unit_convolutions_are_cut_edge_by_edge() -> None:
    """One edge of one position of a convolution, against the model with that product taken out by hand."""
    model, x = make("lenet-relu", torch.float64)
    net = ng.trace(model, x)
    graph = net.graph("unit").unrolled()
    i = next(i for i, b in enumerate(graph.blocks) if b.target == "c1")
    block = graph.blocks[i]
    mask = block.weight.copy()
    mask.data = np.ones_like(mask.data)
    edge = 777
    mask.data[edge] = 0
    row = int(np.searchsorted(mask.indptr, edge, side="right") - 1)
    column, weight = int(mask.indices[edge]), float(block.weight.data[edge])
    masks = [None] * len(graph.blocks)
    masks[i] = mask
    with torch.no_grad():
        z = model.c1(x)
        z.view(2, -1)[:, row] -= weight * x.view(2, -1)[:, column]
        h = torch.nn.functional.max_pool2d(model.act(z), 2)
        h = torch.nn.functional.avg_pool2d(model.act(model.c2(h)), 2)
        expected = model.fc2(model.act(model.fc1(h.flatten(1))))
    assert np.allclose(net.masked(x, masks, "unit", corrupted="zero"), expected.numpy())


def test_network_masked_bad_masks() -> None:
    model, x = make("mlp-relu")
    net = ng.trace(model, x)
    with pytest.raises(AnalysisError, match="one per block"):
        net.masked(x, [None])
    with pytest.raises(AnalysisError, match="for a block of shape"):
        net.masked(x, [np.ones((2, 2)), None, None])
    with pytest.raises(UnknownName, match="corrupted"):
        net.masked(x, [None] * 3, corrupted="gaussian")
