"""What a graph is made of: its statistics, and vertices that do what others do."""

from __future__ import annotations

from typing import Annotated

import typer

import netgraph as ng
from netgraph.cli import options as opt
from netgraph.cli.output import print_json, print_rows, working
from netgraph.cli.source import How, open_graph


def describe(
    file: opt.Source,
    model: opt.Model = None,
    input_shape: opt.InputShape = None,
    activation: opt.Activation = None,
    nonfinite: opt.Nonfinite = "refuse",
    granularity: opt.Granularity = None,
    weight: opt.Weight = "weight",
    nulls: Annotated[int, typer.Option("--nulls", metavar="N", min=0, help="Graphs of chance beside it.")] = 0,
    null: Annotated[
        str,
        typer.Option(
            "--null",
            help="What they keep beside layers: strength (of every vertex), shuffle, shuffle_nonzero or residual.",
        ),
    ] = "strength",
    seed: opt.Seed = 0,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Say what is reported of a network: sizes, density, strengths and their tail, mixing, signs, percentiles.

    With --nulls the same of graphs that chance made, a column each.
    """
    with working("describing the graph"):
        graph = open_graph(file, How(model, input_shape, activation, granularity, nonfinite=nonfinite))
        table = ng.describe(graph, nulls=nulls, seed=seed, weight=weight, null=null)
    if json:
        print_json(table.to_dict("index"))
        return
    rows = ((name, *values) for name, values in table.T.iterrows())
    print_rows(["statistic", *table.index], rows, as_json=False)


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
