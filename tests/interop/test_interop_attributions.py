"""captum, zennit and plain autograd say of ReLU networks what the graph's flows say.

All in float64, at one input. A vertex has two flows: its *entry* (``attribution - constant_share``: what its incoming
edges bring; at an input vertex all there is) and its ``attribution``, what leaves it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from captum.attr import LRP, InputXGradient, LayerConductance, LayerGradientXActivation
from captum.attr._utils.custom_modules import Addition_Module
from captum.attr._utils.lrp_rules import EpsilonRule
from network_zoo import make
from torch import nn

import netgraph as ng

ng.load_torchvision()  # zennit imports torchvision, which fails beside some CPU-only builds of torch

from zennit.attribution import Gradient  # noqa: E402
from zennit.composites import LayerMapComposite  # noqa: E402
from zennit.layer import Sum  # noqa: E402
from zennit.rules import Epsilon, Pass  # noqa: E402
from zennit.types import Activation, AvgPool, BatchNorm, Linear  # noqa: E402

NETWORKS = ["mlp-relu", "lenet-relu", "resnet-relu", "densenet-relu"]
CLASS = 1
TOLERANCE = 1e-6  # of the largest share; what the ε of the LRP rules leaves is far below it
EPSILON = 1e-12


def network(name: str, biases: bool = True) -> tuple[nn.Module, torch.Tensor]:
    """(model, one input), in float64; without ``biases`` the model is positively homogeneous."""
    model, x = make(name, torch.float64)
    if not biases:
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.endswith("bias"):
                parameter.data.zero_()
    return model, x[:1]


def flows(model: nn.Module, x: torch.Tensor, granularity: str = "unit") -> ng.Graph:
    graph = ng.trace(model, x).graph(granularity, inputs=x, target=CLASS)
    assert isinstance(graph, ng.Graph)
    return graph


def entry(graph: ng.Graph, layer: str) -> np.ndarray:
    """(size,) what flows into the layer's vertices along their edges."""
    here = graph.layer(layer).vertices
    return np.asarray(graph.columns["attribution"][here]) - np.asarray(graph.columns["constant_share"][here])


def leaving(graph: ng.Graph, layer: str) -> np.ndarray:
    """(size,) what flows out of the layer's vertices."""
    return np.asarray(graph.columns["attribution"][graph.layer(layer).vertices])


def assert_same(got: np.ndarray, expected: torch.Tensor) -> None:
    """Equal to 1e-6 of the largest; an answer of nothing but zeros would prove nothing."""
    referee = expected.detach().numpy().reshape(-1)
    largest = float(np.abs(referee).max())
    assert largest > 1e-4 and np.isfinite(referee).all()
    np.testing.assert_allclose(got, referee, rtol=0, atol=TOLERANCE * largest)


# -- gradient × input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_interop_captum_input_x_gradient_is_the_flow_that_enters(name: str) -> None:
    model, x = network(name)
    expected = InputXGradient(model).attribute(x.clone().requires_grad_(), target=CLASS)
    assert_same(entry(flows(model, x), "input"), expected)


LEAVES = [  # network, layer of the unit graph, torch module whose output its vertices hand on (BatchNorm is folded)
    ("mlp-relu", "linear_0", "0"),
    ("mlp-relu", "linear_2", "2"),
    ("mlp-relu", "linear_4", "4"),
    ("lenet-relu", "c1", "c1"),
    ("lenet-relu", "c2", "c2"),
    ("lenet-relu", "fc1", "fc1"),
    ("lenet-relu", "fc2", "fc2"),
    ("resnet-relu", "stem.0", "stem.1"),
    ("resnet-relu", "stem.3", "stem.3"),
    ("resnet-relu", "a1", "b1"),
    ("resnet-relu", "d1", "e1"),
    ("resnet-relu", "d2", "e2"),
    ("resnet-relu", "skip.0", "skip.1"),
    ("resnet-relu", "fc", "fc"),
    ("densenet-relu", "thin", "thin"),
    ("densenet-relu", "fc", "fc"),
]


