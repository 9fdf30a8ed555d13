"""Samples with finished flows: the frames of a page are what the network says, and fit their budget."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from canvas_reading import ROUNDING, Page, frame_values, half, numbers
from demo_digits import held_out, network
from torch import nn

import netgraph as ng
from netgraph.render.canvas import framed


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


def test_canvas_halves_of_flows_keep_their_sums() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    assert np.abs(half(framed.half(values)).sum() - values.sum()) <= ROUNDING * np.abs(values).sum()


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


def test_canvas_a_circuit_tells_its_evidence_and_no_sum_that_it_lacks() -> None:
    images, labels = held_out()
    net = network("cnn")
    circuit = ng.circuit(net, images[:60], labels[:60], target=3, edges=30, score="eap")
    page = Page(ng.render(circuit))
    assert page.data["notes"][0] == f"A circuit for centred logit 3: {len(circuit)} of 296 edges."
    assert page.samples[0]["frames"][0]["constant"] is None  # its edges lack some of what makes the target
    evidence = circuit.evidence
    page = Page(ng.render(circuit))
    judged = f"{evidence.faithfulness:.3f} ± {evidence.error:.3f} at 60 inputs that it was found with"
    assert page.data["notes"][0].startswith(
        f"A circuit for centred logit 3: {len(circuit)} of 296 edges, faithfulness {judged}"
    )
    told = dict(page.data["about"])
    assert told["circuit for"] == "centred logit 3"
    assert told["edges kept"] == f"{len(circuit)} of 296"
    assert told["chosen by"] == "score eap, method greedy, cut edges carry: mean"
    assert told["faithfulness"].startswith(judged)
    assert told["CMD"].startswith(f"{evidence.cmd:.3f} (|weight| ")
    weights = np.concatenate([page.matrix(block)[np.nonzero(page.matrix(block))] for block in page.blocks])
    expected = np.concatenate([np.asarray(block.weight).ravel() for block in circuit.graph.blocks])
    assert np.sort(weights) == pytest.approx(np.sort(expected[expected != 0]), rel=2**-10)  # not the scores
    whole = Page(ng.render(circuit.whole))
    assert whole.samples[0]["frames"][0]["constant"] == pytest.approx(
        float(circuit.whole.columns["constant_share"].sum()), rel=1e-4
    )
    mlp = ng.circuit(network("mlp"), images[:60], labels[:60], target=3, edges=100, score="eap")
    frame = Page(ng.render(mlp.graph)).samples[0]["frames"][0]
    assert frame["value"] == pytest.approx(mlp.whole.meta["target_value"])
    assert frame["constant"] is None  # most of the pixels are not there


def test_canvas_pixels_of_a_circuit_are_no_channels() -> None:
    """Some of the 64 pixels of a flattened 1 × 8 × 8 image; the CNN's one input channel stays one."""
    images, labels = held_out()
    for name, expected in (("mlp", False), ("cnn", True)):
        circuit = ng.circuit(network(name), images[:60], labels[:60], target=3, edges=40)
        layer = Page(ng.render(circuit)).layers[0]
        assert (layer["name"], layer["channels"]) == ("input", expected)
