"""The alarms of significance: each goes off where it should, and only there."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from analysis_graphs import chain, planted
from torch import nn

import netgraph as ng
from netgraph.analysis.nulls import NULLS
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]
SIZES = (40, 60, 60, 30)


def scaled(*strong: Array, seed: int = 0) -> Graph:
    """Normal weights times the strengths of both ends: no modules."""
    rng = np.random.default_rng(seed)
    ends = itertools.pairwise(strong)
    return chain(*[rng.standard_normal((len(b), len(a))) * b[:, None] * a for a, b in ends])


def ones() -> list[Array]:
    return [np.ones(size) for size in SIZES]


def test_alarms_of_dead_units_and_dead_tol_mends_them() -> None:
    rng = np.random.default_rng(0)
    strong = ones()
    for i in (1, 2):
        strong[i] = np.where(rng.random(SIZES[i]) < 0.7, 1e-3, 1.0)
    graph = scaled(*strong)
    weak = int(sum((s < 1).sum() for s in strong))
    as_is = ng.significance(graph, null="shuffle", samples=20)
    assert f"dead units: {weak} of {sum(SIZES)} vertices are weaker than 5% of" in as_is.loc["shuffle", "warnings"]
    assert abs(as_is.loc["shuffle", "z"]) > 5
    mended = ng.significance(graph, null="shuffle", samples=20, dead_tol=0.05)
    assert mended.attrs["dead"] == weak
    assert "dead" not in mended.attrs["alarms"]
    assert abs(mended.loc["shuffle", "z"]) < 3


def test_alarms_of_unequal_strengths_where_only_residual_is_fair() -> None:
    rng = np.random.default_rng(1)
    table = ng.significance(scaled(*[np.exp(rng.standard_normal(size)) for size in SIZES]), samples=20)
    for null in NULLS:
        assert ("unequal strengths: " in table.loc[null, "warnings"]) == (null != "residual")
    assert table.loc["shuffle", "p"] > 0.9
    assert abs(table.loc["residual", "z"]) < 3
    even = ng.significance(scaled(*ones()), samples=5)
    assert "unequal" not in even.attrs["alarms"] and "dead" not in even.attrs["alarms"]
    assert (even["warnings"].str.contains("unequal") == False).all()  # noqa: E712 - of every row


def test_alarms_of_low_stability_and_none_of_planted_modules() -> None:
    none = ng.significance(scaled(*ones()), null="residual", samples=3)
    assert none.attrs["stability"] < 0.25
    assert "low stability: 5 runs agree by ARI" in none.loc["residual", "warnings"]
    graph, _ = planted([40, 40, 40], 4, 0.2, 0)
    assert ng.significance(graph, null="residual", samples=3).loc["residual", "warnings"] == ""


def test_alarms_of_modules_that_are_layers() -> None:
    """Newman's null explains less of a chain's edges than its layers do."""
    deep = ng.significance(chain(*[np.ones((10, 10))] * 5), null="shuffle", samples=3, method="leiden")
    assert deep.attrs["depth"] > 0.3
    assert "depth: modules are mostly layers (AMI" in deep.loc["shuffle", "warnings"]
    graph, _ = planted([40, 40, 40], 4, 0.2, 0)
    assert abs(ng.significance(graph, null="shuffle", samples=3).attrs["depth"]) < 0.1


@pytest.mark.parametrize("statistic", ["modularity", "ncut"])
def test_alarms_of_modules_that_depend_on_scales(statistic: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(24, 36), nn.ReLU(), nn.Linear(36, 24))
    graph, _ = planted([24, 36, 24], 3, 0.6, 0)
    with torch.no_grad():
        for layer, block in zip((model[0], model[2]), graph.blocks, strict=True):
            layer.weight.copy_(torch.from_numpy(block.weight))
    options: dict[str, Any] = {"null": "residual", "samples": 3, "k": 3 if statistic == "ncut" else None}
    even = ng.significance(ng.trace(model, (24,)).graph(), statistic, **options)
    assert "gauge" not in even.attrs["alarms"]
    assert ng.significance(graph, statistic, **options).attrs["gauge"] is None, "no network at hand"
    with torch.no_grad():  # the same function, from units at other scales
        scale = torch.exp(torch.linspace(-4, 4, 36))[torch.randperm(36)]
        model[0].weight.mul_(scale[:, None])
        model[0].bias.mul_(scale)
        model[2].weight.div_(scale)
    net = ng.trace(model, (24,))
    moved = ng.significance(net.graph(), statistic, **options)
    assert moved.attrs["gauge"] < 0.2
    assert "gauge: in the balanced gauge modules are others (ARI" in moved.loc["residual", "warnings"]
    balanced = ng.significance(net.graph(gauge="balanced"), statistic, **options)
    assert balanced.attrs["gauge"] is None
    again = ng.significance(ng.trace(model, (24,)).graph(gauge="balanced"), statistic, **options)
    assert again.equals(balanced)