@pytest.mark.parametrize(("name", "layer", "module"), LEAVES)
def test_interop_captum_layer_gradient_x_activation_is_the_flow_that_leaves(name: str, layer: str, module: str) -> None:
    """z·∂z of the module's output, per unit, is the vertex's attribution: ReLU changes neither (a·∂a = z·∂z)."""
    model, x = network(name)
    expected = LayerGradientXActivation(model, model.get_submodule(module)).attribute(x, target=CLASS)
    assert_same(leaving(flows(model, x), layer), expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_interop_captum_layer_gradient_x_activation_less_its_bias_is_the_flow_that_enters(name: str) -> None:
    """Each linear layer and convolution, also where BatchNorm follows and where several read it; by channel."""
    model, x = network(name)
    graph = flows(model, x, "channel")
    affine = {key: m for key, m in model.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)}
    layers = {layer.module: layer.name for layer in graph.layers}
    assert set(affine) <= set(layers)
    model.zero_grad()
    model(x)[0, CLASS].backward()
    shares = {key: m.bias.detach() * m.bias.grad if m.bias is not None else 0.0 for key, m in affine.items()}
    for key, module in affine.items():
        through = LayerGradientXActivation(model, module).attribute(x, target=CLASS)
        channels = through.reshape(1, through.shape[1], -1).sum(2)[0]
        assert_same(entry(graph, layers[key]), channels - shares[key])


# -- conductance -----------------------------------------------------------------------------------------

CUTS = [("mlp-relu", "linear_0", "0"), ("mlp-relu", "linear_2", "2")]
CUTS += [("lenet-relu", layer, layer) for layer in ("c1", "c2", "fc1")]
END_TO_END = "riemann_trapezoid"  # captum's default nodes leave out both ends of the way


@pytest.mark.parametrize(("name", "layer", "module"), CUTS)
def test_interop_captum_conductance_without_biases_is_the_flow_of_each_vertex(
    name: str, layer: str, module: str
) -> None:
    """From x/2 to x a homogeneous network keeps its gates: the integral is exact, and half of the whole way's."""
    model, x = network(name, biases=False)
    expected = LayerConductance(model, model.get_submodule(module)).attribute(
        x, x / 2, target=CLASS, n_steps=5, method=END_TO_END
    )
    graph = flows(model, x)
    assert_same(leaving(graph, layer), 2 * expected)
    assert leaving(graph, layer).sum() == pytest.approx(graph.meta["target_value"], rel=1e-9)


@pytest.mark.parametrize(("name", "layer", "module"), CUTS)
def test_interop_captum_conductance_totals_the_flow_within_its_integration_error(
    name: str, layer: str, module: str
) -> None:
    """Σ conductance = what leaves the layer and later constants add, at x less at 0; captum knows its own error."""
    model, x = network(name)
    conductance, error = LayerConductance(model, model.get_submodule(module)).attribute(
        x, 0.0, target=CLASS, n_steps=2000, method=END_TO_END, return_convergence_delta=True
    )
    totals = []
    for point in (x, torch.zeros_like(x)):
        graph = flows(model, point)
        later = graph.columns["constant_share"][graph.layer(layer).stop :]
        totals.append(float(leaving(graph, layer).sum() + later.sum()))
    size, total = conductance.abs().sum().item(), conductance.sum().item()
    assert total - (totals[0] - totals[1]) == pytest.approx(error.item(), abs=TOLERANCE * size)
    assert abs(error.item()) < 0.01 * size


# -- layer-wise relevance propagation --------------------------------------------------------------------
# Both libraries hook modules: what a zoo's network calls as a function is a module in its twin, of the same parameters.


class Cat(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.cat([a, b], 1)


class StackedSum(nn.Module):
    """zennit's way to add: its rules take modules of one input."""

    def __init__(self) -> None:
        super().__init__()
        self.sum = Sum(-1)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return self.sum(torch.stack([a, b], -1))


class Residual(nn.Module):
    def __init__(self, m: nn.Module, plus: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.stem = m.stem
        self.first = nn.Sequential(m.a1, m.b1, nn.ReLU(), m.a2, m.b2)
        self.second = nn.Sequential(m.d1, m.e1, nn.ReLU(), m.d2, m.e2)
        self.skip, self.plus1, self.plus2, self.act1, self.act2 = m.skip, plus(), plus(), nn.ReLU(), nn.ReLU()
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), m.fc)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = self.act1(self.plus1(self.first(x), x))
        return self.head(self.act2(self.plus2(self.second(x), self.skip(x))))


