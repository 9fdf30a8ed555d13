"""How good a division into modules is: modularity under two nulls, and the normalised cut, on blocks alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from netgraph.analysis.structure import Pair, Vector, pairs
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.graph import Graph

Codes = npt.NDArray[np.int64]
LAYER_MASS = ("equal", "weight")


def modularity(
    graph: Graph,
    labels: Any,
    null: str = "layered",
    layer_mass: str = "equal",
    weight: str = "weight",
    resolution: float = 1.0,
) -> float:
    """How much more |weight| lies inside the modules than a null model expects.

    With W the |weight| between two layers, r and c its row and column sums, m its total, and P pairs of layers:

    - ``null="layered"``, ``layer_mass="equal"``: Q = 1/P Σ_pairs Σ_ij (W_ij/m − γ r_i c_j/m²) δ(label_i, label_j);
    - ``null="layered"``, ``layer_mass="weight"``: the same with every pair counted by its share m/Σm;
    - ``null="newman"``: Q = Σ_modules [inside/m − γ (volume/2m)²] of the undirected graph.

    Bias edges are left out.

    Parameters
    ----------
    graph : any graph.
    labels : one module label per vertex: a Series indexed by vertex id, or an array (n,) in vertex order.
    null : "layered" (Barber's bipartite null in every pair of layers) or "newman".
    layer_mass : "equal" or "weight"; read by the layered null only.
    weight : the edge column whose absolute value is taken.
    resolution : γ; above 1 asks for smaller modules.

    Returns
    -------
    The modularity; at most 1.

    Raises
    ------
    AnalysisError : labels that do not fit the graph; a graph without edges.
    UnknownName : an unknown null, layer_mass or edge column.

    References
    ----------
    M. Barber (2007), Modularity and community detection in bipartite networks. M. Newman (2006), Modularity and
    community structure in networks.

    Examples
    --------
    >>> import numpy as np, netgraph as ng
    >>> block = np.kron(np.eye(2), np.ones((2, 2)))  # two modules of two units a layer
    >>> g = ng.Graph.from_matrices([block, block])
    >>> ng.modularity(g, [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1])
    0.5
    """
    if null not in NULLS:
        raise unknown("null", null, NULLS)
    check_layer_mass(layer_mass)
    return NULLS[null](
        graph, codes_of(graph, labels), weighted_pairs(graph, weight), layer_mass, check_resolution(resolution)
    )


def ncut(graph: Graph, labels: Any, weight: str = "weight") -> float:
    """The normalised cut of a division: Σ_modules cut/volume, on the undirected |weight|.

    The cut of a module is the |weight| between it and the rest, its volume the summed strength of its vertices.
    Bias edges and vertices without edges count for nothing.

    Parameters
    ----------
    graph : any graph.
    labels : one module label per vertex: a Series indexed by vertex id, or an array (n,) in vertex order.
    weight : the edge column whose absolute value is taken.

    Returns
    -------
    Between 0 (nothing is cut) and the number of modules.

    Raises
    ------
    AnalysisError : labels that do not fit the graph; a graph without edges.

    References
    ----------
    J. Shi, J. Malik (2000), Normalized cuts and image segmentation. D. Filan et al. (2021), Clusterability in neural
    networks.

    Examples
    --------
    >>> import numpy as np, netgraph as ng
    >>> g = ng.Graph.from_matrices([np.eye(2)])
    >>> ng.ncut(g, [0, 1, 0, 1]), ng.ncut(g, [0, 0, 1, 1])
    (0.0, 2.0)
    """
    return ncut_of(graph, codes_of(graph, labels), weighted_pairs(graph, weight))


def ncut_of(graph: Graph, codes: Codes, edges: list[Pair]) -> float:
    """:func:`ncut` of modules that are numbered from 0."""
    inside, volume = inside_and_volume(graph, codes, edges)
    alive = volume > 0
    return float(np.sum((volume[alive] - 2 * inside[alive]) / volume[alive]))


def weighted_pairs(graph: Graph, weight: str) -> list[Pair]:
    """The |weight| between every two layers, biases out; an error where there is nothing."""
    edges = [pair for pair in pairs(graph, weight, bias=False) if pair.total > 0]
    if not edges:
        raise AnalysisError(
            f"the graph has no edge with {weight!r} other than 0 (bias edges left out), so it has no modules"
        )
    return edges


def codes_of(graph: Graph, labels: Any) -> Codes:
    """Labels as numbers 0 … k-1 in vertex order."""
    if isinstance(labels, pd.Series):
        labels = _by_id(graph, labels)
    flat = np.asarray(labels)
    if flat.shape != (graph.n,):
        raise AnalysisError(f"labels have shape {flat.shape}; expected one per vertex, ({graph.n},), in vertex order")
    if pd.isna(flat).any():
        missing = graph.ids[np.flatnonzero(pd.isna(flat))[0]]
        raise AnalysisError(f"vertex {missing!r} has no label (NaN); give every vertex one")
    return np.asarray(pd.factorize(flat)[0], dtype=np.int64)


def numbered(labels: Codes) -> Codes:
    """The same division in numbers from 0 without gaps."""
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64)


def _by_id(graph: Graph, labels: pd.Series[Any]) -> npt.NDArray[Any]:
    ids = pd.Index(graph.ids)
    if labels.index.has_duplicates:
        raise AnalysisError(f"labels name the vertex {labels.index[labels.index.duplicated()][0]!r} more than once")
    for vertex in labels.index.difference(ids, sort=False):
        raise unknown(
            "vertex", vertex, graph.ids, " in labels (a Series is read by vertex id, an array in vertex order)"
        )
    absent = ids.difference(labels.index, sort=False)
    if len(absent):
        raise AnalysisError(
            f"labels lack {len(absent)} of {graph.n} vertices, {absent[0]!r} first; give every vertex one"
        )
    return np.asarray(labels.reindex(ids))


def check_layer_mass(layer_mass: str) -> None:
    if layer_mass not in LAYER_MASS:
        raise unknown("layer_mass", layer_mass, LAYER_MASS)


def check_resolution(resolution: float) -> float:
    if not (np.isfinite(resolution) and resolution >= 0):
        raise AnalysisError(f"resolution is {resolution}; it must be a number from 0 up (1 is the usual one)")
    return float(resolution)


def inside_and_volume(graph: Graph, codes: Codes, edges: list[Pair]) -> tuple[Vector, Vector]:
    """|weight| inside every module, and the summed strength of its vertices."""
    k = int(codes.max(initial=-1)) + 1
    inside, volume = np.zeros(k), np.zeros(k)
    for pair in edges:
        target, source = codes[pair.target.vertices], codes[pair.source.vertices]
        inside += np.bincount(target, _to_own(pair, target, source, k), minlength=k)
        volume += np.bincount(target, pair.rows, minlength=k) + np.bincount(source, pair.columns, minlength=k)
    return inside, volume


def _to_own(pair: Pair, target: Codes, source: Codes, k: int) -> Vector:
    """|weight| that every target gets from sources of its own module, (n_target,)."""
    member = sp.csr_array((np.ones(len(source)), (np.arange(len(source)), source)), shape=(len(source), k))
    to_module = pair.matrix @ member  # (n_target, k): one pass over the block, whatever k
    if sp.issparse(to_module):
        to_module = to_module.toarray()
    return np.asarray(to_module[np.arange(len(target)), target], dtype=np.float64)


def _newman(graph: Graph, codes: Codes, edges: list[Pair], layer_mass: str, resolution: float) -> float:
    inside, volume = inside_and_volume(graph, codes, edges)
    total = sum(pair.total for pair in edges)
    return float(inside.sum() / total - resolution * np.sum((volume / (2 * total)) ** 2))


def _layered(graph: Graph, codes: Codes, edges: list[Pair], layer_mass: str, resolution: float) -> float:
    k = int(codes.max(initial=-1)) + 1
    shares = pair_shares(edges, layer_mass)
    quality = 0.0
    for pair, share in zip(edges, shares, strict=True):
        target, source = codes[pair.target.vertices], codes[pair.source.vertices]
        # Divided first: products of very small or large weights would leave the range of floats.
        into = np.bincount(target, pair.rows, minlength=k) / pair.total
        out = np.bincount(source, pair.columns, minlength=k) / pair.total
        quality += share * (_to_own(pair, target, source, k).sum() / pair.total - resolution * (into @ out))
    return float(quality)


def pair_shares(edges: list[Pair], layer_mass: str) -> list[float]:
    """What each pair of layers counts for; adds up to 1."""
    if layer_mass == "equal":
        return [1 / len(edges)] * len(edges)
    total = sum(pair.total for pair in edges)
    return [pair.total / total for pair in edges]


NULLS: dict[str, Callable[[Graph, Codes, list[Pair], str, float], float]] = {"layered": _layered, "newman": _newman}
