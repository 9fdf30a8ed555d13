"""Significance: known answers by hand, structure and none, the same figures on any executor, clear refusals."""

from __future__ import annotations

import itertools
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from analysis_graphs import awkward, chain, make, planted
from torch import nn

import netgraph as ng
from netgraph.analysis.nulls import NULLS
from netgraph.analysis.significance import STATISTICS
from netgraph.analysis.significance.significance import _against
from netgraph.errors import AnalysisError, UnknownName
from netgraph.graph.graph import Graph

BLOCK = np.kron(np.eye(2), np.ones((4, 4)))
TWO_PARTS = chain(BLOCK, BLOCK)
every_statistic = pytest.mark.parametrize("statistic", STATISTICS)


def iid(seed: int, sizes: tuple[int, ...] = (16, 20, 12)) -> Graph:
    rng = np.random.default_rng(seed)
    return chain(*[rng.standard_normal((b, a)) for a, b in itertools.pairwise(sizes)])


# -- known answers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matrices", "cut"),
    [
        ([[[3, 1], [1, 3]]], 2 * 2 / 8),  # every strength 4; {0, 2} and {1, 3} have volume 8, and 2 is cut
        ([[[2, 1], [1, 2]]] * 2, 2 * 4 / 12),  # strengths 3, 6, 3; volumes 12, and 4 is cut
        # Edges 0-2: 4, 0-3: 1, 1-3: 5, 2-4: 5, 3-4: 1; {0, 2, 4} has volume 5 + 9 + 6, {1, 3} 5 + 7, and 2 is cut.
        ([[[4, 0], [1, 5]], [[5, -1]]], 2 / 20 + 2 / 12),
    ],
)
def test_significance_of_an_ncut_by_hand(matrices: list[Any], cut: float) -> None:
    table = ng.significance(chain(*matrices), "ncut", "shuffle", samples=5, k=2)
    assert table.loc["shuffle", "observed"] == pytest.approx(cut)


def test_significance_of_two_separate_parts() -> None:
    table = ng.significance(TWO_PARTS, "ncut", samples=19, k=2)
    assert (table["observed"].abs() < 1e-12).all()
    table = ng.significance(TWO_PARTS, samples=19)
    assert table["observed"].tolist() == pytest.approx([0.5] * 4)
    assert table.loc["shuffle", "p"] == 1 / 20 and table.loc["shuffle", "z"] > 5
    # Permuted among the edges that exist, equal weights stay what they are: such a null explains all.
    for null in ("shuffle_nonzero", "strength", "residual"):
        assert np.isnan(table.loc[null, "z"]) and table.loc[null, "p"] == 1 and table.loc[null, "sd"] < 1e-12


def test_significance_counts_by_hand() -> None:
    chance = np.array([1.0, 2.0, 3.0, 4.0])
    large = _against(3.0, chance, 1)
    assert large == {"observed": 3, "mean": 2.5, "sd": np.sqrt(1.25), "z": 0.5 / np.sqrt(1.25), "p": 3 / 5}
    assert _against(3.0, chance, -1)["p"] == 4 / 5
    assert _against(0.0, chance, -1)["p"] == 1 / 5
    equal = _against(1.0, np.ones(3), 1)
    assert np.isnan(equal["z"]) and equal["p"] == 1


@every_statistic
def test_significance_of_what_was_planted_and_of_nothing(statistic: str) -> None:
    graph, _ = planted([24, 24, 24], 3, 0.3, 0)
    k = 3 if statistic == "ncut" else None
    found = ng.significance(graph, statistic, samples=19, k=k)
    assert list(found.index) == list(NULLS) and list(found.columns)[:5] == ["observed", "mean", "sd", "z", "p"]
    assert (found["p"] == 1 / 20).all() and (found["z"].abs() > 3).all()
    assert found.attrs["stability"] > 0.9
    z = [ng.significance(iid(seed), statistic, "shuffle", samples=19, k=k).loc["shuffle", "z"] for seed in range(6)]
    assert abs(np.mean(z)) < 1.5


