"""Things to look at: demo, render."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import netgraph as ng
from netgraph.cli import options as opt
from netgraph.cli.output import complain, print_facts, print_rows, working
from netgraph.cli.source import How, open_graph


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where everything is written.")] = Path(
        "netgraph-demo"
    ),
    dataset: Annotated[str, typer.Option("--dataset", help="digits (comes with scikit-learn) or mnist.")] = "digits",
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="A folder with MNIST's idx files, gzipped or not."),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="How often the training images are seen.")] = 40,
    seed: opt.Seed = 0,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Train two small networks on handwritten digits, then do with them all that netgraph can do."""
    from netgraph.cli.progress import progress_bar
    from netgraph.demo.run import demo as run_demo

    with progress_bar() as progress:
        findings = run_demo(out, dataset=dataset, data=data, epochs=epochs, seed=seed, progress=progress)
    print_rows(("network", "what", "value", "file"), findings, json)
    folder = out.absolute()
    complain(f"The files are in {folder}; a page to begin with: {folder / findings[0].network / 'image.html'}")


def render(
    file: opt.Source,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="HTML", help="The page.")] = Path("netgraph.html"),
    model: opt.Model = None,
    input_shape: opt.InputShape = None,
    activation: opt.Activation = None,
    nonfinite: opt.Nonfinite = "refuse",
    granularity: opt.Granularity = None,
    inputs: opt.Inputs = None,
    row: opt.Row = 0,
    target: opt.Target = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many edges are drawn, the strongest first.")] = 2000,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Draw a graph as one offline HTML page, its strongest edges where it has too many."""
    how = How(model, input_shape, activation, granularity, inputs=inputs, row=row, target=target, nonfinite=nonfinite)
    with working("drawing the page"):
        graph = open_graph(file, how)
        view = ng.render(graph, out, top=top)
    print_facts({"out": str(out), "vertices": view.vertices, "edges": view.edges, "share_of_weight": view.share}, json)
