"""A circuit as a folder: the tables of its graph, ``circuit.json`` with settings and evidence, and ``roles.csv``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from netgraph.graph.formats import write_graph
from netgraph.graph.formats.checks import FILES
from netgraph.graph.formats.reports import check_report, write_report
from netgraph.graph.formats.swap import replacing

if TYPE_CHECKING:
    from netgraph.analysis.circuits.evidence import Evidence
    from netgraph.analysis.circuits.result import Circuit

REPORT, ROLES = "circuit.json", "roles.csv"


def save(circuit: Circuit, directory: str | os.PathLike[str]) -> Path:
    """Writes the folder whole or not at all; one that holds anything but a saved circuit is refused."""
    folder = Path(directory)
    check_report(folder, REPORT, FILES | {ROLES}, "a saved circuit")
    report = {"settings": circuit.settings, "evidence": _as_dict(circuit.evidence)}
    roles = circuit.vertices()
    roles["top_inputs"] = [" ".join(map(str, numbers)) for numbers in roles["top_inputs"]]
    with replacing(folder) as new:
        write_graph(circuit.graph, new)
        roles.to_csv(new / ROLES, index=False, lineterminator="\n")
        write_report(new / REPORT, report)
    return folder


def _as_dict(evidence: Evidence) -> dict[str, Any]:
    result = {name: value for name, value in vars(evidence).items() if not isinstance(value, pd.DataFrame)}
    result["baselines"] = evidence.baselines.to_dict("index")
    if evidence.curve is not None and evidence.areas is not None:
        result["curve"] = evidence.curve.to_dict("records")
        result["areas"] = evidence.areas.to_dict("index")
    return result
