"""What a graph is made of: its statistics, and vertices that do what others do."""

from __future__ import annotations

from typing import Annotated

import typer

import netgraph as ng
from netgraph.cli import options as opt
from netgraph.cli.output import print_json, print_rows, working
from netgraph.cli.source import How, open_graph


def duplicates(
    file: opt.Source,
    model: opt.Model = None,
    input_shape: opt.InputShape = None,
    activation: opt.Activation = None,
    nonfinite: opt.Nonfinite = "refuse",
    granularity: opt.Granularity = None,
    tol: Annotated[float, typer.Option("--tol", metavar="X", help="How far |cosine| may be below 1.")] = 1e-3,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """List vertices that do what others of their layer do (equal, negated, rotated or flipped kernels) or nothing.

    A network is needed for kernels: an exported graph of channels has one number for each.
    """
    with working("comparing vertices"):
        graph = open_graph(file, How(model, input_shape, activation, granularity, nonfinite=nonfinite))
        found = ng.duplicates(graph, tol=tol)
    if json:
        print_json(
            {
                "duplicates": found.table.to_dict("records"),
                "families": found.families,
                "settings": dict(found.settings),
                "skipped": found.skipped,
            }
        )
        return
    print_rows(list(found.table.columns), found.table.itertuples(index=False), as_json=False)
    typer.echo(repr(found).splitlines()[0])
    for line in found.skipped:
        typer.echo(f"not compared: {line}")
