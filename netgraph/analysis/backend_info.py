"""What networkx is told when it starts; it imports nothing, since networkx reads it at its own import.

Each row of ``FUNCTIONS`` is a function of networkx that runs on a :class:`netgraph.Graph` directly.
"""

from __future__ import annotations

from typing import Any

EXACT = "Solved exactly in one sweep over the layers: tol, max_iter and nstart have no effect."
LENGTHS = "Runs on |weight|, which is read as a length, as networkx does."

FUNCTIONS: dict[str, str] = {
    "pagerank": f"Runs on |weight|. {EXACT}",
    "katz_centrality": f"Runs on |weight|. {EXACT}",
    "katz_centrality_numpy": "Runs on |weight|.",
    "betweenness_centrality": f"{LENGTHS} k and endpoints are refused: all vertices are sources.",
    "closeness_centrality": LENGTHS,
    "degree_centrality": "Edges are counted; parallel ones once.",
    "in_degree_centrality": "Edges are counted; parallel ones once.",
    "out_degree_centrality": "Edges are counted; parallel ones once.",
    "shortest_path_length": f"{LENGTHS} One sweep over the layers whatever the method.",
    "single_source_shortest_path_length": "Edges are counted; cutoff is refused.",
    "single_source_dijkstra_path_length": f"{LENGTHS} cutoff is refused.",
    "has_path": "One sweep over the layers.",
    "is_directed_acyclic_graph": "Always so: the layers stand in topological order.",
}
"""Function of networkx -> what is different here."""


def get_info() -> dict[str, Any]:
    """What ``networkx.backend_info`` asks for.

    >>> sorted(get_info()["functions"])[:2]
    ['betweenness_centrality', 'closeness_centrality']
    """
    return {
        "backend_name": "netgraph",
        "project": "netgraph-nn",
        "package": "netgraph",
        "short_summary": "Trained neural networks as graphs: exact measures on blocks of weights, on |weight|.",
        "functions": {name: {"additional_docs": docs} for name, docs in FUNCTIONS.items()},
    }
