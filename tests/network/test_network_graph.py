"""Graphs with known answers: counts, weights and names worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from network_matrices import matrix, weights
from network_zoo import make
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.errors import InputError, UnknownName

KERNEL = [[1.0, -2.0], [3.0, -4.0]]
"""l1 10, l2 √30, max 4, sum −2, mean −½; the matrix 1-norm, 6, is not its weight."""


def test_network_linear_by_hand() -> None:
    layer = nn.Linear(3, 2)
    layer.weight.data = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    layer.bias.data = torch.tensor([7.0, 8.0])
    graph = ng.trace(layer, (3,)).graph()
    assert (graph.n, len(graph.edges)) == (5, 6)
    assert weights(graph, "input", graph.layers[1].name)[0, 1] == 2
    assert graph.columns["bias"].tolist() == [0, 0, 0, 7, 8]
    edges = graph.edges.to_pandas().set_index(["source", "target"])["weight"]
    assert edges["input:1", f"{graph.layers[1].name}:0"] == 2


def test_network_the_starter_mlp() -> None:
    net = ng.trace(nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 10)), (784,))
    graph = net.graph()
    assert (graph.n, len(graph.edges)) == (1294, 397_000)
    wide = net.graph(bias="vertex")
    assert (wide.n, len(wide.edges)) == (1296, 397_510)
    assert [layer.name for layer in graph.layers] == ["input", "linear_0", "linear_2"]
    assert graph.layers[1].activation == "relu" and graph.layers[2].activation is None


def test_network_a_pruned_weight_is_no_edge() -> None:
    layer = nn.Linear(4, 3)
    layer.weight.data[1, 2] = 0
    assert len(ng.trace(layer, (4,)).graph().edges) == 11


def test_network_padded_convolution_by_unit() -> None:
    """4×4 with a 3×3 kernel and padding 1: 4·4 + 8·6 + 4·9 = 100 edges."""
    net = ng.trace(nn.Conv2d(1, 1, 3, padding=1, bias=False), (1, 4, 4))
    assert len(net.graph("unit").edges) == 100
    assert len(net.graph("channel").edges) == 1
    ids = net.graph("unit").ids
    assert ids[0] == "input:0,0,0" and ids[16 + 7].endswith(":0,1,3")


@pytest.mark.parametrize(("reduce", "weight"), [("l1", 10), ("l2", 30**0.5), ("max", 4), ("sum", -2), ("mean", -0.5)])
def test_network_reductions(reduce: str, weight: float) -> None:
    conv = nn.Conv2d(1, 1, 2, bias=False)
    conv.weight.data = torch.tensor([[KERNEL]])
    graph = ng.trace(conv, (1, 5, 5)).graph(reduce=reduce)
    assert float(graph.blocks[0].weight[0, 0]) == pytest.approx(weight, rel=1e-6)
    if reduce in {"l1", "l2", "max"}:
        assert float(graph.blocks[0].values["tap_sum"][0, 0]) == -2


def test_network_a_one_tap_kernel_keeps_its_parameter() -> None:
    conv = nn.Conv2d(3, 2, 1, bias=False)
    graph = ng.trace(conv, (3, 4, 4)).graph()
    assert np.array_equal(graph.blocks[0].weight, conv.weight.detach().numpy()[:, :, 0, 0])
    assert "tap_sum" not in graph.blocks[0].values


def test_network_flattening_groups_columns_by_channel() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Flatten(), nn.Linear(8 * 2 * 3, 5))
    graph = ng.trace(model, (1, 4, 5)).graph()
    weight = model[2].weight.detach().numpy().reshape(5, 8, 6)
    assert np.allclose(weights(graph, "conv_0", "linear_2"), np.abs(weight).sum(2))
    assert (graph.layer("conv_0").size, graph.layer("linear_2").size) == (8, 5)


@pytest.mark.parametrize("flatten", [nn.Flatten(), "view", "reshape"])
def test_network_an_image_into_a_linear_layer_has_a_vertex_a_pixel(flatten: nn.Module | str) -> None:
    linear = nn.Linear(784, 3)

    def model(x: torch.Tensor) -> torch.Tensor:
        return linear(flatten(x) if isinstance(flatten, nn.Module) else getattr(x, flatten)(x.shape[0], -1))

    graph = ng.trace(model, torch.zeros(1, 1, 28, 28)).graph()
    assert graph.layers[0].size == 784
    assert graph.ids[29] == "input:0,1,1"
    row = graph.vertices.iloc[29]
    assert (row["channel"], row["row"], row["col"]) == (0, 1, 1)


def test_network_in_place_and_not_are_the_same_graph() -> None:
    torch.manual_seed(0)
    f = nn.Conv2d(2, 2, 3, padding=1)

    def added(x: torch.Tensor) -> torch.Tensor:
        x = f(x)
        x = x + f(x)
        return x.mean((2, 3))

    def in_place(x: torch.Tensor) -> torch.Tensor:
        x = f(x)
        x += f(x)
        return x.mean((2, 3))

    x = torch.randn(1, 2, 4, 4)
    for granularity in ("channel", "unit"):
        a, b = (ng.trace(model, x).graph(granularity) for model in (added, in_place))
        assert a.ids.tolist() == b.ids.tolist()
        assert [(p.source, p.target, p.kind) for p in a.blocks] == [(p.source, p.target, p.kind) for p in b.blocks]
        assert (a.to_scipy() != b.to_scipy()).nnz == 0
    assert {p.kind for p in a.blocks} >= {"skip"}


def test_network_batch_norm_folds_into_the_convolution_before_it() -> None:
    """Referee: torch's own fusion."""
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)
    norm.running_mean.normal_(), norm.running_var.uniform_(0.5, 2), norm.weight.data.normal_(), norm.bias.data.normal_()
    model = nn.Sequential(conv, norm).eval()
    fused = torch.nn.utils.fusion.fuse_conv_bn_eval(conv.eval(), norm.eval())
    graph = ng.trace(model, (2, 5, 5)).graph(reduce="sum")
    assert np.allclose(graph.blocks[0].weight, fused.weight.detach().sum((2, 3)).numpy(), atol=1e-6)
    assert np.allclose(graph.columns["bias"][2:], fused.bias.detach().numpy(), atol=1e-6)
    assert [layer.kind for layer in graph.layers] == ["input", "conv"]


