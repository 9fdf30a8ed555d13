"""Questions to a graph: centrality, paths."""

from __future__ import annotations

from typing import Annotated

import typer

import netgraph as ng
from netgraph.cli import options as opt
from netgraph.cli.output import complain, print_json, print_rows, working
from netgraph.cli.source import (
    How,
    activations_beside,
    one_input,
    open_graph,
    output_vertex,
)


def centrality(
    file: opt.Source,
    measure: Annotated[
        str, typer.Argument(metavar="MEASURE", show_default=False, help="strength, pagerank, katz, betweenness …")
    ],
    model: opt.Model = None,
    input_shape: opt.InputShape = None,
    activation: opt.Activation = None,
    nonfinite: opt.Nonfinite = "refuse",
    granularity: opt.Granularity = None,
    weight: opt.Weight = "weight",
    within: Annotated[
        str | None,
        typer.Option("--within", help="`layer` ranks inside each layer (0 to 1): most measures mostly show depth."),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=0, help="How many vertices are printed; 0 prints all.")] = 20,
    out: opt.OptionalOut = None,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """List the most central vertices by one measure. With --out the graph is written with that column."""
    with working(f"computing {measure}"):
        graph = open_graph(file, How(model, input_shape, activation, granularity, nonfinite=nonfinite))
        values = ng.centrality(graph, measure, weight=weight, within=within)
    best = values.sort_values(ascending=False, kind="stable")
    print_rows(("id", measure), (best if top == 0 else best.head(top)).items(), json)
    if out is not None:
        ng.write_graph(graph.with_columns(**{measure: values}), out, activations_beside(file, out))
        complain(f"written: {out}")


def paths(
    file: opt.Source,
    target: opt.Target = None,
    model: opt.Model = None,
    input_shape: opt.InputShape = None,
    activation: opt.Activation = None,
    nonfinite: opt.Nonfinite = "refuse",
    granularity: Annotated[
        str | None,
        typer.Option("--granularity", metavar="NAME", help="What a vertex is: unit (the default), channel or layer."),
    ] = None,
    inputs: opt.Inputs = None,
    row: opt.Row = 0,
    k: Annotated[int, typer.Option("-k", min=1, help="How many paths.")] = 10,
    weight: Annotated[
        str | None,
        typer.Option("--weight", help="The edge column; attribution where the graph has it, weight otherwise."),
    ] = None,
    sign: Annotated[
        str | None, typer.Option("--sign", metavar="NAME", help="Only paths of this sign: positive or negative.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", help="`input` adds up paths that differ in their first vertex only."),
    ] = None,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """List the strongest paths to an output.

    At an input (--inputs) a path's value is its exact share of the target, elsewhere the product of the weights.
    The last line says what share of all paths these are, and how far paths cancel each other.
    """
    with working("finding paths"):
        how = How(
            model, input_shape, activation, granularity, inputs=inputs, row=row, target=target, nonfinite=nonfinite
        )
        graph = open_graph(file, how, granularity="unit", target_alone=True)
        vertex = output_vertex(graph, target)
        column = weight or ("attribution" if "attribution" in graph.edges.columns else "weight")
        scored = graph.origin is not None and graph.meta.get("granularity") == "channel" and column == "attribution"
        at = one_input(inputs, row) if inputs is not None and scored else None
        found = ng.paths(graph, vertex, k=k, weight=column, sign=sign, group=group, inputs=at)
    if json:
        print_json({"paths": found.to_dict("records"), "about": found.attrs})
        return
    print_rows(list(found.columns), found.itertuples(index=False), as_json=False)
    typer.echo(found.summary)
