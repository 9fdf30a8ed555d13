"""A smaller graph: chosen vertices, edges or layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from netgraph.errors import GraphError, unknown
from netgraph.graph import blocks as ops
from netgraph.graph.tables import POSITIONS

if TYPE_CHECKING:
    from netgraph.graph.graph import Block, Graph

Array = np.ndarray[Any, Any]


def select(
    graph: Graph,
    vertices: Sequence[str] | Array | None = None,
    edges: Sequence[Any] | None = None,
    layers: Sequence[str] | None = None,
) -> Graph:
    """The part of a graph that was chosen; what is given together must hold together.

    Parameters
    ----------
    vertices : ids, or a boolean mask of shape (n,). Edges between chosen vertices stay.
    edges : for each block what to keep: a boolean array of shape (n_target, n_source); for a sparse block also one
        truth per stored entry, or a ``csr_array`` of its structure; None keeps all. Without ``vertices``, the vertices
        that no chosen edge touches go too.
    layers : names of layers to keep.

    Returns
    -------
    Graph : every vertex keeps its id, label, place and columns. A layer without vertices is gone, and its blocks.

    Raises
    ------
    UnknownName : an id or a layer that does not exist.
    GraphError : masks of a wrong shape or number.

    >>> from netgraph.graph.graph import Graph
    >>> graph = Graph.from_matrices([np.ones((2, 3))]).select(vertices=["layer_0:2", "layer_1:0"])
    >>> graph.ids.tolist(), len(graph.edges)
    (['layer_0:2', 'layer_1:0'], 1)
    """
    blocks = graph.blocks if edges is None else _chosen_blocks(graph, edges)
    keep = np.ones(graph.n, dtype=bool)
    if vertices is not None:
        keep &= _mask(graph, vertices)
    elif edges is not None:
        keep &= _touched(graph, blocks)
    if layers is not None:
        chosen = {graph.layer(name).name for name in ([layers] if isinstance(layers, str) else layers)}
        for layer in graph.layers:
            keep[layer.vertices] &= layer.name in chosen
    return _shrunk(graph, blocks, keep)


def unrolled(graph: Graph) -> Graph:
    """See :meth:`netgraph.graph.graph.Graph.unrolled`."""
    blocks = (
        replace(b, weight=ops.listed(b.weight), values={name: ops.listed(value) for name, value in b.values.items()})
        for b in graph.blocks
    )
    return replace(graph, blocks=tuple(blocks))


def _mask(graph: Graph, vertices: Sequence[str] | Array) -> Array:
    given = np.atleast_1d(np.asarray(vertices))
    if given.dtype == object and len(given) and all(isinstance(entry, (bool, np.bool_)) for entry in given):
        given = given.astype(bool)  # pandas' nullable truths
    if given.dtype == bool:
        if given.shape != (graph.n,):
            raise GraphError(f"the mask of vertices has shape {given.shape}, expected ({graph.n},)")
        return given
    if given.ndim != 1:
        raise GraphError(f"vertices have shape {given.shape}, expected a list of ids or a mask ({graph.n},)")
    number = {identifier: i for i, identifier in enumerate(graph.ids.tolist())}
    mask = np.zeros(graph.n, dtype=bool)
    for identifier in given.tolist():
        if identifier not in number:
            raise unknown("vertex", identifier, number)
        mask[number[identifier]] = True
    return mask


def _chosen_blocks(graph: Graph, edges: Sequence[Any]) -> tuple[Block, ...]:
    if len(edges) != len(graph.blocks):
        raise GraphError(f"{len(edges)} edge masks for {len(graph.blocks)} blocks, expected one (or None) per block")
    return tuple(
        block if keep is None else masked(block, keep) for block, keep in zip(graph.blocks, edges, strict=True)
    )


def masked(block: Block, keep: Any) -> Block:
    """A block with the edges alone that a mask keeps (in one of the forms that :func:`select` takes)."""
    listed = ops.listed(block.weight)
    stored = (len(listed.data),) if sp.issparse(listed) else None
    if np.shape(keep) != block.shape and np.shape(keep) != stored:
        raise GraphError(
            f"the edge mask of block {block.source} -> {block.target} has shape {np.shape(keep)}, "
            f"expected {block.shape}"
        )
    if stored is None:
        keep = np.asarray(keep.toarray() if sp.issparse(keep) else keep, dtype=bool)
    values = {name: ops.mask(value, keep, block.weight) for name, value in block.values.items()}
    return replace(block, weight=ops.mask(block.weight, keep, block.weight), values=values)


def _touched(graph: Graph, blocks: Sequence[Block]) -> Array:
    touched = np.zeros(graph.n, dtype=bool)
    for block in blocks:
        for tile in ops.tiles(block.weight):
            touched[tile.source + graph.layer(block.source).start] = True
            touched[tile.target + graph.layer(block.target).start] = True
    return touched


def _shrunk(graph: Graph, blocks: Sequence[Block], keep: Array) -> Graph:
    left = {layer.name: np.flatnonzero(keep[layer.vertices]) for layer in graph.layers}
    layers, start = [], 0
    for layer in graph.layers:
        size = len(left[layer.name])
        if size:
            whole = size == layer.size
            layers.append(replace(layer, start=start, size=size, grid=layer.grid if whole else (size,)))
            start += size
    kept = {layer.name for layer in layers}
    smaller = tuple(
        _part(block, left[block.target], left[block.source])
        for block in blocks
        if block.source in kept and block.target in kept
    )
    columns = {name: np.asarray(values)[keep] for name, values in graph.columns.items()}
    made = replace(graph, layers=tuple(layers), blocks=smaller, columns=columns)
    return replace(made, columns={**_names_and_places(graph, made, keep), **columns})


def _part(block: Block, targets: Array, sources: Array) -> Block:
    return replace(
        block,
        weight=ops.submatrix(block.weight, targets, sources),
        values={name: ops.submatrix(value, targets, sources) for name, value in block.values.items()},
        gate=None if block.gate is None else np.asarray(block.gate)[sources],
        constant=None if block.constant is None else np.asarray(block.constant)[sources],
    )


def _names_and_places(graph: Graph, made: Graph, keep: Array) -> dict[str, Array]:
    """Ids and places as they were in the whole graph, where the smaller layers would not say them again."""
    if all(layer.size == graph.layer(layer.name).size for layer in made.layers):
        return {}  # layers are there whole or not at all
    before, after = graph.vertices[keep], made.vertices
    columns: dict[str, Array] = {}
    if not np.array_equal(before["id"], after["id"]):
        columns["id"] = graph.ids[keep]
    for name in POSITIONS:
        places = before[name].fillna(-1).to_numpy(dtype=np.int64)
        if not np.array_equal(places, after[name].fillna(-1).to_numpy(dtype=np.int64)):
            columns[name] = places
    return columns
