"""Edits that no change of parameters makes: refused, with what was asked for, the reason and the mend."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from network_changed import changed
from network_zoo import make
from torch import nn

import netgraph as ng
from netgraph.errors import AnalysisError, InputError, UnknownName


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=0, atol=1e-12)


def run(model: nn.Module, x: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return model(x).numpy()


class Tied(nn.Module):
    """One layer, used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.fc(torch.tanh(self.fc(x)))))


def test_network_edit_tied_weights_change_together_or_not_at_all() -> None:
    torch.manual_seed(0)
    model, x = Tied().double(), torch.randn(3, 4, dtype=torch.float64)
    net = ng.trace(model, x)
    with pytest.raises(AnalysisError, match=r"'fc\.weight' is used more than once.*Change all of its uses alike"):
        ng.edit(net, {("input:1", "fc:2"): 0.0})
    with pytest.raises(AnalysisError, match=r"vertex 'fc:1' cannot be edited.*used more than once"):
        ng.edit(net, {"fc:1": 2.0})
    edited = ng.edit(net, {("input:1", "fc:2"): 0.0, ("fc:1", "fc#2:2"): 0.0})
    hand = copy.deepcopy(model)
    with torch.no_grad():
        hand.fc.weight[2, 1] = 0
    close(run(edited, x), run(hand, x))
    close(run(ng.edit(net, {"fc#2:1": 2.0}), x), changed(net, x, {"fc#2:1": (2.0, 0.0)}, "channel"))


def test_network_edit_gives_no_bias_to_a_layer_that_is_used_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 3, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(torch.tanh(self.fc(x)))

    with pytest.raises(AnalysisError, match=r"'fc#2:1' cannot be edited: layer 'fc#2' has no bias.*used once"):
        ng.edit(ng.trace(Twice(), (3,)), {"fc#2:1": {"shift": 1.0}})


def test_network_edit_modules_that_do_not_run_change_no_names() -> None:
    """A layer is named after the module that owns parameters, also if the model never reads them."""

    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.idle = nn.Linear(3, 4), nn.Parameter(torch.ones(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.fc(x)
            return h + torch.tanh(h).flip(1)

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = Idle(), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.body(x))

    torch.manual_seed(0)
    model, x = Whole().double(), torch.randn(2, 3, dtype=torch.float64)
    net = ng.trace(model, x)
    sums = [layer.name for layer in net.graph().layers if layer.kind == "skip"]
    assert sums == ["body"]
    close(run(ng.edit(net, {"body:1": -2.0}), x), changed(net, x, {"body:1": (-2.0, 0.0)}, "channel"))


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("resnet-relu", {("stem.0:0", "add_1:0"): 0.0}, r"edge \('stem\.0:0', 'add_1:0'\): .*no parameters \(skip\)"),
        ("resnet-gelu", {"stem.0:0": 2.0}, "no parameters .skip.*a scale of 2 does not pass through .*gelu"),
        ("resnet-relu", {"stem.0:0": -1.0}, "lets the largest pass.*a scale of -1 does not pass"),
        ("resnet-relu", {"a1:0": {"shift": 1.0}}, "layer 'a2' reads it with zeros around its maps.*a shift does not"),
        ("lenet-relu", {("input:0", "c1:0"): {"shift": 1.0}}, "its weight is 9 parameters"),
        ("lenet-relu", {("input:0", "fc2:0"): 0.0}, "no such edge, fc2:0 does not read input:0"),
        ("lenet-relu", {("c1:0", "input:0"): 0.0}, "no edge enters layer 'input'"),
        ("squeeze-excite", {"conv:0": 2.0}, "a factor, a denominator, an attention pattern or a condition"),
        ("tokens", {("embed:0", "mix:0"): 0.0}, "shared by 5 groups of vertices"),
        ("gru-loop", {("input:0,0", "cell:0"): 0.0}, "is used more than once"),
    ],
)
def test_network_edit_refuses_and_says_why(name: str, changes: dict[Any, Any], says: str) -> None:
    model, x = make(name)
    with pytest.raises(AnalysisError, match=says):
        ng.edit(ng.trace(model, x), changes)


