"""Whether the page can run the network again, with some vertices held at 0: a pass with its own float16 weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.graph import blocks as ops
from netgraph.render.canvas.activations import FUNCTIONS, Function, candidates
from netgraph.render.canvas.forward import output_layer, sources
from netgraph.render.canvas.frozen import Frozen, agrees
from netgraph.render.canvas.numbers import halved
from netgraph.render.canvas.stored import Stored

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph, Layer

Array = np.ndarray[Any, Any]

TOLERANCE = 1e-2
"""How far that pass may be from the network's outputs, relative to the largest."""
SAME = 1e-4


def follows(graph: Graph, stored: Sequence[Stored], frozen: Sequence[Frozen], outputs: Sequence[Array]) -> bool:
    """Whether a pass with the page's weights, and functions that the samples tell, gives the outputs of each sample."""
    last = output_layer(graph)
    if last < 0 or any(own is not None for at in frozen for own in at.weights):
        return False
    end = graph.layers[last]
    rules = [_rule(graph, b, mine, frozen) for b, mine in enumerate(stored)]
    seen = [(at.z[end.vertices], values) for at, values in zip(frozen, outputs, strict=True)]
    out = _function(candidates(end.activation, _slopes(seen)), seen)
    if out is None or any(rule is None for rule in rules):
        return False
    weights = [halved(mine.weight).astype(np.float64) for mine in stored]
    for at, expected in zip(frozen, outputs, strict=True):
        z = at.bias.copy()
        for layer in sources(graph):
            z[layer.vertices] = at.z[layer.vertices]
        for layer in graph.layers:
            for mine, rule, weight in zip(stored, rules, weights, strict=True):
                if mine.block.target == layer.name and rule is not None:
                    read = rule(z[graph.layer(mine.block.source).vertices])
                    z[layer.vertices] += ops.matvec(mine.operator(weight), read)
        if not agrees(out(z[end.vertices]), expected, TOLERANCE):
            return False
    return True


def _rule(graph: Graph, number: int, mine: Stored, frozen: Sequence[Frozen]) -> Function | None:
    """How a block reads its sources: through the layer's function, plainly, or scaled and shifted, always alike."""
    layer: Layer = graph.layer(mine.block.source)
    gates = [at.gates[number] for at in frozen]
    constants = [at.constants[number] for at in frozen]
    seen = [
        (at.z[layer.vertices], gate * at.z[layer.vertices] + constant)
        for at, gate, constant in zip(frozen, gates, constants, strict=True)
    ]
    found = _function(candidates(layer.activation, _slopes(seen)), seen)
    if found is not None or layer.activation is not None or len(frozen) < 2:
        return found
    alike = all(np.allclose(g, gates[0], atol=SAME) for g in gates) and all(
        np.allclose(c, constants[0], atol=SAME) for c in constants
    )

    def fixed(z: Array) -> Array:
        return np.asarray(gates[0] * z + constants[0])

    return fixed if alike else None


def _function(known: Sequence[Function], seen: Sequence[tuple[Array, Array]]) -> Function | None:
    """The function that makes the second of z in every sample; z itself where none does."""
    for function in (*known, *FUNCTIONS[None]):
        if all(agrees(function(z), value, SAME) for z, value in seen):
            return function
    return None


def _slopes(seen: Sequence[tuple[Array, Array]]) -> Array:
    """What values below 0 are multiplied by, where it is not 1."""
    z, value = (np.concatenate(part) for part in zip(*seen, strict=True))
    slopes = np.divide(value, z, out=np.ones_like(z), where=z < 0)
    return np.asarray(slopes[slopes != 1])
