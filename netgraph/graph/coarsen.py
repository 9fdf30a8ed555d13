"""One vertex per layer: the architecture, weighted by what flows between its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from netgraph.graph import blocks as ops
from netgraph.graph.graph import Block, Graph

Array = np.ndarray[Any, Any]

REDUCTIONS: dict[str, Callable[[Array], Any]] = {
    "activation": np.mean,
    "gate": np.mean,
    "bias": np.sum,
    "attribution": np.sum,
    "constant_share": np.sum,
}
"""Vertex column -> how a layer's vertices become one: values are averaged, flows are summed."""


def by_layer(graph: Graph) -> Graph:
    """A graph with one vertex per layer and one edge per block.

    Returns
    -------
    Graph : a block's weight is Σ|w| over its edges, shape (1, 1), float64; its values are summed with their signs.
        Vertex columns: ``size`` (vertices of the layer), and of those that the graph has ``activation`` and ``gate``
        averaged, ``bias``, ``attribution`` and ``constant_share`` summed.

    >>> graph = by_layer(Graph.from_matrices([[[1.0, -2.0], [0.0, 3.0]]]))
    >>> graph.n, graph.blocks[0].weight.tolist(), graph.columns["size"].tolist()
    (2, [[6.0]], [2, 2])
    """
    layers = tuple(replace(layer, start=i, size=1, grid=(1,)) for i, layer in enumerate(graph.layers))
    columns: dict[str, Array] = {"size": np.array([layer.size for layer in graph.layers], dtype=np.int64)}
    for name, reduction in REDUCTIONS.items():
        if name in graph.columns:
            values = np.asarray(graph.columns[name], dtype=np.float64)
            parts = [values[layer.vertices] for layer in graph.layers]
            columns[name] = np.array([reduction(part) if len(part) else 0.0 for part in parts])
    return Graph(layers, tuple(map(_one_edge, graph.blocks)), columns, {**graph.meta, "granularity": "layer"})


def _one_edge(block: Block) -> Block:
    total = np.array([[ops.row_sums(block.weight, absolute=True).sum()]])
    values = {name: np.zeros((1, 1)) for name in block.values}
    for tile in ops.tiles(block.weight):
        for name, value in block.values.items():
            values[name] += ops.entries(value, tile).sum(dtype=np.float64)
    return Block(block.source, block.target, block.kind, total, values)
