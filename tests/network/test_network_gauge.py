"""The balanced gauge: one graph for all networks that differ only by the scales of their hidden units."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from network_gauge import BALANCED, Orders, difference, strengths
from network_matrices import dense
from network_zoo import ZOO, ResNet, make
from torch import nn

import netgraph as ng
from netgraph.errors import UnknownName
from netgraph.graph.blocks import matvec, rmatvec
from netgraph.graph.graph import Block, Graph
from netgraph.network.gauge import anchored


class Twin:
    """Permutes and rescales hidden units in a model's own weights; the function stays."""

    def __init__(self, model: nn.Module, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.named = dict(model.named_modules())
        self.orders: Orders = {}

    def hidden(self, size: int, writers: list[str], readers: list[str], layers: list[str]) -> None:
        """One set of hidden units: who writes it (a BatchNorm after its convolution), who reads it, as what layers."""
        order = torch.randperm(size, generator=self.generator)
        scale = 10 ** (2 * torch.rand(size, generator=self.generator, dtype=torch.float64) - 1)
        for name in writers:
            self._write(self.named[name], order, scale)
        for name in readers:
            weight = self.named[name].weight.data
            wide = weight.reshape(weight.shape[0], size, -1)[:, order] / scale[:, None]
            self.named[name].weight.data = wide.reshape(weight.shape)
        self.orders |= dict.fromkeys(layers, order.numpy())

    def _write(self, module: nn.Module, order: torch.Tensor, scale: torch.Tensor) -> None:
        plain = isinstance(module, nn.Conv2d) and module.bias is None  # a BatchNorm comes after it
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.data = module.running_mean[order]
            module.running_var.data = module.running_var[order]
        by = torch.ones_like(scale) if plain else scale
        module.weight.data = module.weight.data[order] * by.reshape(-1, *[1] * (module.weight.dim() - 1))
        if module.bias is not None:
            module.bias.data = module.bias.data[order] * by


def mlp_pair(act: Callable[[], nn.Module]) -> tuple[nn.Module, tuple[int, ...], Callable[[Twin], None]]:
    model = nn.Sequential(nn.Linear(12, 9), act(), nn.Linear(9, 7), act(), nn.Linear(7, 4))

    def change(twin: Twin) -> None:
        twin.hidden(9, ["0"], ["2"], ["linear_0"])
        twin.hidden(7, ["2"], ["4"], ["linear_2"])

    return model, (12,), change


def cnn_pair() -> tuple[nn.Module, tuple[int, ...], Callable[[Twin], None]]:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Flatten(), nn.Linear(6 * 2 * 2, 5),
    )  # fmt: skip

    def change(twin: Twin) -> None:
        twin.hidden(4, ["0", "1"], ["4"], ["conv_0", "pool_3"])
        twin.hidden(6, ["4", "5"], ["9"], ["conv_4", "pool_7"])

    return model, (1, 12, 12), change


def resnet_pair() -> tuple[nn.Module, tuple[int, ...], Callable[[Twin], None]]:
    def change(twin: Twin) -> None:
        twin.hidden(4, ["stem.0", "stem.1", "a2", "b2"], ["a1", "d1", "skip.0"], ["stem.0", "a2", "add_1", "stem.3"])
        twin.hidden(4, ["a1", "b1"], ["a2"], ["a1"])
        twin.hidden(6, ["d1", "e1"], ["d2"], ["d1"])
        twin.hidden(6, ["d2", "e2", "skip.0", "skip.1"], ["fc"], ["d2", "skip.0", "add_2", "mean_1"])

    return ResNet(), (2, 8, 8), change


PAIRS = {
    "relu": lambda: mlp_pair(nn.ReLU),
    "leaky": lambda: mlp_pair(lambda: nn.LeakyReLU(0.1)),
    "cnn": cnn_pair,
    "resnet": resnet_pair,
}


