"""The one table of centralities, and the function that looks into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.centrality.betweenness import betweenness
from netgraph.analysis.centrality.strength import degree, in_degree, in_strength, out_degree, out_strength, strength
from netgraph.analysis.centrality.walks import katz, pagerank
from netgraph.analysis.structure import Vector
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
    signs : how the sign of a weight is read.
    options : keyword arguments that are understood.
    """

    function: Callable[..., Vector]
    formula: str
    source: str
    direction: str
    signs: str = "absolute"
    options: tuple[str, ...] = ()


MEASURES: dict[str, Measure] = {
    "strength": Measure(strength, "in_strength + out_strength", "Barrat et al. 2004", "both", options=("signed",)),
    "in_strength": Measure(in_strength, "Σ_i |w_ij| over edges i→j", "Barrat et al. 2004", "into", options=("signed",)),
    "out_strength": Measure(
        out_strength, "Σ_j |w_ij| over edges i→j", "Barrat et al. 2004", "out", options=("signed",)
    ),
    "degree": Measure(degree, "(in-edges + out-edges)/(n−1)", "Freeman 1979", "both", "not read"),
    "in_degree": Measure(in_degree, "in-edges/(n−1)", "Freeman 1979", "into", "not read"),
    "out_degree": Measure(out_degree, "out-edges/(n−1)", "Freeman 1979", "out", "not read"),
    "pagerank": Measure(
        pagerank,
        "x_j = α Σ_i x_i |w_ij|/s_i + (α Σ_dangling x) d_j + (1−α) p_j, Σx = 1",
        "Brin and Page 1998",
        "along the edges, towards the outputs",
        options=("alpha", "personalization", "dangling"),
    ),
    "katz": Measure(
        katz,
        "x_j = α Σ_i |w_ij| x_i + β_j",
        "Katz 1953",
        "along the edges, towards the outputs",
        options=("alpha", "beta", "normalized"),
    ),
    "betweenness": Measure(
        betweenness,
        "Σ_{s,t} σ(s,t|v)/σ(s,t) over best paths, /((n−1)(n−2))",
        "Freeman 1977, Brandes 2001",
        "along the edges",
        options=("normalized", "distance"),
    ),
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
    betweenness                    share of best paths through a vertex, /((n−1)(n−2))  normalized=True,
                                                                                        distance="product"
    ============================== ==================================================== ==========================

    For betweenness the best path is the one with the largest product of |weight| (distance −log|w|); with
    ``distance="reciprocal"`` it is the one with the smallest Σ 1/|w|; with ``weight=None`` the one with fewest edges.

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
    A float Series by vertex id, in vertex order, named as the measure; ``attrs`` records weight, signs and direction.

    Raises
    ------
    UnknownName : an unknown measure, option, edge column, ``within`` or vertex.
    AnalysisError : NaN weights; an option out of its range.

    Examples
    --------
    >>> import netgraph as ng
    >>> g = ng.Graph.from_matrices([[[1, -2], [3, 0]]])
    >>> ng.centrality(g, "in_strength").tolist()
    [0.0, 0.0, 3.0, 3.0]
    >>> ng.centrality(g, "strength", within="layer").tolist()
    [1.0, 0.5, 0.75, 0.75]
    """
    if measure not in MEASURES:
        raise unknown("measure", measure, MEASURES)
    if within not in (None, "layer"):
        raise unknown("within", within, ["layer"])
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
    result = pd.Series(values, index=pd.Index(graph.ids, name="id"), name=measure, dtype=np.float64)
    if within == "layer":
        layer = np.repeat(np.arange(len(graph.layers)), [layer.size for layer in graph.layers])
        result = result.groupby(layer).rank(pct=True)
    result.attrs = {
        "measure": measure,
        "weight": weight,
        "within": within,
        "signs": "signed" if options.get("signed") else row.signs,
        "direction": row.direction,
    }
    return result
