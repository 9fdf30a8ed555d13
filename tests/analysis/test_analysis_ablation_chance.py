"""What lesions are held against: sets of the same layers and sizes, and p-values that chance makes uniform."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest
from torch import nn
from trained_networks import digits_mlp

import netgraph as ng
from netgraph.analysis.ablation.matched import Matching, of_edges
from netgraph.graph.flat import FlatEdges

# -- sets --------------------------------------------------------------------------------------------


@given(st.data(), st.lists(st.integers(0, 12), min_size=1, max_size=4), st.integers(0, 5))
def test_sets_match_differ_and_are_not_the_lesion(data: st.DataObject, sizes: list[int], seed: int) -> None:
    bounds = np.cumsum([0, *sizes])
    if bounds[-1] == 0:
        bounds[-1] += 1
    groups = [np.arange(a, b) for a, b in pairwise(bounds)]
    members = np.array(sorted(data.draw(st.sets(st.integers(0, int(bounds[-1]) - 1), min_size=1))))
    matching = Matching(groups, [f"g{i}" for i in range(len(groups))], 19, seed)
    sets, notes = matching.sets(members)
    counts = [int(np.isin(group, members).sum()) for group in groups]
    others = np.prod([len(list(combinations(group, k))) for group, k in zip(groups, counts, strict=True)]) - 1
    assert len(sets) == min(19, others)
    assert len({drawn.tobytes() for drawn in [members.astype(np.int64), *sets]}) == len(sets) + 1
    for drawn in sets:
        assert (np.diff(drawn) > 0).all()
        assert [int(np.isin(group, drawn).sum()) for group in groups] == counts
    assert any("there is no other set" in note for note in notes) == (others == 0)
    assert any(note.startswith("only ") for note in notes) == (0 < others < 19)
    assert matching.names(members) == tuple(f"g{i}" for i, count in enumerate(counts) if count)


def test_every_other_set_is_as_likely() -> None:
    """Three of seven, 34 others, 19 of them drawn: each in 19/34 of the draws."""
    members, seen = np.array([1, 2, 5]), dict.fromkeys(combinations(range(7), 3), 0)
    for seed in range(400):
        for drawn in Matching([np.arange(7)], ["fc"], 19, seed).sets(members)[0]:
            seen[tuple(drawn.tolist())] += 1
    assert seen.pop((1, 2, 5)) == 0
    share = np.array(list(seen.values())) / 400
    assert len(share) == 34 and np.abs(share - 19 / 34).max() < 0.11  # 4 sd of a share are 0.1


def test_sets_of_edges_hold_edges_alone() -> None:
    graph = ng.Graph.from_matrices([np.triu(np.ones((6, 6))), np.ones((2, 6))])
    flat = FlatEdges(graph)
    members = np.flatnonzero(flat.real)[[0, 3, 25]]
    sets, _ = of_edges(flat, 30, 0).sets(members)
    assert len(sets) == 30
    for drawn in sets:
        assert flat.real[drawn].all() and (drawn < 36).sum() == 2


def test_a_whole_layer_has_no_other_set() -> None:
    torch.manual_seed(0)
    net = ng.trace(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval(), (3,))
    x, layer = torch.rand(9, 3), [f"linear_0:{i}" for i in range(4)]
    table = ng.ablate(net, {"all": layer, "three": layer[1:], "more": [*layer, "input:0"]}, x).table
    assert table["samples"].tolist() == [0, 3, 2]
    assert table["note"].tolist() == [
        "all of linear_0: there is no other set to compare with",
        "only 3 other sets exist",
        "all of linear_0, which its random sets hold too; only 2 other sets exist",
    ]
    assert np.isnan(
        table.loc["all", ["loss_rise_mean", "loss_rise_sd", "loss_rise_z", "loss_rise_p"]].astype(float)
    ).all()
    assert np.isfinite(table.loc[["three", "more"], "loss_rise_p"]).all()
    assert "all of linear_0: there is no other set" in repr(ng.ablate(net, {"all": layer}, x))


# -- figures -----------------------------------------------------------------------------------------


def test_figures_are_those_of_the_random_sets() -> None:
    net, _, (x, y) = digits_mlp(0)
    lesions = ng.ablate(net, {"a": ["linear_0:3", "linear_2:4"], "b": ["input:43"]}, x, y, samples=25)
    for name, row in lesions.table.iterrows():
        random = lesions.random[lesions.random["name"] == name]
        assert random["sample"].tolist() == list(range(25))
        for measure in ("accuracy_drop", "loss_rise"):
            values = random[measure]
            assert row[f"{measure}_mean"] == pytest.approx(values.mean())
            assert row[f"{measure}_sd"] == pytest.approx(values.std())
            assert row[f"{measure}_z"] == pytest.approx((row[measure] - values.mean()) / values.std())
            assert row[f"{measure}_p"] == (1 + (values >= row[measure] - 1e-12).sum()) / 26


def test_a_scan_is_one_at_a_time_and_a_seed_one_table() -> None:
    net, _, (x, y) = digits_mlp(0)
    x, y = x[:80], y[:80]
    names = [f"linear_2:{i}" for i in range(32)]
    scan = ng.ablate(net, names, x, y, seed=3)
    again = ng.ablate(net, names, x, y, seed=3)
    assert scan.table.equals(again.table) and scan.random.equals(again.random) and scan.classes.equals(again.classes)
    for name in names[::5]:
        alone = ng.ablate(net, name, x, y, seed=3)
        over_all = ["accuracy_drop_q", "loss_rise_q"]
        assert alone.table.drop(columns=over_all).equals(scan.table.loc[[name]].drop(columns=over_all))
        assert alone.class_loss.equals(scan.class_loss.loc[[name]])
    assert not ng.ablate(net, names, x, y, seed=4).random.equals(scan.random)


@pytest.mark.parametrize("what", ["vertices", "edges"])
def test_p_values_of_random_lesions_are_uniform(what: str) -> None:
    """Each lesion is drawn as its random sets are, so every rank among 20 is as likely."""
    net, _, (x, y) = digits_mlp(0)
    x, y = x[:25], y[:25]
    rng, found = np.random.default_rng(0), []
    for seed in range(100):
        if what == "vertices":
            units = [f"linear_{layer}:{i}" for layer in (0, 2) for i in rng.choice(32, 3, replace=False)]
            lesions = ng.ablate(net, {"random": units}, x, y, seed=seed)
        else:
            pairs = [(f"linear_0:{k % 32}", f"linear_2:{k // 32}") for k in rng.choice(1024, 40, replace=False)]
            lesions = ng.ablate(net, None, x, y, edges={"random": pairs}, seed=seed)
        found.append(lesions.table.loc["random", "loss_rise_p"])
    p = np.array(found, dtype=float)
    assert (np.round(p * 20) == p * 20).all() and p.min() == 0.05
    spread = p - rng.random(len(p)) / 20  # each rank spread over its 20th
    assert kstest(spread, "uniform").pvalue > 0.01
    assert (p <= 0.1).mean() == pytest.approx(0.1, abs=0.08)


def test_rounding_is_no_difference() -> None:
    """Two halves of a layer that do exactly the same in other units: ties, whatever rounding makes of them."""
    model = nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 2))
    with torch.no_grad():
        model[0].weight[:], model[0].bias[:] = torch.tensor([0.1, 0.7]), 0.0
        model[2].weight[0], model[2].weight[1], model[2].bias[:] = 0.3, -0.1, 0.0
    net, x = ng.trace(model.eval(), (2,)), torch.rand(40, 2)
    table = ng.ablate(net, [f"linear_0:{i}" for i in range(24)], x, torch.arange(40) % 2).table
    assert (table["loss_rise_p"] == 1).all() and table["loss_rise_z"].isna().all()


def test_ablation_q_is_benjamini_and_hochbergs_over_lesions() -> None:
    net, (x, y), _ = digits_mlp(0)
    table = ng.ablate(net, [f"linear_2:{i}" for i in range(6)], x[:80], y[:80]).table
    p = table["loss_rise_p"].to_numpy()
    order = np.argsort(p)
    by_hand = np.minimum.accumulate((p[order] * 6 / np.arange(1, 7))[::-1])[::-1]
    assert table["loss_rise_q"].to_numpy()[order] == pytest.approx(by_hand)
