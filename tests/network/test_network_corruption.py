"""What cut edges carry: means of any number of batches, zeros, another input's activations, counterfactuals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from network_zoo import ZOO, make
from torch import nn

import netgraph as ng
from netgraph.errors import AnalysisError, InputError, UnknownName
from netgraph.network.corruption import CORRUPTED, Corruption, over_inputs

TOLERANCE = 1e-12


def corruption(net: ng.Network, x: torch.Tensor, corrupted: object, **options: object) -> Corruption:
    return Corruption(net, net.programs.numbering("channel", [x]), [x], corrupted, **options)  # type: ignore[arg-type]


def inputs(name: str, n: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *ZOO[name][1], generator=generator, dtype=torch.float64)


# -- means -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [256, 4, 3, 1])
@pytest.mark.parametrize("name", ["mlp-relu", "lenet-relu", "transformer", "lstm", "squeeze-excite"])
def test_network_corruption_a_mean_is_that_of_each_input_alone(
    name: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the last batch holds a single input, and where inputs are played one by one."""
    model, _ = make(name, torch.float64)
    x = inputs(name, 7)
    net = ng.trace(model, x[:1])
    alone = [corruption(net, one[None], "mean").of(0) for one in x]  # the mean over one input is the input's own
    monkeypatch.setattr("netgraph.network.inputs.BATCH", batch)
    found = corruption(net, x, "mean").of(0)
    assert len(found) > 2
    for at, values in found.items():
        for i, value in enumerate(values):
            expected = torch.stack([its[at][i] for its in alone]).mean(0)
            assert value.shape == expected.shape  # that of a single input
            torch.testing.assert_close(value, expected, rtol=0, atol=TOLERANCE)


def test_network_corruption_a_mean_of_single_precision_is_summed_in_double() -> None:
    """1 + 2⁻²⁰ · k over 4,096 inputs, far from 0: sums in float32 would lose the last digits."""
    net = ng.trace(nn.Linear(1, 1), (1,))
    x = 1000 + torch.arange(4096, dtype=torch.float32)[:, None] / 4096
    (mean,) = next(iter(corruption(net, x, "mean").of(0).values()))
    assert float(mean) == float(np.float32(1000 + 4095 / 8192))


def test_network_corruption_sums_along_the_axis_that_grew() -> None:
    value = torch.arange(24.0).reshape(2, 3, 4)
    assert torch.equal(over_inputs(value, (2, 1, 4), 3), value.sum(1, keepdim=True).double())
    assert torch.equal(over_inputs(value, (2, 3, 1), 4), value.sum(2, keepdim=True).double())
    assert torch.equal(over_inputs(value, (2, 3, 4), 1), value)  # a batch of one
    assert torch.equal(over_inputs(value, (2, 3, 4), 5), 5 * value)  # the same for all inputs


