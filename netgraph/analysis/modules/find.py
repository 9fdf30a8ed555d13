"""Finds modules: several seeded runs of a method, the best of them, and how far the runs agree."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from netgraph.analysis.modules.methods import METHODS
from netgraph.analysis.modules.quality import (
    NULLS,
    Codes,
    check_layer_mass,
    check_resolution,
    inside_and_volume,
    ncut,
    weighted_pairs,
)
from netgraph.analysis.modules.result import Modules
from netgraph.analysis.structure import Pair
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.graph import Graph

NO_MODULE = -1
"""The label of a vertex without edges."""


def modules(
    graph: Graph,
    method: str = "layered",
    weight: str = "weight",
    seed: int = 0,
    runs: int = 10,
    layer_mass: str = "equal",
    resolution: float = 1.0,
) -> Modules:
    """Divides the vertices into modules: groups with more |weight| inside than the layers' strengths explain.

    The method runs ``runs`` times from different seeds; the division of highest quality is given back, together with
    the agreement of all runs. Structure is read from |weight|, bias edges left out. A vertex without edges belongs to
    no module and is labelled -1. Where nothing beats one single module, one single module is the answer.
    The layered null explains all edges of a layer with one single vertex, so such a vertex may be a module of its own.

    Parameters
    ----------
    graph : any graph with at least one edge.
    method : "layered" maximises modularity under Barber's bipartite null in every pair of layers; "leiden" maximises
        Newman's modularity, which on layered networks mostly sees depth.
    weight : the edge column whose absolute value is taken.
    seed : the same seed gives the same modules.
    runs : number of runs, at least 1.
    layer_mass : "equal" counts every pair of layers the same, "weight" by its |weight| (layered only).
    resolution : γ of the null; above 1 gives smaller modules.

    Returns
    -------
    Modules : ``labels`` (0 is the largest module), ``quality``, ``stability``, ``table``, ``graph()``.

    Raises
    ------
    UnknownName : an unknown method, layer_mass or edge column.
    AnalysisError : no edges; NaN weights; runs below 1; a graph too big for the layered method's edge list.

    References
    ----------
    M. Barber (2007), Modularity and community detection in bipartite networks. V. Traag, L. Waltman, N. J. van Eck
    (2019), From Louvain to Leiden.

    Examples
    --------
    >>> import numpy as np, netgraph as ng
    >>> block = np.kron(np.eye(2), np.ones((2, 2)))
    >>> found = ng.modules(ng.Graph.from_matrices([block, block]))
    >>> found.labels.tolist(), found.quality, found.stability
    ([0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1], 0.5, 1.0)
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    check_layer_mass(layer_mass)
    resolution = check_resolution(resolution)
    if runs < 1:
        raise AnalysisError(f"runs is {runs}; at least one run is needed")
    edges = weighted_pairs(graph, weight)
    row = METHODS[method]
    problem = row.problem(graph, edges, layer_mass, resolution)
    found = [problem.solve(f"{seed}/{run}") for run in range(runs)]
    alive = _alive(graph, edges)
    best, quality = _best(graph, found, edges, row.null, layer_mass, resolution)
    codes = _by_size(best, alive)
    return Modules(
        labels=pd.Series(codes, index=pd.Index(graph.ids, name="id"), name="module"),
        quality=quality,
        stability=stability([labels[alive] for labels in found]),
        table=_table(graph, codes, edges),
        qualities=_qualities(graph, codes, edges, weight, resolution),
        settings={
            "method": method,
            "weight": weight,
            "signs": "absolute",
            "seed": seed,
            "runs": runs,
            "layer_mass": layer_mass,
            "resolution": resolution,
            "without_edges": int((~alive).sum()),
        },
        source=graph,
    )


def stability(divisions: list[Codes]) -> float:
    """The mean adjusted Rand index over all pairs of divisions; NaN for a single one."""
    scores = [adjusted_rand(a, b) for a, b in combinations(divisions, 2)]
    return float(np.mean(scores)) if scores else float("nan")


def adjusted_rand(a: Codes, b: Codes) -> float:
    """The adjusted Rand index of two divisions (Hubert and Arabie 1985): 1 for equal ones, 0 expected by chance.

    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    """

    def together(counts: Codes) -> float:
        return float((counts * (counts - 1.0)).sum() / 2)

    _, a = np.unique(a, return_inverse=True)
    _, b = np.unique(b, return_inverse=True)
    both = together(np.unique(a * (b.max(initial=0) + 1) + b, return_counts=True)[1])
    in_a, in_b, every = together(np.bincount(a)), together(np.bincount(b)), len(a) * (len(a) - 1) / 2
    expected = in_a * in_b / every if every else 0.0
    ceiling = (in_a + in_b) / 2
    return 1.0 if ceiling == expected else (both - expected) / (ceiling - expected)


def _alive(graph: Graph, edges: list[Pair]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    strength = np.zeros(graph.n)
    for pair in edges:
        strength[pair.target.vertices] += pair.rows
        strength[pair.source.vertices] += pair.columns
    return strength > 0


def _best(
    graph: Graph, found: list[Codes], edges: list[Pair], null: str, layer_mass: str, resolution: float
) -> tuple[Codes, float]:
    """The division of highest quality: one single module unless a run is truly better."""
    best = np.zeros(graph.n, dtype=np.int64)
    quality = NULLS[null](graph, best, edges, layer_mass, resolution)
    for codes in found:
        other = NULLS[null](graph, codes, edges, layer_mass, resolution)
        if other > quality + 1e-9:  # also hides the rounding by which equal runs differ
            best, quality = codes, other
    return best, quality


def _by_size(codes: Codes, alive: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Codes:
    """Modules numbered from the largest down, equal sizes by their first vertex; vertices without edges get -1."""
    _, first, position, sizes = np.unique(codes[alive], return_index=True, return_inverse=True, return_counts=True)
    number = np.empty(len(sizes), dtype=np.int64)
    number[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    labels = np.full(len(codes), NO_MODULE, dtype=np.int64)
    labels[alive] = number[position]
    return labels


def _qualities(graph: Graph, codes: Codes, edges: list[Pair], weight: str, resolution: float) -> dict[str, float]:
    """The same division measured in every way."""
    dense = codes - codes.min()  # bincount needs numbers from 0; vertices without edges weigh nothing
    return {
        "layered_equal": NULLS["layered"](graph, dense, edges, "equal", resolution),
        "layered_weight": NULLS["layered"](graph, dense, edges, "weight", resolution),
        "newman": NULLS["newman"](graph, dense, edges, "equal", resolution),
        "ncut": ncut(graph, codes, weight),
    }


def _table(graph: Graph, codes: Codes, edges: list[Pair]) -> pd.DataFrame:
    """One row a module: size, layers spanned, |weight| inside and to the outside, and where its vertices are."""
    shifted = codes + 1
    inside, volume = inside_and_volume(graph, shifted, edges)
    counts = np.array([np.bincount(shifted[layer.vertices], minlength=len(inside)) for layer in graph.layers])
    rows = []
    for module in range(int(codes.max(initial=-1)) + 1):
        here = counts[:, module + 1]
        rows.append(
            {
                "module": module,
                "size": int(here.sum()),
                "layers": int((here > 0).sum()),
                "strength_inside": float(inside[module + 1]),
                "strength_outside": float(volume[module + 1] - 2 * inside[module + 1]),
                "where": ", ".join(f"{layer.name} {c}" for layer, c in zip(graph.layers, here, strict=True) if c),
            }
        )
    return pd.DataFrame(rows).set_index("module")