def pair(name: str, seed: int = 0) -> tuple[ng.Network, ng.Network, torch.Tensor, Orders]:
    """A network, another with the same function, an input, and where the other's vertices stand."""
    nets, orders, x = [], {}, torch.empty(0)
    for twin in (False, True):
        torch.manual_seed(seed)
        model, shape, change = PAIRS[name]()
        x = torch.randn(1, *shape, dtype=torch.float64)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.3)
        model = model.eval().double()
        if twin:
            other = Twin(model, seed + 1)
            with torch.no_grad():
                change(other)
            orders = other.orders
        nets.append(ng.trace(model, x))
    return nets[0], nets[1], x, orders


def path_sums(graph: Graph, ends: np.ndarray) -> np.ndarray:
    """Products of gated weights, summed over all paths from each input vertex to the vertices ``ends``."""
    slope = np.zeros(graph.n)
    np.add.at(slope, ends[ends >= 0], 1.0)
    for layer in reversed(graph.layers):
        for block in graph.blocks:
            if block.target == layer.name:
                slope[graph.layer(block.source).vertices] += rmatvec(
                    block.values["gated_weight"], slope[layer.vertices]
                )
    return np.concatenate([slope[layer.vertices] for layer in graph.layers if layer.kind == "input"])


# -- by hand -------------------------------------------------------------------------------------------


def chain() -> ng.Network:
    """x → 8x + 4 → ReLU → 2·h + 1."""
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)).double()
    for parameter, value in zip(model.parameters(), (8.0, 4.0, 2.0, 1.0), strict=True):
        parameter.data.fill_(value)
    return ng.trace(model, (1,))


def test_network_gauge_by_hand() -> None:
    """s = √(2/8) = ½: weights 4 and 4, bias 2, at x = 3 activation 14, contributions 12 and 56, the same shares."""
    x = torch.tensor([[3.0]], dtype=torch.float64)
    plain, graph = (chain().graph("unit", gauge=gauge, inputs=x) for gauge in ("none", "balanced"))
    assert [block.weight.item() for block in graph.blocks] == [4, 4]
    assert [block.values["gated_weight"].item() for block in graph.blocks] == [4, 4]
    assert [block.values["contribution"].item() for block in graph.blocks] == [12, 56]
    assert [block.values["attribution"].item() for block in graph.blocks] == [48, 56]
    assert graph.columns["bias"].tolist() == [0, 2, 1]
    assert graph.columns["activation"].tolist() == [3, 14, 57]
    assert graph.columns["gate"].tolist() == [1, 1, 1]
    for name in ("attribution", "constant_share"):
        assert np.array_equal(graph.columns[name], plain.columns[name])
    assert (graph.meta["gauge"], graph.meta["balanced"], plain.meta["gauge"]) == ("balanced", 1, "none")


def test_network_gauge_by_hand_with_bias_vertices() -> None:
    graph = chain().graph(gauge="balanced", bias="vertex")
    weights = {(block.source, block.target): block.weight.item() for block in graph.blocks}
    assert weights == {
        ("input", "linear_0"): 4,
        ("linear_0", "linear_2"): 4,
        ("linear_0.bias", "linear_0"): 2,
        ("linear_2.bias", "linear_2"): 1,
    }


def test_network_gauge_leaves_units_without_readers_as_they_are() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).double()
    model[0].weight.data = torch.tensor([[1.0, 2.0], [3.0, -5.0], [0.0, 0.0]], dtype=torch.float64)
    model[2].weight.data = torch.tensor([[12.0, 0.0, 7.0]], dtype=torch.float64)
    graph = ng.trace(model, (2,)).graph(gauge="balanced")
    assert np.allclose(graph.blocks[0].weight, [[2, 4], [3, -5], [0, 0]])
    assert np.allclose(graph.blocks[1].weight, [[6, 0, 7]])
    assert graph.meta["balanced"] == 1


# -- one graph for one function ------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
def test_network_gauge_is_the_same_whatever_the_scales_were(name: str) -> None:
    first, second, x, orders = pair(name)
    assert np.allclose(first.outputs(x), second.outputs(x), rtol=1e-12, atol=1e-12)
    for granularity in ("channel", "unit"):
        for inputs in ({}, {"inputs": x, "target": 1}):
            both = [
                [net.graph(granularity, gauge=gauge, **inputs) for net in (first, second)]
                for gauge in ("balanced", "none")
            ]
            assert difference(*both[0], orders) < BALANCED
            assert difference(*both[1], orders) > 0.1


