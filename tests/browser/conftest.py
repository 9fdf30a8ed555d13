"""A real browser for the pages: fresh profile, no network, every request and console line written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from node_tools import installed

from netgraph.errors import RenderError
from netgraph.render.browser import FLAGS, chromium
from netgraph.render.view import View

NODE = Path(__file__).parent / "node"
PATIENCE = 10_000
"""Milliseconds that a test waits for what never comes: a page whose script cannot run does not say that it is ready."""
ARGUMENTS = [*FLAGS, "--no-sandbox"]


@dataclass
class Opened:
    """A page in the browser, with what it did."""

    page: Any
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def chrome() -> Iterator[Any]:
    """One browser for all tests. The root conftest turns a skip into a failure where CI=true."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (pip install playwright)")
    try:
        program = chromium()
    except RenderError as error:
        pytest.skip(f"no browser: {error}")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, which knows the rules of accessibility."""
    files = [NODE / name for name in ("package.json", "package-lock.json", ".npmrc")]
    return (installed("axe", files) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def visit(chrome: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Save a view and open it, in a context of its own; ready when the page says that it has drawn."""
    contexts = []

    def go(
        view: View,
        theme: str = "light",
        width: int = 1280,
        height: int = 800,
        html: str | None = None,
        hash: str = "",
        scale: float = 1,
    ) -> Opened:
        size = {"width": width, "height": height}
        context = chrome.new_context(viewport=size, color_scheme=theme, device_scale_factor=scale)
        contexts.append(context)
        file = tmp_path / f"page{len(contexts)}.html"
        file.write_text(view.html if html is None else html, encoding="utf-8")
        opened = Opened(context.new_page())
        page = opened.page
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: opened.requests.append(request.url))
        page.on("requestfailed", lambda request: opened.failed.append(f"{request.url} {request.failure}"))
        page.on("console", lambda message: opened.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: opened.console.append(f"pageerror: {error}"))
        page.on("dialog", lambda dialog: (opened.dialogs.append(dialog.message), dialog.dismiss()))
        page.goto(file.as_uri() + hash)
        if html is None:
            page.wait_for_selector("html[data-ready=yes], html[data-failed=yes]", state="attached")
            assert page.get_attribute("html", "data-ready") == "yes", opened.console
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return opened

    yield go
    for context in contexts:
        context.close()
