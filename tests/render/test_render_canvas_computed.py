"""Samples that the page computes with: flows from its data, by numpy alone, are those of the network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from canvas_reading import Computed, Page, numbers
from demo_digits import DATA, held_out, network
from torch import nn

import netgraph as ng


def test_canvas_flows_are_conserved_on_twenty_inputs_and_all_classes() -> None:
    images, labels = held_out()
    net = network("mlp")
    page = Page(ng.render(net.graph(), inputs=images[:20], truth=labels[:20]))
    assert (page.data["flows"], page.data["lesions"], page.data["opens"]) == ("computed", True, "circuit")
    outputs = net.outputs(images[:20])
    for i, sample in enumerate(page.samples):
        np.testing.assert_array_equal(numbers(sample["outputs"], "<f4"), outputs[i])
        assert (sample["label"], sample["prediction"]) == (labels[i], outputs[i].argmax())
        for c in range(10):
            flows = Computed(page, i, c)
            assert np.abs(flows.gap).max() <= 1e-3 * flows.largest
            assert abs(flows.total - flows.value) <= 1e-3 * np.abs(outputs[i]).max()
            assert abs(flows.value - outputs[i, c]) <= 1e-5 * np.abs(outputs[i]).max()


def test_canvas_flows_are_those_of_the_network() -> None:
    images, _ = held_out()
    for name in ("mlp", "cnn"):  # by units max pooling selects anew at every input
        net = network(name)
        page = Page(ng.render(net.graph("unit"), inputs=images[:3]))
        assert page.data["flows"] == "computed"
        for i, c in ((0, 3), (2, 7)):
            graph = net.graph("unit", inputs=images[i : i + 1], target=c).unrolled()
            flows = Computed(page, i, c)
            for b, block in enumerate(graph.blocks):
                for mine, column in ((flows.edges, "attribution"), (flows.contributions, "contribution")):
                    value = block.values[column]
                    value = value if isinstance(value, np.ndarray) else value.toarray()
                    np.testing.assert_allclose(mine[b], value, atol=3e-3 * np.abs(value).max())
            np.testing.assert_allclose(page.vertex(page.samples[i]["activation"]), graph.columns["activation"])
    assert page.data["lesions"] is False
    selections = [b for b, block in enumerate(page.blocks) if block["kind"] == "select"]
    assert [b for b, own in enumerate(page.samples[0]["weights"]) if own] == selections


class Residual(nn.Module):
    """A skip that is read before and after a function, a normalisation, an activation with a constant at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 4)
        self.norm = nn.LayerNorm(6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.a(x)
        return self.c(torch.sigmoid(self.b(torch.relu(z)) + z) + self.norm(z))  # type: ignore[no-any-return]


MODELS: dict[str, tuple[Any, bool]] = {
    "leaky, a slope of its own": (lambda: nn.Sequential(nn.Linear(5, 7), nn.LeakyReLU(0.3), nn.Linear(7, 3)), True),
    "gelu, by tanh": (lambda: nn.Sequential(nn.Linear(5, 7), nn.GELU("tanh"), nn.Linear(7, 3)), True),
    "a sigmoid at the end": (lambda: nn.Sequential(nn.Linear(5, 7), nn.SELU(), nn.Linear(7, 1), nn.Sigmoid()), True),
    "a softmax at the end": (lambda: nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3), nn.Softmax(1)), True),
    "unknown function": (lambda: nn.Sequential(nn.Linear(5, 7), nn.Softsign(), nn.Linear(7, 3)), False),
    "residual": (Residual, False),
}


@pytest.mark.parametrize("name", MODELS)
def test_canvas_networks_of_every_kind_are_frozen_exactly(name: str) -> None:
    make, lesions = MODELS[name]
    torch.manual_seed(2)
    net = ng.trace(make().eval(), (5,))
    x = torch.randn(4, 5)
    page = Page(ng.render(net, inputs=x))
    assert (page.data["flows"], page.data["lesions"]) == ("computed", lesions)
    last = page.span(page.data["output"])
    for i in range(4):
        graph = net.graph("unit", inputs=x[i : i + 1], target=0).unrolled()
        flows = Computed(page, i, 0)
        outputs = numbers(page.samples[i]["outputs"], "<f4")
        through = (outputs[0] / flows.value) if "sigmoid" in name else 1.0  # what follows the last layer's z
        near = page.vertex(page.samples[i]["preactivation"])[last], page.vertex(page.samples[i]["activation"])[last]
        assert any(np.allclose(values, outputs, rtol=1e-4) for values in near)
        if "sigmoid" in name:
            through = (outputs[0] - 0.5) / flows.value
        for b, block in enumerate(graph.blocks):
            value = block.values["attribution"]
            value = value if isinstance(value, np.ndarray) else value.toarray()
            np.testing.assert_allclose(flows.edges[b] * through, value, atol=5e-3 * (np.abs(value).max() + 1e-9))


