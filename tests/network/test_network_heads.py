"""Attention heads as vertices: weights from W_V and W_O, flows summed over a head's features."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from network_zoo import make
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.errors import InputError, UnknownName
from netgraph.graph.blocks import column_sums, row_sums
from netgraph.graph.coarsen import LEFT_OUT, STAYS, Merge, merged
from netgraph.graph.graph import Graph
from netgraph.network.gauge import anchored
from netgraph.network.vision import load_torchvision

EXACT = 1e-10


def dense(operator: object) -> np.ndarray:
    return operator.toarray() if sp.issparse(operator) else np.asarray(operator)


def between(graph: Graph, source: str, target: str, name: str = "weight") -> np.ndarray:
    (block,) = (b for b in graph.blocks if (b.source, b.target) == (source, target))
    return dense(block.operator(name))


class Attention(nn.Module):
    """Self-attention by hand, on tokens (batch, tokens, features), in one of several ways of writing it."""

    def __init__(self, features: int = 6, heads: int = 3, how: str = "manual", causal: bool = False) -> None:
        super().__init__()
        self.heads, self.how, self.causal, self.frozen = heads, how, causal, False
        self.qkv, self.o = nn.Linear(features, 3 * features), nn.Linear(features, features)
        self.values = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, d = x.shape
        q, k, v = (part.view(n, t, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        if self.frozen:
            v.retain_grad()
            self.values = v
        if self.how == "sdpa":
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        elif self.how == "einsum":
            mixed = torch.einsum("nhij,nhjd->nhid", self.pattern(q, k), v)
        else:
            mixed = self.pattern(q, k) @ v
        return self.o(mixed.transpose(1, 2).reshape(n, t, d))

    def pattern(self, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        if self.causal:
            future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, -torch.inf)
        pattern = scores.softmax(-1)
        return pattern.detach() if self.frozen else pattern


class Norm(nn.Module):
    """Layer normalisation whose scale can be held fixed."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x - x.mean(-1, keepdim=True)
        size = (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return x / (size.detach() if self.frozen else size)


class Gpt(nn.Module):
    """Two causal blocks with positions, normalisations and ReLU; the last token decides."""

    def __init__(self, how: str = "manual") -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, 4, 6))
        self.attn = nn.ModuleList([Attention(6, 3, how, True) for _ in range(2)])
        self.mlp = nn.ModuleList([nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 6)) for _ in range(2)])
        self.norms = nn.ModuleList([Norm() for _ in range(5)])
        self.head = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.position
        for i, (attn, mlp) in enumerate(zip(self.attn, self.mlp, strict=True)):
            x = x + attn(self.norms[2 * i](x))
            x = x + mlp(self.norms[2 * i + 1](x))
        return self.head(self.norms[4](x)[:, -1])


def mha() -> nn.Module:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attn, self.head = nn.MultiheadAttention(8, 4, batch_first=True), nn.Linear(8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.attn(x, x, x)[0].mean(1))

    return Model()


def vit() -> nn.Module:
    """The class that vit_b_16 is of, two layers of it."""
    build = load_torchvision().models.vision_transformer.VisionTransformer
    model = build(image_size=32, patch_size=8, num_layers=2, num_heads=3, hidden_dim=24, mlp_dim=32, num_classes=5)
    nn.init.normal_(model.heads[-1].weight, 0, 0.3)  # it starts at 0
    return model


def swin() -> nn.Module:
    """Shifted windows: 4 windows of 16 positions in its first layers, then one."""
    build = load_torchvision().models.swin_transformer.SwinTransformer
    return build([4, 4], 12, [2, 2], [2, 3], [4, 4], num_classes=5)


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], dict[str, int]]] = {
    "manual": (lambda: Gpt("manual"), (4, 6), {"attn.0_heads": 3, "attn.1_heads": 3}),
    "sdpa": (lambda: Gpt("sdpa"), (4, 6), {"attn.0_heads": 3, "attn.1_heads": 3}),
    "einsum": (lambda: Gpt("einsum"), (4, 6), {"attn.0_heads": 3, "attn.1_heads": 3}),
    "mha": (mha, (5, 8), {"attn_heads": 4}),
    "encoder layer": (lambda: make("transformer")[0], (1, 6, 6), {"block.self_attn_heads": 2}),
    "vit": (vit, (3, 32, 32), {f"encoder.layers.encoder_layer_{i}.self_attention_heads": 3 for i in range(2)}),
    "swin": (
        swin,
        (3, 32, 32),
        {f"features.{i}.{j}.attn_heads": heads for i, heads in ((1, 2), (3, 3)) for j in range(2)},
    ),
}


