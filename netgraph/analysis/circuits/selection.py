"""Which edges a circuit keeps: an order in which they join, and where it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from netgraph.analysis.circuits.dangling import Ways
from netgraph.analysis.circuits.ranking import by_size, from_output
from netgraph.errors import AnalysisError
from netgraph.graph.flat import FlatEdges

Array = np.ndarray[Any, Any]
Judgement = Callable[[Array], float]
"""Edges (numbers) -> the faithfulness of the circuit that they are."""


@dataclass(frozen=True)
class Question:
    """What a method chooses from.

    Attributes
    ----------
    edges : of the whole graph.
    key : (size,) what edges are ranked by, at least 0; 0 for what does nothing or is no edge.
    ways : which edges lead from inputs to the target.
    """

    edges: FlatEdges
    key: Array
    ways: Ways


@dataclass(frozen=True)
class Chosen:
    """What was chosen: numbers of edges, and how many there were before dangling ones were dropped."""

    edges: Array
    before: int


def greedy(question: Question) -> Array:
    """Growing from the target: always the largest edge that enters what is there."""
    return from_output(question.edges, question.key, question.ways.ends)


def top(question: Question) -> Array:
    """The largest |score| first."""
    return by_size(question.edges, question.key)


ROUNDING = 1e-6
"""A circuit that is this much less faithful than was asked for is faithful enough: sums in float32 are no closer."""
ORDERS: dict[str, Callable[[Question], Array]] = {"greedy": greedy, "top": top}
"""Methods that give an order, whose beginning of any length is a circuit."""


def first(question: Question, order: Array, count: int) -> Chosen:
    """The longest beginning of an order whose live part has at most ``count`` edges.

    Where even the smallest live part is larger (a path has several edges), that one is taken.
    """
    _something(order)
    if count < 1:
        raise AnalysisError(f"edges is {count}; ask for at least one edge")

    def live(length: int) -> Array:
        return question.ways.live(order[:length])

    # A longer beginning holds the shorter one, so its live part does too: the length can be searched by halving.
    low, high = min(count, len(order)), len(order) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(live(middle)) <= count else (low, middle)
    found = live(low)
    if len(found) == 0 and high <= len(order):
        low, found = high, live(high)
    return Chosen(_connected(found), low)


def faithful(question: Question, order: Array, wanted: float, judge: Judgement) -> Chosen:
    """The smallest beginning found whose faithfulness is at least ``wanted``: doubled until it is, then halved between.

    Faithfulness need not grow with every edge, so a smaller one may exist.
    """
    _something(order)
    if not 0 < wanted <= 1:
        raise AnalysisError(f"faithfulness={wanted}: expected a share above 0 and up to 1")

    def enough(live: Array) -> bool:
        return len(live) > 0 and judge(live) >= wanted - ROUNDING

    lengths, length = [], 1
    while length < len(order):
        lengths.append(length)
        length *= 2
    lengths.append(len(order))
    below = 0
    for length in lengths:
        live = question.ways.live(order[:length])
        if enough(live):
            break
        below = length
    else:
        reached = judge(_connected(question.ways.live(order)))
        raise AnalysisError(
            "faithfulness is undefined at these inputs: ablating every edge leaves the target's mean unchanged; pass "
            "labels of several classes, or corrupted='zero'"
            if np.isnan(reached)
            else f"no beginning of this order is faithful to {wanted}: all {len(order):,} edges that score reach "
            f"{reached:.3f}; ask for less, or take another score"
        )
    while length - below > max(1, length // 100):
        middle = (below + length) // 2
        live = question.ways.live(order[:middle])
        below, length = (below, middle) if enough(live) else (middle, length)
    return Chosen(question.ways.live(order[:length]), length)


def threshold(question: Question, least: float) -> Chosen:
    """Every edge whose |score| is at least ``least``."""
    if not least > 0:
        raise AnalysisError(f"threshold={least}: expected a positive |score|")
    order = top(question)
    _something(order)
    count = int(np.count_nonzero(question.key[order] >= least))
    if count == 0:
        raise AnalysisError(f"no edge scores {least} or more; the largest |score| is {question.key[order[0]]:.6g}")
    return Chosen(_connected(question.ways.live(order[:count])), count)


def cumulative(question: Question, share: float) -> Chosen:
    """The fewest edges that hold a share of Σ|score|."""
    if not 0 < share <= 1:
        raise AnalysisError(f"share={share}: expected a share of Σ|score| above 0 and up to 1")
    order = top(question)
    _something(order)
    held = np.cumsum(question.key[order])
    count = min(int(np.searchsorted(held, share * held[-1] * (1 - 1e-12))) + 1, len(order))
    return Chosen(_connected(question.ways.live(order[:count])), count)


def _something(order: Array) -> None:
    if len(order) == 0:
        raise AnalysisError(
            "every edge scores exactly 0: at these inputs nothing flows to this target, there is no circuit (where "
            "there is a single input, its mean is itself: pass more inputs, reference= others, or corrupted='zero')"
        )


def _connected(found: Array) -> Array:
    if len(found) == 0:
        raise AnalysisError("no chosen edge lies on a way from an input to an output; take more edges or another score")
    return found
