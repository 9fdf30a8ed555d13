"""The methods that find modules: a table, one row each."""

from __future__ import annotations

import random
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp

from netgraph.analysis.modules.quality import Codes, pair_shares
from netgraph.analysis.modules.spectral import spectral, strengths
from netgraph.analysis.structure import Pair, edge_lists
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph

if TYPE_CHECKING:
    import igraph

LISTED = 20_000
"""Pairs of vertices up to which the layered method makes a list of them for igraph; beyond, it reads the blocks."""
MAX_LISTED = 20_000_000
"""Most edges that are listed for igraph: about 4 GB."""
K, SMALL = 12, 8
"""Clusters where none are asked for: Filan et al.'s number, but at least 8 vertices with edges for each."""
_LOCK = threading.Lock()


class Question(NamedTuple):
    """What a method is asked: the graph, its |weight| between layers, and the options that it may read."""

    graph: Graph
    edges: list[Pair]
    weight: str
    layer_mass: str
    resolution: float
    k: int | None


Run = Callable[[str], Codes]
"""One search from a seed; the module of every vertex."""


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes
    ----------
    null : what is optimised: the null of :func:`modularity`, or "ncut", of which less is better.
    prepare : question -> run, a function of a seed.
    formula, source : what is optimised, and who proposed it.
    """

    null: str
    prepare: Callable[[Question], Run]
    formula: str
    source: str


def clusters(question: Question) -> int:
    """How many clusters :func:`spectral` makes: k, or else 12, fewer in small graphs."""
    alive = int(np.count_nonzero(strengths(question.edges, question.graph.n)))
    return min(K, max(alive // SMALL, min(alive, 2))) if question.k is None else question.k


def _layered(question: Question) -> Run:
    graph, edges, _, layer_mass, resolution, _ = question
    if sum(int(np.prod(pair.matrix.shape)) for pair in edges) > LISTED:
        from netgraph.analysis.modules.layered import Search  # with numba, slow to import; igraph is, too

        return Search(graph, edges, layer_mass, resolution).solve
    # The residual W − γ r cᵀ/m takes the null's place, so that the constant Potts model without a resolution is Q_L.
    residuals = []
    for pair, share in zip(edges, pair_shares(edges, layer_mass), strict=True):
        dense = pair.matrix.toarray() if sp.issparse(pair.matrix) else pair.matrix
        residual = dense / pair.total - resolution * np.outer(pair.rows / pair.total, pair.columns / pair.total)
        residual[np.abs(residual) < 1e-12 * dense.max() / pair.total] = 0.0  # rounding is no structure
        residuals.append(Pair(pair.source, pair.target, share * residual))
    return _leiden_of(graph, residuals, "CPM", 0.0)


def _leiden(question: Question) -> Run:
    return _leiden_of(question.graph, _few(question.edges, "leiden"), "modularity", question.resolution)


def _leiden_of(graph: Graph, edges: list[Pair], objective: str, resolution: float) -> Run:
    listed, weights = _listed(graph, edges)

    def run(seed: str) -> Codes:
        with _seeded(seed):
            found = listed.community_leiden(
                objective_function=objective, weights=weights, resolution=resolution, n_iterations=-1
            )
        return np.asarray(found.membership, dtype=np.int64)

    return run


def _louvain(question: Question) -> Run:
    listed, weights = _listed(question.graph, _few(question.edges, "louvain"))

    def run(seed: str) -> Codes:
        with _seeded(seed):
            found = listed.community_multilevel(weights=weights, resolution=question.resolution)
        return np.asarray(found.membership, dtype=np.int64)

    return run


def _spectral(question: Question) -> Run:
    k = clusters(question)
    return lambda seed: spectral(question.graph, k, zlib.crc32(seed.encode()), question.weight)


def _few(edges: list[Pair], method: str) -> list[Pair]:
    """These edges; an error where they are too many for a list."""
    edge = sum(int(np.count_nonzero(p.matrix.data if sp.issparse(p.matrix) else p.matrix)) for p in edges)
    if edge > MAX_LISTED:
        raise AnalysisError(
            f'method="{method}" would list {edge:,} edges, more than {MAX_LISTED:,}; take method="layered", which '
            "reads the blocks as they are, a coarser granularity, or graph.select(layers=…)"
        )
    return edges


def _listed(graph: Graph, edges: list[Pair]) -> tuple[igraph.Graph, list[float]]:
    import igraph

    sources, targets, values = edge_lists(edges)
    return igraph.Graph(n=graph.n, edges=np.column_stack([sources, targets])), values.tolist()


@contextmanager
def _seeded(seed: str) -> Iterator[None]:
    """igraph draws from its own generator meanwhile; Python's global random state is not touched."""
    import igraph

    with _LOCK:
        igraph.set_random_number_generator(random.Random(seed))
        try:
            yield
        finally:
            igraph.set_random_number_generator(random)  # what igraph starts with


METHODS: dict[str, Method] = {
    "layered": Method(
        "layered", _layered, "Σ_pairs share Σ_ij (W_ij/m − γ r_i c_j/m²) δ", "Barber 2007; Traag, Waltman, van Eck 2019"
    ),
    "leiden": Method(
        "newman", _leiden, "Σ_modules [inside/m − γ (volume/2m)²]", "Newman 2006; Traag, Waltman, van Eck 2019"
    ),
    "louvain": Method(
        "newman", _louvain, "Σ_modules [inside/m − γ (volume/2m)²]", "Newman 2006; Blondel, Guillaume et al. 2008"
    ),
    "spectral": Method("ncut", _spectral, "Σ_modules cut/volume", "Shi and Malik 2000; Filan et al. 2021"),
}
