"""Both graphs in the balanced gauge, so that copies whose hidden units are scaled differently can be matched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from netgraph.errors import AnalysisError
from netgraph.graph import blocks as ops
from netgraph.graph.gauge import balance
from netgraph.graph.graph import Block, Graph, Layer

Array = np.ndarray[Any, Any]

HOMOGENEOUS = frozenset({"relu", "leaky_relu", "prelu", "abs"})
"""Activation functions with φ(s·z) = s·φ(z) for s > 0."""


MOVED = 1e-5
"""|log scale| from which a unit counts as rescaled: graphs in single precision say no more."""


def balanced(graph: Graph) -> tuple[Graph, str]:
    """The graph in the balanced gauge, and how that was found.

    The network behind the graph (``graph.origin``, as long as its parameters are those of the graph) knows which
    vertices may be rescaled. Without it these are the hidden layers whose activation is one of ``HOMOGENEOUS``; in a
    graph that names no activation at all, every hidden layer.

    Edges that are on no way from an input to an output do not count for the balance: their ends could be rescaled
    without limit. Of such a vertex, where it may be rescaled, what enters (or else what leaves) is brought to 1.
    """
    if graph.meta.get("gauge") == "balanced":
        return graph, "balanced already"
    living = _on_a_way(graph)
    names = _free_layers(graph)
    by_name = np.zeros(graph.n, dtype=bool)
    for layer in graph.layers:
        by_name[layer.vertices] = layer.name in names
    scales = _scales_of_origin(graph)
    if scales is None:
        free = by_name
        said = f"balanced in {', '.join(sorted(names))}" if names else "as is: no layer is known to be rescalable"
    else:
        free, said = _moved(graph, scales, living) | (by_name & ~living), "balanced by the network behind the graph"
    return _even(graph, free, living), said


def _moved(graph: Graph, scales: Array, living: Array) -> Array:
    """Which vertices a network may rescale, from the scales that it gives them: of most of a layer, all of it."""
    free = np.abs(np.log(scales)) > MOVED
    for layer in graph.layers:
        alive = living[layer.vertices]
        if 2 * np.count_nonzero(free[layer.vertices] & alive) > np.count_nonzero(alive):
            free[layer.vertices] |= alive
    return free


def _even(graph: Graph, free: Array, living: Array) -> Graph:
    blocks = []
    for block in graph.blocks:
        target, source = living[graph.layer(block.target).vertices], living[graph.layer(block.source).vertices]
        whole = bool(target.all() and source.all())
        weight = block.weight if whole else ops.scaled(block.weight, 1.0 * target, 1.0 * source)
        blocks.append(Block(block.source, block.target, block.kind, weight))
    gauge = balance(Graph(graph.layers, tuple(blocks)), free & living)
    scales, known = gauge.scales.copy(), living | ~free
    before = -1
    while before != (before := int(known.sum())) and before < graph.n:  # what hangs on what is known, then on that
        for leaving, layers in ((True, graph.layers[::-1]), (False, graph.layers)):
            for layer in layers:
                size = _sums(graph, layer, scales, known, leaving)
                chosen = ~known[layer.vertices] & (size > 0)
                scales[layer.vertices][chosen] = size[chosen] if leaving else 1 / size[chosen]
                known[layer.vertices] |= chosen
    return replace(gauge, scales=scales).apply(graph)


def _sums(graph: Graph, layer: Layer, scales: Array, known: Array, leaving: bool) -> Array:
    """(size,) Σ|weight| to what each vertex of a layer reads, or is read by; its own scale aside."""
    total = np.zeros(layer.size)
    for block in graph.blocks:
        if (block.source if leaving else block.target) == layer.name:
            weight = ops.absolute(block.weight).astype(np.float64)
            other = graph.layer(block.target if leaving else block.source).vertices
            if leaving:
                total += ops.rmatvec(weight, known[other] * scales[other])
            else:
                total += ops.matvec(weight, known[other] / scales[other])
    return total


def _on_a_way(graph: Graph) -> Array:
    """(n,) bool: vertices on a way of edges from a layer that nothing enters to one that nothing leaves."""
    targets, sources = {b.target for b in graph.blocks if b.kind != "bias"}, {b.source for b in graph.blocks}
    reached, reaching = np.zeros(graph.n, dtype=bool), np.zeros(graph.n, dtype=bool)
    for layer in graph.layers:
        reached[layer.vertices] = layer.name not in targets
        reaching[layer.vertices] = layer.name not in sources
    order = {layer.name: i for i, layer in enumerate(graph.layers)}
    edges = {id(block): ops.absolute(block.weight) for block in graph.blocks}
    for block in sorted(graph.blocks, key=lambda b: order[b.target]):
        found = ops.matvec(edges[id(block)], 1.0 * reached[graph.layer(block.source).vertices]) > 0
        reached[graph.layer(block.target).vertices] |= found
    for block in sorted(graph.blocks, key=lambda b: -order[b.source]):
        found = ops.rmatvec(edges[id(block)], 1.0 * reaching[graph.layer(block.target).vertices]) > 0
        reaching[graph.layer(block.source).vertices] |= found
    return reached & reaching


def _scales_of_origin(graph: Graph) -> Array | None:
    """(n,) the scales that the network itself gives the graph's vertices; None where it cannot say."""
    origin, meta = graph.origin, graph.meta
    asked = ("granularity", "reduce", "bias")
    if not callable(getattr(origin, "graph", None)) or any(name not in meta for name in asked):
        return None
    if meta["granularity"] not in ("channel", "unit") or getattr(origin, "hash", None) != meta.get("model_hash"):
        return None  # its parameters have changed since
    options = {name: meta[name] for name in asked}
    whole, even = origin.graph(gauge="none", **options), origin.graph(gauge="balanced", **options)
    scales = np.ones(whole.n)
    for layer in whole.layers:
        reached, wanted = np.zeros(layer.size), np.zeros(layer.size)
        for block, other in zip(whole.blocks, even.blocks, strict=True):
            if block.target == layer.name:
                source = scales[whole.layer(block.source).vertices]
                reached += ops.matvec(ops.absolute(block.weight).astype(np.float64), 1 / source)
                wanted += ops.row_sums(other.weight, absolute=True)
        known = (reached > 0) & (wanted > 0)
        scales[layer.vertices] = np.divide(wanted, reached, out=np.ones(layer.size), where=known)
    if [(a.name, a.size) for a in whole.layers] == [(b.name, b.size) for b in graph.layers]:
        return scales
    number = {identifier: i for i, identifier in enumerate(whole.ids)}  # a part of it: a circuit
    if not all(identifier in number for identifier in graph.ids):
        return None
    return scales[[number[identifier] for identifier in graph.ids]]


def _free_layers(graph: Graph) -> set[str]:
    targets, sources = {b.target for b in graph.blocks if b.kind != "bias"}, {b.source for b in graph.blocks}
    hidden = [layer for layer in graph.layers if layer.name in targets & sources and layer.kind != "constant"]
    if all(layer.activation is None for layer in graph.layers):
        return {layer.name for layer in hidden}
    return {layer.name for layer in hidden if layer.activation in HOMOGENEOUS}


def refuse_nonfinite(graph: Graph, which: str) -> None:
    """An error where a weight is NaN or infinite."""
    for block in graph.blocks:
        if not np.isfinite(ops.row_sums(block.weight, absolute=True)).all():
            raise AnalysisError(
                f"'weight' of the edges {block.source} -> {block.target} holds NaN or infinity in the {which} graph; "
                "units cannot be matched by such weights: mend the network, or trace it with nonfinite='drop'"
            )
