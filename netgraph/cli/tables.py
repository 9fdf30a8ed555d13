"""Networks to tables: info, export, convert, verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

import netgraph as ng
from netgraph.cli import options as opt
from netgraph.cli.output import complain, print_facts, print_json, print_rows, working
from netgraph.cli.progress import edges_bar
from netgraph.cli.source import NO_ACTIVATIONS, How, activations_beside, open_graph, open_network
from netgraph.cli.workers import processes

if TYPE_CHECKING:
    import pandas as pd


def info(
    file: opt.Source,
    model: opt.Model = None,
    input_shape: opt.InputShape = None,
    activation: opt.Activation = None,
    nonfinite: opt.Nonfinite = "refuse",
    granularity: opt.Granularity = None,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Say what a network or an exported graph holds: its layers, vertices and edges."""
    with working(f"reading {file}"):
        graph = open_graph(file, How(model, input_shape, activation, granularity, nonfinite=nonfinite))
    into: dict[str, int] = {layer.name: 0 for layer in graph.layers}
    for block in graph.blocks:
        into[block.target] += block.edges
    columns = ("layer", "kind", "shape", "vertices", "edges_in", "activation")
    rows = [
        (layer.name, layer.kind, "x".join(map(str, layer.shape)), layer.size, into[layer.name], layer.activation or "")
        for layer in graph.layers
    ]
    if json:
        layers = [dict(zip(columns, row, strict=True)) for row in rows]
        print_json({"vertices": graph.n, "edges": len(graph.edges), "layers": layers, "meta": dict(graph.meta)})
        return
    print_rows(columns, rows, as_json=False)
    typer.echo(f"{graph.n:,} vertices, {len(graph.edges):,} edges")


