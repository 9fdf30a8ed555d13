"""Broken models and inputs: one clear error that names the place and the mend."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from network_zoo import make
from torch import nn

import netgraph as ng
from netgraph.errors import InputError, NonFiniteError, RecordError, UnsupportedOperation


def test_network_a_wrong_input_shape_names_the_layer() -> None:
    with pytest.raises(InputError, match=r"'0' \(Conv2d\).*expects 3 input channels") as caught:
        ng.trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), (1, 8, 8))
    assert "(1, 1, 8, 8)" in str(caught.value)
    with pytest.raises(InputError, match=r"'fc' \(Linear\).*expects 12 input features"):
        model = nn.Sequential()
        model.add_module("fc", nn.Linear(12, 2))
        ng.trace(model, (13,))


def test_network_inputs_of_another_rank_or_kind() -> None:
    model, x = make("lenet-relu")
    net = ng.trace(model, x)
    with pytest.raises(InputError, match=r"expected \(N, 1, 14, 14\): add a batch axis"):
        net.graph(inputs=x[0], target=0)
    with pytest.raises(InputError, match="no inputs"):
        net.activations(x[:0])
    with pytest.raises(InputError, match="NaN or infinite"):
        net(x * float("nan"))
    with pytest.raises(InputError, match="2 inputs, expected 1"):
        net((x, x))
    assert np.allclose(net.outputs(x.numpy()), net.outputs(x))


@pytest.mark.parametrize("example", ["text", None, torch.tensor(1.0), torch.zeros(0, 3), ()])
def test_network_an_example_must_be_one(example: object) -> None:
    with pytest.raises(InputError, match="example"):
        ng.trace(nn.Linear(3, 2), example)


def test_network_nan_weights_name_the_layer_and_place() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[1].weight.data[1, 2] = float("nan")
    model[1].weight.data[1, 3] = float("inf")
    with pytest.raises(NonFiniteError, match=r"layer '1': weight holds 2 values .* first at index \(1, 2\)"):
        ng.trace(model, (3,))


def test_network_an_unknown_operation_names_itself_its_module_and_line() -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.inv(x)

    model = nn.Sequential(nn.Linear(3, 3), Odd())
    with pytest.raises(
        UnsupportedOperation, match=r"aten::linalg_inv_ex in module '1' \(test_network_errors.py:\d+\)"
    ) as caught:
        ng.trace(model, torch.randn(1, 3, 3))
    assert "has no rule" in str(caught.value)


def test_network_an_unknown_elementwise_operation_is_a_gate_with_a_warning() -> None:
    model = nn.Linear(3, 2)
    x = torch.randn(1, 3)
    with pytest.warns(UserWarning, match="aten::special_erfcx.*secant"):
        net = ng.trace(lambda t: torch.special.erfcx(model(t)), x)
    check = net.verify(x)
    assert check and [w for w in check.warnings if "erfcx" in w and "secant" in w] == list(check.warnings)


def test_network_an_output_that_forgets_the_input() -> None:
    with pytest.raises(RecordError, match="does not depend on the input"):
        ng.trace(lambda x: torch.zeros(1, 2), torch.randn(1, 3))


def test_network_an_error_of_the_model_itself() -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise KeyError("missing")

    with pytest.raises(RecordError, match=r"'0' \(Broken\) failed .* KeyError: 'missing'"):
        ng.trace(nn.Sequential(Broken()), torch.randn(1, 3))


def test_network_batch_statistics_are_refused() -> None:
    for model, shape in (
        (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False)), (4, 3)),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)), (2, 1, 5, 5)),
    ):
        with pytest.raises(UnsupportedOperation, match="statistics of the batch"):
            ng.trace(model.eval(), torch.randn(shape))
