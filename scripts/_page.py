"""What a page costs: its size, its first frame, its memory, panning; beside a pyvis page of the same network.

Each page is opened in a fresh headless Chromium without a GPU. "First frame" runs from the start of the navigation to
the first frame that shows the picture; memory is JavaScript's heap after a collection, and what the renderer process
holds above an empty page's. pyvis gets its edges as a list, which spares it its own quadratic ``add_edge``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import netgraph as ng
from netgraph.render.browser import FLAGS, chromium

MEDIUM = ((500, 784), (10, 500))
LARGE = ((1000, 500), (500, 1000))
Figures = dict[str, float]

IN_FRAME = "() => new Promise((done) => requestAnimationFrame(() => done(performance.now())))"
HEAP = "() => performance.memory.usedJSHeapSize / 1e6"
WATCH = """() => {
  window.intervals = [];
  let last = performance.now();
  const frame = (now) => {
    window.intervals.push(now - last);
    last = now;
    window.watching = requestAnimationFrame(frame);
  };
  window.watching = requestAnimationFrame(frame);
}"""
SEEN = "() => { cancelAnimationFrame(window.watching); return window.intervals.slice(2); }"


def graph(shapes: tuple[tuple[int, int], ...]) -> ng.Graph:
    rng = np.random.default_rng(0)
    return ng.Graph.from_matrices([rng.standard_normal(shape).astype(np.float32) for shape in shapes])


def written(shapes: tuple[tuple[int, int], ...], file: Path) -> Figures:
    """Our page: seconds of Python (after one run that does not count), megabytes."""
    drawn = graph(shapes)
    ng.render(graph(((3, 2),)))
    start = time.perf_counter()
    ng.render(drawn, file)
    return {"write": time.perf_counter() - start, "size": file.stat().st_size / 1e6}


def written_by_pyvis(shapes: tuple[tuple[int, int], ...], file: Path) -> Figures:
    """The same network as people draw it with pyvis: in one file, fixed places, no physics."""
    from pyvis.network import Network

    drawn = graph(shapes)
    start = time.perf_counter()
    vertices, edges = drawn.to_pandas()
    network = Network(height="800px", width="100%", directed=True, cdn_resources="in_line")
    network.toggle_physics(False)
    for vertex in vertices.itertuples():
        network.add_node(vertex.id, label=vertex.label, x=10 * vertex.depth * 40, y=10 * vertex.index)
    network.edges = [
        {"from": source, "to": target, "value": value, "arrows": "to"}
        for source, target, value in zip(edges["source"], edges["target"], edges["abs_weight"].tolist(), strict=True)
    ]
    file.write_text(network.generate_html(notebook=False), encoding="utf-8")
    return {"write": time.perf_counter() - start, "size": file.stat().st_size / 1e6}


def opened(file: Path, ours: bool, patience: float) -> Figures:
    """Open it in a new browser and look."""
    from playwright.sync_api import sync_playwright

    arguments = [*FLAGS, "--no-sandbox", "--enable-precise-memory-info", "--js-flags=--expose-gc"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(patience * 1000)
        page.goto("about:blank")
        page.evaluate("() => gc()")
        empty = page.evaluate(HEAP)
        page.goto(file.as_uri(), timeout=patience * 1000)
        figures: Figures = {}
        if ours:
            page.wait_for_selector("html[data-complete=yes]", state="attached")
            timings = page.evaluate("() => window.netgraph.stage.timings")
            figures |= {"first": timings["first"] / 1000, "all": timings["complete"] / 1000}
        else:
            figures["first"] = page.evaluate(IN_FRAME) / 1000
        figures["heap"] = max(heap(page) - empty, 0.01)
        if ours:
            figures |= panned(page)
        browser.close()
    return figures


def heap(page: Any) -> float:
    page.evaluate("() => gc()")
    return float(page.evaluate(HEAP))


def panned(page: Any) -> Figures:
    """Milliseconds between frames while the picture is dragged to and fro."""
    page.mouse.move(500, 300)
    page.mouse.down()
    page.evaluate(WATCH)
    for step in range(120):
        page.mouse.move(500 + 200 * np.sin(step / 12), 300 + 60 * np.cos(step / 9))
        page.evaluate(IN_FRAME)
    intervals = page.evaluate(SEEN)
    page.mouse.up()
    return {"median": statistics.median(intervals), "p95": float(np.quantile(intervals, 0.95))}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench page", description="What a page costs, beside pyvis's.")
    parser.add_argument("--without-pyvis", action="store_true", help="pyvis takes a minute; leave it out")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    chosen = parser.parse_args()
    got: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as folder, Console(stderr=True).status("measuring"):
        for name, shapes in (("medium", MEDIUM), ("large", LARGE)):
            file = Path(folder) / f"{name}.html"
            got[name] = written(shapes, file) | opened(file, True, 120)
        if not chosen.without_pyvis:
            file = Path(folder) / "pyvis.html"
            got["pyvis"] = written_by_pyvis(MEDIUM, file) | opened(file, False, 300)
    if chosen.json:
        print(json.dumps(got))
        return 0
    show(got)
    return 0


def show(got: dict[str, Figures]) -> None:
    medium, large, pyvis = got["medium"], got["large"], got.get("pyvis")
    table = Table("what", "397,000 edges", "goal", "1,000,000 edges", "goal ", title="pages in a browser without a GPU")
    rows = [
        ("Python writes it", "write", "{:.2f} s", "≤ 1.5 s", "≤ 1.5 s"),
        ("its size", "size", "{:.2f} MB", "≤ 1.4 MB", ""),
        ("first frame", "first", "{:.2f} s", "", "≤ 2 s"),
        ("all edges", "all", "{:.2f} s", "", "≤ 6 s"),
        ("JavaScript's heap", "heap", "{:.1f} MB", "", ""),
        ("between frames while panning, median", "median", "{:.0f} ms", "", ""),
        ("the same, 95th percentile", "p95", "{:.0f} ms", "", "≤ 33 ms"),
    ]
    for what, key, form, goal, goal_large in rows:
        table.add_row(what, form.format(medium[key]), goal, form.format(large[key]), goal_large)
    if pyvis:
        for what, key, goal in (("first frame", "first", "≥ 20"), ("heap", "heap", "≥ 20"), ("size", "size", "")):
            table.add_row(f"pyvis's {what} / ours", f"{pyvis[key] / medium[key]:.0f} times", goal, "", "")
        seen = f"first frame {pyvis['first']:.1f} s, heap {pyvis['heap']:.0f} MB, file {pyvis['size']:.1f} MB"
        table.caption = f"pyvis: {seen}, written in {pyvis['write']:.1f} s"
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main())
