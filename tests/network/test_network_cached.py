"""Models that keep something from one run to the next: tables made on the first run, counters, autocast's weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import netgraph as ng
from netgraph.errors import RecordError
from netgraph.network.undisturbed import undisturbed

KEPT: dict[Any, torch.Tensor] = {}
"""What lies outside of every module."""


def in_attribute(s: Any, x: torch.Tensor) -> torch.Tensor:
    if s.table is None:
        s.table = torch.arange(4) / 4
    return s.table


def in_dict(s: Any, x: torch.Tensor) -> torch.Tensor:
    if "table" not in s.cache.setdefault("tables", {}):
        s.cache["tables"]["table"] = torch.arange(4) / 4
    return s.cache["tables"]["table"]


def in_buffer(s: Any, x: torch.Tensor) -> torch.Tensor:
    if s.buffer is None or len(s.buffer) < len(x):
        s.buffer = torch.arange(4.0)[None].expand(len(x), 4) / 4
    return s.buffer[: len(x)]


def outside(s: Any, x: torch.Tensor) -> torch.Tensor:
    if "table" not in KEPT:
        KEPT["table"] = torch.arange(4) / 4
    return KEPT["table"]


def outside_by_size(s: Any, x: torch.Tensor) -> torch.Tensor:
    if len(x) not in KEPT:
        KEPT[len(x)] = torch.arange(4) / 4
    return KEPT[len(x)]


CACHES = (in_attribute, in_dict, in_buffer, outside, outside_by_size)


def late(s: Any, x: torch.Tensor) -> torch.Tensor:
    h = s.a(x)
    return s.b(h.relu() * s.make(s, x)) + h.tanh()


def early(s: Any, x: torch.Tensor) -> torch.Tensor:
    return s.b(s.a(x + s.make(s, x)).relu())


def unused(s: Any, x: torch.Tensor) -> torch.Tensor:
    h = s.a(x)
    s.make(s, x)
    return s.b(h.relu()).relu() @ s.a.weight


class Lazy(nn.Module):
    def __init__(self, way: Callable[..., torch.Tensor], make: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.way, self.make = way, make
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.table: torch.Tensor | None = None
        self.cache: dict[str, Any] = {}
        self.register_buffer("buffer", None)
        self.runs, self.seen = 0, [0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.runs += 1
        self.seen.append(len(x))
        out: torch.Tensor = self.way(self, x)
        return out


@pytest.mark.parametrize("way", [late, early, unused])
@pytest.mark.parametrize("make", CACHES)
def test_a_table_that_is_made_on_the_first_run(make: Callable[..., Any], way: Callable[..., Any]) -> None:
    torch.manual_seed(0)
    KEPT.clear()
    model, x = Lazy(way, make), torch.randn(3, 4)
    net = ng.trace(model, x)
    check = net.verify(x)
    graph = net.graph(inputs=x, target=0)
    single = net.graph("unit", inputs=x[:1], target=0)
    masked = net.masked(x, [None] * len(net.graph().blocks))
    rows = net.activations(x)
    # the model is as it was: nothing was kept in it
    assert model.table is None and model.cache == {} and model.buffer is None
    assert model.runs == 0 and model.seen == [0]
    with torch.no_grad():
        want = model(x)
    assert check.exact, check
    assert torch.allclose(net(x), want, atol=1e-6)
    assert masked == pytest.approx(want.numpy(), abs=1e-5)
    assert graph.meta["target_value"] == pytest.approx(float(want[:, 0].mean()), abs=1e-5)
    shares = np.asarray(single.columns["constant_share"])
    entry = np.asarray(single.columns["attribution"]) - shares
    total = entry[: single.layers[0].size].sum() + shares.sum()
    assert total == pytest.approx(float(want[0, 0]), abs=1e-5)
    assert len(rows) == 3


def test_a_model_that_has_made_its_table_has_the_same_graph() -> None:
    torch.manual_seed(0)
    model, x = Lazy(early, in_attribute), torch.randn(3, 4)
    cold = ng.trace(model, x).graph(inputs=x, target=0)
    model(x)
    warm = ng.trace(model, x).graph(inputs=x, target=0)
    assert model.table is not None and model.runs == 1
    for a, b in zip(cold.blocks, warm.blocks, strict=True):
        assert np.array_equal(a.values["attribution"], b.values["attribution"])


def test_a_hidden_state_is_that_from_before_the_trace() -> None:
    torch.manual_seed(0)

    def fed_back(s: Any, x: torch.Tensor) -> torch.Tensor:
        s.table = s.a(x) if s.table is None else s.a(x) + s.table
        return s.table

    model, x = Lazy(fed_back, in_attribute), torch.randn(1, 4)
    net = ng.trace(model, x)
    assert net.verify(x).exact and model.table is None
    assert torch.allclose(net(x), model.a(x)) and torch.allclose(net(x), model.a(x))


def test_a_model_that_never_runs_the_same_operations_is_an_error() -> None:
    runs = [0]

    def counted(s: Any, x: torch.Tensor) -> torch.Tensor:
        runs[0] += 1
        h = s.a(x)
        for _ in range(runs[0]):
            h = h.relu()
        return h

    model, x = Lazy(counted, in_attribute), torch.randn(3, 4)
    net = ng.trace(model, x)
    numbering = net.programs.numbering("channel")
    with pytest.raises(RecordError, match=r"does something else.*test_network_cached.py:\d+.*before the model is"):
        net.programs.tape([x], numbering)
    assert len(net.activations(x)) == 3  # one by one they are played from the tape that was numbered


def test_containers_in_a_model_are_restored() -> None:
    model = Lazy(early, in_attribute)
    model.cache, model.seen = {"kept": [1, {2}]}, [5]
    inner = model.cache["kept"]
    with undisturbed(model):
        model.cache["new"] = 1
        model.cache["kept"][1].add(3)
        model.cache["kept"].append(4)
        model.seen.clear()
        del model.table
        model.extra = 1
    assert model.cache == {"kept": [1, {2}]} and model.cache["kept"] is inner
    assert model.seen == [5] and model.table is None and not hasattr(model, "extra")


def test_the_autocast_of_who_calls_is_off() -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)), torch.randn(3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        net = ng.trace(model, x)
        check, graph, out = net.verify(x), net.graph(inputs=x, target=0), net(x)
        rows, spread = net.activations(x), net.graph(inputs=x, target=0, aggregate="std")
    assert check.exact and net.dtype == torch.float32
    assert torch.equal(out, model(x))
    assert np.array_equal(rows, net.activations(x))
    plain = net.graph(inputs=x, target=0), net.graph(inputs=x, target=0, aggregate="std")
    for got, want in zip((graph, spread), plain, strict=True):
        for a, b in zip(got.blocks, want.blocks, strict=True):
            assert np.array_equal(a.values["attribution"], b.values["attribution"])


def test_the_autocast_of_the_model_stays() -> None:
    torch.manual_seed(0)

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                h = self.b(self.b(self.a(x).relu()))  # the weight is cast once
            out: torch.Tensor = self.c(h.float())
            return out

    model, x = Mixed(), torch.randn(3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = ng.trace(model, x)
        check = inside.verify(x)
    net = ng.trace(model, x)
    assert check.exact and net.verify(x).exact and inside.hash == net.hash
    assert torch.equal(net(x), model(x))
