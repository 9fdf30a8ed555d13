"""The pyvis page as a person meets it: offline, in both themes, with hostile labels, by mouse and by keyboard."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import netgraph as ng
from netgraph.graph.graph import Block, Graph, Layer

RNG = np.random.default_rng(3)
draw = partial(ng.render, backend="pyvis")


def mlp() -> Graph:
    """64-32-10 with an image as input, modules, activations and provenance."""
    layers = (
        Layer("", "input", "input", (1, 8, 8), 0, 64, None, (1, 8, 8)),
        Layer("fc1", "fc1", "linear", (32,), 64, 32, "relu"),
        Layer("fc2", "fc2", "linear", (10,), 96, 10),
    )
    blocks = (
        Block("input", "fc1", "linear", RNG.normal(size=(32, 64)).astype("float32")),
        Block("fc1", "fc2", "linear", RNG.normal(size=(10, 32)).astype("float32")),
    )
    columns = {"module": RNG.integers(0, 8, 106), "bias": RNG.normal(size=106), "pagerank": RNG.gamma(1, 1, 106)}
    return Graph(
        layers, blocks, columns, {"name": "digits 64-32-10", "model_hash": "sha256:1234", "forward_error": 1e-16}
    )


def attribution() -> Graph:
    graph = mlp()
    flows = [np.where(RNG.random(b.shape) < 0.3, RNG.normal(size=b.shape) ** 3, 0.0) for b in graph.blocks]
    blocks = [
        Block(b.source, b.target, b.kind, b.weight, {"attribution": f})
        for b, f in zip(graph.blocks, flows, strict=True)
    ]
    return Graph(graph.layers, tuple(blocks), {**graph.columns, "activation": RNG.normal(size=106)}, graph.meta)


def cnn() -> Graph:
    """Channels, with a residual connection; kernels' norms carry the sum of their taps."""
    sizes = {"input": 1, "conv1": 8, "layer1.conv1": 16, "layer1.conv2": 16, "add_1": 16, "layer2.conv": 32, "fc": 10}
    starts = np.concatenate([[0], np.cumsum(list(sizes.values()))]).tolist()
    layers = tuple(
        Layer(n, n, "conv", (k, 7, 7), s, k, "relu") for (n, k), s in zip(sizes.items(), starts, strict=False)
    )

    def conv(source: str, target: str) -> Block:
        taps = RNG.normal(size=(sizes[target], sizes[source], 9))
        return Block(source, target, "conv", np.abs(taps).sum(2), {"tap_sum": taps.sum(2)})

    skips = [Block(s, "add_1", "skip", sp.csr_array(sp.eye(16))) for s in ("layer1.conv1", "layer1.conv2")]
    chain = [conv(s, t) for s, t in itertools.pairwise(["input", "conv1", "layer1.conv1", "layer1.conv2"])]
    return Graph(layers, (*chain, *skips, conv("add_1", "layer2.conv"), conv("layer2.conv", "fc")))


def deep() -> Graph:
    return Graph.from_matrices(
        [RNG.normal(size=(8, 8)) for _ in range(15)], names=[f"features.block{k}.convolution" for k in range(16)]
    )


def very_deep() -> Graph:
    """More layers than headings have room for; a layer without vertices among them."""
    graph = Graph.from_matrices([RNG.normal(size=(4, 4)) for _ in range(70)])
    return Graph((*graph.layers, Layer("none", "none", "linear", (0,), graph.n, 0)), graph.blocks)


GRAPHS: dict[str, Callable[[], Graph]] = {"mlp": mlp, "attribution": attribution, "cnn": cnn, "deep": deep}

PIXELS = """() => {
  const canvas = document.querySelector("#graph canvas"), context = canvas.getContext("2d");
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const found = new Set();
  for (let k = 0; k < data.length; k += 4)
    if (data[k + 3] > 40) found.add([data[k] >> 4, data[k + 1] >> 4, data[k + 2] >> 4].join());
  return found.size;
}"""

BOXES = """() => [...document.querySelectorAll(".heading")]
  .filter((e) => getComputedStyle(e).visibility !== "hidden")
  .map((e) => ({ text: e.textContent, ...e.getBoundingClientRect().toJSON() }))"""


