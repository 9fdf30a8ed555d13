"""What differs between two networks or graphs: compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import netgraph as ng
from netgraph.cli import options as opt
from netgraph.cli.output import complain, print_facts, print_json, print_rows, working
from netgraph.cli.source import How, is_graph, open_graph


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="A", show_default=False, help="A network or a graph that `export` wrote.")
    ],
    second: Annotated[Path, typer.Argument(metavar="B", show_default=False, help="Another of the same layers.")],
    model: opt.Model = None,
    input_shape: opt.InputShape = None,
    activation: opt.Activation = None,
    nonfinite: opt.Nonfinite = "refuse",
    granularity: opt.Granularity = None,
    match: Annotated[
        str,
        typer.Option("--match", help="ids: by number; units: by weights, for another order or seed; auto: what fits."),
    ] = "ids",
    weight: opt.Weight = "weight",
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="X", help="Relative difference up to which weights are the same.")
    ] = 1e-6,
    top: Annotated[int, typer.Option("--top", metavar="N", min=0, help="How many edges are listed.")] = 20,
    nulls: Annotated[
        int, typer.Option("--nulls", metavar="N", min=0, help="Shuffled graphs to match, to say what chance gives.")
    ] = 3,
    seed: opt.Seed = 0,
    out: opt.OptionalOut = None,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Say what differs between two checkpoints, seeds or graphs: by layer, and the edges that changed most.

    With --out the tables are written to a folder: all edges that differ, vertices, layers, overlap, matching.
    """
    with working("comparing"):
        how = How(model, input_shape, activation, granularity, nonfinite=nonfinite)
        one, two = (_opened(file, how, first, second) for file in (first, second))
        found = ng.compare(one, two, match=match, weight=weight, tolerance=tolerance, top=top, nulls=nulls, seed=seed)
        summary, edges, layers = found.summary(), found.edges, found.layers
    if json:
        tables = {"layers": layers, "edges_listed": edges, "overlap": found.overlap, "matching": found.matching}
        print_json({**summary, **{name: table.to_dict("records") for name, table in tables.items()}})
    else:
        told = {name: summary[name] for name in ("identical", "vertices", "edges", "layers_added", "layers_removed")}
        print_facts({**told, **summary["settings"]}, as_json=False)
        print_rows(list(layers.columns), layers.itertuples(index=False), as_json=False)
        shown = edges[["source", "target", "status", "weight", "other_weight", "change"]]
        if len(shown):
            print_rows(list(shown.columns), shown.itertuples(index=False), as_json=False)
    if out is not None:
        found.save(out)
        complain(f"written: {out}")


def _opened(file: Path, how: How, first: Path, second: Path) -> ng.Graph:
    """The graph of one of the two; what says how to read a network is not for a graph beside it."""
    if is_graph(file) and is_graph(first) != is_graph(second):
        how = How()
    return open_graph(file, how)
