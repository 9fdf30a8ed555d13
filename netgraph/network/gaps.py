"""How far numbers are from what they should be: one rule for all comparisons, and NaN passes none of them.

NaN compares as neither larger nor smaller than anything, so a plain maximum forgets it. Here it is an infinite error.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def worst(*errors: float) -> float:
    """The largest error; infinite where one of them is no number.

    >>> worst(0.5, float("nan")), worst(0.5, 0.25), worst()
    (inf, 0.5, 0.0)
    """
    return max((float(e) if math.isfinite(e) else math.inf for e in errors), default=0.0)


def largest(values: Any) -> float:
    """The largest absolute value; infinite where one of them is not finite.

    >>> import numpy as np
    >>> largest(np.array([1.0, -3.0])), largest(np.array([])), largest(np.array([1.0, np.nan]))
    (3.0, 0.0, inf)
    """
    return worst(float(np.abs(values).max(initial=0.0)))


def gap(got: Any, expected: Any, scale: float | None = None) -> float:
    """Largest difference over ``scale``, by default the largest expected value (1 where that is 0).

    Infinite where shapes differ, or where a value on either side, or the scale, is not finite.

    >>> import numpy as np
    >>> gap(np.array([1.0, 4.0]), np.array([1.0, 2.0])), gap(np.array([1.0]), np.array([np.inf]))
    (1.0, inf)
    """
    got, expected = np.asarray(got), np.asarray(expected)
    if got.shape != expected.shape:
        return math.inf
    scale = largest(expected) if scale is None else scale
    if not (math.isfinite(scale) and math.isfinite(largest(got)) and math.isfinite(largest(expected))):
        return math.inf
    return worst(float(np.abs(got - expected).max(initial=0.0)) / (scale or 1.0))
