"""Centralities: how much a vertex matters to the graph. One kind a file, one table of them all."""

from netgraph.analysis.centrality.measures import MEASURES, Measure, centrality
from netgraph.analysis.centrality.together import centralities

__all__ = ["MEASURES", "Measure", "centralities", "centrality"]