@pytest.mark.parametrize("reduce", ["l1", "l2", "max", "sum", "mean"])
def test_network_gauge_at_every_reduction(reduce: str) -> None:
    first, second, _, orders = pair("cnn")
    graphs = [net.graph(reduce=reduce, gauge="balanced") for net in (first, second)]
    assert difference(*graphs, orders) < BALANCED
    into, out = strengths(graphs[0])
    free = ~anchored(first.programs.numbering("channel"))
    assert np.allclose(into[free], out[free], rtol=1e-11, atol=0) and free.sum() == 10


def test_network_gauge_of_batch_normalisation_after_a_concatenation() -> None:
    """What a pre-activation BatchNorm scales away is no difference: its γ over s is a scale, its shift stays."""
    graphs = []
    for scale in (1.0, 7.0):
        model, _ = make("densenet-relu", torch.float64)
        with torch.no_grad():
            model.stem.weight *= scale
            model.stem.bias *= scale
            for norm in model.norms:
                norm.running_mean[:4] *= scale
                norm.weight[:4] /= scale
        graphs.append(ng.trace(model, (1, 6, 6)).graph(gauge="balanced"))
    assert difference(*graphs, {}) < BALANCED


@pytest.mark.parametrize("name", ["relu", "cnn"])
def test_network_gauge_over_a_data_set(name: str) -> None:
    first, second, _, orders = pair(name)
    x = torch.randn(6, *first.input_shape, dtype=torch.float64)
    for aggregate in ("mean", "mean_abs", "std"):
        options = {"inputs": x, "target": "prediction", "aggregate": aggregate, "gauge": "balanced"}
        # a standard deviation near 0 is the root of a difference: half of its digits are rounding
        bound = 1e-6 if aggregate == "std" else BALANCED
        assert difference(first.graph(**options), second.graph(**options), orders) < bound
    groups = first.graph(inputs=x, target=0, labels=[0, 0, 1, 1, 1, 1], by="label", gauge="balanced")
    whole = first.graph(inputs=x, target=0, gauge="balanced")
    for block, *parts in zip(whole.blocks, *(groups[label].blocks for label in (0, 1)), strict=True):
        flows = [part.values["contribution"] for part in parts]
        assert np.allclose((2 * flows[0] + 4 * flows[1]) / 6, block.values["contribution"])


def test_network_gauge_makes_analyses_agree() -> None:
    first, second, _, orders = pair("relu")
    back = np.concatenate([np.arange(12), 12 + orders["linear_0"], 21 + orders["linear_2"], 28 + np.arange(4)])
    graphs = [net.graph(gauge="balanced") for net in (first, second)]
    ranks = [ng.centrality(graph, "pagerank").to_numpy() for graph in graphs]
    assert np.allclose(ranks[0][back], ranks[1], rtol=1e-9)
    labels = np.arange(32) % 3
    assert ng.ncut(graphs[0], labels) == pytest.approx(ng.ncut(graphs[1], labels[back]), rel=1e-9)


def test_network_gauge_of_layers() -> None:
    first, second, x, _ = pair("resnet")
    graphs = [net.graph("layer", gauge="balanced", inputs=x, target=0) for net in (first, second)]
    assert difference(*graphs, {}) < BALANCED
    assert graphs[0].meta["gauge"] == "balanced" and graphs[0].meta["balanced"] == 40


# -- the function and the shares stay ------------------------------------------------------------------


