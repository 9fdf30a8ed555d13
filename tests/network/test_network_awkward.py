# ruff: noqa: E501 (one case, one line)
"""Awkward ways to write a network: each is exact, or says in one clear error why it has no graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.errors import InputError, UnsupportedOperation

L = nn.Linear


class M(nn.Module):
    """A module whose forward pass is a function of it and the input."""

    def __init__(self, forward: Callable[..., torch.Tensor], **modules: nn.Module) -> None:
        super().__init__()
        self.call = forward
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(self, x)


def written(s: Any, x: torch.Tensor) -> torch.Tensor:
    h = s.a(x)
    o = torch.zeros_like(h)
    o[:, :3] = h[:, 3:]
    o[:, 3:5] = h[:, :2]
    return s.b(o)


def filled(s: Any, x: torch.Tensor) -> torch.Tensor:
    h = s.a(x)
    h[h < 0] = 0.25
    return s.b(h)


def norm(features: int = 6) -> nn.Module:
    made = nn.BatchNorm1d(features)
    for t in (made.running_mean, made.weight.data):
        t.normal_()
    made.running_var.uniform_(0.5, 2)
    return made


CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "flip-relu": (lambda: M(lambda s, x: s.b(s.a(x).flip(1).relu()), a=L(6, 4), b=L(4, 3)), (6,)),
    "decoder": (lambda: M(lambda s, x: s.c(s.a(x).view(-1, 6, 2, 2).relu()).flatten(1), a=L(6, 24), c=nn.Conv2d(6, 2, 2)), (6,)),
    "channels-last": (lambda: M(lambda s, x: s.b(s.c(x).permute(0, 2, 3, 1).relu()).mean((1, 2)), c=nn.Conv2d(2, 4, 2), b=L(4, 3)), (2, 4, 4)),
    "flatten-relu": (lambda: M(lambda s, x: s.b(s.c(x).flatten(1).relu()), c=nn.Conv2d(1, 3, 2), b=L(27, 3)), (1, 4, 4)),
    "shuffle-relu": (lambda: M(lambda s, x: s.d(F.pixel_shuffle(s.c(x), 2).relu()).flatten(1), c=nn.Conv2d(1, 8, 1), d=nn.Conv2d(2, 2, 2)), (1, 3, 3)),
    "unsqueeze-relu": (lambda: M(lambda s, x: s.b(s.a(x).unsqueeze(1).relu()).squeeze(1), a=L(6, 4), b=L(4, 3)), (6,)),
    "transposed": (lambda: M(lambda s, x: (s.a.weight @ x.t()).relu().t(), a=L(6, 4)), (6,)),
    "flip-norm": (lambda: M(lambda s, x: s.b(s.n(s.a(x).flip(1))), a=L(6, 6), n=norm(), b=L(6, 3)), (6,)),
    "activation-first": (lambda: nn.Sequential(nn.Tanh(), L(6, 3)), (6,)),
    "activation-only": (nn.ReLU, (6,)),
    "zeros-like": (lambda: M(written, a=L(6, 6), b=L(6, 3)), (6,)),
    "masked-write": (lambda: M(filled, a=L(6, 6), b=L(6, 3)), (6,)),
    "bias-trick": (lambda: M(lambda s, x: s.a(torch.cat([x, torch.ones(x.shape[0], 1)], 1)), a=L(7, 3)), (6,)),
    "expanded-sum": (lambda: M(lambda s, x: s.b(s.a(x).unsqueeze(2).expand(-1, -1, 3).sum(2)), a=L(6, 4), b=L(4, 3)), (6,)),
    "scaled-constant": (lambda: M(lambda s, x: s.b(2 * torch.cat([s.a(x), torch.full((x.shape[0], 1), -5.0)], 1)), a=L(6, 4), b=L(5, 3)), (6,)),
    "coral": (lambda: M(lambda s, x: s.a(x) + torch.arange(5.0), a=L(6, 1, bias=False)), (6,)),
    "coral-relu": (lambda: M(lambda s, x: s.b(torch.relu(s.a(x) + torch.arange(5.0) - 2)), a=L(6, 1), b=L(5, 3)), (6,)),
    "token-norm": (lambda: M(lambda s, x: s.b(s.n(s.a(x))).mean(1), a=L(4, 3), n=norm(2), b=L(3, 3)), (2, 4)),
    "broadcast-weights": (lambda: M(lambda s, x: (x.unsqueeze(1) * s.a.weight).sum(2), a=L(6, 4)), (6,)),
    "divisor": (lambda: M(lambda s, x: s.b(F.avg_pool2d(s.c(x), 2, divisor_override=3).flatten(1)), c=nn.Conv2d(1, 3, 1), b=L(12, 3)), (1, 4, 4)),
    "padded-average": (lambda: M(lambda s, x: s.b(F.avg_pool2d(s.c(x), 3, 1, 1).flatten(1)), c=nn.Conv2d(1, 3, 1), b=L(12, 3)), (1, 2, 2)),
    "vector-maximum": (lambda: M(lambda s, x: s.b(torch.maximum(s.a(x), torch.linspace(-1, 1, 4))), a=L(6, 4), b=L(4, 3)), (6,)),
    "vector-clamp": (lambda: M(lambda s, x: s.b(s.a(x).clamp(min=torch.linspace(-1, 1, 4))), a=L(6, 4), b=L(4, 3)), (6,)),
    "log-sigmoid": (lambda: nn.Sequential(L(6, 4), nn.LogSigmoid(), L(4, 3)), (6,)),
    "reciprocal": (lambda: M(lambda s, x: 1 / (torch.exp(s.a(x)) + 1), a=L(6, 3)), (6,)),
    "negative-power": (lambda: M(lambda s, x: s.b((s.a(x).square() + 1).pow(-1)), a=L(6, 4), b=L(4, 3)), (6,)),
    "rrelu": (lambda: nn.Sequential(L(6, 4), nn.RReLU(), L(4, 3)), (6,)),
    "two-outputs": (lambda: M(lambda s, x: (s.a(x), s.b(x)), a=L(6, 3), b=L(6, 2)), (6,)),
    "later-output": (lambda: M(lambda s, x: {"logits": s.a(x), "aux": s.b(x)}, a=L(6, 3), b=L(6, 2)), (6,)),
    "own-dtype": (lambda: M(lambda s, x: s.a(torch.cat([x, torch.full((x.shape[0], 1), 0.5)], 1)[:, :6] + torch.zeros(6)), a=L(6, 3)), (6,)),
    "regressor": (lambda: M(lambda s, x: s.a(x).relu().sum(1), a=L(6, 4)), (6,)),
    "feature-map-output": (lambda: nn.Conv2d(1, 2, 2), (1, 3, 3)),
    "pruned-norm": (lambda: nn.Sequential(nn.Conv2d(1, 3, 2), nn.ReLU(), pruned(3), nn.Conv2d(3, 2, 2), nn.Flatten()), (1, 4, 4)),
    "mask": (lambda: M(lambda s, x: s.d(s.c(x) * (torch.arange(16.0).view(4, 4) % 2)).flatten(1), c=nn.Conv2d(1, 3, 1), d=nn.Conv2d(3, 2, 2)), (1, 4, 4)),
    "group-norm": (lambda: nn.Sequential(nn.Conv2d(1, 4, 2), nn.GroupNorm(2, 4), nn.GELU(), nn.Flatten(), L(36, 3)), (1, 4, 4)),
    "weighted-copies": (lambda: M(lambda s, x: s.b((s.a(x).unsqueeze(2) * torch.tensor([1.0, -3.0, 0.5])).sum(2)), a=L(6, 4), b=L(4, 3)), (6,)),
    "padded-tokens": (lambda: M(lambda s, x: s.b(F.pad(s.a(x), (0, 0, 0, 2))).relu().mean(1), a=L(4, 3), b=L(3, 3)), (2, 4)),
    "strides": (lambda: M(lambda s, x: s.b(s.a(x).as_strided((x.shape[0], 4), (6, 1), 1)), a=L(6, 6), b=L(4, 3)), (6,)),
    "pooled-channels-last": (lambda: M(lambda s, x: s.b(s.p(s.c(x.contiguous(memory_format=torch.channels_last)))).flatten(1), c=nn.Conv2d(2, 3, 2), p=nn.AdaptiveAvgPool2d(1), b=nn.Conv2d(3, 2, 1)), (2, 4, 4)),
    "same-twice": (lambda: M(lambda s, x: (lambda h: s.b(h + h) - s.b(h * h))(s.a(x)), a=L(6, 4), b=L(4, 3)), (6,)),
}  # fmt: skip


def pruned(features: int) -> nn.Module:
    made = nn.BatchNorm2d(features)
    for t in (made.running_mean, made.weight.data, made.bias.data):
        t.normal_()
    made.running_var.uniform_(0.5, 2)
    made.weight.data[1] = 0
    return made


def case(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(sum(map(ord, name)))
    build, shape = CASES[name]
    return build().eval(), torch.randn(3, *shape)


@pytest.mark.parametrize("name", CASES)
def test_network_awkward_networks_verify(name: str) -> None:
    model, x = case(name)
    found = ng.trace(model, x).verify(x)
    assert found, str(found)


@pytest.mark.parametrize("name", CASES)
def test_network_awkward_batches_are_means_of_single_inputs(name: str) -> None:
    model, x = case(name)
    net = ng.trace(model, x)
    if net.outputs(x).ndim > 2:
        with pytest.raises(InputError, match="as a function of the output"):
            net.graph(inputs=x, target=0)
        return
    target = 0 if net.outputs(x).shape[1] > 1 else None
    whole = net.graph(inputs=x, target=target)
    ones = [net.graph(inputs=x[i : i + 1], target=target) for i in range(3)]
    for column in ("activation", "attribution"):
        mean = np.mean([g.columns[column] for g in ones], 0)
        assert np.allclose(whole.columns[column], mean, atol=1e-5), column
    table = net.activations(x).to_numpy()
    assert np.allclose(table, [g.columns["activation"] for g in ones], atol=1e-5)
    assert whole.meta["inputs"] == 3
    assert whole.meta["target_value"] == pytest.approx(float(net.outputs(x)[:, 0].mean()), abs=1e-5)


def test_network_activations_follow_moved_units() -> None:
    model, x = case("flip-relu")
    table = ng.trace(model, x).activations(x)
    with torch.no_grad():
        expected = model.a(x).relu().numpy()
    assert np.allclose(table[[f"a:{i}" for i in range(4)]], expected, atol=1e-6)


def test_network_axes_other_than_the_first_may_hold_the_batch() -> None:
    a = L(6, 3)
    model = M(lambda s, x: torch.einsum("of,nf->no", s.a.weight, x), a=a)
    x = torch.randn(4, 6)
    assert np.allclose(ng.trace(model, x).activations(x).iloc[:, 6:], (x @ a.weight.t()).detach().numpy(), atol=1e-6)


def test_network_inputs_are_not_mixed_with_each_other() -> None:
    """A model that subtracts the batch's mean has a graph for one input alone; several are refused."""
    model = M(lambda s, x: s.a(x - x.mean(0, keepdim=True) + 1), a=L(6, 3))
    x = torch.randn(4, 6)
    net = ng.trace(model, x)
    alone = net.graph(inputs=x[:1], target=0)
    assert np.isclose(alone.meta["target_value"], float(model(x[:1])[0, 0].detach()))
    with pytest.raises(InputError, match="other inputs of its batch"):
        net.graph(inputs=x, target=0)


