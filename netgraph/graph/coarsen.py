"""Fewer vertices: one per layer, or one for each of several groups in a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from netgraph.errors import unknown
from netgraph.graph import blocks as ops
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.graph.products import DENSE_ABOVE

Array = np.ndarray[Any, Any]

REDUCTIONS: dict[str, Callable[[Array], Any]] = {
    "activation": np.mean,
    "gate": np.mean,
    "bias": np.sum,
    "attribution": np.sum,
    "constant_share": np.sum,
}
"""Vertex column -> how several vertices become one: values are averaged, flows are summed."""


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


NORMS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "l1": lambda weights, edge, taps: np.bincount(edge, np.abs(weights), len(taps)),
    "l2": lambda weights, edge, taps: np.sqrt(np.bincount(edge, np.square(weights), len(taps))),
    "max": lambda weights, edge, taps: _largest(np.abs(weights), edge, len(taps)),
}
"""What several edges weigh that become one, (weights, which edge each joins, how many may join) -> weights: norms."""
SIGNED: dict[str, Callable[[Array, Array, Array], Array]] = {
    "sum": lambda weights, edge, taps: np.bincount(edge, weights, len(taps)),
    "mean": lambda weights, edge, taps: np.bincount(edge, weights, len(taps)) / taps,
}
"""The same, with signs."""


@dataclass(frozen=True, eq=False)
class Merge:
    """Vertices of one layer that become fewer ones, in a layer of their own.

    Attributes
    ----------
    name, module, kind, shape : of the new layer, as in :class:`netgraph.graph.graph.Layer`.
    of : (size,) the vertex of the new layer that each joins; ``STAYS`` where it stays in the old one, ``LEFT_OUT``.
    """

    name: str
    module: str
    kind: str
    shape: tuple[int, ...]
    of: Array


STAYS, LEFT_OUT = -1, -2


class _Place(NamedTuple):
    """A layer that is made: where each vertex of an old one goes in it (-1: elsewhere), and whether some meet."""

    layer: Layer
    of: Array
    meet: bool

    @property
    def counts(self) -> Array:
        """(size,) how many vertices each stands for."""
        return np.bincount(self.of[self.of >= 0], minlength=self.layer.size)


def merged(graph: Graph, merges: Mapping[str, Merge], reduce: str = "l1") -> Graph:
    """A graph in which some vertices of some layers have become one.

    Parameters
    ----------
    merges : layer name -> what becomes of its vertices.
    reduce : what edges that become one weigh: "l1", "l2", "max" (norms; ``tap_sum`` is then their signed sum), "sum" or
        "mean" (over all pairs of a dense block, over the edges of a sparse one). Between vertices that stand for one
        each, an edge keeps its weight and sign.

    Returns
    -------
    Graph : values of edges are summed; of vertices as in :func:`by_layer`.

    >>> graph = Graph.from_matrices([[[1.0], [-2.0], [5.0]]])
    >>> pairs = Merge("pairs", "", "pair", (2,), np.array([0, 0, LEFT_OUT]))
    >>> small = merged(graph, {graph.layers[1].name: pairs})
    >>> small.ids.tolist(), small.blocks[0].weight.tolist(), small.blocks[0].values["tap_sum"].tolist()
    (['layer_0:0', 'pairs:0'], [[3.0]], [[-1.0]])
    """
    if reduce not in {**NORMS, **SIGNED}:
        raise unknown("reduction", reduce, [*NORMS, *SIGNED])
    places: dict[str, list[_Place]] = {}
    start = 0
    for layer in graph.layers:
        places[layer.name] = _places(layer, merges.get(layer.name), start)
        start += sum(place.layer.size for place in places[layer.name])
    blocks = [
        made
        for block in graph.blocks
        for target in places[block.target]
        for source in places[block.source]
        if (made := _merged_block(block, source, target, reduce)) is not None
    ]
    columns = {
        name: np.concatenate(
            [
                _merged_column(name, np.asarray(values)[layer.vertices], place)
                for layer in graph.layers
                for place in places[layer.name]
            ]
        )
        for name, values in graph.columns.items()
    }
    layers = tuple(place.layer for layer in graph.layers for place in places[layer.name])
    return Graph(layers, tuple(blocks), columns, graph.meta)


def _places(layer: Layer, merge: Merge | None, start: int) -> list[_Place]:
    if merge is None:
        return [_Place(replace(layer, start=start), np.arange(layer.size), False)]
    out = []
    stays = np.flatnonzero(merge.of == STAYS)
    if len(stays):
        of = np.full(layer.size, -1)
        of[stays] = np.arange(len(stays))
        out.append(_Place(replace(layer, start=start, size=len(stays), grid=(len(stays),)), of, False))
        start += len(stays)
    made = Layer(merge.module, merge.name, merge.kind, merge.shape, start, int(merge.of.max()) + 1)
    return [*out, _Place(made, np.maximum(merge.of, -1), True)]


def _merged_block(block: Block, source: _Place, target: _Place, reduce: str) -> Block | None:
    """The edges of a block that run between two places; None where there are none."""
    start, stop = source.layer.name, target.layer.name
    if not source.meet and not target.meet:
        rows, columns = np.flatnonzero(target.of >= 0), np.flatnonzero(source.of >= 0)
        if (len(rows), len(columns)) == block.shape:
            return replace(block, source=start, target=stop)
        parts = {name: ops.submatrix(block.operator(name), rows, columns) for name in ("weight", *block.values)}
        gate, constant = (None if v is None else v[columns] for v in (block.gate, block.constant))
        part = Block(start, stop, block.kind, parts.pop("weight"), parts, gate, constant)
        return part if part.edges else None
    rows, columns = ops.edge_arrays(block.weight)
    keep = (target.of[rows] >= 0) & (source.of[columns] >= 0)
    code = target.of[rows[keep]] * source.layer.size + source.of[columns[keep]]
    if not len(code):
        return None
    distinct, edge = np.unique(code, return_inverse=True)
    row, column = np.divmod(distinct, source.layer.size)
    shape, n = (target.layer.size, source.layer.size), len(distinct)
    tile = ops.Tile(rows, columns, ops.kind_of(block.weight).positions(block.weight, 0, block.shape[0])[2])

    def listed(name: str) -> Array:
        return np.asarray(ops.entries(block.operator(name), tile)[keep], dtype=np.float64)

    layout = ops.LAYOUTS["dense" if n > DENSE_ABOVE * shape[0] * shape[1] else "sparse"]

    def operator(values: Array, name: str) -> Any:
        return layout.assemble(shape, row, column, values.astype(block.operator(name).dtype))

    weights = listed("weight")
    sums = np.bincount(edge, weights, n)
    pairs = target.counts[row] * source.counts[column]
    taps = pairs if isinstance(block.weight, np.ndarray) else np.bincount(edge, minlength=n)
    weight = np.where(pairs == 1, sums, {**NORMS, **SIGNED}[reduce](weights, edge, taps))
    values = {name: operator(np.bincount(edge, listed(name), n), name) for name in block.values}
    if reduce in NORMS and "tap_sum" not in values:
        values = {"tap_sum": operator(sums, "weight"), **values}
    return Block(start, stop, block.kind, operator(weight, "weight"), values)


def _merged_column(name: str, values: Array, place: _Place) -> Array:
    inside = place.of >= 0
    if not place.meet:
        return values[inside]
    groups = [values[place.of == i] for i in range(place.layer.size)]
    reduction = REDUCTIONS.get(name, np.mean)
    return np.array([reduction(group) for group in groups]).astype(values.dtype)


def _largest(values: Array, edge: Array, n: int) -> Array:
    out = np.zeros(n)
    np.maximum.at(out, edge, values)
    return out
