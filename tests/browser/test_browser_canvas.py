"""The page in a real browser: what it shows is the graph, nothing gets in, nothing gets out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from browser_pages import FRAMES, complete, flat, graph_at, held_out, network, page_of

import netgraph as ng

VALUES = """({ view, sample, target }) => {
  const { model, store } = window.netgraph;
  const values = model.values({ view, sample, target, lesioned: store.state.lesioned });
  return { value: Array.from(values.value), order: Array.from(values.order), mass: values.mass };
}"""


# -- what it shows is the graph ---------------------------------------------------------------------------------


def test_canvas_weights_are_those_of_the_graph(visit: Callable[..., Any]) -> None:
    opened = visit(page_of("mlp"))
    value = opened.page.evaluate(VALUES, {"view": "network", "sample": 0, "target": 0})["value"]
    expected = flat(network("mlp").graph(granularity="unit"))
    assert len(value) == len(expected) == 3392
    np.testing.assert_allclose(value, expected, rtol=2**-11, atol=1e-12)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_canvas_edges_are_the_flows_that_python_finds(visit: Callable[..., Any], name: str) -> None:
    page = visit(page_of(name)).page
    for sample, target in ((0, 3), (7, 7)):
        graph = graph_at(name, sample, target)
        for view, column in (("input", "contribution"), ("circuit", "attribution")):
            got = page.evaluate(VALUES, {"view": view, "sample": sample, "target": target})
            expected = flat(graph, column)
            np.testing.assert_allclose(got["value"], expected, atol=1e-3 * np.abs(expected).max(), rtol=0)
            assert got["mass"] == pytest.approx(np.abs(expected).sum(), rel=2e-3)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_canvas_flows_are_conserved_for_twenty_inputs_and_all_classes(visit: Callable[..., Any], name: str) -> None:
    errors = visit(page_of(name)).page.evaluate(
        """() => {
          const { model, store } = window.netgraph, found = [];
          for (let sample = 0; sample < model.samples.length; sample++)
            for (let target = 0; target < 10; target++)
              found.push(model.conservation({ view: "circuit", sample, target, lesioned: store.state.lesioned }));
          return found;
        }"""
    )
    assert len(errors) == 200
    assert max(errors) <= 1e-3


def test_canvas_slider_takes_the_stable_argsort(visit: Callable[..., Any]) -> None:
    weights = [np.round(np.random.default_rng(k).normal(size=(40, 40)), 1).astype(np.float32) for k in range(2)]
    graph = ng.Graph.from_matrices(weights)  # many equal weights
    page = visit(ng.render(graph)).page
    got = page.evaluate(VALUES, {"view": "network", "sample": 0, "target": 0})
    size = np.abs(flat(graph).astype(np.float16).astype(np.float32))
    expected = np.argsort(-size, kind="stable")
    expected = expected[size[expected] > 0]
    assert got["order"] == expected.tolist()


def test_canvas_lesion_gives_what_the_network_gives_without_the_unit(visit: Callable[..., Any]) -> None:
    import torch

    inputs, _ = held_out()
    model = network("mlp").model
    page = visit(page_of("mlp")).page
    for unit in (3, 11):
        got = page.evaluate(
            """(id) => { const { model } = window.netgraph;
                return Array.from(model.outputs(2, new Set([model.find(id)]))); }""",
            f"fc2:{unit}",
        )
        hidden = torch.relu(model.fc2(torch.relu(model.fc1(torch.from_numpy(inputs[2:3]).flatten(1)))))
        hidden[:, unit] = 0
        expected = model.fc3(hidden).detach().numpy()[0]
        np.testing.assert_allclose(got, expected, atol=2e-3 * np.abs(expected).max())


# -- it is the same each time, and at any size --------------------------------------------------------------------


def test_canvas_two_loads_give_the_same_pixels(visit: Callable[..., Any]) -> None:
    pictures = []
    for _ in range(2):
        page = visit(page_of("mlp")).page
        complete(page)
        page.evaluate(FRAMES)
        pictures.append(page.screenshot())
    assert pictures[0] == pictures[1]
