"""networkx's functions on a :class:`netgraph.Graph`, without converting it: ``nx.pagerank(graph)`` and others.

networkx finds this module by its entry point ``networkx.backends`` and calls the function of its own name. Weights are
read as |weight|, and dictionaries are by vertex id, as networkx gives them for ``graph.to_networkx()``. What is not
understood is refused with its reason; with ``nx.config.fallback_to_nx = True`` networkx then works on a converted
graph.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import networkx as nx
import numpy as np

from netgraph.analysis import centrality as measures
from netgraph.analysis.backend_info import FUNCTIONS
from netgraph.analysis.centrality.best import NOWHERE
from netgraph.analysis.centrality.distances import Measured, measured
from netgraph.analysis.centrality.measures import measured_by
from netgraph.analysis.structure import Vector, edge_lists, pairs
from netgraph.errors import AnalysisError, NetgraphWarning
from netgraph.graph.graph import Graph

LARGE = 5_000_000
"""Edges above which a conversion to networkx warns: it takes about 400 B and 3 µs for each."""

ByVertex = dict[str, float]

REFUSED: dict[str, dict[str, str]] = {
    "betweenness_centrality": {
        "k": "a sample of sources is not supported; all vertices are, at the cost of a matrix product",
        "endpoints": "paths' ends are not counted here",
    },
    "single_source_shortest_path_length": {"cutoff": "all distances come from one sweep; leave out what is too far"},
    "single_source_dijkstra_path_length": {"cutoff": "all distances come from one sweep; leave out what is too far"},
}
"""Function -> argument -> why nothing but its default is understood."""


# -- what networkx asks of a backend -----------------------------------------------------------------------------


def can_run(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool | str:
    """True, or why not. Without networkx's own code to fall back on the function itself says why."""
    reason = _refusal(name, args, kwargs)
    return reason if reason and nx.config.fallback_to_nx else True


