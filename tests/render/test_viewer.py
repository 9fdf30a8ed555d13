"""The page's script is what its source builds; its own tests, types and format hold."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from node_tools import ROOT, installed, needed

VIEWER = ROOT / "netgraph" / "render" / "viewer"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source beside the packages that the lock file names."""
    packages = installed("viewer", [VIEWER / name for name in ("package.json", "package-lock.json", ".npmrc")])
    place = tmp_path_factory.mktemp("viewer")
    for name in ("package.json", "tsconfig.json", "build.mjs"):
        shutil.copy(VIEWER / name, place)
    for name in ("src", "test"):
        shutil.copytree(VIEWER / name, place / name)
    (place / "node_modules").symlink_to(packages / "node_modules")
    return place


def run(script: str, place: Path) -> None:
    npm = needed("npm", "it comes with nodejs")
    done = subprocess.run([npm, "run", script], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_viewer_bundle_is_what_its_source_builds(workshop: Path) -> None:
    run("build", workshop)
    for name in ("viewer.js", "viewer.css"):
        built, shipped = (folder / "dist" / name for folder in (workshop, VIEWER))
        assert built.read_bytes() == shipped.read_bytes(), f"npm run build in {VIEWER.name}, and commit dist/{name}"


def test_viewer_bundle_is_small_and_asks_for_nothing() -> None:
    script = (VIEWER / "dist" / "viewer.js").read_text(encoding="utf-8")
    assert len(script.encode()) <= 220_000
    for word in ("fetch(", "XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon", "import(", "eval(", "Function("):
        assert word not in script, word


def test_viewer_source_makes_no_markup_of_text() -> None:
    """d3 brings a function that would, for selections: nobody may call it."""
    files = sorted((VIEWER / "src").rglob("*.ts"))
    assert len(files) > 50
    for file in files:
        source = file.read_text(encoding="utf-8")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", ".html(", 'setTimeout("'):
            assert word not in source, f"{file.name}: {word}"


def test_viewer_types_and_format(workshop: Path) -> None:
    run("check", workshop)


def test_viewer_own_tests(workshop: Path) -> None:
    run("test", workshop)


def test_viewer_lock_file_names_no_registry() -> None:
    packages = json.loads((VIEWER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert len(packages) > 10
    for name, package in packages.items():
        assert "resolved" not in package
        assert not name or package.get("optional") or "integrity" in package
