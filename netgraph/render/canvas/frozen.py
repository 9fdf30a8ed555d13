"""A network at one input, as numbers that the page computes with: gates, constants, and values before the gates.

At unit granularity z_j = Σ_i w_ij · (g_i · z_i + c_i) + b_j, so flows to any class, paths and gradients follow from z,
g, c and b alone, and the page needs the weights only once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.graph import blocks as ops
from netgraph.render.canvas.matching import Match, same_layers
from netgraph.render.canvas.numbers import floats, half
from netgraph.render.canvas.stored import Stored

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]

TOLERANCE = 1e-4
"""How far the pass through gates and weights may be from the network's outputs, relative to the largest."""


@dataclass(frozen=True)
class Frozen:
    """A network at one input.

    Attributes
    ----------
    activation, z, bias : float64, one a vertex.
    gates, constants : by block, one a column.
    weights : by block; None where they are the page's own, else the stored entries' at this input.
    """

    activation: Array
    z: Array
    bias: Array
    gates: list[Array]
    constants: list[Array]
    weights: list[Array | None]


def of_graph(graph: Graph, stored: Sequence[Stored], at: Graph) -> Frozen | None:
    """From the graph of one input with gates; None where the page's edges and gates do not say all of it."""
    match = Match(graph, at)
    if not (same_layers(graph, at) and not match.missing() and "activation" in at.columns):
        return None
    gates, constants, weights = [], [], []
    for i, (block, mine) in enumerate(zip(match.blocks, stored, strict=True)):
        columns = mine.block.shape[1]
        if block is None or (block.gate is None and block.kind != "bias") or not mine.whole:
            return None
        here = match.edges(stored, i, "weight")
        if np.count_nonzero(here) != block.edges:  # an edge at this input that the page has no place for
            return None
        weights.append(None if np.array_equal(here, mine.weight) else here)
        gates.append(_or(block.gate, np.ones(columns)))
        constants.append(_or(block.constant, np.zeros(columns)))
    bias = np.asarray(at.columns.get("bias", np.zeros(at.n)), dtype=np.float64)
    activation = np.asarray(at.columns["activation"], dtype=np.float64)
    z = _pass(graph, stored, weights, gates, constants, bias, activation)
    return Frozen(activation, z, bias, gates, constants, weights)


def _pass(
    graph: Graph,
    stored: Sequence[Stored],
    weights: Sequence[Array | None],
    gates: Sequence[Array],
    constants: Sequence[Array],
    bias: Array,
    activation: Array,
) -> Array:
    """z of every vertex: the inputs' values, and what the blocks make of them."""
    z = np.zeros(graph.n)
    fed = {mine.block.target for mine in stored}
    for layer in graph.layers:
        here = layer.vertices
        if layer.name not in fed:
            z[here] = bias[here] if layer.kind == "constant" else activation[here]
            continue
        z[here] = bias[here]
        for mine, own, gate, constant in zip(stored, weights, gates, constants, strict=True):
            if mine.block.target == layer.name:
                read = gate * z[graph.layer(mine.block.source).vertices] + constant
                z[here] += ops.matvec(mine.operator(mine.weight if own is None else own), read)
    return z


def says(frozen: Frozen, last: slice, outputs: Array) -> bool:
    """Whether the outputs are its last layer's values, before that layer's function or after it."""
    return agrees(frozen.z[last], outputs) or agrees(frozen.activation[last], outputs)


def agrees(got: Array, expected: Array, tolerance: float = TOLERANCE) -> bool:
    """Whether numbers are those that were expected, relative to the largest."""
    scale = float(np.abs(expected).max(initial=0.0)) or 1.0
    return got.shape == expected.shape and bool(np.abs(got - expected).max(initial=0.0) <= tolerance * scale)


def frozen_data(frozen: Frozen) -> dict[str, Any]:
    """The fields of a "computed" sample."""
    return {
        "activation": floats(frozen.activation),
        "gates": [None if (gate == 1).all() else floats(gate) for gate in frozen.gates],
        "constants": [None if not constant.any() else floats(constant) for constant in frozen.constants],
        "preactivation": floats(frozen.z),
        "bias": floats(frozen.bias) if frozen.bias.any() else None,
        "weights": [None if own is None else half(own) for own in frozen.weights],
        "contribution": None,
        "frames": [],
    }


def _or(values: Any, otherwise: Array) -> Array:
    return otherwise if values is None else np.asarray(values, dtype=np.float64)
