"""What is compared with chance: a table, one row a statistic. A statistic is a search, run once, not a given label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from netgraph.analysis.modules.methods import METHODS, K, Question, clusters
from netgraph.analysis.modules.quality import NULLS, Codes, ncut_of, weighted_pairs
from netgraph.analysis.modules.spectral import spectral, strengths
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.graph import Graph


class Search(NamedTuple):
    """How the statistic is found: sent to workers, so plain values."""

    statistic: str
    method: str
    k: int | None


class Found(NamedTuple):
    """A value, and the division that has it: a label of every vertex, -1 without edges."""

    value: float
    labels: Codes


@dataclass(frozen=True)
class Statistic:
    """A row of the table.

    Attributes
    ----------
    run : (graph, search, seed) -> what one search finds.
    methods : the methods that can search, the default first.
    sign : 1 where large values are modular, -1 where small ones are.
    formula, source : what it measures, and who proposed it.
    """

    run: Callable[[Graph, Search, int], Found]
    methods: tuple[str, ...]
    sign: int
    formula: str
    source: str


def _modularity(graph: Graph, search: Search, seed: int) -> Found:
    # Not modules(): it makes tables and ids, which forked workers cannot.
    edges = weighted_pairs(graph, "weight")
    method = METHODS[search.method]
    labels = method.prepare(Question(graph, edges, "weight", "equal", 1.0, None))(str(seed))
    quality = NULLS[method.null](graph, labels, edges, "equal", 1.0)
    return Found(max(quality, 0.0), labels)  # one single module has 0


def _ncut(graph: Graph, search: Search, seed: int) -> Found:
    edges = weighted_pairs(graph, "weight")
    here = int(np.count_nonzero(strengths(edges, graph.n)))
    # Chance may leave fewer vertices with edges than there were: each is then a cluster of its own.
    labels = spectral(graph, min(search.k or K, here), seed)
    return Found(ncut_of(graph, labels + 1, edges), labels)


STATISTICS: dict[str, Statistic] = {
    "modularity": Statistic(
        _modularity,
        ("layered", "leiden", "louvain"),
        1,
        "the modularity of the best division that one run of the method finds, under the method's own null",
        "Barber 2007; Newman 2006",
    ),
    "ncut": Statistic(
        _ncut,
        ("spectral",),
        -1,
        "the normalised cut Σ cut/volume of one spectral clustering into k clusters",
        "Shi & Malik 2000; Filan et al. 2021",
    ),
}


def search(graph: Graph, statistic: str, method: str | None, k: int | None) -> Search:
    """The search that was asked for, checked: methods that the statistic has, a k that the graph has vertices for."""
    if statistic not in STATISTICS:
        raise unknown("statistic", statistic, STATISTICS)
    methods = STATISTICS[statistic].methods
    chosen = methods[0] if method is None else method
    if chosen not in methods:
        raise unknown("method", chosen, methods, f" for statistic={statistic!r}")
    if statistic != "ncut":
        if k is not None:
            raise AnalysisError(f"k={k} is the number of clusters of statistic='ncut'; the methods of others find it")
        return Search(statistic, chosen, None)
    edges = weighted_pairs(graph, "weight")
    if k is None:
        return Search(statistic, chosen, clusters(Question(graph, edges, "weight", "equal", 1.0, None)))
    here = int(np.count_nonzero(strengths(edges, graph.n)))
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 2 <= k <= here:
        raise AnalysisError(f"k is {k}; clusters must be from 2 to {here}, the number of vertices with edges")
    return Search(statistic, chosen, int(k))
