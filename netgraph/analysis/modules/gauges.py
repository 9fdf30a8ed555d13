"""Whether modules are those of the function, or of the scales that its hidden units happen to have."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import combinations

import numpy as np

from netgraph.analysis.modules.agreement import adjusted_mutual_information
from netgraph.analysis.modules.quality import Codes
from netgraph.analysis.modules.result import NO_MODULE, Modules
from netgraph.errors import NetgraphWarning
from netgraph.graph.graph import Graph

ENOUGH = 0.5
"""Adjusted mutual information below which the modules of two gauges disagree."""


def agreement_of_gauges(
    graph: Graph, codes: Codes, found: list[Codes], once: Callable[[Graph], Modules]
) -> float | None:
    """The adjusted mutual information of modules with those of the same graph balanced; a warning where it is low.

    Rescaling a hidden ReLU unit's weights, in against out, leaves the function as it is and the graph not. The balanced
    graph is the same whatever the scales are.

    Parameters
    ----------
    graph : any graph.
    codes : (n,) its modules.
    found : the modules of every run: how far one gauge agrees with itself.
    once : the modules of another graph, by one run.

    Returns
    -------
    None where nothing can be rescaled, or the graph is balanced already.

    Warns
    -----
    NetgraphWarning : an agreement below .5.
    """
    from netgraph.analysis.compare.balancing import balanced  # a room that is rarely needed here

    even, _ = balanced(graph)
    if even is graph or not int(even.meta.get("balanced", 0)):
        return None
    other = once(even).labels.to_numpy()
    both = (codes != NO_MODULE) & (other != NO_MODULE)
    ami = adjusted_mutual_information(codes[both], other[both])
    if ami < ENOUGH:
        own = [adjusted_mutual_information(a[both], b[both]) for a, b in combinations(found, 2)]
        beside = f" (two runs at the same scales: {np.mean(own):.2f})" if own else ""
        warnings.warn(
            "modules depend on the scales of hidden units: in the balanced gauge, which computes the same, they "
            f"agree with these by AMI {ami:.2f} only{beside}; take graph(gauge='balanced'), which is one graph "
            "whatever the scales are",
            NetgraphWarning,
            stacklevel=3,
        )
    return ami