class Constant(nn.Module):
    """A vertex that no input moves beside one that they do."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 1, bias=False)
        self.token = nn.Parameter(torch.tensor([10.0, 20.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.cat([x, self.token.expand(len(x), 2)], 1))


def test_network_corruption_of_a_constant_is_the_constant_or_nothing() -> None:
    model = Constant()
    nn.init.ones_(model.fc.weight)
    net = ng.trace(model, (3,))
    x = torch.tensor([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])
    none = [np.zeros(b.shape) for b in net.graph().blocks]
    assert net.masked(x, none).tolist() == [[39.0], [39.0]]  # 2 + 3 + 4 + 30
    assert net.masked(x, none, corrupted="zero").tolist() == [[0.0], [0.0]]
    assert net.masked(x, none, corrupted=x.flip(0)).tolist() == [[42.0], [36.0]]


# -- partners ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 7, 50])
@pytest.mark.parametrize("seed", range(3))
def test_network_corruption_nobody_is_their_own_partner(n: int, seed: int) -> None:
    net = ng.trace(nn.Linear(1, 1), (1,))
    x = torch.arange(float(n))[:, None]
    found = corruption(net, x, "resample", seed=seed)
    again = corruption(net, x, "resample", seed=seed)
    assert found.name == "resample" and found.other is not None and again.other is not None
    partners = found.other[0][:, 0]
    assert bool((partners != x[:, 0]).all())
    assert sorted(partners.tolist()) == x[:, 0].tolist()  # everybody is somebody's
    assert torch.equal(partners, again.other[0][:, 0])


def test_network_corruption_partners_depend_on_the_seed_and_may_come_from_others() -> None:
    net = ng.trace(nn.Linear(1, 1), (1,))
    x, reference = torch.arange(20.0)[:, None], torch.arange(100.0, 103.0)[:, None]
    drawn = [corruption(net, x, "resample", seed=seed).other[0] for seed in range(2)]  # type: ignore[index]
    assert not torch.equal(*drawn)
    found = corruption(net, x, "resample", reference=[reference]).other
    assert found is not None and len(found[0]) == 20
    assert set(found[0][:, 0].tolist()) == {100.0, 101.0, 102.0}
    single = corruption(net, x[:1], "resample", reference=[reference[:1]]).other
    assert single is not None and single[0].tolist() == [[100.0]]


@pytest.mark.parametrize("name", ["mlp-relu", "resnet-relu", "gru"])
def test_network_corruption_resampled_is_the_network_at_the_partner(name: str) -> None:
    model, _ = make(name, torch.float64)
    x = inputs(name, 5)
    net = ng.trace(model, x[:1])
    partner = corruption(net, x, "resample", seed=4).other
    assert partner is not None
    none = [np.zeros(b.shape) for b in net.graph().blocks]
    found = net.masked(x, none, corrupted="resample", seed=4)
    np.testing.assert_allclose(found, net.outputs(partner[0]), rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(found, net.masked(x, none, corrupted=partner[0]), rtol=0, atol=TOLERANCE)
    kept = [np.indices(b.shape).sum(0) % 2 for b in net.graph().blocks]
    found = net.masked(x, kept, corrupted="resample", seed=4)
    np.testing.assert_allclose(found, net.masked(x, kept, corrupted=partner[0]), rtol=0, atol=TOLERANCE)


def test_network_corruption_of_several_inputs_moves_them_together() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(2, 3), nn.Linear(4, 3)

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.a(x)) * self.b(y)

    torch.manual_seed(0)
    net = ng.trace(Two().double(), (torch.zeros(1, 2).double(), torch.zeros(1, 4).double()))
    pair, other = [(torch.randn(3, 2).double(), torch.randn(3, 4).double()) for _ in range(2)]
    none = [np.zeros(b.shape) for b in net.graph().blocks]
    np.testing.assert_allclose(net.masked(pair, none, corrupted=other), net.outputs(other), rtol=0, atol=TOLERANCE)
    drawn = net.masked(pair, none, corrupted="resample")
    full = net.outputs(pair)
    order = [int(np.abs(full - row).max(1).argmin()) for row in drawn]
    assert sorted(order) == [0, 1, 2] and all(i != j for i, j in enumerate(order))
    np.testing.assert_allclose(drawn, full[order], rtol=0, atol=TOLERANCE)


# -- what is refused ---------------------------------------------------------------------------------


def test_network_corruption_what_is_refused() -> None:
    net = ng.trace(nn.Linear(2, 1), (2,))
    x = torch.randn(3, 2)
    with pytest.raises(UnknownName, match=r"\(or inputs, a counterfactual for each\): did you mean .mean."):
        net.masked(x, corrupted="meen")
    with pytest.raises(AnalysisError, match="holds 2 inputs for 3: pass a counterfactual for each, in their order"):
        net.masked(x, corrupted=x[:2])
    with pytest.raises(AnalysisError, match="there is only one: pass more inputs, reference= with others, or corr"):
        net.masked(x[:1], corrupted="resample")
    with pytest.raises(InputError, match=r"corrupted= holds inputs of shape \(4,\), and those .* shape \(2,\)"):
        net.masked(x, corrupted=torch.randn(3, 4))
    with pytest.raises(InputError, match=r"reference= holds inputs of shape \(4,\), and those .* shape \(2,\)"):
        net.masked(x, reference=torch.randn(3, 4))
    assert CORRUPTED == ("mean", "zero", "resample")
