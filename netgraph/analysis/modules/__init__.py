"""Modules: groups of vertices with more weight inside than chance explains. One topic a file."""

from netgraph.analysis.modules.agreement import adjusted_mutual_information, adjusted_rand
from netgraph.analysis.modules.find import modules
from netgraph.analysis.modules.hierarchy import Hierarchy, hierarchy
from netgraph.analysis.modules.methods import METHODS
from netgraph.analysis.modules.quality import modularity, ncut
from netgraph.analysis.modules.result import Modules

__all__ = [
    "METHODS",
    "Hierarchy",
    "Modules",
    "adjusted_mutual_information",
    "adjusted_rand",
    "hierarchy",
    "modularity",
    "modules",
    "ncut",
]
