"""Parameters that are no plain finite numbers: each its own error, with the layer and the mend; or read as 0."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import netgraph as ng
from netgraph.errors import (
    InputError,
    NetgraphWarning,
    NonFiniteError,
    ParameterError,
    UnknownName,
    UnsupportedOperation,
)


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def broken() -> nn.Sequential:
    model = mlp()
    model[0].weight.data[1, 2] = float("nan")
    model[0].weight.data[3, 0] = float("inf")
    model[2].bias.data[1] = -float("inf")
    return model


def with_weight(change: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    model = mlp()
    model[2].weight = nn.Parameter(change(model[2].weight.detach()), requires_grad=False)
    return model


def quantised_buffer() -> nn.Module:
    model = mlp()
    weight = model[2]._parameters.pop("weight")
    model[2].register_buffer("weight", torch.quantize_per_tensor(weight.detach(), 0.1, 0, torch.qint8))
    return model


def dynamically_quantised() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch moves this to another package
        return torch.ao.quantization.quantize_dynamic(mlp(), {nn.Linear}, torch.qint8)


def lazy() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.LazyLinear(2))


def sized(*layers: tuple[int, int]) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch: initialising zero elements
        return nn.Sequential(*[nn.Linear(a, b) for a, b in layers])


def thin() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.Sequential(nn.Conv2d(1, 2, 2), nn.Conv2d(2, 0, 1), nn.Flatten())


def sparse(weight: torch.Tensor) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch: sparse CSR is in beta
        return weight.to_sparse_csr()


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "dynamic": (dynamically_quantised, r"layer '0' \(Linear\) is quantised.*Trace the float model"),
    "qint8": (quantised_buffer, r"layer '2': weight is quantised \(torch.qint8\).*tensor.dequantize\(\)"),
    "sparse": (
        lambda: with_weight(torch.Tensor.to_sparse),
        r"layer '2': weight is sparse \(torch.sparse_coo\).*to_dense",
    ),
    "sparse-rows": (lambda: with_weight(sparse), r"layer '2': weight is sparse \(torch.sparse_csr\).*to_dense"),
    "complex": (lambda: with_weight(lambda w: w + 1j), r"layer '2': weight is complex \(torch.complex64\).*imaginary"),
    "float8": (lambda: with_weight(lambda w: w.to(torch.float8_e4m3fn)), r"is torch.float8_e4m3fn.*model.float\(\)"),
    "meta": (lambda: mlp().to("meta"), r"layer '0': weight is on the meta device.*load_state_dict\(…, assign=True\)"),
    "lazy": (lazy, r"layer '1': weight is not initialised.*Run the model once"),
    "no-units": (
        lambda: sized((3, 0), (0, 2)),
        r"layer '0' \(Linear\) has a weight of shape \(0, 3\).*Remove the layer",
    ),
    "no-inputs": (lambda: sized((3, 2), (0, 2)), r"layer '1' \(Linear\) has a weight of shape \(2, 0\)"),
    "no-channels": (thin, r"layer '1' \(Conv2d\) has a weight of shape \(0, 2, 1, 1\), without a single number"),
}


@pytest.mark.filterwarnings("ignore:.*sparse.*:UserWarning", "ignore:.*quantiz.*", "ignore:.*TypedStorage.*")
@pytest.mark.parametrize("name", REFUSED)
def test_network_parameters_that_are_no_plain_numbers(name: str) -> None:
    build, words = REFUSED[name]
    with pytest.raises(ParameterError, match=words):
        ng.trace(build(), (1, 4, 4) if name == "no-channels" else (3,))


def test_network_layers_without_elements_that_are_no_parameters() -> None:
    weight = torch.zeros(3, 0)
    with pytest.raises(UnsupportedOperation, match=r"aten::mm .*shape \(3, 0\), without a single element"):
        ng.trace(lambda x: (x @ weight) @ weight.t(), torch.randn(1, 3))
    with pytest.raises(InputError, match="at least one input"):
        ng.trace(mlp(), torch.zeros(0, 3))
    with pytest.raises(InputError, match="no inputs"):
        ng.trace(mlp(), (3,)).graph(inputs=torch.zeros(0, 3), target=0)


def test_network_nonfinite_weights_are_refused_with_their_place() -> None:
    with pytest.raises(
        NonFiniteError, match=r"layer '0': weight holds 2 values .* first at index \(1, 2\).*nonfinite='drop'"
    ):
        ng.trace(broken(), (3,))


def test_network_nonfinite_weights_can_be_dropped() -> None:
    model = broken()
    before = {name: p.clone() for name, p in model.named_parameters()}
    with pytest.warns(NetgraphWarning, match=r"3 weights are NaN or infinite .*0.weight 2, 2.bias 1"):
        net = ng.trace(model, (3,), nonfinite="drop")
    for name, p in model.named_parameters():  # the caller's model is as it was
        assert torch.equal(p.nan_to_num(7, 8, 9), before[name].nan_to_num(7, 8, 9))
    graph = net.graph()
    assert dict(graph.meta["nonfinite"]) == {"0.weight": 2, "2.bias": 1}
    assert len(graph.edges) == 12 - 2 + 8
    assert graph.blocks[0].weight[1, 2] == graph.blocks[0].weight[3, 0] == 0
    check = net.verify(torch.randn(3, 3))
    assert check and "3 weights are NaN" in check.warnings[0]
    mended = mlp()
    mended[0].weight.data[1, 2] = mended[0].weight.data[3, 0] = mended[2].bias.data[1] = 0
    x = torch.randn(4, 3)
    assert torch.equal(net(x), mended(x))


def test_network_nothing_is_dropped_from_finite_weights() -> None:
    model = mlp()
    net = ng.trace(model, (3,), nonfinite="drop")
    assert net.model is model and "nonfinite" not in net.graph().meta
    with pytest.raises(UnknownName, match="unknown nonfinite 'dropp': did you mean 'drop'"):
        ng.trace(model, (3,), nonfinite="dropp")


def test_network_nonfinite_weights_of_a_file_can_be_dropped(tmp_path: Path) -> None:
    torch.save(broken().state_dict(), tmp_path / "w.pt")
    with pytest.raises(NonFiniteError):
        ng.load_network(tmp_path / "w.pt", activation="relu")
    with pytest.warns(NetgraphWarning, match="3 weights are NaN"):
        net = ng.load_network(tmp_path / "w.pt", activation="relu", nonfinite="drop")
    assert sum(net.graph().meta["nonfinite"].values()) == 3


def test_network_masks_may_hold_infinity_and_statistics_may_not() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.value = nn.Linear(3, 3)
            self.register_buffer("mask", torch.triu(torch.full((4, 4), -torch.inf), 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.value(torch.softmax(x @ x.transpose(1, 2) + self.mask, -1) @ x).mean(1)

    assert ng.trace(Masked(), (4, 3)).verify(torch.randn(2, 4, 3))
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).eval()
    model[1].running_var[1] = float("inf")
    with pytest.raises(NonFiniteError, match=r"layer '1': running_var holds 1 values .*index \(1,\)"):
        ng.trace(model, (3,))


def test_network_nan_in_a_closure_is_refused_where_it_is_read() -> None:
    weight = torch.full((2, 3), float("nan"))
    with pytest.raises(NonFiniteError, match=r"constant of shape \(2, 3\) holds 6 .*test_network_parameters.py:\d+"):
        ng.trace(lambda x: x @ weight.t(), torch.randn(1, 3))


def test_network_tied_weights_are_read_twice() -> None:
    torch.manual_seed(0)
    shared = nn.Linear(4, 4)
    net = ng.trace(nn.Sequential(shared, nn.ReLU(), shared, nn.Tanh(), shared), (4,))
    graph = net.graph()
    assert net.verify(torch.randn(2, 4))
    assert [layer.name for layer in graph.layers[1:]] == ["linear_0", "linear_0#2", "linear_0#3"]
    assert all((block.weight == shared.weight.detach().numpy()).all() for block in graph.blocks)


def test_network_training_mode_is_read_as_evaluation_and_left() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    model[1].running_mean.normal_()
    statistics = model[1].running_mean.clone()
    model[2].eval()
    with pytest.warns(UserWarning, match="training mode, where BatchNorm1d does something else"):
        net = ng.trace(model, (3,))
    assert model.training and model[1].training and not model[2].training
    assert torch.equal(model[1].running_mean, statistics)
    x = torch.randn(4, 3)
    model.eval()
    with torch.no_grad():
        assert torch.allclose(net(x), model(x), atol=1e-6)
    check = net.verify(x)
    assert check and any("training mode" in w for w in check.warnings)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_network_half_precision_weights_are_their_own_values(dtype: torch.dtype) -> None:
    model = mlp().to(dtype)
    net = ng.trace(model, (3,))
    assert net.verify(torch.randn(2, 3)) and net.dtype == dtype
    assert (net.graph().blocks[0].weight == model[0].weight.detach().float().numpy()).all()
