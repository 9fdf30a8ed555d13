"""Contraction: products along paths stay, flows stay flows, and what cannot be exact stays where it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from contract_referees import adjacency, full, is_conserved, runs_as, same_totals
from hypothesis import given
from hypothesis import strategies as st

import netgraph as ng
from netgraph import contract
from netgraph.errors import GraphError, UnknownName

PASSING = ("skip", "pool", "product", "mean")


# -- random graphs ---------------------------------------------------------------------------------------


@st.composite
def networks(draw: st.DrawFn, gates: bool) -> ng.Graph:
    """Layers with skips, dense and sparse blocks, pass-through layers among them; weights are quarters."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = ["input", *draw(st.lists(st.sampled_from(["linear", *PASSING]), min_size=2, max_size=6)), "linear"]
    sizes = [draw(st.integers(1, 3)) for _ in kinds]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).tolist()
    acts = draw(st.lists(st.sampled_from([None, None, "relu"]), min_size=len(kinds), max_size=len(kinds)))
    layers = [
        ng.Layer(f"l{i}", f"l{i}", kind, (size,), start, size, act if 0 < i < len(kinds) - 1 else None)
        for i, (kind, size, start, act) in enumerate(zip(kinds, sizes, starts, acts, strict=True))
    ]
    blocks = []
    for j in range(1, len(layers)):
        writers = sorted(set(draw(st.lists(st.integers(0, j - 1), min_size=1, max_size=3))))
        for i in writers:
            for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):  # read in two forms, by two blocks
                weight: Any = rng.integers(-4, 5, (sizes[j], sizes[i])) / 4
                if draw(st.booleans()):
                    weight = sp.csr_array(weight)
                gate = rng.integers(-2, 3, sizes[i]) / 2 if layers[i].activation or rng.random() < 0.3 else None
                if gates:
                    gate = np.ones(sizes[i]) if gate is None else gate
                    constant = rng.integers(-1, 2, sizes[i]) / 2 * (rng.random() < 0.5)
                    blocks.append(ng.Block(f"l{i}", f"l{j}", kinds[j], weight, {}, gate, constant))
                else:
                    blocks.append(ng.Block(f"l{i}", f"l{j}", kinds[j], weight))
    bias = rng.integers(-2, 3, sum(sizes)) / 2
    bias[: sizes[0]] = 0
    return ng.Graph(tuple(layers), tuple(blocks), {"bias": bias}, {"inputs": 1})


def played(graph: ng.Graph, seed: int = 0) -> tuple[ng.Graph, dict[str, float]]:
    """The flows of one input through a graph that knows its gates, and every vertex's z, by definition."""
    rng = np.random.default_rng(seed)
    z, slope = np.zeros(graph.n), np.zeros(graph.n)
    read = {b.source for b in graph.blocks}
    for layer in graph.layers:
        here = layer.vertices
        into = [b for b in graph.blocks if b.target == layer.name]
        z[here] = graph.columns["bias"][here] if into else rng.standard_normal(layer.size)
        for b in into:
            z[here] += b.weight @ (b.gate * z[graph.layer(b.source).vertices] + b.constant)
    share = np.zeros(graph.n)
    for layer in reversed(graph.layers):
        here = layer.vertices
        if layer.name not in read:
            slope[here] = rng.standard_normal(layer.size)
        for b in (b for b in graph.blocks if b.source == layer.name):
            upstream = b.weight.T @ slope[graph.layer(b.target).vertices]
            slope[here] += b.gate * upstream
            share[here] += b.constant * upstream
        share[here] += graph.columns["bias"][here] * slope[here]
    blocks = []
    for b in graph.blocks:
        carried = b.gate * z[graph.layer(b.source).vertices] + b.constant
        up = slope[graph.layer(b.target).vertices]
        values = {
            "gated_weight": beside(b.weight, b.gate),
            "contribution": beside(b.weight, carried),
            "attribution": beside(b.weight, carried, up),
        }
        blocks.append(ng.Block(b.source, b.target, b.kind, b.weight, values, b.gate, b.constant))
    inner = np.concatenate(
        [np.full(v.size, bool([b for b in graph.blocks if b.target == v.name])) for v in graph.layers]
    )
    entry = (z - np.where(inner, graph.columns["bias"], 0)) * slope
    columns = {**graph.columns, "activation": z, "attribution": entry + share, "constant_share": share}
    return ng.Graph(graph.layers, tuple(blocks), columns, graph.meta), dict(zip(graph.ids, z.tolist(), strict=True))


