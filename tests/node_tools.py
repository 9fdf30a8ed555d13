"""Tools that are no Python packages: where they are, or why a test goes without (with CI=true it may not)."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def needed(tool: str, mend: str) -> str:
    found = shutil.which(tool)
    if found is None and os.environ.get("CI") != "true":
        pytest.skip(f"{tool} is not installed ({mend})")
    assert found is not None, f"CI=true: {tool} must be installed ({mend})"
    return found


def installed(name: str, sources: Sequence[Path]) -> Path:
    """build/<name>-…, with these files and their node_modules: made once for each content, whole or not at all."""
    npm = needed("npm", "it comes with nodejs")
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:12]
    place = ROOT / "build" / f"{name}-{digest}"
    if place.exists():
        return place
    place.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        for file in sources:
            shutil.copy(file, folder)
        done = subprocess.run([npm, "ci"], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0 and os.environ.get("CI") != "true":
            pytest.skip(f"npm ci could not install {name}: {done.stderr.strip().splitlines()[-1:]}")
        assert done.returncode == 0, done.stderr
        try:
            Path(folder).rename(place)
        except OSError:  # another worker was faster
            assert place.exists()
        else:
            Path(folder).mkdir()  # for the cleaning up
    return place
