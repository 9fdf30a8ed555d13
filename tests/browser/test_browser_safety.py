"""Nothing gets in, nothing gets out: hostile texts, frames of notebooks, and the graphs that nobody thought of."""

from __future__ import annotations

import html as html_text
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from browser_pages import COLOURS, FRAMES, caption, complete, flat, network, numbers, page_of, state

import netgraph as ng
from netgraph.graph.graph import Block, Layer

Visit = Callable[..., Any]

HOSTILE = [
    "</script><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    '"><svg onload=window.pwned=1>',
    "javascript:window.pwned=1",
    "{{7*7}} ${7*7} \u2028 \x00 \ud800",
]


def hostile(kind: str = HOSTILE[3]) -> ng.Graph:
    rng = np.random.default_rng(0)
    graph = ng.Graph.from_matrices([rng.normal(size=(5, 6)), rng.normal(size=(5, 5))])
    layers = tuple(
        Layer(HOSTILE[1], f"l{k}{HOSTILE[k]}", HOSTILE[2], old.shape, old.start, old.size)
        for k, old in enumerate(graph.layers)
    )
    names = dict(zip((layer.name for layer in graph.layers), layers, strict=True))
    blocks = tuple(Block(names[b.source].name, names[b.target].name, kind, b.weight) for b in graph.blocks)
    return ng.Graph(layers, blocks, meta={"name": HOSTILE[0], "model_hash": HOSTILE[1]})


def inert(opened: Any) -> None:
    """No text became markup or ran, and nothing was asked for."""
    page = opened.page
    assert page.evaluate("() => window.pwned") is None
    assert page.evaluate("() => document.querySelectorAll('script:not([type])').length") <= 2
    assert page.evaluate("() => document.querySelectorAll('img, svg[onload], [onerror]').length") == 0
    assert len(opened.requests) == 1
    assert (opened.console, opened.dialogs, opened.failed) == ([], [], [])


@pytest.mark.parametrize("backend", ["canvas", "pyvis"])
def test_safety_hostile_texts_stay_texts(visit: Visit, backend: str) -> None:
    how = {"classes": HOSTILE} if backend == "canvas" else {"labels": HOSTILE}
    opened = visit(ng.render(hostile(), backend=backend, title=HOSTILE[0], **how))
    page = opened.page
    page.evaluate(FRAMES)
    assert page.title().startswith("</script>")
    inert(opened)


def test_safety_hostile_texts_stay_texts_wherever_they_are_shown(visit: Visit) -> None:
    graph = hostile("linear")
    labels = {str(name): HOSTILE[k % 5] for k, name in enumerate(graph.ids)}
    inputs = np.ones((2, 6), dtype=np.float32)
    view = ng.render(graph, title=HOSTILE[0], labels=labels, classes=HOSTILE, inputs=inputs, truth=[1, 2])
    opened = visit(view)
    page = opened.page
    press = page.keyboard.press
    for name in graph.ids[[0, 7, 12]]:  # the panel, the tip, the live region
        page.evaluate("(id) => { const { model, store } = window.netgraph; const v = model.find(id);"
                      " store.set({ selected: v, hovered: v }); }", str(name))  # fmt: skip
        assert page.get_by_role("complementary").get_by_role("heading", level=2).first.inner_text()
    page.get_by_role("banner").get_by_role("combobox", name="search ( / )").fill("img")
    assert page.get_by_role("option").filter(visible=True).count() > 1
    press("Escape")
    for key in ("1", "2", "3", "4", "p", "?"):
        press(key)
        complete(page)
    assert "onerror" in page.get_by_role("dialog").inner_text()
    press("Escape")
    press("3")
    root = ET.fromstring(page.evaluate("() => window.netgraph.stage.svg()"))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "rect", "g", "path", "text", "image"}
    assert not any(name.startswith("on") for element in root.iter() for name in element.attrib)
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    inert(opened)


def test_safety_the_page_asks_for_nothing_but_itself(visit: Visit) -> None:
    opened = visit(page_of("mlp"))
    complete(opened.page)
    assert opened.requests[0].startswith("file://")
    inert(opened)


