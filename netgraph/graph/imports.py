"""Graphs from what others hold: tables and networkx graphs, layered or not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.errors import GraphError, unknown
from netgraph.graph import blocks as ops
from netgraph.graph import layering
from netgraph.graph.build import chain
from netgraph.graph.columns import plain_column
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.graph.names import safe_ids
from netgraph.graph.tables import EDGE_COLUMNS, POSITIONS, VERTEX_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

DENSE_FROM = 0.5
"""A block read from a table is held dense when at least this share of its entries are edges."""


def from_pandas(vertices: pd.DataFrame | None, edges: pd.DataFrame, directed: bool = True) -> Graph:
    """A graph from a vertex table (or None) and an edge table.

    Vertices are grouped into layers by the vertex table's column ``layer`` where all edges then run forward, otherwise
    by their depth (the number of edges on the longest way to them); inside a layer they keep the table's order.
    Parallel edges of one kind are summed. An id that no tool reads safely as text (``17``, ``NA``) makes all ids start
    with ``v``; the text as it was is the label.

    Parameters
    ----------
    vertices : columns ``id``, and any others: those of :attr:`Graph.vertices` mean the same here, the rest become
        vertex columns. One that the layers contradict is kept as ``layer_given``, ``kind_given`` … None: the ends of
        the edges, in order of appearance.
    edges : columns ``source`` and ``target`` (ids), ``weight`` (1 where there is none), ``kind`` (text), and numbers,
        which become the edges' values.
    directed : False turns each edge so that it runs from the vertex that comes first in the table to the later one;
        ``meta["directed"]`` tells.

    Raises
    ------
    UnknownName : a column that is missing, a misspelt ``weight``, or an edge whose end is no vertex.
    GraphError : doubled ids, an edge from a vertex to itself, or a directed cycle: such a graph has no layers.

    >>> import pandas as pd
    >>> edges = pd.DataFrame({"source": ["a", "a", "b"], "target": ["b", "c", "c"], "weight": [0.5, 2.0, -1.0]})
    >>> graph = Graph.from_pandas(None, edges)
    >>> [layer.name for layer in graph.layers], graph.ids.tolist()
    (['layer_0', 'layer_1', 'layer_2'], ['a', 'b', 'c'])
    """
    given, source, target = _ends(vertices, edges)
    loops = np.flatnonzero(source == target)
    if len(loops):
        raise GraphError(
            f"row {loops[0]} of the edges joins vertex {given[source[loops[0]]]!r} to itself; "
            "a layered graph has no such edge: drop those rows"
        )
    if not directed:
        source, target = np.minimum(source, target), np.maximum(source, target)
    table = {} if vertices is None else {str(name): vertices[name] for name in vertices.columns}
    plan = layering.layers_of(given, table.get("layer"), source, target)

    order = np.argsort(plan.layer, kind="stable")
    number = np.empty(len(order), dtype=np.intp)
    number[order] = np.arange(len(order))
    kinds = _layer_kinds(plan, table)
    layers = chain(plan.names, np.bincount(plan.layer, minlength=len(plan.names)).tolist(), kinds)
    blocks = _blocks(layers, number[source], number[target], edges)
    columns = _vertex_columns(Graph(tuple(layers), tuple(blocks)), given, order, table)
    if "layer" in table and not plan.given:
        columns["layer_given"] = plain_column("layer", table["layer"].iloc[order].astype(str))
    return Graph(tuple(layers), tuple(blocks), columns, {"directed": directed})


def from_networkx(graph: Any, weight: str | None = "weight") -> Graph:
    """A graph from a networkx graph; see :func:`from_pandas` for the layers it gets.

    Parameters
    ----------
    graph : any networkx graph. Of an undirected one each edge runs from the node that comes first to the later one,
        and ``meta["directed"]`` is False. Parallel edges are summed. Edge attributes that are numbers become values,
        ``kind`` (text) names the block, others are left out.
    weight : the edge attribute to take as weight; an edge without it weighs 1. None: all weigh 1.

    Raises
    ------
    UnknownName : no edge has that attribute, where it was named or another one looks like it.
    GraphError : two nodes of the same text, an edge from a node to itself, or a directed cycle.

    >>> import networkx as nx
    >>> graph = Graph.from_networkx(nx.karate_club_graph())
    >>> graph.n, len(graph.edges), graph.meta["directed"], graph.ids[0]
    (34, 78, False, 'v0')
    """
    import pandas as pd

    ids = [str(node) for node in graph.nodes]
    vertices = pd.DataFrame([{**_readable(data), "id": i} for i, data in zip(ids, graph.nodes.values(), strict=True)])
    if not ids:
        vertices = pd.DataFrame({"id": pd.Series([], dtype=object)})
    if weight is not None and graph.number_of_edges():
        names = dict.fromkeys(str(name) for *_, data in graph.edges(data=True) for name in data)
        if weight == "weight":
            refuse_misspelt_weight(names, "at the edges", "edge attribute")
        elif weight not in names:
            raise unknown("edge attribute", weight, names, " (weight=None makes every edge weigh 1)")
    rows = [
        {
            **{str(n): value for n, value in data.items() if n != weight and (n == "kind" or _is_number(value))},
            "source": str(source),
            "target": str(target),
            "weight": 1.0 if weight is None else data.get(weight, 1.0),
        }
        for source, target, data in graph.edges(data=True)
    ]
    edges = pd.DataFrame(rows, columns=None if rows else ["source", "target", "weight"])
    return from_pandas(vertices, edges, directed=bool(graph.is_directed()))


def refuse_misspelt_weight(names: Iterable[str], where: str, kind: str = "column") -> None:
    """Ask about a ``weigth``, by which nobody means that all edges weigh alike."""
    names = list(names)
    folded = [name.lower() for name in names]
    if "weight" not in names and difflib.get_close_matches("weight", folded, n=1, cutoff=0.8):
        raise unknown(kind, "weight", names, f" {where}, without which every edge would weigh 1")


def _ends(vertices: pd.DataFrame | None, edges: pd.DataFrame) -> tuple[Array, Array, Array]:
    """(ids as given, as text; number of each edge's source; of its target)."""
    import pandas as pd

    for what, table in (("edge", edges), ("vertex", vertices)):
        names = [] if table is None else [str(name) for name in table.columns]
        if twice := [name for name in names if names.count(name) > 1]:
            raise GraphError(f"the {what} table has two columns {twice[0]!r}; rename one of them")
    for name in ("source", "target"):
        if name not in edges.columns:
            raise unknown("column", name, map(str, edges.columns), " in the edge table")
    refuse_misspelt_weight(map(str, edges.columns), "in the edge table")
    if vertices is not None and "id" not in vertices.columns:
        raise unknown("column", "id", map(str, vertices.columns), " in the vertex table")
    ends = [edges[name].to_numpy(dtype=object) for name in ("source", "target")]
    listed = pd.unique(np.stack(ends, axis=1).ravel()) if vertices is None else vertices["id"].to_numpy(dtype=object)
    if pd.isna(listed).any():
        raise GraphError(f"vertex {int(np.flatnonzero(pd.isna(listed))[0])} has no id; expected text in every row")
    ids = pd.Index([str(i) for i in listed], dtype=object)
    if ids.has_duplicates:
        raise GraphError(f"vertex id {ids[ids.duplicated()][0]!r} is there twice; ids must be unique")
    numbers = []
    for name, end in zip(("source", "target"), ends, strict=True):
        found = ids.get_indexer(pd.Index([str(i) for i in end], dtype=object))
        if (found < 0).any():
            row = int(np.flatnonzero(found < 0)[0])
            raise unknown("vertex", end[row], ids, f" ({name} of edge row {row})")
        numbers.append(found)
    return np.asarray(ids, dtype=object), numbers[0], numbers[1]


def _layer_kinds(plan: layering.Plan, table: dict[str, Any]) -> list[str]:
    """A layer's kind is that of its vertices where they agree."""
    if "kind" not in table:
        return ["layer"] * len(plan.names)
    kinds = table["kind"].to_numpy(dtype=object)
    found = [sorted({str(kind) for kind in kinds[plan.layer == i]}) for i in range(len(plan.names))]
    return [kind[0] if len(kind) == 1 else "layer" for kind in found]


def _vertex_columns(bare: Graph, given: Array, order: Array, table: dict[str, Any]) -> dict[str, Array]:
    """The columns to store: what the layers would not say by themselves."""
    ids = safe_ids(given)[order]
    columns: dict[str, Array] = {}
    if not np.array_equal(ids, bare.ids):
        columns["id"] = ids
    label = table["label"].to_numpy(dtype=object)[order] if "label" in table else given[order]
    if not np.array_equal(label, ids):
        columns["label"] = plain_column("label", label)
    for name in ("depth", "kind", *POSITIONS):
        if name in table:
            columns |= _as_given(name, table[name].iloc[order], bare)
    for name, values in table.items():
        if name not in VERTEX_COLUMNS or (name == "bias" and values.notna().any()):
            columns[name] = plain_column(name, values.iloc[order])
    return columns


def _as_given(name: str, given: pd.Series[Any], bare: Graph) -> dict[str, Array]:
    """A column whose name has a meaning: left out where the layers say the same, renamed where it means more."""
    made = bare.vertices[name]
    if name == "kind":
        return {} if (given.isna() | (given.astype(str) == made.to_numpy())).all() else _renamed(name, given)
    places = given.fillna(-1).to_numpy() if given.dtype.kind in "iuf" else _whole(given)
    if places is None or not np.all((places == np.floor(places)) & (places >= -1)):
        return _renamed(name, given)
    if np.array_equal(places, made.fillna(-1).to_numpy(dtype=np.int64)):
        return {}
    return {name: places.astype(np.int64)} if name in POSITIONS else _renamed(name, given)


def _whole(given: pd.Series[Any]) -> Array | None:
    """Numbers out of nullable integers or of objects, -1 where one is missing; None where they are no numbers."""
    entries = [-1 if gone else entry for entry, gone in zip(given.tolist(), given.isna(), strict=True)]
    return np.array(entries) if all(isinstance(entry, (int, float)) for entry in entries) else None


def _renamed(name: str, given: pd.Series[Any]) -> dict[str, Array]:
    return {f"{name}_given": plain_column(name, given)}


def _blocks(layers: list[Layer], source: Array, target: Array, edges: pd.DataFrame) -> list[Block]:
    """A block per pair of layers and kind, in order of target, source, first appearance of the kind."""
    import pandas as pd

    stops = np.array([layer.stop for layer in layers], dtype=np.int64)
    reads, makes = (np.searchsorted(stops, ends, side="right") for ends in (source, target))
    kind, kinds = (
        pd.factorize(np.where(edges["kind"].isna(), "edge", edges["kind"].astype(str)).astype(object))
        if "kind" in edges.columns
        else (np.zeros(len(edges), dtype=np.intp), ["edge"])
    )
    numbers = {"weight": _numbers(edges["weight"]) if "weight" in edges.columns else np.ones(len(edges))}
    for name in map(str, edges.columns):
        if name not in EDGE_COLUMNS:
            numbers[name] = _numbers(edges[name])
    group, which = np.unique(np.stack([makes, reads, kind]), axis=1, return_inverse=True)
    which = which.reshape(-1)
    parts = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which, minlength=group.shape[1]))[:-1])
    blocks = []
    for (to, since, k), rows in zip(group.T.tolist(), parts, strict=False):
        into, out = layers[to], layers[since]
        columns = {
            n: values[rows] for n, values in numbers.items() if n == "weight" or not np.isnan(values[rows]).all()
        }
        made = _summed((into.size, out.size), target[rows] - into.start, source[rows] - out.start, columns)
        blocks.append(Block(out.name, into.name, str(kinds[k]), made.pop("weight"), made))
    return blocks


