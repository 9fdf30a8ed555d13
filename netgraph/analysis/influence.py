"""Total influence of one layer on another: the sum over all paths between each two of their vertices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from netgraph.analysis.path_steps import Step, Tile, Vector, steps
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph

LIMIT = 4 << 30
"""Bytes that the result and what is held beside it may take, unless somebody says otherwise."""


def influence(
    graph: Graph,
    source: str,
    target: str,
    signed: bool = True,
    weight: str = "weight",
    max_bytes: int = LIMIT,
) -> Vector:
    """The sum over all paths from every vertex of one layer to every vertex of another, through skips and all.

    Parameters
    ----------
    graph : any graph.
    source, target : names of the layers.
    signed : add up the products of the edges along each path; False: their absolute values, so that nothing cancels.
    weight : an edge column. ``"gated_weight"`` at one input gives ∂z_target/∂a_source of the frozen network.
    max_bytes : refuse to hold more. It is known before anything is made: the result, 8 · n_target · n_source, and the
        matrices of the layers between, for as many columns at a time as fit.

    Returns
    -------
    (n_target, n_source) float64; 0 where no path leads.

    Raises
    ------
    UnknownName : an unknown layer or edge column.
    AnalysisError : the target does not come after the source; more than ``max_bytes``; NaN or infinity in the column.

    Notes
    -----
    (I − A)⁻¹ restricted to two layers of a DAG: a product of blocks, layer by layer, from the smaller of the two ends.

    Examples
    --------
    >>> import netgraph as ng
    >>> g = ng.Graph.from_matrices([[[1, 2], [3, 0]], [[1, -1]]])
    >>> ng.influence(g, "layer_0", "layer_2")
    array([[-2.,  2.]])
    >>> ng.influence(g, "layer_0", "layer_2", signed=False)
    array([[4., 2.]])
    """
    first, last = graph.layer(source), graph.layer(target)
    if first.start >= last.start:
        raise AnalysisError(
            f"no path leads from {source!r} to {target!r}: the target must be a later layer than the source "
            f"(they run {', '.join(layer.name for layer in graph.layers)})"
        )
    edges = _between(steps(graph, weight, absolute=not signed), source, target)
    forward = first.size <= last.size
    begin, end = (first, last) if forward else (last, first)
    order = edges if forward else sorted(edges, key=lambda step: -step.source.start)
    result, column = 8 * first.size * last.size, _held(order, begin.name, forward)
    width = min((max_bytes - result) // max(column, 1), begin.size)
    if width < 1:
        raise AnalysisError(
            f"the influence of {source!r} on {target!r} takes {result:,} bytes and {column:,} beside them, more than "
            f"max_bytes={max_bytes:,}; choose smaller layers, or raise the limit"
        )
    out = np.zeros((begin.size, end.size))
    for at in range(0, begin.size if edges else 0, width):
        chosen = np.arange(at, min(at + width, begin.size))
        start = np.zeros((begin.size, len(chosen)))
        start[chosen, chosen - at] = 1.0
        out[chosen] = _pushed(order, begin.name, end.name, start, forward).T
    if not np.isfinite(out).all():
        for step in edges:
            step.refuse_nonfinite(weight)
    return np.ascontiguousarray(out.T) if forward else out


def _between(edges: Sequence[Step], source: str, target: str) -> list[Step]:
    """Only steps on a way from one layer to the other."""
    reached, reaching = {source}, {target}
    for step in edges:
        if step.source.name in reached:
            reached.add(step.target.name)
    for step in reversed(edges):
        if step.target.name in reaching:
            reaching.add(step.source.name)
    return [s for s in edges if s.source.name in reached and s.target.name in reaching and s.target.name != source]


def _ends(step: Step, forward: bool) -> tuple[str, str, int]:
    """(where it is read, where it goes, how many vertices that has)."""
    near, far = (step.source, step.target) if forward else (step.target, step.source)
    return near.name, far.name, far.size


def _last_reads(order: Sequence[Step], forward: bool) -> dict[str, int]:
    return {_ends(step, forward)[0]: i for i, step in enumerate(order)}


def _held(order: Sequence[Step], begin: str, forward: bool) -> int:
    """Bytes for each column of what is held at most: the layers that are begun and not yet read by all."""
    last, held, most = _last_reads(order, forward), {begin: _size(order, begin, forward)}, 0
    for i, step in enumerate(order):
        near, far, size = _ends(step, forward)
        held[far] = size
        most = max(most, sum(held.values()))
        if last[near] == i:
            del held[near]
    return 8 * most


def _size(order: Sequence[Step], begin: str, forward: bool) -> int:
    ends = [step.source if forward else step.target for step in order]
    return max((end.size for end in ends if end.name == begin), default=0)


def _pushed(order: Sequence[Step], begin: str, end: str, start: Vector, forward: bool) -> Vector:
    """(n_end, columns) of (n_begin, columns); a layer's matrix is let go after the last step that reads it."""
    last, held = _last_reads(order, forward), {begin: start}
    for i, step in enumerate(order):
        near, far, size = _ends(step, forward)
        into = held.setdefault(far, np.zeros((size, start.shape[1])))
        for tile in step.tiles():
            matrix, rows = _matrix(tile, step.source.size), slice(tile.first, tile.last)
            if forward:
                into[rows] += matrix @ held[near]
            else:
                into += matrix.T @ held[near][rows]
        if last[near] == i:
            del held[near]
    return held[end]


def _matrix(tile: Tile, columns: int) -> Vector | sp.csr_array:
    if tile.matrix is not None:
        return tile.matrix
    return sp.csr_array((tile.values, (tile.target - tile.first, tile.source)), shape=(tile.last - tile.first, columns))
