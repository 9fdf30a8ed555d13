"""Automatic circuit discovery: every edge is tried, from the output back, and left out where nothing changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgraph.analysis.circuits.judging import Judge
from netgraph.analysis.circuits.protocol import Outcome
from netgraph.analysis.circuits.selection import Chosen, Question
from netgraph.errors import AnalysisError

Array = np.ndarray[Any, Any]


def acdc(question: Question, judge: Judge, tau: float) -> Chosen:
    """Edges whose removal, one after the other, moves the target by τ or more.

    Layer by layer from the output back, each edge that is still there is cut, the smallest |score| first; it stays cut
    where the mean squared change of the target against the full network, over all inputs, grows by less than τ. Two
    exits come early: an edge that leads nowhere any more is cut untried, and so is one that scores exactly 0.
    Everything before the edge that is tried is still whole, so a run starts there.

    A. Conmy et al. (2023), Towards automated circuit discovery for mechanistic interpretability.
    """
    if not tau >= 0:
        raise AnalysisError(f"threshold={tau}: acdc needs a τ of at least 0, a change that does not count")
    edges, graph = question.edges, question.edges.graph
    full = judge.full
    kept = np.ones(edges.size, dtype=bool)
    lost = 0.0
    place = {layer.name: i for i, layer in enumerate(graph.layers)}
    needed = np.zeros(graph.n, dtype=bool)
    needed[question.ways.ends] = True
    blocks = sorted(range(len(graph.blocks)), key=lambda i: (place[graph.blocks[i].target], i), reverse=True)
    for i in blocks:
        mine = np.arange(edges.starts[i], edges.starts[i + 1])
        mine = mine[edges.real[mine]]
        for edge in mine[np.argsort(question.key[mine], kind="stable")]:
            kept[edge] = False
            if question.key[edge] == 0 or not needed[edges.target[edge]]:
                continue
            now = _change(full, judge.without(np.flatnonzero(~kept)))
            if now - lost < tau:
                lost = now
            else:
                kept[edge] = True
                needed[edges.source[edge]] = True
    chosen = np.flatnonzero(kept & edges.real)
    live = question.ways.live(chosen)
    if len(live) == 0:
        whole = _change(full, judge.nothing)
        raise AnalysisError(
            f"threshold={tau:g} leaves no way from an input to the target: all edges together move it by {whole:.3g} "
            "(mean square), so take a τ far below that"
        )
    return Chosen(live, len(chosen))


def _change(full: Outcome, cut: Outcome) -> float:
    return float(((full.values - cut.values) ** 2).mean())