def test_network_edit_refuses_units_that_share_a_kernel() -> None:
    model, x = make("lenet-relu")
    net = ng.trace(model, x)
    with pytest.raises(AnalysisError, match=r"shared by all places.*granularity='channel'"):
        ng.edit(net, {("input:0,0,0", "c1:0,0,0"): 0.0}, granularity="unit")
    with pytest.raises(AnalysisError, match=r"'input:0,0,0' cannot be edited.*shared by several places"):
        ng.edit(net, {"input:0,0,0": 0.0}, granularity="unit")


def test_network_edit_all_units_of_a_channel_are_the_channel() -> None:
    model, x = make("grouped", torch.float64)
    net = ng.trace(model, x)
    units = [name for name in net.graph("unit").ids if name.startswith("a:1,")]
    close(run(ng.edit(net, dict.fromkeys(units, 0.5), "unit"), x), run(ng.edit(net, {"a:1": 0.5}), x))


def test_network_edit_weights_that_are_computed() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), nn.Tanh(), nn.Linear(2, 2))
    net = ng.trace(model, (3,))
    with pytest.raises(AnalysisError, match=r"computed while the model runs.*remove_parametrizations"):
        ng.edit(net, {("input:0", "linear_0:1"): 0.0})
    assert ng.edit(net, {"linear_0:1": 0.0})[2].weight[:, 1].tolist() == [0, 0]
    nn.utils.parametrize.remove_parametrizations(model[0], "weight")
    assert ng.edit(ng.trace(model, (3,)), {("input:0", "linear_0:1"): 0.0})[0].weight[1, 0] == 0


def test_network_edit_functions_have_no_parameters() -> None:
    net = ng.trace(lambda x: torch.tanh(x @ torch.ones(3, 2)), (3,))
    with pytest.raises(AnalysisError, match="traced from a function"):
        ng.edit(net, {"input:0": 0.0})


def test_network_edit_a_bias_that_nothing_can_hold() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(2, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ self.weight.t()

    net = ng.trace(Bare(), (3,))
    name = net.graph().layers[-1].name
    with pytest.raises(AnalysisError, match=r"has no bias.*bias=True"):
        ng.edit(net, {f"{name}:0": {"shift": 1.0}})


def test_network_edit_unknown_names_and_numbers() -> None:
    model, x = make("lenet-relu")
    net = ng.trace(model, x)
    with pytest.raises(UnknownName, match="unknown vertex 'fc3:0', its layer does not exist: did you mean 'fc2:0'"):
        ng.edit(net, {"fc3:0": 0.0})
    with pytest.raises(UnknownName, match=r"unknown vertex 'fc1:11' \(layer 'fc1' holds 11.*did you mean 'fc1:1"):
        ng.edit(net, {("c2:0", "fc1:11"): 0.0})
    with pytest.raises(UnknownName, match="unknown change 'scael' of 'fc1:1': did you mean 'scale'"):
        ng.edit(net, {"fc1:1": {"scael": 2.0}})
    with pytest.raises(UnknownName, match="unknown granularity 'units': did you mean 'unit'"):
        ng.edit(net, {}, "units")
    for bad in (float("nan"), "0", None, True, {"shift": float("inf")}):
        with pytest.raises(InputError, match="expected a finite number"):
            ng.edit(net, {"fc1:1": bad})


@pytest.mark.parametrize(("changes", "kind"), [(["fc:0"], "list"), ("fc:0", "str"), (None, "NoneType")])
def test_network_edit_asks_for_a_dict(changes: Any, kind: str) -> None:
    net = ng.trace(nn.Linear(2, 2), (2,))
    with pytest.raises(InputError, match=rf"changes= is a {kind}: expected a dict of what becomes of which vertex"):
        ng.edit(net, changes)
