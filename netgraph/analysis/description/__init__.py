"""What a network scientist reports of a graph, in one row."""

from netgraph.analysis.description.describe import describe

__all__ = ["describe"]
