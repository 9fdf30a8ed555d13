"""A forward pass through a plain graph: its weights, its biases, and the names of its activation functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.errors import RenderError
from netgraph.graph import blocks as ops
from netgraph.render.canvas.activations import CERTAIN, FUNCTIONS, secant
from netgraph.render.canvas.frozen import Frozen
from netgraph.render.canvas.stored import Stored

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph, Layer

Array = np.ndarray[Any, Any]

KINDS = frozenset(("linear", "conv", "skip", "bias", "mean", "pool", ""))
"""Blocks whose weights are fixed: what they read they multiply, whatever the input."""


def run(
    graph: Graph, stored: Sequence[Stored], weights: Sequence[Array], held: dict[str, Array], bias: Array
) -> tuple[Array, Array]:
    """(activations, z) of every vertex; ``held``: layer -> its values, where nothing computes them."""
    z, activation = np.zeros(graph.n), np.zeros(graph.n)
    for layer in graph.layers:
        here = layer.vertices
        z[here] = held.get(layer.name, bias[here])
        for mine, own in zip(stored, weights, strict=True):
            if mine.block.target == layer.name:
                z[here] += ops.matvec(mine.operator(own), activation[graph.layer(mine.block.source).vertices])
        activation[here] = FUNCTIONS[layer.activation][0](z[here])
    return activation, z


def at_input(graph: Graph, stored: Sequence[Stored], values: Array) -> Frozen:
    """The graph at one input, from the graph alone: gates are secants (φ(z) − φ(0)) / z, at 0 slopes.

    Raises
    ------
    RenderError : a graph that does not say how it computes, or an input of another size.
    """
    entry = check(graph, stored)
    if values.size != entry.size:
        raise RenderError(
            f"inputs: {values.size} numbers an input, but layer {entry.name!r} of this graph has {entry.size} vertices"
        )
    bias = np.asarray(graph.columns.get("bias", np.zeros(graph.n)), dtype=np.float64)
    held = {entry.name: values.reshape(-1).astype(np.float64)}
    held |= {layer.name: np.ones(layer.size) for layer in sources(graph) if layer.kind == "bias"}
    activation, z = run(graph, stored, [mine.weight.astype(np.float64) for mine in stored], held, bias)
    gates, constants = [], []
    for mine in stored:
        layer = graph.layer(mine.block.source)
        gate, constant = secant(FUNCTIONS[layer.activation][0], z[layer.vertices])
        gates.append(gate)
        constants.append(constant)
    return Frozen(activation, z, bias, gates, constants, [None] * len(stored))


def check(graph: Graph, stored: Sequence[Stored]) -> Layer:
    """The layer of the inputs, where the graph alone says what it computes.

    Raises
    ------
    RenderError : with what it does not say.
    """
    mend = "pass network=, the traced network, or draw what net.graph() gave"
    odd = [mine.block.kind for mine in stored if mine.block.kind not in KINDS]
    if odd or graph.meta.get("exact") is False:
        raise RenderError(
            f"inputs: the weights of this graph depend on the input ({', '.join(dict.fromkeys(odd)) or 'not exact'}), "
            f"so that it cannot say what an input does; {mend}"
        )
    if not unit_like(graph) or not all(mine.whole for mine in stored):
        raise RenderError(
            "inputs: the vertices of this graph are channels, or some of its edges are not stored, so that it cannot "
            f"say what an input does; {mend}"
        )
    unknown = [layer.activation for layer in graph.layers if layer.activation not in CERTAIN]
    if unknown:
        raise RenderError(f"inputs: the name {unknown[0]!r} does not say all of what that function computes; {mend}")
    readers = [mine.block.source for mine in stored]
    twice = [v.name for v in graph.layers if v.activation is not None and readers.count(v.name) > 1]
    if twice:  # one of them may read what stands before the function
        raise RenderError(
            f"inputs: several blocks read layer {twice[0]!r}, and the graph does not say which of them reads it before "
            f"its activation function; {mend}"
        )
    entries = [layer for layer in sources(graph) if layer.kind not in ("bias", "constant")]
    if len(entries) != 1:
        raise RenderError(f"inputs: this graph has {len(entries)} layers that nothing feeds, expected one; {mend}")
    return entries[0]


def unit_like(graph: Graph) -> bool:
    """Whether a vertex is one number of its layer's activation, everywhere."""
    return all(
        layer.size == int(np.prod(layer.shape, dtype=np.int64)) for layer in graph.layers if layer.kind != "bias"
    )


def sources(graph: Graph) -> list[Layer]:
    """The layers that no block feeds."""
    fed = {block.target for block in graph.blocks}
    return [layer for layer in graph.layers if layer.name not in fed]


def output_layer(graph: Graph) -> int:
    """Number of the layer whose vertices are the outputs: the last one that nothing reads and something feeds; or -1.

    >>> from netgraph.graph.graph import Graph
    >>> output_layer(Graph.from_matrices([np.ones((1, 2))])), output_layer(Graph((), ()))
    (1, -1)
    """
    read, fed = {block.source for block in graph.blocks}, {block.target for block in graph.blocks}
    ends = [i for i, v in enumerate(graph.layers) if v.name not in read and v.name in fed and v.size]
    return ends[-1] if ends else -1


def output_vertices(graph: Graph) -> slice:
    """Where the outputs lie in an array with one entry a vertex."""
    last = output_layer(graph)
    return graph.layers[last].vertices if last >= 0 else slice(0, 0)
