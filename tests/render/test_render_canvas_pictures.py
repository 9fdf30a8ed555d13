"""What can be looked at: inputs on one scale, feature maps as the network has them, as large as there is room for."""

from __future__ import annotations

import numpy as np
import pytest
from canvas_reading import Page, numbers
from demo_digits import held_out, network

import netgraph as ng
from netgraph.render.canvas import pictures


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
