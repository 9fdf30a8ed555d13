"""The cheap centralities in one table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from netgraph.analysis.centrality.measures import measured_by, percentiles
from netgraph.analysis.structure import index_of
from netgraph.errors import unknown
from netgraph.graph.graph import Graph

CHEAP: dict[str, tuple[str, dict[str, bool]]] = {
    "in_strength": ("in_strength", {}),
    "out_strength": ("out_strength", {}),
    "strength": ("strength", {}),
    "in_strength_signed": ("in_strength", {"signed": True}),
    "out_strength_signed": ("out_strength", {"signed": True}),
    "in_degree": ("in_degree", {}),
    "out_degree": ("out_degree", {}),
    "pagerank": ("pagerank", {}),
    "katz": ("katz", {}),
    "path_count": ("path_count", {}),
    "total_influence": ("total_influence", {}),
    "total_influence_signed": ("total_influence", {"signed": True}),
    "neuron_strength": ("neuron_strength", {}),
}
"""Column -> the measure and its options. Each reads the weights a few times, whatever the graph's size."""

SUFFIX = "_in_layer"


def centralities(graph: Graph, weight: str | None = "weight", within: str | None = None) -> pd.DataFrame:
    """The centralities that cost a few passes over the weights, as one table.

    Betweenness, closeness and eigenvector cost more, and the roles between modules need modules: ask
    :func:`netgraph.centrality` for them.

    Parameters
    ----------
    graph : any graph.
    weight : the edge column that is read; None counts every edge as 1.
    within : "layer" adds a column ``…_in_layer`` beside each: the percentile rank inside the vertex's layer, in (0, 1].
        On layered graphs most measures are mostly depth; the rank is not.

    Returns
    -------
    A DataFrame, a row per vertex id in vertex order: ``layer``, the strengths (absolute, and ``…_signed``), degrees,
    ``pagerank``, ``katz``, ``path_count``, ``total_influence`` and ``neuron_strength``, each as
    :func:`netgraph.centrality` gives it.

    Raises
    ------
    UnknownName : an unknown edge column or ``within``.
    AnalysisError : NaN weights, or a value beyond the range of floats.

    Examples
    --------
    >>> import netgraph as ng
    >>> g = ng.Graph.from_matrices([[[1, -2], [3, 0]], [[1, 1]]])
    >>> table = ng.centralities(g, within="layer")
    >>> table[["layer", "in_strength", "path_count", "path_count_in_layer"]].values.tolist()[:2]
    [['layer_0', 0.0, 2.0, 1.0], ['layer_0', 0.0, 1.0, 0.5]]
    """
    if within not in (None, "layer"):
        raise unknown("within", within, ["layer"])
    index = index_of(graph)
    layers = np.repeat(
        np.array([layer.name for layer in graph.layers], dtype=object), [layer.size for layer in graph.layers]
    )
    columns: dict[str, object] = {"layer": layers}
    for column, (measure, options) in CHEAP.items():
        values = pd.Series(measured_by(graph, measure, weight, dict(options))[1], index=index, dtype=np.float64)
        columns[column] = values
        if within == "layer":
            columns[column + SUFFIX] = percentiles(graph, values)
    table = pd.DataFrame(columns, index=index)
    table.attrs = {"weight": weight, "within": within}
    return table
