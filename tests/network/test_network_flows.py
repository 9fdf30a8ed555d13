"""Flows are taken while the network is played: what they are, and that nothing is kept for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from network_zoo import make
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.network.blocks import Convolution
from netgraph.network.flows import Flows
from netgraph.network.replay import Replay
from netgraph.network.shapes import product_to, sum_to
from netgraph.network.targets import objective

KERNELS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "stride and padding": (nn.Conv2d(3, 4, 3, stride=2, padding=1), (3, 7, 8)),
    "dilation": (nn.Conv2d(2, 3, 3, dilation=2, padding=(0, 2)), (2, 9, 6)),
    "groups": (nn.Conv2d(4, 6, (3, 2), groups=2, padding=1), (4, 5, 5)),
    "depthwise": (nn.Conv2d(4, 4, 3, groups=4), (4, 5, 6)),
    "places that no window meets": (nn.Conv2d(2, 2, 2, stride=3), (2, 7, 7)),
    "transposed": (nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1), (3, 4, 5)),
    "transposed groups": (nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), (4, 3, 3)),
    "line": (nn.Conv1d(3, 2, 4, padding=2), (3, 9)),
    "volume": (nn.Conv3d(2, 3, 2, stride=(1, 2, 1)), (2, 3, 4, 5)),
}


@pytest.mark.parametrize("name", KERNELS)
def test_network_window_sums_are_a_convolution_with_ones(name: str) -> None:
    """Referee: the gradient that autograd gives for an upstream of ones, and of random numbers, input by input."""
    torch.manual_seed(0)
    layer, shape = KERNELS[name]
    layer = layer.double()
    x = torch.randn(3, *shape, dtype=torch.float64)
    net = ng.trace(layer, x)
    joint = next(iter(net.programs.numbering("channel", [x]).joints.values()))
    assert isinstance(joint, Convolution)
    made = layer(x)
    for upstream in (None, torch.randn_like(made)):
        each = joint.each(x, upstream, made.shape)
        for i in range(len(x)):
            u = torch.ones_like(made) if upstream is None else upstream
            (gradient,) = torch.autograd.grad((layer(x)[i] * u[i]).sum(), layer.weight)
            expected = joint.by_group(layer.weight.detach() * gradient).sum(-1)
            assert torch.allclose(each[i], expected, atol=1e-12)


def played(net: Any, x: torch.Tensor, target: Any, keep: tuple[str, ...] | None) -> tuple[Flows, Replay]:
    flows: tuple[Flows, Replay] = net.flows("channel", [x], target, torch.float64, keep=keep)
    return flows


@pytest.mark.parametrize("name", ["lenet-gelu", "resnet-relu", "squeeze-excite"])
def test_network_nothing_is_kept_of_a_batch(name: str) -> None:
    model, x = make(name, torch.float64)
    net = ng.trace(model, x)
    whole, all_of_it = played(net, x, 1, None)
    light, nothing = played(net, x, 1, ())
    assert not nothing.records and not nothing.reads
    assert all_of_it.records and all(r.z.grad is not None for r in all_of_it.records.values())
    a, b = whole.summary(), light.summary()
    for column in a.columns:
        assert np.array_equal(a.columns[column], b.columns[column])


def test_network_gradients_need_no_grad_of_the_model() -> None:
    """The model's own parameters are left alone."""
    model, x = make("resnet-relu")
    ng.trace(model, x).graph(inputs=x, target=0)
    assert all(p.grad is None for p in model.parameters())


def test_network_a_kernel_that_is_used_twice_has_flows_of_its_own_each_time() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 2, 3, padding=1, bias=False).double()
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64)

    def model(t: torch.Tensor) -> torch.Tensor:
        return conv(conv(t).relu()).sum((1, 2, 3))[:, None]

    graph = ng.trace(model, x).graph(inputs=x)
    first = conv(x)
    hidden = first.relu().detach().requires_grad_()
    second = conv(hidden)
    (upstream,) = torch.autograd.grad(second.sum(), hidden)
    weight = conv.weight.detach()
    expected = []
    for read, u in ((x, upstream * (first > 0)), (hidden.detach(), torch.ones_like(second))):
        leaf = weight.clone().requires_grad_()
        (gradient,) = torch.autograd.grad((torch.nn.functional.conv2d(read, leaf, padding=1) * u).sum(), leaf)
        expected.append((weight * gradient).sum((2, 3)).numpy() / 2)
    got = [b.values["attribution"] for b in graph.blocks if b.kind == "conv"]
    assert len(got) == 2
    assert all(np.allclose(a, b, atol=1e-12) for a, b in zip(got, expected, strict=True))


def test_network_a_target_on_the_way_leaves_later_edges_without_attribution() -> None:
    model, x = make("lenet-relu", torch.float64)
    graph = ng.trace(model, x).graph(inputs=x, target="c2:1")
    by_target = {b.target: b for b in graph.blocks}
    assert np.abs(by_target["fc1"].values["contribution"]).max() > 0
    assert not by_target["fc1"].values["attribution"].any() and not by_target["fc2"].values["attribution"].any()
    assert np.abs(by_target["c2"].values["attribution"][1]).max() > 0
    assert not by_target["c2"].values["attribution"][[0, 2, 3, 4, 5]].any()
    with torch.no_grad():
        activation = model.act(model.c2(F.max_pool2d(model.act(model.c1(x)), 2)))
    assert graph.meta["target_value"] == pytest.approx(float(activation[:, 1].mean()))


def test_network_products_are_summed_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    a, b = torch.randn(5, 3, 4, 2, dtype=torch.float64), torch.randn(5, 3, 4, 2, dtype=torch.float64)
    c = torch.randn(3, 1, 1, dtype=torch.float64)
    for piece in (1, 10**9):
        monkeypatch.setattr("netgraph.network.shapes._PIECE", piece)
        for shape in ((1, 3, 1, 1), (3, 1, 1), (1, 1, 4, 2), (5, 3, 1, 1), (1, 1, 1, 1), (5, 3, 4, 2)):
            assert torch.allclose(product_to((a, b, c), shape), sum_to(a * b * c, shape), atol=1e-12)
            assert torch.allclose(product_to((c, a), shape), sum_to(a * c, shape), atol=1e-12)
        assert torch.allclose(product_to((c,), (1, 3, 4, 2)), c.expand(1, 3, 4, 2))


def test_network_flows_of_several_batches_add_up_in_float64() -> None:
    """A thousand batches of one number each: float32 would lose the small ones behind the large one."""
    conv = nn.Conv2d(1, 1, 1, bias=False)
    conv.weight.data.fill_(1.0)
    x = torch.full((1001, 1, 1, 1), 1e-5)
    x[0] = 1000.0
    net = ng.trace(lambda t: conv(t).flatten(1), x[:1])
    graph = net.graph(inputs=iter([x[i : i + 1] for i in range(1001)]))
    total = float(x.double().sum())
    assert float(graph.blocks[0].values["contribution"][0, 0]) == pytest.approx(total / 1001, rel=1e-7)


def test_network_objectives_say_which_layers_they_read() -> None:
    from netgraph.network.targets import named

    assert named("fc2:7") == ["fc2"] and named("a:b:1,2") == ["a:b"]
    assert named("prediction") == named(3) == named(None) == named((0, 1)) == []
    assert callable(objective("fc2:7"))
