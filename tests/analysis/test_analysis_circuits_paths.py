"""Paths inside a circuit: their shares by hand, and against the frozen network with the circuit's edges alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from boolean_networks import xor_at_one_one
from torch import nn
from trained_networks import digits_mlp

import netgraph as ng
from netgraph.analysis.circuits import Circuit
from netgraph.errors import AnalysisError

Array = np.ndarray[Any, Any]


def mask_of(found: Circuit, module: str) -> torch.Tensor:
    (block,) = [i for i, b in enumerate(found.whole.blocks) if b.target == module]
    return torch.from_numpy(np.asarray(found.masks[block])).double()


def test_xor_has_two_pairs_of_paths_and_one_of_a_bias() -> None:
    known = xor_at_one_one()
    for granularity in ("unit", "channel"):
        found = ng.circuit(
            ng.trace(known.model, known.x), known.x, corrupted="zero", score="attribution", granularity=granularity
        )
        listed = found.paths()
        told = dict(zip(listed["vertices"], listed["value"], strict=True))
        assert told == {**known.paths, ("linear_0.bias:0", "linear_0:1", "linear_2:0"): 2}
        assert sorted(listed["value"]) == [-2, -2, 1, 1, 2]
        assert listed.attrs["total"] == listed.attrs["target_value"] == 0
        assert listed.attrs["total_abs"] == 8
        grouped = found.paths(group="input")
        # From h1: 1 + 1. From h2: −2 −2, and +2 of its bias.
        assert dict(zip(grouped["vertices"], grouped["value"], strict=True)) == {
            ("linear_0:0", "linear_2:0"): 2,
            ("linear_0:1", "linear_2:0"): -2,
        }
        assert (found.paths(sign="positive")["value"] > 0).tolist() == [True] * 3


def test_of_half_of_xor_the_other_half_is_missing() -> None:
    # The circuit of the unit h2 alone: x1, x2 and its bias through h2, −2 −2 +2 of y = 0, and of z(h2) = 1: 1 + 1 − 1.
    known = xor_at_one_one()
    found = ng.circuit(ng.trace(known.model, known.x), known.x, corrupted="zero", score="attribution", edges=3)
    assert found.graph.ids.tolist() == ["input:0", "input:1", "linear_0:1", "linear_2:0"]
    assert sorted(found.paths()["value"]) == [-2, -2, 2]
    hidden = found.paths(target="linear_0:1")
    assert hidden["value"].tolist() == [1, 1, -1]
    assert hidden.attrs["target_value"] == 1
    assert hidden.attrs["circuit_share"] == 1
    with pytest.raises(AnalysisError, match="no path ends there"):
        found.paths(target="linear_0:0")


def test_a_centred_logit_is_shared_among_paths_to_every_logit() -> None:
    # y = (3a, b): the centred logit 0 of (2, 1) is 6 − 1, from y1 with slope −1.
    model = nn.Linear(2, 2, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.diag(torch.tensor([3.0, 1.0])))
    x = torch.tensor([[2.0, 1.0]], dtype=torch.float64)
    found = ng.circuit(ng.trace(model, x), x, target=0, corrupted="zero")
    listed = found.paths()
    start, end = found.whole.layers[0].name, found.whole.layers[-1].name
    assert listed["vertices"].tolist() == [(f"{start}:0", f"{end}:0"), (f"{start}:1", f"{end}:1")]
    assert listed["value"].tolist() == [6, -1]
    assert listed["share"].tolist() == [6 / 5, -1 / 5]
    assert listed.attrs["target_value"] == 5
    assert found.paths(sign="negative")["value"].tolist() == [-1]
    assert found.paths(target=f"{end}:0")["value"].tolist() == [6]
    assert "hold 100.00% of the target's value" in repr(listed)


def frozen_mlp(model: nn.Sequential, found: Circuit, x: torch.Tensor) -> Array:
    """(outputs,) of the network with the gates that it has at x, the circuit's edges, and its vertices' biases."""
    full = kept = x[0]
    for at, module in enumerate(model):
        if isinstance(module, nn.Linear):
            mask = mask_of(found, f"linear_{at}")
            kept = (module.weight * mask) @ kept + module.bias * (mask.sum(1) > 0)
            full = module(full)
        else:
            kept, full = kept * (full > 0), module(full)
    return np.asarray(kept.detach().numpy())


@pytest.mark.parametrize("granularity", ["unit", "channel"])
def test_all_paths_are_the_frozen_network_with_the_circuit_alone(granularity: str) -> None:
    net, (x, y), _ = digits_mlp(0)
    found = ng.circuit(net, x[:100], y[:100], target=3, edges=60, granularity=granularity, score="eap")
    one = x[y == 3][:1]
    listed = found.paths(k=100_000, inputs=one)
    kept = frozen_mlp(net.model, found, one)
    centred = kept[3] - np.delete(kept, 3).mean()
    logits = net.outputs(one)[0]
    value = logits[3] - np.delete(logits, 3).mean()
    assert len(listed) == listed.attrs["paths"]
    assert listed["value"].sum() == pytest.approx(centred, rel=1e-10)
    assert listed.attrs["total"] == pytest.approx(centred, rel=1e-10)
    assert listed.attrs["target_value"] == pytest.approx(value, rel=1e-10)
    assert listed.attrs["circuit_share"] == pytest.approx(centred / value, rel=1e-10)
    edges = set(zip(found.scores["source"], found.scores["target"], strict=True))
    for path in listed["vertices"]:
        steps = list(pairwise(path))
        assert all(step in edges or step[0].partition(":")[0].endswith(".bias") for step in steps)
    few = found.paths(k=5, inputs=one)
    assert few["value"].tolist() == listed["value"].tolist()[:5]
    assert few.attrs["total"] == listed.attrs["total"]
    assert few.attrs["listed_share"] == pytest.approx(few["value"].sum() / value)


class Images(nn.Module):
    """Two convolutions, a mean over halves, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2, self.fc = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 4, 3), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = nn.functional.relu(self.c2(nn.functional.relu(self.c1(x))))
        return self.fc(nn.functional.avg_pool2d(h, 2).flatten(1))  # type: ignore[no-any-return]