def beside(weight: Any, columns: np.ndarray, rows: np.ndarray | None = None) -> Any:
    if not sp.issparse(weight):
        return weight * columns * (1.0 if rows is None else rows[:, None])
    row = np.repeat(np.arange(weight.shape[0]), np.diff(weight.indptr))
    data = weight.data * columns[weight.indices] * (1.0 if rows is None else rows[row])
    return sp.csr_array((data, weight.indices, weight.indptr), shape=weight.shape)


@given(networks(gates=False))
def test_contract_keeps_the_totals_of_weights(graph: ng.Graph) -> None:
    small = contract(graph, PASSING)
    same_totals(small, graph)
    told = small.meta["contracted"]
    assert set(told["layers"]) | {v.name for v in small.layers} == {v.name for v in graph.layers}
    for layer in graph.layers:
        passes = layer.kind in PASSING and any(b.source == layer.name for b in graph.blocks)
        assert (layer.name in told["layers"]) == (passes and layer.activation is None)
    assert told["vertices"] == [graph.n, small.n] and told["edges"] == [len(graph.edges), len(small.edges)]


@given(networks(gates=True))
def test_contract_keeps_an_input_exact(graph: ng.Graph) -> None:
    whole, z = played(graph)
    is_conserved(whole)
    small = contract(whole, PASSING)
    same_totals(small, whole, "gated_weight")
    is_conserved(small)
    runs_as(small, z)
    total, entry = (whole.columns[name] for name in ("constant_share", "attribution"))
    inputs = whole.layers[0].vertices
    target = total.sum() + (entry - total)[inputs].sum()
    less = (
        small.columns["constant_share"].sum()
        + (small.columns["attribution"] - small.columns["constant_share"])[inputs].sum()
    )
    assert less == pytest.approx(target, rel=1e-9, abs=1e-9)
    assert small.meta["contracted"]["attribution"] == "exact"
    assert all("output" in reason for reason in small.meta["contracted"]["kept"].values())


@given(networks(gates=True))
def test_contract_without_gates_conserves_flows(graph: ng.Graph) -> None:
    """What a graph of channels knows: weights and attributions, no gates, no contributions."""
    whole, _ = played(graph)
    blind = [
        ng.Block(b.source, b.target, b.kind, b.weight, {"attribution": b.values["attribution"]}) for b in whole.blocks
    ]
    plain = ng.Graph(whole.layers, tuple(blind), whole.columns, whole.meta)
    small = contract(plain, PASSING)
    is_conserved(small)
    same_totals(small, plain)
    assert small.meta["contracted"]["attribution"] == "proportional"
    assert abs(adjacency(small, "attribution")).max() <= 10 * abs(adjacency(plain, "attribution")).sum() + 1e-12
    assert not [v for v in small.layers if v.kind in PASSING and v.name not in small.meta["contracted"]["kept"]]


def test_contract_any_order_is_the_same() -> None:
    """All at once, or kind by kind."""
    weights = [np.array([[1.0, 2.0], [0.0, 1.0]]), np.eye(2), np.array([[0.5, 0.5]])]
    graph = chain(weights, ["skip", "pool", "linear"])
    once, twice = contract(graph), contract(contract(graph, "pool"), "skip")
    assert np.array_equal(adjacency(once), adjacency(twice))
    assert sorted(once.meta["contracted"]["layers"]) == sorted(twice.meta["contracted"]["layers"]) == ["l1", "l2"]
    assert twice.meta["contracted"]["vertices"] == [7, 3] and twice.meta["contracted"]["edges"] == [7, 2]
    assert once.ids.tolist() == ["l0:0", "l0:1", "l3:0"]


