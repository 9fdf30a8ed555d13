"""The part of a network that does the work for a target, with its evidence: circuit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import netgraph as ng
from netgraph.cli import options as opt
from netgraph.cli.output import complain, print_json
from netgraph.cli.source import How, open_network, parse_target
from netgraph.errors import AnalysisError

FEW = 20
"""With fewer inputs than this, none is held out unless it is said how many."""


def circuit(
    file: opt.NetworkFile,
    inputs: opt.NeededInputs,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="TARGET", help="A class number, a vertex such as fc3:7, label or prediction."),
    ] = None,
    edges: Annotated[
        str, typer.Option("--edges", metavar="N", help="How many edges to keep, or below 1 which share of all.")
    ] = "200",
    faithfulness: Annotated[
        float | None,
        typer.Option("--faithfulness", metavar="F", help="Instead: the smallest circuit that is faithful to this."),
    ] = None,
    score: Annotated[
        str, typer.Option("--score", metavar="NAME", help="mask_ig, eap, eap_ig, attribution, weight, exact …")
    ] = "mask_ig",
    method: Annotated[
        str,
        typer.Option("--method", metavar="NAME", help="greedy, top, threshold, cumulative, paths or acdc."),
    ] = "greedy",
    threshold: Annotated[
        float | None, typer.Option("--threshold", metavar="X", help="Least score (threshold), or τ (acdc).")
    ] = None,
    share: Annotated[
        float | None, typer.Option("--share", metavar="P", help="Share of all scores together (cumulative).")
    ] = None,
    corrupted: Annotated[
        str, typer.Option("--corrupted", metavar="NAME", help="What cut edges carry: mean, zero or resample.")
    ] = "mean",
    held_out: Annotated[
        float | None,
        typer.Option(
            "--held-out",
            metavar="P",
            help=f"Share of the inputs that the evidence is measured on; 0: all of them. 0.5 from {FEW} inputs on.",
            show_default=False,
        ),
    ] = None,
    model: opt.Model = None,
    input_shape: opt.InputShape = None,
    activation: opt.Activation = None,
    nonfinite: opt.Nonfinite = "refuse",
    granularity: opt.Granularity = None,
    seed: opt.Seed = 0,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Draw faithfulness against the share of edges.")
    ] = None,
    out: opt.OptionalOut = None,
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Find the edges that carry one output, and the evidence: how faithful they are when all others are cut.

    It stands beside the same figures of as many random edges and of the largest weights, at 0.1 to 100 % of all edges
    too, on inputs that the circuit was not found with. With --out the circuit is saved as a folder of tables.
    """
    values, labels = ng.read_inputs(inputs)
    network = open_network(file, How(model, input_shape, activation, granularity, nonfinite=nonfinite))
    aside = (0.5 if len(values) >= FEW else 0.0) if held_out is None else held_out
    shown = True if sys.stderr.isatty() else None
    found = ng.circuit(
        network,
        values,
        labels,
        target=parse_target(target),
        corrupted=corrupted,
        score=score,
        method=method,
        edges=_size(edges),
        granularity=granularity or "channel",
        faithfulness=faithfulness,
        threshold=threshold,
        share=share,
        held_out=aside or None,
        seed=seed,
        progress=shown,
    )
    evidence = found.evidence
    if json:
        print_json(_facts(found, evidence))
    else:
        typer.echo(f"{found!r}\n{evidence!r}")
        assert evidence.curve is not None
        typer.echo(evidence.curve.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    if plot is not None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 4), layout="constrained")
        evidence.plot(figure.add_subplot())
        figure.savefig(plot, dpi=150)
        complain(f"written: {plot}")
    if out is not None:
        found.save(out)
        complain(f"written: {out}")


def _size(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise AnalysisError(f"--edges {text}: expected a number of edges, or a share of them such as 0.05") from None


def _facts(found: ng.Circuit, evidence: ng.Evidence) -> dict[str, Any]:
    assert evidence.curve is not None and evidence.areas is not None
    own = ("faithfulness", "accuracy", "false_positive_rate", "kl", "knock_out", "minimality", "error", "cpr", "cmd")
    return {
        "vertices": found.graph.n,
        "edges": len(found),
        **{name: getattr(evidence, name) for name in own},
        "baselines": evidence.baselines.to_dict("index"),
        "curve": evidence.curve.to_dict("records"),
        "areas": evidence.areas.to_dict("index"),
        "evidence": evidence.settings,
        "settings": dict(found.settings),
    }
