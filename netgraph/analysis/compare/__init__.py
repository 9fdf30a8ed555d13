"""The difference of two graphs: checkpoints, seeds, inputs, classes, circuits."""

from netgraph.analysis.compare.compare import compare
from netgraph.analysis.compare.result import Comparison

__all__ = ["Comparison", "compare"]
