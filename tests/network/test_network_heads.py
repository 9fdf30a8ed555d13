"""Attention heads as vertices: weights from W_V and W_O, flows summed over a head's features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from network_heads import MODELS, Attention, Norm, traced
from network_matrices import between, dense
from torch import nn

import netgraph as ng
from netgraph.errors import InputError
from netgraph.graph.blocks import column_sums, row_sums
from netgraph.network.gauge import anchored

EXACT = 1e-10


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