def residual_net() -> nn.Module:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 3, padding=1)
            self.convs = nn.ModuleList(nn.Conv2d(16, 16, 3, padding=1) for _ in range(4))
            self.head = nn.Linear(16, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.relu(self.stem(x))
            for a, b in zip(self.convs[::2], self.convs[1::2], strict=True):
                x = torch.relu(x + b(torch.relu(a(x))))
            logits: torch.Tensor = self.head(x.mean(dim=(2, 3)))
            return logits

    torch.manual_seed(0)
    return Net()


def test_significance_of_a_residual_network_at_initialisation_is_none() -> None:
    """Its identity edges are no finding: they stay in every null. Permuted too, they would be one."""
    graph = ng.trace(residual_net(), (3, 8, 8)).graph()
    assert any(block.kind == "skip" for block in graph.blocks)
    assert abs(ng.significance(graph, null="shuffle", samples=30).loc["shuffle", "z"]) < 3
    all_learned = replace(graph, blocks=tuple(replace(b, kind="linear") for b in graph.blocks), origin=None)
    assert ng.significance(all_learned, null="shuffle", samples=30).loc["shuffle", "z"] > 5


# -- invariants --------------------------------------------------------------------------------


@every_statistic
def test_significance_is_the_same_on_any_executor(statistic: str) -> None:
    graph = iid(3)
    assert len(graph.ids) == graph.n  # whatever this process has started, forked workers must not wait for it
    here = ng.significance(graph, statistic, samples=7, seed=5)
    executors: list[Executor] = [ThreadPoolExecutor(3), ProcessPoolExecutor(2), ProcessPoolExecutor(1)]
    for executor in executors:
        with executor:
            there = ng.significance(graph, statistic, samples=7, seed=5, executor=executor)
        assert there.equals(here)
        assert there.attrs == here.attrs
    fewer = ng.significance(graph, statistic, "strength", samples=3, seed=5)
    assert fewer.attrs["samples_of"]["strength"] == here.attrs["samples_of"]["strength"][:3]
    other = ng.significance(graph, statistic, samples=7, seed=6)
    assert not np.allclose(other["mean"], here["mean"], rtol=1e-12)


@every_statistic
def test_significance_reads_absolute_weights_and_changes_nothing(statistic: str) -> None:
    graph = iid(4)
    before = [block.weight.copy() for block in graph.blocks]
    positive = replace(graph, blocks=tuple(replace(b, weight=np.abs(b.weight)) for b in graph.blocks))
    assert ng.significance(graph, statistic, samples=3).equals(ng.significance(positive, statistic, samples=3))
    assert all(np.array_equal(block.weight, old) for block, old in zip(graph.blocks, before, strict=True))


def test_significance_of_another_column_leaves_biases_out() -> None:
    graph = make([1, 2, 2], [(1, 2, [[1.0, -2.0], [3.0, 4.0]]), (0, 2, [[0.5], [9.0]])], {0: "bias"})
    blocks = tuple(replace(b, values={"score": b.weight[::-1] * 2}) for b in graph.blocks)
    table = ng.significance(replace(graph, blocks=blocks), "ncut", "shuffle", samples=3, k=2, weight="score")
    only = make([1, 2, 2], [(1, 2, [[6.0, 8.0], [2.0, -4.0]])])
    assert table.equals(ng.significance(only, "ncut", "shuffle", samples=3, k=2))
    with pytest.raises(UnknownName, match="scor"):
        ng.significance(graph, weight="scor")


def test_significance_tells_its_progress() -> None:
    told: list[tuple[int, int]] = []
    ng.significance(TWO_PARTS, samples=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(i + 1, 8) for i in range(8)]


def test_significance_of_a_paper() -> None:
    graph = iid(0, (30, 40, 30))
    table = ng.significance(graph, paper="filan2021", samples=5)
    assert list(table.index) == ["shuffle"]
    assert {name: table.attrs[name] for name in ("statistic", "k", "dead_tol", "paper", "signs")} == {
        "statistic": "ncut",
        "k": 12,
        "dead_tol": 0.0,
        "paper": "filan2021",
        "signs": "absolute",
    }
    assert table.equals(ng.significance(graph, "ncut", "shuffle", samples=5, k=12))
    with pytest.raises(AnalysisError, match="paper='filan2021' takes k=12, not 4; leave one of the two out"):
        ng.significance(graph, paper="filan2021", k=4)
    with pytest.raises(AnalysisError, match="takes null='shuffle', not 'residual'"):
        ng.significance(graph, paper="filan2021", null="residual")
    with pytest.raises(UnknownName, match="did you mean 'filan2021'"):
        ng.significance(graph, paper="filan")


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", awkward())
@every_statistic
@pytest.mark.filterwarnings("ignore:null of:netgraph.NetgraphWarning")
def test_significance_answers_or_says_why_not(name: str, statistic: str) -> None:
    graph = awkward()[name]
    try:
        table = ng.significance(graph, statistic, samples=3)
    except AnalysisError as error:
        assert "no edge with 'weight' other than 0" in str(error) or "no weight of this graph was learned" in str(error)
        return
    assert np.isfinite(table[["observed", "mean", "sd", "p"]].to_numpy()).all()
    assert table["p"].between(1 / 4, 1).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"statistic": "modularty"}, "unknown statistic 'modularty': did you mean 'modularity'"),
        ({"null": "shufle"}, "unknown null 'shufle': did you mean 'shuffle'"),
        ({"method": "spectral"}, "unknown method 'spectral'.* for statistic='modularity'"),
        ({"k": 3}, "k=3 is the number of clusters of statistic='ncut'"),
        ({"statistic": "ncut", "k": 25}, "k is 25; clusters must be from 2 to 24, the number of vertices with edges"),
        ({"statistic": "ncut", "k": 1}, "k is 1; clusters must be from 2 to 24"),
        ({"samples": 0}, "samples is 0; it must be a whole number from 1 up"),
        ({"seed": -1}, "seed is -1; it must be a whole number from 0 up"),
        ({"dead_tol": 1.0}, "dead_tol is 1.0; a share of the strongest vertex of a layer"),
    ],
)
def test_significance_refuses(options: dict[str, Any], said: str) -> None:
    with pytest.raises((AnalysisError, UnknownName), match=said):
        ng.significance(TWO_PARTS, **options)


def test_significance_refuses_what_no_null_would_change() -> None:
    with pytest.raises(AnalysisError, match=r"no weight of this graph was learned \(its blocks: skip\)"):
        ng.significance(make([2, 2, 2], [(0, 2, np.eye(2))]))
    with pytest.raises(AnalysisError, match="NaN or infinity"):
        ng.significance(chain([[np.nan, 1.0]]))
