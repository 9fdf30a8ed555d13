"""Outputs of any form, and the one among several that targets refer to."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

import netgraph as ng
from netgraph.errors import UnknownName


@dataclass(frozen=True)
class Frozen:
    loss: float | None
    logits: torch.Tensor


class Named(NamedTuple):
    hidden: torch.Tensor
    logits: torch.Tensor


class Plain:
    def __init__(self, logits: torch.Tensor, hidden: tuple[torch.Tensor, ...]) -> None:
        self.hidden, self.logits, self.note = hidden, logits, "seen"


class Heads(nn.Module):
    """A trunk and two heads; ``form`` says how they are handed back."""

    def __init__(self, form: Any) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.form = form
        self.trunk, self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 3), nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> Any:
        h = self.trunk(x).relu()
        return self.form(self.first(h), self.second(h))


FORMS: dict[str, tuple[Any, Any, int]] = {
    "tuple": (lambda a, b: (a, b), None, 0),
    "tuple-index": (lambda a, b: (a, b), 1, 1),
    "tuple-last": (lambda a, b: [a, b], -1, 1),
    "dict": (lambda a, b: {"a": a, "logits": b}, None, 1),
    "dict-key": (lambda a, b: OrderedDict(a=a, logits=b), "a", 0),
    "named": (Named, None, 1),
    "named-index": (Named, 0, 0),
    "frozen": (lambda a, b: Frozen(None, b), None, 1),
    "plain": (lambda a, b: Plain(a, (b,)), None, 0),
    "plain-attribute": (lambda a, b: Plain(a, (b,)), "hidden", 1),
    "nested": (lambda a, b: {"heads": [a, b], "n": 2}, "heads.1", 1),
    "nested-path": (lambda a, b: {"heads": [a, b]}, ("heads", 0), 0),
    "dotted-key": (lambda a, b: {"heads.1": b, "heads": a}, "heads.1", 1),
    "labels-first": (lambda a, b: (a.argmax(1), b), None, 1),
    "softmax": (lambda a, b: (a, b.softmax(1)), 1, 1),
}
x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", FORMS)
def test_network_outputs_of_every_form(name: str) -> None:
    form, wanted, which = FORMS[name]
    model = Heads(form)
    net = ng.trace(model, x, output=wanted)
    h = model.trunk(x).relu()
    expected = (model.first, model.second)[which](h).detach()
    assert np.allclose(net.outputs(x), expected, atol=1e-6)
    assert net.graph(inputs=x, target=1).meta["target_value"] == pytest.approx(float(expected[:, 1].mean()), abs=1e-6)
    found = net.verify(x)
    assert found and max(found.errors.values()) <= 1e-10, str(found)


@pytest.mark.parametrize("name", FORMS)
def test_network_calls_give_back_the_models_structure(name: str) -> None:
    model = Heads(FORMS[name][0])
    got, expected = ng.trace(model, x)(x), model(x)
    assert type(got) is type(expected)
    for one, other in ((vars(got), vars(expected)) if hasattr(got, "__dict__") else (got, expected),):
        flat = [torch.utils._pytree.tree_leaves(tree) for tree in (one, other)]
        assert len(flat[0]) == len(flat[1])
        for a, b in zip(*flat, strict=True):
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def test_network_heads_are_graphs_of_their_own() -> None:
    first, second = (ng.trace(Heads(lambda a, b: (a, b)), x, output=i).graph() for i in (0, 1))
    assert [layer.name for layer in first.layers] == ["input", "trunk", "first"]
    assert [layer.name for layer in second.layers] == ["input", "trunk", "second"]


def test_network_an_unknown_output_lists_what_exists() -> None:
    model = Heads(lambda a, b: {"heads": [a, b], "label": a.argmax(1)})
    with pytest.raises(UnknownName, match=r"unknown output 'heads.2': did you mean.*Known: heads.0, heads.1"):
        ng.trace(model, x, output="heads.2")
    with pytest.raises(UnknownName, match=r"'heads': it holds 2 tensors.*heads.0, heads.1"):
        ng.trace(model, x, output="heads")
    with pytest.raises(UnknownName, match="unknown output 'label'"):
        ng.trace(model, x, output="label")


@pytest.mark.parametrize("width", [0, 1])
def test_network_regressors_of_both_shapes_need_no_target(width: int) -> None:
    torch.manual_seed(width)
    body = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1))
    model = body if width else nn.Sequential(body, nn.Flatten(0))
    net = ng.trace(model, x)
    assert net(x).shape == ((3, 1) if width else (3,))
    assert net.graph(inputs=x).meta["target_value"] == pytest.approx(float(model(x).mean().detach()), abs=1e-6)
    assert net.verify(x)