# -- by hand ---------------------------------------------------------------------------------------------


def chain(weights: list[Any], kinds: list[str], activation: str | None = None, values: Any = None) -> ng.Graph:
    sizes = [weights[0].shape[1], *[w.shape[0] for w in weights]]
    starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    layers = [
        ng.Layer(f"l{i}", f"l{i}", kind, (n,), at, n, activation if 0 < i < len(weights) else None)
        for i, (kind, n, at) in enumerate(zip(["input", *kinds], sizes, starts, strict=False))
    ]
    blocks = [
        ng.Block(f"l{i}", f"l{i + 1}", kind, w, values[i] if values else {})
        for i, (kind, w) in enumerate(zip(kinds, weights, strict=True))
    ]
    return ng.Graph(tuple(layers), tuple(blocks), {"bias": np.zeros(sum(sizes))}, {})


def residual() -> ng.Graph:
    """y = 2·relu(x + f(x) + 1), f = 3·x, at x = 1: z_add = 5, gate 1; y = 10 is the target."""
    names = [("x", "input"), ("f", "linear"), ("add", "skip"), ("y", "linear")]
    layers = [ng.Layer(n, n, k, (1,), i, 1, "relu" if n == "add" else None) for i, (n, k) in enumerate(names)]

    def block(source: str, target: str, kind: str, weight: float, reads: float, slope: float) -> ng.Block:
        numbers = {"gated_weight": weight, "contribution": weight * reads, "attribution": weight * reads * slope}
        values = {name: np.array([[value]]) for name, value in numbers.items()}
        return ng.Block(source, target, kind, np.array([[weight]]), values, np.ones(1), np.zeros(1))

    blocks = [
        block("x", "f", "linear", 3, 1, 2),
        block("f", "add", "skip", 1, 3, 2),
        block("x", "add", "skip", 1, 1, 2),
        block("add", "y", "linear", 2, 5, 1),
    ]
    columns = {
        "bias": np.array([0.0, 0, 1, 0]),
        "attribution": np.array([8.0, 6, 10, 10]),
        "constant_share": np.array([0.0, 0, 2, 0]),
    }
    return ng.Graph(tuple(layers), tuple(blocks), columns, {"inputs": 1})


def test_contract_x_plus_f_of_x() -> None:
    small = contract(residual())
    table = small.edges.to_pandas().set_index(["source", "target"])
    assert table.weight.to_dict() == {("x:0", "f:0"): 3, ("f:0", "y:0"): 2, ("x:0", "y:0"): 2}
    assert table.attribution.to_dict() == {("x:0", "f:0"): 6, ("f:0", "y:0"): 6, ("x:0", "y:0"): 2}
    assert set(table.kind) == {"linear"}
    assert small.columns["bias"].tolist() == [0, 0, 2] and small.columns["constant_share"].tolist() == [0, 0, 2]
    assert small.columns["attribution"].tolist() == [8, 6, 10]


def test_contract_sums_with_the_edge_that_is_there() -> None:
    """x reaches y by itself (weight 5) and by way of the sum (2): one edge of 7."""
    graph = residual()
    weights = {"f": 3.0, "add": 1.0, "y": 2.0}
    blocks = [ng.Block(b.source, b.target, b.kind, np.array([[weights[b.target]]])) for b in graph.blocks]
    layers = [ng.Layer(v.module, v.name, v.kind, v.shape, v.start, v.size) for v in graph.layers]
    extra = ng.Block("x", "y", "linear", sp.csr_array(np.array([[5.0]])))
    small = contract(ng.Graph(tuple(layers), (*blocks, extra), {"bias": graph.columns["bias"]}))
    assert {(b.source, b.target): full(b.weight).item() for b in small.blocks} == {
        ("x", "f"): 3,
        ("f", "y"): 2,
        ("x", "y"): 7,
    }
    assert small.columns["bias"].tolist() == [0, 0, 2]


