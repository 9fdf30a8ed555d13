"""What other tools would make of a pair of tables: :func:`check_tables`."""

from __future__ import annotations

import json
import os
from pathlib import Path

from netgraph.errors import TableError
from netgraph.graph.checking.headers import EDGES, VERTICES, lower
from netgraph.graph.checking.report import SEVERITIES as SEVERITIES
from netgraph.graph.checking.report import Finding as Finding
from netgraph.graph.checking.report import Report as Report
from netgraph.graph.checking.sheet import Sheet
from netgraph.graph.checking.tables import check_edges, check_vertices
from netgraph.graph.checking.traps import TRAPS as TRAPS

NAMES = {VERTICES: ("vertices", "nodes", "vertex", "node"), EDGES: ("edges", "links", "edge", "link")}
SUFFIXES = (".csv", ".tsv", ".txt", ".tab")
OTHERS = "expected CSV: other formats carry the types of their columns"


def check_tables(path: str | os.PathLike[str], edges: str | os.PathLike[str] | None = None) -> Report:
    """Say what R, Gephi, networkx, pandas and igraph would make of a pair of CSV tables, from here or elsewhere.

    The files are read piece by piece, a million edges in a few seconds; what is kept is about 20 bytes per edge and the
    ids. :data:`TRAPS` lists what is looked for.

    Parameters
    ----------
    path : a folder that holds ``vertices.csv`` or ``nodes.csv``, and ``edges.csv`` or ``links.csv``; or one table.
    edges : the edge table, where `path` is the vertex table.

    Returns
    -------
    Report : findings with their severity, file, rows, what happens in which tool, and the mend. Tables that
        :func:`netgraph.write_graph` wrote give no error, but for the profile "starter", whose names Gephi misreads; and
        a warning only where the graph itself calls for one: parallel edges, a column that its first 25 rows lack.

    Raises
    ------
    TableError : nothing there, or nothing that is a table.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "edges.csv").write_text("source,target,weight\\na,b,1.0\\nNA,b,inf\\n")
    ...     report = check_tables(folder)
    >>> [(finding.trap, finding.rows) for finding in report.findings], report.ok
    ([('id-missing-word', (3,)), ('weight-not-finite', (3,))], False)
    """
    tables = _two(Path(path), Path(edges)) if edges is not None else _found(Path(path))
    findings: list[Finding] = []
    ids, counts = None, {VERTICES: 0, EDGES: 0}
    if VERTICES in tables:
        ids = check_vertices(tables[VERTICES], findings)
        counts[VERTICES] = tables[VERTICES].records
    if EDGES in tables:
        check_edges(tables[EDGES], ids, findings)
        counts[EDGES] = tables[EDGES].records
    if _ours(next(iter(tables.values())).path.parent):
        findings = [finding for finding in findings if finding.trap != "vertex-alone"]  # units that pruning left alone
    order = {trap: number for number, trap in enumerate(TRAPS)}
    findings.sort(key=lambda finding: (SEVERITIES.index(finding.severity), order[finding.trap]))
    files = tuple(str(sheet.path) for sheet in tables.values())
    return Report(files, counts[VERTICES], counts[EDGES], tuple(findings))


def _ours(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and str(manifest.get("format", "")).startswith("netgraph-")


def _two(vertices: Path, edges: Path) -> dict[str, Sheet]:
    return {VERTICES: _sheet(vertices), EDGES: _sheet(edges)}


def _found(path: Path) -> dict[str, Sheet]:
    if path.is_dir():
        held = {entry.name.lower(): entry for entry in sorted(path.iterdir()) if entry.is_file()}
        tables = {}
        for kind, names in NAMES.items():
            there = [held[n + s] for n in names for s in SUFFIXES if n + s in held]
            if there:
                tables[kind] = Sheet(there[0])
        if not tables:
            if _ours(path):
                raise TableError(f"{path} holds no CSV tables; {OTHERS}")
            some = ", ".join(list(held)[:5]) or "nothing"
            raise TableError(
                f"{path} holds {some}; expected vertices.csv or nodes.csv, and edges.csv or links.csv: "
                "give the two files themselves where they have other names"
            )
        return tables
    sheet = _sheet(path)
    named_edges = path.stem.lower() in NAMES[EDGES]
    ends = {"source", "target", "from", "to", "from_id", "to_id"} & set(lower(sheet.columns))
    return {EDGES if named_edges or len(ends) > 1 else VERTICES: sheet}


def _sheet(path: Path) -> Sheet:
    if not path.is_file():
        raise TableError(f"{path} is {'a folder' if path.is_dir() else 'not there'}; expected a table")
    with path.open("rb") as file:
        head = file.read(8)
    if head[:4] in (b"PAR1", b"PK\x03\x04") or head[:1] == b"<" or head[:2] == b"\x1f\x8b" or b"\0\0\0\0" in head:
        raise TableError(f"{path} is no text of commas; {OTHERS}")
    return Sheet(path)
