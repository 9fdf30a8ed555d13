"""Finds modules: several seeded runs of a method, one division from them, and how far the runs agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from netgraph.analysis.modules.agreement import adjusted_mutual_information, adjusted_rand, confidence, stability
from netgraph.analysis.modules.consensus import consensus
from netgraph.analysis.modules.gauges import agreement_of_gauges
from netgraph.analysis.modules.methods import METHODS, Question, clusters
from netgraph.analysis.modules.quality import (
    NULLS,
    Codes,
    check_layer_mass,
    check_resolution,
    inside_and_volume,
    ncut_of,
    weighted_pairs,
)
from netgraph.analysis.modules.result import NO_MODULE, Modules, by_size
from netgraph.analysis.modules.spectral import strengths
from netgraph.analysis.structure import Pair
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.graph import Graph

__all__ = ["METHODS", "NO_MODULE", "adjusted_rand", "modules", "stability"]

PICKS = ("best", "consensus")


def modules(
    graph: Graph,
    method: str = "layered",
    weight: str = "weight",
    seed: int = 0,
    runs: int = 10,
    layer_mass: str = "equal",
    resolution: float = 1.0,
    k: int | None = None,
    pick: str = "best",
    check_gauge: bool = False,
) -> Modules:
    """Divides the vertices into modules: groups with more |weight| inside than the layers' strengths explain.

    The method runs ``runs`` times from different seeds; the division of highest quality is given back (or the runs'
    consensus), together with the agreement of all runs. Structure is read from |weight|, bias edges left out. A vertex
    without edges belongs to no module and is labelled -1. Where nothing beats one single module, one single module is
    the answer, except of ``spectral``, which makes as many as it is told.
    The layered null explains all edges of a layer with one single vertex, so such a vertex may be a module of its own.

    Parameters
    ----------
    graph : any graph with at least one edge.
    method : "layered" maximises modularity under Barber's bipartite null in every pair of layers, on the blocks
        themselves where these are big; "leiden" and "louvain" maximise Newman's modularity, which on layered networks
        mostly sees depth; "spectral" makes k clusters of small normalised cut.
    weight : the edge column whose absolute value is taken.
    seed : the same seed gives the same modules.
    runs : number of runs, at least 1.
    layer_mass : "equal" counts every pair of layers the same, "weight" by its |weight| (layered only).
    resolution : γ of the null; above 1 gives smaller modules (not read by spectral).
    k : clusters of ``spectral``, by default 12, fewer in small graphs; the other methods find the number themselves.
    pick : "best", the run of highest quality, or "consensus" of all runs (Lancichinetti and Fortunato 2012).
    check_gauge : also run once on the balanced graph (the same function, its hidden ReLU units at other scales), put
        the agreement into ``settings["gauge_ami"]`` and warn where it is below .5.

    Returns
    -------
    Modules : ``labels`` (0 is the largest module), ``quality``, ``stability``, ``confidence``, ``table``, ``graph()``.

    Raises
    ------
    UnknownName : an unknown method, layer_mass, pick or edge column.
    AnalysisError : no edges; NaN weights; runs below 1; k for another method, or above the number of vertices with
        edges; more edges than leiden and louvain can list.

    Warns
    -----
    NetgraphWarning : modules of the balanced gauge are others (``check_gauge=True``); more groups of vertices than can
        be merged as wholes.

    References
    ----------
    M. Barber (2007), Modularity and community detection in bipartite networks. V. Traag, L. Waltman, N. J. van Eck
    (2019), From Louvain to Leiden. V. Blondel et al. (2008), Fast unfolding of communities in large networks.
    J. Shi, J. Malik (2000), Normalized cuts and image segmentation.

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
    if pick not in PICKS:
        raise unknown("pick", pick, PICKS)
    check_layer_mass(layer_mass)
    resolution = check_resolution(resolution)
    if runs < 1:
        raise AnalysisError(f"runs is {runs}; at least one run is needed")
    if k is not None and METHODS[method].null in NULLS:
        raise AnalysisError(f'k={k} is the number of clusters of method="spectral"; method="{method}" finds it')
    edges = weighted_pairs(graph, weight)
    question = Question(graph, edges, weight, layer_mass, resolution, k)
    run = METHODS[method].prepare(question)
    alive = strengths(edges, graph.n) > 0
    found = [by_size(run(f"{seed}/{i}"), alive) for i in range(runs)]
    codes, quality = _picked(question, method, pick, seed, found, alive)
    settings = {
        "method": method,
        "weight": weight,
        "signs": "absolute",
        "seed": seed,
        "runs": runs,
        "pick": pick,
        "layer_mass": layer_mass,
        "resolution": resolution,
        "without_edges": int((~alive).sum()),
    }
    if method == "spectral":
        settings["k"] = clusters(question)
    if check_gauge:

        def once(other: Graph) -> Modules:
            return modules(other, method, weight, seed, 1, layer_mass, resolution, k)

        settings["gauge_ami"] = agreement_of_gauges(graph, codes, found, once)
    sure = np.full(graph.n, np.nan)
    sure[alive] = confidence(codes[alive], [labels[alive] for labels in found])
    table = _table(graph, codes, edges)
    if runs > 1:
        table["confidence"] = [float(sure[codes == module].mean()) for module in table.index]
    return Modules(
        labels=pd.Series(codes, index=pd.Index(graph.ids, name="id"), name="module"),
        quality=quality,
        stability=stability([labels[alive] for labels in found]),
        table=table,
        qualities=_qualities(question, codes, alive),
        settings=settings,
        source=graph,
        confidence=pd.Series(sure, index=pd.Index(graph.ids, name="id"), name="confidence"),
        runs=np.stack(found),
    )


