"""Circuits: the few edges that do the work for a target, and the evidence that they do. One idea a file."""

from netgraph.analysis.circuits.evidence import Evidence, faithfulness
from netgraph.analysis.circuits.finding import SCORES, Circuit, circuit
from netgraph.analysis.circuits.selection import METHODS

__all__ = ["METHODS", "SCORES", "Circuit", "Evidence", "circuit", "faithfulness"]
