"""What a network loses without some of its vertices: ablate."""

from __future__ import annotations

import re
from typing import Annotated

import typer

import netgraph as ng
from netgraph.cli import options as opt
from netgraph.cli.output import complain, print_facts, print_json, print_rows, working
from netgraph.cli.source import How, open_network

SET, LESION = re.compile(r",(?=[^,;]*:)"), ";"
"""Between the ids of one lesion (ids of units have commas of their own: conv1:0,3,4), and between lesions."""
SHOWN = ("size", "accuracy_drop", "loss_rise", "deviation")
"""Columns that are printed; of what is measured also the mean of random sets and p. JSON and --out have all."""


def ablate(
    file: opt.NetworkFile,
    inputs: opt.NeededInputs,
    vertices: Annotated[
        str | None,
        typer.Option(
            "--vertices",
            metavar="ID,ID;…",
            help="What is cut: commas join ids to one lesion, `;` begins another.",
        ),
    ] = None,
    layer: Annotated[
        str | None, typer.Option("--layer", metavar="NAME", help="Every vertex of this layer, each a lesion.")
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="Every vertex but the outputs, each a lesion.")] = False,
    samples: Annotated[
        int, typer.Option("--samples", metavar="N", help="Random sets of the same layers beside each lesion.")
    ] = 19,
    corrupted: Annotated[
        str, typer.Option("--corrupted", metavar="NAME", help="What is read instead: mean, zero or resample.")
    ] = "mean",
    model: opt.Model = None,
    input_shape: opt.InputShape = None,
    activation: opt.Activation = None,
    nonfinite: opt.Nonfinite = "refuse",
    granularity: opt.Granularity = None,
    top: Annotated[int, typer.Option("--top", min=0, help="How many lesions are printed; 0 prints all.")] = 20,
    seed: opt.Seed = 0,
    out: opt.OptionalOut = None,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Cut vertices out of a network: what accuracy and loss become, beside random vertices of the same layers.

    JSON also has what each class loses. With --out all tables are written to a folder.
    """
    if sum((vertices is not None, layer is not None, each)) != 1:
        raise typer.BadParameter("say what is cut: one of --vertices, --layer and --each")
    values, labels = ng.read_inputs(inputs)
    with working("cutting vertices"):
        network = open_network(file, How(model, input_shape, activation, granularity, nonfinite=nonfinite))
        grain = granularity or "channel"
        found = ng.ablate(
            network,
            _sets(vertices) if vertices is not None else _alone(network.graph(grain), layer),
            values,
            labels,
            corrupted=corrupted,
            granularity=grain,
            samples=samples,
            seed=seed,
        )
    if json:
        print_json(
            {
                "settings": dict(found.settings),
                "lesions": found.table.reset_index().to_dict("records"),
                "accuracy_drop_by_class": found.classes.to_dict("index"),
                "loss_rise_by_class": found.class_loss.to_dict("index"),
            }
        )
    else:
        print_facts(dict(found.settings), as_json=False)
        measured = [name for name in SHOWN if name in found.table.columns]
        table = found.table.sort_values(measured[-1], ascending=False, kind="stable")
        columns = [name for m in measured for name in ((m,) if m == "size" else (m, f"{m}_mean", f"{m}_p"))] + ["note"]
        shown = (table if top == 0 else table.head(top))[columns].reset_index()
        print_rows(list(shown.columns), shown.itertuples(index=False), as_json=False)
    if out is not None:
        found.save(out)
        complain(f"written: {out}")


def _sets(words: str) -> dict[str, list[str]]:
    """Lesions by what was typed for each."""
    lesions = [part.strip() for part in words.split(LESION) if part.strip()]
    return {lesion: [identifier.strip() for identifier in SET.split(lesion)] for lesion in lesions}


def _alone(graph: ng.Graph, layer: str | None) -> list[str]:
    """Ids of a layer's vertices, or of all that something reads."""
    read = {block.source for block in graph.blocks}
    layers = [graph.layer(layer)] if layer is not None else [one for one in graph.layers if one.name in read]
    return [str(identifier) for one in layers for identifier in graph.ids[one.vertices]]
