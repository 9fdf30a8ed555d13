"""The strongest paths into a vertex, with what share of everything they hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from netgraph.analysis.path_search import ANY, Found, best_paths
from netgraph.analysis.structure import Pair, Vector, edge_values, pairs, sweep_forward, vertex_number
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.blocks import row_sums
from netgraph.graph.graph import Graph

SIGNS = {None: ANY, "positive": 1, "negative": -1}
GROUPS = (None, "input")


def paths(
    graph: Graph,
    target: str,
    source: str | None = None,
    k: int = 1000,
    weight: str = "weight",
    sign: str | None = None,
    group: str | None = None,
) -> pd.DataFrame:
    """The k strongest paths into a vertex, exactly, ranked by |value|.

    A path starts at a vertex without incoming edges (an input; a bias vertex where the graph has them) and ends at
    the target. Its value depends on ``weight``:

    - an edge column: the product of the column along the path; ``share`` is value / Σ|value of all paths|;
    - ``"attribution"``, with ``gated_weight`` on the edges and one input: its exact share of the target's
      pre-activation, a_0·Π gated_weight (a hidden vertex without incoming edges starts with its bias); ``share`` is
      value / that pre-activation (bias and constants hold the rest);
    - ``"attribution"`` otherwise (channels, averages over inputs): no product of edges is a path's share there. The
      target's flow is split backwards at every vertex in proportion to |attribution|; the value, between 0 and 1, is
      what reaches the path. That ranks candidates only: most of the truly strongest routes may be missing, and
      ``share`` is left out.

    Parameters
    ----------
    graph : any graph.
    target : id of the vertex where the paths end.
    source : id of the vertex where they start; None for every vertex without incoming edges.
    k : how many at most; more than there are is fine.
    weight : an edge column, or "attribution".
    sign : "positive" or "negative" keeps paths of that sign only; None both.
    group : "input" adds up all paths that differ in their first vertex only; ``vertices`` then lacks it.

    Returns
    -------
    A DataFrame, best first: ``rank`` (from 1), ``value``, ``share``, ``vertices`` (a tuple of ids). Its ``attrs`` tell
    about *all* paths: ``paths`` (their number), ``total`` (Σ value), ``total_abs`` (Σ|value|), ``coverage`` and
    ``coverage_abs`` (the listed ones' part of each), ``cancellation`` (total_abs/|total|), ``rule``.

    Raises
    ------
    UnknownName : an unknown vertex, edge column, sign or group.
    AnalysisError : nothing leads to the target; k below 1; "attribution" on a graph that holds none.

    References
    ----------
    E. Lawler (1972), A procedure for computing the k best solutions; here on a DAG, whose exact completions one sweep
    gives.

    Examples
    --------
    >>> import netgraph as ng
    >>> g = ng.Graph.from_matrices([[[1, 2], [3, 0]], [[1, -1]]])
    >>> best = ng.paths(g, g.ids[-1], k=2)
    >>> best.value.tolist(), best.attrs["total"], best.attrs["total_abs"], best.attrs["paths"]
    ([-3.0, 2.0], 0.0, 6.0, 3)
    """
    if sign not in SIGNS:
        raise unknown("sign", sign, [s for s in SIGNS if s])
    if group not in GROUPS:
        raise unknown("group", group, [g for g in GROUPS if g])
    if k < 1:
        raise AnalysisError(f"k is {k}; ask for at least one path")
    end = vertex_number(graph, target)
    entered = _entered(graph)
    if not entered[end]:
        raise AnalysisError(f"no edge leads to {target!r}, so no path ends there; choose a vertex with incoming edges")
    begin = ~entered if source is None else np.arange(graph.n) == vertex_number(graph, source)
    values = _path_values(graph, weight, begin, end)
    if sign is not None and values.fractions:
        raise AnalysisError(f"sign={sign!r} has no meaning here: {values.rule}")
    if group == "input":
        values = _without_first(values, begin)
    edges = [pair for pair in values.edges if pair.target.start <= end]
    found = best_paths(edges, values.start, end, int(k), SIGNS[sign])
    table = _table(graph, found)
    told = _totals(graph, edges, values.start, end, table["value"].to_numpy())
    if not values.fractions:
        whole = told["total_abs"] if values.whole is None else values.whole
        table.insert(2, "share", table["value"] / whole if whole else np.nan)
        told["target_value"] = values.whole
    asked: dict[Any, Any] = {"target": target, "source": source, "weight": weight, "sign": sign, "group": group}
    table.attrs = asked | {"rule": values.rule} | told
    return table


def _table(graph: Graph, found: list[Found]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(found) + 1),
            "value": np.array([value for value, _ in found], dtype=np.float64),
            "vertices": pd.Series([tuple(graph.ids[list(vertices)]) for _, vertices in found], dtype=object),
        }
    )


@dataclass(frozen=True)
class _Values:
    """What a path's value is made of.

    Attributes
    ----------
    edges, start : the factors along it, and the one it starts with (0 where no path may start).
    whole : what a share is a share of; None for Σ|value|.
    rule : in words.
    fractions : the values are parts of the flow, and neither signed nor shares.
    """

    edges: list[Pair]
    start: Vector
    whole: float | None
    rule: str
    fractions: bool = False


def _path_values(graph: Graph, weight: str, begin: Any, end: int) -> _Values:
    if weight != "attribution":
        rule = f"product of {weight!r} along the path; share of the sum of absolute values"
        return _Values(pairs(graph, weight, signed=True), begin.astype(np.float64), None, rule)
    if not all("attribution" in block.values for block in graph.blocks):
        raise AnalysisError(
            'weight="attribution" needs a graph with attributions on its edges: make it with '
            "net.graph(inputs=x, target=…), or choose an edge column"
        )
    if one_input(graph) and all("gated_weight" in block.values for block in graph.blocks):
        return _exact_shares(graph, begin, end)
    return _flow_fractions(graph, begin)


def _exact_shares(graph: Graph, begin: Any, end: int) -> _Values:
    if "activation" not in graph.columns:
        raise AnalysisError(
            'weight="attribution" needs the vertex column "activation": use net.graph(inputs=x, target=…)'
        )
    start = np.zeros(graph.n)
    made = np.zeros(graph.n, dtype=bool)
    for block in graph.blocks:
        made[graph.layer(block.target).vertices] = True
    for vertex in np.flatnonzero(begin):
        # A hidden vertex starts with z, were it its bias alone, since its gate is on the edges that leave it.
        start[vertex] = _inflow(graph, int(vertex)) if made[vertex] else graph.columns["activation"][vertex]
    rule = "exact share: activation of the first vertex times the product of gated_weight"
    return _Values(pairs(graph, "gated_weight", signed=True), start, _inflow(graph, end), rule)


def _flow_fractions(graph: Graph, begin: Any) -> _Values:
    edges = pairs(graph, "attribution")
    inflow = np.zeros(graph.n)
    for pair in edges:
        inflow[pair.target.vertices] += pair.rows
    scale = np.divide(1.0, inflow, out=np.zeros(graph.n), where=inflow > 0)
    split = []
    for pair in edges:
        by = scale[pair.target.vertices]
        matrix = (
            sp.csr_array(sp.diags_array(by) @ pair.matrix) if sp.issparse(pair.matrix) else pair.matrix * by[:, None]
        )
        split.append(replace(pair, matrix=matrix))
    rule = (
        "candidates: the target's flow split backwards in proportion to |attribution|; "
        "no product of edges is a path's share at this granularity or on an average over inputs"
    )
    return _Values(split, begin.astype(np.float64), None, rule, fractions=True)


def one_input(graph: Graph) -> bool:
    """Whether the graph's activations and flows belong to one single input."""
    return int(graph.meta.get("inputs", 1)) == 1


def _inflow(graph: Graph, vertex: int) -> float:
    """z of a vertex: the contributions that enter it, and its bias."""
    total, bias_vertex = 0.0, False
    for block in graph.blocks:
        layer = graph.layer(block.target)
        if layer.start <= vertex < layer.stop:
            row = edge_values(block, "contribution")[[vertex - layer.start]]
            total += float(row.sum())
            bias_vertex = bias_vertex or block.kind == "bias"
    if not bias_vertex and "bias" in graph.columns:
        total += float(np.nan_to_num(graph.columns["bias"][vertex]))
    return total


def _entered(graph: Graph) -> Any:
    """Which vertices have an incoming edge, (n,) bool."""
    entered = np.zeros(graph.n, dtype=bool)
    for block in graph.blocks:
        entered[graph.layer(block.target).vertices] |= row_sums(block.weight, absolute=True) > 0
    return entered


def _without_first(values: _Values, begin: Any) -> _Values:
    """Starts every path one vertex later, with the sum over all first vertices."""
    start, edges = np.zeros(len(begin)), []
    for pair in values.edges:
        first = pair.source.vertices
        start[pair.target.vertices] += pair.matrix @ np.where(begin[first], values.start[first], 0.0)
        rest = (~begin[first]).astype(np.float64)
        matrix = sp.csr_array(pair.matrix @ sp.diags_array(rest)) if sp.issparse(pair.matrix) else pair.matrix * rest
        edges.append(replace(pair, matrix=matrix))
    return replace(values, start=start, edges=edges)


def _totals(graph: Graph, edges: list[Pair], start: Vector, end: int, listed: Vector) -> dict[str, Any]:
    """Sums over all paths, by forward sweeps: signed, absolute, and their number."""
    absolute = [replace(pair, matrix=abs(pair.matrix)) for pair in edges]
    pattern = [replace(pair, matrix=(pair.matrix != 0).astype(np.float64)) for pair in edges]
    total = float(sweep_forward(graph, edges, start)[end])
    total_abs = float(sweep_forward(graph, absolute, np.abs(start))[end])
    count = float(sweep_forward(graph, pattern, (start != 0).astype(np.float64))[end])
    return {
        "paths": int(count) if count < 2**53 else count,
        "total": total,
        "total_abs": total_abs,
        "coverage": float(listed.sum()) / total if total else float("nan"),
        "coverage_abs": float(np.abs(listed).sum()) / total_abs if total_abs else float("nan"),
        "cancellation": total_abs / abs(total) if total else float("inf"),
    }