def test_contract_edges_that_cancel_are_none() -> None:
    weight = np.array([[1.0], [1.0]])
    small = contract(chain([weight, np.array([[1.0, -1.0]])], ["skip", "linear"]))
    assert len(small.edges) == 0 and small.meta["contracted"]["edges"] == [4, 0]


def test_contract_keeps_what_would_lose_flow() -> None:
    """Weights that cancel while something flows: at channel granularity only the vertex between can carry it."""
    flows = [{"attribution": np.array([[3.0], [-1.0]])}, {"attribution": np.array([[3.0, -1.0]])}]
    graph = chain([np.ones((2, 1)), np.array([[1.0, -1.0]])], ["skip", "linear"], values=flows)
    graph = graph.with_columns(attribution=[2.0, 3, -1, 2], constant_share=np.zeros(4))
    small = contract(graph)
    assert small.n == 4 and "cancel" in small.meta["contracted"]["kept"]["l1"]


def test_contract_keeps_what_the_target_reads() -> None:
    """Half of what enters the sum goes on; the other half is read by the target itself."""
    flows = [{"attribution": np.array([[4.0]])}, {"attribution": np.array([[2.0]])}]
    graph = chain([np.array([[1.0]]), np.array([[1.0]])], ["skip", "linear"], values=flows)
    graph = graph.with_columns(attribution=[4.0, 4, 2], constant_share=np.zeros(3))
    assert "target reads it" in contract(graph).meta["contracted"]["kept"]["l1"]


def test_contract_splits_in_proportion() -> None:
    """3 and 1 enter: of what leaves each edge gets ¾ and ¼; a constant of −1 goes to the readers' shares."""
    flows = [{"attribution": np.array([[3.0, 1.0]])}, {"attribution": np.array([[1.0], [2.0]])}]
    graph = chain([np.array([[1.0, 1.0]]), np.array([[1.0], [1.0]])], ["skip", "linear"], values=flows)
    graph = graph.with_columns(attribution=[3.0, 1, 3, 1, 2], constant_share=[0.0, 0, -1, 0, 0])
    small = contract(graph)
    is_conserved(small)
    assert small.n == 4 and small.columns["constant_share"][2:].sum() == pytest.approx(-1)
    positive = [{"attribution": np.array([[3.0, 1.0]])}, {"attribution": np.array([[1.0], [3.0]])}]
    graph = chain([np.array([[1.0, 1.0]]), np.array([[1.0], [1.0]])], ["skip", "linear"], values=positive)
    graph = graph.with_columns(attribution=[3.0, 1, 4, 1, 3], constant_share=np.zeros(5))
    assert full(contract(graph).blocks[0].values["attribution"]).tolist() == [[0.75, 0.25], [2.25, 0.75]]


def test_contract_multiplies_sums_of_taps() -> None:
    """A kernel with several taps behind a sum: its norm and its signed sum, along the path; a bias by the latter."""
    graph = chain(
        [np.array([[-2.0]]), np.array([[10.0]])], ["skip", "conv"], values=[{}, {"tap_sum": np.array([[-3.0]])}]
    )
    graph = graph.with_columns(bias=[0.0, 0.5, 1.0])
    block = contract(graph).blocks[0]
    assert (block.weight.item(), block.values["tap_sum"].item(), block.kind) == (-20, 6, "conv")
    assert contract(graph).columns["bias"].tolist() == [0, 1 - 1.5]


def test_contract_leaves_activations_without_gates() -> None:
    graph = chain([np.ones((2, 1)), np.ones((1, 2))], ["skip", "linear"], activation="relu")
    small = contract(graph)
    assert small.n == graph.n and "relu" in small.meta["contracted"]["kept"]["l1"]
    assert small.meta["contracted"]["layers"] == []


def test_contract_never_takes_ends() -> None:
    graph = chain([np.ones((1, 2)), np.ones((2, 1))], ["linear", "skip"])
    small = contract(graph)
    assert [v.name for v in small.layers] == ["l0", "l1", "l2"] and "output" in small.meta["contracted"]["kept"]["l2"]


