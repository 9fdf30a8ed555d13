"""What the tests of the page share: the demo's networks and their pages, and how the page is asked what it shows."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from demo_digits import held_out, network
from PIL import Image

import netgraph as ng

Array = np.ndarray[Any, Any]

ROOT = Path(__file__).resolve().parents[2]
DIGITS = [f"digit {k}" for k in range(10)]

FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
STATE = """() => {
  const { hovered, traced, pointed, summed, ...state } = window.netgraph.store.state;
  return { ...state, folded: [...state.folded], lesioned: [...state.lesioned] };
}"""
POINT = """(id) => {
  const { model, stage } = window.netgraph, place = stage.point(model.find(id));
  const { left, top } = document.querySelector("canvas#main").getBoundingClientRect();
  return [left + place.x, top + place.y];
}"""
COLOURS = """() => {
  const canvas = document.querySelector("canvas#main");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const found = new Set();
  for (let k = 0; k < data.length; k += 4) found.add(data[k] + "," + data[k + 1] + "," + data[k + 2]);
  return found.size;
}"""


# -- networks and their pages -----------------------------------------------------------------------------------


def granularity(name: str) -> str:
    return "unit" if name == "mlp" else "channel"


@lru_cache(maxsize=4)
def page_of(name: str, count: int = 20, color: str = "module") -> ng.View:
    """The page of one of the demo's networks, with the first inputs that it was not trained on."""
    inputs, labels = held_out()
    graph = network(name).graph(granularity=granularity(name))
    return ng.render(
        graph, inputs=inputs[:count], truth=labels[:count], classes=DIGITS, title=f"digits {name}", color=color
    )


@lru_cache(maxsize=8)
def graph_at(name: str, sample: int, target: int) -> ng.Graph:
    """The graph with the flows of one input to one class."""
    inputs, _ = held_out()
    return network(name).graph(granularity=granularity(name), inputs=inputs[sample : sample + 1], target=target)


def flat(graph: ng.Graph, column: str = "weight") -> Array:
    """An edge column, block by block, in the page's own order."""
    parts = [block.operator(column) for block in graph.blocks]
    return np.concatenate([np.asarray(p.data if hasattr(p, "indptr") else p, dtype=np.float32).ravel() for p in parts])


# -- what a page shows ------------------------------------------------------------------------------------------


def complete(page: Any) -> None:
    """Wait until all edges are drawn, and nothing changes by itself any more."""
    page.evaluate(FRAMES)
    page.wait_for_selector("html[data-complete=yes]", state="attached")


def picture(page: Any) -> bytes:
    """The picture of the network alone."""
    complete(page)
    return bytes(page.locator("main").screenshot())


def pixels(png: bytes) -> Array:
    """(height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=np.float64)


def colours(rgb: Array) -> int:
    """How many different ones there are."""
    return len(np.unique(rgb.reshape(-1, 3).astype(np.int64) @ np.array([65536, 256, 1])))


def state(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(STATE)
    return found


def vertex(page: Any, name: str) -> int:
    """Number of the vertex with this id."""
    number: int = page.evaluate("(id) => window.netgraph.model.find(id)", name)
    assert number >= 0
    return number


def point(page: Any, name: str) -> tuple[float, float]:
    """Where the vertex with this id stands in the window."""
    x, y = page.evaluate(POINT, name)
    return x, y


def click_vertex(page: Any, name: str, shift: bool = False) -> None:
    x, y = point(page, name)
    if shift:
        page.keyboard.down("Shift")
    page.mouse.click(x, y)
    if shift:
        page.keyboard.up("Shift")


def caption(page: Any) -> str:
    """What stands beside the slider."""
    return str(page.locator("header output").inner_text())


def live(page: Any) -> str:
    """What a screen reader was told last."""
    return str(page.locator("#live").text_content())


def numbers(text: str) -> list[float]:
    """The numbers in a text as the page writes them: "+1,234.5", "−2.000e−7".

    >>> numbers("top 1,234 of −2.5e−7")
    [1234.0, -2.5e-07]
    """
    plain = text.replace("−", "-").replace(",", "")
    return [float(found) for found in re.findall(r"[+-]?\d+(?:\.\d+)?(?:e-?\d+)?", plain)]
