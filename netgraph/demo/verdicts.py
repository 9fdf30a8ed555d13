"""What a figure means, in plain words: a number alone lets a reader believe too much. Imports nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping

ALPHA = 0.05
"""Below it chance is no explanation: the custom of the field."""
AGREEMENT = (
    (0.65, "poor: another seed finds other modules, do not build on these"),
    (0.80, "moderate: other seeds find them in part"),
    (0.90, "good: other seeds find most of them again"),
    (1.01, "excellent: other seeds find almost the same"),
)
"""Adjusted Rand index below which each judgement holds: D. Steinley (2004), Properties of the Hubert-Arabie adjusted
Rand index."""


def agreement(stability: float) -> str:
    """How far modules of this stability can be relied on.

    >>> agreement(0.26)
    'poor: another seed finds other modules, do not build on these'
    >>> agreement(float("nan"))
    'unknown: one run has nothing to agree with'
    """
    if math.isnan(stability):
        return "unknown: one run has nothing to agree with"
    return next(words for bound, words in AGREEMENT if stability < bound)


def beyond_chance(p: Mapping[str, float]) -> str:
    """Whether there is any structure that chance does not explain: from the p-value under every null.

    >>> beyond_chance({"shuffle": 0.01, "strength": 0.01})
    'yes: more modular than every null (shuffle, strength)'
    >>> beyond_chance({"shuffle": 0.01, "strength": 0.4})
    'in part: more modular than shuffle, not than strength: what strength keeps may be all there is'
    >>> beyond_chance({"shuffle": 0.3})
    'no: no null is left behind (p below 0.05), so do not read these modules as structure'
    """
    beaten = [name for name, value in p.items() if value <= ALPHA]
    left = [name for name in p if name not in beaten]
    if not beaten:
        return "no: no null is left behind (p below 0.05), so do not read these modules as structure"
    if not left:
        return f"yes: more modular than every null ({', '.join(beaten)})"
    others = ", ".join(left)
    keeps = "keeps" if len(left) == 1 else "keep"
    return (
        f"in part: more modular than {', '.join(beaten)}, not than {others}: what {others} {keeps} may be all there is"
    )


def recognised(accuracy: float, false_positive_rate: float, members: int, others: int) -> tuple[int, int]:
    """How many of a class's members are called so, and how many others, from a circuit's accuracy and its rate of
    false positives: accuracy · (members + others) = right members + others not called so.

    >>> recognised(0.9, 0.1, members=10, others=90)
    (9, 9)
    """
    wrongly = round(false_positive_rate * others) if others else 0
    return round(accuracy * (members + others)) - (others - wrongly), wrongly