def traced(name: str) -> tuple[ng.Network, torch.Tensor]:
    build, shape, _ = MODELS[name]
    torch.manual_seed(1)
    model = build().eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, 0.1, 0.3)
    x = torch.randn(2, *shape, dtype=torch.float64)
    return ng.trace(model.double(), x[:1]), x


# -- by hand -------------------------------------------------------------------------------------------


def by_hand() -> ng.Network:
    """Two heads of two features; no queries and no keys, so that every token gets the mean of both."""
    attn = nn.MultiheadAttention(4, 2, batch_first=True, bias=False).double()
    attn.in_proj_weight.data = torch.zeros(12, 4, dtype=torch.float64)
    attn.in_proj_weight.data[8:] = torch.tensor([[1, 2, 0, 0], [3, -4, 0, 0], [0, 0, 1, 0], [0, 0, 5, -1]])
    attn.out_proj.weight.data = torch.tensor([[1.0, 1, 0, 0], [0, 0, 2, -1], [1, 2, 3, 4], [0, 0, 0, 0]]).double()

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attn = attn

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.attn(x, x, x, need_weights=False)[0][:, 0]

    return ng.trace(Model(), torch.randn(1, 2, 4, dtype=torch.float64))


def test_network_heads_by_hand() -> None:
    """Token means (2, 1, 3, 0): values (4, 2 | 3, 15), the third output 4 + 2·2 = 8 from one head, 9 + 60 of the other.

    l1 of W_V: head 0 reads |1|+|3| = 4 and |2|+|−4| = 6, head 1 reads 6 and 1. Output 2 reads 1+2 and 3+4 of W_O.
    """
    net = by_hand()
    x = torch.tensor([[[1.0, 2, 3, 4], [3, 0, 3, -4]]], dtype=torch.float64)
    graph = net.graph("head", inputs=x, target=2)
    assert graph.meta["granularity"] == "head"
    assert [(layer.name, layer.kind, layer.size, layer.grid) for layer in graph.layers] == [
        ("input", "input", 4, (4,)),
        ("attn_heads", "heads", 2, (2,)),
        ("attn.out_proj", "linear", 4, (4,)),
    ]
    assert graph.ids[4:6].tolist() == ["attn_heads:0", "attn_heads:1"]
    assert between(graph, "input", "attn_heads").tolist() == [[4, 6, 0, 0], [0, 0, 6, 1]]
    assert between(graph, "input", "attn_heads", "tap_sum").tolist() == [[4, -2, 0, 0], [0, 0, 6, -1]]
    assert between(graph, "attn_heads", "attn.out_proj").tolist() == [[2, 0], [0, 3], [3, 7], [0, 0]]
    assert np.allclose(between(graph, "attn_heads", "attn.out_proj", "attribution")[2], [8, 69])
    # W_V times the token means, times the column sums of what the third output reads: (1 + 2·3)·2 and (2 − 8)·1
    assert np.allclose(between(graph, "input", "attn_heads", "attribution"), [[14, -6, 0, 0], [0, 0, 69, 0]])
    assert np.allclose(graph.columns["attribution"][4:6], [8, 69])
    assert np.allclose(graph.columns["activation"][4:6], [3, 9])  # the mean of a head's features


@pytest.mark.parametrize(
    ("reduce", "fn"),
    [
        ("l1", lambda w, axis: np.abs(w).sum(axis)),
        ("l2", lambda w, axis: np.sqrt(np.square(w).sum(axis))),
        ("max", lambda w, axis: np.abs(w).max(axis)),
        ("sum", lambda w, axis: w.sum(axis)),
        ("mean", lambda w, axis: w.mean(axis)),
    ],
)
def test_network_heads_weigh_as_w_v_and_w_o(reduce: str, fn: Callable[[np.ndarray, int], np.ndarray]) -> None:
    net, _ = traced("mha")
    attn = net.model.attn
    values = attn.in_proj_weight.detach().numpy()[16:].reshape(4, 2, 8)
    output = attn.out_proj.weight.detach().numpy().reshape(8, 4, 2)
    graph = net.graph("head", reduce=reduce)
    assert np.allclose(between(graph, "input", "attn_heads"), fn(values, 1), rtol=1e-12)
    assert np.allclose(between(graph, "attn_heads", "attn.out_proj"), fn(output, 2), rtol=1e-12)
    if reduce in ("l1", "l2", "max"):
        assert np.allclose(between(graph, "input", "attn_heads", "tap_sum"), values.sum(1), rtol=1e-12)


