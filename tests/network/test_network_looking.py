"""Models that look at values: each place is told once, the model recorded anew, and nothing wrong in silence."""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import netgraph as ng
from netgraph.errors import NetgraphWarning, RecordError

w = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def item(x: torch.Tensor) -> torch.Tensor:
    return x @ w * x.sum().item()


def branch(x: torch.Tensor) -> torch.Tensor:
    return x @ w if x.sum() > 0 else -2 * x @ w


def loop(x: torch.Tensor) -> torch.Tensor:
    while bool(x.norm() > 1):
        x = x / 2
    return x @ w


def listed(x: torch.Tensor) -> torch.Tensor:
    return x @ w * max(x.abs().amax(1).tolist())


def through_numpy(x: torch.Tensor) -> torch.Tensor:
    return x @ w + torch.from_numpy(np.tanh(x.detach().numpy()))[:, :3]


def through_array(x: torch.Tensor) -> torch.Tensor:
    return x @ w + torch.as_tensor(np.sin(np.asarray(x.detach())))[:, :3]


def through_memory(x: torch.Tensor) -> torch.Tensor:
    x = x.contiguous()
    raw = np.frombuffer(ctypes.string_at(x.data_ptr(), x.numel() * x.element_size()), str(x.dtype).split(".")[1])
    return x @ w + torch.tensor(raw.reshape(x.shape).copy())[:, :3]


LOOKS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "item": (item, "looks at a value"),
    "branch": (branch, "looks at a value"),
    "loop": (loop, "looks at a value"),
    "tolist": (listed, "looks at a value"),
    "numpy": (through_numpy, "out of torch"),
    "array": (through_array, "out of torch"),
    "memory": (through_memory, "out of torch"),
}


@pytest.mark.parametrize("name", LOOKS)
def test_network_looks_are_told_once_and_every_input_has_its_own_graph(name: str) -> None:
    model, said = LOOKS[name]
    first, second = (torch.randn(1, 4, generator=torch.Generator().manual_seed(i)) for i in (1, 2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = ng.trace(model, first)
        for x in (first, second, -second):
            assert torch.allclose(net(x), model(x), atol=1e-6)
            found = net.verify(x)
            assert found and max(found.errors.values()) <= 1e-10, str(found)
            graph = net.graph(inputs=x, target=1)
            assert graph.meta["target_value"] == pytest.approx(float(model(x)[0, 1]), abs=1e-5)
    told = [str(c.message) for c in caught if issubclass(c.category, NetgraphWarning)]
    assert len(told) == 1
    assert said in told[0] and "test_network_looking.py:" in told[0] and "recorded anew for every input" in told[0]


def test_network_what_left_torch_is_a_constant_with_no_share_of_the_input() -> None:
    x = torch.randn(1, 4)
    with pytest.warns(NetgraphWarning, match="no share of the input"):
        net = ng.trace(through_numpy, x)
    graph = net.graph(inputs=x, target=0)
    assert np.allclose(graph.columns["attribution"][:4], (x[0] * w[:, 0]).numpy(), atol=1e-6)
    assert float(graph.columns["constant_share"].sum()) == pytest.approx(float(torch.tanh(x[0, 0])), abs=1e-6)


def test_network_a_whole_way_through_numpy_is_an_error() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(x.detach().numpy() @ w.numpy())

    with pytest.warns(NetgraphWarning), pytest.raises(RecordError, match=r"does not depend on the input .*numpy"):
        ng.trace(model, torch.randn(1, 4))


def test_network_constants_of_a_model_are_no_detour() -> None:
    """Literals, tensors of a closure and random numbers are the same at every input: only the draw is told."""
    table, model = torch.randn(3), nn.Linear(4, 3)
    with pytest.warns(NetgraphWarning, match="aten::rand .*draws random numbers") as told:
        net = ng.trace(
            lambda x: model(x) * torch.tensor([1.0, 2.0, 3.0]) + table + torch.rand(3) + np.float32(0.5), (4,)
        )
    assert len(told) == 1
    assert net.verify(torch.randn(2, 4))


def test_network_looking_at_what_does_not_depend_on_the_input_is_free() -> None:
    model = nn.Linear(4, 3)

    def weighed(x: torch.Tensor) -> torch.Tensor:
        norm = float(model.weight.detach().numpy().max()) + model.bias.sum().item()
        return model(x) * norm

    net = ng.trace(weighed, (4,))
    assert not net.programs.program().tape.branches and net.verify(torch.randn(2, 4))
