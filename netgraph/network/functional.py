"""The network as its activations have it: units that rise and fall together over the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.errors import InputError
from netgraph.graph.graph import Block, Graph
from netgraph.network.description import metadata
from netgraph.network.progress import Report
from netgraph.network.reads import Array

if TYPE_CHECKING:
    from netgraph.network.network import Network

ROWS = 1_024
"""Inputs whose activations are held at once."""


def functional_graph(net: Network, inputs: Any, granularity: str, progress: Report) -> Graph:
    """See ``Network.functional_graph``."""
    weights = net.graph(granularity)
    pairs = list(dict.fromkeys((block.source, block.target) for block in weights.blocks))
    spans = {layer.name: layer.vertices for layer in weights.layers}
    shift: Array | None = None
    total, squares = np.zeros(weights.n), np.zeros(weights.n)
    products = {pair: np.zeros((_size(spans[pair[1]]), _size(spans[pair[0]]))) for pair in pairs}
    count = 0
    for table in net.activations(inputs, granularity, chunk=ROWS, progress=progress):
        values = table.to_numpy(dtype=np.float64)
        shift = values.mean(axis=0) if shift is None else shift  # sums of products around it lose no digits
        values = values - shift
        count += len(values)
        total += values.sum(axis=0)
        squares += (values**2).sum(axis=0)
        for source, target in pairs:
            products[source, target] += values[:, spans[target]].T @ values[:, spans[source]]
    if count < 3:
        raise InputError(f"correlations over {count} inputs say nothing: pass 3 or more")
    assert shift is not None
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0))
    steady = spread <= 1e-9 * np.maximum(np.abs(mean + shift), spread.max(initial=0.0))
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=~steady)
    blocks = []
    for source, target in pairs:
        into, out_of = spans[target], spans[source]
        covariance = products[source, target] / count - np.outer(mean[into], mean[out_of])
        correlation = covariance * np.outer(scale[into], scale[out_of])
        blocks.append(Block(source, target, "correlation", np.clip(correlation, -1.0, 1.0)))
    meta = metadata(net, granularity, "none", net.programs.numbering(granularity))
    meta |= {"functional": "correlation", "inputs": count, "exact": False}
    columns = {"activation": mean + shift, "spread": spread}
    return Graph(weights.layers, tuple(blocks), columns, meta)


def _size(span: slice) -> int:
    return int(span.stop - span.start)
