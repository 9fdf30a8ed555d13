"""Convolutions at channel granularity that read places of several vertices: against the list of all their elements."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import netgraph as ng
from netgraph.network.elementwise import Linear
from netgraph.network.mixed import MixedConvolution
from netgraph.network.reads import REDUCTIONS


class Rows(nn.Module):
    """Features of a linear layer laid out as maps, shifted, and read by a grouped convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.norm, self.conv = nn.Linear(3, 4 * 2 * 3), nn.BatchNorm2d(4), nn.Conv2d(4, 6, (2, 2), groups=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = torch.relu(self.fc(x)).reshape(-1, 4, 2, 3)
        return self.conv(self.norm(maps) + 0.5).flatten(1)


class Scaled(nn.Module):
    """The same maps at two scales, and at a scale of their own at each place."""

    def __init__(self, places: bool) -> None:
        super().__init__()
        self.c, self.d = nn.Conv2d(2, 8, 1), nn.Conv2d(2 if places else 4, 3, 3, padding=1)
        self.register_buffer("scale", torch.rand(1, 1, 6, 6) + 0.5 if places else torch.tensor(3.0))
        self.places = places

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.pixel_shuffle(self.c(x), 2)
        return self.d(h * self.scale if self.places else torch.cat([h, self.scale * h], 1))


NETS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "shuffle": (
        nn.Sequential(nn.Conv2d(2, 8, 1), nn.PixelShuffle(2), nn.ReLU(), nn.Conv2d(2, 3, 3, padding=1)),
        (2, 5, 5),
    ),
    "shuffle-bn": (
        nn.Sequential(
            nn.Conv2d(2, 8, 1), nn.PixelShuffle(2), nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3, stride=2), nn.BatchNorm2d(3)
        ),
        (2, 5, 5),
    ),
    "stride": (nn.Sequential(nn.Conv2d(2, 8, 1), nn.PixelShuffle(2), nn.Conv2d(2, 3, 2, stride=2)), (2, 4, 4)),
    "grouped": (nn.Sequential(nn.Conv2d(1, 16, 1), nn.PixelShuffle(2), nn.Conv2d(4, 4, 3, groups=2)), (1, 4, 4)),
    "transposed": (
        nn.Sequential(nn.Conv2d(1, 8, 1), nn.PixelShuffle(2), nn.ConvTranspose2d(2, 4, 3, stride=2, groups=2)),
        (1, 3, 3),
    ),
    "rows": (Rows(), (3,)),
    "scaled": (Scaled(False), (2, 3, 3)),
}


def perturbed(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    torch.manual_seed(0)
    model, shape = NETS[name]
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    return model.eval(), shape


@pytest.mark.parametrize("name", NETS)
def test_network_mixed_convolutions_are_what_their_elements_say(name: str) -> None:
    model, shape = perturbed(name)
    x = torch.randn(3, *shape, dtype=torch.float64)
    net = ng.trace(model, (*shape,))
    assert net.verify(x.float())
    numbering = net.programs.numbering("channel")
    (joint,) = [j for j in numbering.joints.values() if isinstance(j, MixedConvolution)]
    assert joint.few
    for how in REDUCTIONS:
        for got, expected in zip(
            joint.parts(numbering.layers, how), Linear.parts(joint, numbering.layers, how), strict=True
        ):
            assert got.source is expected.source
            np.testing.assert_allclose(got.weight.toarray(), expected.weight.toarray(), rtol=1e-6, atol=1e-7)
            if got.tap_sum is None:  # no vertex has two taps: the weight is their sum
                assert expected.tap_sum is None or np.allclose(got.weight.toarray(), expected.tap_sum.toarray())
            else:
                np.testing.assert_allclose(got.tap_sum.toarray(), expected.tap_sum.toarray(), rtol=1e-6, atol=1e-7)
    graph = net.graph(inputs=x, target=lambda out: out.flatten(1).square().sum(1))
    whole = MixedConvolution.few
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MixedConvolution, "few", property(lambda self: False))
        listed = net.graph(inputs=x, target=lambda out: out.flatten(1).square().sum(1))
    assert MixedConvolution.few is whole
    for name_of in ("weight", "contribution", "attribution"):
        np.testing.assert_allclose(
            graph.to_scipy(name_of).toarray(), listed.to_scipy(name_of).toarray(), rtol=1e-4, atol=1e-5
        )


def test_network_mixed_convolutions_are_not_listed() -> None:
    """32 channels behind a pixel shuffle at 64 × 64: 38 million elements would be listed, 4,096 edges are there."""
    net = ng.trace(nn.Sequential(nn.Conv2d(8, 32, 1), nn.PixelShuffle(2), nn.Conv2d(8, 32, 3, padding=1)), (8, 32, 32))
    graph = net.graph(inputs=torch.randn(1, 8, 32, 32), target=lambda out: out.sum((1, 2, 3)))
    assert [b.edges for b in graph.blocks] == [256, 32 * 32]
    joints = net.programs.numbering("channel").joints.values()
    assert not any("listed" in vars(j) for j in joints)


def test_network_mixed_convolutions_at_a_scale_of_each_place_are_listed() -> None:
    net = ng.trace(Scaled(True), (2, 3, 3))
    (joint,) = [j for j in net.programs.numbering("channel").joints.values() if isinstance(j, MixedConvolution)]
    assert not joint.few
    assert net.verify(torch.randn(2, 2, 3, 3))