def point(page: Any, vertex: int) -> tuple[float, float]:
    """Where a vertex is on the screen: vertex numbers and stage units, put through the page's own fit."""
    spot = page.evaluate(
        """(id) => {
          const data = JSON.parse(document.getElementById("data").textContent);
          const stage = document.getElementById("stage");
          const node = data.nodes.find((n) => n.id === id), box = stage.getBoundingClientRect(), pad = data.pad;
          const width = box.width - pad.left - pad.right, height = box.height - pad.top - pad.bottom;
          const scale = Math.min(width / data.box.width, height / data.box.height);
          return [box.left + pad.left + width / 2 + (node.x - data.box.width / 2) * scale,
                  box.top + pad.top + height / 2 + (node.y - data.box.height / 2) * scale];
        }""",
        vertex,
    )
    return spot[0], spot[1]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_page_draws_everything_and_asks_for_nothing(visit: Any, name: str, theme: str) -> None:
    view = draw(GRAPHS[name]())
    opened = visit(view, theme)
    page = opened.page
    assert len(opened.requests) == 1
    assert opened.requests[0].startswith("file:")
    assert opened.console == []
    drawn = page.evaluate("() => ({ ...document.documentElement.dataset })")
    assert (int(drawn["vertices"]), int(drawn["edges"])) == (view.vertices, view.edges)
    assert page.evaluate(PIXELS) > 20
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in ground[4:-1].split(",")) < 120) == (theme == "dark")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
@pytest.mark.parametrize("name", GRAPHS)
def test_no_text_is_clipped_or_overlapped(visit: Any, name: str, width: int, height: int) -> None:
    page = visit(draw(GRAPHS[name]()), width=width, height=height).page
    stage = page.evaluate("() => document.getElementById('stage').getBoundingClientRect().toJSON()")
    boxes = page.evaluate(BOXES)
    assert len(boxes) == len(GRAPHS[name]().layers)
    for box in boxes:
        assert stage["left"] <= box["left"], box
        assert box["right"] <= stage["right"], box
        assert stage["top"] <= box["top"], box
    if not page.evaluate("() => document.getElementById('headings').classList.contains('slanted')"):
        for a, b in itertools.combinations(boxes, 2):
            apart = a["right"] < b["left"] or b["right"] < a["left"] or a["bottom"] < b["top"] or b["bottom"] < a["top"]
            assert apart, (a, b)
    too_wide = page.evaluate(
        """() => [...document.querySelectorAll("header :not(.unseen), footer *, aside *")]
            .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
            .filter((e) => getComputedStyle(e).display !== "inline")
            .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert too_wide == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_of_too_many_headings_some_are_left_out(visit: Any) -> None:
    opened = visit(draw(very_deep()))
    boxes = opened.page.evaluate(BOXES)
    assert 20 < len(boxes) < 70
    assert opened.console == []
    feet = sorted(box["left"] for box in boxes)
    assert min(np.diff(feet)) * 0.62 >= 15  # the distance between two slanted lines of text, 16 pixels less rounding


def test_two_loads_give_the_same_picture(visit: Any) -> None:
    view = draw(attribution())
    assert visit(view).page.screenshot() == visit(view).page.screenshot()


def test_a_chosen_theme_beats_the_systems(visit: Any) -> None:
    for chosen, system in (("dark", "light"), ("light", "dark")):
        page = visit(draw(mlp(), theme=chosen), system).page
        assert page.evaluate("() => getComputedStyle(document.documentElement).colorScheme") == chosen


def test_the_theme_button_repaints(visit: Any) -> None:
    page = visit(draw(mlp()), "light").page
    before = page.locator("#stage").screenshot()
    page.click("#theme")
    page.wait_for_timeout(100)
    assert page.evaluate("() => getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert page.locator("#stage").screenshot() != before


# -- hostile text ------------------------------------------------------------------------------------

PAYLOADS = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "\"'><svg onload=alert(3)>",
    "{{ 7 * 7 }}${alert(4)}",
    "javascript:alert(5)",
    "<!--<script>",
    "__proto__",
    "\u2028alert(6)\u2029",
]


def test_hostile_text_stays_text(visit: Any) -> None:
    first, second = (PAYLOADS[k] for k in (0, 1))
    layers = (Layer("a", first, "input", (4,), 0, 4), Layer("b", second, "linear", (4,), 4, 4, PAYLOADS[2]))
    columns = {
        "module": np.array(PAYLOADS, dtype=object),
        PAYLOADS[0]: np.arange(8.0),
        PAYLOADS[1]: np.array(PAYLOADS, dtype=object),
    }
    meta = {"name": PAYLOADS[3], "model_hash": PAYLOADS[1], PAYLOADS[2]: PAYLOADS[0]}
    graph = Graph(layers, (Block(first, second, PAYLOADS[1], RNG.normal(size=(4, 4))),), columns, meta)
    view = draw(graph, title=PAYLOADS[1] + PAYLOADS[0], labels=PAYLOADS)
    opened = visit(view)
    page = opened.page
    page.mouse.move(*point(page, 5))
    page.wait_for_selector("#tip:not([hidden])")
    assert PAYLOADS[5] in page.inner_text("#tip")
    page.mouse.click(*point(page, 5))
    page.wait_for_selector("#panel:not([hidden])")
    assert PAYLOADS[5] in page.inner_text("#panel-title")
    page.fill("#search", "<img")
    assert page.inner_text("#found") == "1 / 4"  # the layer's name in the ids of its four vertices
    assert page.title() == " ".join((PAYLOADS[1] + PAYLOADS[0]).split())
    assert page.inner_text("h1") == PAYLOADS[1] + PAYLOADS[0]
    assert (
        page.evaluate("() => document.querySelectorAll('img, iframe, object, embed, a, [onerror], [onload]').length")
        == 0
    )
    assert page.evaluate("() => document.scripts.length") == 3
    assert opened.dialogs == []
    assert opened.console == []
    assert len(opened.requests) == 1


def test_the_policy_stops_what_would_slip_through(visit: Any) -> None:
    """The second line of defence: markup put into the page on purpose neither runs nor loads."""
    view = draw(mlp())
    slipped = "<script>alert(1)</script><img src='https://example.invalid/x.png' onerror='alert(2)'></body>"
    opened = visit(view, html=view.html.replace("</body>", slipped))
    opened.page.wait_for_timeout(300)
    assert opened.dialogs == []
    asked = [url for url in opened.requests if url.startswith("http")]
    assert [f"{url} csp" for url in asked] == opened.failed  # the browser names it, and blocks it before the network
    assert [line for line in opened.console if "Content Security Policy" in line]


# -- reading it --------------------------------------------------------------------------------------


def test_pointing_lights_a_vertex_and_tells_what_it_is(visit: Any) -> None:
    graph = mlp()
    page = visit(draw(graph, labels=[f"digit {k}" for k in range(10)])).page
    page.mouse.move(*point(page, 96 + 7))
    page.wait_for_selector("#tip:not([hidden])")
    told = page.inner_text("#tip").split("\n")
    assert told[0] == "fc2:7 · digit 7"
    facts = dict(zip(told[1::2], told[2::2], strict=True))
    assert facts["layer"] == "fc2"
    assert facts["module"] == str(graph.columns["module"][103])
    assert float(facts["bias"].replace("−", "-")) == pytest.approx(graph.columns["bias"][103], rel=1e-3)
    assert float(facts["strength, Σ|weight|"]) == pytest.approx(np.abs(graph.blocks[1].weight[7]).sum(), rel=1e-3)
    assert page.evaluate("() => document.getElementById('stage').classList.contains('focus')")
    page.mouse.move(5, 400)
    page.wait_for_selector("#tip", state="hidden")
    assert not page.evaluate("() => document.getElementById('stage').classList.contains('focus')")


def test_clicking_lists_the_strongest_edges(visit: Any) -> None:
    graph = mlp()
    page = visit(draw(graph, top=5000)).page
    page.mouse.click(*point(page, 96 + 3))
    page.wait_for_selector("#panel:not([hidden])")
    rows = page.eval_on_selector_all(
        "#panel-edges button", "(all) => all.map((b) => [b.className, ...[...b.children].map((c) => c.textContent)])"
    )
    weight = graph.blocks[1].weight[3]
    best = np.argsort(-np.abs(weight))[:6]
    assert [row[1] for row in rows] == [f"fc1:{k}" for k in best]
    assert [row[0] for row in rows] == ["pos" if weight[k] > 0 else "neg" for k in best]
    page.click("#panel-edges button")
    assert page.inner_text("#panel-title") == f"fc1:{best[0]}"


def test_by_keyboard_alone(visit: Any) -> None:
    graph = mlp()
    page = visit(draw(graph)).page
    page.keyboard.press("/")
    page.keyboard.type("fc1:1")
    assert page.inner_text("#found") == "1 / 11"  # fc1:1, fc1:10 … fc1:19
    assert page.inner_text("#panel-title") == "fc1:1"
    page.keyboard.press("Enter")
    assert page.inner_text("#panel-title") == "fc1:10"
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#panel-title") == f"fc2:{np.argmax(np.abs(graph.blocks[1].weight[:, 10]))}"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")
    page.wait_for_selector("#panel", state="hidden")
    assert page.input_value("#search") == ""


def test_a_resized_window_shows_everything_again(visit: Any) -> None:
    page = visit(draw(cnn())).page
    page.set_viewport_size({"width": 900, "height": 600})
    page.wait_for_timeout(300)
    stage = page.evaluate("() => document.getElementById('stage').getBoundingClientRect().toJSON()")
    for box in page.evaluate(BOXES):
        assert stage["left"] <= box["left"] <= box["right"] <= stage["right"]
        assert stage["top"] <= box["top"]
    assert page.evaluate("() => document.querySelector('#graph canvas').clientWidth") == round(stage["width"])


def test_in_a_notebooks_frame_the_page_draws(visit: Any) -> None:
    view = draw(mlp())
    opened = visit(view, html=f"<!doctype html><body>{view._repr_html_()}</body>")
    frame = opened.page.frame_locator("iframe")
    frame.locator("html[data-ready=yes]").wait_for(state="attached")
    assert frame.locator("html").get_attribute("data-edges") == str(view.edges)
    assert opened.console == []


def test_png(chrome: Any, tmp_path: Any) -> None:
    picture = draw(mlp(), theme="dark").png(tmp_path / "page.png", width=1000, height=700)
    assert (tmp_path / "page.png").read_bytes() == picture
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")) == (1000, 700)
    assert len(picture) > 40_000  # a blank page of that size has 5 kB
