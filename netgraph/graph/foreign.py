"""What networkx asks of a graph before it looks for the function that can work on it."""

from __future__ import annotations


class Dispatched:
    """A graph that ``nx.pagerank(graph)`` and others take as it is (``netgraph/analysis/backend.py`` has them)."""

    __networkx_backend__ = "netgraph"

    def is_directed(self) -> bool:
        """True: edges run from layer to layer."""
        return True

    def is_multigraph(self) -> bool:
        """False: where two blocks hold an edge between the same vertices, it is one edge of their summed |weight|."""
        return False
