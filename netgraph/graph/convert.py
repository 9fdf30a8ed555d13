"""A graph as other people's objects: pandas, scipy, networkx, igraph."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from netgraph.errors import unknown
from netgraph.graph import blocks as ops
from netgraph.graph.tables import edge_columns, edge_tiles, iter_edges, value_columns, vertex_table

if TYPE_CHECKING:
    import pandas as pd

    from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]

WHOLE = 1 << 62
"""A chunk that no block exceeds."""


def to_pandas(graph: Graph) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(vertices, edges): a row per vertex, a row per edge in the order of the blocks.

    >>> from netgraph.graph.graph import Graph
    >>> vertices, edges = Graph.from_matrices([[[1.0, -2.0]]]).to_pandas()
    >>> edges.values.tolist()
    [['layer_0:0', 'layer_1:0', 1.0, 1.0, 'linear'], ['layer_0:1', 'layer_1:0', -2.0, 2.0, 'linear']]
    """
    import pandas as pd

    pieces = list(iter_edges(graph, WHOLE))
    edges = pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame(columns=edge_columns(graph))
    return vertex_table(graph), edges


def to_scipy(graph: Graph, weight: str = "weight") -> sp.csr_array:
    """One matrix of shape (n, n), rows = sources, columns = targets; parallel edges are summed.

    Parameters
    ----------
    weight : ``weight``, ``abs_weight``, or one of the values; a block that does not carry it contributes nothing.

    Raises
    ------
    UnknownName : no block carries that column.

    >>> from netgraph.graph.graph import Graph
    >>> Graph.from_matrices([[[1.0, -2.0]]]).to_scipy("abs_weight").toarray().tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
    """
    known = ["weight", "abs_weight", *value_columns(graph)]
    if weight not in known:
        raise unknown("edge column", weight, known)
    source, target = [np.zeros(0, dtype=np.intp)], [np.zeros(0, dtype=np.intp)]
    entries: list[Array] = []
    for block in graph.blocks:
        if weight not in ("weight", "abs_weight") and weight not in block.values:
            continue
        tile = ops.Tile(*ops.kind_of(block.weight).positions(block.weight, 0, block.shape[0]))
        source.append(tile.source + graph.layer(block.source).start)
        target.append(tile.target + graph.layer(block.target).start)
        entries.append(ops.entries(block.operator(weight), tile))
    data = np.concatenate(entries) if entries else np.zeros(0)
    if data.dtype == np.float16:
        data = data.astype(np.float32)  # scipy has no sparse float16
    if data.dtype.kind in "biu":
        data = data.astype(np.float64)  # the sum of parallel edges would overflow
    matrix = sp.coo_array((data, (np.concatenate(source), np.concatenate(target))), shape=(graph.n, graph.n))
    return sp.csr_array(matrix)


def to_networkx(graph: Graph) -> Any:
    """A ``networkx.DiGraph``: nodes are the ids with the vertex table as attributes, edges carry weight, kind, values.

    Parallel edges are summed (a DiGraph holds one). A cell that is missing is no attribute.

    >>> from netgraph.graph.graph import Graph
    >>> sorted(Graph.from_matrices([[[1.0, -2.0]]]).to_networkx().edges(data="weight"))
    [('layer_0:0', 'layer_1:0', 1.0), ('layer_0:1', 'layer_1:0', -2.0)]
    """
    import networkx as nx

    made = nx.DiGraph()
    made.graph.update((str(name), value) for name, value in graph.meta.items())
    columns = _attributes(vertex_table(graph))
    rows = zip(*columns.values(), strict=True)
    made.add_nodes_from(
        (row[0], {name: value for name, value in zip(list(columns)[1:], row[1:], strict=True) if value is not None})
        for row in rows
    )
    ids, pairs = graph.ids, [(block.source, block.target) for block in graph.blocks]
    parallel = {pair for pair in pairs if pairs.count(pair) > 1}
    for tile in edge_tiles(graph):
        numbers = {"weight": tile.weight.tolist(), **{name: value.tolist() for name, value in tile.values.items()}}
        data = [dict(zip(numbers, row, strict=True)) for row in zip(*numbers.values(), strict=True)]
        ends = zip(ids[tile.source].tolist(), ids[tile.target].tolist(), data, repeat(tile.block.kind), strict=False)
        summing = (tile.block.source, tile.block.target) in parallel
        for source, target, entry, kind in ends:
            if summing and made.has_edge(source, target):
                _add(made.edges[source, target], entry)
            else:
                made.add_edges_from([(source, target, {"kind": kind, **entry})])
    return made


def to_igraph(graph: Graph) -> Any:
    """A directed ``igraph.Graph``: vertex attribute ``name`` = id, edge attribute ``weight``.

    Vertices also carry the vertex table and the layout (``x``, ``y``, which igraph plots by), edges their kind and
    values; parallel edges stay parallel. All are plain lists: igraph refuses numpy's numbers in some calls.

    >>> from netgraph.graph.graph import Graph
    >>> Graph.from_matrices([[[1.0, -2.0]]]).to_igraph().es["weight"]
    [1.0, -2.0]
    """
    import igraph as ig

    columns = _attributes(vertex_table(graph, positions=True))
    tiles = list(edge_tiles(graph, WHOLE))
    ends = [pair for tile in tiles for pair in zip(tile.source.tolist(), tile.target.tolist(), strict=True)]
    edges: dict[str, list[Any]] = {"weight": [w for tile in tiles for w in tile.weight.tolist()]}
    edges["kind"] = [kind for tile in tiles for kind in [tile.block.kind] * len(tile)]
    for name in value_columns(graph):
        edges[name] = [v for t in tiles for v in (t.values[name].tolist() if name in t.values else [None] * len(t))]
    return ig.Graph(
        n=graph.n,
        edges=ends,
        directed=True,
        vertex_attrs={"name": columns.pop("id"), **columns},
        edge_attrs=edges,
    )


def _attributes(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns as plain lists, None where a cell is missing."""
    columns = {}
    for name in table.columns:
        values, missing = table[name].tolist(), table[name].isna().to_numpy()
        columns[str(name)] = [None if gone else value for value, gone in zip(values, missing, strict=True)]
    return columns


def _add(entry: dict[str, Any], more: dict[str, float]) -> None:
    for name, value in more.items():
        entry[name] = entry.get(name, 0.0) + value
