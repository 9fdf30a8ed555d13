"""A comparison as a folder of tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from netgraph.graph.formats.reports import check_report, write_report
from netgraph.graph.formats.swap import replacing

if TYPE_CHECKING:
    from netgraph.analysis.compare.result import Comparison

REPORT = "comparison.json"
TABLES = ("vertices", "edges", "layers", "overlap", "matching")


def save(found: Comparison, directory: str | os.PathLike[str]) -> Path:
    """Writes the folder whole or not at all; one that holds anything but a saved comparison is refused."""
    folder = Path(directory)
    check_report(folder, REPORT, [f"{name}.csv" for name in TABLES], "a saved comparison")
    with replacing(folder) as new:
        for name in TABLES:
            table = found.edge_table() if name == "edges" else getattr(found, name)
            table.to_csv(new / f"{name}.csv", index=False)
        write_report(new / REPORT, found.summary())
    return folder
