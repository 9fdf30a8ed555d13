"""netgraph: trained neural networks as exact weighted graphs.

    import netgraph as ng

    net = ng.trace(model, (1, 28, 28))
    ng.write_graph(net.graph(), "out/")

Importing this package imports neither torch nor pandas: each public name is fetched when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from netgraph._clash import refuse_namesake

__version__ = "0.1.0"

refuse_namesake()

_HOME = {
    "trace": "netgraph.network.trace",
    "Network": "netgraph.network.network",
    "edit": "netgraph.network.edit",
    "load_network": "netgraph.network.load",
    "load_torchvision": "netgraph.network.vision",
    "register_operation": "netgraph.network.operations.register",
    "Graph": "netgraph.graph.graph",
    "Layer": "netgraph.graph.graph",
    "Block": "netgraph.graph.graph",
    "contract": "netgraph.graph.contract",
    "check_tables": "netgraph.graph.checking",
    "write_graph": "netgraph.graph.formats",
    "read_graph": "netgraph.graph.formats",
    "read_activations": "netgraph.graph.formats",
    "read_inputs": "netgraph.network.reading",
    "modules": "netgraph.analysis.modules",
    "hierarchy": "netgraph.analysis.modules",
    "Hierarchy": "netgraph.analysis.modules",
    "modularity": "netgraph.analysis.modules",
    "ncut": "netgraph.analysis.modules",
    "significance": "netgraph.analysis.significance",
    "centralities": "netgraph.analysis.centrality",
    "centrality": "netgraph.analysis.centrality",
    "paths": "netgraph.analysis.paths",
    "influence": "netgraph.analysis.influence",
    "describe": "netgraph.analysis.description",
    "duplicates": "netgraph.analysis.duplicates",
    "Duplicates": "netgraph.analysis.duplicates",
    "compare": "netgraph.analysis.compare",
    "Comparison": "netgraph.analysis.compare",
    "ablate": "netgraph.analysis.ablation",
    "Lesions": "netgraph.analysis.ablation",
    "agreement": "netgraph.analysis.meaning",
    "branches": "netgraph.analysis.meaning",
    "growth": "netgraph.analysis.growth",
    "Growth": "netgraph.analysis.growth",
    "selectivity": "netgraph.analysis.meaning",
    "specialisation": "netgraph.analysis.meaning",
    "circuit": "netgraph.analysis.circuits",
    "faithfulness": "netgraph.analysis.circuits",
    "Circuit": "netgraph.analysis.circuits",
    "Evidence": "netgraph.analysis.circuits",
    "render": "netgraph.render.page",
    "View": "netgraph.render.page",
    "NetgraphError": "netgraph.errors",
    "NetgraphWarning": "netgraph.errors",
}
__all__ = ["__version__", *sorted(_HOME)]

if TYPE_CHECKING:
    from netgraph.analysis.ablation import Lesions as Lesions
    from netgraph.analysis.ablation import ablate as ablate
    from netgraph.analysis.centrality import centralities as centralities
    from netgraph.analysis.centrality import centrality as centrality
    from netgraph.analysis.circuits import Circuit as Circuit
    from netgraph.analysis.circuits import Evidence as Evidence
    from netgraph.analysis.circuits import circuit as circuit
    from netgraph.analysis.circuits import faithfulness as faithfulness
    from netgraph.analysis.compare import Comparison as Comparison
    from netgraph.analysis.compare import compare as compare
    from netgraph.analysis.description import describe as describe
    from netgraph.analysis.duplicates import Duplicates as Duplicates
    from netgraph.analysis.duplicates import duplicates as duplicates
    from netgraph.analysis.growth import Growth as Growth
    from netgraph.analysis.growth import growth as growth
    from netgraph.analysis.influence import influence as influence
    from netgraph.analysis.meaning import agreement as agreement
    from netgraph.analysis.meaning import branches as branches
    from netgraph.analysis.meaning import selectivity as selectivity
    from netgraph.analysis.meaning import specialisation as specialisation
    from netgraph.analysis.modules import Hierarchy as Hierarchy
    from netgraph.analysis.modules import hierarchy as hierarchy
    from netgraph.analysis.modules import modularity as modularity
    from netgraph.analysis.modules import modules as modules
    from netgraph.analysis.modules import ncut as ncut
    from netgraph.analysis.paths import paths as paths
    from netgraph.analysis.significance import significance as significance
    from netgraph.errors import NetgraphError as NetgraphError
    from netgraph.errors import NetgraphWarning as NetgraphWarning
    from netgraph.graph.checking import check_tables as check_tables
    from netgraph.graph.contract import contract as contract
    from netgraph.graph.formats import read_activations as read_activations
    from netgraph.graph.formats import read_graph as read_graph
    from netgraph.graph.formats import write_graph as write_graph
    from netgraph.graph.graph import Block as Block
    from netgraph.graph.graph import Graph as Graph
    from netgraph.graph.graph import Layer as Layer
    from netgraph.network.edit import edit as edit
    from netgraph.network.load import load_network as load_network
    from netgraph.network.network import Network as Network
    from netgraph.network.operations.register import register_operation as register_operation
    from netgraph.network.reading import read_inputs as read_inputs
    from netgraph.network.trace import trace as trace
    from netgraph.network.vision import load_torchvision as load_torchvision
    from netgraph.render.page import View as View
    from netgraph.render.page import render as render


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'netgraph' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
