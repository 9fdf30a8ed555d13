"""What :meth:`netgraph.network.network.Network.graph` is asked for: checked, and made of the weights alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netgraph.errors import InputError, unknown
from netgraph.graph.graph import Graph
from netgraph.network.assemble import bias_vertices, build
from netgraph.network.datasets import AGGREGATES
from netgraph.network.description import metadata
from netgraph.network.gauge import GAUGES, gauge_of
from netgraph.network.heads import FINE, coarse, heads
from netgraph.network.inputs import numpy_dtype
from netgraph.network.program import GRANULARITIES
from netgraph.network.reads import REDUCTIONS

if TYPE_CHECKING:
    from netgraph.network.network import Network

BIASES = ("column", "vertex")
"""Where biases stand: in the vertex table, or as edges from a vertex of their own."""


def check(net: Network, granularity: str, reduce: str, gauge: str, bias: str, aggregate: str) -> None:
    """Refuse options that do not exist, do not go together, or do not suit the network."""
    for option, value, known in (
        ("granularity", granularity, GRANULARITIES),
        ("reduction", reduce, REDUCTIONS),
        ("bias", bias, BIASES),
        ("gauge", gauge, GAUGES),
        ("aggregate", aggregate, AGGREGATES),
    ):
        if value not in known:
            raise unknown(option, value, known)
    if granularity == "head":
        heads(net.programs.numbering("channel"))  # a network without any is refused at once
        if aggregate != "mean":
            raise InputError(
                f"aggregate={aggregate!r} at granularity='head': a head's flow is the sum over its features, whose "
                "spread does not follow from theirs; use aggregate='mean' or granularity='channel'"
            )
    if bias == "vertex" and aggregate != "mean":
        raise InputError(
            f"aggregate={aggregate!r} is of each edge, and biases are not edges of an input: use bias='column'"
        )


def of_weights(net: Network, granularity: str, reduce: str, gauge: str, bias: str) -> Graph:
    """The graph of the weights alone."""
    numbering = net.programs.numbering(FINE.get(granularity, granularity))
    meta = metadata(net, granularity, reduce, numbering)
    graph = build(numbering, reduce, numpy_dtype(net.dtype), meta)
    if gauge == "balanced":
        graph = gauge_of(numbering, graph).apply(graph)
    if bias == "vertex":
        graph = bias_vertices(graph)
    return replace(coarse(graph, granularity, numbering, reduce), origin=net)