def export(
    file: opt.NetworkFile,
    out: opt.OutUnlessDry = None,
    model: opt.Model = None,
    input_shape: opt.InputShape = None,
    activation: opt.Activation = None,
    nonfinite: opt.Nonfinite = "refuse",
    granularity: opt.Granularity = None,
    reduce: opt.Reduce = "l1",
    gauge: opt.Gauge = "none",
    bias: opt.Bias = "column",
    inputs: opt.Inputs = None,
    row: opt.Row = 0,
    target: opt.Target = None,
    profile: opt.Profile = "default",
    top: opt.Top = None,
    threshold: opt.Threshold = None,
    layers: opt.Layers = None,
    per_vertex: opt.PerVertex = None,
    backbone: opt.Backbone = None,
    workers: opt.Workers = 0,
    max_edges: opt.MaxEdges = 100_000_000,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Write a network's graph: as a folder of vertices.csv, edges.csv, manifest.json, or in another format.

    With --inputs and --target the tables also carry what each vertex and edge does at one of the inputs (--row) and its
    share of that output, and activations.csv what every vertex does at each of them (in the network's own scales, also
    where --gauge balances the tables; not for heads and layers, nor in .gexf and .graphml).
    """
    how = How(
        model,
        input_shape,
        activation,
        granularity,
        reduce,
        gauge,
        bias,
        inputs,
        row,
        target,
        max_edges,
        nonfinite=nonfinite,
    )
    choice = Choice(profile, top, threshold, layers, per_vertex, backbone)
    if dry_run:
        _check_nothing_chosen(choice)
        with working(f"measuring {file}"):
            network = open_network(file, how)
            size = network.size(granularity or "channel", reduce, bias, inputs=inputs is not None)
        print_facts(size._asdict(), json)
        return
    if out is None:
        raise typer.BadParameter("say where the tables go (or only look at their size: --dry-run)", param_hint="--out")
    _check_workers(workers, out)
    with working(f"exporting {file}"):
        graph = open_graph(file, how)
        activations = activations_beside(file, out)
        if inputs is not None and granularity not in ("layer", "head") and out.suffix.lower() not in NO_ACTIVATIONS:
            values, _ = ng.read_inputs(inputs)
            activations = open_network(file, how).activations(values, granularity=granularity or "channel")
    print_facts(_write(graph, out, choice, activations, workers), json)


def convert(
    source: opt.Exported,
    out: Annotated[Path, typer.Argument(metavar="OUT", show_default=False, help="Where the graph is written anew.")],
    profile: opt.Profile = "default",
    top: opt.Top = None,
    threshold: opt.Threshold = None,
    layers: opt.Layers = None,
    per_vertex: opt.PerVertex = None,
    backbone: opt.Backbone = None,
    workers: opt.Workers = 0,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Read a graph in any format, check it against its manifest, and write it again as OUT, in any format."""
    _check_workers(workers, out)
    with working(f"reading {source}"):
        graph, activations = ng.read_graph(source), activations_beside(source, out)
    choice = Choice(profile, top, threshold, layers, per_vertex, backbone)
    print_facts(_write(graph, out, choice, activations, workers), json)


def verify(
    file: opt.NetworkFile,
    model: opt.Model = None,
    input_shape: opt.InputShape = None,
    activation: opt.Activation = None,
    nonfinite: opt.Nonfinite = "refuse",
    inputs: opt.Inputs = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="How many of the inputs are checked.")] = 4,
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="X", min=0, help="The largest relative error that passes.")
    ] = 1e-10,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Prove, in float64, that the graph is the network: exit status 1 where it is not.

    Without --inputs the check runs at a random one.
    """
    with working(f"verifying {file}"):
        network = open_network(file, How(model, input_shape, activation, nonfinite=nonfinite))
        given = None if inputs is None else ng.read_inputs(inputs)[0][:rows]
        check = network.verify(given, tolerance)
    facts: dict[str, Any] = {
        **{f"{name}_error": error for name, error in check.errors.items()},
        "operations": check.operations,
        "unsupported": check.unsupported,
        "inputs": check.inputs,
        "tolerance": check.tolerance,
        "frozen": [held._asdict() for held in check.frozen],
        "silent": {name: {"vertices": n, "of": size} for name, (n, size) in check.silent.items()},
        "warnings": check.warnings,
        "exact": check.exact,
    }
    if json:
        print_json(facts)
    else:
        typer.echo(str(check))
    if not check.exact:
        complain("the graph is not the network: an error above is larger than rounding")
        raise typer.Exit(1)


class Choice(NamedTuple):
    """What is written of a graph, and under which names."""

    profile: str = "default"
    top: int | None = None
    threshold: float | None = None
    layers: str | None = None
    per_vertex: int | None = None
    backbone: float | None = None


def _check_nothing_chosen(choice: Choice) -> None:
    """A graph is measured without being made; what a rule keeps of it shows when it is written."""
    for name, value in choice._replace(profile="default")._asdict().items():
        if value != Choice._field_defaults[name]:
            option = "--" + name.replace("_", "-")
            raise typer.BadParameter(f"the whole graph is measured: leave out {option}", param_hint="--dry-run")


def _check_workers(workers: int, out: Path) -> None:
    if workers and out.suffix.lower() != ".parquet":
        raise typer.BadParameter(
            f"{out} is written in one stream; only a path that ends in .parquet is made in parts",
            param_hint="--workers",
        )


def _write(
    graph: ng.Graph, out: Path, choice: Choice, activations: pd.DataFrame | None = None, workers: int = 0
) -> dict[str, Any]:
    """Write a graph; what was written."""
    layers = None if choice.layers is None else choice.layers.split(",")
    chosen = choice._replace(profile="default") != Choice()
    written = {"edges": 0 if chosen else len(graph.edges)}

    options: dict[str, Any] = choice._asdict() | {"layers": layers}
    with processes(workers) as executor, edges_bar(f"writing {out}") as bar:

        def progress(done: int, total: int) -> None:
            written["edges"] = total
            if bar is not None:
                bar(done, total)

        ng.write_graph(graph, out, activations, executor=executor, progress=progress, **options)
    vertices = graph.n if layers is None else sum(graph.layer(name).size for name in set(layers))
    return {"out": str(out), "vertices": vertices, **written} | ({"of_edges": len(graph.edges)} if chosen else {})
