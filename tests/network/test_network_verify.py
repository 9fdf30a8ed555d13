"""The proof itself: it holds on every network of the zoo, and fails when anything in the graph is wrong."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from network_zoo import ZOO, make
from torch import nn

import netgraph as ng
from netgraph.errors import UnknownName
from netgraph.graph.graph import Block, Graph
from netgraph.network.checks import Truth, check
from netgraph.network.numbering import Numbering

TOLERANCE = 1e-10


@pytest.mark.parametrize("name", ZOO)
def test_network_the_graph_is_the_network(name: str) -> None:
    model, x = make(name)
    found = ng.trace(model, x).verify(x)
    assert set(found.errors) == {"forward", "weight", "completeness", "conservation", "path"}
    assert max(found.errors.values()) <= 1e-12, str(found)
    assert found and found.unsupported == () and sum(found.operations.values()) > 0


@pytest.mark.parametrize("name", ["mlp-relu", "lenet-relu", "resnet-relu", "densenet-relu"])
def test_network_path_weights_are_the_gradient(name: str) -> None:
    """Referee: plain autograd on the model. With ReLU and max pooling the frozen gradient is the true one."""
    model, x = make(name, torch.float64)
    one = x[:1].clone().requires_grad_()
    logits = model(one)
    target = int(logits.argmax())
    (gradient,) = torch.autograd.grad(logits[0, target], one)
    graph = ng.trace(model, x).graph("unit", inputs=x[:1], target=target).unrolled()
    slope = np.zeros(graph.n)
    slope[graph.layers[-1].start + target] = 1
    for block in reversed(graph.blocks):
        source, into = graph.layer(block.source).vertices, graph.layer(block.target).vertices
        slope[source] += block.values["gated_weight"].T @ slope[into]
    got = slope[graph.layers[0].vertices]
    expected = gradient.numpy().reshape(-1)
    assert np.abs(got - expected).max() <= 1e-12 * np.abs(expected).max()
    entry = graph.columns["attribution"] - graph.columns["constant_share"]
    assert np.allclose(entry[graph.layers[0].vertices], (gradient * one).detach().numpy().reshape(-1), atol=1e-13)


def with_block(graph: Graph, i: int, block: Block) -> Graph:
    return replace(graph, blocks=(*graph.blocks[:i], block, *graph.blocks[i + 1 :]))


def changed(operator: Any, edge: int, how: Any) -> Any:
    """The operator with one of its edges changed."""
    if sp.issparse(operator):
        data = operator.data.copy()
        data[edge] = how(data[edge])
        return sp.csr_array((data, operator.indices, operator.indptr), shape=operator.shape)
    out = operator.copy().reshape(-1)
    out[edge] = how(out[edge])
    return out.reshape(operator.shape)


def edges(operator: Any) -> int:
    return int(operator.nnz if sp.issparse(operator) else operator.size)


@pytest.mark.parametrize("granularity", ["unit", "channel"])
@pytest.mark.parametrize("name", ["mlp-gelu", "lenet-relu", "resnet-sigmoid", "densenet-gelu"])
def test_network_any_changed_edge_fails(name: str, granularity: str) -> None:
    """On random edges: one weight or one flow changed by a thousandth of the largest, or the edge deleted."""
    model, x = make(name)
    truth = Truth(ng.trace(model, x), [x[:1].double()], granularity)
    assert max(check(truth.graph(), truth).values()) <= TOLERANCE
    graph = truth.graph().unrolled()
    assert max(check(graph, truth).values()) <= TOLERANCE
    rng = np.random.default_rng(0)
    for _ in range(12):
        i = int(rng.integers(len(graph.blocks)))
        block = graph.blocks[i]
        edge = int(rng.integers(edges(block.weight)))
        for column in ("weight", *block.values):
            operator = block.operator(column)
            step = 1e-3 * float(np.abs(operator.data if sp.issparse(operator) else operator).max())
            if step == 0:
                continue
            bad = changed(operator, edge, lambda v, s=step: v + s)
            wrong = (
                replace(block, weight=bad)
                if column == "weight"
                else replace(block, values={**block.values, column: bad})
            )
            errors = check(with_block(graph, i, wrong), truth)
            assert max(errors.values()) > TOLERANCE, f"{column} of edge {edge} in {block.source} -> {block.target}"
        gone = {name: changed(block.operator(name), edge, lambda v: 0 * v) for name in ("weight", *block.values)}
        if float(np.abs((block.weight.data if sp.issparse(block.weight) else block.weight.reshape(-1))[edge])) > 0:
            weight = gone.pop("weight")
            errors = check(with_block(graph, i, replace(block, weight=weight, values=gone)), truth)
            assert max(errors.values()) > TOLERANCE, f"deleted edge {edge} in {block.source} -> {block.target}"


def attends(name: str) -> tuple[nn.Module, torch.Tensor]:
    """Values mixed by a pattern, positions and features of one vertex: made of a flat layer, or without projections."""

    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.v, self.out = nn.Linear(5, 12), nn.Linear(3, 3), nn.Linear(12, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            t = self.fc(x).view(-1, 4, 3)
            values = self.v(t) if name == "values" else t
            return self.out(((t @ t.transpose(1, 2)).softmax(-1) @ values).flatten(1))

    torch.manual_seed(0)
    return Attends(), torch.randn(2, 5)


@pytest.mark.parametrize("name", ["mlp-gelu", "lenet-sigmoid", "densenet-gelu", "transformer", "values", "raw"])
@pytest.mark.parametrize("granularity", ["unit", "channel"])
def test_network_any_changed_number_fails(name: str, granularity: str) -> None:
    """The largest number of every operator, gate and constant, and one of every column and layer, by a thousandth."""
    model, x = attends(name) if name in {"values", "raw"} else make(name)
    truth = Truth(ng.trace(model, x), [x[:1].double()], granularity)
    graph = truth.graph().unrolled()
    assert max(check(graph, truth).values()) <= TOLERANCE
    for i, block in enumerate(graph.blocks):
        read = np.asarray(abs(block.weight).sum(0)).reshape(-1) > 0
        for held in ("weight", *block.values, "gate", "constant"):
            operator = block.values[held] if held in block.values else getattr(block, held)
            if operator is None:
                continue
            size = np.abs(operator.data if sp.issparse(operator) else operator).reshape(-1)
            edge = int(np.argmax(size * read if held in {"gate", "constant"} else size))
            if size[edge] <= 1e-12:
                continue
            bad = changed(operator, edge, lambda v: v * 1.001)
            values = {**block.values, held: bad}
            wrong = replace(block, values=values) if held in block.values else replace(block, **{held: bad})
            errors = check(with_block(graph, i, wrong), truth)
            assert max(errors.values()) > TOLERANCE, f"{held} of {block.source} -> {block.target}"
    for column, numbers in graph.columns.items():
        for layer in graph.layers:
            values = numbers.copy()
            values[layer.start] += 1e-3
            assert max(check(graph.with_columns(**{column: values}), truth).values()) > TOLERANCE, (column, layer.name)


def test_network_an_edge_from_a_vertex_that_nothing_reads_fails() -> None:
    """Queries and keys have no edges into the output projection, whatever the pattern is."""
    model, x = make("transformer")
    truth = Truth(ng.trace(model, x), [x[:1].double()], "channel")
    graph = truth.graph().unrolled()
    i = next(i for i, b in enumerate(graph.blocks) if b.source == "block.self_attn" and b.weight[:, 0].max() == 0)
    block = graph.blocks[i]
    wrong = replace(block, weight=changed(block.weight, 0, lambda v: v + 1e-3))
    assert check(with_block(graph, i, wrong), truth)["weight"] > TOLERANCE


def test_network_big_numbers_elsewhere_hide_nothing() -> None:
    """An input of 1e12 that a layer weighs by 1e-12: biases, gates and flows further on are compared at their own size.

    Everything is moved by a hundredth, which is 1e-14 of the input.
    """
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        model[0].weight[:, 0] *= 1e-12
    x = torch.tensor([[1e12, 1.0, 2.0]], dtype=torch.float64)
    net = ng.trace(model, x)
    assert net.verify(x)
    for granularity in ("unit", "channel"):
        truth = Truth(net, [x], granularity)
        graph = truth.graph()
        for i, block in enumerate(graph.blocks):
            for name, values in block.values.items():
                wrong = replace(block, values={**block.values, name: values + 0.01})
                assert max(check(with_block(graph, i, wrong), truth).values()) > TOLERANCE, (name, granularity)
        for column in ("bias", "activation", "constant_share"):
            moved = graph.columns[column].copy()
            moved[3:] += 0.01
            assert max(check(graph.with_columns(**{column: moved}), truth).values()) > TOLERANCE, (column, granularity)


@pytest.mark.parametrize("granularity", ["unit", "channel"])
def test_network_a_lost_batch_norm_scale_fails(granularity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DenseNet's BatchNorms follow a concatenation: their scale must reach the next weights."""
    model, x = make("densenet-relu")
    assert ng.trace(model, x).verify(x[:1])
    whole = Numbering.scale

    def loses(self: Numbering, form: Any, k: Any, fold: bool = False) -> Any:
        return replace(whole(self, form, k, fold), scale=None)

    monkeypatch.setattr(Numbering, "scale", loses)
    truth = Truth(ng.trace(model, x), [x[:1].double()], granularity)
    assert check(truth.graph(), truth)["weight"] > 1e-3


