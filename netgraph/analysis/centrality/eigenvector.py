"""Eigenvector centrality of the undirected graph. Of the directed one there is none: a DAG's only eigenvalue is 0."""

from __future__ import annotations

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from netgraph.analysis.streams import Stream, streams
from netgraph.analysis.structure import Vector
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph

_SMALL = 200
"""Vertices up to which the whole spectrum is computed."""
_POLISH = 4


def eigenvector(graph: Graph, weight: str | None) -> Vector:
    """The eigenvector of the largest eigenvalue of A + Aᵀ, A = |W|, all entries ≥ 0, of length 1 (Bonacich 1972).

    A layered graph without skips is bipartite (even and odd layers): −λ is an eigenvalue as large as λ, and plain
    power iteration swings between the two. Here Lanczos' method looks for the algebraically largest one, from equal
    entries; the last steps iterate A + Aᵀ + λ, whose eigenvalue at the other end is 0. Where several components of the
    graph share the largest eigenvalue, the vector is equal entries' projection on all of them.
    """
    if graph.n == 0:
        return np.zeros(0)
    edges = streams(graph, weight)
    start = np.full(graph.n, 1 / np.sqrt(graph.n))
    if not _times(graph, edges, start).any():
        return start  # without edges 0 is the only eigenvalue, and every vector its own
    if graph.n <= _SMALL:
        matrix = np.stack([_times(graph, edges, column) for column in np.eye(graph.n)])
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        top = vectors[:, values >= values[-1] * (1 - 1e-10)]
        value, found = float(values[-1]), top @ (top.T @ start)
    else:
        operator = LinearOperator((graph.n, graph.n), lambda x: _times(graph, edges, np.ravel(x)), dtype=np.float64)
        values, vectors = eigsh(operator, k=1, which="LA", v0=start)
        value, found = float(values[0]), vectors[:, 0]
    found = np.abs(found)
    for _ in range(_POLISH):  # makes entries right relatively that are tiny beside the others
        found = _times(graph, edges, found) + value * found
        found /= np.linalg.norm(found)
    if not np.isfinite(found).all():
        raise AnalysisError("eigenvector centrality is beyond the range of floats; scale the weights down")
    return np.asarray(found)


def _times(graph: Graph, edges: list[Stream], x: Vector) -> Vector:
    """(A + Aᵀ) x."""
    out = np.zeros(graph.n)
    for stream in edges:
        out[stream.target.vertices] += stream.gather(x[stream.source.vertices])
        out[stream.source.vertices] += stream.scatter(x[stream.target.vertices])
    return out
