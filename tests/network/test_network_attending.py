"""Heads of other ways to attend: shared values, tokens of their own, none at all; and how vertices are merged."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from network_heads import Attention, traced
from network_matrices import between, dense
from network_zoo import make
from torch import nn

import netgraph as ng
from netgraph.errors import InputError, UnknownName
from netgraph.graph.coarsen import LEFT_OUT, STAYS, Merge, merged
from netgraph.graph.graph import Graph


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
