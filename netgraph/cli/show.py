"""Things to look at: demo, render."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import netgraph as ng
from netgraph.cli import options as opt
from netgraph.cli.output import complain, print_facts, print_rows, working
from netgraph.cli.source import How, inputs_from, open_graph


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
    complain(f"The files are in {folder}; a page to begin with: {folder / findings[0].network / 'graph.html'}")


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
    samples: Annotated[int, typer.Option("--samples", min=1, max=40, help="How many of the inputs are shown.")] = 20,
    classes: Annotated[
        str | None, typer.Option("--classes", metavar="NAME,…", help="Names of the outputs: cat,dog,bird.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help="Heading of the page.")] = None,
    theme: Annotated[
        str, typer.Option("--theme", metavar="NAME", help="auto (what the reader's system wishes), dark or light.")
    ] = "auto",
    top: Annotated[
        int | None,
        typer.Option("--top", metavar="N", min=1, help="How many edges are drawn crisply at first, the strongest."),
    ] = None,
    backend: Annotated[
        str, typer.Option("--backend", metavar="NAME", help="canvas; or pyvis, for small graphs: no inputs.")
    ] = "canvas",
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Draw a network or a graph as one offline HTML page.

    With --inputs it shows what the network does with each of them, from --row on; labels in that file mark mistakes.
    With --target, too, it shows the one input of that row, and the flows to that class or vertex alone.
    """
    alone = target is not None or (inputs is not None and backend != "canvas")
    how = How(model, input_shape, activation, granularity, row=row, target=target, nonfinite=nonfinite)
    how = replace(how, inputs=inputs if alone else None)
    names = None if classes is None else [name.strip() for name in classes.split(",")]
    with working("drawing the page"):
        graph = open_graph(file, how)
        values, labels = (None, None) if inputs is None or alone else inputs_from(inputs, row)
        view = ng.render(
            graph,
            out,
            backend=backend,
            top=top,
            theme=theme,
            title=title,
            inputs=values,
            truth=labels,
            classes=names,
            samples=samples,
        )
    print_facts({"out": str(out), "vertices": view.vertices, "edges": view.edges, "share_of_weight": view.share}, json)
