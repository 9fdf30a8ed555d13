"""What modules mean: the classes that drive them, the branches that they follow, divisions that agree with them."""

from netgraph.analysis.meaning.agreement import agreement
from netgraph.analysis.meaning.branches import branches, specialisation
from netgraph.analysis.meaning.selectivity import selectivity

__all__ = ["agreement", "branches", "selectivity", "specialisation"]
