"""Layers for the vertices of any acyclic graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from netgraph.errors import GraphError

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Plan:
    """Layers in topological order: the number of each vertex's layer, their names, and whether these were given."""

    layer: Array
    names: list[str]
    given: bool


def layers_of(ids: Array, column: pd.Series[Any] | None, source: Array, target: Array) -> Plan:
    """The layers that a column names where all edges then run forward; otherwise the depths.

    Raises
    ------
    GraphError : the edges run in a circle, which is spelled out.
    """
    if column is not None and column.notna().all() and (plan := _by_column(column, source, target)):
        return plan
    depth = depths(len(ids), source, target)
    if (depth < 0).any():
        circle = " -> ".join(str(ids[v]) for v in _circle(depth, source, target))
        raise GraphError(
            f"the edges run in a circle: {circle}; a layered graph needs edges that all run forward: "
            "drop one of these, or pass directed=False for a graph whose directions mean nothing"
        )
    return Plan(depth, [f"layer_{i}" for i in range(int(depth.max(initial=-1)) + 1)], given=False)


def depths(n: int, source: Array, target: Array) -> Array:
    """Number of edges on the longest way to each vertex; -1 on a circle and behind it.

    Wave by wave (Kahn, 1962): a vertex is done one wave after the last of those that it reads.

    >>> depths(4, np.array([0, 0, 1]), np.array([1, 2, 2])).tolist()
    [0, 1, 2, 0]
    """
    follows = sp.csr_array((np.ones(len(source), dtype=np.int64), (source, target)), shape=(n, n))
    waiting = np.bincount(target, minlength=n)
    depth = np.full(n, -1, dtype=np.int64)
    wave, at = np.flatnonzero(waiting == 0), 0
    while len(wave):
        depth[wave] = at
        rows = follows[wave]
        reached = np.unique(rows.indices)
        waiting[reached] -= np.bincount(rows.indices, weights=rows.data, minlength=n)[reached].astype(np.int64)
        wave, at = reached[waiting[reached] == 0], at + 1
    return depth


def _by_column(column: pd.Series[Any], source: Array, target: Array) -> Plan | None:
    import pandas as pd

    codes, values = pd.factorize(column)
    names = [str(value) if isinstance(value, str) else f"layer_{value}" for value in values]
    reads, makes = codes[source], codes[target]
    depth = depths(len(names), reads, makes)
    if len(set(names)) < len(names) or (depth < 0).any():
        return None
    rank = np.arange(len(names))
    if (reads > makes).any():
        rank[np.argsort(depth, kind="stable")] = np.arange(len(names))
    ordered = [names[i] for i in np.argsort(rank)]
    return Plan(rank[codes], ordered, given=True)


def _circle(depth: Array, source: Array, target: Array) -> list[int]:
    """One circle, in the edges' direction: walking backward among the vertices left over must meet itself."""
    left = (depth[source] < 0) & (depth[target] < 0)
    before = dict(zip(target[left].tolist(), source[left].tolist(), strict=True))
    path = [next(iter(before))]
    while path[-1] not in path[:-1]:
        path.append(before[path[-1]])
    return path[path.index(path[-1]) :][::-1]
