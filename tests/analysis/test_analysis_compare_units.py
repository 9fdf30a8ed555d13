"""compare(match="units"): copies in another order and scale are found, whatever the network; the rest is honest."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from analysis_copies import another_order, mlp_copy, residual, residual_copy
from demo_digits import held_out, network
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import netgraph as ng
from netgraph.analysis.compare import compare
from netgraph.graph.graph import Graph

MLP = ("fc1", "fc2", "fc3")


def of(weights: list[Any], biases: list[Any] | None = None) -> Graph:
    return ng.Graph.from_matrices(weights, biases)


def fresh(name: str) -> Graph:
    return network(name).graph()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=3, max_size=5), st.integers(0, 2**32 - 1))
def test_compare_finds_every_scaled_copy(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrices = [rng.normal(size=(b, a)) for a, b in itertools.pairwise(sizes)]
    biases = [rng.normal(size=size) for size in sizes[1:]]
    weights, shifts, orders = another_order(matrices, biases, rng)
    found = compare(of(matrices, biases), of(weights, shifts), match="units", nulls=0)
    assert found.identical and found.settings["similarity"] == pytest.approx(1)
    for name, order in zip(list(found.permutations)[1:-1], orders, strict=True):
        assert (order[found.permutations[name]] == np.arange(len(order))).all()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=3, max_size=5), st.integers(0, 2**32 - 1), st.booleans())
def test_compare_finds_copies_whose_units_are_hardly_told_apart(sizes: list[int], seed: int, signed: bool) -> None:
    """Weights of 0 and ±1: many units look the same until their neighbours' neighbours are seen."""
    rng = np.random.default_rng(seed)
    values = [-1.0, 0.0, 1.0] if signed else [0.0, 1.0]
    matrices = [rng.choice(values, size=(b, a)) for a, b in itertools.pairwise(sizes)]
    zeros = [np.zeros(size) for size in sizes[1:]]
    weights, _, _ = another_order(matrices, zeros, rng, scales=False)
    assert compare(of(matrices), of(weights), match="units", nulls=0).identical


