"""Colours of categories that people with any colour vision tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

CATEGORIES = ("#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee", "#882255", "#44aa99", "#999933", "#aa4499")
"""Paul Tol's "muted" scheme (Colour Schemes, technical note SRON/EPS/TN/09-002, 2021)."""
NONE = "#dddddd"
"""Its colour for what belongs to no category."""


def category_colours(values: Array) -> Array:
    """Red, green and blue (0 to 255, uint8, shape (n, 3)) of each entry's category; from the tenth on they repeat.

    None, NaN and numbers below 0 are no category.

    >>> category_colours(np.array([0, 1, -1])).tolist()
    [[204, 102, 119], [51, 34, 136], [221, 221, 221]]
    """
    table = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (*CATEGORIES, NONE)], dtype=np.uint8)
    if values.dtype == object:
        outside = np.array([value is None for value in values.tolist()], dtype=bool)
    else:
        outside = ~(values >= 0)
    code = np.full(len(values), len(CATEGORIES))
    if not outside.all():
        code[~outside] = np.unique(values[~outside], return_inverse=True)[1].reshape(-1) % len(CATEGORIES)
    coloured: Array = table[code]
    return coloured
