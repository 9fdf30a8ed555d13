"""Modules over training: how modularity grows from checkpoint to checkpoint, and where it turns."""

from netgraph.analysis.growth.growing import Growth, growth

__all__ = ["Growth", "growth"]
