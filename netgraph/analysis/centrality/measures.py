"""The one table of centralities, and the function that looks into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.centrality.betweenness import betweenness
from netgraph.analysis.centrality.closeness import closeness
from netgraph.analysis.centrality.eigenvector import eigenvector
from netgraph.analysis.centrality.roles import participation, within_module_z
from netgraph.analysis.centrality.strength import (
    degree,
    in_degree,
    in_strength,
    layer_fluctuation,
    neuron_strength,
    out_degree,
    out_strength,
    strength,
)
from netgraph.analysis.centrality.walks import katz, pagerank, path_count, total_influence
from netgraph.analysis.structure import Vector, index_of
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.graph import Graph


@dataclass(frozen=True)
class Measure:
    """A row of the table.

    Attributes
    ----------
    function : (graph, weight, **options) -> one value per vertex.
    formula, source : what is computed, and who proposed it.
    direction : which way the edges are followed.
    cost : m edges, n vertices; a pass reads every weight once where it lies, and holds nothing of a block's size.
    signs : how the sign of a weight is read.
    options : keyword arguments that are understood.
    """

    function: Callable[..., Vector]
    formula: str
    source: str
    direction: str
    cost: str
    signs: str = "absolute"
    options: tuple[str, ...] = ()


MEASURES: dict[str, Measure] = {
    "strength": Measure(
        strength, "in_strength + out_strength", "Barrat et al. 2004", "both", "2 passes", options=("signed",)
    ),
    "in_strength": Measure(
        in_strength, "Σ_i |w_ij| over edges i→j", "Barrat et al. 2004", "into", "1 pass", options=("signed",)
    ),
    "out_strength": Measure(
        out_strength, "Σ_j |w_ij| over edges i→j", "Barrat et al. 2004", "out", "1 pass", options=("signed",)
    ),
    "degree": Measure(degree, "(in-edges + out-edges)/(n−1)", "Freeman 1979", "both", "2 passes", "not read"),
    "in_degree": Measure(in_degree, "in-edges/(n−1)", "Freeman 1979", "into", "1 pass", "not read"),
    "out_degree": Measure(out_degree, "out-edges/(n−1)", "Freeman 1979", "out", "1 pass", "not read"),
    "pagerank": Measure(
        pagerank,
        "x_j = α Σ_i x_i |w_ij|/s_i + (α Σ_dangling x) d_j + (1−α) p_j, Σx = 1",
        "Brin and Page 1998",
        "along the edges, towards the outputs",
        "2 passes",
        options=("alpha", "personalization", "dangling"),
    ),
    "katz": Measure(
        katz,
        "x_j = α Σ_i |w_ij| x_i + β_j",
        "Katz 1953",
        "along the edges, towards the outputs",
        "1 pass",
        options=("alpha", "beta", "normalized"),
    ),
    "eigenvector": Measure(
        eigenvector, "(|W| + |W|ᵀ) x = λ_max x", "Bonacich 1972", "not read: the undirected graph", "2 passes a step"
    ),
    "betweenness": Measure(
        betweenness,
        "Σ_{s,t} σ(s,t|v)/σ(s,t) over best paths, /((n−1)(n−2))",
        "Freeman 1977, Brandes 2001",
        "along the edges",
        "n·m; convolutions are listed",
        options=("normalized", "distance"),
    ),
    "closeness": Measure(
        closeness,
        "(r/Σ_u d(u,v))·(r/(n−1)) over the r vertices u that reach v",
        "Freeman 1979, Newman 2001",
        "along the edges, into the vertex",
        "n·m; convolutions are listed",
        options=("distance", "wf_improved"),
    ),
    "path_count": Measure(
        path_count,
        "paths through v that begin where no edge enters and end where none leaves",
        "Dijkstra and Rosenthal 1961",
        "along the edges",
        "4 passes",
        "not read",
    ),
    "total_influence": Measure(
        total_influence,
        "Σ over paths from v to the outputs of Π|w|",
        "Katz 1953, with an end",
        "along the edges, from the vertex",
        "1 pass",
        options=("signed", "target"),
    ),
    "participation": Measure(
        participation,
        "1 − Σ_c (k_ic/k_i)², k_ic the strength between i and module c",
        "Guimerà and Amaral 2005",
        "both",
        "2 passes a module",
        options=("module",),
    ),
    "within_module_z": Measure(
        within_module_z,
        "(k_ic − mean)/sd over the vertices of i's module c",
        "Guimerà and Amaral 2005",
        "both",
        "2 passes a module",
        options=("module",),
    ),
    "neuron_strength": Measure(neuron_strength, "Σ_i w_ij + b_j", "La Malfa et al. 2021", "into", "1 pass", "signed"),
}


def centrality(
    graph: Graph, measure: str, weight: str | None = "weight", within: str | None = None, **options: Any
) -> pd.Series[float]:
    """How central every vertex is, by one measure of the table ``MEASURES``.

    Names, keyword arguments and normalisation are networkx's (without ``_centrality``). Structure is read from
    |weight|; an edge is a weight that is not 0; bias vertices, where the graph has them, are vertices like others.

    ============================== ==================================================== ==========================
    measure                        formula                                              options
    ============================== ==================================================== ==========================
    strength, in_, out_strength    sums of abs. weight over in-, out- or all edges      signed=False
    degree, in_degree, out_degree  number of edges/(n−1)                                –
    pagerank                       exact, in one forward sweep; Σ = 1                   alpha=.85, personalization,
                                                                                        dangling (as in networkx)
    katz                           x_j = α Σ_i abs(w_ij) x_i + β_j over in-edges        alpha=.1, beta=1,
                                                                                        normalized=True
    eigenvector                    of the undirected graph; length 1                    –
    betweenness                    share of best paths through a vertex, /((n−1)(n−2))  normalized=True,
                                                                                        distance="product"
    closeness                      (r/Σd)·(r/(n−1)), r vertices reach it                distance="reciprocal",
                                                                                        wf_improved=True
    path_count                     longest-possible paths through a vertex              –
    total_influence                Σ over all paths to the outputs of the products      signed=False, target
    participation                  1 − Σ_c (k_ic/k_i)² over modules c                   module="module"
    within_module_z                strength inside its own module, standardised         module="module"
    neuron_strength                Σ_i w_ij + b_j, signed                               –
    ============================== ==================================================== ==========================

    For betweenness the best path is the one with the largest product of |weight| (distance −log|w|); with
    ``distance="reciprocal"`` it is the one with the smallest Σ 1/|w|, with ``"weight"`` the one with the smallest
    Σ|w|, with ``weight=None`` the one with fewest edges: between dense blocks that betweenness is the same for all
    vertices of a layer, and says something on pruned graphs only. Closeness has the same choices. There is no
    eigenvector centrality of the directed graph: it has no cycles, so 0 is its only eigenvalue.

    Parameters
    ----------
    graph : any graph.
    measure : a name of the table.
    weight : the edge column that is read; None counts every edge as 1.
    within : None, or "layer" for the percentile rank inside each layer, in (0, 1], ties sharing their mean. On layered
        graphs most measures mostly show depth; the rank does not.
    **options : as the table says.

    Returns
    -------
    A float Series by vertex id, in vertex order, named as the measure; ``attrs`` records weight, signs, direction,
    formula and source, and for neuron_strength the ``layer_fluctuation`` (the sd of each layer).

    Raises
    ------
    UnknownName : an unknown measure, option, edge column, ``within``, distance or vertex.
    AnalysisError : NaN weights; an option out of its range; no modules where they are needed.

    Examples
    --------
    >>> import netgraph as ng
    >>> g = ng.Graph.from_matrices([[[1, -2], [3, 0]]])
    >>> ng.centrality(g, "in_strength").tolist()
    [0.0, 0.0, 3.0, 3.0]
    >>> ng.centrality(g, "strength", within="layer").tolist()
    [1.0, 0.5, 0.75, 0.75]
    >>> ng.centrality(g, "total_influence", signed=True).tolist()
    [4.0, -2.0, 1.0, 1.0]
    """
    if within not in (None, "layer"):
        raise unknown("within", within, ["layer"])
    row, values = measured_by(graph, measure, weight, options)
    result = pd.Series(values, index=index_of(graph), name=measure, dtype=np.float64)
    if within == "layer":
        result = percentiles(graph, result)
    result.attrs = {
        "measure": measure,
        "weight": weight,
        "within": within,
        "signs": "signed" if options.get("signed") else row.signs,
        "direction": row.direction,
        "formula": row.formula,
        "source": row.source,
    }
    if measure == "neuron_strength":
        result.attrs["layer_fluctuation"] = layer_fluctuation(graph, values)
    return result


def measured_by(graph: Graph, measure: str, weight: str | None, options: dict[str, Any]) -> tuple[Measure, Vector]:
    """The measure's row and its values in vertex order, checked."""
    if measure not in MEASURES:
        raise unknown("measure", measure, MEASURES)
    row = MEASURES[measure]
    for option in options:
        if option not in row.options:
            raise unknown("option", option, row.options, f" of {measure}")
    values = row.function(graph, weight, **options)
    if not np.isfinite(values).all():
        where = graph.ids[np.flatnonzero(~np.isfinite(values))[0]]
        raise AnalysisError(
            f"{measure} of vertex {where!r} is beyond the range of floats; scale the weights or alpha down"
        )
    return row, values


def percentiles(graph: Graph, values: pd.Series[float]) -> pd.Series[float]:
    """The percentile rank inside each layer, in (0, 1], ties sharing their mean."""
    layer = np.repeat(np.arange(len(graph.layers)), [layer.size for layer in graph.layers])
    return values.groupby(layer).rank(pct=True)