@pytest.mark.parametrize("name", ZOO)
def test_network_gauge_keeps_the_function(name: str) -> None:
    """A forward pass through the emitted blocks, products along all paths, and the strengths, by themselves."""
    model, inputs = make(name, torch.float64)
    x = inputs[:1]
    net = ng.trace(model, x)
    target = (lambda out: out.flatten(1).sum(1)) if net.outputs(x).ndim > 2 else 1
    graph = net.graph("unit", gauge="balanced", inputs=x, target=target)
    plain = net.graph("unit", inputs=x, target=target)
    into: dict[str, list[Block]] = {layer.name: [] for layer in graph.layers}
    for block in graph.blocks:
        into[block.target].append(block)
    z = np.zeros(graph.n)
    for layer in graph.layers:
        here = layer.vertices
        z[here] = graph.columns["activation" if layer.kind == "input" else "bias"][here]
        for block in into[layer.name]:
            z[here] += matvec(block.weight, block.gate * z[graph.layer(block.source).vertices] + block.constant)
    output = net.programs.numbering("unit").forms[net.programs.program().tape.logits_slot]
    if not output.gated and output.scale is None:
        assert np.allclose(z[output.full.reshape(-1)], net.outputs(x).reshape(-1), rtol=1e-10, atol=1e-12)
    for a, b in zip(plain.blocks, graph.blocks, strict=True):
        assert np.allclose(dense(a.values["attribution"]), dense(b.values["attribution"]), rtol=0, atol=0)
        assert np.array_equal(a.gate, b.gate)
    ends = output.full.reshape(-1).numpy()
    assert np.allclose(path_sums(plain, ends), path_sums(graph, ends), rtol=1e-10, atol=1e-12)
    weights = net.graph("unit", gauge="balanced")
    free = ~anchored(net.programs.numbering("unit"))
    enters, leaves = strengths(weights)
    free &= (enters > 0) & (leaves > 0)
    assert np.allclose(enters[free], leaves[free], rtol=1e-11, atol=0)
    assert weights.meta["balanced"] == graph.meta["balanced"] == free.sum()


@pytest.mark.parametrize("name", PAIRS)
def test_network_gauge_path_products_are_the_gradient(name: str) -> None:
    net, _, x, _ = pair(name)
    leaf = x.clone().requires_grad_()
    net.model(leaf)[0, 1].backward()
    graph = net.graph("unit", gauge="balanced", inputs=x, target=1)
    assert leaf.grad is not None
    assert np.allclose(path_sums(graph, np.array([graph.layers[-1].start + 1])), leaf.grad.reshape(-1), atol=1e-10)


def test_network_gauge_conserves_flows_at_channels() -> None:
    net, _, x, _ = pair("resnet")
    plain, graph = (net.graph(inputs=x, target=2, gauge=gauge) for gauge in ("none", "balanced"))
    for a, b in zip(plain.blocks, graph.blocks, strict=True):
        assert np.array_equal(dense(a.values["attribution"]), dense(b.values["attribution"]))
    alive = plain.columns["activation"] != 0
    scale = np.where(alive, graph.columns["activation"], 1) / np.where(alive, plain.columns["activation"], 1)
    assert alive.mean() > 0.8 and (scale[alive] > 0).all()
    for a, b in zip(plain.blocks, graph.blocks, strict=True):
        target, source = graph.layer(a.target).vertices, graph.layer(a.source).vertices
        known = np.ix_(alive[target], alive[source])
        rows, columns = scale[target][alive[target]][:, None], scale[source][alive[source]]
        flows = [dense(g.values["contribution"])[known] for g in (a, b)]
        assert np.allclose(flows[0] * rows, flows[1], rtol=1e-10, atol=0)
        weights = [dense(g.weight)[known] for g in (a, b)]
        assert np.allclose(weights[0] * rows / columns, weights[1], rtol=1e-10, atol=0)


def test_network_gauge_leaves_units_that_are_not_homogeneous() -> None:
    model, x = make("mlp-gelu", torch.float64)
    net = ng.trace(model, x)
    for granularity in ("unit", "channel"):
        graphs = [net.graph(granularity, inputs=x[:1], target=0, gauge=gauge) for gauge in ("balanced", "none")]
        assert difference(*graphs, {}) == 0
        assert graphs[0].meta["balanced"] == 0


def test_network_gauge_leaves_the_model_alone() -> None:
    model, x = make("resnet-relu")
    net = ng.trace(model, x)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    graph = net.graph(gauge="balanced")
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert {block.weight.dtype for block in graph.blocks} == {np.dtype("float32")}
    assert bool(net.verify(x))


def test_network_gauge_must_be_one() -> None:
    with pytest.raises(UnknownName, match=r"balance.*did you mean 'balanced'") as error:
        chain().graph(gauge="balance")
    assert "none" in str(error.value)