@pytest.mark.parametrize("granularity", ["unit", "channel"])
def test_network_a_wrongly_merged_channel_fails(granularity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flattening that numbers the elements in another order gives columns to the wrong channel."""
    model, x = make("lenet-relu")
    whole = Numbering.move

    def turns(self: Numbering, fn: Any, *forms: Any) -> Any:
        out = whole(self, fn, *forms)
        if not isinstance(out, list) and len(out.shape) == 2 and len(forms[0].shape) == 4:
            return replace(out, numbers=out.full.roll(1, 1))
        return out

    monkeypatch.setattr(Numbering, "move", turns)
    truth = Truth(ng.trace(model, x), [x[:1].double()], granularity)
    assert max(check(truth.graph(), truth).values()) > 1e-3


def test_network_a_model_that_drifts_fails() -> None:
    """A model whose runs differ from the one that was recorded is not the network of the graph."""

    runs = [0.0]  # kept outside of the model: what it holds itself is put back after every run

    class Drifts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            runs[0] += 1.0
            return self.fc(x) * runs[0]

    torch.manual_seed(0)
    found = ng.trace(Drifts(), (3,)).verify()
    assert max(found.errors.values()) > 1e-2
    assert not found
    assert "NOT" in str(found)


def test_network_what_only_decides_how_much_is_no_part_of_the_graph() -> None:
    """Queries and keys make the attention pattern, which is held fixed; values and the output projection are edges."""
    model, x = make("transformer")
    net = ng.trace(model, x)
    weight = model.block.self_attn.in_proj_weight.detach().numpy()
    block = next(b for b in net.graph().blocks if b.target == "block.self_attn")
    scale = model.block.norm1.weight.detach().numpy()
    assert block.shape == (24, 8) and np.allclose(block.weight, weight * scale, atol=1e-6)
    graph = net.graph(inputs=x[:1], target=0)
    flow = graph.columns["attribution"][graph.layer("block.self_attn").vertices]
    assert not flow[:16].any() and flow[16:].any()
    assert net.verify(x[:1]).operations["frozen"] > 0


def test_network_verify_prints_a_small_table() -> None:
    model, x = make("mlp-relu")
    text = str(ng.trace(model, x).verify(x))
    for word in ("forward", "weight", "completeness", "conservation", "path", "affine", "2 inputs"):
        assert word in text
    assert isinstance(ng.trace(model, x).graph().meta, MappingProxyType)


# -- what it tells beside the errors ---------------------------------------------------------------------


def test_network_verify_tells_what_is_held_fixed_and_why() -> None:
    model, x = make("transformer")
    check = ng.trace(model, x).verify(x[:1])
    assert {(h.operation, h.times, h.why) for h in check.frozen} == {
        ("native_layer_norm", 3, "its statistic (a normaliser)"),
        ("_safe_softmax", 1, "attention pattern"),
        ("bmm", 1, "attention pattern"),
        ("mul", 2, "attention pattern"),
    }
    assert check.silent == {"block.self_attn": (16, 24)}
    text = str(check)
    assert "held fixed   3 native_layer_norm: its statistic" in text
    assert "no flow      block.self_attn: 16 of 24 vertices (queries and keys receive nothing: W_Q, W_K)" in text
    assert "warnings" not in text and check.warnings == ()


def test_network_verify_names_queries_and_keys_of_their_own() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v, self.head = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(4, 5), nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            pattern = (self.q(x) @ self.k(x).transpose(1, 2) / 3**0.5).softmax(-1)
            return self.head((pattern @ self.v(x)).mean(1))

    torch.manual_seed(0)
    check = ng.trace(Attention(), (6, 4)).verify()
    assert check.silent == {"q": (3, 3), "k": (3, 3)}
    assert {h.why for h in check.frozen} == {"attention pattern"}


@pytest.mark.parametrize(
    ("op", "operation", "why"),
    [
        (lambda h: h / h.exp().sum(1, keepdim=True), "exp", "denominator"),
        (lambda h: torch.where(h > 0, h, 2 * h), "gt", "condition"),
        (lambda h: h.masked_fill(h < 0, 0.5), "lt", "condition"),
        (lambda h: h * h.sign(), "sign", "factor"),
        (lambda h: h + (h > 0).to(h.dtype), "gt", "constant in add"),
        (lambda h: h.gather(1, h.argsort(1)), "sort", "which elements are read"),
    ],
)
def test_network_verify_says_what_a_held_result_decides(op: Any, operation: str, why: str) -> None:
    torch.manual_seed(0)
    a, b = nn.Linear(5, 4), nn.Linear(4, 2)
    check = ng.trace(lambda x: b(op(a(x))), torch.randn(1, 5)).verify()
    assert (operation, why) in {(h.operation, h.why) for h in check.frozen}, check.frozen
    assert check


def test_network_verify_has_every_warning_once_and_a_tolerance() -> None:
    torch.manual_seed(0)
    a, b = nn.Linear(5, 4), nn.Linear(4, 2)
    x = torch.randn(3, 5)
    with pytest.warns(ng.NetgraphWarning, match="erfcx"):
        net = ng.trace(lambda x: b(torch.special.erfcx(a(x))), x)
    check = net.verify(x)
    assert len(check.warnings) == 1 and "secant" in check.warnings[0]
    assert "  warnings     aten::special_erfcx" in str(check)
    strict = net.verify(x, tolerance=0)
    assert strict.tolerance == 0 and not strict and "FAILS" in str(strict)
    assert net.verify(x, tolerance=1e-3)


def test_network_verify_of_a_plain_network_stays_short() -> None:
    model, x = make("mlp-relu")
    assert len(str(ng.trace(model, x).verify(x)).splitlines()) == 7


def test_network_verify_by_one_granularity() -> None:
    model, x = make("lenet-relu")
    net = ng.trace(model, x)
    by_channel, by_unit = net.verify(x, granularity="channel"), net.verify(x, granularity="unit")
    assert by_channel and "path" not in by_channel.errors and by_channel.granularities == ("channel",)
    assert by_unit and "path" in by_unit.errors and "(relative errors, float64, units, 2 inputs)" in str(by_unit)
    with pytest.raises(UnknownName, match="granularity 'layer'"):
        net.verify(x, granularity="layer")


@pytest.mark.parametrize("mask", [torch.zeros(2), torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])])
def test_network_outputs_times_zero_have_no_paths(mask: torch.Tensor) -> None:
    """No vertex stands in an output that is 0 whatever the input is: no path ends there, and none is missed."""
    torch.manual_seed(0)
    fc, x = nn.Linear(4, 2), torch.randn(3, 4)
    net = ng.trace(lambda x: fc(x) * mask, x)
    assert max(net.verify(x).errors.values()) <= 1e-13, str(net.verify(x))
    graph = net.graph("unit", inputs=x[:1], target=1)
    assert graph.columns["attribution"].any() == bool(mask[1])
