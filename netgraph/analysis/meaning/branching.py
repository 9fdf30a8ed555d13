"""Branches of a network: groups of channels and parallel paths that meet only where everything meets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from netgraph.analysis.meaning.agreeing import NO_MODULE, agreement
from netgraph.analysis.structure import Pair, pairs
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]


def branches(graph: Graph) -> pd.Series[int]:
    """The branch that every vertex belongs to, -1 for the trunk.

    The trunk is every layer that all ways from the first to the last layers pass and that mixes: whose edges, on one
    side at least, tie all its vertices together. Without the trunk, what still hangs together is a branch: the groups
    of grouped convolutions, the parallel convolutions of an Inception block.

    Examples
    --------
    >>> import numpy as np, netgraph as ng
    >>> two = np.kron(np.eye(2), np.ones((2, 2)))  # two groups of two units
    >>> branches(ng.Graph.from_matrices([np.ones((4, 3)), two, np.ones((2, 4))])).tolist()
    [-1, -1, -1, 0, 0, 1, 1, 0, 0, 1, 1, -1, -1]
    """
    edges = pairs(graph, None, bias=False)
    if not edges:
        raise AnalysisError("the graph has no edges, so it has no branches")
    trunk = np.ones(graph.n, dtype=bool)
    split = {name: _splits(edges, name) for name in {p.source.name for p in edges} | {p.target.name for p in edges}}
    passed = _passed_by_all(graph, edges)
    for layer in graph.layers:
        if layer.name in split:
            trunk[layer.vertices] = layer.name in passed and not split[layer.name]
    rows, columns = [], []
    for pair in edges:
        entries = sp.coo_array(pair.matrix)
        rows.append(entries.row + pair.target.start)
        columns.append(entries.col + pair.source.start)
    row, column = np.concatenate(rows), np.concatenate(columns)
    kept = ~trunk[row] & ~trunk[column]
    ties = sp.coo_array((np.ones(int(kept.sum())), (row[kept], column[kept])), shape=(graph.n, graph.n))
    found = connected_components(ties, directed=False)[1]
    labels = np.full(graph.n, NO_MODULE, dtype=np.int64)
    labels[~trunk] = pd.factorize(found[~trunk])[0]
    return pd.Series(labels, index=pd.Index(graph.ids, name="id"), name="branch")


def _splits(edges: list[Pair], name: str) -> bool:
    """Whether some block ties the vertices of a layer together in two groups or more."""
    return any(_groups(pair.matrix) > 1 for pair in edges if name in (pair.source.name, pair.target.name))


def _groups(matrix: Any) -> int:
    """Groups of targets and sources that the edges tie together, those without any edge left out."""
    entries = sp.coo_array(matrix)
    n, m = entries.shape
    ties = sp.coo_array((np.ones(entries.nnz), (entries.row, entries.col + n)), shape=(n + m, n + m))
    labels = connected_components(ties, directed=False)[1]
    return len(np.unique(labels[np.unique(entries.row)]))


def _passed_by_all(graph: Graph, edges: list[Pair]) -> set[str]:
    """Layers without which no way leads from a first layer to a last one."""
    after: dict[str, list[str]] = {}
    for pair in edges:
        after.setdefault(pair.source.name, []).append(pair.target.name)
    targets = {pair.target.name for pair in edges}
    first = {pair.source.name for pair in edges} - targets
    last = targets - set(after)

    def reaches(without: str) -> bool:
        seen, stack = set(first) - {without}, [name for name in first if name != without]
        while stack:
            for name in after.get(stack.pop(), ()):
                if name != without and name not in seen:
                    seen.add(name)
                    stack.append(name)
        return bool(seen & last)

    return {name for name in targets | first if not reaches(name)}


def _by_depth(graph: Graph, kept: Array) -> list[Array]:
    """The kept vertices of every depth."""
    depth = np.zeros(graph.n, dtype=np.int64)
    for pair in pairs(graph, None, bias=False):  # in the order of their targets
        behind = int(depth[pair.source.start]) + 1
        depth[pair.target.vertices] = np.maximum(depth[pair.target.vertices], behind)
    return [np.flatnonzero(kept & (depth == d)) for d in range(int(depth.max()) + 1)]


def specialisation(graph: Graph, labels: Any, samples: int = 999, seed: int = 0) -> dict[str, float]:
    """Whether modules follow the branches of the network, against modules shuffled between vertices of one depth.

    A depth is how many layers lie on the longest way to a vertex, so parallel branches are shuffled with each other.

    Parameters
    ----------
    graph : with two branches or more.
    labels : :class:`netgraph.Modules`, or labels by vertex.
    samples : shuffles.
    seed : of the shuffles.

    Returns
    -------
    A dict: ``ami`` (adjusted mutual information of modules and branches, trunk left out), ``mean`` and ``sd`` (ddof=0)
    of the shuffles, ``z``, ``p`` = (1 + #at least as large)/(samples + 1), ``branches`` (their number).

    Raises
    ------
    AnalysisError : a network without branches.

    Examples
    --------
    >>> import numpy as np, netgraph as ng
    >>> two = np.kron(np.eye(2), np.ones((3, 3)))
    >>> graph = ng.Graph.from_matrices([np.ones((6, 2)), two, two, np.ones((2, 6))])
    >>> found = specialisation(graph, branches(graph), samples=99)
    >>> found["ami"], found["p"]
    (1.0, 0.01)
    """
    branch = branches(graph)
    if branch.max() < 1:
        raise AnalysisError("this network has no two branches: its layers all mix, and none runs beside another")
    given = getattr(labels, "labels", labels)
    given = given if isinstance(given, pd.Series) else pd.Series(np.asarray(given), index=branch.index)
    module = given.reindex(branch.index).fillna(NO_MODULE).to_numpy()
    own, rng, shuffled = agreement(module, branch.to_numpy()), np.random.default_rng(seed), []
    alike = _by_depth(graph, branch.to_numpy() != NO_MODULE)
    for _ in range(samples):
        mixed = module.copy()
        for vertices in alike:
            mixed[vertices] = rng.permutation(module[vertices])
        shuffled.append(agreement(mixed, branch.to_numpy()))
    chance = np.array(shuffled)
    spread = float(chance.std())
    return {
        "ami": own,
        "mean": float(chance.mean()),
        "sd": spread,
        "z": (own - float(chance.mean())) / spread if spread > 0 else float("nan"),
        "p": (1 + int((chance >= own - 1e-12).sum())) / (samples + 1),
        "branches": int(branch.max()) + 1,
    }
