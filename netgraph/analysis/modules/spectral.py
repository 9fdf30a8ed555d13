"""Spectral clustering for the normalised cut: eigenvectors from blocks, without a list of edges, then k-means."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh

from netgraph.analysis.modules.quality import Codes, weighted_pairs
from netgraph.analysis.structure import Pair, Vector, edge_lists
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph

Matrix = npt.NDArray[np.float64]

STARTS = 10
"""Runs of k-means; the tightest counts."""
DENSE = 1_000
"""Vertices up to which all eigenvectors are found at once,"""
SIDE = 3_000
"""and of the smaller side of a bipartite graph, up to which its singular vectors are."""
ZERO = 1e-7
"""Singular values up to which only one side of a bipartite graph is known."""

_ONE = threading.Lock()
"""Filters of warnings belong to all threads."""


def spectral(graph: Graph | Sequence[Pair], k: int, seed: int = 0, weight: str = "weight") -> Codes:
    """At most k clusters of small normalised cut (Shi & Malik 2000; von Luxburg 2007).

    The k eigenvectors of D^-½ W D^-½ with the largest eigenvalues, W the undirected |weight| and D its strengths, times
    D^-½, are clustered by k-means. A layered graph whose edges all join even to odd layers is bipartite: there they are
    the singular vectors of one block, exact. Other graphs beyond 1,000 vertices take Lanczos' method on the blocks.

    Parameters
    ----------
    graph : a graph, of which bias edges are left out; or its pairs of layers.
    k : clusters, from 1 to the number of vertices with edges. Where fewer points differ, there are fewer clusters.
    seed : of k-means and of Lanczos' start; the same seed gives the same labels.
    weight : the edge column whose absolute value is taken; read where a graph is given.

    Returns
    -------
    (n,) int64, clusters from 0; -1 at vertices without edges. From pairs: n is where their last layer ends.

    Raises
    ------
    AnalysisError : k below 1, or above the number of vertices with edges; no edges; NaN or infinite weights.

    Examples
    --------
    >>> import numpy as np, netgraph as ng
    >>> two = np.kron(np.eye(2), np.ones((2, 2)))
    >>> labels = spectral(ng.Graph.from_matrices([two, two]), k=2)
    >>> bool((labels == labels[0]).sum() == 6)
    True
    """
    pairs = weighted_pairs(graph, weight) if isinstance(graph, Graph) else [p for p in graph if p.total > 0]
    n = graph.n if isinstance(graph, Graph) else max((p.target.start + p.target.size for p in pairs), default=0)
    strength = strengths(pairs, n)
    alive = np.flatnonzero(strength > 0)
    if k < 1 or k > len(alive):
        raise AnalysisError(f"k is {k}; clusters must be from 1 to {len(alive)}, the number of vertices with edges")
    labels = np.full(n, -1, dtype=np.int64)
    labels[alive] = _clusters(_vectors(pairs, strength, k, seed)[alive], k, seed)
    return labels


def strengths(pairs: Sequence[Pair], n: int) -> Vector:
    """(n,) the summed |weight| of every vertex's edges."""
    strength = np.zeros(n)
    for pair in pairs:
        strength[pair.target.vertices] += pair.rows
        strength[pair.source.vertices] += pair.columns
    return strength


def _vectors(pairs: Sequence[Pair], strength: Vector, k: int, seed: int) -> Matrix:
    """(n, k) the leading eigenvectors of D^-½ W D^-½, times D^-½; 0 at vertices without edges."""
    root = np.sqrt(np.where(strength > 0, strength, np.inf))
    even = _even(pairs, len(strength))
    if even is not None:
        sides = np.flatnonzero(~even & (strength > 0)), np.flatnonzero(even & (strength > 0))
        few, many = sorted(sides, key=len)
        if k <= len(few) <= SIDE:
            return _of_bipartite(pairs, root, few, many, k) / root[:, None]
    alive = np.flatnonzero(strength > 0)
    if len(alive) <= DENSE:
        vectors = np.zeros((len(strength), k))
        whole = _dense(pairs, root, alive, alive)
        vectors[alive] = _top(whole + whole.T, k)[1]
        return vectors / root[:, None]
    return _lanczos(pairs, strength, root, alive, k, seed) / root[:, None]


def _even(pairs: Sequence[Pair], n: int) -> npt.NDArray[np.bool_] | None:
    """(n,) which vertices are on the one side, where all edges lead to the other; None where that can't be."""
    neighbours: dict[int, set[int]] = {}
    size: dict[int, slice] = {}
    for pair in pairs:
        a, b = pair.source.start, pair.target.start
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
        size |= {a: pair.source.vertices, b: pair.target.vertices}
    side: dict[int, bool] = {}
    for first in neighbours:
        stack = [] if first in side else [(first, True)]
        while stack:
            layer, value = stack.pop()
            if side.setdefault(layer, value) != value:
                return None
            stack += [(other, not value) for other in neighbours[layer] if side.get(other) in (None, value)]
    even = np.zeros(n, dtype=bool)
    for layer, value in side.items():
        even[size[layer]] = value
    return even


