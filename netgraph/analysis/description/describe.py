"""describe(): one row of statistics, beside those of graphs that chance made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.description.tail import gini, tail
from netgraph.analysis.description.weights import moments, percentiles, pieces
from netgraph.analysis.nulls import NULLS
from netgraph.analysis.streams import Stream, streams
from netgraph.analysis.structure import Vector
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.graph import Graph

SHARES = (1, 5, 25, 50, 75, 95, 99)
"""Percentiles of the weights."""


def describe(
    graph: Graph, nulls: int = 0, seed: int = 0, weight: str = "weight", null: str = "strength"
) -> pd.DataFrame:
    """What is reported of a network: sizes, density, strengths and their tail, mixing, signs, weights.

    Parameters
    ----------
    graph : any graph; read piece by piece, so that nothing of its size is copied.
    nulls : how many graphs of chance are described below it.
    seed : of these; the i-th takes seed + i.
    weight : the edge column (nulls have the weight alone).
    null : "strength" keeps layers, edges and every vertex's strength in each block; "shuffle" keeps layers and weights;
        "shuffle_nonzero" places and degrees too; "residual" what strengths explain (:mod:`netgraph.analysis.nulls`).

    Returns
    -------
    A DataFrame, a row a graph: "graph", then "strength 0", "strength 1" … Its columns:

    - ``vertices``, ``edges``, ``layers``; ``density``: edges over the places for them between layers that have any;
      ``mean_degree``: edges that enter or leave a vertex; ``isolated``: vertices without any;
    - of each vertex's strength s = Σ|w| over the edges at it: ``strength_mean``, ``_sd`` (ddof=0), ``_max``, ``_gini``;
      ``tail_exponent``, ``tail_from``, ``tail_ks``, ``tail_vertices``: the power law that fits its largest values best;
    - ``assortativity``: the correlation, over all edges, of the strengths at their ends; ``assortativity_by_layer``:
      the same inside each block, edges counted by |w|, averaged by |w| over blocks: what depth does not explain;
    - ``positive``: the share of edges above 0, ``positive_weight`` of Σ|w|;
    - ``weight_mean``, ``_sd``, ``_min``, ``_max``, and exact percentiles ``weight_p1`` … ``weight_p99`` (the least
      value that so many are at most).

    NaN where a number has no meaning. Nothing is reciprocal in a graph whose edges run forward.

    Raises
    ------
    UnknownName : an unknown edge column or null.
    AnalysisError : NaN or infinity in the column; ``nulls`` below 0, or with another column than the weight.

    References
    ----------
    M. E. J. Newman (2003), Mixing patterns in networks; A. Clauset, C. Shalizi, M. Newman (2009), Power-law
    distributions in empirical data.

    Examples
    --------
    >>> import netgraph as ng
    >>> g = ng.Graph.from_matrices([[[1.0, 2.0], [3.0, 0.0]], [[1.0, -1.0]]])
    >>> row = ng.describe(g).loc["graph"]
    >>> row[["edges", "strength_mean", "positive"]].tolist()
    [5.0, 3.2, 0.8]
    """
    if null not in NULLS:
        raise unknown("null", null, NULLS)
    if nulls < 0:
        raise AnalysisError(f"nulls is {nulls}; it must be 0 or more")
    if nulls and weight != "weight":
        raise AnalysisError(f"nulls= are made of the weights, and have no {weight!r}; leave one of the two out")
    rows = {"graph": _row(graph, weight)}
    for i in range(nulls):
        rows[f"{null} {i}"] = _row(NULLS[null](graph, seed + i), weight)
    return pd.DataFrame.from_dict(rows, orient="index")


def _row(graph: Graph, weight: str) -> dict[str, Any]:
    of_all = pieces(graph, weight)
    told = moments(of_all, weight)
    sizes, ones = streams(graph, weight), streams(graph, None)
    strength, degree = _at_vertices(graph, sizes), _at_vertices(graph, ones)
    edges = len(graph.edges)
    places = sum(
        graph.layer(source).size * graph.layer(target).size
        for source, target in {(block.source, block.target) for block in graph.blocks}
    )
    n, heavy = graph.n, tail(strength)
    wide = any(np.dtype(block.operator(weight).dtype).itemsize > 4 for block in graph.blocks)
    row: dict[str, Any] = {
        "vertices": n,
        "edges": edges,
        "layers": len(graph.layers),
        "density": edges / places if places else np.nan,
        "mean_degree": float(degree.mean()) if n else np.nan,
        "isolated": int((degree == 0).sum()),
        "strength_mean": float(strength.mean()) if n else np.nan,
        "strength_sd": float(strength.std()) if n else np.nan,
        "strength_max": float(strength.max()) if n else np.nan,
        "strength_gini": gini(strength),
        "tail_exponent": heavy.alpha,
        "tail_from": heavy.xmin,
        "tail_ks": heavy.ks,
        "tail_vertices": heavy.number,
        "assortativity": _mixing(ones, strength),
        "assortativity_by_layer": _mixing_by_layer(sizes, strength),
        "positive": told.pop("positive"),
        "positive_weight": told.pop("positive_weight"),
    }
    row |= {f"weight_{name}": value for name, value in told.items()}
    found = percentiles(of_all, [share / 100 for share in SHARES], wide)
    return row | {f"weight_p{share}": value for share, value in zip(SHARES, found, strict=True)}


def _at_vertices(graph: Graph, edges: list[Stream]) -> Vector:
    """(n,) what enters and leaves each vertex."""
    out = np.zeros(graph.n)
    for stream in edges:
        out[stream.target.vertices] += stream.rows
        out[stream.source.vertices] += stream.columns
    return out


def _sums(stream: Stream, x: Vector) -> Vector:
    """Σ over edges of (1, source, target, source², target², source · target), each edge as often as it weighs."""
    into, out_of = stream.rows, stream.columns
    source, target = x[stream.source.vertices], x[stream.target.vertices]
    return np.array(
        [
            into.sum(),
            out_of @ source,
            into @ target,
            out_of @ source**2,
            into @ target**2,
            target @ stream.gather(source),
        ]
    )


def _correlation(sums: Vector) -> float:
    number, source, target, source_2, target_2, both = sums
    if number <= 0:
        return float("nan")
    spread = [square / number - (mean / number) ** 2 for square, mean in ((source_2, source), (target_2, target))]
    if min(spread) <= 1e-12 * max(source_2, target_2) / number:
        return float("nan")
    return float((both / number - source * target / number**2) / np.sqrt(spread[0] * spread[1]))


def _scaled(x: Vector) -> Vector:
    """So that squares and sums stay in range; correlations do not change."""
    largest = float(np.abs(x).max(initial=0.0))
    return x / largest if largest else x


def _mixing(edges: list[Stream], x: Vector) -> float:
    x = _scaled(x)
    total = np.zeros(6)
    for stream in edges:
        total += _sums(stream, x)
    return _correlation(total)


def _mixing_by_layer(edges: list[Stream], x: Vector) -> float:
    found = []
    for stream in edges:
        ends = (x[stream.source.vertices], x[stream.target.vertices])
        largest = max(float(np.abs(end).max(initial=0.0)) for end in ends)
        sums = _sums(stream, x / largest if largest else x)
        found.append((float(sums[0]), _correlation(sums)))
    known = [(mass, value) for mass, value in found if np.isfinite(value)]
    mass = sum(weight for weight, _ in known)
    return sum(weight * value for weight, value in known) / mass if mass else float("nan")
