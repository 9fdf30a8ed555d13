"""The shape of a distribution of strengths: inequality, and how heavy its tail is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

_TRIED = 400
"""Thresholds that are tried where there are more values than that."""
_LEAST = 10
"""Values that a tail must have."""


class Tail(NamedTuple):
    """A power law x^-alpha from ``xmin`` on, its distance from the data (Kolmogorov & Smirnov), how many lie there."""

    alpha: float
    xmin: float
    ks: float
    number: int


def gini(values: Vector) -> float:
    """0 where all are equal, towards 1 where one has everything; values are 0 or more.

    >>> gini(np.array([1.0, 1.0, 1.0])), gini(np.array([0.0, 0.0, 0.0, 1.0]))
    (0.0, 0.75)
    """
    x, n = np.sort(values), len(values)
    total = x.sum()
    if not n or total == 0:
        return float("nan")
    return float(2 * (np.arange(1, n + 1) @ x) / (n * total) - (n + 1) / n)


def exponent(tail: Any, xmin: float) -> float:
    """The most likely exponent of values from ``xmin`` on: 1 + n / Σ ln(x / xmin) (Hill 1975)."""
    logs = float(np.log(np.asarray(tail) / xmin).sum())
    return 1 + len(tail) / logs if logs > 0 else float("nan")


def tail(values: Vector) -> Tail:
    """The power law that fits the largest values best.

    For every threshold the exponent of highest likelihood; of these the threshold whose fit is nearest to the data
    (Clauset, Shalizi & Newman 2009). A fit is no proof: look at its distance and at how few values it is of.
    """
    x = np.sort(values[values > 0])
    starts = np.unique(x, return_index=True)[1]
    starts = starts[len(x) - starts >= _LEAST]
    if len(starts) > _TRIED:
        starts = starts[np.linspace(0, len(starts) - 1, _TRIED).astype(int)]
    best = Tail(float("nan"), float("nan"), float("nan"), 0)
    for start in starts:
        part = x[start:]
        alpha = exponent(part, float(part[0]))
        if not np.isfinite(alpha):
            continue
        ks = distance(part, alpha)
        if not best.number or ks < best.ks:
            best = Tail(alpha, float(part[0]), ks, len(part))
    return best


def distance(part: Vector, alpha: float) -> float:
    """The largest difference of the two cumulative distributions; ``part`` is sorted and begins at xmin."""
    n = len(part)
    fitted = 1 - (part / part[0]) ** (1 - alpha)
    steps = np.arange(n)
    return float(max(np.abs(fitted - steps / n).max(), np.abs(fitted - (steps + 1) / n).max()))
