"""Many tests at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import false_discovery_control

Array = np.ndarray[Any, Any]


def discoveries(p: Array) -> Array:
    """Benjamini & Hochberg's q of every p, NaN left as it is.

    >>> discoveries(np.array([0.01, 0.04, np.nan, 0.03])).round(3).tolist()
    [0.03, 0.04, nan, 0.04]
    """
    known = ~np.isnan(p)
    out = np.full(len(p), np.nan)
    if known.any():
        out[known] = false_discovery_control(p[known])
    return out
