"""A page that is saved, shown in a notebook, or turned into a picture: whole, or a clear error."""

from __future__ import annotations

import dataclasses
import html
import os
import re
import stat
import sys
from pathlib import Path

import pytest

import netgraph as ng
from netgraph.errors import RenderError
from netgraph.graph.graph import Graph
from netgraph.render import browser, view

SMALL = Graph.from_matrices([[[1.0, -2.0]]])


def test_a_view_is_frozen_and_its_repr_is_short() -> None:
    made = ng.render(SMALL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.title = "x"  # type: ignore[misc]
    assert len(repr(made)) < 200


def test_render_to_a_path_and_save_write_the_page(tmp_path: Path) -> None:
    made = ng.render(SMALL, tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == made.html
    assert made.save(str(tmp_path / "b.html")) == tmp_path / "b.html"
    assert (tmp_path / "b.html").read_bytes() == (tmp_path / "a.html").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX file modes")
def test_a_saved_page_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    ng.render(SMALL, tmp_path / "a.html")
    assert stat.S_IMODE((tmp_path / "a.html").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_folder_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"is a folder: name a file in it, such as .*page\.html"):
        ng.render(SMALL, tmp_path)
    with pytest.raises(RenderError, match=r"there is no folder .*nowhere; make it first"):
        ng.render(SMALL, tmp_path / "nowhere" / "a.html")


def test_a_failed_write_leaves_the_old_page_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.html"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(view.os, "replace", full)
    with pytest.raises(RenderError, match="No space left on device"):
        ng.render(SMALL, path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]


def test_in_a_notebook_the_page_is_a_sandboxed_frame() -> None:
    made = ng.render(SMALL, title='"><b>')
    frame = made._repr_html_()
    assert 'sandbox="allow-scripts allow-downloads"' in frame
    inside = re.search(r'srcdoc="([^"]*)"', frame)
    assert inside
    assert html.unescape(inside[1]) == made.html
    assert "<b>" not in frame


def test_a_large_page_becomes_a_file_and_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = dataclasses.replace(ng.render(SMALL), html="x" * (view.INLINE + 1))
    link = re.search(r'href="([^"]+)"', made._repr_html_())
    assert link
    assert (tmp_path / link[1]).read_text() == made.html


# -- pictures: what happens without a good browser (with one: tests/browser) --------------------------


def test_no_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NETGRAPH_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RenderError, match=r"none was found: install one .* NETGRAPH_CHROMIUM\. Looked for: chromium"):
        ng.render(SMALL).png()


def test_a_wrong_browser_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETGRAPH_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(RenderError, match="NETGRAPH_CHROMIUM=/nowhere/chromium: no program there"):
        browser.chromium()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the browser")
def test_a_browser_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "chromium"
    script.write_text("#!/bin/sh\necho 'no display' >&2\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setenv("NETGRAPH_CHROMIUM", str(script))
    with pytest.raises(RenderError, match=r"made no picture \(exit status 3\): no display"):
        ng.render(SMALL).png(tmp_path / "a.png")
    assert not os.path.exists(tmp_path / "a.png")


def test_a_picture_has_a_sensible_size() -> None:
    with pytest.raises(RenderError, match="200 to 8000 pixels"):
        ng.render(SMALL).png(width=10)