def test_routes_of_channels_are_the_frozen_network_with_the_circuit_alone() -> None:
    torch.manual_seed(0)
    model = Images().double()
    x = torch.randn(8, 2, 6, 6, dtype=torch.float64)
    found = ng.circuit(ng.trace(model, x[:1]), x, target=1, corrupted="zero", edges=14, score="attribution")
    one = x[3:4]
    listed = found.paths(inputs=one)
    m1, m2, m3 = mask_of(found, "c1"), mask_of(found, "c2"), mask_of(found, "fc")
    assert 0 < len(found) < len(found.whole.edges)

    def biases(module: Any, mask: torch.Tensor) -> torch.Tensor:
        return module.bias * (mask.sum(1) > 0)

    with torch.no_grad():
        z1 = model.c1(one)
        z2 = model.c2(z1.relu())
        k1 = nn.functional.conv2d(one, model.c1.weight * m1[..., None, None], biases(model.c1, m1), padding=1)
        k2 = nn.functional.conv2d(k1 * (z1 > 0), model.c2.weight * m2[..., None, None], biases(model.c2, m2))
        pooled = nn.functional.avg_pool2d(k2 * (z2 > 0), 2).flatten(1)
        kept = (pooled @ (model.fc.weight * m3.repeat_interleave(4, dim=1)).T + biases(model.fc, m3))[0].numpy()
        logits = model(one)[0].numpy()
    centred = kept[1] - (kept[0] + kept[2]) / 2
    assert listed.attrs["total"] == pytest.approx(centred, rel=1e-10)
    assert listed["value"].sum() == pytest.approx(centred, rel=1e-10)
    assert listed.attrs["target_value"] == pytest.approx(logits[1] - (logits[0] + logits[2]) / 2, rel=1e-10)
    assert "every route scored; inside the circuit" in listed.attrs["rule"]
    assert any(path[0].endswith(".bias:0") for path in listed["vertices"])
    few = found.paths(k=3, inputs=one)
    assert few["value"].tolist() == listed["value"].tolist()[:3]
    assert few.attrs["total"] == pytest.approx(centred, rel=1e-10)


def test_without_an_input_paths_are_a_ranking() -> None:
    net, (x, y), _ = digits_mlp(0)
    found = ng.circuit(net, x[:100], y[:100], target=3, edges=60, score="eap")
    listed = found.paths(k=10)
    assert "candidates" in listed.attrs["rule"]
    assert "share" not in listed
    assert found.paths(k=10, weight="weight").attrs["weight"] == "weight"


def test_what_has_no_share_is_told() -> None:
    net, (x, y), _ = digits_mlp(0)
    found = ng.circuit(net, x[:100], y[:100], target="label", edges=200, score="eap")
    with pytest.raises(AnalysisError, match="holds 2 inputs, and a path has a share at one"):
        found.paths(inputs=x[:2])
    with pytest.raises(AnalysisError, match=r"every input's own class: say that of this one, labels=\[c\]"):
        found.paths(inputs=x[:1])
    assert len(found.paths(k=3, inputs=x[:1], labels=y[:1])) == 3
    model = nn.Linear(2, 1, bias=False)
    dead = ng.circuit(ng.trace(model, (2,)), torch.ones(1, 2), corrupted="zero")
    with pytest.raises(AnalysisError, match="nothing flows from this circuit to its target"):
        dead.paths(inputs=torch.zeros(1, 2))