def _numbers(column: pd.Series[Any]) -> Array:
    try:
        if column.dtype.kind == "c":
            raise TypeError("complex numbers")
        values = column.to_numpy(dtype=column.dtype if column.dtype in (np.float32, np.float64) else np.float64)
    except (TypeError, ValueError) as error:
        raise GraphError(f"edge column {column.name!r} holds values that are no numbers: {error}") from error
    return np.asarray(values)


def _summed(shape: tuple[int, int], target: Array, source: Array, columns: dict[str, Array]) -> dict[str, Any]:
    """Operators from edges, parallel ones summed."""
    key, place = np.unique(target.astype(np.int64) * shape[1] + source, return_inverse=True)
    layout = "dense" if len(key) >= DENSE_FROM * shape[0] * shape[1] else "sparse"
    made = {}
    for name, values in columns.items():
        total = np.zeros(len(key), dtype=values.dtype)
        np.add.at(total, place.reshape(-1), values)
        made[name] = ops.LAYOUTS[layout].assemble(shape, key // shape[1], key % shape[1], total)
    return made


def _readable(data: Any) -> dict[str, Any]:
    """A node's attributes; what is neither number nor text is written out."""
    return {
        str(name): value if value is None or isinstance(value, (bool, int, float, str, np.generic)) else str(value)
        for name, value in data.items()
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, np.number))
