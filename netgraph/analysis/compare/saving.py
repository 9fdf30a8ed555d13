"""A comparison as a folder of tables."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.errors import TableError
from netgraph.graph.formats.swap import replacing

if TYPE_CHECKING:
    from netgraph.analysis.compare.result import Comparison

REPORT = "comparison.json"
TABLES = ("vertices", "edges", "layers", "overlap", "matching")


def save(found: Comparison, directory: str | os.PathLike[str]) -> Path:
    """Writes the folder whole or not at all; one that holds anything but a saved comparison is refused."""
    folder = Path(directory)
    _check(folder)
    with replacing(folder) as new:
        for name in TABLES:
            table = found.edge_table() if name == "edges" else getattr(found, name)
            table.to_csv(new / f"{name}.csv", index=False)
        report = json.dumps(_plain(found.summary()), indent=2, allow_nan=False)
        (new / REPORT).write_text(report + "\n", encoding="utf-8")
    return folder


def _check(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise TableError(f"{folder} is a file; expected a folder, which may not exist yet")
    held = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
    foreign = [name for name in held if name not in {REPORT, *(f"{name}.csv" for name in TABLES)}]
    if foreign or (held and REPORT not in held):
        raise TableError(
            f"{folder} holds {', '.join((foreign or held)[:5])}, and not just a saved comparison: "
            "choose another folder, or empty this one"
        )


def _plain(value: Any) -> Any:
    """A value as JSON knows it; NaN and infinity, which JSON lacks, as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
