"""Routes of channels: their exact shares against a masked run written out in torch, and against the logit."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.analysis import paths as module
from netgraph.errors import AnalysisError


class Plain(nn.Module):
    """Two convolutions with a pool between them, and a linear layer on the flattened maps."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 2, 3)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(torch.relu(self.c1(x)), 2)
        return self.fc(torch.relu(self.c2(x)).flatten(1))


class Residual(nn.Module):
    """BatchNorm, a residual sum, a depthwise convolution, averages over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.c2, self.c3 = nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Conv2d(4, 3, 3)
        self.fc = nn.Linear(3, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.gelu(self.b1(self.c1(x))), 2)
        return self.fc(torch.relu(self.c3(torch.relu(self.c2(x) + x))).mean((2, 3)))


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm = nn.Linear(3, 4), nn.LayerNorm(4)
        self.mix, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        return self.head((x + torch.relu(self.mix(self.norm(x)))).mean(1))


SHAPES = {Plain: (2, 8, 8), Residual: (2, 8, 8), Tokens: (4, 3)}


def seen(
    made: type[nn.Module], seed: int = 0, dtype: torch.dtype = torch.float64
) -> tuple[Any, torch.Tensor, ng.Graph]:
    torch.manual_seed(seed)
    model = made().eval()
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.bias, 0.3)  # so that something passes everywhere
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean), nn.init.uniform_(layer.running_var, 0.5, 2)
    net = ng.trace(model.to(dtype), SHAPES[made])
    x = torch.randn(1, *SHAPES[made], dtype=dtype)
    return net, x, net.graph(inputs=x, target=1)


def by_hand(model: Any, x: torch.Tensor, route: tuple[int, int, int], target: int) -> float:
    """Plain's frozen network, kept to one channel of each layer: gates and pooling as at x itself, no biases."""
    with torch.no_grad():
        z1 = model.c1(x)
        pooled, at = F.max_pool2d(torch.relu(z1), 2, return_indices=True)
        z2 = model.c2(pooled)
        first, second, third = route
        a = torch.zeros_like(x)
        a[:, first] = x[:, first]
        a = F.conv2d(a, model.c1.weight, padding=1) * (z1 > 0)
        kept = torch.zeros_like(a)
        kept[:, second] = a[:, second]
        kept = kept.flatten(2).gather(2, at.flatten(2)).view(pooled.shape)
        out = F.conv2d(kept, model.c2.weight) * (z2 > 0)
        kept = torch.zeros_like(out)
        kept[:, third] = out[:, third]
        return float(kept.flatten(1) @ model.fc.weight[target])


def test_routes_are_masked_runs_of_the_frozen_network() -> None:
    net, x, graph = seen(Plain)
    found = ng.paths(graph, "fc:1", weight="attribution", inputs=x)
    assert len(found) == found.attrs["paths"] == 2 * 3 * 2
    for route in itertools.product(range(2), range(3), range(2)):
        vertices = (f"input:{route[0]}", f"c1:{route[1]}", f"c2:{route[2]}", "fc:1")
        value = found["value"][found["vertices"] == vertices].item()
        assert value == pytest.approx(by_hand(net.model, x, route, 1), rel=1e-10, abs=1e-14)
    assert found["value"].abs().is_monotonic_decreasing


@pytest.mark.parametrize("made", SHAPES)
def test_routes_add_up_to_the_logit_less_the_constants(made: type[nn.Module]) -> None:
    net, x, graph = seen(made)
    target = str(graph.ids[graph.layers[-1].start + 1])
    found = ng.paths(graph, target, k=5_000, weight="attribution", inputs=x)
    assert len(found) <= found.attrs["paths"]
    logit = float(net.outputs(x)[0, 1])
    constants = float(graph.columns["constant_share"].sum())
    scale = found["value"].abs().sum()
    assert found["value"].sum() == pytest.approx(logit - constants, abs=1e-10 * scale)
    assert found.attrs["total"] == pytest.approx(logit - constants, abs=1e-10 * scale)
    assert found.attrs["target_value"] == pytest.approx(logit)
    assert found["share"].sum() * logit == pytest.approx(logit - constants, abs=1e-10 * scale)
    # The routes through an edge that no constant flows through add up to its attribution.
    for block in (b for b in graph.blocks if b.source == "input"):
        flow = block.values["attribution"]
        flow = flow if isinstance(flow, np.ndarray) else flow.toarray()
        source, into = graph.layer(block.source).start, graph.layer(block.target).start
        at = np.unravel_index(np.abs(flow).argmax(), flow.shape)
        pair = (graph.ids[source + at[1]], graph.ids[into + at[0]])
        through = sum(
            v for v, p in zip(found["value"], found["vertices"], strict=True) if pair in itertools.pairwise(p)
        )
        assert through == pytest.approx(flow[at], abs=1e-10 * scale)


@pytest.mark.parametrize("made", SHAPES)
def test_grouped_routes_are_sums_over_first_vertices(made: type[nn.Module]) -> None:
    _, x, graph = seen(made, seed=1)
    target = str(graph.ids[-1])
    whole = ng.paths(graph, target, k=5_000, weight="attribution", inputs=x)
    wanted: dict[tuple[str, ...], float] = {}
    for value, route in zip(whole["value"], whole["vertices"], strict=True):
        wanted[route[1:]] = wanted.get(route[1:], 0.0) + value
    found = ng.paths(graph, target, k=5_000, weight="attribution", inputs=x, group="input")
    assert dict(zip(found["vertices"], found["value"], strict=True)) == pytest.approx(wanted, abs=1e-12)