def test_canvas_a_graph_of_one_input_is_a_sample_of_its_own() -> None:
    images, _ = held_out()
    net = network("mlp")
    graph = net.graph("unit", inputs=images[:1], target=3)
    page = Page(ng.render(graph))
    assert (page.data["flows"], len(page.samples), page.data["opens"]) == ("computed", 1, "circuit")
    flows = Computed(page, 0, 3)
    for b, block in enumerate(graph.blocks):
        value = block.values["attribution"]
        np.testing.assert_allclose(flows.edges[b], value, atol=3e-3 * np.abs(value).max())


def test_canvas_a_plain_graph_computes_by_itself() -> None:
    images, labels = held_out()
    net = network("mlp")
    read = ng.read_graph(DATA / "mlp" / "graph")
    assert read.origin is None
    page = Page(ng.render(read, inputs=images[:3], truth=labels[:3]))
    known = Page(ng.render(net.graph(), inputs=images[:3]))
    assert (page.data["flows"], page.data["lesions"]) == ("computed", True)
    for mine, theirs in zip(page.samples, known.samples, strict=True):
        for name in ("outputs", "activation", "preactivation"):
            np.testing.assert_allclose(numbers(mine[name], "<f4"), numbers(theirs[name], "<f4"), rtol=1e-4, atol=1e-4)
        assert mine["picture"] == theirs["picture"] and mine["picture"]["width"] == 8
    flows = Computed(page, 1, 2)
    assert np.abs(flows.gap).max() <= 1e-3 * flows.largest


def test_canvas_xor_by_hand() -> None:
    # h1 = relu(x1 + x2), h2 = relu(x1 + x2 - 1), y = h1 - 2 h2 at (1, 1): 2 - 2 = 0, edges +1 +1 -2 -2, bias path +2
    graph = ng.Graph.from_matrices([[[1.0, 1.0], [1.0, 1.0]], [[1.0, -2.0]]], [[0.0, -1.0], [0.0]])
    layers = (graph.layers[0], replace(graph.layers[1], activation="relu"), graph.layers[2])
    page = Page(ng.render(replace(graph, layers=layers), inputs=[[1, 1]]))
    flows = Computed(page, 0, 0)
    np.testing.assert_array_equal(flows.edges[0], [[1, 1], [-2, -2]])
    np.testing.assert_array_equal(flows.edges[1], [[2, -2]])
    np.testing.assert_array_equal(flows.bias * flows.delta, [0, 0, 0, 2, 0])
    assert (flows.value, flows.total, page.samples[0]["prediction"]) == (0, 0, None)


@pytest.mark.parametrize("how", [{"bias": "vertex"}, {"gauge": "balanced"}])
def test_canvas_biases_as_vertices_and_gauges(how: dict[str, str]) -> None:
    images, _ = held_out()
    net = network("mlp")
    page = Page(ng.render(net.graph(**how), inputs=images[:2]))
    assert page.data["flows"] == "computed"
    outputs = net.outputs(images[:2])
    for c in (0, 9):
        flows = Computed(page, 1, c)
        assert np.abs(flows.gap).max() <= 1e-3 * flows.largest
        assert flows.value == pytest.approx(outputs[1, c], rel=1e-4)


def test_canvas_several_inputs_of_a_network() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(3, 4), nn.Linear(2, 4), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return self.c(torch.relu(self.a(x) + self.b(y)))  # type: ignore[no-any-return]

    torch.manual_seed(0)
    given = torch.randn(3, 3), torch.randn(3, 2)
    net = ng.trace(Two(), given)
    page = Page(ng.render(net, inputs=given))
    assert page.data["flows"] == "computed" and len(page.samples) == 3
    flows = Computed(page, 2, 1)
    assert flows.value == pytest.approx(float(net(*given)[2, 1]), rel=1e-4)
    assert np.abs(flows.gap).max() <= 1e-3 * flows.largest
