"""Modules of a graph, whether chance explains them, and how they grow over checkpoints: modules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

import netgraph as ng
from netgraph.cli import options as opt
from netgraph.cli.output import complain, print_json, print_rows, working
from netgraph.cli.source import How, activations_beside, open_graph
from netgraph.demo.verdicts import agreement, beyond_chance

GROWTH = 10
"""Graphs of chance for each of several checkpoints, where it is not said how many."""


def modules(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            show_default=False,
            help="A network (see --model) or a graph that `export` wrote; several: checkpoints of one network.",
        ),
    ],
    model: opt.Model = None,
    input_shape: opt.InputShape = None,
    activation: opt.Activation = None,
    nonfinite: opt.Nonfinite = "refuse",
    granularity: opt.Granularity = None,
    gauge: opt.Gauge = "none",
    method: Annotated[str, typer.Option("--method", help="layered, leiden, louvain or spectral.")] = "layered",
    k: Annotated[int | None, typer.Option("-k", min=2, help="How many modules (spectral).")] = None,
    runs: Annotated[int, typer.Option("--runs", min=1, help="Seeds that are tried and compared.")] = 10,
    samples: Annotated[
        int | None,
        typer.Option("--samples", metavar="N", min=0, help="Graphs of chance for each null; 0 asks no null."),
    ] = None,
    weight: opt.Weight = "weight",
    seed: opt.Seed = 0,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Of checkpoints: modularity over training.")
    ] = None,
    out: opt.OptionalOut = None,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Divide the vertices into modules, groups with more weight inside than chance explains, and ask whether it does.

    With --samples (20 say little, 100 are usual) the graph is compared with graphs of chance, a row a null. With --out
    the graph is written with a column `module`. Several files, in the order of the numbers in their names, give one
    table over training: modularity beside chance, and where it turns.
    """
    how = How(model, input_shape, activation, granularity, gauge=gauge, nonfinite=nonfinite)
    options: dict[str, Any] = {"method": method, "weight": weight, "seed": seed, "runs": runs}
    clusters: dict[str, Any] = {} if k is None else {"k": k}
    if len(files) > 1:
        _over_training(files, how, options, samples, plot, json)
        return
    if plot is not None:
        raise typer.BadParameter("a plot over training needs several checkpoints", param_hint="--plot")
    with working("finding modules"):
        graph = open_graph(files[0], how)
        found = ng.modules(graph, **options, **clusters)
    chance = None
    if samples:
        with working("asking graphs of chance"):
            chance = ng.significance(graph, samples=samples, method=method, weight=weight, seed=seed)
    table = found.table.reset_index()
    if json:
        print_json(
            {
                "quality": found.quality,
                "stability": found.stability,
                "qualities": dict(found.qualities),
                "settings": dict(found.settings),
                "modules": table.to_dict("records"),
                "labels": found.labels.to_dict(),
                "significance": None if chance is None else chance.reset_index().to_dict("records"),
            }
        )
    else:
        print_rows(list(table.columns), table.itertuples(index=False), as_json=False)
        typer.echo(f"{len(found)} modules, quality {found.quality:.4f}, stability {found.stability:.2f}")
        typer.echo(f"agreement of the runs: {agreement(found.stability)}")
        if chance is not None:
            rows = chance.reset_index()
            print_rows(list(rows.columns), rows.itertuples(index=False), as_json=False)
            typer.echo(f"beyond chance: {beyond_chance(dict(chance['p']))}")
    if out is not None:
        ng.write_graph(graph.with_columns(module=found.labels), out, activations_beside(files[0], out))
        complain(f"written: {out}")


def _over_training(
    files: list[Path], how: How, options: dict[str, Any], samples: int | None, plot: Path | None, json: bool
) -> None:
    ordered = sorted(files, key=_by_number)
    names = [file.stem for file in ordered]
    names = names if len(set(names)) == len(names) else [str(file) for file in ordered]
    with working(f"following modules over {len(files)} checkpoints"):
        graphs = ((name, open_graph(file, how)) for name, file in zip(names, ordered, strict=True))
        found = ng.growth(graphs, samples=samples or GROWTH, **options)
    table = found.table.reset_index()
    if json:
        print_json({"checkpoints": table.to_dict("records"), "settings": dict(found.settings)})
    else:
        print_rows(list(table.columns), table.itertuples(index=False), as_json=False)
        turns = found.table.index[found.table["sudden"]].tolist()
        typer.echo(f"sudden steps: {', '.join(turns) if turns else 'none'}")
    if plot is not None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 4), layout="constrained")
        found.plot(figure.add_subplot())
        figure.savefig(plot, dpi=150)
        complain(f"written: {plot}")


def _by_number(file: Path) -> list[tuple[int, int | str]]:
    """ckpt_2 before ckpt_10.

    >>> sorted([Path("ckpt_10.pt"), Path("ckpt_2.pt")], key=_by_number)[0].name
    'ckpt_2.pt'
    """
    parts = re.split(r"(\d+)", str(file))
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