def test_compare_with_dead_units_still_finds_scaled_copies() -> None:
    """Units that nothing enters or leaves could be rescaled without limit: they do not disturb the balance."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        matrices = [rng.normal(size=s) for s in ((8, 5), (8, 8), (3, 8))]
        matrices[0][1] = 0  # read, never reached
        matrices[1][:, 2] = 0  # reached, never read
        matrices[1][3] = 0
        matrices[2][:, 4] = 0
        zeros = [np.zeros(len(m)) for m in matrices]
        weights, _, _ = another_order(matrices, zeros, rng)
        assert compare(of(matrices), of(weights), match="units", nulls=0).identical


@pytest.mark.parametrize("seed", range(6))
def test_compare_is_as_good_as_trying_every_order(seed: int) -> None:
    """Unrelated networks of 4 and 3 hidden units: 24 · 6 orders."""
    rng = np.random.default_rng(seed)
    sizes = (3, 4, 3, 2)
    one, two = (of([rng.normal(size=(b, a)) for a, b in itertools.pairwise(sizes)]) for _ in range(2))
    found = compare(one, two, match="units", restarts=20, nulls=0)
    first, second = ([block.weight for block in g.blocks] for g in (found.first, found.second))
    best = -np.inf
    for p, q in itertools.product(itertools.permutations(range(4)), itertools.permutations(range(3))):
        orders = [np.arange(3), np.array(p), np.array(q), np.arange(2)]
        cosines = [
            np.sum(a * b[np.ix_(orders[i + 1], orders[i])]) / np.linalg.norm(a) / np.linalg.norm(b)
            for i, (a, b) in enumerate(zip(first, second, strict=True))
        ]
        best = max(best, float(np.mean(cosines)))
    assert found.settings["similarity"] == pytest.approx(best)
    assert not found.identical


@pytest.mark.parametrize("granularity", ["channel", "unit"])
def test_compare_matches_a_residual_network(granularity: str) -> None:
    """The residual stream has one order: its layers are tied, at channel granularity as with all positions."""
    model = residual(0)
    other, outer, inner = residual_copy(model, 1)
    x = torch.randn(2, 2, 8, 8)
    torch.testing.assert_close(model(x), other(x), rtol=1e-4, atol=1e-5)
    nets = [ng.trace(m, (2, 8, 8)) for m in (model, other)]
    one, two = (net.graph(granularity) for net in nets)
    assert not compare(one, two).identical
    found = compare(one, two, match="units", nulls=1)
    assert found.identical and found.settings["gauge"] == "balanced by the network behind the graph"
    table = found.matching.set_index("layer")
    assert set(table.loc[["c2", "add_1", "d"], "tied_to"]) == {"c0"} and table.loc["c1", "tied_to"] == ""
    for name, order in (("c0", outer), ("d", outer), ("c1", inner)):
        to = found.permutations[name]
        positions = len(to) // len(order)
        assert (order[to[::positions] // positions] == np.arange(len(order))).all()
        assert (to % positions == np.arange(len(to)) % positions).all()
    assert table.loc["fc", "fixed"] and (table["confidence"].dropna() == 1).all()
    assert found.settings["chance"] < 0.95


def test_compare_carries_flows_along() -> None:
    model = residual(2)
    other, _, _ = residual_copy(model, 3)
    x = torch.randn(1, 2, 8, 8)
    graphs = [ng.trace(m, (2, 8, 8)).graph(inputs=x, target=1) for m in (model, other)]
    for weight in ("attribution", "contribution"):
        found = compare(*graphs, match="units", weight=weight, nulls=0)
        assert (found.layers["distance"] < 1e-5).all()
        assert found.layers["added"].sum() == found.layers["removed"].sum() == 0
    assert (compare(*graphs, weight="attribution").layers["distance"] > 0.1).any()


def test_compare_finds_the_digits_network_and_its_copy() -> None:
    net = network("mlp")
    other, orders = mlp_copy(net.model, MLP, 0)
    found = compare(fresh("mlp"), ng.trace(other, (1, 8, 8)).graph(), match="units")
    assert found.identical and len(found.edges) == 0
    for name, order in zip(MLP, orders, strict=False):
        assert (order[found.permutations[name]] == np.arange(len(order))).all()
    assert compare(fresh("mlp"), ng.trace(other, (1, 8, 8)).graph(), match="auto").settings["match"] == "units"


def test_compare_tells_a_planted_change_in_a_copy() -> None:
    net = network("mlp")
    other, orders = mlp_copy(net.model, MLP, 1)
    with torch.no_grad():
        other.get_submodule("fc2").weight[3, 7] *= 1.5
    found = compare(fresh("mlp"), ng.trace(other, (1, 8, 8)).graph(), match="units", nulls=0)
    best = found.edges.iloc[0]  # the balance spreads a little of it over the neighbours' edges
    assert (best["source"], best["target"]) == (f"fc1:{orders[0][7]}", f"fc2:{orders[1][3]}")
    assert (best["other_source"], best["other_target"]) == ("fc1:7", "fc2:3")


def train(model: nn.Module, steps: int, rate: float) -> nn.Module:
    x, y = (torch.as_tensor(values) for values in held_out())
    optimiser = torch.optim.Adam(model.parameters(), rate)
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), y.long()).backward()
        optimiser.step()
    return model.eval()


def test_compare_matches_a_fine_tuned_network_wholly() -> None:
    tuned = train(copy.deepcopy(network("mlp").model), 10, 1e-3)
    graph = ng.trace(tuned, (1, 8, 8)).graph()
    found = compare(fresh("mlp"), graph, match="units", nulls=1)
    assert (found.matching["moved"] == 0).all() and (found.matching["confidence"].dropna() == 1).all()
    assert found.settings["similarity"] > 0.99 > found.settings["chance"]
    shuffled, orders = mlp_copy(tuned, MLP, 5)
    again = compare(fresh("mlp"), ng.trace(shuffled, (1, 8, 8)).graph(), match="units", nulls=0)
    for name, order in zip(MLP, orders, strict=False):
        assert (order[again.permutations[name]] == np.arange(len(order))).all()
    by_ids = compare(fresh("mlp"), graph, match="auto")
    assert by_ids.settings["match"] == "ids" and by_ids.settings["gauge"] == "as is"


def test_compare_of_two_seeds_is_better_than_chance_and_far_from_a_copy() -> None:
    models = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        models.append(train(type(network("mlp").model)(), 60, 1e-2))
    one, two = (ng.trace(model, (1, 8, 8)).graph() for model in models)
    found = compare(one, two, match="units")
    s = found.settings
    assert s["chance"] + 4 * s["chance_sd"] < s["similarity"] < 0.9
    assert "by chance" in repr(found)
    rng = np.random.default_rng(0)
    noise = [of([rng.normal(size=s) for s in ((40, 30), (40, 40), (10, 40))]) for _ in range(2)]
    s = compare(*noise, match="units").settings  # nothing in common: no better than chance
    assert abs(s["similarity"] - s["chance"]) < 0.05


def test_compare_of_a_network_before_and_after_a_change_in_place() -> None:
    """The network behind the first graph has other parameters by then: its gauge is not asked for."""
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    net = ng.trace(model, (4,))
    before = net.graph()
    before = Graph(before.layers, [type(b)(b.source, b.target, b.kind, b.weight.copy()) for b in before.blocks],
                   {"bias": before.columns["bias"].copy()}, before.meta, before.origin)  # fmt: skip
    with torch.no_grad():
        model[0].weight[2] *= 4
        model[0].bias[2] *= 4
        model[2].weight[:, 2] /= 4
    after = net.graph()
    assert not compare(before, after).identical
    found = compare(before, after, match="units", nulls=0)
    assert found.identical and "first" not in found.settings["gauge"].split(";")[0]
    assert found.settings["gauge"] == "balanced in linear_0; second: balanced by the network behind the graph"


def test_compare_says_where_scales_cannot_be_balanced() -> None:
    """Between tanh units a scale is no freedom: without the network it is not taken away, with it neither."""
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    one = ng.trace(model, (4,)).graph()
    other = copy.deepcopy(model)
    with torch.no_grad():
        other[0].weight *= 2
        other[0].bias *= 2
        other[2].weight /= 2
    two = ng.trace(other, (4,)).graph()
    assert not compare(one, two, match="units", nulls=0).identical
    bare = [Graph(g.layers, g.blocks, g.columns, g.meta) for g in (one, two)]
    found = compare(*bare, match="units", nulls=0)
    assert not found.identical and found.settings["gauge"] == "as is: no layer is known to be rescalable"


def test_compare_layers_of_other_widths() -> None:
    rng = np.random.default_rng(0)
    w1, w2 = rng.normal(size=(6, 4)), rng.normal(size=(3, 6))
    kept = np.array([4, 0, 3, 1])
    found = compare(of([w1, w2]), of([w1[kept], w2[:, kept]]), match="units", nulls=0)
    assert found.permutations["layer_1"].tolist() == [1, 3, -1, 2, 0, -1]
    counts = found.vertices["status"].value_counts()
    assert counts["removed"] == 2 and "added" not in counts
    assert found.layers["removed"].tolist() == [8, 6]
    back = compare(of([w1[kept], w2[:, kept]]), of([w1, w2]), match="units", nulls=0)
    assert back.layers["added"].tolist() == [8, 6]
    assert sorted(back.vertices.query("status == 'added'")["other_id"]) == ["layer_1:2", "layer_1:5"]


def test_compare_gives_the_same_for_the_same_seed() -> None:
    rng = np.random.default_rng(4)
    one, two = (of([rng.normal(size=s) for s in ((12, 6), (12, 12), (4, 12))]) for _ in range(2))
    a, b = (compare(one, two, match="units", seed=7) for _ in range(2))
    assert dict(a.settings) == dict(b.settings)
    assert all((a.permutations[name] == b.permutations[name]).all() for name in a.permutations)
