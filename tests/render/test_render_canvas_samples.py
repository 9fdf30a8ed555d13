"""What inputs add to a page: read back with numpy alone, it is what the network does."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from canvas_reading import Computed, Page, frame_values, half, numbers
from torch import nn

import netgraph as ng
from netgraph.render.canvas import framed, pictures

DATA = Path(__file__).resolve().parents[2] / "data"
ROUNDING = 2.0**-11


@lru_cache(maxsize=1)
def held_out() -> tuple[torch.Tensor, np.ndarray[Any, Any]]:
    held = np.load(DATA / "test.npz")
    return torch.from_numpy(held["inputs"]), held["labels"]


@lru_cache(maxsize=2)
def network(name: str) -> ng.Network:
    return ng.load_network(DATA / name / "weights.safetensors", model=f"{DATA / 'nets.py'}:{name.upper()}")


# -- computed: unit granularity --------------------------------------------------------------------------


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
    page = Page(ng.render(read, inputs=images[:3].numpy(), truth=labels[:3]))
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


# -- framed: channels ------------------------------------------------------------------------------------


def test_canvas_frames_are_the_networks_flows_and_add_up() -> None:
    images, labels = held_out()
    net = network("cnn")
    page = Page(ng.render(net.graph(), inputs=images[:3], truth=labels[:3]))
    assert (page.data["flows"], page.data["lesions"], page.data["softmax"]) == ("framed", False, True)
    for i, sample in enumerate(page.samples):
        assert [frame["target"] for frame in sample["frames"]] == list(range(10))
        for frame in sample["frames"]:
            c = frame["target"]
            graph = net.graph(inputs=images[i : i + 1], target=c)
            assert frame["value"] == pytest.approx(numbers(sample["outputs"], "<f4")[c], rel=1e-5)
            np.testing.assert_allclose(numbers(frame["vertex"], "<f4"), graph.columns["attribution"], atol=1e-6)
            from_inputs = 0.0
            for data, values, block in zip(page.blocks, frame["blocks"], graph.blocks, strict=True):
                flow = frame_values(page, data, values)
                expected = block.values["attribution"].ravel()
                np.testing.assert_allclose(flow, expected, rtol=ROUNDING, atol=1e-9)
                assert values["mass"] == pytest.approx(np.abs(expected).sum(dtype=np.float64))
                from_inputs += float(flow.sum()) if data["source"] == 0 else 0.0
            assert from_inputs + frame["constant"] == pytest.approx(frame["value"], abs=1e-3 * 15)
        graph = net.graph(inputs=images[i : i + 1], target=0)
        for data, values, block in zip(page.blocks, sample["contribution"], graph.blocks, strict=True):
            expected = block.values["contribution"].ravel()
            np.testing.assert_allclose(frame_values(page, data, values), expected, rtol=ROUNDING, atol=1e-9)


def test_canvas_feature_maps_are_the_units_activations() -> None:
    images, _ = held_out()
    net = network("cnn")
    sample = Page(ng.render(net.graph(), inputs=images[:2])).samples[1]
    units = net.graph("unit")
    values = net.activations(images[1:2], "unit").to_numpy()[0]
    assert [m["layer"] for m in sample["maps"]] == [0, 1, 2]
    for shown, name in zip(sample["maps"], ("input", "conv1", "conv2"), strict=True):
        layer = units.layer(name)
        read = numbers(shown["data"], "u1").reshape(layer.shape) / 255 * (shown["high"] - shown["low"]) + shown["low"]
        np.testing.assert_allclose(read, values[layer.vertices].reshape(layer.shape), atol=shown["high"] / 400)


def test_canvas_frames_fit_their_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = held_out()
    net = network("cnn")
    monkeypatch.setattr(framed, "LEAST", 40)
    few = framed.plan(3, 10, 296, 35, budget=9_000)
    assert few == framed.Plan(all_classes=False, edges=few.edges, vertices=True) and 40 < (few.edges or 0) < 296
    monkeypatch.setattr("netgraph.render.canvas.samples.framed.plan", lambda *_: few)
    page = Page(ng.render(net.graph(), inputs=images[:3], truth=labels[:3]))
    assert f"{few.edges} strongest edges" in " ".join(page.data["notes"])
    for i, sample in enumerate(page.samples):
        wanted = sorted({sample["label"], sample["prediction"]})
        assert [frame["target"] for frame in sample["frames"]] == wanted
        frame = sample["frames"][0]
        graph = net.graph(inputs=images[i : i + 1], target=wanted[0])
        everything = np.concatenate([block.values["attribution"].ravel() for block in graph.blocks])
        kept = np.concatenate(
            [frame_values(page, data, v) for data, v in zip(page.blocks, frame["blocks"], strict=True)]
        )
        strongest = np.argsort(-np.abs(everything), kind="stable")[: few.edges]
        np.testing.assert_allclose(kept[strongest], everything[strongest], rtol=ROUNDING, atol=1e-9)
        mass = sum(v["mass"] for v in frame["blocks"])
        assert mass == pytest.approx(np.abs(everything).sum(dtype=np.float64), rel=1e-6)


def test_canvas_plans() -> None:
    for samples, classes, edges, vertices in (
        (40, 12, 10**6, 10**4),
        (1, 1, 10, 3),
        (40, 10, 13_000, 243),
        (5, 0, 0, 0),
    ):
        how = framed.plan(samples, classes, edges, vertices)
        frames = samples * ((classes if how.all_classes else min(classes, 2)) + 1)
        each = edges * framed.EVERY if how.edges is None else how.edges * framed.SINGLE
        least = framed.LEAST * framed.SINGLE * frames
        assert frames * (each + how.vertices * vertices * framed.VERTEX) <= max(framed.BUDGET * 1.01, least)


def test_canvas_a_graph_with_flows_becomes_one_frame() -> None:
    images, _ = held_out()
    net = network("cnn")
    graph = net.graph(inputs=images[:8], target=4)
    page = Page(ng.render(graph))
    (sample,) = page.samples
    assert (page.data["flows"], page.data["opens"], sample["name"]) == ("framed", "circuit", "mean of 8 inputs")
    (frame,) = sample["frames"]
    assert frame["target"] == 4 and frame["value"] == pytest.approx(graph.meta["target_value"])
    for data, values, block in zip(page.blocks, frame["blocks"], graph.blocks, strict=True):
        np.testing.assert_allclose(
            frame_values(page, data, values), block.values["attribution"].ravel(), rtol=ROUNDING, atol=1e-9
        )
    assert any("8 inputs together" in note for note in page.data["notes"])


# -- parts, other shapes ---------------------------------------------------------------------------------


def test_canvas_a_circuit_shows_its_own_edges_at_any_input() -> None:
    images, labels = held_out()
    net = network("cnn")
    circuit = ng.circuit(net, images[:60], labels[:60], target=3, edges=50)
    page = Page(ng.render(circuit))
    assert page.data["flows"] == "framed" and len(page.samples) == 1
    edges = sum(int(np.count_nonzero(page.matrix(block))) for block in page.blocks)
    assert edges == len(circuit)
    (mean,) = page.samples
    assert mean["frames"][0]["of"] == "centred logit 3"  # not the logit: the sums are those of this
    assert mean["frames"][0]["value"] == pytest.approx(circuit.graph.meta["target_value"])
    assert "Flows are to the centred logit 3: the logit minus the mean of the others." in page.data["notes"]
    ids = circuit.graph.ids.tolist()
    for layer in page.layers:
        own = ids[layer["start"] : layer["start"] + layer["size"]]
        assert layer["ids"] == own or own == [f"{layer['name']}:{i}" for i in range(layer["size"])]
        assert layer["channels"] is (layer["name"] != "fc")
    page = Page(ng.render(circuit, inputs=images[:4], truth=labels[:4]))
    classes = [int(name) for name in page.data["classes"]]
    assert 3 in classes and page.data["softmax"] is (len(classes) == 10)
    outputs = net.outputs(images[:4])
    for i, sample in enumerate(page.samples):
        np.testing.assert_allclose(numbers(sample["outputs"], "<f4"), outputs[i][classes], rtol=1e-6)
        best = int(outputs[i].argmax())
        assert sample["prediction"] == (classes.index(best) if best in classes else None)
        assert sample["label"] == (classes.index(labels[i]) if labels[i] in classes else None)
    assert {f["target"] for sample in page.samples for f in sample["frames"]} == {classes.index(3)}
    assert "Flows are kept for the class that the circuit was found for." in page.data["notes"]
    frame = page.samples[0]["frames"][0]
    whole = net.graph(inputs=images[:1], target=3)
    for data, values, block in zip(page.blocks, frame["blocks"], circuit.graph.blocks, strict=True):
        flow = page.matrix(data, frame_values(page, data, values))
        known = {b.source + b.target: b for b in whole.blocks}[block.source + block.target]
        at = [np.flatnonzero(np.isin(whole.ids[whole.layer(name).vertices], circuit.graph.ids)) for name in
              (block.target, block.source)]  # fmt: skip
        expected = known.values["attribution"][np.ix_(*at)] * (np.asarray(block.weight) != 0)
        np.testing.assert_allclose(flow, expected, rtol=ROUNDING, atol=1e-8)


def test_canvas_modules_and_networks_are_drawn() -> None:
    net = network("cnn")
    found = ng.modules(net.graph())
    page = Page(ng.render(found))
    np.testing.assert_array_equal(numbers(page.data["module"], "<i2"), found.graph().columns["module"])
    assert page.data["classes"][0].startswith("module_")
    assert ng.render(net).vertices == net.graph("channel").n
    images, _ = held_out()
    assert Page(ng.render(network("mlp"), inputs=images[:1])).data["flows"] == "computed"


def test_canvas_explicit_network_wins_and_stays_with_a_changed_graph() -> None:
    images, _ = held_out()
    net = network("mlp")
    graph = net.graph().with_columns(module=np.zeros(138, dtype=int)).with_meta(name="x")
    assert graph.origin is net and graph.select(layers=["input", "fc1"]).origin is net
    other = ng.trace(net.model, (1, 8, 8))
    assert Page(ng.render(replace(graph, origin=None), inputs=images[:1], network=other)).samples


def test_canvas_outputs_at_many_positions_have_vertices_as_targets() -> None:
    torch.manual_seed(0)
    net = ng.trace(nn.Conv2d(2, 4, 3), (2, 6, 6))
    x = torch.randn(2, 2, 6, 6)
    page = Page(ng.render(net, inputs=x))
    sample = page.samples[0]
    assert sample["prediction"] is None and page.data["softmax"] is False
    np.testing.assert_allclose(numbers(sample["outputs"], "<f4"), net(x)[0].detach().mean((1, 2)), rtol=1e-4)
    assert [frame["target"] for frame in sample["frames"]] == [0, 1, 2, 3]


def test_canvas_outputs_that_are_a_part_of_their_layer_show_what_was_predicted() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 5), nn.Linear(5, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(torch.relu(self.a(x)))[:, -1]  # type: ignore[no-any-return]

    torch.manual_seed(0)
    net = ng.trace(Last(), (4, 3))
    x = torch.randn(2, 4, 3)
    page = Page(ng.render(net.graph("unit"), inputs=x))
    for i, sample in enumerate(page.samples):
        (frame,) = sample["frames"]
        assert frame["target"] == 9 + int(net.outputs(x)[i].argmax()) == sample["prediction"]
        assert frame["value"] == pytest.approx(float(net.outputs(x)[i].max()), rel=1e-5)


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


# -- pictures --------------------------------------------------------------------------------------------


def test_canvas_pictures_of_the_inputs_share_one_scale() -> None:
    graph = network("cnn").graph()
    values = np.zeros((2, 3, 4, 6))
    values[0, 1] = 5.0
    values[1, 2] = -5.0
    shown = pictures.input_pictures(values, graph)
    assert [(p["width"], p["height"], p["channels"]) for p in shown if p] == [(6, 4, 3)] * 2
    first, second = (numbers(p["data"], "u1").reshape(4, 6, 3) for p in shown if p)
    assert set(first[..., 1].ravel()) == {255} and set(second[..., 2].ravel()) == {0}
    assert set(first[..., 0].ravel()) == {128}
    large = pictures.input_pictures(np.ones((1, 1, 224, 112)), graph)[0]
    assert large is not None and (large["width"], large["height"]) == (28, 56)
    assert pictures.input_pictures(np.ones((2, 7)), graph) == [None, None]
    assert pictures.input_pictures(np.full((1, 3, 3), np.nan), graph)[0] is not None


def test_canvas_pictures_get_smaller_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    images, _ = held_out()
    net = network("cnn")
    monkeypatch.setattr(pictures, "MAPS", 3 * (4 + 8 * 9 + 16 * 9 + 9))
    sizes = {m["width"] for m in Page(ng.render(net.graph(), inputs=images[:3])).samples[0]["maps"][1:]}
    assert sizes == {3}
    monkeypatch.setattr(pictures, "MAPS", 1)
    assert Page(ng.render(net.graph(), inputs=images[:3])).samples[0]["maps"] == []
    monkeypatch.setattr(pictures, "KERNELS", 1)
    assert {block["kernels"] for block in Page(ng.render(net.graph())).blocks} == {None}


def test_canvas_more_inputs_than_it_shows() -> None:
    images, labels = held_out()
    page = Page(ng.render(network("mlp").graph(), inputs=images[:50], truth=labels[:50]))
    assert len(page.samples) == 40 and "The first 40 of 50 inputs are shown." in page.data["notes"]
    page = Page(ng.render(network("mlp").graph(), inputs=images[:50], samples=2))
    assert [sample["name"] for sample in page.samples] == ["input 0", "input 1"]


def test_canvas_halves_of_flows_keep_their_sums() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    assert np.abs(half(framed.half(values)).sum() - values.sum()) <= ROUNDING * np.abs(values).sum()


def test_canvas_the_about_box_holds_the_errors_of_the_proof_of_these_weights() -> None:
    import torch

    net = ng.trace(torch.nn.Linear(3, 2), (3,))
    assert "verified" not in dict(Page(ng.render(net.graph())).data["about"])
    check = net.verify()
    said = dict(Page(ng.render(net.graph())).data["about"])["verified"]
    assert said.startswith("the graph is the network, relative errors: forward ") and said.endswith(" at 1 input")
    assert f"path {check.path_error:.0e}" in said or (check.path_error == 0 and "path 0" in said)
    with torch.no_grad():
        net.model.weight.add_(1.0)
    assert "verified" not in dict(Page(ng.render(net.graph())).data["about"])  # these weights were not proven
