"""compare(): what differs between two graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netgraph.analysis.compare.balancing import balanced, refuse_nonfinite
from netgraph.analysis.compare.difference import add_up
from netgraph.analysis.compare.matching import by_id, matching
from netgraph.analysis.compare.pairing import Numbers, meetings, paired
from netgraph.analysis.compare.result import Comparison
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.graph import Graph

MATCHES: dict[str, str] = {
    "ids": "vertices of one id stand for each other",
    "units": "each layer's units stand for those of the most similar weights, in the balanced gauge",
    "auto": "units where their numbers say less than their weights, ids otherwise",
}
"""Name of a way to match -> what it means."""
SAME = {
    "granularity": "make both graphs of one granularity",
    "reduce": "make both graphs with one reduce=",
    "gauge": "make both graphs in one gauge, or take match='units'",
}
"""Entry of ``meta`` that both graphs must agree in, and how to mend it."""


def compare(
    first: Any,
    second: Any,
    match: str = "ids",
    weight: str = "weight",
    tolerance: float = 1e-6,
    top: int = 1000,
    nulls: int = 3,
    restarts: int = 2,
    seed: int = 0,
) -> Comparison:
    """What differs between two graphs: checkpoints, inputs or classes of one network, two seeds, two circuits.

    Parameters
    ----------
    first, second : graphs, or what has one as its ``graph``: circuits.
    match : "ids": vertices of one id stand for each other. "units": the units of every layer are matched by their
        weights first (Ainsworth, Hayase & Srinivasa 2023), so that networks which differ by an order of units and by
        scales (of ReLU units) alone are the same; inputs and outputs stay. "auto": units only where that says more.
    weight : the edge column that is compared: "weight", "attribution" …; units are matched by the weights always.
    tolerance : values count as the same up to this, relative to the larger of the two (and below the rounding of the
        graphs' own numbers).
    top : rows of ``edges``.
    nulls : shuffled second graphs that the same search is tried on: what a matching finds where there is nothing.
    restarts : further random starts of the search.
    seed : of these.

    Returns
    -------
    Comparison : ``vertices``, ``edges``, ``layers``, ``overlap``, ``matching``, ``identical``, ``settings``.

    Raises
    ------
    UnknownName : an unknown match, or an edge column that a block does not have.
    AnalysisError : no graphs, or without vertices; of different granularity, reduction or gauge; without a layer in
        common; NaN or infinity; numbers out of range.

    Notes
    -----
    Two graphs' edges are differences of blocks, a million at a time; implicit convolutions are listed block by block.
    Matching goes layer by layer to the best assignment while all other layers hold, from a start at colour refinement
    (which finds every exact copy whose units it can tell apart), from the order as it is, forwards, backwards and at
    random; layers that residual sums tie share one permutation, channels move as a whole. Units are compared at
    granularity "unit" by all taps of their kernels, at "channel" by the two numbers that are left of them. Edges that
    hang together with no input and no output have no scale to be balanced by: rescaled, they are told as changed.

    Examples
    --------
    >>> import numpy as np, netgraph as ng
    >>> one = ng.Graph.from_matrices([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]])
    >>> two = ng.Graph.from_matrices([[[1.0, 2.0], [3.0, 4.5]], [[5.0, 0.0]]])
    >>> found = ng.compare(one, two)
    >>> found.edges[["source", "target", "status", "change"]].values.tolist()
    [['layer_1:1', 'layer_2:0', 'removed', -6.0], ['layer_0:1', 'layer_1:1', 'changed', 0.5]]
    >>> swapped = ng.Graph.from_matrices([[[6.0, 8.0], [1.0, 2.0]], [[3.0, 5.0]]])  # its units the other way round
    >>> ng.compare(one, swapped).identical, ng.compare(one, swapped, match="units").identical
    (False, True)
    """
    if match not in MATCHES:
        raise unknown("match", match, MATCHES)
    for name, value in (("top", top), ("nulls", nulls), ("restarts", restarts)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
            raise AnalysisError(f"{name} is {value!r}; it must be a whole number from 0 up")
    if not 0 <= tolerance < 1:
        raise AnalysisError(f"tolerance is {tolerance!r}; it must be from 0 up to below 1, as it is relative")
    one, two = _graph(first, "first"), _graph(second, "second")
    _alike(one, two, match)
    for graph in (one, two):
        for block in graph.blocks:
            block.operator(weight)
    settings: dict[str, Any] = {"match": match, "weight": weight, "tolerance": tolerance, "top": top, "gauge": "as is"}
    to: Mapping[str, Numbers] | None = None
    table = None
    if match != "ids":
        refuse_nonfinite(one, "first")
        refuse_nonfinite(two, "second")
        (even, said), (other, also) = balanced(one), balanced(two)
        made, numbers_do = matching(even, other, restarts, nulls, seed)
        if match == "units" or not numbers_do:
            one, two, to, table = even, other, made.to, made.table
            settings |= {"match": "units", "gauge": said if said == also else f"{said}; second: {also}"}
            settings |= made.settings
        else:
            _same_gauge(one, two)
            settings["match"] = "ids"
    met = meetings(one, two, to)
    blocks = paired(one, two)
    sums = tuple(add_up(pair, met, weight, tolerance) for pair in blocks)
    return Comparison(one, two, settings, by_id(met) if table is None else table, met, tuple(blocks), sums)


def _graph(given: Any, which: str) -> Graph:
    found = given if isinstance(given, Graph) else getattr(given, "graph", None)
    if not isinstance(found, Graph):
        hint = "give its graph: net.graph()" if callable(found) else "expected a Graph, or a Circuit"
        raise AnalysisError(f"the {which} of the two to compare is a {type(given).__name__}; {hint}")
    if found.n == 0:
        raise AnalysisError(f"the {which} graph has no vertices: there is nothing to compare")
    return found


def _alike(one: Graph, two: Graph, match: str) -> None:
    for name, mend in SAME.items():
        if name == "gauge":
            if match == "ids":
                _same_gauge(one, two)
        elif one.meta.get(name, two.meta.get(name)) != two.meta.get(name, one.meta.get(name)):
            raise AnalysisError(
                f"{name} is {one.meta[name]!r} in the first graph, {two.meta[name]!r} in the second: {mend}"
            )
    names = [[layer.name for layer in graph.layers] for graph in (one, two)]
    if not set(names[0]) & set(names[1]):
        raise AnalysisError(
            f"the graphs have no layer in common: {_some(names[0])} in the first, {_some(names[1])} in the second; "
            "expected two graphs of one architecture, whose layers have the same names"
        )


def _same_gauge(one: Graph, two: Graph) -> None:
    gauges = [graph.meta.get("gauge", "none") for graph in (one, two)]
    if gauges[0] != gauges[1]:
        raise AnalysisError(f"gauge is {gauges[0]!r} in the first graph, {gauges[1]!r} in the second: {SAME['gauge']}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f", … ({len(names)} in all)" if len(names) > 5 else "")