def test_safety_the_policy_lets_no_foreign_script_run(visit: Visit) -> None:
    opened = visit(page_of("mlp"))
    opened.page.evaluate(
        """() => {
          const script = document.createElement("script"), image = new Image();
          script.textContent = "window.pwned = 1";
          document.body.append(script);
          image.src = "http://localhost:9/x.png";
          fetch("http://localhost:9/").catch(() => {});
        }"""
    )
    opened.page.wait_for_timeout(200)
    assert opened.page.evaluate("() => window.pwned") is None
    assert any("Content Security Policy" in line for line in opened.console)
    assert [url for url in opened.requests if not url.startswith("file://")] == [] or opened.failed


def test_safety_a_damaged_page_says_so(visit: Visit) -> None:
    html = page_of("mlp").html
    start = html.index('id="data">') + len('id="data">')
    opened = visit(
        page_of("mlp"), html=html[:start] + html[start : start + 5000] + html[html.index("</script>", start) :]
    )
    opened.page.wait_for_selector("html[data-failed=yes]", state="attached")
    assert "This page cannot be shown" in opened.page.get_by_role("alert").inner_text()


# -- notebooks --------------------------------------------------------------------------------------------------


def test_safety_twenty_frames_of_a_notebook_all_draw(visit: Visit) -> None:
    graph = ng.Graph.from_matrices([np.random.default_rng(0).normal(size=(12, 16)), np.ones((3, 12))])
    frame = ng.render(graph, title="cell")._repr_html_()
    assert 'sandbox="allow-scripts allow-downloads"' in frame
    cells = "".join(f"<h2>{html_text.escape(f'cell {k}')}</h2>{frame}" for k in range(20))
    opened = visit(ng.render(graph), html=f"<!doctype html><title>notebook</title>{cells}")
    page = opened.page
    for k in range(20):
        page.locator("iframe").nth(k).scroll_into_view_if_needed()
        inside = page.locator("iframe").nth(k).element_handle().content_frame()
        for stage in ("ready", "complete"):  # twenty pages at once take their time on a busy machine
            inside.wait_for_selector(f"html[data-{stage}=yes]", state="attached", timeout=90_000)
        assert inside.evaluate(COLOURS) > 20, f"frame {k} is empty"
    # And they can be used: in a frame without an address of its own, nothing complains that it keeps no state.
    inside = page.frame_locator("iframe >> nth=19")
    inside.get_by_role("button", name="matrix", exact=True).click()
    inside.get_by_role("button", name="save", exact=True).click()
    assert inside.get_by_role("button", name="copy link").count() == 0
    page.wait_for_timeout(300)
    assert inside.get_by_role("button", name="matrix", exact=True).get_attribute("aria-pressed") == "true"
    assert opened.console == []


# -- awkward graphs ---------------------------------------------------------------------------------------------


def chain(depth: int) -> ng.Graph:
    rng = np.random.default_rng(1)
    return ng.Graph.from_matrices([rng.normal(size=(3, 3)) for _ in range(depth - 1)])


def without_edges() -> ng.Graph:
    return ng.Graph((Layer("a", "a", "input", (3,), 0, 3), Layer("b", "b", "linear", (2,), 3, 2)), ())


def empty_layer() -> ng.Graph:
    graph = chain(3)
    return ng.Graph((*graph.layers, Layer("none", "none", "linear", (0,), graph.n, 0)), graph.blocks)


def gaps() -> ng.Graph:
    """A column with NaN and infinity, labels that are missing, weights that are all 0."""
    graph = chain(3)
    columns = {**graph.columns, "pagerank": np.r_[np.nan, np.inf, np.ones(graph.n - 2)]}
    last = replace(graph.blocks[1], weight=np.zeros((3, 3), dtype=np.float32))
    return ng.Graph(graph.layers, (graph.blocks[0], last), columns)


