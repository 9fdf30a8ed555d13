"""Modules: groups of vertices with more weight inside than chance explains. One topic a file."""

from netgraph.analysis.modules.find import adjusted_rand, modules
from netgraph.analysis.modules.methods import METHODS
from netgraph.analysis.modules.quality import modularity, ncut
from netgraph.analysis.modules.result import Modules

__all__ = ["METHODS", "Modules", "adjusted_rand", "modularity", "modules", "ncut"]
