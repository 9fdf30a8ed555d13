"""A circuit as a folder: the tables of its graph, ``circuit.json`` with settings and evidence, and ``roles.csv``."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from netgraph.errors import TableError
from netgraph.graph.formats import write_graph
from netgraph.graph.formats.checks import FILES
from netgraph.graph.formats.swap import replacing

if TYPE_CHECKING:
    from netgraph.analysis.circuits.evidence import Evidence
    from netgraph.analysis.circuits.result import Circuit

REPORT, ROLES = "circuit.json", "roles.csv"


def save(circuit: Circuit, directory: str | os.PathLike[str]) -> Path:
    """Writes the folder whole or not at all; one that holds anything but a saved circuit is refused."""
    folder = Path(directory)
    report = {"settings": _plain(circuit.settings), "evidence": _plain(_as_dict(circuit.evidence))}
    _check(folder)
    roles = circuit.vertices()
    roles["top_inputs"] = [" ".join(map(str, numbers)) for numbers in roles["top_inputs"]]
    with replacing(folder) as new:
        write_graph(circuit.graph, new)
        roles.to_csv(new / ROLES, index=False, lineterminator="\n")
        (new / REPORT).write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return folder


def _check(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise TableError(f"{folder} is a file; expected a folder, which may not exist yet")
    held = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
    foreign = [name for name in held if name not in FILES | {REPORT, ROLES}]
    if foreign or (held and REPORT not in held):
        raise TableError(
            f"{folder} holds {', '.join((foreign or held)[:5])}, and not just a saved circuit: "
            "choose another folder, or empty this one"
        )


def _as_dict(evidence: Evidence) -> dict[str, Any]:
    result = {name: value for name, value in vars(evidence).items() if not isinstance(value, pd.DataFrame)}
    result["baselines"] = evidence.baselines.to_dict("index")
    if evidence.curve is not None and evidence.areas is not None:
        result["curve"] = evidence.curve.to_dict("records")
        result["areas"] = evidence.areas.to_dict("index")
    return result


def _plain(value: Any) -> Any:
    """A value as JSON knows it; NaN and infinity, which JSON lacks, as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic) or hasattr(value, "tolist"):
        return _plain(value.tolist())
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return None if isinstance(value, float) and not math.isfinite(value) else value