def _objective(question: Question, null: str) -> Callable[[Codes], float]:
    """A division -> the method's own objective."""
    graph, edges, _, layer_mass, resolution, _ = question

    def value(codes: Codes) -> float:
        dense = codes - codes.min(initial=0)  # bincount needs numbers from 0; vertices without edges weigh nothing
        if null not in NULLS:
            return ncut_of(graph, dense, edges)
        return NULLS[null](graph, dense, edges, layer_mass, resolution)

    return value


def _picked(
    question: Question,
    method: str,
    pick: str,
    seed: int,
    found: list[Codes],
    alive: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> tuple[Codes, float]:
    """The best run or the consensus, and its quality: one single module unless it is truly better."""
    null = METHODS[method].null
    value = _objective(question, null)
    if pick == "consensus":
        agreed = np.full(len(alive), NO_MODULE, dtype=np.int64)
        agreed[alive] = consensus([labels[alive] for labels in found], seed)
        found = [by_size(agreed, alive)]
    if null not in NULLS:
        best = min(found, key=value)
        return best, value(best)
    best = np.where(alive, 0, NO_MODULE)
    quality = value(best)
    for codes in found:
        other = value(codes)
        if other > quality + 1e-9:  # also hides the rounding by which equal runs differ
            best, quality = codes, other
    return best, quality


def _qualities(question: Question, codes: Codes, alive: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> dict[str, float]:
    """The same division measured in every way."""
    graph, edges, *_, resolution, _ = question
    dense = codes - codes.min(initial=0)
    depth = np.repeat(np.arange(len(graph.layers)), [layer.size for layer in graph.layers])
    return {
        "layered_equal": NULLS["layered"](graph, dense, edges, "equal", resolution),
        "layered_weight": NULLS["layered"](graph, dense, edges, "weight", resolution),
        "newman": NULLS["newman"](graph, dense, edges, "equal", resolution),
        "ncut": ncut_of(graph, dense, edges),
        "modules": int(codes.max(initial=-1)) + 1,
        "ami_layers": adjusted_mutual_information(codes[alive], depth[alive]),
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
