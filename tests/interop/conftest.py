"""Other people's tools: where they are, or why a test goes without (with CI=true it may not)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NODE = Path(__file__).parent / "node"


def needed(tool: str, mend: str) -> str:
    found = shutil.which(tool)
    if found is None and os.environ.get("CI") != "true":
        pytest.skip(f"{tool} is not installed ({mend})")
    assert found is not None, f"CI=true: {tool} must be installed ({mend})"
    return found


@pytest.fixture(scope="session")
def rscript() -> str:
    return needed("Rscript", "apt-get install r-base-core r-cran-igraph r-cran-tidygraph r-cran-ggraph")


@pytest.fixture(scope="session")
def graphology() -> Callable[[Path], Any]:
    """Reads a GEXF or GraphML file with graphology, a parser that shares nothing with Python's."""
    node = needed("node", "nodejs >= 18")
    script = _installed(needed("npm", "it comes with nodejs")) / "read.js"

    def read(path: Path) -> Any:
        done = subprocess.run([node, str(script), str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read


def _installed(npm: str) -> Path:
    """build/readers-…, where node_modules are: made once for each lock file, whole or not at all."""
    sources = [NODE / name for name in ("package.json", "package-lock.json", ".npmrc", "read.js")]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:12]
    place = ROOT / "build" / f"readers-{digest}"
    if place.exists():
        return place
    place.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        for file in sources:
            shutil.copy(file, folder)
        done = subprocess.run([npm, "ci"], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0 and os.environ.get("CI") != "true":
            pytest.skip(f"npm ci could not install graphology: {done.stderr.strip().splitlines()[-1:]}")
        assert done.returncode == 0, done.stderr
        try:
            Path(folder).rename(place)
        except OSError:  # another worker was faster
            assert place.exists()
        else:
            Path(folder).mkdir()  # for the cleaning up
    return place
