"""The tape: it is the model, for any way of writing it, and the model is left as it was."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
import torch
from network_zoo import ZOO, make
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.network.elements import positions, put_elements, take_elements
from netgraph.network.play import play
from netgraph.network.record import record


@pytest.mark.parametrize("name", ZOO)
def test_network_the_tape_is_the_model_on_other_values(name: str) -> None:
    model, x = make(name, torch.float64)
    tape = record(model, (x,))
    other = torch.randn_like(x)
    with torch.no_grad():
        assert torch.allclose(play(tape, [other])[0], model(other), atol=1e-13)
        assert torch.allclose(play(tape, [x.float()], torch.float32)[0], model(x).float(), atol=1e-4)


@pytest.mark.parametrize("name", ["resnet-relu", "in-place", "functional"])
def test_network_the_model_is_as_before(name: str) -> None:
    model, x = make(name)
    calls: list[str] = []
    handle = model.register_forward_hook(lambda *_: calls.append("hook"))
    loss = model(x).sum()
    loss.backward()
    calls.clear()
    flags = [m.training for m in model.modules()]
    state = {k: v.clone() for k, v in model.state_dict().items()}
    gradients = {k: p.grad.clone() for k, p in model.named_parameters() if p.grad is not None}
    wants = {k: p.requires_grad for k, p in model.named_parameters()}
    hooks = len(torch.nn.modules.module._global_forward_hooks)
    generators = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    given = x.clone()

    net = ng.trace(model, x)
    net.graph(inputs=x, target=0)
    net.graph("unit", inputs=x[:1], target=0)
    net.verify(x[:1])
    net.activations(x)

    assert [m.training for m in model.modules()] == flags
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert all(torch.equal(p.grad, gradients[k]) for k, p in model.named_parameters() if p.grad is not None)
    assert {k: p.requires_grad for k, p in model.named_parameters()} == wants
    assert list(model._forward_hooks) == [handle.id] and len(torch.nn.modules.module._global_forward_hooks) == hooks
    assert torch.equal(torch.get_rng_state(), generators[0])
    assert (np.random.get_state()[1] == generators[1]).all() and random.getstate() == generators[2]  # noqa: NPY002
    assert torch.equal(x, given) and not x.requires_grad


def test_network_training_mode_is_read_as_evaluation_and_kept() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    before = model[1].running_mean.clone()
    with pytest.warns(UserWarning, match="training mode, where BatchNorm1d"):
        net = ng.trace(model, torch.randn(4, 3))
    assert model.training and model[2].training
    assert torch.equal(model[1].running_mean, before)
    x = torch.randn(2, 3)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = net(x)
        assert torch.allclose(got, model.eval()(x))


def test_network_a_forward_pass_that_writes_to_its_buffers_is_undone() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 2)
            self.register_buffer("seen", torch.zeros(3, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen[0] = x[0]
            self.seen += 1
            return self.fc(x) + self.seen[0]

    model = Counts()
    x = torch.randn(1, 2)
    net = ng.trace(model, x)
    assert torch.equal(model.seen, torch.zeros(3, 2))
    with torch.no_grad():
        assert torch.allclose(net(x), model.fc(x) + x + 1)
    assert net.verify(x).completeness_error <= 1e-12


def test_network_random_numbers_in_the_model_are_frozen() -> None:
    model = nn.Linear(3, 2)
    with pytest.warns(ng.NetgraphWarning, match=r"aten::rand \(test_network_record.py:\d+\) draws random numbers"):
        net = ng.trace(lambda x: model(x) + torch.rand(2), torch.randn(1, 3))
    x = torch.randn(2, 3)
    assert torch.equal(net(x), net(x))


def test_network_branches_on_values_are_recorded_again() -> None:
    torch.manual_seed(0)
    a, b = nn.Linear(3, 2), nn.Linear(3, 2)

    def model(x: torch.Tensor) -> torch.Tensor:
        return a(x) if x.sum() > 0 else b(x)

    with pytest.warns(ng.NetgraphWarning, match="looks at a value"):
        net = ng.trace(model, torch.ones(1, 3))
    for x in (torch.ones(1, 3), -torch.ones(1, 3)):
        with torch.no_grad():
            assert torch.allclose(net(x), model(x))
        graph = net.graph(inputs=x, target=1)
        assert graph.meta["target_value"] == pytest.approx(float(model(x)[0, 1].detach()))
    both = torch.stack([torch.ones(3), -torch.ones(3)])
    with pytest.raises(ng.NetgraphError):
        net.graph(inputs=torch.zeros(0, 3), target=1)
    assert net.activations(both[:1]).shape[0] == 1


def test_network_functions_and_tied_weights() -> None:
    w = torch.randn(4, 4, dtype=torch.float64)

    def model(x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            x = F.relu(x @ w)
        return x @ w.t()

    x = torch.randn(2, 4, dtype=torch.float64)
    found = ng.trace(model, x).verify(x)
    assert found, str(found)


def test_network_dict_and_named_outputs() -> None:
    class Output:
        def __init__(self, logits: torch.Tensor) -> None:
            self.extra, self.logits = logits * 2, logits

    fc = nn.Linear(3, 2)
    x = torch.randn(1, 3)
    for model in (lambda t: {"aux": t, "logits": fc(t)}, lambda t: Output(fc(t)), lambda t: (fc(t), t)):
        net = ng.trace(model, x)
        assert np.allclose(net.outputs(x), fc(x).detach().numpy())


def test_network_elements_are_found_in_any_memory_layout() -> None:
    base = torch.randn(2, 3, 4).permute(2, 0, 1)
    view = base[1:3, :, ::2]
    places = positions(base, tuple(view.shape), view.stride(), int(view.storage_offset()))
    assert places is not None
    assert torch.equal(take_elements(base, places), view)
    written = put_elements(base, places, torch.zeros(view.shape))
    expected = base.clone()
    expected[1:3, :, ::2] = 0
    assert torch.equal(written, expected)
    assert positions(view, tuple(base.shape), base.stride(), int(base.storage_offset())) is None


def test_network_inputs_of_different_branches_are_told_apart() -> None:
    torch.manual_seed(0)
    a, b = nn.Linear(3, 2), nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))

    def model(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([a(row[None]) if row.sum() > 0 else b(row[None]) for row in x])

    both = torch.stack([torch.ones(3), -torch.ones(3)])
    with pytest.warns(ng.NetgraphWarning, match="looks at a value"):
        net = ng.trace(model, both)
    with torch.no_grad():
        assert np.allclose(net.outputs(both), model(both).numpy())
    with pytest.raises(ng.NetgraphError, match=r"different branches of the model .*one at a time"):
        net.graph(inputs=both, target=0)
    for one in both:
        graph = net.graph(inputs=one[None], target=0)
        assert graph.meta["target_value"] == pytest.approx(float(model(one[None])[0, 0].detach()))
        assert graph.meta["exact"]
