"""How far two divisions of the same vertices agree, beyond chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from netgraph.errors import AnalysisError

NO_MODULE = -1
"""The label of a vertex that belongs nowhere."""


def agreement(first: Any, second: Any) -> float:
    """Adjusted mutual information of two divisions: 1 for equal ones, 0 expected by chance.

    Parameters
    ----------
    first, second : :class:`netgraph.Modules`, Series of labels by vertex id, or arrays of one length. Vertices that one
        of them lacks or leaves without a module (-1) are left out.

    Raises
    ------
    AnalysisError : arrays of different lengths; no vertex that both divide.

    References
    ----------
    N. X. Vinh, J. Epps, J. Bailey (2010), Information theoretic measures for clusterings comparison; the mean of both
    entropies, as in scikit-learn.

    Examples
    --------
    >>> agreement([0, 0, 1, 1], [5, 5, 3, 3])
    1.0
    """
    from sklearn.metrics import adjusted_mutual_info_score

    a, b = _labels(first), _labels(second)
    if isinstance(a, pd.Series) and isinstance(b, pd.Series):
        both = a.index.intersection(b.index)
        a, b = a.reindex(both), b.reindex(both)
    elif len(a) != len(b):
        raise AnalysisError(f"divisions of {len(a)} and {len(b)} labels: pass Series by vertex id, or equal lengths")
    a, b = np.asarray(a), np.asarray(b)
    kept = (a != NO_MODULE) & (b != NO_MODULE) & ~pd.isna(a) & ~pd.isna(b)
    if not kept.any():
        raise AnalysisError("no vertex has a module in both divisions: are they of the same graph?")
    return float(adjusted_mutual_info_score(pd.factorize(a[kept])[0], pd.factorize(b[kept])[0]))


def _labels(division: Any) -> Any:
    labels = getattr(division, "labels", division)
    return labels if isinstance(labels, pd.Series) else np.asarray(labels)