def test_network_granularity_layer_has_a_vertex_a_layer() -> None:
    model, x = make("resnet-relu")
    graph = ng.trace(model, x).graph("layer")
    assert graph.n == len(graph.layers) == len(ng.trace(model, x).graph().layers)
    assert graph.meta["granularity"] == "layer"


def test_network_channels_pass_through_activations_and_pooling() -> None:
    model, x = make("lenet-relu")
    graph = ng.trace(model, x).graph()
    assert [(v.name, v.kind, v.size, v.activation) for v in graph.layers] == [
        ("input", "input", 1, None),
        ("c1", "conv", 4, "relu"),
        ("c2", "conv", 6, "relu"),
        ("fc1", "linear", 11, "relu"),
        ("fc2", "linear", 5, None),
    ]


def test_network_units_include_pooling() -> None:
    model, x = make("lenet-relu")
    graph = ng.trace(model, x).graph("unit")
    assert [v.kind for v in graph.layers] == ["input", "conv", "select", "conv", "pool", "linear", "linear"]
    assert graph.layer("c1").grid == (4, 12, 12)
    assert not graph.meta["exact"]  # max pooling has an edge to every member of its window
    assert ng.trace(model, x).graph("unit", inputs=x[:1], target=0).meta["exact"]


def test_network_names() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
            self.head = nn.Linear(4, 2)
            self.w = nn.Parameter(torch.randn(4, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.block(x) + x
            x = self.block(x) + x
            return self.head(F.linear(x, self.w))

    names = [layer.name for layer in ng.trace(Net(), (4,)).graph().layers]
    assert names == ["input", "block.0", "add_1", "block.0#2", "add_2", "w", "head"]
    modules = [layer.module for layer in ng.trace(Net(), (4,)).graph().layers]
    assert modules == ["", "block.0", "", "block.0", "", "", "head"]


def test_network_channel_flows_are_sums_and_activations_means() -> None:
    """By hand: one 2×2 image, a 1×1 convolution by 3, a sum."""
    conv = nn.Conv2d(1, 1, 1, bias=False)
    conv.weight.data.fill_(3.0)
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    graph = ng.trace(lambda t: conv(t).sum((1, 2, 3))[:, None], x).graph(inputs=x)
    assert graph.columns["activation"].tolist() == [2.5, 7.5]
    assert graph.columns["attribution"].tolist() == [30.0, 30.0]
    block = graph.blocks[0]
    assert float(block.values["contribution"][0, 0]) == 30.0 and float(block.values["attribution"][0, 0]) == 30.0
    assert graph.meta["target_value"] == 30.0


@pytest.mark.parametrize("name", ["lenet-gelu", "resnet-relu", "tokens", "squeeze-excite"])
@pytest.mark.parametrize("granularity", ["channel", "unit"])
def test_network_a_batch_is_the_mean_of_its_inputs(name: str, granularity: str) -> None:
    model, x = make(name, torch.float64)
    net = ng.trace(model, x)
    whole = net.graph(granularity, inputs=x, target=1)
    ones = [net.graph(granularity, inputs=x[i : i + 1], target=1) for i in range(2)]
    for column in ("activation", "attribution", "constant_share"):
        mean = (ones[0].columns[column] + ones[1].columns[column]) / 2
        assert np.allclose(whole.columns[column], mean, atol=1e-12)
    for column in ("attribution", "contribution"):
        matrices = [matrix(g, column) for g in (whole, *ones)]
        assert np.allclose(matrices[0], (matrices[1] + matrices[2]) / 2, atol=1e-12)


def test_network_bias_vertices_conserve_the_flow() -> None:
    model, x = make("lenet-sigmoid", torch.float64)
    graph = ng.trace(model, x).graph(inputs=x[:1], target=2, bias="vertex")
    into = np.zeros(graph.n)
    for block in graph.blocks:
        into[graph.layer(block.target).vertices] += np.asarray(block.values["attribution"].sum(axis=1)).reshape(-1)
    inner = np.concatenate([np.full(v.size, v.kind not in {"input", "bias"}) for v in graph.layers])
    through = graph.columns["attribution"] - graph.columns["constant_share"]
    assert np.allclose(into[inner], through[inner], atol=1e-12)
    total = through[graph.layers[0].vertices].sum() + graph.columns["constant_share"].sum()
    assert total == pytest.approx(graph.meta["target_value"], abs=1e-12)


def test_network_activations() -> None:
    model, x = make("lenet-relu", torch.float64)
    net = ng.trace(model, x)
    table = net.activations(x)
    assert table.shape == (2, net.graph().n)
    with torch.no_grad():
        c1 = model.act(model.c1(x))
        logits = model(x)
    assert np.allclose(table[[f"c1:{i}" for i in range(4)]], c1.mean((2, 3)).numpy())
    assert np.allclose(table[[f"fc2:{i}" for i in range(5)]], logits.numpy())
    units = net.activations(x, "unit")
    assert np.allclose(units["c1:3,2,5"], c1[:, 3, 2, 5].numpy())


def test_network_targets() -> None:
    model, x = make("mlp-relu", torch.float64)
    net = ng.trace(model, x)
    with torch.no_grad():
        logits = model(x)
    expected = {
        3: logits[:, 3].mean(),
        ("logit", 1): logits[:, 1].mean(),
        ("centred", 1): (logits[:, 1] - (logits.sum(1) - logits[:, 1]) / 3).mean(),
        (0, 2): (logits[:, 0] - logits[:, 2]).mean(),
        "prediction": logits.max(1).values.mean(),
        "linear_4:2": logits[:, 2].mean(),
    }
    for target, value in expected.items():
        assert net.graph(inputs=x, target=target).meta["target_value"] == pytest.approx(float(value))
    labels = torch.tensor([1, 3])
    value = (logits[0, 1] + logits[1, 3]) / 2
    assert net.graph(inputs=x, target=labels).meta["target_value"] == pytest.approx(float(value))
    function = net.graph(inputs=x, target=lambda out: out.square().sum(1))
    assert function.meta["target_value"] == pytest.approx(float(logits.square().sum(1).mean()))
    hidden = net.graph(inputs=x[:1], target="linear_0:4")
    assert hidden.meta["target_value"] == pytest.approx(model[1](model[0](x))[0, 4].item())


BAD_TARGETS = [
    (None, "4 outputs"),
    (7, "no class of this network"),
    ("label", "needs a label for each input"),
    ("lable", "expected a class number"),
    ("fc:1", "unknown layer"),
    ("linear_0:99", "no vertex"),
    (torch.tensor([1, 2, 3]), "one per input"),
    ([0, 9], "no class"),
]


@pytest.mark.parametrize(("target", "words"), BAD_TARGETS)
def test_network_a_bad_target_is_explained(target: object, words: str) -> None:
    model, x = make("mlp-relu")
    with pytest.raises((InputError, UnknownName), match=words):
        ng.trace(model, x).graph(inputs=x, target=target)


def test_network_log_softmax_is_left_out_of_the_target() -> None:
    model, x = make("functional", torch.float64)
    net = ng.trace(model, x)
    logits = torch.from_numpy(net.outputs(x))
    with torch.no_grad():
        assert torch.allclose(torch.log_softmax(logits, 1), model(x))
        assert torch.allclose(net(x), model(x))
    assert net.graph(inputs=x, target=0).meta["target_value"] == pytest.approx(float(logits[:, 0].mean()))


@pytest.mark.parametrize("option", ["granularity", "reduce", "bias", "gauge"])
def test_network_an_unknown_option_names_the_known_ones(option: str) -> None:
    model, x = make("mlp-relu")
    with pytest.raises(UnknownName, match="Known"):
        ng.trace(model, x).graph(**{option: "l3"})


def test_network_the_graph_does_not_follow_the_model() -> None:
    layer = nn.Linear(3, 2)
    graph = ng.trace(layer, (3,)).graph()
    before = graph.blocks[0].weight.copy()
    layer.weight.data += 1
    assert np.array_equal(graph.blocks[0].weight, before)