def _dense(pairs: Sequence[Pair], root: Vector, rows: Any, columns: Any) -> Matrix:
    """(rows, columns) of D^-½ W D^-½, each edge once: where its target is a row, or else its source."""
    row, column = np.full(len(root), -1), np.full(len(root), -1)
    row[rows], column[columns] = np.arange(len(rows)), np.arange(len(columns))
    found = np.zeros((len(rows), len(columns)))
    for pair in pairs:
        matrix = pair.matrix.toarray() if sp.issparse(pair.matrix) else np.asarray(pair.matrix)
        ends = pair.target.vertices, pair.source.vertices
        if row[ends[0]].max() < 0 or column[ends[1]].max() < 0:
            matrix, ends = matrix.T, ends[::-1]
        i, j = row[ends[0]], column[ends[1]]
        scaled = matrix * (1 / root[ends[0]])[:, None]
        scaled *= 1 / root[ends[1]]
        if min(i.min(), j.min()) >= 0:  # numbers of a whole layer are a range
            found[i[0] : i[-1] + 1, j[0] : j[-1] + 1] += scaled
        else:
            found[np.ix_(i[i >= 0], j[j >= 0])] += scaled[np.ix_(i >= 0, j >= 0)]
    return found


def _top(symmetric: Matrix, k: int) -> tuple[Vector, Matrix]:
    """The k largest eigenvalues, the largest first, and their vectors as columns."""
    n = len(symmetric)
    values, vectors = scipy.linalg.eigh(symmetric, subset_by_index=(n - k, n - 1), overwrite_a=True, check_finite=False)
    return values[::-1], vectors[:, ::-1]


def _of_bipartite(pairs: Sequence[Pair], root: Vector, few: Any, many: Any, k: int) -> Matrix:
    """From the singular vectors of the one block: B Bᵀ u = σ² u, v = Bᵀ u / σ; (u, v)/√2 is the eigenvector of σ."""
    block = _dense(pairs, root, few, many)
    values, left = _top(block @ block.T, k)
    single = np.sqrt(np.maximum(values, 0))
    right = np.divide(block.T @ left, single, out=np.zeros((len(many), k)), where=single > ZERO)
    vectors = np.zeros((len(root), k))
    vectors[few] = left / np.where(single > ZERO, np.sqrt(2), 1)  # of σ = 0, (u, 0) is an eigenvector
    vectors[many] = right / np.sqrt(2)
    return vectors


def _lanczos(pairs: Sequence[Pair], strength: Vector, root: Vector, alive: Any, k: int, seed: int) -> Matrix:
    """By products with the blocks. What each connected part has, D^½ 1, is known: it is moved out of the way.

    Lanczos' method would otherwise find equal eigenvalues, one for every part, by rounding alone.
    """
    sources, targets, _ = edge_lists(list(pairs))
    n = len(strength)
    pattern = sp.csr_array((np.ones(len(sources), dtype=np.int8), (sources, targets)), shape=(n, n))
    _, part = connected_components(pattern, directed=False)
    _, part = np.unique(part[alive], return_inverse=True)
    parts = int(part.max()) + 1
    position = np.full(n, -1)
    position[alive] = np.arange(len(alive))
    known = sp.csr_array(
        (np.sqrt(strength[alive] / np.bincount(part, strength[alive])[part]), (np.arange(len(alive)), part)),
        shape=(len(alive), parts),
    )
    vectors = np.zeros((n, k))
    first = known[:, : min(parts, k)].toarray()
    if parts >= k:  # any k of them are as good; the largest parts are the ones to tell apart
        first = known[:, np.argsort(-np.bincount(part), kind="stable")[:k]].toarray()
        vectors[alive] = first
        return vectors

    def product(x: Vector) -> Vector:
        x = x.ravel()
        spread, result = np.zeros(n), np.zeros(n)
        spread[alive] = x
        spread /= root
        for pair in pairs:
            result[pair.target.vertices] += pair.matrix @ spread[pair.source.vertices]
            result[pair.source.vertices] += pair.matrix.T @ spread[pair.target.vertices]
        found: Vector = (result / root)[alive] + x - 3 * (known @ (known.T @ x))  # W + 1, and these parts at -1
        return found

    operator = LinearOperator((len(alive), len(alive)), matvec=product, dtype=np.float64)
    start = np.random.default_rng(seed).standard_normal(len(alive))
    values, found = eigsh(operator, k=k - parts, which="LA", v0=start, tol=1e-8)
    vectors[alive] = np.hstack([first, found[:, np.argsort(-values)]])
    return vectors


def _clusters(points: Matrix, k: int, seed: int) -> Codes:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with _ONE, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer points differ than k: fewer clusters
        found = KMeans(k, n_init=STARTS, random_state=seed % 2**32).fit(points).labels_
    return np.asarray(found, dtype=np.int64)