def test_network_channels_last_inputs_have_their_channels_as_vertices() -> None:
    model = M(lambda s, x: s.c(x.permute(0, 3, 1, 2)).relu().mean((2, 3)), c=nn.Conv2d(3, 4, 3))
    net = ng.trace(model, (8, 8, 3))
    assert net.graph().layers[0].size == 3
    assert net.verify()


def test_network_branches_of_equal_operations_are_told_apart() -> None:
    class Branch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = L(2, 2, bias=False), L(2, 2, bias=False)
            self.a.weight.data.fill_(1)
            self.b.weight.data.fill_(5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (self.a if x.sum() > 0 else self.b)(x)

    with pytest.warns(ng.NetgraphWarning, match="looks at a value"):
        net = ng.trace(Branch(), torch.ones(1, 2))
    both = torch.stack([torch.ones(2), -torch.ones(2)])
    with pytest.raises(InputError, match="different branches"):
        net.graph(inputs=both, target=0)
    assert float(net.graph(inputs=both[1:], target=0).blocks[0].weight[0, 0]) == 5
    assert net.verify(both)


def test_network_the_graph_is_that_of_the_model_as_it_is_now() -> None:
    model = nn.Sequential(L(3, 4), nn.BatchNorm1d(4), nn.ReLU(), L(4, 2)).eval()
    x = torch.randn(2, 3)
    net = ng.trace(model, x)
    before = net.hash
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape))
    assert net.verify(x) and net.hash != before
    model[0].weight.data = torch.randn(4, 3)
    assert net.verify(x)


