"""Edited models against plain torch, masked runs, the graphs of what was made, and values changed by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_changed import NoPlace, changed
from network_zoo import ZOO, make
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.errors import AnalysisError

ONES = ({"scale": 0.0}, {"scale": 1.7}, {"scale": -0.6}, {"shift": 0.3}, {"scale": 0.5, "shift": -0.4})

SECOND = torch.tensor([0.0, 1, 0, 0], dtype=torch.float64)
"""The second of four features."""


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=0, atol=1e-12)


def run(model: nn.Module, x: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return model(x).numpy()


def edges_of(graph: ng.Graph) -> list[tuple[str, str]]:
    """Pairs of ids whose edges are weights."""
    frame = graph.edges.to_pandas()
    frame = frame[frame["kind"].isin(["linear", "conv"])]
    return list(zip(frame["source"], frame["target"], strict=True))


def masks_of(graph: ng.Graph, cut: Callable[[str, str], bool]) -> list[np.ndarray]:
    """A mask for each block: 0 where ``cut(source, target)``."""
    ids, starts = graph.ids, {layer.name: layer.start for layer in graph.layers}
    out = []
    for block in graph.blocks:
        mask = np.ones(block.shape)
        for i, j in np.ndindex(*block.shape):
            mask[i, j] = not cut(ids[starts[block.source] + j], ids[starts[block.target] + i])
        out.append(mask)
    return out


# -- against plain torch ---------------------------------------------------------------------------------


def test_network_edit_by_hand() -> None:
    """W2·φ(W1·x + b1) + b2 with one vertex scaled and shifted, one edge scaled and shifted, worked by hand."""
    model, x = make("mlp-gelu", torch.float64)
    changes = {"linear_0:3": {"scale": 2.0, "shift": 0.5}, ("linear_0:3", "linear_2:1"): {"scale": -1.0, "shift": 0.25}}
    edited = ng.edit(ng.trace(model, x), changes)
    with torch.no_grad():
        a = F.gelu(model[0](x))
        a[:, 3] = 2 * a[:, 3] + 0.5
        w = model[2].weight.clone()
        w[1, 3] = -w[1, 3] + 0.25
        expected = model[4](F.gelu(a @ w.t() + model[2].bias))
    close(run(edited, x), expected)
    turned = dict(reversed(changes.items()))
    other = ng.edit(ng.trace(model, x), turned)
    assert all(torch.equal(a, b) for a, b in zip(edited.parameters(), other.parameters(), strict=True))


def test_network_edit_removes_a_channel_of_a_residual_block() -> None:
    model, x = make("resnet-gelu", torch.float64)
    edited = ng.edit(ng.trace(model, x), {"a1:2": 0.0, "d1:0": 3.0})
    hand = copy.deepcopy(model)
    with torch.no_grad():
        hand.a2.weight[:, 2] = 0
        hand.d2.weight[:, 0] *= 3
    close(run(edited, x), run(hand, x))


def test_network_edit_enters_through_the_batch_norm_where_an_identity_reads() -> None:
    """relu(s·z) = s·relu(z): the stem is read by an addition, so its BatchNorm is scaled."""
    model, x = make("resnet-relu", torch.float64)
    edited = ng.edit(ng.trace(model, x), {"stem.0:1": 1.5})
    assert torch.equal(edited.stem[0].weight, model.stem[0].weight)
    assert torch.equal(edited.stem[1].weight, model.stem[1].weight * torch.tensor([1, 1.5, 1, 1], dtype=torch.float64))
    hook = model.stem[2].register_forward_hook(
        lambda m, a, out: out * torch.tensor([1, 1.5, 1, 1], dtype=torch.float64)[:, None, None]
    )
    close(run(edited, x), run(model, x))
    hook.remove()


def test_network_edit_scales_and_shifts_outputs() -> None:
    model, x = make("lenet-relu", torch.float64)
    edited = ng.edit(ng.trace(model, x), {"fc2:1": {"scale": -2.0, "shift": 1.0}, "fc2:4": 0.0})
    expected = run(model, x)
    expected[:, 1] = -2 * expected[:, 1] + 1
    expected[:, 4] = 0
    close(run(edited, x), expected)


def test_network_edit_shifts_an_edge_that_a_batch_norm_scales() -> None:
    """The graph's weight is γ/σ·w: a shift of it is a shift of w by as much over γ/σ."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)).double()
    model[1].running_var.uniform_(0.5, 2)
    model.eval()
    net = ng.trace(model, (2, 2, 2))
    edited = ng.trace(ng.edit(net, {("input:1", "conv_0:2"): {"shift": 0.7}}), (2, 2, 2))
    before, after = (g.to_pandas()[1].set_index(["source", "target"])["weight"] for g in (net.graph(), edited.graph()))
    moved = (after - before)[lambda d: d.abs() > 1e-12]
    assert list(moved.index) == [("input:1", "conv_0:2")]
    assert moved.iloc[0] == pytest.approx(0.7, abs=1e-12)


