"""A picture of a page, by whatever Chromium there is: one process, one file in, one file out."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from netgraph.errors import RenderError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell", "msedge")

FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

SECONDS = 120
PATIENCE = 30_000
"""Milliseconds of the page's own clock before the picture is taken: it runs on at once where the page only waits, so
that every edge of the largest page is drawn by then (the page draws in slices, and says so by ``data-complete``)."""


SCHEMES = {"dark": 0, "light": 1}
"""As Blink numbers what a system wishes."""


def chromium() -> str:
    """Path of the browser: the variable ``NETGRAPH_CHROMIUM``, or the first of the common names on the search path."""
    named = os.environ.get("NETGRAPH_CHROMIUM")
    if named:
        if shutil.which(named) is None:
            raise RenderError(f"NETGRAPH_CHROMIUM={named}: no program there; name a Chromium or Chrome, or unset it")
        return named
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    raise RenderError(
        "a picture needs a Chromium or Chrome, and none was found: install one (apt-get install chromium), or name it "
        f"in the variable NETGRAPH_CHROMIUM. Looked for: {', '.join(NAMES)}"
    )


def screenshot(html: str, width: int, height: int, theme: str | None = None) -> bytes:
    """The page in a window of that size, as PNG. The browser gets a fresh profile and nothing but the file.

    ``theme``: what the system is to wish, "dark" or "light"; None: whatever it does wish, light as a rule.
    """
    if not (200 <= width <= 8000 and 200 <= height <= 8000):
        raise RenderError(f"width={width}, height={height}: a picture has 200 to 8000 pixels a side")
    program = chromium()
    with tempfile.TemporaryDirectory(prefix="netgraph-", ignore_cleanup_errors=True) as folder:
        page, picture = Path(folder, "page.html"), Path(folder, "page.png")
        page.write_text(html, encoding="utf-8")
        # Chromium's sandbox refuses to start for the superuser, as in most containers.
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        wish = [] if theme is None else [f"--blink-settings=preferredColorScheme={SCHEMES[theme]}"]
        command = [
            program, *FLAGS, *sandbox, *wish, f"--user-data-dir={folder}/profile", f"--window-size={width},{height}",
            f"--virtual-time-budget={PATIENCE}", f"--screenshot={picture}", page.as_uri(),
        ]  # fmt: skip
        try:
            ran = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RenderError(f"{program} made no picture: {error}") from error
        if not picture.is_file():
            last = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise RenderError(f"{program} made no picture (exit status {ran.returncode}): {last}")
        return picture.read_bytes()
