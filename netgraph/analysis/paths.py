"""The strongest paths into a vertex, with what share of everything they hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from netgraph.analysis.path_search import ANY, Search, Sweep, sweep
from netgraph.analysis.path_steps import Step, Vector, entered, inflow, steps
from netgraph.analysis.path_table import PathTable, table
from netgraph.analysis.routes import units_of
from netgraph.analysis.structure import vertex_number
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.blocks import row_sums
from netgraph.graph.graph import Graph

SIGNS = {None: ANY, "positive": 1, "negative": -1}
GROUPS = (None, "input")
CANDIDATES = (4, 2_000)
"""Routes that are re-scored: so many for every one that is asked for, and at least so many."""

Bools = npt.NDArray[np.bool_]


def paths(
    graph: Graph,
    target: str | Iterable[str],
    source: str | Iterable[str] | None = None,
    k: int = 1000,
    weight: str = "weight",
    sign: str | None = None,
    group: str | None = None,
    network: Any = None,
    inputs: Any = None,
) -> PathTable:
    """The k strongest paths into a vertex, exactly, ranked by |value|.

    A path starts at a vertex without incoming edges (an input; a bias vertex where the graph has them) and ends at
    the target. Its value depends on ``weight``:

    - an edge column: the product of the column along the path; ``share`` is value / Σ|value of all paths|;
    - ``"attribution"``, with ``gated_weight`` on the edges (units, one input): its exact share of the target's
      pre-activation, a_0·Π gated_weight (a hidden vertex without incoming edges starts with its bias); ``share`` is
      value / that pre-activation (bias and constants hold the rest);
    - ``"attribution"`` between channels, with ``inputs``: the exact share of a route of channels, the sum over all
      paths of units that keep to it, by a run of the frozen network in which all else is masked. All routes are scored
      where they are few; otherwise those that the next rule ranks highest, and a stronger one may be missing
      (``attrs["rule"]`` says which);
    - ``"attribution"`` otherwise (channels without ``inputs``, averages over inputs): no product of edges is a path's
      share there. The target's flow is split backwards at every vertex in proportion to |attribution|; the value,
      between 0 and 1, is what reaches the path. That ranks candidates only: most of the truly strongest routes may be
      missing, and ``share`` is left out.

    Parameters
    ----------
    graph : any graph.
    target : id of the vertex where the paths end; several ids, or the name of a layer, for any of these.
    source : the same for where they start; None for every vertex without incoming edges.
    k : how many at most; more than there are is fine.
    weight : an edge column, or "attribution".
    sign : "positive" or "negative" keeps paths of that sign only; None both.
    group : "input" adds up all paths that differ in their first vertex only; ``vertices`` then lacks it.
    network, inputs : for exact shares of routes of channels: the input that the graph was made at, with a batch axis
        of 1, and the network, by default the one that the graph came from (``graph.origin``).

    Returns
    -------
    A DataFrame, best first: ``rank`` (from 1), ``value``, ``share``, ``vertices`` (a tuple of ids). Equal values keep a
    fixed order. Its ``attrs``, printed in a line below it, tell about *all* paths: ``paths`` (their number), ``total``
    (Σ value), ``total_abs`` (Σ|value|), ``coverage`` and ``coverage_abs`` (the listed ones' part of each),
    ``cancellation`` (total_abs/|total|), ``rule``. Where not all routes were scored, what needs Σ|value| is NaN.

    Raises
    ------
    UnknownName : an unknown vertex, edge column, sign or group.
    AnalysisError : no target; nothing leads to it; k below 1; "attribution" on a graph that holds none; an input that
        is not the graph's.

    References
    ----------
    E. Lawler (1972), A procedure for computing the k best solutions; here on a DAG, whose exact completions one sweep
    gives.

    Examples
    --------
    >>> import netgraph as ng
    >>> g = ng.Graph.from_matrices([[[1, 2], [3, 0]], [[1, -1]]])
    >>> best = ng.paths(g, g.ids[-1], k=2)
    >>> best
       rank  value     share                           vertices
    0     1   -3.0 -0.500000  (layer_0:0, layer_1:1, layer_2:0)
    1     2    2.0  0.333333  (layer_0:1, layer_1:0, layer_2:0)
    2 of 3 paths: 83.33% of Σ|path|; Σ path is 0: all of it cancels
    >>> best.attrs["total"], best.attrs["total_abs"], best.attrs["paths"]
    (0.0, 6.0, 3)
    """
    if sign not in SIGNS:
        raise unknown("sign", sign, [s for s in SIGNS if s])
    if group not in GROUPS:
        raise unknown("group", group, [g for g in GROUPS if g])
    if k < 1:
        raise AnalysisError(f"k is {k}; ask for at least one path")
    target = target if isinstance(target, str) else list(target)
    source = source if source is None or isinstance(source, str) else list(source)
    asked = _Asked.of(graph, target, source, int(k), weight, sign, group == "input")
    if weight == "attribution" and inputs is not None and not _exact(graph):
        found = _routes(asked, graph.origin if network is None else network, inputs)
    else:
        found = _searched(asked)
    about: dict[Any, Any] = {"target": target, "source": source, "weight": weight, "sign": sign, "group": group}
    return _told(found, about)


@dataclass(frozen=True)
class _Asked:
    """The question, in numbers of vertices: paths from where ``begin`` holds to any of ``ends``."""

    graph: Graph
    ends: list[int]
    begin: Bools
    k: int
    weight: str
    sign: str | None
    grouped: bool

    @staticmethod
    def of(graph: Graph, target: Any, source: Any, k: int, weight: str, sign: str | None, grouped: bool) -> _Asked:
        """Refused where no path can end."""
        has, named = entered(graph), _numbers(graph, target, "target")
        ends = [end for end in named if has[end]]
        if not ends:
            raise AnalysisError(
                f"no edge leads to {str(graph.ids[named[0]])!r}{' or the other targets' if len(named) > 1 else ''}, "
                "so no path ends there; choose a vertex with incoming edges"
            )
        begin = ~has
        if source is not None:
            begin = np.zeros(graph.n, dtype=bool)
            begin[_numbers(graph, source, "source")] = True
        return _Asked(graph, ends, begin, k, weight, sign, grouped)

    def leading(self, edges: list[Step]) -> list[Step]:
        """Only steps between layers from which a target can be reached."""
        reach = {layer.name for layer in self.graph.layers for end in self.ends if layer.start <= end < layer.stop}
        kept = []
        for step in reversed(edges):
            if step.target.name in reach:
                reach.add(step.source.name)
                kept.append(step)
        return kept[::-1]

    def at_ends(self, values: Vector) -> float:
        """Σ over the targets."""
        return float(values[self.ends].sum())


def _numbers(graph: Graph, named: Any, role: str) -> list[int]:
    """The vertices that an id, several ids or the name of a layer stand for."""
    if isinstance(named, str):
        for layer in graph.layers:
            if layer.name == named and not (graph.ids == named).any():
                return list(range(layer.start, layer.stop))
        return [vertex_number(graph, named)]
    numbers = list(dict.fromkeys(vertex_number(graph, vertex) for vertex in named))
    if not numbers:
        raise AnalysisError(f"{role}= names no vertex: give an id, several ids, or the name of a layer")
    return numbers


def _searched(asked: _Asked) -> PathTable:
    graph, sign = asked.graph, SIGNS[asked.sign]
    values = _path_values(asked)
    if asked.sign is not None and values.fractions:
        raise AnalysisError(f"sign={asked.sign!r} has no meaning here: {values.rule}")
    edges = asked.leading(values.edges)
    start = _without_first(edges, values.start) if asked.grouped else values.start
    found = _swept(asked, edges, start, sign)
    best = Search(edges, start, found, sign).paths(asked.ends, asked.k)
    listed = np.fromiter((value for value, _ in best), dtype=np.float64)
    told = {"rule": values.rule} | _totals(asked, found, listed)
    if values.fractions:
        return _told(table(graph, best, None), told)
    whole = told["total_abs"] if values.whole is None else values.whole
    return _told(table(graph, best, whole), told | {"target_value": values.whole})


def _told(found: PathTable, told: dict[str, Any]) -> PathTable:
    found.attrs.update(told)
    return found


def _swept(asked: _Asked, edges: list[Step], start: Vector, sign: int = ANY) -> Sweep:
    with np.errstate(invalid="ignore", over="ignore"):
        found = sweep(edges, start, sign)
    if not np.isfinite(found.total_abs).all():
        for step in edges:
            step.refuse_nonfinite(asked.weight)
    return found


def _totals(asked: _Asked, found: Sweep, listed: Vector) -> dict[str, Any]:
    """Sums over all paths: signed, absolute, and their number; and what part the listed ones are."""
    total, total_abs = asked.at_ends(found.total), asked.at_ends(found.total_abs)
    return {"paths": _count(asked, found)} | _parts(total, total_abs, listed)


def _count(asked: _Asked, found: Sweep) -> int | float:
    count = asked.at_ends(found.count)
    return int(count) if count < 2**53 else count


def _parts(total: float, total_abs: float, listed: Vector) -> dict[str, Any]:
    return {
        "total": total,
        "total_abs": total_abs,
        "coverage": float(listed.sum()) / total if total else float("nan"),
        "coverage_abs": float(np.abs(listed).sum()) / total_abs if total_abs else float("nan"),
        "cancellation": total_abs / abs(total) if total else float("inf"),
    }


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

    edges: list[Step]
    start: Vector
    whole: float | None
    rule: str
    fractions: bool = False


def _path_values(asked: _Asked) -> _Values:
    graph, weight = asked.graph, asked.weight
    if weight != "attribution":
        rule = f"product of {weight!r} along the path; share of the sum of absolute values"
        return _Values(steps(graph, weight), asked.begin.astype(np.float64), None, rule)
    if not all("attribution" in block.values for block in graph.blocks):
        raise AnalysisError(
            'weight="attribution" needs a graph with attributions on its edges: make it with '
            "net.graph(inputs=x, target=…), or choose an edge column"
        )
    return _exact_shares(asked) if _exact(graph) else _flow_fractions(asked)


def _exact(graph: Graph) -> bool:
    """Whether a product of the graph's edges is a path's share."""
    return one_input(graph) and all("gated_weight" in block.values for block in graph.blocks)


def _exact_shares(asked: _Asked) -> _Values:
    graph = asked.graph
    _needs_activation(graph)
    start = np.zeros(graph.n)
    made = {block.target for block in graph.blocks}
    for layer in graph.layers:
        mine = asked.begin[layer.vertices]
        if mine.any():
            # A hidden vertex starts with z, were it its bias alone, since its gate is on the edges that leave it.
            first = _inflow(graph, layer.name) if layer.name in made else graph.columns["activation"][layer.vertices]
            start[layer.vertices] = np.where(mine, first, 0.0)
    whole = 0.0
    for layer in graph.layers:
        inside = [end - layer.start for end in asked.ends if layer.start <= end < layer.stop]
        if inside:
            whole += float(_inflow(graph, layer.name)[inside].sum())
    rule = "exact share: activation of the first vertex times the product of gated_weight"
    return _Values(steps(graph, "gated_weight"), start, whole, rule)


def _needs_activation(graph: Graph) -> None:
    if "activation" not in graph.columns:
        raise AnalysisError(
            'weight="attribution" needs the vertex column "activation": use net.graph(inputs=x, target=…)'
        )


def _flow_fractions(asked: _Asked) -> _Values:
    graph = asked.graph
    edges = steps(graph, "attribution", absolute=True)
    arriving = inflow(graph.n, edges)
    scale = np.divide(1.0, arriving, out=np.zeros(graph.n), where=arriving > 0)
    split = [step.scaled(rows=scale[step.target.vertices]) for step in edges]
    rule = (
        "candidates: the target's flow split backwards in proportion to |attribution|; no product of edges is a path's "
        "share at this granularity or on an average over inputs; inputs= scores the routes of one input exactly"
    )
    return _Values(split, asked.begin.astype(np.float64), None, rule, fractions=True)


def one_input(graph: Graph) -> bool:
    """Whether the graph's activations and flows belong to one single input."""
    return int(graph.meta.get("inputs", 1)) == 1


def _inflow(graph: Graph, name: str) -> Vector:
    """(size,) z of a layer's vertices: the contributions that enter them, and their biases."""
    layer, bias_vertex = graph.layer(name), False
    total = np.zeros(layer.size)
    for block in graph.blocks:
        if block.target == name:
            total += row_sums(block.operator("contribution"))
            bias_vertex = bias_vertex or block.kind == "bias"
    if not bias_vertex and "bias" in graph.columns:
        total += np.nan_to_num(graph.columns["bias"][layer.vertices])
    return total


def _without_first(edges: list[Step], start: Vector) -> Vector:
    """What paths that begin one vertex later start with: the sum over all first vertices."""
    firsts = [step.scaled(columns=start[step.source.vertices]) for step in edges if start[step.source.vertices].any()]
    return inflow(len(start), firsts)


# -- routes of channels --------------------------------------------------------------------------------------


def _routes(asked: _Asked, network: Any, inputs: Any) -> PathTable:
    """Routes of channels by the frozen network between their units."""
    graph = asked.graph
    if not one_input(graph):
        raise AnalysisError(
            f"inputs= scores the routes of one input, and this graph is a mean over {graph.meta['inputs']}: make it "
            "with net.graph(inputs=x, target=…) of one"
        )
    _needs_activation(graph)
    units = units_of(graph, network, inputs)
    if units.alike:
        return _searched(replace(asked, graph=units.graph))
    routes, number, rule = _candidates(asked)
    start = units.start(asked.begin)
    scored = [found for found in units.shares(routes, start, asked.grouped) if found[0] != 0]
    complete = len(routes) == number
    size = sum(abs(value) for value, _ in scored) if complete else float("nan")
    sign = SIGNS[asked.sign]
    best = sorted((f for f in scored if sign == ANY or f[0] * sign > 0), key=lambda f: (-abs(f[0]), f[1]))[: asked.k]
    whole = float(sum(units.value_of(end) for end in asked.ends))
    total = float(sum(units.whole(start, end) for end in asked.ends))
    told = {"rule": rule, "paths": number} | _parts(total, size, np.array([value for value, _ in best]))
    told["cancellation"] = told["cancellation"] if complete else float("nan")
    return _told(table(graph, best, whole), told | {"target_value": whole})


def _candidates(asked: _Asked) -> tuple[list[tuple[int, ...]], int | float, str]:
    """Routes to be scored, how many there are in all, and by which rule they were chosen."""
    most = max(CANDIDATES[0] * asked.k, CANDIDATES[1])
    number, routes = _ranked(asked, steps(asked.graph, "weight", absolute=True), most, only_all=True)
    if len(routes) < number:
        routes = _ranked(asked, _flow_fractions(asked).edges, most)[1]
    how = "every route scored" if len(routes) == number else f"the {len(routes):,} routes of the largest flow scored"
    return routes, number, f"exact share of a route of channels, by a masked run of the frozen network; {how}"


def _ranked(
    asked: _Asked, edges: list[Step], most: int, only_all: bool = False
) -> tuple[int | float, list[tuple[int, ...]]]:
    """(number of all routes, the best of them); ``only_all``: none where they are too many."""
    edges, start = asked.leading(edges), asked.begin.astype(np.float64)
    start = _without_first(edges, start) if asked.grouped else start
    found = _swept(asked, edges, start)
    number = _count(asked, found)
    if only_all and number > most:
        return number, []
    return number, [route for _, route in Search(edges, start, found).paths(asked.ends, most)]
