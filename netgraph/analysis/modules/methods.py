"""The methods that find modules: a table, one row each. igraph's Leiden does the search."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import igraph
import numpy as np
import scipy.sparse as sp

from netgraph.analysis.modules.quality import Codes, pair_shares
from netgraph.analysis.structure import Pair, edge_lists
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph

MAX_RESIDUALS = 20_000_000
"""Most edges that the layered method lists: about 4 GB."""
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes
    ----------
    null : the null of :func:`modularity` whose quality the method maximises.
    problem : (graph, edges, layer_mass, resolution) -> what Leiden searches.
    formula, source : what it maximises, and who proposed it.
    """

    null: str
    problem: Any
    formula: str
    source: str


@dataclass(frozen=True)
class Problem:
    """A weighted undirected graph and the objective that Leiden maximises on it."""

    graph: igraph.Graph
    weights: list[float]
    objective: str
    resolution: float

    def solve(self, seed: str) -> Codes:
        """One Leiden run until nothing changes; the module of every vertex."""
        with _seeded(seed):
            found = self.graph.community_leiden(
                objective_function=self.objective, weights=self.weights, resolution=self.resolution, n_iterations=-1
            )
        return np.asarray(found.membership, dtype=np.int64)


@contextmanager
def _seeded(seed: str) -> Iterator[None]:
    """igraph draws from its own generator meanwhile; Python's global random state is not touched."""
    with _LOCK:
        igraph.set_random_number_generator(random.Random(seed))
        try:
            yield
        finally:
            igraph.set_random_number_generator(random)  # what igraph starts with


def _layered(graph: Graph, edges: list[Pair], layer_mass: str, resolution: float) -> Problem:
    # The residual W − γ r cᵀ/m takes the null's place, so that the constant Potts model without a resolution is Q_L.
    listed = sum(int(np.prod(pair.matrix.shape)) for pair in edges)
    if listed > MAX_RESIDUALS:
        raise AnalysisError(
            f'method="layered" would list {listed:,} pairs of vertices, more than {MAX_RESIDUALS:,}; '
            'take method="leiden", a coarser granularity, or graph.select(layers=…)'
        )
    residuals = []
    for pair, share in zip(edges, pair_shares(edges, layer_mass), strict=True):
        dense = pair.matrix.toarray() if sp.issparse(pair.matrix) else pair.matrix
        residual = dense / pair.total - resolution * np.outer(pair.rows / pair.total, pair.columns / pair.total)
        residual[np.abs(residual) < 1e-12 * dense.max() / pair.total] = 0.0  # rounding is no structure
        residuals.append(Pair(pair.source, pair.target, share * residual))
    return _problem(graph, residuals, "CPM", 0.0)


def _leiden(graph: Graph, edges: list[Pair], layer_mass: str, resolution: float) -> Problem:
    return _problem(graph, edges, "modularity", resolution)


def _problem(graph: Graph, edges: list[Pair], objective: str, resolution: float) -> Problem:
    sources, targets, values = edge_lists(edges)
    listed = igraph.Graph(n=graph.n, edges=list(zip(sources.tolist(), targets.tolist(), strict=True)))
    return Problem(listed, values.tolist(), objective, resolution)


METHODS: dict[str, Method] = {
    "layered": Method(
        "layered", _layered, "Σ_pairs share Σ_ij (W_ij/m − γ r_i c_j/m²) δ", "Barber 2007; Traag, Waltman, van Eck 2019"
    ),
    "leiden": Method(
        "newman", _leiden, "Σ_modules [inside/m − γ (volume/2m)²]", "Newman 2006; Traag, Waltman, van Eck 2019"
    ),
}
