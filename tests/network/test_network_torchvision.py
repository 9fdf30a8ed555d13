"""Networks that torchvision ships, untrained and seeded, BatchNorm statistics perturbed so that folding is tested."""

from __future__ import annotations

import pytest
import torch

import netgraph as ng
from netgraph.network.checks import Truth, check
from netgraph.network.verify import forward_error

SMALL = ["resnet18", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5", "mnasnet0_5", "regnet_y_400mf"]


def build(name: str) -> torch.nn.Module:
    models = ng.load_torchvision().models
    torch.manual_seed(0)
    model = models.get_model(name, weights=None).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return model


@pytest.mark.filterwarnings("ignore")  # torchvision's own
@pytest.mark.parametrize("name", SMALL)
def test_network_torchvision_classifiers_are_their_graphs(name: str) -> None:
    x = torch.randn(1, 3, 64, 64)
    net = ng.trace(build(name), x)
    truth = Truth(net, [x.double()], "channel")
    errors = {"forward": forward_error(net, [x]), **check(truth.graph(), truth)}
    assert max(errors.values()) <= 1e-9, errors


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_network_resnet18_by_unit() -> None:
    """22,209,280 edges over convolutions (BatchNorm folded), additions, the maxima that were chosen, and fc."""
    x = torch.randn(1, 3, 32, 32)
    net = ng.trace(build("resnet18"), x)
    graph = net.graph("unit", inputs=x, target=7)
    assert len(graph.edges) == 22_209_280
    found = net.verify(x)
    assert found and found.path_error <= 1e-12, str(found)
