"""Vertices carry pictures, and the matrix is one: each is the array that torch or numpy has."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from browser_pages import (
    Array,
    complete,
    held_out,
    network,
    numbers,
    page_of,
    picture,
    pixels,
    point,
    state,
    vertex,
)

Visit = Callable[..., Any]
SVG = "{http://www.w3.org/2000/svg}"
PICTURES = """(id) => { const { model, store } = window.netgraph;
  return model.pictures(model.find(id), store.state).map((p) => ({ ...p, data: Array.from(p.data) })); }"""
SHOWN = """() => [...document.querySelectorAll("aside figure")].map((figure) => {
  const canvas = figure.querySelector("canvas"), { width, height } = canvas;
  const data = Array.from(canvas.getContext("2d").getImageData(0, 0, width, height).data);
  return { width, height, data, caption: figure.querySelector("figcaption").textContent };
})"""


def alike(a: Any, b: Any) -> float:
    """Correlation of two pictures."""
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


def gradient(sample: int, layer: str, unit: int) -> Array:
    """∂(pre-activation of a unit of the MLP)/∂(pixels), by autograd."""
    import torch

    inputs, _ = held_out()
    model = network("mlp").model
    x = torch.from_numpy(inputs[sample : sample + 1]).clone().requires_grad_(True)
    value = model.fc1(x.flatten(1))
    for name in ("fc2", "fc3"):
        if layer != "fc1":
            value = getattr(model, name)(torch.relu(value))
        if layer == name:
            break
    (found,) = torch.autograd.grad(value[0, unit], x)
    return np.asarray(found[0, 0])


@pytest.mark.parametrize(("layer", "unit"), [("fc1", 8), ("fc2", 11), ("fc3", 2)])
def test_pictures_of_units_are_autograds_gradients(visit: Visit, layer: str, unit: int) -> None:
    page = visit(page_of("mlp"), hash=f"#sample=12&id={layer}:{unit}").page
    expected = gradient(12, layer, unit)
    first = page.evaluate(PICTURES, f"{layer}:{unit}")[0]
    assert (first["height"], first["width"], first["kind"]) == (8, 8, "signed")
    assert "gradient" in first["caption"]
    got = np.array(first["data"]).reshape(8, 8)
    assert alike(got, expected) > 0.999
    assert np.abs(got).max() == pytest.approx(1, abs=1e-3)
    # The panel shows just this picture: blue pixels above 0, orange ones below.
    shown = page.evaluate(SHOWN)[0]
    assert shown["caption"] == first["caption"]
    rgb = np.array(shown["data"], dtype=float).reshape(8, 8, 4)
    assert alike(rgb[..., 2] - rgb[..., 0], expected) > 0.98


def test_pictures_of_the_weights_are_the_weights(visit: Visit) -> None:
    page = visit(page_of("mlp"), hash="#view=network").page
    found = page.evaluate(PICTURES, "fc1:8")[0]
    weights = network("mlp").model.fc1.weight.detach().numpy()[8]
    assert alike(found["data"], weights) > 0.9999


@pytest.mark.parametrize("channel", [2, 5])
def test_pictures_of_channels_are_the_modules_output_and_its_kernels(visit: Visit, channel: int) -> None:
    import torch

    inputs, _ = held_out()
    model = network("cnn").model
    with torch.no_grad():
        maps = torch.relu(model.conv1(torch.from_numpy(inputs[3:4])))[0, channel].numpy()
    page = visit(page_of("cnn"), hash=f"#sample=3&id=conv1:{channel}").page
    found = page.evaluate(PICTURES, f"conv1:{channel}")
    byte = page.evaluate(
        """(id) => { const { model, store } = window.netgraph;
            const map = model.samples[store.state.sample].map(model.find(id));
            return { ...map, data: Array.from(map.data) }; }""",
        f"conv1:{channel}",
    )
    got = byte["low"] + np.array(byte["data"]).reshape(8, 8) * (byte["high"] - byte["low"]) / 255
    np.testing.assert_allclose(got, maps, atol=0.51 * (byte["high"] - byte["low"]) / 255)
    shown = page.evaluate(SHOWN)
    assert len(shown) == len(found) >= 2
    assert alike(np.array(found[0]["data"]), maps) > 0.999
    kernel = model.conv1.weight.detach().numpy()[channel, 0]
    assert alike(found[1]["data"], kernel) > 0.999


def test_pictures_the_input_layer_is_the_image(visit: Visit) -> None:
    inputs, _ = held_out()
    page = visit(page_of("mlp")).page
    page.get_by_role("slider").fill("0")
    page.get_by_role("button", name="density").click()
    for sample in (0, 7):
        page.get_by_role("contentinfo").get_by_role("button").nth(sample).click()
        page.mouse.move(500, 60)
        seen = pixels(picture(page))
        left, top = page.locator("main").bounding_box()["x"], page.locator("main").bounding_box()["y"]
        script = """() => Array.from({ length: 64 }, (_, k) => window.netgraph.stage.point(k))
            .map(({ x, y }) => [x, y])"""
        places = np.array(page.evaluate(script))
        box = page.locator("canvas#main").bounding_box()
        x, y = (places + np.array([box["x"] - left, box["y"] - top])).round().astype(int).T
        assert alike(seen[y, x].mean(axis=1), inputs[sample]) > 0.98


def test_pictures_the_strip_shows_the_inputs(visit: Visit) -> None:
    inputs, _ = held_out()
    page = visit(page_of("mlp")).page
    script = """(k) => { const canvas = document.querySelectorAll("footer canvas")[k];
      return [canvas.height, canvas.width,
        Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)]; }"""
    for sample in (0, 12):
        height, width, data = page.evaluate(script, sample)
        assert alike(np.array(data).reshape(height, width, 4)[..., 0], inputs[sample, 0]) > 0.99


def state_hovered(page: Any) -> int | None:
    found: int | None = page.evaluate("() => window.netgraph.store.state.hovered")
    return found


# -- the matrix -------------------------------------------------------------------------------------------------


def drawn(page: Any) -> ET.Element:
    return ET.fromstring(page.evaluate("() => window.netgraph.stage.svg()"))


def cells(page: Any) -> tuple[float, float, float, float]:
    """Where the cells stand in the window."""
    image = drawn(page).find(f".//{SVG}image")
    assert image is not None
    box = page.locator("#matrix canvas").bounding_box()
    x, y, width, height = (float(image.attrib[name]) for name in ("x", "y", "width", "height"))
    return box["x"] + x, box["y"] + y, width, height


@pytest.mark.parametrize(("source", "target"), [("input", "fc1"), ("fc2", "fc3")])
def test_pictures_matrix_cells_are_the_weights(visit: Visit, source: str, target: str) -> None:
    page = visit(page_of("mlp"), hash="#view=matrix").page
    page.get_by_role("combobox", name="pair of layers").select_option(f"{source} → {target}")
    complete(page)
    weights = getattr(network("mlp").model, target).weight.detach().numpy()
    left, top, width, height = cells(page)
    rows, columns = weights.shape
    places = [np.unravel_index(np.abs(weights).argmax(), weights.shape), (0, 0), (rows - 1, columns - 1)]
    for row, column in places:
        page.mouse.move(left + (column + 0.5) * width / columns, top + (row + 0.5) * height / rows)
        words = [text.text or "" for text in drawn(page).iter(f"{SVG}text")]
        told = next(text for text in words if "→" in text)
        name = f"digit {row}" if target == "fc3" else f"fc1:{row}"
        names, _, value = told.rpartition("   ")
        assert names.endswith(f"→ {name}")
        assert names.startswith(f"fc2:{column} " if source == "fc2" else f"input:0,{column // 8},{column % 8} ")
        assert numbers(value)[0] == pytest.approx(float(weights[row, column]), rel=2e-3)
    page.mouse.move(10, 10)
    seen = pixels(page.screenshot())
    x = (left + (np.arange(columns) + 0.5) * width / columns).astype(int)
    y = (top + (np.arange(rows) + 0.5) * height / rows).astype(int)
    cell = seen[y[:, None], x[None, :]]
    expected = np.sign(weights) * np.sqrt(np.abs(weights))  # as the scale of colours is
    assert alike(cell[..., 2] - cell[..., 0], expected) > 0.98


def test_pictures_matrix_selects_the_ends_of_a_cell(visit: Visit) -> None:
    page = visit(page_of("mlp"), hash="#view=matrix&block=1").page
    left, top, width, height = cells(page)
    page.keyboard.down("Shift")
    page.mouse.click(left + 5.5 * width / 32, top + 9.5 * height / 32)
    page.keyboard.up("Shift")
    assert page.get_by_role("heading", name="Paths between fc2:9 and fc1:5").is_visible()


# -- dark and light ---------------------------------------------------------------------------------------------


def test_pictures_dark_and_light_by_the_systems_wish(visit: Visit) -> None:
    page = visit(page_of("mlp"), theme="dark").page
    dark = pixels(picture(page))
    assert np.median(dark) < 60
    assert state(page)["theme"] == "dark"
    page.emulate_media(color_scheme="light")
    light = pixels(picture(page))
    assert np.median(light) > 200
    assert page.locator("html").get_attribute("data-theme") == "light"
    page.get_by_role("button", name="dark or light").click()  # a choice: the system's next wish changes nothing
    assert np.median(pixels(picture(page))) < 60
    page.emulate_media(color_scheme="dark")
    page.emulate_media(color_scheme="light")
    assert state(page)["theme"] == "dark"


def test_pictures_hover_lights_the_edges_of_a_vertex(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    at_rest = picture(page)
    script = """(id) => {
      const { model, store, stage } = window.netgraph, vertex = model.find(id);
      const { order } = model.values(store.state);
      const edges = [...order.subarray(0, store.state.top)].reverse();
      const is = (other) => Number(other === vertex);
      const touches = edges.map((edge) => is(model.target(edge)) - is(model.source(edge)));
      const svg = new DOMParser().parseFromString(stage.svg(), "image/svg+xml");
      const paths = [...svg.querySelectorAll("g[fill=none] > path")];
      return { touches, opacity: paths.map((path) => Number(path.getAttribute("stroke-opacity"))) };
    }"""
    before = page.evaluate(script, "fc2:11")
    page.mouse.move(*point(page, "fc2:11"))
    assert state_hovered(page) == vertex(page, "fc2:11")
    assert page.get_by_role("tooltip").inner_text().startswith("fc2:11")
    after = page.evaluate(script, "fc2:11")
    touches = np.array(before["touches"])
    was, becomes = np.array(before["opacity"]), np.array(after["opacity"])
    assert len(touches) == len(was) == len(becomes) == state(page)["top"]
    for side in (1, -1):  # into it, out of it: the strongest stay as they are,
        strongest = np.flatnonzero(touches == side)[-12:]
        assert len(strongest) > 0
        assert np.array_equal(becomes[strongest], was[strongest])
    kept = becomes == was  # what leads to it and on from it stays with them, and all others fade
    assert 12 < kept.sum() < 0.3 * len(kept)
    np.testing.assert_allclose(becomes[~kept], 0.16 * was[~kept], atol=1e-3)
    assert picture(page) != at_rest
    page.mouse.move(500, 60)
    assert picture(page) == at_rest
