"""What other tools would make of tables: check."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import netgraph as ng
from netgraph.cli import options as opt
from netgraph.cli.output import print_json, working


def check(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", show_default=False, help="A folder with vertices.csv (nodes.csv) and edges.csv; or a table."
        ),
    ],
    edges: Annotated[
        Path | None,
        typer.Argument(metavar="EDGES", show_default=False, help="The edge table, where PATH is the vertex table."),
    ] = None,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Say what R, Gephi, networkx, pandas and igraph would make of a pair of CSV tables, from here or elsewhere.

    Each finding has its rows (the header is row 1), what happens in which tool, and the mend. The exit status is 1
    where a tool would stop or read another graph. Tables that `export` wrote have none, but for the profile
    starter.
    """
    with working(f"checking {path}"):
        report = ng.check_tables(path, edges)
    if json:
        print_json({**asdict(report), "ok": report.ok})
    else:
        typer.echo(str(report))
    if not report.ok:
        raise typer.Exit(1)
