"""What a sparse block (``scipy.sparse.csr_array``) can do: a row of the table in :mod:`netgraph.graph.blocks`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.graph import dense

Array = np.ndarray[Any, Any]

LAYOUT = "sparse"


def cuts(operator: Any, size: int) -> Iterator[tuple[int, int]]:
    """Runs of rows (first, last) that hold about ``size`` stored entries each."""
    rows, first = operator.shape[0], 0
    while first < rows:
        last = int(np.searchsorted(operator.indptr, int(operator.indptr[first]) + size, side="right")) - 1
        last = min(max(last, first + 1), rows)
        yield first, last
        first = last


def positions(operator: Any, first: int, last: int) -> tuple[Array, Array, Any]:
    """(target, source, at) of the entries of rows first … last-1 that are not 0, row by row."""
    begin, end = int(operator.indptr[first]), int(operator.indptr[last])
    target = np.repeat(np.arange(first, last), np.diff(operator.indptr[first : last + 1]))
    source = operator.indices[begin:end]
    data = operator.data[begin:end]
    if np.count_nonzero(data) == data.size:
        return target, source, slice(begin, end)
    kept = np.flatnonzero(data)
    return target[kept], source[kept], kept + begin


def entries(operator: Any, at: Any) -> Array:
    """The entries at the places that :func:`positions` gave, one-dimensional."""
    found: Array = operator.data[at]
    return found


def matvec(operator: Any, x: Array) -> Array:
    out: Array = operator @ x
    return out


def rmatvec(operator: Any, y: Array) -> Array:
    out: Array = operator.T @ y
    return out


def row_sums(operator: Any, absolute: bool) -> Array:
    data = dense.absolute(operator.data) if absolute else operator.data
    rows = np.repeat(np.arange(operator.shape[0]), np.diff(operator.indptr))
    return np.bincount(rows, weights=data, minlength=operator.shape[0]).astype(np.float64, copy=False)


def column_sums(operator: Any, absolute: bool) -> Array:
    data = dense.absolute(operator.data) if absolute else operator.data
    return np.bincount(operator.indices, weights=data, minlength=operator.shape[1]).astype(np.float64, copy=False)


def absolute(operator: Any) -> Any:
    return with_data(operator, dense.absolute(operator.data))


def count(operator: Any) -> int:
    return int(np.count_nonzero(operator.data))


def same_layout(operator: Any, other: Any) -> bool:
    return (
        isinstance(other, sp.csr_array)
        and other.shape == operator.shape
        and (other.indptr is operator.indptr or np.array_equal(other.indptr, operator.indptr))
        and (other.indices is operator.indices or np.array_equal(other.indices, operator.indices))
    )


def submatrix(operator: Any, rows: Array, columns: Array) -> Any:
    """The block between chosen targets and sources (increasing integer arrays); stored zeros stay stored.

    scipy's own fancy indexing may reorder or drop entries, and the values of a block must stay beside its weight.
    """
    new_column = np.full(operator.shape[1], -1, dtype=operator.indices.dtype)
    new_column[columns] = np.arange(len(columns))
    wanted = np.zeros(operator.shape[0], dtype=bool)
    wanted[rows] = True
    lengths = np.diff(operator.indptr)
    keep = np.repeat(wanted, lengths) & (new_column[operator.indices] >= 0)
    row_of = np.repeat(np.arange(operator.shape[0]), lengths)[keep]
    counts = np.bincount(row_of, minlength=operator.shape[0])[rows]
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(operator.indptr.dtype)
    return sp.csr_array(
        (operator.data[keep], new_column[operator.indices[keep]], indptr), shape=(len(rows), len(columns))
    )


def mask(operator: Any, keep: Any, weight: Any) -> Any:
    """Only the entries where ``keep`` holds: one truth per stored entry, or an array of the block's shape.

    Entries are dropped where the *weight* is 0, never because one of the values is.
    """
    if sp.issparse(keep):
        keep = sp.csr_array(keep)
        keep = np.asarray(keep.data, dtype=bool) if same_layout(operator, keep) else keep.toarray()
    keep = np.asarray(keep, dtype=bool)
    rows = np.repeat(np.arange(operator.shape[0]), np.diff(operator.indptr))
    if keep.ndim == 2:
        keep = keep[rows, operator.indices]
    keep = keep & (weight.data != 0)
    counts = np.bincount(rows[keep], minlength=operator.shape[0])
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(operator.indptr.dtype)
    return sp.csr_array((operator.data[keep], operator.indices[keep], indptr), shape=operator.shape)


def scaled(operator: Any, rows: Array | None, columns: Array | None) -> Any:
    """diag(rows) · W · diag(columns); stored zeros stay stored."""
    data = operator.data
    if rows is not None:
        data = data * np.repeat(rows, np.diff(operator.indptr))
    return with_data(operator, data if columns is None else data * columns[operator.indices])


def assemble(shape: tuple[int, int], target: Array, source: Array, values: Array) -> Any:
    """A block from its edges, sorted by target and then source; an entry that is 0 stays stored."""
    key = target.astype(np.int64) * shape[1] + source
    if len(key) and np.any(key[1:] <= key[:-1]):
        order = np.argsort(key, kind="stable")
        target, source, values = target[order], source[order], values[order]
    width = np.int32 if max(*shape, len(target)) < 2**31 else np.int64
    indptr = np.concatenate([[0], np.cumsum(np.bincount(target, minlength=shape[0]))]).astype(width)
    return sp.csr_array((values, source.astype(width), indptr), shape=shape)


def with_data(operator: Any, data: Array) -> Any:
    """Other numbers in the same places."""
    return sp.csr_array((data, operator.indices, operator.indptr), shape=operator.shape)