AWKWARD: dict[str, Callable[[], ng.View]] = {
    "no edges": lambda: ng.render(without_edges()),
    "one vertex": lambda: ng.render(ng.Graph((Layer("a", "a", "input", (1,), 0, 1),), ())),
    "one output": lambda: ng.render(
        ng.Graph.from_matrices([np.ones((4, 3)), -np.ones((1, 4))]), inputs=np.eye(3, dtype=np.float32)
    ),
    "70 layers": lambda: ng.render(chain(70), inputs=np.ones((1, 3), dtype=np.float32)),
    "an empty layer": lambda: ng.render(empty_layer()),
    "gaps": lambda: ng.render(gaps()),
    "one huge weight": lambda: ng.render(ng.Graph.from_matrices([np.array([[1e30, 1e-30], [-1.0, 0.0]])])),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_safety_awkward_graphs_have_a_page(visit: Visit, name: str) -> None:
    view = AWKWARD[name]()
    opened = visit(view)
    page = opened.page
    complete(page)
    assert page.evaluate(COLOURS) > 5
    last = view.vertices - 1
    for act in ("1", "2", "3", "4", "3", "?", "Escape", "f", "d", "t"):
        page.keyboard.press(act)
        complete(page)
    page.evaluate("(v) => window.netgraph.store.set({ selected: v, hovered: v })", last)
    complete(page)
    script = "(v) => { const { model, stage } = window.netgraph; return [model.id(v), stage.svg()]; }"
    own, svg = page.evaluate(script, last)
    assert page.get_by_role("complementary").get_by_role("heading", name=own, exact=True).is_visible()
    ET.fromstring(svg)
    for text in (svg, page.locator("body").inner_text()):
        assert "NaN" not in text
        assert "undefined" not in text
        assert "Infinity" not in text
    assert opened.console == []


def test_safety_one_output_is_a_circuit_of_its_own(visit: Visit) -> None:
    page = visit(AWKWARD["one output"]()).page
    assert page.get_by_role("button", name="circuit", exact=True).get_attribute("aria-pressed") == "true"
    assert page.get_by_role("combobox", name="class that the circuit is for").count() == 0
    assert numbers(page.get_by_text("Σ paths from inputs").inner_text()) == [-4, 0, -4]


# -- more edges than a page holds -------------------------------------------------------------------------------


def test_safety_a_cut_graph_says_so_and_shows_the_sums_of_all_edges(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netgraph.render.canvas import stored

    graph = network("mlp").graph(granularity="unit")
    monkeypatch.setattr(stored, "WHOLE", 2000)
    monkeypatch.setattr(stored, "KEPT", 600)
    monkeypatch.setattr(stored, "BINS", 8)
    view = ng.render(graph, title="cut")
    assert view.edges == 600
    opened = visit(view)
    page = opened.page
    weights = np.abs(flat(graph))
    parts = np.split(weights, np.cumsum([block.edges for block in graph.blocks])[:-1])
    kept = sum(np.sort(part)[-200:].sum() for part in parts)
    page.get_by_role("slider").fill("1000")
    shown, every, share = numbers(caption(page))
    assert (shown, every) == (600, 3392)
    assert share == pytest.approx(100 * kept / weights.sum(), abs=0.5)
    assert "600 of 3,392 edges" in page.get_by_role("complementary").inner_text()
    page.keyboard.press("4")
    complete(page)
    assert state(page)["view"] == "matrix"
    weight = network("mlp").model.fc1.weight.detach().numpy()
    sums = np.abs(weight).reshape(8, 4, 8, 8).sum((1, 3))
    signs = np.sign(weight.reshape(8, 4, 8, 8).sum((1, 3)))
    space = "{http://www.w3.org/2000/svg}"
    read = "() => window.netgraph.stage.svg()"
    root = ET.fromstring(page.evaluate(read))
    image = root.find(f".//{space}image")
    assert image is not None
    box = page.locator("#matrix canvas").bounding_box()
    x, y, width, height = (float(image.attrib[name]) for name in ("x", "y", "width", "height"))
    for row, column in (np.unravel_index(sums.argmax(), sums.shape), (0, 0), (7, 3)):
        page.mouse.move(box["x"] + x + (column + 0.5) * width / 8, box["y"] + y + (row + 0.5) * height / 8)
        told = [text.text or "" for text in ET.fromstring(page.evaluate(read)).iter(f"{space}text")]
        value = numbers(next(text for text in told if "→" in text).rpartition("   ")[2])[0]
        assert value == pytest.approx(float(signs[row, column] * sums[row, column]), rel=1e-3)
    assert "a cell sums several weights" in page.get_by_role("complementary").inner_text()
    assert opened.console == []
