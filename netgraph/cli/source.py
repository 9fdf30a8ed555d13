"""From the words of a command to what the functions take: networks, graphs, inputs, targets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import netgraph as ng
from netgraph.cli.output import complain
from netgraph.errors import InputError, LoadError, NoActivations

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class How:
    """How a network file is read and turned into a graph."""

    model: str | None = None
    input_shape: str | None = None
    activation: str | None = None
    granularity: str | None = None
    reduce: str = "l1"
    gauge: str = "none"
    bias: str = "column"
    inputs: Path | None = None
    row: int = 0
    target: str | None = None
    max_edges: int | None = None
    nonfinite: str = "refuse"


def open_network(file: Path, how: How) -> ng.Network:
    """The network in a file."""
    if is_graph(file):
        what = "a folder" if file.is_dir() else "an exported graph"
        raise LoadError(f"{file} is {what}, and this command needs the network itself: give its weights' file")
    shape = parse_shape(how.input_shape)
    network: ng.Network = ng.load_network(
        file, input_shape=shape, model=how.model, activation=how.activation, nonfinite=how.nonfinite
    )
    return network


NO_ACTIVATIONS = (".gexf", ".graphml")
"""Formats that have no place for activations."""


def activations_beside(file: Path, out: Path) -> pd.DataFrame | None:
    """The activations that were exported beside a graph, so that they come along to OUT; None where there are none."""
    if not is_graph(file):
        return None
    try:
        found: pd.DataFrame = ng.read_activations(file)
    except NoActivations:
        return None
    if out.suffix.lower() not in NO_ACTIVATIONS:
        return found
    complain(f"{out} has no place for the activations of {file}: they stay there")
    return None


NETWORKS_ONLY = ("model", "input_shape", "activation", "granularity", "inputs")
"""Options that say how a network becomes a graph; an exported graph is one already."""


def open_graph(file: Path, how: How, granularity: str = "channel", target_alone: bool = False) -> ng.Graph:
    """The graph that was exported, or of the network in a file: at one input where inputs are given.

    `granularity` is what `how` leaves open; `target_alone`: the command has a use for a target without inputs.
    """
    if is_graph(file):
        for name in NETWORKS_ONLY:
            if getattr(how, name) is not None:
                option = "--" + name.replace("_", "-")
                raise LoadError(
                    f"{file} is an exported graph; {option} needs the network itself: give its weights' file"
                )
    if how.inputs is None and how.target is not None and not target_alone:
        raise typer.BadParameter("a share of an output is taken at an input: give --inputs too", param_hint="--target")
    if is_graph(file):
        return ng.read_graph(file)
    network = open_network(file, how)
    inputs = None if how.inputs is None else one_input(how.inputs, how.row)
    target = None if how.inputs is None else parse_target(how.target)
    return network.graph(
        how.granularity or granularity, how.reduce, how.gauge, how.bias, inputs, target, max_edges=how.max_edges
    )


GRAPHS = (".parquet", ".gexf", ".graphml", ".npz")
"""What the names of graphs end in, where they are no folder of tables."""


def is_graph(file: Path) -> bool:
    """Whether it is a graph (a folder, or a file in a format for graphs), not a network."""
    return file.is_dir() or file.suffix.lower() in GRAPHS


def parse_shape(text: str | None) -> tuple[int, ...] | None:
    """ "1,28,28" -> (1, 28, 28)."""
    if text is None:
        return None
    try:
        shape = tuple(int(part) for part in text.strip("() ").replace("x", ",").rstrip(",").split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise typer.BadParameter(
            f"{text!r} is no shape; write positive whole numbers: 1,28,28", param_hint="--input-shape"
        )
    return shape


def parse_target(text: str | None) -> int | str | None:
    """A class number where it is one, otherwise the text (a vertex id, "label" …)."""
    return int(text) if text is not None and text.isdigit() else text


def output_vertex(graph: ng.Graph, target: str | None) -> str:
    """The vertex id that a target names: "7" is vertex 7 of the last layer."""
    last = graph.layers[-1]
    if target is None:
        raise typer.BadParameter("say which output: a class number or a vertex id", param_hint="--target")
    if not target.isdigit():
        return target
    if int(target) >= last.size:
        raise InputError(f"--target {target}: the last layer {last.name!r} has {last.size} vertices, numbered from 0")
    return str(graph.ids[last.start + int(target)])


def one_input(file: Path, row: int) -> np.ndarray[Any, Any]:
    """One input of a file, with a batch axis of length 1."""
    return inputs_from(file, row)[0][:1]


def inputs_from(file: Path, row: int) -> tuple[np.ndarray[Any, Any], Any]:
    """(inputs, labels or None) of a file, from one row on."""
    values, labels = ng.read_inputs(file)
    if row >= len(values):
        raise InputError(f"--row {row}: {file} has {len(values)} inputs, numbered from 0")
    return values[row:], None if labels is None else labels[row:]
