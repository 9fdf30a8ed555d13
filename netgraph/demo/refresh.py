"""Makes the repository's ``data/`` anew from the digits: ``scripts/demo --refresh-data`` (for maintainers)."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from netgraph.demo.run import demo

KEPT = (
    "nets.py",
    "test.npz",
    "mlp/weights.safetensors",
    "mlp/graph",
    "cnn/weights.safetensors",
    "cnn/graph",
    "cnn/paths.csv",
)
"""What of the demo's output is kept as examples: small, and enough for every command of the README."""


def refresh(data: Path) -> None:
    """Runs the demo on the digits and replaces the kept files in `data`."""
    with tempfile.TemporaryDirectory() as temporary:
        demo(temporary, progress=lambda text, share: sys.stderr.write(f"[{share:4.0%}] {text}\n"))
        for name in KEPT:
            made, kept = Path(temporary) / name, data / name
            if kept.is_dir():
                shutil.rmtree(kept)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(made, kept)


if __name__ == "__main__":
    refresh(Path(sys.argv[1]))