def test_network_the_input_is_left_alone() -> None:
    model = M(lambda s, x: s.a(x.mul_(2)), a=L(6, 3))
    x = torch.randn(1, 6)
    given = x.clone()
    net = ng.trace(model, x)
    net.graph(inputs=x, target=0)
    assert net.verify(x)
    assert torch.equal(x, given)


def test_network_padded_tokens_stay_tokens() -> None:
    model, x = case("padded-tokens")
    assert [layer.size for layer in ng.trace(model, x).graph().layers] == [4, 3, 3]


def test_network_zeros_like_is_zeros() -> None:
    def with_zeros(s: Any, x: torch.Tensor) -> torch.Tensor:
        h = s.a(x)
        o = torch.zeros(h.shape)
        o[:, :3] = h[:, 3:]
        o[:, 3:5] = h[:, :2]
        return s.b(o)

    a, b = L(6, 6), L(6, 3)
    x = torch.randn(1, 6)
    first, second = (ng.trace(M(f, a=a, b=b), x).graph() for f in (written, with_zeros))
    assert first.n == second.n == 15 and (first.to_scipy() != second.to_scipy()).nnz == 0


def test_network_elements_kept_by_a_condition_are_refused() -> None:
    model = M(lambda s, x: (lambda h: h[h > -100].view(h.shape[0], -1))(s.a(x)), a=L(6, 6))
    with pytest.raises(UnsupportedOperation, match="which vertices it reads is not fixed"):
        ng.trace(model, torch.randn(2, 6)).graph()


def test_network_targets_of_other_shapes() -> None:
    model, x = case("regressor")
    net = ng.trace(model, x)
    assert net.outputs(x).shape == (3, 1)
    classes = ng.trace(nn.Sequential(L(6, 4)), x)
    logits = classes.outputs(x)
    for two in (torch.tensor(2), np.array(2), np.int64(2)):
        assert classes.graph(inputs=x, target=two).meta["target_value"] == pytest.approx(float(logits[:, 2].mean()))
    with pytest.raises(InputError, match="return one for each"):
        classes.graph(inputs=x, target=lambda out: out.sum())


def test_network_inference_mode_and_no_grad_outside() -> None:
    model, x = case("decoder")
    with torch.inference_mode():
        net = ng.trace(model, x)
        assert net.graph(inputs=x, target=0).meta["inputs"] == 3
    with torch.no_grad():
        assert net.verify(x)


def test_network_layer_names_stay_unique() -> None:
    model = M(lambda s, x: s.fc_1(s.fc_(s.add_1(x) + x) + x), add_1=L(6, 6), fc_=L(6, 6), fc_1=L(6, 3))
    names = [layer.name for layer in ng.trace(model, (6,)).graph().layers]
    assert len(set(names)) == len(names) == 6