def should_run(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool | str:
    """As :func:`can_run`: what can run here should."""
    return can_run(name, args, kwargs)


def convert_from_nx(graph: Any, **told: Any) -> Any:
    """Refused, in the way that networkx asks of a backend: the id of a vertex might change on the way.

    Raises
    ------
    NotImplementedError : always, with the way to do it by hand.
    """
    raise NotImplementedError(
        "netgraph runs on its own graphs: make one with netgraph.Graph.from_networkx(G), and pass that"
    )


def convert_to_nx(graph: Any, **told: Any) -> Any:
    """A DiGraph by vertex id with |weight| as ``weight``, parallel edges added up; anything else is left as it is."""
    if not isinstance(graph, Graph):
        return graph
    edges = len(graph.edges)
    if edges > LARGE:
        warnings.warn(
            f"networkx falls back on its own code, for which {edges:,} edges are converted: about "
            f"{edges * 400 / 1e9:.1f} GB; functions that netgraph runs itself: {', '.join(FUNCTIONS)}",
            NetgraphWarning,
            stacklevel=2,
        )
    made = nx.DiGraph()
    ids = graph.ids
    made.add_nodes_from(ids.tolist())
    sources, targets, values = edge_lists(pairs(graph))
    made.add_weighted_edges_from(zip(ids[sources].tolist(), ids[targets].tolist(), values.tolist(), strict=True))
    return made


def _refusal(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
    """Why a call is not understood; None if it is."""
    function = globals().get(name) if name in FUNCTIONS else None
    if function is None:
        return f"netgraph does not have {name}; it has {', '.join(FUNCTIONS)}"
    given = inspect.signature(function).bind(*args, **kwargs).arguments
    if not isinstance(given["G"], Graph):
        return "netgraph runs on its own graphs: make one with netgraph.Graph.from_networkx(G)"
    for argument, reason in REFUSED.get(name, {}).items():
        default = inspect.signature(function).parameters[argument].default
        if given.get(argument, default) != default:
            return f"{argument}={given[argument]!r}: {reason}"
    for argument in ("weight", "distance"):
        if callable(given.get(argument)):
            return f"{argument} is a function; netgraph reads a column of the edges: give its name"
    return None


def _check(name: str, given: Mapping[str, Any]) -> None:
    reason = _refusal(name, (), given)
    if reason:
        raise AnalysisError(
            f"nx.{name} on a netgraph Graph: {reason}. Or let networkx work on a converted graph: "
            "nx.config.fallback_to_nx = True"
        )


# -- centralities --------------------------------------------------------------------------------------------------


def pagerank(
    G: Graph,
    alpha: float = 0.85,
    personalization: Any = None,
    max_iter: int = 100,
    tol: float = 1e-6,
    nstart: Any = None,
    weight: str | None = "weight",
    dangling: Any = None,
) -> ByVertex:
    """``nx.pagerank`` on |weight|, exactly.

    >>> import networkx as nx
    >>> nx.pagerank(Graph.from_matrices([[[7.0]]]), alpha=0.5)
    {'layer_0:0': 0.4, 'layer_1:0': 0.6}
    """
    _check("pagerank", {"G": G, "weight": weight})
    return _by(G, "pagerank", weight, alpha=alpha, personalization=personalization, dangling=dangling)


def katz_centrality(
    G: Graph,
    alpha: float = 0.1,
    beta: Any = 1.0,
    max_iter: int = 1000,
    tol: float = 1e-6,
    nstart: Any = None,
    normalized: bool = True,
    weight: str | None = None,
) -> ByVertex:
    """``nx.katz_centrality`` on |weight|, exactly; like networkx it counts edges unless a weight is named."""
    _check("katz_centrality", {"G": G, "weight": weight})
    return _by(G, "katz", weight, alpha=alpha, beta=beta, normalized=normalized)


def katz_centrality_numpy(
    G: Graph, alpha: float = 0.1, beta: Any = 1.0, normalized: bool = True, weight: str | None = None
) -> ByVertex:
    """``nx.katz_centrality_numpy`` on |weight|."""
    return katz_centrality(G, alpha, beta, normalized=normalized, weight=weight)


def betweenness_centrality(
    G: Graph,
    k: int | None = None,
    normalized: bool = True,
    weight: str | None = None,
    endpoints: bool = False,
    seed: Any = None,
) -> ByVertex:
    """``nx.betweenness_centrality``; a weight is a length here, as in networkx (in ng.centrality it is a strength)."""
    _check("betweenness_centrality", {"G": G, "k": k, "weight": weight, "endpoints": endpoints})
    return _by(G, "betweenness", weight, normalized=normalized, distance="weight")


def closeness_centrality(
    G: Graph, u: str | None = None, distance: str | None = None, wf_improved: bool = True
) -> ByVertex | float:
    """``nx.closeness_centrality`` over incoming paths; a number where one vertex is asked for."""
    _check("closeness_centrality", {"G": G, "distance": distance})
    found = _by(G, "closeness", distance, distance="weight", wf_improved=wf_improved)
    return found if u is None else found[str(G.ids[_number(G, u, "Node")])]


def degree_centrality(G: Graph) -> ByVertex:
    """``nx.degree_centrality``."""
    return _by(G, "degree", None)


def in_degree_centrality(G: Graph) -> ByVertex:
    """``nx.in_degree_centrality``."""
    return _by(G, "in_degree", None)


def out_degree_centrality(G: Graph) -> ByVertex:
    """``nx.out_degree_centrality``."""
    return _by(G, "out_degree", None)


def _by(graph: Graph, measure: str, weight: str | None, **options: Any) -> ByVertex:
    assert measure in measures.MEASURES
    return _named(graph, measured_by(graph, measure, weight, options)[1])


def _named(graph: Graph, values: Vector) -> ByVertex:
    return dict(zip(graph.ids.tolist(), values.tolist(), strict=True))


# -- distances --------------------------------------------------------------------------------------------------------


def shortest_path_length(
    G: Graph,
    source: str | None = None,
    target: str | None = None,
    weight: str | None = None,
    method: str = "dijkstra",
) -> Any:
    """``nx.shortest_path_length``: a number, a dictionary, or an iterator over all vertices.

    Raises
    ------
    networkx.NodeNotFound, networkx.NetworkXNoPath : as networkx raises them.
    """
    _check("shortest_path_length", {"G": G, "weight": weight})
    if method not in ("dijkstra", "bellman-ford"):
        raise ValueError(f"method not supported: {method}")
    lengths = measured(G, weight, "weight")
    if source is None and target is None:
        return _all_pairs(G, lengths, weight)
    start = None if source is None else _number(G, source, "Source")
    end = None if target is None else _number(G, target, "Target")
    if start is None:
        assert end is not None
        return _lengths(G, lengths.to_one(end), weight)
    found = lengths.from_one(start)
    if end is None:
        return _lengths(G, found, weight)
    if found[end] <= NOWHERE / 2:
        raise nx.NetworkXNoPath(f"No path between {source} and {target}.")
    return int(-found[end]) if weight is None else -float(found[end])


def single_source_shortest_path_length(G: Graph, source: str, cutoff: Any = None) -> dict[str, int]:
    """``nx.single_source_shortest_path_length``: numbers of edges."""
    _check("single_source_shortest_path_length", {"G": G, "source": source, "cutoff": cutoff})
    found: dict[str, int] = shortest_path_length(G, source)
    return found


def single_source_dijkstra_path_length(
    G: Graph, source: str, cutoff: Any = None, weight: str | None = "weight"
) -> ByVertex:
    """``nx.single_source_dijkstra_path_length`` on |weight| as lengths."""
    _check("single_source_dijkstra_path_length", {"G": G, "source": source, "cutoff": cutoff, "weight": weight})
    found: ByVertex = shortest_path_length(G, source, weight=weight)
    return found


def has_path(G: Graph, source: str, target: str) -> bool:
    """``nx.has_path``."""
    lengths = measured(G, None, "weight")
    return bool(lengths.from_one(_number(G, source, "Source"))[_number(G, target, "Target")] > NOWHERE / 2)


def is_directed_acyclic_graph(G: Graph) -> bool:
    """``nx.is_directed_acyclic_graph``: layers stand in topological order."""
    return True


def _all_pairs(graph: Graph, lengths: Measured, weight: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    for batch in lengths.distances(track=False):
        found = np.full((batch.last - batch.first, graph.n), NOWHERE)
        for name, reached in batch.reached.items():
            found[:, graph.layer(name).vertices] = reached.best.T
        for vertex in range(batch.first, batch.last):
            yield str(graph.ids[vertex]), _lengths(graph, found[vertex - batch.first], weight)


def _lengths(graph: Graph, best: Vector, weight: str | None) -> dict[str, Any]:
    """Distances by vertex id, nearest first as networkx lists them; what is not reached is left out."""
    there = np.flatnonzero(best > NOWHERE / 2)
    there = there[np.argsort(-best[there], kind="stable")]
    numbers = -best[there] + 0.0
    values = numbers.astype(np.int64).tolist() if weight is None else numbers.tolist()
    return dict(zip(graph.ids[there].tolist(), values, strict=True))


def _number(graph: Graph, vertex: Any, what: str) -> int:
    found = np.flatnonzero(graph.ids == vertex)
    if not len(found):
        raise nx.NodeNotFound(f"{what} {vertex!r} is not in G: a vertex's id looks like {graph.ids[:1].tolist()}")
    return int(found[0])
