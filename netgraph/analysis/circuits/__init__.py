"""Circuits: the few edges that do the work for a target, and the evidence that they do. One idea a file."""

from netgraph.analysis.circuits.evidence import Evidence, faithfulness
from netgraph.analysis.circuits.finding import METHODS, circuit
from netgraph.analysis.circuits.result import Circuit

__all__ = ["METHODS", "Circuit", "Evidence", "circuit", "faithfulness"]
