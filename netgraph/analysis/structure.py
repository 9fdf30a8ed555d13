"""A graph's structure as the analyses read it: one matrix of |weight| for every pair of layers that has edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from netgraph.errors import AnalysisError, unknown
from netgraph.graph import blocks as ops
from netgraph.graph.graph import Block, Graph, Layer

Vector = npt.NDArray[np.float64]
Matrix = Any
"""A float64 ndarray or ``csr_array``; its entries that are not 0 are the edges."""


@dataclass(frozen=True)
class Pair:
    """All edges from one layer to another, several blocks added up.

    Attributes
    ----------
    source, target : the layers.
    matrix : (n_target, n_source), float64.
    """

    source: Layer
    target: Layer
    matrix: Matrix

    @cached_property
    def rows(self) -> Vector:
        """What arrives at every target, (n_target,)."""
        return np.asarray(self.matrix.sum(axis=1), dtype=np.float64).ravel()

    @cached_property
    def columns(self) -> Vector:
        """What leaves every source, (n_source,)."""
        return np.asarray(self.matrix.sum(axis=0), dtype=np.float64).ravel()

    @cached_property
    def total(self) -> float:
        return float(self.matrix.sum())


def edge_values(block: Block, column: str) -> Matrix:
    """A column of a block in float64, 0 where there is no edge, refused where it is not finite."""
    values = ops.listed(block.operator(column))
    raw = values.data if sp.issparse(values) else values
    if not np.isfinite(raw).all():
        raise AnalysisError(
            f"{column!r} of the edges {block.source} -> {block.target} holds NaN or infinity; "
            "an analysis needs finite values: mend the network or choose another weight="
        )
    if column in ("weight", "abs_weight"):
        return values.astype(np.float64)
    # A pruned weight is no edge, whatever the other columns say there.
    if sp.issparse(values):
        edge = ops.listed(block.weight).data != 0
        return sp.csr_array(
            (np.where(edge, values.data, 0.0).astype(np.float64), values.indices, values.indptr),
            shape=values.shape,
        )
    return np.where(np.asarray(block.weight) != 0, values, 0.0).astype(np.float64)


def pairs(graph: Graph, weight: str | None = "weight", signed: bool = False, bias: bool = True) -> list[Pair]:
    """One matrix for every pair of layers with edges, ordered by target, then source.

    Parameters
    ----------
    graph : any graph.
    weight : name of the edge column; None counts every edge as 1.
    signed : keep the signs; otherwise absolute values (taken before blocks are added up).
    bias : include the edges out of bias vertices.
    """
    order = {layer.name: i for i, layer in enumerate(graph.layers)}
    merged: dict[tuple[int, int], Matrix] = {}
    for block in graph.blocks:
        if block.kind == "bias" and not bias:
            continue
        matrix = edge_values(block, weight or "weight")
        if weight is None:
            matrix = (matrix != 0).astype(np.float64)
        elif not signed:
            matrix = abs(matrix)
        key = (order[block.target], order[block.source])
        if key in merged:
            matrix = _add(merged[key], matrix)
            if weight is None:
                matrix = (matrix != 0).astype(np.float64)
        merged[key] = matrix
    return [Pair(graph.layers[s], graph.layers[t], merged[t, s]) for t, s in sorted(merged)]


def _add(a: Matrix, b: Matrix) -> Matrix:
    """The sum of two matrices, dense as soon as one of them is."""
    if sp.issparse(a) and sp.issparse(b):
        return sp.csr_array(a + b)
    return (a.toarray() if sp.issparse(a) else a) + (b.toarray() if sp.issparse(b) else b)


def sweep_forward(graph: Graph, edges: list[Pair], start: Vector) -> Vector:
    """Solves x = start + A·x: every vertex after all that feed it. Exact, since the graph is a DAG."""
    x = start.astype(np.float64)
    for pair in edges:  # ordered by target: a source is complete before it is read
        x[pair.target.vertices] += pair.matrix @ x[pair.source.vertices]
    return x


def sweep_backward(graph: Graph, edges: list[Pair], end: Vector) -> Vector:
    """Solves x = end + Aᵀ·x: every vertex before all that it feeds."""
    x = end.astype(np.float64)
    position = {layer.name: i for i, layer in enumerate(graph.layers)}
    for pair in sorted(edges, key=lambda p: -position[p.source.name]):
        x[pair.source.vertices] += pair.matrix.T @ x[pair.target.vertices]
    return x


def edge_lists(edges: list[Pair]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Vector]:
    """All edges as three arrays: source vertex, target vertex, value."""
    sources, targets, values = [], [], []
    for pair in edges:
        matrix = sp.coo_array(pair.matrix)
        kept = matrix.data != 0
        rows, columns = matrix.row, matrix.col
        sources.append(columns[kept].astype(np.int64) + pair.source.start)
        targets.append(rows[kept].astype(np.int64) + pair.target.start)
        values.append(matrix.data[kept].astype(np.float64))
    if not values:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    return np.concatenate(sources), np.concatenate(targets), np.concatenate(values)


def index_of(graph: Graph) -> pd.Index[Any]:
    """Ids as the index of a table, named "id": a view of one that the graph keeps, since pandas reads every id."""
    kept: dict[str, Any] = vars(graph)
    if "_index" not in kept:
        kept["_index"] = pd.Index(graph.ids, name="id")
    index: pd.Index[Any] = kept["_index"].view()
    return index


def vertex_number(graph: Graph, vertex: object) -> int:
    """The number of the vertex with that id; an error with the nearest id otherwise."""
    found = np.flatnonzero(graph.ids == vertex)
    if len(found) == 0:
        layer = str(vertex).rpartition(":")[0]
        near = [i for i in graph.ids if str(i).startswith(f"{layer}:")] if layer else []
        raise unknown("vertex", vertex, near or list(graph.ids))
    return int(found[0])


def by_vertex(graph: Graph, values: Any, name: str) -> Vector:
    """Numbers given per vertex id (a mapping or a Series), in vertex order; vertices that are not named get 0."""
    if not isinstance(values, (Mapping, pd.Series)):
        raise AnalysisError(f"{name} must map vertex ids to numbers (a dict or a Series), not {type(values).__name__}")
    result = np.zeros(graph.n)
    number = {vertex: i for i, vertex in enumerate(graph.ids)}
    for vertex, value in values.items():
        if vertex not in number:
            raise unknown("vertex", vertex, number, f" in {name}")
        if not np.isfinite(value):
            raise AnalysisError(f"{name} of vertex {vertex!r} is {value}; it must be finite")
        result[number[vertex]] = value
    return result
