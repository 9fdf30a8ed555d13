"""Other people's tools: where they are, or why a test goes without (with CI=true it may not)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from node_tools import installed, needed

NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="session")
def rscript() -> str:
    return needed("Rscript", "apt-get install r-base-core r-cran-igraph r-cran-tidygraph r-cran-ggraph")


@pytest.fixture(scope="session")
def graphology() -> Callable[[Path], Any]:
    """Reads a GEXF or GraphML file with graphology, a parser that shares nothing with Python's."""
    node = needed("node", "nodejs >= 18")
    files = ("package.json", "package-lock.json", ".npmrc", "read.js")
    script = installed("readers", [NODE / name for name in files]) / "read.js"

    def read(path: Path) -> Any:
        done = subprocess.run([node, str(script), str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read
