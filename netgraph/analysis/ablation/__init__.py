"""Lesions: what a network loses without some of its vertices or edges, against random ones. One idea a file."""

from netgraph.analysis.ablation.ablating import ablate
from netgraph.analysis.ablation.result import Lesions

__all__ = ["Lesions", "ablate"]
