"""Whether a graph is more modular than chance makes it, and which chance. One topic a file."""

from netgraph.analysis.significance.significance import significance
from netgraph.analysis.significance.statistics import STATISTICS

__all__ = ["STATISTICS", "significance"]
