"""What modules mean: correlations by numpy, selectivity on planted classes, branches of grouped and parallel layers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import adjusted_mutual_info_score
from torch import nn
from trained_networks import digits_mlp

import netgraph as ng
from netgraph.analysis.statistics import discoveries
from netgraph.errors import AnalysisError, InputError


def mlp() -> tuple[ng.Network, torch.Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    return ng.trace(model, (5,)), torch.randn(40, 5, dtype=torch.float64)


@pytest.mark.parametrize("rows", [7, 1_024])
def test_functional_graph_is_numpys_correlation(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netgraph.network.functional.ROWS", rows)
    _, x = mlp()
    net, x = ng.trace(nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 3)).double(), (5,)), x + 1e4  # far from 0
    graph = net.functional_graph(x)
    table = net.activations(x)
    expected = np.corrcoef(table.to_numpy().T)
    for block in graph.blocks:
        source, target = graph.layer(block.source), graph.layer(block.target)
        assert np.allclose(block.weight, expected[target.vertices, source.vertices], atol=1e-7)
    assert np.allclose(graph.columns["spread"], table.to_numpy().std(axis=0), rtol=1e-6)
    assert graph.ids.tolist() == net.graph().ids.tolist()


def test_functional_graph_of_a_vertex_that_never_varies() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    with torch.no_grad():
        model[0].weight[1], model[0].bias[1] = torch.zeros(2), -1.0  # dead
    graph = ng.trace(model, (2,)).functional_graph(torch.randn(20, 2))
    assert not graph.blocks[0].weight[1].any() and not graph.blocks[1].weight[:, 1].any()
    assert np.isfinite(graph.blocks[0].weight).all()
    with pytest.raises(InputError, match="pass 3 or more"):
        ng.trace(model, (2,)).functional_graph(torch.randn(2, 2))


def test_functional_graph_of_channels_has_means_over_positions() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 16, 2)).double()
    net, x = ng.trace(model, (1, 6, 6)), torch.randn(30, 1, 6, 6, dtype=torch.float64)
    block = net.functional_graph(x).blocks[0]
    with torch.no_grad():
        maps = torch.relu(model[0](x)).mean((2, 3)).numpy()
    expected = np.corrcoef(maps.T, x.mean((1, 2, 3)).numpy())[:3, 3]
    assert np.allclose(block.weight[:, 0], expected)


def test_agreement_is_scikit_learns_and_reads_ids() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, 50), rng.integers(0, 4, 50)
    assert ng.agreement(a, b) == pytest.approx(adjusted_mutual_info_score(a, b))
    names = pd.Index([f"v{i}" for i in range(50)])
    left, right = pd.Series(a, names), pd.Series(b, names)[::-1]
    assert ng.agreement(left, right) == pytest.approx(adjusted_mutual_info_score(a, b))
    some = left.where(left > 0, -1)  # those of module 0 have none
    assert ng.agreement(some, right) == pytest.approx(adjusted_mutual_info_score(a[a > 0], b[a > 0]))
    with pytest.raises(AnalysisError, match="50 and 3 labels"):
        ng.agreement(a, [0, 1, 2])
    with pytest.raises(AnalysisError, match="no vertex has a module in both"):
        ng.agreement(left, pd.Series([0], ["w"]))


def planted() -> tuple[ng.Network, torch.Tensor, np.ndarray, np.ndarray]:
    """12 hidden units: four each copy class 0's input, class 1's input, and noise; modules in that order."""
    model = nn.Sequential(nn.Linear(3, 12), nn.ReLU(), nn.Linear(12, 2)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(3).repeat_interleave(4, 0))
        model[0].bias.zero_()
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, 200)
    x = torch.from_numpy(np.column_stack([classes == 0, classes == 1, rng.normal(size=200)]).astype(float))
    labels = np.concatenate([[-1] * 3, np.repeat([0, 1, 2], 4), [-1] * 2])
    return ng.trace(model, (3,)), x, classes, labels


def test_selectivity_finds_the_classes_that_were_planted() -> None:
    net, x, classes, labels = planted()
    table = ng.selectivity(net, labels, x, classes, samples=199)
    assert table["class"].tolist()[:2] == [0, 1] and table["size"].tolist() == [4, 4, 4]
    assert table["selectivity"].to_numpy()[:2] == pytest.approx(1) and table["selectivity"][2] < 0.05
    assert table["class_share"].to_numpy()[:2] == pytest.approx(1)
    # Of 495 sets of four units, those of the first eight reach 1 too: 70, less than a fifth.
    assert table["p"][0] == pytest.approx(70 / 495, abs=0.08) and table["p"][2] == 1.0
    assert np.allclose(table["q"], discoveries(table["p"].to_numpy()))
    again = ng.selectivity(net, pd.Series(labels, net.graph().ids), x, classes, samples=199)
    pd.testing.assert_frame_equal(table, again)


def test_selectivity_of_random_modules_is_chance() -> None:
    net, (x, y), _ = digits_mlp(0)
    ids = net.graph().ids
    rng = np.random.default_rng(1)
    hidden = np.array([str(i).startswith(("linear_0", "linear_2")) for i in ids])
    labels = np.where(hidden, rng.integers(0, 8, len(ids)), -1)
    table = ng.selectivity(net, labels, x[:300], y[:300], samples=99)
    assert (table["p"] > 0.02).sum() >= 7 and abs(table["z"].mean()) < 1.5


def test_selectivity_refuses_what_it_cannot_answer() -> None:
    net, x, classes, labels = planted()
    with pytest.raises(AnalysisError, match="at least 19"):
        ng.selectivity(net, labels, x, classes, samples=5)
    with pytest.raises(AnalysisError, match="all inputs are of one class"):
        ng.selectivity(net, labels, x, np.zeros(200, dtype=int))
    with pytest.raises(AnalysisError, match="no vertex of this network"):
        ng.selectivity(net, pd.Series([0], ["nowhere:1"]), x, classes)
    with pytest.raises(AnalysisError, match="the graph has 17 vertices"):
        ng.selectivity(net, labels[:5], x, classes)


def test_discoveries_by_hand() -> None:
    # Sorted: .005, .02, .04 of 3: .015, .03, .04.
    assert discoveries(np.array([0.04, 0.005, 0.02])) == pytest.approx([0.04, 0.015, 0.03])
    assert np.isnan(discoveries(np.array([np.nan]))).all()


class Parallel(nn.Module):
    """A stem, two ways beside each other, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.left = nn.Sequential(nn.Conv2d(4, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1))
        self.right = nn.Sequential(nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 3, padding=1))
        self.head = nn.Linear(5 * 16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        return self.head(torch.cat([self.left(x), self.right(x)], 1).flatten(1))


def test_branches_of_parallel_ways_and_of_groups() -> None:
    graph = ng.trace(Parallel(), (1, 4, 4)).graph()
    branch = ng.branches(graph)
    layer = graph.vertices.set_index("id")["layer"]
    for name, number in (("left", 0), ("right", 1)):
        assert set(branch[layer.str.startswith(name)]) == {number}
    assert set(branch[layer.str.startswith(("input", "stem", "head"))]) == {-1}
    groups = nn.Sequential(nn.Conv2d(1, 4, 1), nn.Conv2d(4, 6, 1, groups=2), nn.Flatten(), nn.Linear(6 * 4, 2))
    found = ng.branches(ng.trace(groups, (1, 2, 2)).graph())
    assert found.tolist() == [-1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, -1, -1]
    net, _ = mlp()
    assert (ng.branches(net.graph()) == -1).all()


def test_specialisation_of_branches_themselves_and_of_random_modules() -> None:
    graph = ng.trace(Parallel(), (1, 4, 4)).graph()
    branch = ng.branches(graph)
    follows = ng.specialisation(graph, branch, samples=199)
    assert (follows["ami"], follows["branches"]) == (1.0, 2)
    # 3 and 2 channels at each of two depths: one order in 10 at each keeps the branches apart, so about one in 100.
    assert follows["p"] <= 0.05 and follows["z"] > 3
    wide = nn.Sequential(nn.Conv2d(1, 16, 1), nn.Conv2d(16, 16, 1, groups=2), nn.Flatten(), nn.Linear(64, 2))
    grouped = ng.trace(wide, (1, 2, 2)).graph()
    own = ng.specialisation(grouped, ng.branches(grouped), samples=199)
    assert own["ami"] == 1.0 and own["p"] == 1 / 200
    random = pd.Series(np.random.default_rng(0).integers(0, 2, grouped.n), grouped.ids)
    assert ng.specialisation(grouped, random, samples=199)["p"] > 0.05
    with pytest.raises(AnalysisError, match="no two branches"):
        ng.specialisation(mlp()[0].graph(), np.zeros(14, dtype=int))
