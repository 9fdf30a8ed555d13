"""Classes as targets and labels: whole numbers, in whatever dtype, and nothing is rounded on the quiet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import netgraph as ng
from netgraph.errors import InputError

X = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))


def _net() -> ng.Network:
    torch.manual_seed(0)
    return ng.trace(nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)), (5,))


@pytest.mark.parametrize("kind", ["target", "labels", "by"])
@pytest.mark.parametrize(
    ("classes", "shown"),
    [
        (torch.tensor([0.9, 1.9, 0.2, 2.7]), "0.9"),
        (np.array([0.0, 1.0, 2.0, 1.5]), "1.5"),
        (torch.tensor([0.0, float("nan"), 1.0, 2.0]), "nan"),
        (torch.tensor([0.0, float("inf"), 1.0, 2.0]), "inf"),
        ([0.25, 1, 2, 0], "0.25"),
    ],
)
def test_network_classes_that_are_not_whole_are_refused(classes: Any, shown: str, kind: str) -> None:
    net = _net()
    options: dict[str, dict[str, Any]] = {
        "target": {"target": classes},
        "labels": {"target": "label", "labels": classes},
        "by": {"target": 0, "by": "label", "labels": classes},
    }
    name = "target" if kind == "target" else "labels"
    for aggregate in ("mean", "std"):
        with pytest.raises(InputError, match=rf"{name} holds {shown}, which is no class number: .*argmax\(1\)"):
            net.graph(inputs=X, aggregate=aggregate, **options[kind])


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.float32, torch.float64, torch.bfloat16])
def test_network_whole_classes_of_any_dtype_are_the_same_target(dtype: torch.dtype) -> None:
    net, classes = _net(), torch.tensor([0, 2, 1, 2])
    logits = net.outputs(X)
    wanted = float(logits[np.arange(4), classes.numpy()].mean())
    assert net.graph(inputs=X, target=classes.to(dtype)).meta["target_value"] == pytest.approx(wanted)
    labelled = net.graph(inputs=X, target="label", labels=classes.to(dtype))
    assert labelled.meta["target_value"] == pytest.approx(wanted)
    assert list(net.graph(inputs=X, target=0, by="label", labels=classes.to(dtype))) == [0, 1, 2]


@pytest.mark.parametrize("bad", [1.5, float("nan"), torch.tensor(0.5), np.float64(2.5), "label-ish", True])
def test_network_one_class_that_is_not_whole_is_refused(bad: Any) -> None:
    with pytest.raises(InputError, match=r"is no class of this network|expected a class number"):
        _net().graph(inputs=X, target=bad)


def test_network_truth_values_are_no_classes() -> None:
    with pytest.raises(InputError, match=r"truth values, expected class numbers: target.long\(\)"):
        _net().graph(inputs=X, target=torch.tensor([True, False, True, True]))


def test_network_a_loader_of_numbers_to_predict_needs_no_classes() -> None:
    """Labels that nobody asked for may be anything."""
    net = _net()
    loader = [(X[:2], torch.tensor([0.3, 0.7])), (X[2:], torch.tensor([0.1, 0.2]))]
    assert net.graph(inputs=loader, target=0).meta["inputs"] == 4
    with pytest.raises(InputError, match=r"needs a label for each input"):
        net.graph(inputs=loader, target="label")
