"""Arithmetic of edge operators: products along two steps and sums of parallel edges, float64, in matching layouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.errors import GraphError
from netgraph.graph.blocks import listed

Array = np.ndarray[Any, Any]
Operator = Any

DENSE_ABOVE = 0.5
"""Share of entries that are edges above which an array is smaller than their list (4 B against 8 B an entry)."""


def at_edges(operator: Operator, weight: Operator) -> Operator:
    """An operator in float64, 0 wherever the weight beside it is 0: there is no edge."""
    operator, weight = listed(operator), listed(weight)
    if sp.issparse(operator):
        data = np.where(weight.data != 0, operator.data, 0).astype(np.float64)
        return sp.csr_array((data, operator.indices, operator.indptr), shape=operator.shape)
    return np.where(np.asarray(weight) != 0, operator, 0).astype(np.float64)


def scaled(operator: Operator, rows: Array | None = None, columns: Array | None = None) -> Operator:
    """diag(rows) · operator · diag(columns); 0 · NaN is 0, since nothing flows there."""
    if sp.issparse(operator):
        data = operator.data
        if rows is not None:
            data = _times(data, np.repeat(rows, np.diff(operator.indptr)))
        if columns is not None:
            data = _times(data, columns[operator.indices])
        return sp.csr_array((data, operator.indices, operator.indptr), shape=operator.shape)
    out = operator if rows is None else _times(operator, rows[:, None])
    return out if columns is None else _times(out, columns[None, :])


def mapped(operator: Operator, function: Any) -> Operator:
    """A function of every entry, in the same places."""
    if sp.issparse(operator):
        return sp.csr_array((function(operator.data), operator.indices, operator.indptr), shape=operator.shape)
    return function(operator)


def matched(weight: Operator, values: Mapping[str, Operator]) -> tuple[Operator, dict[str, Operator]]:
    """A weight and its values in one layout: an array where most entries are edges, else a ``csr_array`` without zeros.

    What a value says where the weight is 0 is dropped.
    """
    sparse = sp.issparse(weight)
    edges = int(np.count_nonzero(weight.data if sparse else weight))
    if edges > DENSE_ABOVE * weight.shape[0] * weight.shape[1]:
        full = weight.toarray() if sparse else np.asarray(weight)
        return full, {name: np.where(full != 0, _full(value), 0) for name, value in values.items()}
    listed = sp.csr_array(weight, copy=sparse)  # an array becomes a list of its own
    listed.sum_duplicates()
    listed.eliminate_zeros()
    return listed, {name: _beside(value, listed) for name, value in values.items()}


def cast(operator: Operator, dtype: Any, where: str) -> Operator:
    """Another dtype.

    Raises
    ------
    GraphError : a number beyond its range.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        out = operator.astype(dtype)
    if not np.isfinite(out.data if sp.issparse(out) else out).all():
        raise GraphError(
            f"{where}: a product of edges is beyond the range of {np.dtype(dtype).name}; "
            "make the graph in a wider dtype (float64), or mend weights that are NaN or infinite"
        )
    return out


def _times(a: Array, b: Array) -> Array:
    with np.errstate(invalid="ignore"):
        product: Array = np.where(a == 0, 0.0, a * b)
    return product


def _full(operator: Operator) -> Array:
    return operator.toarray() if sp.issparse(operator) else np.asarray(operator)


def _beside(value: Operator, pattern: Any) -> Any:
    """The value's entries at the places of the pattern, which are sorted."""
    row = np.repeat(np.arange(pattern.shape[0], dtype=np.int64), np.diff(pattern.indptr))
    if sp.issparse(value):
        value = sp.csr_array(value, copy=True)
        value.sum_duplicates()
        width = np.int64(pattern.shape[1])
        have = np.repeat(np.arange(value.shape[0], dtype=np.int64), np.diff(value.indptr)) * width + value.indices
        want = row * width + pattern.indices
        at = np.searchsorted(have, want)
        found = at < len(have)
        found[found] = have[at[found]] == want[found]
        data = np.zeros(len(want))
        data[found] = value.data[at[found]]
    else:
        data = np.asarray(value)[row, pattern.indices]
    return sp.csr_array((data, pattern.indices, pattern.indptr), shape=pattern.shape)
