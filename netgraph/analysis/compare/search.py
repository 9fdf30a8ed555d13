"""The matching of units: for each layer the best assignment while all others hold, until none can do better.

Weight matching (Ainsworth, Hayase & Srinivasa 2023, Git Re-Basin) from several starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linear_sum_assignment

from netgraph.analysis.compare.classes import Order, Problem
from netgraph.analysis.compare.pairing import NONE
from netgraph.analysis.compare.sheets import Numbers, Sheet
from netgraph.analysis.compare.signatures import by_signature

Array = np.ndarray[Any, Any]

ROUNDS = 100
EXACT = 1e-9
"""A mean cosine this close to 1 is a copy: no other start can do better."""
BETTER = 1e-12


@dataclass(frozen=True)
class Found:
    """The best matching of several starts.

    Attributes
    ----------
    order : class -> the second's feature in the place of each of the first's.
    similarity : mean cosine of the learned blocks under it.
    start : which start led to it.
    rounds : how many rounds that took.
    """

    order: Order
    similarity: float
    start: str
    rounds: int


def search(problem: Problem, restarts: int, seed: int) -> Found:
    """The best matching from: signatures, the order as it is, forwards, backwards, and ``restarts`` at random."""
    best: Found | None = None
    for name, start in _starts(problem, restarts, seed):
        order, rounds = descend(problem, start())
        similarity = problem.similarity(order)
        if best is None or similarity > best.similarity + BETTER:
            best = Found(order, similarity, name, rounds)
        if best.similarity >= 1 - EXACT:
            break
    assert best is not None
    return best


def _starts(problem: Problem, restarts: int, seed: int) -> Iterator[tuple[str, Callable[[], Order]]]:
    yield "signatures", lambda: by_signature(problem, seed)
    yield "as it is", lambda: _as_it_is(problem)
    yield "forwards", lambda: _greedy(problem, list(problem.free))
    yield "backwards", lambda: _greedy(problem, list(problem.free)[::-1])
    for number in range(restarts):
        rng = np.random.default_rng([seed, 2, number])
        yield f"random {number + 1}", lambda rng=rng: _random(problem, rng)  # type: ignore[misc]


def _as_it_is(problem: Problem) -> Order:
    order = problem.empty()
    for name, (one, two) in problem.free.items():
        both = min(one, two)
        order[name][:both] = np.arange(both)
    return order


def _greedy(problem: Problem, names: list[str]) -> Order:
    """Class after class by what is matched already: unmatched features weigh nothing."""
    order = problem.empty()
    for name in names:
        order[name] = assigned(problem.gains(name, order))
    return order


def _random(problem: Problem, rng: np.random.Generator) -> Order:
    order = problem.empty()
    for name, (one, two) in problem.free.items():
        order[name] = assigned(rng.random((one, two)))
    return order


def assigned(gains: Array) -> Numbers:
    """(rows,) the column of each row in the assignment of largest sum; -1 where there are fewer columns."""
    out = np.full(gains.shape[0], NONE, dtype=np.int64)
    rows, columns = linear_sum_assignment(gains, maximize=True)
    out[rows] = columns
    return out


def descend(problem: Problem, order: Order) -> tuple[Order, int]:
    """Each class's best assignment in turn; only what raises the score is taken, so that it ends."""
    order = dict(order)
    rounds, moved = 0, True
    while moved and rounds < ROUNDS:
        rounds, moved = rounds + 1, False
        for name in problem.free:
            gains = problem.gains(name, order)
            new = {**order, name: assigned(gains)}
            if problem.raised(name, gains, order, new) > BETTER:
                order, moved = new, True
    return order, rounds


def by_chance(problem: Problem, samples: int, restarts: int, seed: int) -> list[float]:
    """What the same search finds where units have nothing in common: the mean cosines with shuffled second graphs.

    Of every block that was learned, each source's weights go to other targets (a kernel as a whole), where the targets
    are free; where they are outputs, each target's to other sources. So inputs that weigh little still do.
    """
    found = []
    for number in range(samples):
        rng = np.random.default_rng([seed, 3, number])
        sheets = tuple(_shuffled(one, problem, rng) for one in problem.sheets)
        biases = {name: (one, rng.permutation(two)) for name, (one, two) in problem.biases.items()}
        found.append(search(replace(problem, sheets=sheets, biases=biases), restarts, seed).similarity)
    return found


def _shuffled(one: Sheet, problem: Problem, rng: np.random.Generator) -> Sheet:
    side = one.two
    if not one.learned:
        return one
    if one.ties:  # kernels of single channels: each goes to another channel as it is
        features = rng.permutation(side.targets)
        rows, columns = (
            (features[:, None] * places + np.arange(places)).ravel() for places in (side.to_places, side.since_places)
        )
        return replace(one, two=replace(side, matrix=side.matrix[rows][:, columns]))
    to_targets = problem.of[one.target] in problem.free
    if sp.issparse(side.matrix):
        matrix = sp.csr_array(side.matrix, copy=True)
        matrix.data = rng.permutation(matrix.data)
    else:
        whole = side.matrix.reshape(side.targets, side.to_places, side.sources, side.since_places)
        axis = 0 if to_targets else 2
        places = rng.permuted(
            np.broadcast_to(np.arange(whole.shape[axis]), (whole.shape[2 - axis], whole.shape[axis])), axis=1
        )
        places = places.T[:, None, :, None] if to_targets else places[:, None, :, None]
        matrix = np.take_along_axis(whole, places, axis=axis).reshape(side.matrix.shape)
    return replace(one, two=replace(side, matrix=matrix))
