"""How big a graph will be, before any of it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp

from netgraph.errors import TooManyEdges
from netgraph.graph import blocks as ops
from netgraph.network.numbering import Numbering

if TYPE_CHECKING:
    from netgraph.network.network import Network

FINEST = ("channel", "unit")
"""Granularities that are numbered on the network itself; the others are made of the graph of channels."""
FLOWS = ("contribution", "attribution")
"""What each edge also carries at an input; a single one at unit granularity has ``gated_weight`` beside."""
SHARES = ("activation", "attribution", "constant_share")
"""What each vertex also carries at an input."""


class Size(NamedTuple):
    """How big a graph is.

    Attributes
    ----------
    vertices, edges : numbers; an edge is a weight that is not 0.
    bytes : what holds the edges and the vertices' numbers in memory (ids and tables are made when asked for). Implicit
        convolutions count with their kernels, and with at most a number per vertex for each further quantity.

    Examples
    --------
    >>> print(Size(1294, 397000, 1_590_000))
    1,294 vertices, 397,000 edges, 1.6 MB
    """

    vertices: int
    edges: int
    bytes: int

    def __str__(self) -> str:
        return f"{self.vertices:,} vertices, {self.edges:,} edges, {_readable(self.bytes)}"


def _readable(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def size_of(
    numbering: Numbering, reduce: str, itemsize: int, bias: str = "column", inputs: bool = False, gates: bool = False
) -> Size:
    """The size of the graph that :func:`netgraph.network.assemble.build` would make."""
    values = len(FLOWS) + gates if inputs else 0
    vertices, edges, held = numbering.n, 0, 0
    for joint in numbering.joints.values():
        for extent in joint.extents(numbering.layers, reduce, itemsize):
            edges += extent.edges
            held += extent.weight + extent.value * (values + extent.tap_sum)
    columns = 1 + (len(SHARES) + gates if inputs else 0)
    if bias == "vertex":
        for v in numbering.layers:
            if v.bias is not None and v.kind != "constant" and bool(v.bias.any()):
                vertices += 1
                edges += int(np.count_nonzero(v.bias.numpy().astype(f"f{max(itemsize, 2)}")))
                held += v.size * itemsize * (1 + values)
    return Size(vertices, edges, held + vertices * columns * itemsize)


def coarse_size(net: Network, granularity: str, reduce: str, bias: str, inputs: bool = False) -> Size:
    """The size of a graph that is made of the one of channels, which is small beside the weights themselves."""
    graph = net.graph(granularity, reduce, bias=bias)
    held = sum(ops.nbytes(block.weight) for block in graph.blocks)
    held += sum(np.asarray(values).nbytes for values in graph.columns.values())
    if inputs:
        itemsize = np.dtype("float64").itemsize  # sums of what flows between layers
        held += graph.n * itemsize * len(SHARES)
        for block in graph.blocks:
            each = (
                block.weight.data.size if sp.issparse(block.weight) else block.weight.shape[0] * block.weight.shape[1]
            )
            held += each * itemsize * len(FLOWS)
    return Size(graph.n, len(graph.edges), held)


def refuse_above(limit: int | None, found: Size, granularity: str) -> None:
    """Raise :class:`TooManyEdges` where a graph has more edges than the limit."""
    if limit is None or found.edges <= limit:
        return
    coarser = {"unit": "granularity='channel'", "channel": "granularity='layer'"}.get(granularity, "a smaller network")
    raise TooManyEdges(
        f"the graph at granularity {granularity!r} has {found.edges:,} edges ({found}), more than max_edges={limit:,}: "
        f"raise max_edges, or take {coarser}"
    )
