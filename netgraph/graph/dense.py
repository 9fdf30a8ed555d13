"""What a dense block can do: a row of the table in :mod:`netgraph.graph.blocks`.

Nothing here makes a second array of a block's size: what needs a temporary works on some rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LAYOUT = "dense"
_WORKING_SET = 1 << 20
"""Entries that a temporary may hold."""


def cuts(operator: Array, size: int) -> Iterator[tuple[int, int]]:
    """Runs of rows (first, last) that hold about ``size`` entries each."""
    rows, columns = operator.shape
    step = max(1, size // max(1, columns))
    for first in range(0, rows, step):
        yield first, min(first + step, rows)


def positions(operator: Array, first: int, last: int) -> tuple[Array, Array, Any]:
    """(target, source, at) of the entries of rows first … last-1 that are not 0, row by row."""
    rows = operator[first:last]
    columns = operator.shape[1]
    if np.count_nonzero(rows) == rows.size:
        return (
            np.repeat(np.arange(first, last), columns),
            np.tile(np.arange(columns), last - first),
            slice(first, last),
        )
    target, source = np.nonzero(rows)
    target += first
    return target, source, (target, source)


def entries(operator: Array, at: Any) -> Array:
    """The entries at the places that :func:`positions` gave, one-dimensional."""
    found: Array = operator[at].reshape(-1)
    return found


def matvec(operator: Array, x: Array) -> Array:
    """W x: what each target gathers, shape (n_target,)."""
    out = np.empty(operator.shape[0], dtype=np.result_type(operator, x))
    for first, last in cuts(operator, operator.size if operator.dtype == out.dtype else _WORKING_SET):
        out[first:last] = operator[first:last] @ x
    return out


def rmatvec(operator: Array, y: Array) -> Array:
    """Wᵀ y: what each source gathers, shape (n_source,)."""
    out = np.zeros(operator.shape[1], dtype=np.result_type(operator, y))
    for first, last in cuts(operator, operator.size if operator.dtype == out.dtype else _WORKING_SET):
        out += y[first:last] @ operator[first:last]
    return out


def row_sums(operator: Array, absolute: bool) -> Array:
    """Sums over the sources, float64, shape (n_target,)."""
    out = np.zeros(operator.shape[0])
    for first, last in cuts(operator, _WORKING_SET):
        rows = operator[first:last]
        out[first:last] = (_magnitudes(rows) if absolute else rows).sum(axis=1, dtype=np.float64)
    return out


def column_sums(operator: Array, absolute: bool) -> Array:
    """Sums over the targets, float64, shape (n_source,)."""
    out = np.zeros(operator.shape[1])
    for first, last in cuts(operator, _WORKING_SET):
        rows = operator[first:last]
        out += (_magnitudes(rows) if absolute else rows).sum(axis=0, dtype=np.float64)
    return out


def absolute(operator: Array) -> Array:
    return _magnitudes(operator)


def count(operator: Array) -> int:
    return int(np.count_nonzero(operator))


def same_layout(operator: Array, other: Any) -> bool:
    return isinstance(other, np.ndarray) and other.shape == operator.shape


def submatrix(operator: Array, rows: Array, columns: Array) -> Array:
    """The block between chosen targets and sources (integer arrays)."""
    if len(rows) == operator.shape[0] and len(columns) == operator.shape[1]:
        return operator
    chosen: Array = operator[np.ix_(rows, columns)]
    return chosen


def mask(operator: Array, keep: Array, weight: Array) -> Array:
    """The entries where ``keep`` (shape of the block) holds, 0 elsewhere."""
    return np.where(keep, operator, operator.dtype.type(0))


def scaled(operator: Array, rows: Array | None, columns: Array | None) -> Array:
    """diag(rows) · W · diag(columns)."""
    out = operator if rows is None else operator * rows[:, None]
    return out if columns is None else out * columns[None, :]


def assemble(shape: tuple[int, int], target: Array, source: Array, values: Array) -> Array:
    """A block from its edges."""
    out = np.zeros(shape, dtype=values.dtype)
    out[target, source] = values
    return out


def _magnitudes(values: Array) -> Array:
    """|values|; the least whole number of a width has no positive one beside it."""
    return np.abs(values.astype(np.float64) if values.dtype.kind in "iu" else values)
