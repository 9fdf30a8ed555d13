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

    The null "residual", which keeps what strengths explain, decides where it was asked: the others can be beaten, and
    left unbeaten, by unequal strengths alone.

    >>> beyond_chance({"residual": 0.01, "shuffle": 0.01})
    'yes: more modular than strengths explain (residual), and than shuffle'
    >>> beyond_chance({"residual": 0.01, "shuffle": 0.9})
    'yes: more modular than strengths explain (residual); shuffle, which unequal strengths mislead, does not see it'
    >>> beyond_chance({"residual": 0.4, "shuffle": 0.01})
    'not shown: more modular than shuffle, not than residual: unequal strengths may be all there is'
    >>> beyond_chance({"shuffle": 0.3})
    'no: chance makes graphs as modular (shuffle), so do not read these modules as structure'
    >>> beyond_chance({"shuffle": 0.01})
    'not shown: more modular than shuffle, which unequal strengths can bring about: ask the null residual'
    """
    beaten = [name for name, value in p.items() if value <= ALPHA and name != "residual"]
    left = [name for name in p if name not in beaten and name != "residual"]
    if p.get("residual", 1.0) <= ALPHA:
        also = f", and than {', '.join(beaten)}" if beaten else ""
        see = "do not see it" if len(left) > 1 else "does not see it"
        unseen = f"; {', '.join(left)}, which unequal strengths mislead, {see}" if left else ""
        return f"yes: more modular than strengths explain (residual){also}{unseen}"
    if not beaten:
        return f"no: chance makes graphs as modular ({', '.join(p)}), so do not read these modules as structure"
    seen = f"not shown: more modular than {', '.join(beaten)}"
    if "residual" in p:
        return f"{seen}, not than residual: unequal strengths may be all there is"
    return f"{seen}, which unequal strengths can bring about: ask the null residual"


def recognised(accuracy: float, false_positive_rate: float, members: int, others: int) -> tuple[int, int]:
    """How many of a class's members are called so, and how many others, from a circuit's accuracy and its rate of
    false positives: accuracy · (members + others) = right members + others not called so.

    >>> recognised(0.9, 0.1, members=10, others=90)
    (9, 9)
    """
    wrongly = round(false_positive_rate * others) if others else 0
    return round(accuracy * (members + others)) - (others - wrongly), wrongly
