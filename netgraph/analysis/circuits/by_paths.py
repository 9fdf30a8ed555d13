"""A circuit as the union of the strongest paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from netgraph.analysis.circuits.selection import Chosen, Question
from netgraph.analysis.paths import paths
from netgraph.errors import AnalysisError

Array = np.ndarray[Any, Any]

MOST = 1 << 16
"""Paths that are looked at before what they hold is taken as it is."""


def strongest_paths(question: Question, target: Iterable[str], count: int) -> Chosen:
    """The edges of the strongest paths into the target, as many paths as ``count`` edges hold.

    Paths are ranked as :func:`netgraph.paths` ranks them with ``weight="attribution"``. At least one is taken.
    """
    edges, graph = question.edges, question.edges.graph
    if count < 1:
        raise AnalysisError(f"edges is {count}; ask for at least one edge")
    number = {identifier: i for i, identifier in enumerate(graph.ids.tolist())}
    real = np.flatnonzero(edges.real)
    code = edges.source[real] * graph.n + edges.target[real]
    order = np.argsort(code, kind="stable")
    code, real = code[order], real[order]
    k, chosen = 64, np.zeros(0, dtype=np.int64)
    ends = [target] if isinstance(target, str) else list(target)
    while True:
        found = paths(graph, ends, k=k, weight="attribution")
        chosen, full = np.zeros(0, dtype=np.int64), False
        for path in found["vertices"]:
            steps = np.array([number[v] for v in path])
            wanted = steps[:-1] * graph.n + steps[1:]
            spans = [real[np.searchsorted(code, w) : np.searchsorted(code, w, side="right")] for w in wanted]
            more = np.union1d(chosen, np.concatenate(spans))
            if len(more) > count and len(chosen):
                full = True
                break
            chosen = more
        if full or len(found) < k or k >= MOST:
            return Chosen(question.ways.live(chosen), len(chosen))
        k *= 8
