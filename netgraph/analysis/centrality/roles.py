"""What a vertex does between modules: participation and within-module z-score (Guimerà and Amaral 2005)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.streams import streams
from netgraph.analysis.structure import Vector
from netgraph.errors import AnalysisError
from netgraph.graph.columns import vertex_column
from netgraph.graph.graph import Graph


def participation(graph: Graph, weight: str | None, module: Any = None) -> Vector:
    """1 − Σ_c (k_ic/k_i)²: 0 where all strength goes to one module, towards 1 where it is spread; 0 without edges.

    k_ic is the strength between vertex i and module c, over in- and out-edges.
    """
    to = _strengths(graph, weight, *_modules(graph, module))
    total = to.sum(axis=1)
    parts = np.divide(to, total[:, None], out=np.zeros_like(to), where=total[:, None] > 0)
    return np.where(total > 0, 1 - (parts**2).sum(axis=1), 0.0)


def within_module_z(graph: Graph, weight: str | None, module: Any = None) -> Vector:
    """(k_ic − mean)/sd over the vertices of i's own module c; 0 where all are equal. The sd is the population's."""
    number, count = _modules(graph, module)
    inside = _strengths(graph, weight, number, count)[np.arange(graph.n), number]
    z = np.zeros(graph.n)
    for c in range(count):
        values = inside[number == c]
        spread = values.std()
        if spread > 1e-12 * np.abs(values).max(initial=0.0):
            z[number == c] = (values - values.mean()) / spread
    return z


def _modules(graph: Graph, module: Any) -> tuple[Any, int]:
    """(number of each vertex's module, how many there are)."""
    if module is None or isinstance(module, str):
        column = module or "module"
        if column not in graph.columns:
            raise AnalysisError(
                f"this measure needs modules, and the graph has no vertex column {column!r}: pass "
                "module=ng.modules(graph).labels, or use the graph that ng.modules(graph).graph() gives"
            )
        values = graph.columns[column]
    else:
        values = vertex_column(graph, "module", module)
    missing = np.asarray(pd.isna(values))
    if missing.any():
        raise AnalysisError(
            f"vertex {graph.ids[np.flatnonzero(missing)[0]]!r} has no module; every vertex needs one: "
            "leave such vertices out with graph.select, or give them a module of their own"
        )
    numbers, known = pd.factorize(np.asarray(values), sort=False)
    return numbers, len(known)


def _strengths(graph: Graph, weight: str | None, number: Any, count: int) -> Any:
    """(n, modules) strength between each vertex and each module."""
    edges = streams(graph, weight)
    to = np.zeros((graph.n, count))
    for c in range(count):
        inside = (number == c).astype(np.float64)
        for stream in edges:
            source, target = inside[stream.source.vertices], inside[stream.target.vertices]
            if source.any():
                to[stream.target.vertices, c] += stream.gather(source)
            if target.any():
                to[stream.source.vertices, c] += stream.scatter(target)
    return to
