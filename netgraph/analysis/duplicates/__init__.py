"""Vertices that do what others do: near-equal and negated ones, rotated and flipped kernels, dead and constant ones."""

from netgraph.analysis.duplicates.find import Duplicates, duplicates

__all__ = ["Duplicates", "duplicates"]
