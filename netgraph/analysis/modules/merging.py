"""Groups put together as wholes, on the matrix of what lies between every two of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.analysis.modules import passes
from netgraph.analysis.modules.quality import Codes, numbered

Array = np.ndarray[Any, Any]

TURNS = 100
"""Most turns over all groups at one level."""
ROUNDING = 1e-11
"""A gain up to this share of what could be gained is rounding."""


def put_together(between: Array, rng: np.random.Generator, start: Codes | None = None) -> Codes:
    """The division of k groups with the largest Σ between[a, b] over pairs inside a module that is found.

    Groups move one by one in random order until none gains; then what they form moves, and so on (Blondel et al. 2008).

    Parameters
    ----------
    between : (k, k) symmetric: weight less what a null expects; both signs. The diagonal is not read.
    rng : of the order.
    start : (k,) the division to start from; none: every group alone.

    Examples
    --------
    >>> between = np.array([[0.0, 1.0, -1.0], [1.0, 0.0, -1.0], [-1.0, -1.0, 0.0]])
    >>> put_together(between, np.random.default_rng(0)).tolist()
    [0, 0, 1]
    """
    labels = np.arange(len(between)) if start is None else numbered(start)
    module = np.arange(len(between))
    limit = ROUNDING * float(np.abs(between).max(initial=0.0))
    while True:
        k = len(between)
        passes.merge(between, labels, np.stack([rng.permutation(k) for _ in range(TURNS)]), limit)
        labels = numbered(labels)
        module, merged = labels[module], int(labels.max(initial=-1)) + 1
        if merged == k:
            return module
        member = sp.csr_array((np.ones(k), (labels, np.arange(k))), shape=(merged, k))
        between, labels = np.ascontiguousarray(member @ (member @ between).T), np.arange(merged)
