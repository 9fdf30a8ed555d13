"""Which network a page asks, how many inputs it shows, and what it says about both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from canvas_reading import Page, numbers
from demo_digits import held_out, network
from torch import nn

import netgraph as ng


def test_canvas_modules_and_networks_are_drawn() -> None:
    net = network("cnn")
    found = ng.modules(net.graph())
    page = Page(ng.render(found))
    np.testing.assert_array_equal(numbers(page.data["module"], "<i2"), found.labels)
    assert (page.data["opens"], page.data["colour"], page.data["ribbons"]) == ("network", "module", True)
    assert page.data["notes"][0].startswith(f"{len(found)} modules (layered): quality ")
    assert dict(page.data["about"])["modules stability"] == f"{found.stability:.3g}"
    alone = Page(ng.render(found.graph()))
    assert (alone.data["colour"], alone.data["ribbons"]) == ("module", False)
    assert ng.render(net).vertices == net.graph("channel").n
    images, _ = held_out()
    assert Page(ng.render(network("mlp"), inputs=images[:1])).data["flows"] == "computed"


def test_canvas_modules_of_more_edges_than_a_page_holds_are_their_own_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    block = np.kron(np.eye(2), np.ones((3, 3)))
    found = ng.modules(ng.Graph.from_matrices([block, block]), runs=1)
    whole = Page(ng.render(found))
    assert (whole.data["count"], whole.data["notes"][0][-53:]) == (
        18,
        "stability unknown: one run has nothing to agree with.",
    )
    monkeypatch.setattr("netgraph.render.canvas.subject.WHOLE", 35)
    merged = Page(ng.render(found))
    assert merged.data["count"] == found.graph().n == 6
    assert (merged.data["ribbons"], merged.data["notes"][0]) == (True, whole.data["notes"][0])
    assert ng.render(found, backend="pyvis").vertices == 6


def test_canvas_explicit_network_wins_and_stays_with_a_changed_graph() -> None:
    images, _ = held_out()
    net = network("mlp")
    graph = net.graph().with_columns(module=np.zeros(138, dtype=int)).with_meta(name="x")
    assert graph.origin is net and graph.select(layers=["input", "fc1"]).origin is net
    other = ng.trace(net.model, (1, 8, 8))
    assert Page(ng.render(replace(graph, origin=None), inputs=images[:1], network=other)).samples


def test_canvas_more_inputs_than_it_shows() -> None:
    images, labels = held_out()
    page = Page(ng.render(network("mlp").graph(), inputs=images[:50], truth=labels[:50]))
    assert len(page.samples) == 40 and "The first 40 of 50 inputs are shown." in page.data["notes"]
    page = Page(ng.render(network("mlp").graph(), inputs=images[:50], samples=2))
    assert [sample["name"] for sample in page.samples] == ["input 0", "input 1"]


def test_canvas_the_about_box_holds_the_errors_of_the_proof_of_these_weights() -> None:
    net = ng.trace(nn.Linear(3, 2), (3,))
    assert "verified" not in dict(Page(ng.render(net.graph())).data["about"])
    check = net.verify()
    said = dict(Page(ng.render(net.graph())).data["about"])["verified"]
    assert said.startswith("the graph is the network, relative errors: forward ") and said.endswith(" at 1 input")
    assert f"path {check.path_error:.0e}" in said or (check.path_error == 0 and "path 0" in said)
    with torch.no_grad():
        net.model.weight.add_(1.0)
    assert "verified" not in dict(Page(ng.render(net.graph())).data["about"])  # these weights were not proven