def test_candidates_carry_exact_shares_though_others_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, x, graph = seen(Residual)
    every = ng.paths(graph, "fc:1", k=5_000, weight="attribution", inputs=x)
    monkeypatch.setattr(module, "CANDIDATES", (4, 10))
    some = ng.paths(graph, "fc:1", k=2, weight="attribution", inputs=x)
    assert "the 10 routes of the largest flow" in some.attrs["rule"]
    assert some.attrs["paths"] == every.attrs["paths"]
    assert some.attrs["total"] == pytest.approx(every.attrs["total"])
    assert np.isnan(some.attrs["total_abs"]) and np.isnan(some.attrs["cancellation"])
    exact = dict(zip(every["vertices"], every["value"], strict=True))
    for value, route in zip(some["value"], some["vertices"], strict=True):
        assert value == pytest.approx(exact[route])


def test_signs_single_precision_sources_and_bias_vertices() -> None:
    net, x, graph = seen(Residual, dtype=torch.float32)
    found = ng.paths(graph, "fc:2", weight="attribution", inputs=x)
    negative = ng.paths(graph, "fc:2", weight="attribution", inputs=x, sign="negative")
    assert (negative["value"] < 0).all()
    assert len(negative) == (found["value"] < 0).sum()
    one = ng.paths(graph, "fc:2", source="input:1", weight="attribution", inputs=x, network=net)
    assert len(one) == sum(route[0] == "input:1" for route in found["vertices"])
    with_biases = net.graph(inputs=x, target=2, bias="vertex")
    more = ng.paths(with_biases, "fc:2", k=5_000, weight="attribution", inputs=x)
    assert any(str(route[0]).endswith(".bias:0") for route in more["vertices"])
    logit = float(net.outputs(x)[0, 2])
    rest = float(with_biases.columns["constant_share"][[k != "bias" for k in with_biases.vertices["kind"]]].sum())
    assert more["value"].sum() == pytest.approx(logit - rest, abs=1e-5)


def test_from_a_hidden_channel_routes_carry_what_it_passes_on() -> None:
    _, x, graph = seen(Plain)
    for channel in range(3):
        found = ng.paths(graph, "fc:1", source=f"c1:{channel}", weight="attribution", inputs=x)
        passed = graph.blocks[1].values["attribution"][:, channel].sum()
        assert found["value"].sum() == pytest.approx(passed, rel=1e-10)


def test_what_cannot_be_scored_is_told() -> None:
    net, x, graph = seen(Plain)
    with pytest.raises(AnalysisError, match="do not act as its channels do in this graph"):
        ng.paths(graph, "fc:1", weight="attribution", inputs=x + 1)
    with pytest.raises(AnalysisError, match="it comes from none that is at hand: pass network=net"):
        ng.paths(
            ng.Graph(graph.layers, graph.blocks, graph.columns, graph.meta), "fc:1", weight="attribution", inputs=x
        )
    with pytest.raises(AnalysisError, match="network= is a str"):
        ng.paths(graph, "fc:1", weight="attribution", inputs=x, network="net")
    with pytest.raises(AnalysisError, match=r"holds 2 inputs"):
        ng.paths(graph, "fc:1", weight="attribution", inputs=torch.cat([x, x]))
    mean = net.graph(inputs=torch.cat([x, -x]), target=1)
    with pytest.raises(AnalysisError, match="a mean over 2"):
        ng.paths(mean, "fc:1", weight="attribution", inputs=x)
    layers = net.graph("layer", inputs=x, target=1)
    with pytest.raises(AnalysisError, match="this one is at 'layer'"):
        ng.paths(layers, str(layers.ids[-1]), weight="attribution", inputs=x)
    with pytest.raises(AnalysisError, match=r"has no meaning here.*inputs= scores"):
        ng.paths(graph, "fc:1", weight="attribution", sign="positive")


def test_between_units_inputs_are_not_needed() -> None:
    net, x, _ = seen(Plain)
    units = net.graph("unit", inputs=x, target=1)
    same = ng.paths(units, "fc:1", k=5, weight="attribution")
    assert same.equals(ng.paths(units, "fc:1", k=5, weight="attribution", inputs=x))
    assert same.attrs["total"] == pytest.approx(float(net.outputs(x)[0, 1]) - units.columns["constant_share"].sum())


def test_where_each_channel_is_a_unit_all_paths_are_searched() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 3))
    net = ng.trace(model.double(), (6,))
    x = torch.randn(1, 6, dtype=torch.float64)
    units, channels = (net.graph(granularity, inputs=x, target=1) for granularity in ("unit", "channel"))
    wanted = ng.paths(units, "linear_4:1", k=7, weight="attribution", sign="negative")
    assert wanted.equals(ng.paths(channels, "linear_4:1", k=7, weight="attribution", sign="negative", inputs=x))
    assert wanted.attrs["coverage_abs"] > 0
