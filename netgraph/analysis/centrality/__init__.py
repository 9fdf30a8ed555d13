"""Centralities: how much a vertex matters to the graph. One kind a file, one table of them all."""

from netgraph.analysis.centrality.measures import MEASURES, Measure, centrality

__all__ = ["MEASURES", "Measure", "centrality"]