def test_contract_bias_vertices_write_to_the_reader() -> None:
    layers = [("x", "input"), ("add.bias", "bias"), ("add", "skip"), ("y", "linear")]
    made = [ng.Layer("", name, kind, (1,), i, 1) for i, (name, kind) in enumerate(layers)]
    blocks = [
        ng.Block("add.bias", "add", "bias", np.array([[0.5]])),
        ng.Block("x", "add", "skip", np.array([[1.0]])),
        ng.Block("add", "y", "linear", np.array([[4.0]])),
    ]
    small = contract(ng.Graph(tuple(made), tuple(blocks), {"bias": np.zeros(4)}, {"bias": "vertex"}))
    assert [(b.source, b.target, b.kind, b.weight.item()) for b in small.blocks] == [
        ("add.bias", "y", "bias", 2),
        ("x", "y", "linear", 4),
    ]
    assert small.columns["bias"].tolist() == [0, 0, 0]
    moved = ng.Block("add", "y", "linear", np.array([[4.0]]), {}, np.ones(1), np.full(1, 0.25))
    kept = contract(ng.Graph(tuple(made), (*blocks[:2], moved), {"bias": np.zeros(4)}, {"bias": "vertex"}))
    assert "bias='column'" in kept.meta["contracted"]["kept"]["add"]


def test_contract_layouts_and_dtypes() -> None:
    """A sparse product of few edges stays a list, a product of many becomes an array; dtypes stay."""
    rare = sp.csr_array(np.eye(6, dtype=np.float32))
    small = contract(chain([rare, sp.csr_array(np.eye(6, dtype=np.float32)[::-1].copy())], ["skip", "linear"]))
    assert sp.issparse(small.blocks[0].weight) and small.blocks[0].weight.dtype == np.float32
    small = contract(chain([rare, np.ones((2, 6), dtype=np.float32)], ["skip", "linear"]))
    assert isinstance(small.blocks[0].weight, np.ndarray) and small.blocks[0].weight.dtype == np.float32


def test_contract_other_columns_are_left_out() -> None:
    scored = [{"score": np.ones((1, 1))}, {"score": np.ones((1, 1))}, {"score": np.ones((1, 1))}]
    small = contract(chain([np.ones((1, 1))] * 3, ["linear", "skip", "linear"], values=scored))
    assert all(not b.values for b in small.blocks) and small.meta["contracted"]["dropped"] == ["score"]
    untouched = contract(chain([np.ones((1, 1))] * 3, ["linear"] * 3, values=scored))
    assert all("score" in b.values for b in untouched.blocks) and untouched.meta["contracted"]["dropped"] == []


def test_contract_errors() -> None:
    graph = chain([np.ones((1, 1), dtype=np.float16)] * 2, ["skip", "linear"])
    with pytest.raises(UnknownName, match="unknown kind of edges 'skipp': did you mean 'skip'"):
        contract(graph, ("skipp",))
    assert contract(graph, "linear").n == 3  # a kind of this graph; nothing but the output has it
    big = chain([np.full((1, 1), 6e4, dtype=np.float16)] * 2, ["skip", "linear"])
    with pytest.raises(GraphError, match=r"l0 -> l2: a product of edges is beyond the range of float16"):
        contract(big)
    flows = [{"attribution": np.ones((1, 1))}] * 2
    absolute = chain([np.ones((1, 1))] * 2, ["skip", "linear"], values=flows).with_meta(aggregate="mean_abs")
    with pytest.raises(GraphError, match=r'aggregate="mean_abs" are no flows'):
        contract(absolute)


def test_contract_mutates_nothing() -> None:
    graph = residual()
    before = [(adjacency(graph, name).copy()) for name in ("weight", "attribution")], dict(graph.meta)
    contract(graph)
    assert np.array_equal(before[0][1], adjacency(graph, "attribution")) and before[1] == dict(graph.meta)
    assert graph.columns["bias"].tolist() == [0, 0, 1, 0]
