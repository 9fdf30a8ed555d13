"""Modules over training: growth that was planted, one sudden step, and checkpoints of another network."""

from __future__ import annotations

import numpy as np
import pytest

import netgraph as ng
from netgraph.analysis.growth.growing import sudden
from netgraph.errors import AnalysisError


def checkpoint(strength: float, seed: int = 0) -> ng.Graph:
    """Two planted groups of ten units in four layers, as strong as told above a noise that stays."""
    rng, groups = np.random.default_rng(seed), np.kron(np.eye(2), np.ones((10, 10)))
    return ng.Graph.from_matrices([rng.random((20, 20)) + strength * groups for _ in range(3)])


def test_growth_follows_what_was_planted_and_names_the_sudden_step() -> None:
    strengths = [0.0, 0.01, 0.02, 2.0, 2.05, 2.1]
    found = ng.growth({f"step {i}": checkpoint(s) for i, s in enumerate(strengths)}, samples=5, runs=3)
    table = found.table
    assert table.index.tolist() == [f"step {i}" for i in range(6)]
    assert table["sudden"].tolist() == [False, False, False, True, False, False]
    assert np.allclose(table["excess"], table["observed"] - table["null"])
    assert np.allclose(table["step"].to_numpy()[1:], np.diff(table["excess"]))
    assert table["z"].iloc[0] < 3 and table["z"].iloc[-1] > 10
    assert table["agreement"].isna().tolist() == [True] + [False] * 5
    assert table["agreement"].iloc[-1] == pytest.approx(1.0) and table["agreement"].iloc[3] < 0.7
    assert "sudden at step 3" in repr(found)
    again = ng.growth(((f"step {i}", checkpoint(s)) for i, s in enumerate(strengths)), samples=5, runs=3)
    assert again.table.equals(table)


def test_growth_plot_draws_what_was_found_and_chance() -> None:
    found = ng.growth({str(i): checkpoint(s) for i, s in enumerate((0.0, 1.0))}, samples=3, runs=2)
    ax = found.plot()
    lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    assert np.allclose(lines["found"], found.table["observed"])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1"]
    ax.figure.clear()


def test_growth_refuses_other_networks_and_single_checkpoints() -> None:
    other = ng.Graph.from_matrices([np.ones((3, 2))])
    with pytest.raises(AnalysisError, match="'b' has other vertices"):
        ng.growth({"a": checkpoint(1.0), "b": other}, samples=2, runs=1)
    with pytest.raises(AnalysisError, match="two or more"):
        ng.growth({"a": checkpoint(1.0)}, samples=2, runs=1)


def test_sudden_needs_more_than_chance() -> None:
    steps = np.array([np.nan, 0.01, -0.01, 0.05, 0.01])
    assert sudden(steps, np.full(5, 0.01)).tolist() == [False, False, False, True, False]
    assert not sudden(steps, np.full(5, 0.1)).any()
