# ruff: noqa: E501 (one case, one line)
"""Many ways to write a network: each runs as the model does, and is exact at two inputs."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils import _pytree as pytree
from torch.utils.checkpoint import checkpoint

import netgraph as ng
from netgraph.errors import UnsupportedOperation

L = nn.Linear
Made = Callable[..., Any]


class M(nn.Module):
    """A module whose forward pass is a function of it and the input."""

    def __init__(self, forward: Made, **modules: nn.Module) -> None:
        super().__init__()
        self.call = forward
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, *args: Any) -> Any:
        return self.call(self, *args)


class Doubled(torch.autograd.Function):
    """A rectifier times two, with a gradient that is wrong: netgraph does not use it."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        ctx.save_for_backward(x)
        return x.clamp(min=0) * 2

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return g


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.n = L(6, 5), L(5, 3), 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.a(x))
        for _ in range(self.n):
            h = h * 0.5 + torch.tanh(h)
        return self.b(h)


class Patches(nn.Module):
    """A tiny vision transformer: patches, a class token, positions, and attention of one kind or another."""

    def __init__(self, encoder: bool) -> None:
        super().__init__()
        self.patch, self.token = nn.Conv2d(1, 8, 2, 2), nn.Parameter(torch.randn(1, 1, 8))
        self.position, self.norm, self.head = nn.Parameter(torch.randn(1, 5, 8)), nn.LayerNorm(8), L(8, 3)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2) if encoder else None
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mlp, self.first = nn.Sequential(L(8, 16), nn.GELU(), L(16, 8)), nn.LayerNorm(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.position
        if self.encoder is not None:
            x = self.encoder(x)
        else:
            y = self.first(x)
            x = x + self.attention(y, y, y, need_weights=False)[0]
            x = x + self.mlp(self.norm(x))
        return self.head(self.norm(x)[:, 0])


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.deep = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.up, self.join, self.out = nn.ConvTranspose2d(6, 4, 2, 2), nn.Conv2d(8, 4, 3, padding=1), nn.Conv2d(4, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = F.relu(self.down(x))
        b = F.relu(self.deep(F.max_pool2d(a, 2)))
        return self.out(F.relu(self.join(torch.cat([a, self.up(b)], 1))))


class Counter(nn.Module):
    """Writes to its own buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.a = L(6, 3)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("mean", torch.zeros(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.mean.mul_(0.9).add_(x.detach().mean(0), alpha=0.1)
        return self.a(x)


def loop(s: Any, x: torch.Tensor) -> torch.Tensor:
    for layer in s.layers:
        x = F.relu(layer(x))
    return x


def residual(s: Any, x: torch.Tensor) -> torch.Tensor:
    x = s.a(x)
    x += s.b(x).relu()
    x += s.c(x)
    return s.d(x)


def views(s: Any, x: torch.Tensor) -> torch.Tensor:
    h = s.a(x)
    v = h.view(-1, 2, 3)
    v[:, 0].mul_(2)
    v[:, 1] += v[:, 0]
    h[:, 1:3].relu_()
    return s.b(h)


def cell_loop(s: Any, x: torch.Tensor) -> torch.Tensor:
    h = c = torch.zeros(x.shape[0], 4, dtype=x.dtype)
    for t in range(x.shape[1]):
        h, c = s.cell(x[:, t], (h, c))
    return s.h(h)


def excite(s: Any, x: torch.Tensor) -> torch.Tensor:
    x = F.relu6(s.depth(x))
    w = torch.sigmoid(s.up(F.relu(s.down(F.adaptive_avg_pool2d(x, 1)))))
    return s.point(x * w).mean((2, 3))


def shapes(s: Any, x: torch.Tensor) -> torch.Tensor:
    n, *rest = x.shape
    if x.ndim == 2 and rest[0] == 6:
        x = s.a(x)
    y = x.new_zeros(n, 4)
    for i in range(4):
        y[:, i] = x[:, i] * (i + 1) if i % 2 else x[:, i].relu()
    return s.b(y)


def dense(s: Any, x: torch.Tensor) -> torch.Tensor:
    found = [x]
    for conv in s.convs:
        found.append(F.relu(conv(torch.cat(found, 1))))
    return s.h(torch.cat(found, 1).mean((2, 3)))


def heads(s: Any, x: torch.Tensor) -> torch.Tensor:
    q, k, v = (p(x).unflatten(2, (2, 2)) for p in (s.q, s.k, s.v))
    pattern = (torch.einsum("bihd,bjhd->bhij", q, k) / math.sqrt(2)).softmax(-1)
    return s.o(torch.einsum("bhij,bjhd->bihd", pattern, v).flatten(2)).mean(1)


def autocast(s: Any, x: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return s.a(x).float()


def packed(s: Any, x: torch.Tensor) -> torch.Tensor:
    p = pack_padded_sequence(x, [x.shape[1]] * len(x), batch_first=True, enforce_sorted=False)
    out, _ = s.r(p)
    return s.h(pad_packed_sequence(out, batch_first=True, total_length=6)[0].sum(1))


def closure() -> Made:
    w, b = torch.randn(6, 4), torch.randn(4)
    return lambda x: torch.relu(x @ w + b) @ w.t()


def functional_call() -> Made:
    model = nn.Sequential(L(6, 5), nn.Tanh(), L(5, 3))
    held = {name: p.detach().clone() for name, p in model.named_parameters()}
    return lambda x: torch.func.functional_call(model, held, (x,))


def mlp() -> nn.Sequential:
    return nn.Sequential(L(6, 5), nn.ReLU(), L(5, 3))


def changed(change: Callable[[nn.Sequential], object]) -> nn.Module:
    model = mlp()
    change(model)
    return model


def small_cnn() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), L(27, 3)).eval()


def recurrent(kind: type[nn.RNNBase], read: Made, **options: Any) -> nn.Module:
    width = 8 if options.get("bidirectional") else 4
    return M(lambda s, x: s.h(read(s.r, x)), r=kind(3, 4, **options), h=L(width, 2))


def last_state(r: Any, x: torch.Tensor) -> torch.Tensor:
    h = r(x)[1]
    return (h[0] if isinstance(h, tuple) else h)[-1]


CASES: dict[str, tuple[Made, tuple[int, ...]]] = {
    "functional": (closure, (6,)),
    "module-list": (lambda: M(loop, layers=nn.ModuleList([L(6, 5), L(5, 4), L(4, 3)])), (6,)),
    "module-dict": (lambda: M(lambda s, x: s.d["head"](s.d["body"](x).tanh()), d=nn.ModuleDict({"body": L(6, 4), "head": L(4, 3)})), (6,)),
    "in-place-views": (lambda: M(views, a=L(6, 6), b=L(6, 3)), (6,)),
    "in-place-sums": (lambda: M(residual, a=L(6, 5), b=L(5, 5), c=L(5, 5), d=L(5, 3)), (6,)),
    "tied": (lambda: M(lambda s, x: F.linear(s.a(x).relu(), s.a.weight.t()), a=L(6, 4)), (6,)),
    "weight-norm": (lambda: nn.Sequential(parametrizations.weight_norm(nn.Conv2d(1, 3, 2)), nn.ReLU(), nn.Flatten(), parametrizations.weight_norm(L(27, 3))), (1, 4, 4)),
    "spectral-norm": (lambda: nn.Sequential(parametrizations.spectral_norm(L(6, 5)), nn.ReLU(), nn.utils.spectral_norm(L(5, 3))), (6,)),
    "orthogonal": (lambda: nn.Sequential(parametrizations.orthogonal(L(6, 5)), nn.ReLU(), L(5, 3)), (6,)),
    "parametrized": (lambda: changed(lambda m: parametrize.register_parametrization(m[0], "weight", M(lambda s, w: w.triu()))), (6,)),
    "pruned": (lambda: changed(lambda m: prune.l1_unstructured(m[0], "weight", 0.5)), (6,)),
    "data-parallel": (lambda: nn.DataParallel(mlp()), (6,)),
    "compiled": (lambda: torch.compile(mlp().eval(), backend="eager"), (6,)),
    "compiled-inside": (lambda: nn.Sequential(torch.compile(mlp(), backend="eager"), nn.Tanh()), (6,)),
    "compiled-function": (lambda: torch.compile(closure(), backend="eager"), (6,)),
    "fx": (lambda: torch.fx.symbolic_trace(mlp()), (6,)),
    "exported": (lambda: torch.export.export(mlp().eval(), (torch.randn(2, 6),), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)).module(), (6,)),
    "vmap": (lambda: M(lambda s, x: torch.vmap(s.a)(x), a=mlp()), (6,)),
    "transformer-vision": (lambda: Patches(False), (1, 4, 4)),
    "transformer-encoder": (lambda: Patches(True), (1, 4, 4)),
    "transformer-both": (lambda: M(lambda s, x: s.h(s.t(x, x[:, :2]).mean(1)), t=nn.Transformer(4, 2, 1, 1, 8, batch_first=True), h=L(4, 3)), (3, 4)),
    "attention-weights": (lambda: M(lambda s, x: s.h(s.a(x, x, x)[0].mean(1)), a=nn.MultiheadAttention(4, 2, batch_first=True), h=L(4, 3)), (3, 4)),
    "attention-sequence-first": (lambda: M(lambda s, x: s.h(s.a(*[x.transpose(0, 1)] * 3)[0].mean(0)), a=nn.MultiheadAttention(4, 2), h=L(4, 3)), (3, 4)),
    "unet": (UNet, (1, 4, 4)),
    "lstm-raw": (lambda: nn.LSTM(3, 4, batch_first=True), (4, 3)),
    "lstm-projected": (lambda: M(lambda s, x: s.r(x)[0][:, -1], r=nn.LSTM(3, 4, batch_first=True, proj_size=2)), (4, 3)),
    "lstm-cell": (lambda: M(cell_loop, cell=nn.LSTMCell(3, 4), h=L(4, 2)), (4, 3)),
    "packed": (lambda: M(packed, r=nn.LSTM(3, 4, batch_first=True), h=L(4, 2)), (4, 3)),
    "autoencoder": (lambda: M(lambda s, x: {"recon": s.dec(s.enc(x).relu()), "z": s.enc(x)}, enc=L(6, 2), dec=L(2, 6)), (6,)),
    "densenet": (lambda: M(dense, convs=nn.ModuleList([nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(3, 2, 3, padding=1)]), h=L(5, 3)), (1, 4, 4)),
    "squeeze-excite": (lambda: M(excite, depth=nn.Conv2d(4, 4, 3, groups=4, padding=1), down=nn.Conv2d(4, 2, 1), up=nn.Conv2d(2, 4, 1), point=nn.Conv2d(4, 3, 1)), (4, 4, 4)),
    "glu": (lambda: nn.Sequential(L(6, 8), nn.GLU(), L(4, 3)), (6,)),
    "swiglu": (lambda: M(lambda s, x: s.c(F.silu(s.a(x)) * s.b(x)), a=L(6, 4), b=L(6, 4), c=L(4, 3)), (6,)),
    "einsum": (lambda: M(lambda s, x: torch.einsum("btd,od->bto", x, s.a.weight).tanh().mean(1), a=L(4, 3)), (5, 4)),
    "einsum-heads": (lambda: M(heads, q=L(4, 4), k=L(4, 4), v=L(4, 4), o=L(4, 3)), (3, 4)),
    "pixel-shuffle": (lambda: nn.Sequential(nn.Conv2d(1, 8, 1), nn.PixelShuffle(2), nn.ReLU(), nn.Conv2d(2, 1, 3), nn.PixelUnshuffle(2), nn.Flatten(), L(64, 3)), (1, 5, 5)),
    "where-grid": (lambda: M(lambda s, x: s.b(torch.where(s.a(x) > 0, s.a(x), torch.where(s.a(x) < -1, -0.1 * s.a(x), torch.zeros(())))), a=L(6, 4), b=L(4, 3)), (6,)),
    "autograd-function": (lambda: M(lambda s, x: s.b(Doubled.apply(s.a(x))), a=L(6, 4), b=L(4, 3)), (6,)),
    "identity-dropout": (lambda: nn.Sequential(nn.Identity(), L(6, 4), nn.Dropout(0.9), nn.AlphaDropout(), nn.ReLU(), nn.Identity(), L(4, 3), nn.Dropout()), (6,)),
    "functional-call": (functional_call, (6,)),
    "shape-flow": (lambda: M(shapes, a=L(6, 4), b=L(4, 3)), (6,)),
    "counter": (Counter, (6,)),
    "checkpoint": (lambda: M(lambda s, x: s.b(checkpoint(s.a, x, use_reentrant=False)), a=nn.Sequential(L(6, 4), nn.ReLU()), b=L(4, 3)), (6,)),
    "twice": (lambda: M(lambda s, x: s.b(s.a(s.a(x).relu()).relu()), a=L(6, 6), b=L(6, 3)), (6,)),
    "lambda": (lambda: (lambda f: lambda x: f(x).sigmoid())(L(6, 3)), (6,)),
    "partial": (lambda: functools.partial(F.linear, weight=torch.randn(3, 6)), (6,)),
    "method": (lambda: mlp().forward, (6,)),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(3)), (6,)),
    "half": (lambda: mlp().half(), (6,)),
    "bfloat16": (lambda: mlp().bfloat16(), (6,)),
    "bfloat16-convolution": (lambda: small_cnn().bfloat16(), (1, 4, 4)),
    "mixed-precision": (lambda: M(lambda s, x: s.b(s.a(x.bfloat16()).float()), b=L(5, 3), a=L(6, 5).bfloat16()), (6,)),
    "autocast": (lambda: M(autocast, a=L(6, 3)), (6,)),
}  # fmt: skip
for kind in (nn.LSTM, nn.GRU, nn.RNN):
    name = kind.__name__.lower()
    CASES |= {
        f"{name}-bidirectional": (functools.partial(recurrent, kind, lambda r, x: r(x)[0][:, -1], batch_first=True, bidirectional=True), (4, 3)),
        f"{name}-sequence-first": (functools.partial(recurrent, kind, lambda r, x: r(x.transpose(0, 1))[0][-1]), (4, 3)),
        f"{name}-two-layers": (functools.partial(recurrent, kind, lambda r, x: r(x)[0].mean(1), batch_first=True, num_layers=2, dropout=0.5), (4, 3)),
        f"{name}-state": (functools.partial(recurrent, kind, last_state, batch_first=True), (4, 3)),
    }  # fmt: skip
SCRIPTED: dict[str, tuple[Made, tuple[int, ...]]] = {
    "script": (lambda: torch.jit.script(Scripted().eval()), (6,)),
    "trace": (lambda: torch.jit.trace(Scripted().eval(), torch.randn(1, 6)), (6,)),
    "freeze": (lambda: torch.jit.freeze(torch.jit.script(Scripted().eval())), (6,)),
    "freeze-convolution": (lambda: torch.jit.freeze(torch.jit.trace(small_cnn(), torch.randn(1, 1, 4, 4))), (1, 4, 4)),
    "optimized": (lambda: torch.jit.optimize_for_inference(torch.jit.script(Scripted().eval())), (6,)),
}


def exact(made: Made, shape: tuple[int, ...]) -> ng.Network:
    """Trace at one input, compare and verify at two others of a batch of two."""
    torch.manual_seed(sum(shape))
    model = made()
    if isinstance(model, nn.Module) and not isinstance(model, torch.fx.GraphModule):
        model.eval()
    lazy = nn.parameter.UninitializedParameter
    floats = [p.dtype for p in model.parameters() if not isinstance(p, lazy)] if isinstance(model, nn.Module) else []
    dtype = next(iter(floats), torch.float32)
    inputs = [torch.randn(2, *shape).to(dtype) for _ in range(3)]
    with torch.no_grad():
        expected = [model(x.clone()) for x in inputs]
    net = ng.trace(model, inputs[0][:1])
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    for x, wanted in list(zip(inputs, expected, strict=True))[1:]:
        got = pytree.tree_leaves(net(x))
        for a, b in zip(got, pytree.tree_leaves(wanted), strict=True):
            assert a.dtype == b.dtype and torch.allclose(a, b, atol=tolerance)
        found = net.verify(x)
        assert found and max(found.errors.values()) <= 1e-10, str(found)
    graph = net.graph(inputs=inputs[0], target=lambda out: out.flatten(1)[:, 0])
    whole = float(graph.columns["constant_share"].sum() + graph.columns["attribution"][: graph.layers[0].size].sum())
    assert whole == pytest.approx(graph.meta["target_value"], abs=50 * tolerance)
    return net


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("name", CASES)
def test_network_ways_are_exact(name: str) -> None:
    exact(*CASES[name])


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", SCRIPTED)
def test_network_scripted_ways_are_exact(name: str) -> None:
    exact(*SCRIPTED[name])


@pytest.mark.parametrize("name", ["data-parallel", "compiled"])
def test_network_wrappers_leave_no_trace_in_the_names(name: str) -> None:
    assert [layer.name for layer in exact(*CASES[name]).graph().layers] == ["input", "linear_0", "linear_2"]


def test_network_buffers_that_a_forward_pass_writes_are_as_before() -> None:
    model = Counter()
    net = ng.trace(model, (6,))
    net.verify(torch.randn(2, 6))
    assert int(model.calls) == 0 and not model.mean.any()


def test_network_images_of_bytes_have_vertices() -> None:
    body = small_cnn()
    x = torch.randint(0, 256, (3, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for model in (M(lambda s, x: s.m(x / 255), m=body), M(lambda s, x: s.m((x.float() - 100) / 255), m=body)):
        net = ng.trace(model, x[:1])
        assert torch.allclose(net(x), model(x).detach(), atol=1e-6)
        assert net.verify(x)
        assert [(v.kind, v.size) for v in net.graph().layers[:2]] == [("input", 1), ("conv", 3)]


def test_network_an_output_in_steps_names_what_lets_nothing_through() -> None:
    with pytest.raises(UnsupportedOperation, match=r"no value flows.*aten::gt .*test_network_ways.py:\d+.*output="):
        ng.trace(lambda x: (x.exp() > 1).float(), (6,))


def test_network_sequences_packed_by_their_lengths_are_refused() -> None:
    def model(x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False).data * 2

    with pytest.raises(UnsupportedOperation, match=r"lengths that are inputs.*leave the sequences padded"):
        ng.trace(model, (torch.randn(1, 4, 3), torch.tensor([3])))