@pytest.mark.parametrize("layer", [nn.Linear(3, 4, bias=False), nn.Conv1d(3, 4, 1, bias=False)])
def test_network_edit_gives_a_bias_where_a_shift_needs_one(layer: nn.Module) -> None:
    model = nn.Sequential(copy.deepcopy(layer), nn.Flatten(), nn.Tanh()).double()
    x = torch.randn(2, *([3] if isinstance(layer, nn.Linear) else [3, 1]), dtype=torch.float64)
    name = "linear_0" if isinstance(layer, nn.Linear) else "conv_0"
    edited = ng.edit(ng.trace(model[:2], x), {f"{name}:1": {"scale": 2.0, "shift": 0.5}})
    expected = run(model[:2], x)
    expected[:, 1] = 2 * expected[:, 1] + 0.5
    close(run(edited, x), expected)
    assert isinstance(edited[0].bias, nn.Parameter)
    assert set(edited.state_dict()) - set(model.state_dict()) == {"0.bias"}
    assert model[0].bias is None


@pytest.mark.parametrize("bias", [True, False])
def test_network_edit_batch_norm_without_a_weight(bias: bool) -> None:
    """A running mean takes the part of the bias: −μ/σ is what such a BatchNorm adds."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4, bias=bias), nn.BatchNorm1d(4, affine=False)).double().eval()
    model[1].running_mean.normal_()
    model[1].running_var.uniform_(0.5, 2)
    x = torch.randn(5, 3, dtype=torch.float64)
    edited = ng.edit(ng.trace(model, x), {"linear_0:1": {"scale": -2.0, "shift": 0.5}, "input:0": {"shift": 0.3}})
    expected = run(model, x + torch.tensor([0.3, 0, 0], dtype=torch.float64))
    expected[:, 1] = -2 * expected[:, 1] + 0.5
    close(run(edited, x), expected)
    assert set(edited.state_dict()) == set(model.state_dict())


# -- against masked runs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [n for n in ZOO if n.startswith(("mlp", "lenet", "resnet", "densenet", "grouped", "squeeze", "conv"))]
)
def test_network_edit_removed_edges_are_masked_edges(name: str) -> None:
    model, x = make(name, torch.float64)
    net = ng.trace(model, x)
    graph = net.graph()
    pairs = edges_of(graph)
    chosen = {pairs[i] for i in np.random.default_rng(0).choice(len(pairs), len(pairs) // 4, replace=False)}
    edited = ng.edit(net, dict.fromkeys(chosen, 0.0))
    masks = masks_of(graph, lambda source, target: (source, target) in chosen)
    close(run(edited, x), net.masked(x, masks, corrupted="zero"))
    after = ng.trace(edited, x)
    assert set(edges_of(graph)) - set(edges_of(after.graph())) == chosen
    assert after.verify(x)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        *((f"mlp-{a}", ("input", "linear_0", "linear_2")) for a in ("relu", "gelu", "sigmoid")),
        *((f"lenet-{a}", ("input", "c1", "c2", "fc1")) for a in ("relu", "gelu", "sigmoid")),
        *((f"resnet-{a}", ("input", "a1", "d1", "add_2")) for a in ("relu", "gelu", "sigmoid")),
        ("grouped", ("input", "a", "b")),
    ],
)
def test_network_edit_removed_vertices_are_masked_vertices(name: str, layers: tuple[str, ...]) -> None:
    model, x = make(name, torch.float64)
    net = ng.trace(model, x)
    graph = net.graph()
    rng = np.random.default_rng(1)
    chosen = {f"{v.name}:{rng.integers(v.size)}" for v in graph.layers if v.name in layers}
    assert len(chosen) == len(layers)
    edited = ng.edit(net, dict.fromkeys(chosen, 0.0))
    close(run(edited, x), net.masked(x, masks_of(graph, lambda source, _: source in chosen), corrupted="zero"))


# -- against values changed by hand ----------------------------------------------------------------------


@pytest.mark.parametrize("granularity", ["channel", "unit"])
@pytest.mark.parametrize("name", ZOO)
def test_network_edit_vertices_take_their_new_values(name: str, granularity: str) -> None:
    """Every kind of change of some vertex of every layer: exactly that, or refused."""
    model, x = make(name, torch.float64)
    net = ng.trace(model, x)
    graph = net.graph(granularity)
    rng, done = np.random.default_rng(0), 0
    for layer in (*graph.layers[:6], *graph.layers[6:][-1:]):
        for change in ONES:
            vertex = graph.ids[layer.start + int(rng.integers(layer.size))]
            try:
                edited = ng.edit(net, {vertex: change}, granularity)
                expected = changed(net, x, {vertex: (change.get("scale", 1.0), change.get("shift", 0.0))}, granularity)
            except (AnalysisError, NoPlace) as refused:
                assert isinstance(refused, NoPlace) or vertex in str(refused) or layer.name in str(refused)
                continue
            close(run(edited, x), expected)
            done += 1
    assert done >= 5


@pytest.mark.parametrize("name", ["mlp-relu", "lenet-relu", "resnet-relu", "densenet-gelu", "grouped", "conv1d"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_network_edit_many_changes_at_once(name: str, data: st.DataObject) -> None:
    """Vertices by the values, then edges by the graph: in one edit, or in two, in either order."""
    model, x = make(name, torch.float64)
    net = ng.trace(model, x)
    graph = net.graph(reduce="sum")
    vertices = data.draw(st.lists(st.sampled_from(list(graph.ids)), max_size=4, unique=True))
    asked: dict[Any, Any] = {}
    for vertex in vertices:
        change = data.draw(st.sampled_from(ONES))
        try:
            ng.edit(net, {vertex: change})
        except AnalysisError:
            continue
        asked[vertex] = change
    try:
        values = changed(net, x, {v: (c.get("scale", 1.0), c.get("shift", 0.0)) for v, c in asked.items()}, "channel")
    except NoPlace:
        return
    close(run(ng.edit(net, asked), x), values)
    edges = data.draw(st.lists(st.sampled_from(edges_of(graph)), max_size=4, unique=True))
    scales = {edge: data.draw(st.sampled_from([0.0, 0.5, -2.0])) for edge in edges}
    first = ng.edit(net, scales)
    close(run(ng.edit(net, {**scales, **asked}), x), run(ng.edit(ng.trace(first, x), asked), x))
    after = ng.trace(first, x).graph(reduce="sum").to_pandas()[1].set_index(["source", "target"])["weight"]
    for edge, weight in graph.to_pandas()[1].set_index(["source", "target"])["weight"].items():
        if not isinstance(model[0] if isinstance(model, nn.Sequential) else model, nn.BatchNorm2d):
            assert after.get(edge, 0.0) == pytest.approx(weight * scales.get(edge, 1.0), abs=1e-12)


# -- the copy --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lenet-relu", "resnet-relu", "transformer"])
def test_network_edit_copies_and_leaves_the_model(name: str) -> None:
    model, x = make(name, torch.float64)
    net = ng.trace(model, x)
    model.train()
    state = copy.deepcopy(model.state_dict())
    versions = [p._version for p in model.parameters()]
    edited = ng.edit(net, dict.fromkeys(edges_of(net.graph())[:5], 0.0))
    assert type(edited) is type(model) and edited is not model
    assert all(m.training for m in edited.modules()) and all(m.training for m in model.modules())
    assert [p._version for p in model.parameters()] == versions
    assert all(torch.equal(t, state[k]) for k, t in model.state_dict().items())
    assert list(edited.state_dict()) == list(state)
    assert all(p.requires_grad and p.dtype == torch.float64 for p in edited.parameters())
    again, _ = make(name, torch.float64)
    again.load_state_dict(edited.state_dict())
    assert np.array_equal(run(again.eval(), x), run(edited.eval(), x))
    assert not np.allclose(run(edited, x), run(model.eval(), x))


def test_network_edit_without_changes_is_the_model() -> None:
    model, x = make("lenet-relu")
    edited = ng.edit(ng.trace(model, x), {"c1:0": 1.0, ("c1:0", "c2:1"): 1.0})
    assert all(torch.equal(a, b) for a, b in zip(edited.parameters(), model.parameters(), strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_network_edit_keeps_the_dtype(dtype: torch.dtype) -> None:
    model, x = make("lenet-relu", dtype)
    edited = ng.edit(ng.trace(model, x), {"c1:1": 0.5})
    assert edited.c2.weight.dtype == dtype
    assert torch.equal(edited.c2.weight[:, 1], model.c2.weight[:, 1] * 0.5)


def test_network_edit_embeddings_and_values_of_attention() -> None:
    """The edges of an embedding are its rows; W_V's are rows of a packed projection, queries and keys stay."""
    torch.manual_seed(0)

    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.attend = nn.Embedding(7, 4), nn.MultiheadAttention(4, 2, batch_first=True)
            self.head = nn.Linear(4, 3)

        def forward(self, i: torch.Tensor) -> torch.Tensor:
            x = self.embed(i)
            return self.head(self.attend(x, x, x, need_weights=False)[0].mean(1))

    model = Attending().double().eval()
    i = torch.tensor([[1, 2, 3, 2]])
    net = ng.trace(model, i)
    graph = net.graph()
    names = {layer.name for layer in graph.layers}
    assert "embed" in names
    edited = ng.edit(net, {("input:2", "embed:1"): 0.0})
    assert torch.equal(edited.embed.weight[2], model.embed.weight[2] * torch.tensor([1.0, 0, 1, 1]))
    values = next(t for s, t in edges_of(graph) if s == "embed:1" and not t.startswith("input"))
    packed = ng.edit(net, {("embed:1", values): 0.0}).attend.in_proj_weight
    moved = (packed != model.attend.in_proj_weight).nonzero().tolist()
    assert len(moved) == 1 and moved[0][1] == 1
    with torch.no_grad():  # queries and keys are read from the packed projection, too
        hook = model.embed.register_forward_hook(lambda m, a, out: out * (1 + SECOND) + 0.5 * SECOND)
        expected = run(model, i)
        hook.remove()
    close(run(ng.edit(net, {"embed:1": {"scale": 2.0, "shift": 0.5}}), i), expected)
    with pytest.raises(AnalysisError, match=r"'input:2' cannot be edited.*layer 'embed' has no bias.*no edge enters"):
        ng.edit(net, {"input:2": {"shift": 1.0}})


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore:.*LeafSpec:FutureWarning")
def test_network_edit_scripted_and_exported() -> None:
    model, x = make("lenet-relu", torch.float64)
    scripted = torch.jit.trace(model, x)
    mlp, y = make("mlp-relu")
    frozen = torch.jit.freeze(torch.jit.script(mlp)).eval()
    for _ in range(3):  # its first runs are profiled
        frozen(y)
    net = ng.trace(model, x)
    close(run(ng.edit(ng.trace(scripted, x), {"c1:1": 0.0}), x), run(ng.edit(net, {"c1:1": 0.0}), x))
    exported = torch.export.export(model, (x[:1],)).module()
    one = x[:1]
    close(run(ng.edit(ng.trace(exported, one), {"c1:1": 0.0}), one), run(ng.edit(net, {"c1:1": 0.0}), one))
    with pytest.raises(AnalysisError, match=r"is no nn\.Parameter or buffer.*frozen"):
        ng.edit(ng.trace(frozen, y), {("input:0", "linear_1:1"): 0.0})
