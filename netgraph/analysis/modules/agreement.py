"""How far divisions agree: two of them, all runs of a method, and every vertex's runs with the division given back."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import gammaln

from netgraph.analysis.modules.quality import Codes
from netgraph.analysis.structure import Vector

Counts = np.ndarray[Any, Any]


def adjusted_rand(a: Codes, b: Codes) -> float:
    """The adjusted Rand index of two divisions (Hubert and Arabie 1985): 1 for equal ones, 0 expected by chance.

    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    """

    def together(counts: Counts) -> float:
        return float((counts * (counts - 1.0)).sum() / 2)

    table = contingency(a, b)
    both, in_a, in_b = together(table), together(table.sum(axis=1)), together(table.sum(axis=0))
    every = len(a) * (len(a) - 1) / 2
    expected = in_a * in_b / every if every else 0.0
    ceiling = (in_a + in_b) / 2
    return 1.0 if ceiling == expected else (both - expected) / (ceiling - expected)


def adjusted_mutual_information(a: Codes, b: Codes) -> float:
    """The mutual information of two divisions less chance's, over its ceiling: 1 for equal ones, 0 by chance.

    (MI − E[MI]) / ((H(a) + H(b))/2 − E[MI]), E over all divisions with modules of the same sizes.

    References
    ----------
    N. X. Vinh, J. Epps, J. Bailey (2010), Information theoretic measures for clusterings comparison.

    Examples
    --------
    >>> adjusted_mutual_information(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    >>> round(adjusted_mutual_information(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])), 3)
    -0.5
    """
    n, table = len(a), contingency(a, b)
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    if len(rows) == len(columns) and np.count_nonzero(table) == len(rows):
        return 1.0  # one to one, also where there is but one module
    i, j = np.nonzero(table)
    both = table[i, j] / n
    shared = float(np.sum(both * np.log(both / (rows[i] / n * (columns[j] / n)))))
    expected = _expected_information(rows, columns, n)
    ceiling = (_entropy(rows, n) + _entropy(columns, n)) / 2
    return (shared - expected) / max(ceiling - expected, np.finfo(float).eps)


def stability(divisions: list[Codes]) -> float:
    """The mean adjusted Rand index over all pairs of divisions; NaN for a single one."""
    scores = [adjusted_rand(a, b) for a, b in combinations(divisions, 2)]
    return float(np.mean(scores)) if scores else float("nan")


def confidence(reference: Codes, divisions: list[Codes]) -> Vector:
    """For every vertex the share of divisions that have it in its module of the reference, modules matched one to one.

    A division's modules are matched to the reference's so that most vertices agree (Kuhn 1955). NaN for one division.

    >>> confidence(np.array([0, 0, 1, 1]), [np.array([1, 1, 0, 0]), np.array([0, 0, 0, 1])]).tolist()
    [1.0, 1.0, 0.5, 1.0]
    """
    from scipy.optimize import linear_sum_assignment  # a third of a second

    if len(divisions) < 2:
        return np.full(len(reference), np.nan)
    agree = np.zeros(len(reference))
    _, own = np.unique(reference, return_inverse=True)
    for division in divisions:
        _, other = np.unique(division, return_inverse=True)
        mine, theirs = linear_sum_assignment(contingency(own, other), maximize=True)
        match = np.full(int(own.max(initial=0)) + 1, -1)
        match[mine] = theirs
        agree += match[own] == other
    return agree / len(divisions)


def contingency(a: Codes, b: Codes) -> Counts:
    """(modules of a, modules of b) how many vertices they share."""
    _, a = np.unique(a, return_inverse=True)
    _, b = np.unique(b, return_inverse=True)
    shape = int(a.max(initial=-1)) + 1, int(b.max(initial=-1)) + 1
    return np.bincount(a * shape[1] + b, minlength=shape[0] * shape[1]).reshape(shape)


def _entropy(sizes: Counts, n: int) -> float:
    share = sizes[sizes > 0] / n
    return float(-np.sum(share * np.log(share)))


def _expected_information(rows: Counts, columns: Counts, n: int) -> float:
    """E[MI] of random divisions with modules of these sizes; equal sizes are counted once."""
    total = 0.0
    for a, times_a in zip(*np.unique(rows, return_counts=True), strict=True):
        for b, times_b in zip(*np.unique(columns, return_counts=True), strict=True):
            both = np.arange(max(1, a + b - n), min(a, b) + 1)
            chance = (
                gammaln(a + 1) + gammaln(b + 1) + gammaln(n - a + 1) + gammaln(n - b + 1) - gammaln(n + 1)
                - gammaln(both + 1) - gammaln(a - both + 1) - gammaln(b - both + 1) - gammaln(n - a - b + both + 1)
            )  # fmt: skip
            information = both / n * np.log(n * both / (float(a) * b))
            total += float(times_a * times_b * np.sum(information * np.exp(chance)))
    return total
