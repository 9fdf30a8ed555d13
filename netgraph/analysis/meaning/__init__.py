"""What modules mean: the classes that drive them, the branches that they follow, divisions that agree with them."""

from netgraph.analysis.meaning.agreeing import agreement
from netgraph.analysis.meaning.branching import branches, specialisation
from netgraph.analysis.meaning.driven import selectivity

__all__ = ["agreement", "branches", "selectivity", "specialisation"]