class Dense(nn.Module):
    def __init__(self, m: nn.Module, plus: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.stem, self.cat1, self.cat2 = m.stem, Cat(), Cat()
        self.grow1 = nn.Sequential(m.norms[0], nn.ReLU(), m.convs[0])
        self.grow2 = nn.Sequential(m.norms[1], nn.ReLU(), m.convs[1])
        self.head = nn.Sequential(m.norms[2], nn.ReLU(), m.thin, nn.AvgPool2d(2), nn.Flatten(), m.fc)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = self.cat1(x, self.grow1(x))
        return self.head(self.cat2(x, self.grow2(x)))


def chain(m: nn.Module, plus: Callable[[], nn.Module]) -> nn.Module:
    first, second = nn.Sequential(m.c1, nn.ReLU(), nn.MaxPool2d(2)), nn.Sequential(m.c2, nn.ReLU(), nn.AvgPool2d(2))
    return nn.Sequential(first, second, nn.Flatten(), m.fc1, nn.ReLU(), m.fc2)


TWINS: dict[str, Callable[[nn.Module, Callable[[], nn.Module]], nn.Module]] = {
    "mlp-relu": lambda m, plus: m,
    "lenet-relu": chain,
    "resnet-relu": Residual,
    "densenet-relu": Dense,
}


def twin(name: str, model: nn.Module, x: torch.Tensor, plus: Callable[[], nn.Module]) -> nn.Module:
    """The network by modules alone: the same function."""
    same = TWINS[name](copy.deepcopy(model), plus).eval()
    torch.testing.assert_close(same(x), model(x), rtol=1e-12, atol=1e-12)
    return same


@pytest.mark.parametrize("name", NETWORKS)
def test_interop_captum_lrp_is_the_flow_that_enters(name: str) -> None:
    model, x = network(name)
    same = twin(name, model, x, Addition_Module)
    for module in same.modules():
        if not list(module.children()) and not isinstance(module, nn.ReLU):
            module.rule = EpsilonRule(EPSILON)
    relevance = LRP(same).attribute(x.clone().requires_grad_(), target=CLASS)
    assert_same(entry(flows(model, x), "input"), relevance)


@pytest.mark.parametrize("name", NETWORKS)
def test_interop_zennit_lrp_is_the_flow_that_enters(name: str) -> None:
    """BatchNorm has a rule here; zennit's merging of it leaves its ε, and changes the logit by 1e-5."""
    model, x = network(name)
    rules = [(Activation, Pass()), ((Linear, AvgPool, BatchNorm, Sum), Epsilon(EPSILON))]
    composite = LayerMapComposite(rules)
    with Gradient(twin(name, model, x, StackedSum), composite) as attributor:
        output, relevance = attributor(x, lambda logits: logits * (torch.arange(logits.shape[1]) == CLASS))
    graph = flows(model, x)
    assert output[0, CLASS].item() == pytest.approx(graph.meta["target_value"], rel=1e-9)
    assert_same(entry(graph, "input"), relevance)


# -- FullGrad --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("granularity", ["unit", "channel"])
@pytest.mark.parametrize("name", NETWORKS)
def test_interop_full_gradients_are_complete_by_hand(name: str, granularity: str) -> None:
    """Σ x·∂x + Σ b·∂b = the logit (Srinivas & Fleuret 2019); b of a BatchNorm is β − γμ/√(σ² + ε)."""
    model, x = network(name)
    x = x.clone().requires_grad_()
    logit = model(x)[0, CLASS]
    logit.backward()
    biases = 0.0
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            shift = module.bias - module.weight * module.running_mean / (module.running_var + module.eps).sqrt()
            biases += (shift * module.bias.grad).sum().item()
        elif isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
            biases += (module.bias * module.bias.grad).sum().item()
    inputs = (x * x.grad).sum().item()
    assert inputs + biases == pytest.approx(logit.item(), rel=1e-9)
    graph = flows(model, x.detach(), granularity)
    assert entry(graph, "input").sum() == pytest.approx(inputs, rel=1e-9)
    assert graph.columns["constant_share"].sum() == pytest.approx(biases, rel=1e-9)
    assert min(abs(inputs), abs(biases)) > 1e-3