def test_network_heads_of_one_feature_keep_their_weights() -> None:
    torch.manual_seed(0)
    model = Attention(3, 3).double()
    graph = ng.trace(model, (2, 3)).graph("head")
    assert np.array_equal(between(graph, "input", "heads"), model.qkv.weight.detach().numpy()[6:])


# -- on models -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_network_heads_are_found(name: str) -> None:
    net, _ = traced(name)
    graph, channels = net.graph("head"), net.graph()
    found = {layer.name: layer.size for layer in graph.layers if layer.kind == "heads"}
    assert found == MODELS[name][2]
    gone = {layer.name for layer in channels.layers} - {layer.name for layer in graph.layers}
    assert len(gone) == len(found)  # a projection of queries, keys and values each: heads stand for all that is read
    assert graph.n == channels.n - sum(channels.layer(layer).size for layer in gone) + sum(found.values())


@pytest.mark.parametrize("name", MODELS)
def test_network_heads_carry_what_their_features_do(name: str) -> None:
    """Attributions of the heads are those of the values' channels, summed; the rest is the graph of channels."""
    net, x = traced(name)
    graph, channels = net.graph("head", inputs=x, target=1), net.graph(inputs=x, target=1)
    gone = [layer for layer in channels.layers if layer.name not in {layer.name for layer in graph.layers}]
    for old, new in zip(gone, [layer for layer in graph.layers if layer.kind == "heads"], strict=True):
        for column in ("attribution", "constant_share"):
            before, after = channels.columns[column][old.vertices], graph.columns[column][new.vertices]
            by_head = before[-old.size // 3 :].reshape(new.size, -1)  # queries, keys, values
            assert np.allclose(by_head.sum(1), after, rtol=0, atol=1e-12)
            assert not before[: -old.size // 3].any()
        mean = channels.columns["activation"][old.vertices][-old.size // 3 :].reshape(new.size, -1).mean(1)
        assert np.allclose(mean, graph.columns["activation"][new.vertices], rtol=1e-12)
    kept = {(b.source, b.target, b.kind): b for b in graph.blocks}
    for block in channels.blocks:
        if (block.source, block.target, block.kind) in kept:
            assert np.array_equal(dense(block.weight), dense(kept[block.source, block.target, block.kind].weight))
    assert graph.meta["target_value"] == channels.meta["target_value"]


@pytest.mark.parametrize("bias", ["column", "vertex"])
@pytest.mark.parametrize("name", MODELS)
def test_network_heads_conserve_flows(name: str, bias: str) -> None:
    net, x = traced(name)
    graph = net.graph("head", inputs=x, target=1, bias=bias)
    into, out = np.zeros(graph.n), np.zeros(graph.n)
    for block in graph.blocks:
        into[graph.layer(block.target).vertices] += row_sums(block.values["attribution"])
        out[graph.layer(block.source).vertices] += column_sums(block.values["attribution"])
    through = graph.columns["attribution"]
    largest = np.abs(through).max()
    assert any(layer.kind == "heads" for layer in graph.layers)
    for layer in graph.layers:
        here = layer.vertices
        if layer.kind not in ("input", "constant", "bias"):
            assert np.abs(into + graph.columns["constant_share"] - through)[here].max() <= EXACT * largest
        if layer is not graph.layers[-1]:
            assert np.abs(out - through)[here].max() <= EXACT * largest
    inputs = sum(through[v.vertices].sum() for v in graph.layers if v.kind == "input")
    own = sum(graph.columns["constant_share"][v.vertices].sum() for v in graph.layers if v.kind != "input")
    assert abs(inputs + own - graph.meta["target_value"]) <= EXACT * largest


@pytest.mark.parametrize("how", ["manual", "einsum"])
def test_network_heads_are_what_autograd_says(how: str) -> None:
    """Σ value · ∂target/∂value over a head's features and tokens, patterns and normalisations detached."""
    net, x = traced(how)
    graph = net.graph("head", inputs=x[:1], target=2)
    for module in net.model.modules():
        if isinstance(module, Attention | Norm):
            module.frozen = True
    net.model(x[:1])[0, 2].backward()
    for i, attn in enumerate(net.model.attn):
        assert attn.values.grad is not None
        share = (attn.values * attn.values.grad).sum((0, 2, 3)).detach().numpy()
        assert np.allclose(graph.columns["attribution"][graph.layer(f"attn.{i}_heads").vertices], share, rtol=1e-10)
        assert np.abs(share).min() > 1e-6


def test_network_heads_cut_out_are_what_they_carried() -> None:
    """Of one linear layer of attention: the target without a head is the target less the head's share."""
    net, x = traced("mha")
    graph = net.graph("head", inputs=x[:1], target=0)
    for head in range(4):
        shares = graph.columns["attribution"][graph.layer("attn_heads").vertices]
        with torch.no_grad():
            held = net.model.attn.out_proj.weight.clone()
            net.model.attn.out_proj.weight[:, 2 * head : 2 * head + 2] = 0
            without = float(net.model(x[:1])[0, 0])
            net.model.attn.out_proj.weight.copy_(held)
        assert graph.meta["target_value"] - without == pytest.approx(shares[head], rel=1e-10)


def test_network_heads_over_a_data_set() -> None:
    net, x = traced("manual")
    x = torch.cat([x, x.flip(0) + 0.3])
    whole = net.graph("head", inputs=x, target="prediction")
    single = [net.graph("head", inputs=x[i : i + 1], target="prediction") for i in range(4)]
    for column in ("attribution", "constant_share", "activation"):
        assert np.allclose(np.mean([g.columns[column] for g in single], 0), whole.columns[column], rtol=1e-10)
    groups = net.graph("head", inputs=x, target=0, labels=[0, 1, 1, 1], by="label")
    assert {label: graph.meta["inputs"] for label, graph in groups.items()} == {0: 1, 1: 3}
    with pytest.raises(InputError, match=r"aggregate='std' at granularity='head'.*aggregate='mean'"):
        net.graph("head", inputs=x, target=0, aggregate="std")


def test_network_heads_in_the_balanced_gauge() -> None:
    """Values rescaled and permuted inside their heads are the same heads."""
    graphs = []
    for twin in (False, True):
        net, _ = traced("mha")
        if twin:
            order, scale = torch.tensor([1, 0, 2, 3, 5, 4, 7, 6]), torch.logspace(-1, 1, 8, dtype=torch.float64)
            attn = net.model.attn
            with torch.no_grad():
                attn.in_proj_weight[16:] = attn.in_proj_weight[16:][order] * scale[:, None]
                attn.in_proj_bias[16:] = attn.in_proj_bias[16:][order] * scale
                attn.out_proj.weight.copy_(attn.out_proj.weight[:, order] / scale)
        graphs.append(net.graph("head", gauge="balanced"))
        free = ~anchored(net.programs.numbering("channel"))
        assert free.sum() == 8 + 8  # values, and what the output projection makes
    for a, b in zip(*(graph.blocks for graph in graphs), strict=True):
        assert np.allclose(dense(a.weight), dense(b.weight), rtol=1e-9)
    heads = graphs[0].layer("attn_heads").vertices
    into = sum(row_sums(b.weight, absolute=True) for b in graphs[0].blocks if b.target == "attn_heads")
    out = sum(column_sums(b.weight, absolute=True) for b in graphs[0].blocks if b.source == "attn_heads")
    assert np.allclose(into, out, rtol=1e-10) and len(into) == heads.stop - heads.start
    assert graphs[0].meta["gauge"] == "balanced"


# -- other ways to attend ------------------------------------------------------------------------------


class Shared(nn.Module):
    """Three query heads that share one head of keys and values; other features leave the same projection."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.kv, self.o, self.head = nn.Linear(6, 6), nn.Linear(6, 7), nn.Linear(6, 6), nn.Linear(9, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, _ = x.shape
        q = self.q(x).view(n, t, 3, 2).transpose(1, 2)
        k, v, rest = self.kv(x).split([2, 2, 3], -1)
        pattern = (q @ k[:, None].transpose(-1, -2)).softmax(-1)
        mixed = (pattern @ v[:, None]).transpose(1, 2).reshape(n, t, 6)
        return self.head(torch.cat([self.o(mixed), rest], -1).mean(1))


def test_network_heads_that_share_values_are_one_and_other_features_stay() -> None:
    torch.manual_seed(0)
    net = ng.trace(Shared().double(), (4, 6))
    graph = net.graph("head", inputs=torch.randn(1, 4, 6, dtype=torch.float64), target=0)
    sizes = {layer.name: layer.size for layer in graph.layers}
    assert sizes == {"input": 6, "kv": 3, "heads": 1, "o": 6, "head": 2}  # k is left out
    weights = net.model.kv.weight.detach().numpy()
    assert np.allclose(between(graph, "input", "kv"), weights[4:])
    assert np.allclose(between(graph, "input", "heads"), np.abs(weights[2:4]).sum(0))
    shares = graph.columns["attribution"]
    assert shares[:6].sum() + graph.columns["constant_share"].sum() == pytest.approx(graph.meta["target_value"])


class Flat(nn.Module):
    """Tokens cut out of a flat input: each has vertices of its own, and attention makes new ones."""

    def __init__(self) -> None:
        super().__init__()
        self.attn, self.head = Attention(4, 2), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.attn(x.view(-1, 3, 4)).mean(1))


def test_network_heads_of_tokens_with_vertices_of_their_own() -> None:
    torch.manual_seed(0)
    net, x = ng.trace(Flat().double(), (12,)), torch.randn(1, 12, dtype=torch.float64)
    graph, channels = (net.graph(g, inputs=x, target=1) for g in ("head", "channel"))
    sizes = {layer.name: (layer.kind, layer.size) for layer in graph.layers}
    assert sizes["attn.qkv"] == ("linear", 3 * 12) and sizes["attn_heads"] == ("heads", 2)
    old = next(layer for layer in channels.layers if layer.kind == "attention")
    share = channels.columns["attribution"][old.vertices].reshape(2, -1).sum(1)
    assert np.allclose(graph.columns["attribution"][graph.layer("attn_heads").vertices], share, rtol=1e-12)


def test_network_heads_need_attention() -> None:
    wanted = r"no attention heads in this network.*use granularity='channel'"
    with pytest.raises(InputError, match=wanted):
        ng.trace(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), (3,)).graph("head")
    model, x = make("linear-attention")
    with pytest.raises(InputError, match=wanted):  # both sides of its products are values: there is no pattern
        ng.trace(model, x[:1]).graph("head")


def test_network_heads_need_values_of_their_own() -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(((x @ x.transpose(1, 2)).softmax(-1) @ x).mean(1))

    with pytest.raises(InputError, match=r"values that a layer of their own makes"):
        ng.trace(Plain(), (3, 4)).graph("head")


def test_network_heads_is_a_granularity() -> None:
    net, x = traced("mha")
    with pytest.raises(UnknownName, match="head"):
        net.graph("heads")
    with pytest.raises(UnknownName, match="channel"):
        net.activations(x, granularity="head")
    size = net.size("head")
    graph = net.graph("head")
    assert (size.vertices, size.edges) == (graph.n, len(graph.edges))


# -- merging itself ------------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_network_heads_merging_keeps_every_flow_between_what_stays(seed: int) -> None:
    """Whatever is merged or left out: flows and vertex shares are those of the parts, weights their reductions."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, 4)
    matrices = [rng.normal(size=(b, a)) * (rng.random((b, a)) < 0.8) for a, b in itertools.pairwise(sizes)]
    if rng.random() < 0.5:
        matrices[1] = sp.csr_array(matrices[1])
    graph = Graph.from_matrices(matrices)
    flows = [ng.Block(b.source, b.target, b.kind, b.weight, {"attribution": b.weight * 2}) for b in graph.blocks]
    graph = Graph(graph.layers, tuple(flows), {"attribution": rng.normal(size=graph.n)})
    of = rng.integers(-2, 3, sizes[1])
    used = np.unique(of[of >= 0])
    if not len(used):
        return
    of = np.array([np.searchsorted(used, v) if v >= 0 else v for v in of])
    small = merged(graph, {graph.layers[1].name: Merge("few", "", "heads", (1,), of)}, "l1")
    names = [layer.name for layer in small.layers]
    assert names == [n for n in (*[v.name for v in graph.layers[:2]], "few", *[v.name for v in graph.layers[2:]])
                     if n != graph.layers[1].name or (of == STAYS).any()]  # fmt: skip
    member = np.stack([of == i for i in range(len(used))]).astype(float)
    first, second = dense(graph.blocks[0].weight), dense(graph.blocks[1].weight)
    for block in small.blocks:
        if block.target == "few":
            expected, signed = member @ np.abs(first), member @ first
        elif block.source == "few":
            expected, signed = np.abs(second) @ member.T, second @ member.T
        else:
            continue
        assert np.allclose(dense(block.values["attribution"]), 2 * signed)
        assert np.allclose(dense(block.values["tap_sum"]), signed)
        assert np.allclose(np.abs(dense(block.weight)), expected)
    here = graph.layers[1].vertices
    assert np.allclose(
        small.columns["attribution"][small.layer("few").vertices], member @ graph.columns["attribution"][here]
    )
    assert small.n == graph.n - sizes[1] + (of == STAYS).sum() + len(used) and LEFT_OUT < STAYS < 0
