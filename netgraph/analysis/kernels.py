"""Loops that BLAS has no routine for, compiled when they are first used: sums over |w| or over a block's pattern.

BLAS multiplies by W, never by |W| or by "is there an edge", and a copy of |W| would double a graph. These loops read
every weight once, at the speed of memory, and add up in float64. Four rows at a time keep as many streams of memory
busy as a matrix-vector product does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

Array = np.ndarray[Any, Any]

ABSOLUTE, SIGNED, PATTERN = 0, 1, 2
"""What is read of a weight: |w|, w, or 1 where there is an edge. A weight that is not finite makes NaN in each."""

_SUMS = {"reassoc", "contract", "nsz"}
"""The order of a sum is free; NaN and infinity stay what they are, since that is how they are noticed."""


def compiled(*flags: str) -> Callable[[Callable[..., Any]], Any]:
    """Compiles a function when it is first called; once for a machine, where there is a place to keep it."""

    def made(function: Callable[..., Any]) -> Any:
        how: dict[str, Any] = {"fastmath": set(flags) if flags else False}
        try:
            return numba.njit(cache=True, **how)(function)
        except RuntimeError:  # neither the package's folder nor the user's can be written to
            return numba.njit(**how)(function)

    return made


@compiled(*_SUMS)
def read(w: float, mode: int) -> float:
    """One weight."""
    if mode == 0:
        return abs(w)
    if mode == 1:
        return w
    return (1.0 if w != 0 else 0.0) + w * 0.0


@compiled(*_SUMS)
def gather_dense(w: Array, x: Array, out: Array, mode: int) -> None:
    """out += f(W) x, for W of shape (targets, sources)."""
    rows, columns = w.shape
    j = 0
    while j + 4 <= rows:
        a = b = c = d = 0.0
        for i in range(columns):
            v = x[i]
            a += read(np.float64(w[j, i]), mode) * v
            b += read(np.float64(w[j + 1, i]), mode) * v
            c += read(np.float64(w[j + 2, i]), mode) * v
            d += read(np.float64(w[j + 3, i]), mode) * v
        out[j] += a
        out[j + 1] += b
        out[j + 2] += c
        out[j + 3] += d
        j += 4
    while j < rows:
        a = 0.0
        for i in range(columns):
            a += read(np.float64(w[j, i]), mode) * x[i]
        out[j] += a
        j += 1


@compiled(*_SUMS)
def scatter_dense(w: Array, y: Array, out: Array, mode: int) -> None:
    """out += f(W)ᵀ y."""
    rows, columns = w.shape
    j = 0
    while j + 4 <= rows:
        a, b, c, d = y[j], y[j + 1], y[j + 2], y[j + 3]
        for i in range(columns):
            out[i] += (
                read(np.float64(w[j, i]), mode) * a
                + read(np.float64(w[j + 1, i]), mode) * b
                + read(np.float64(w[j + 2, i]), mode) * c
                + read(np.float64(w[j + 3, i]), mode) * d
            )
        j += 4
    while j < rows:
        a = y[j]
        for i in range(columns):
            out[i] += read(np.float64(w[j, i]), mode) * a
        j += 1


@compiled(*_SUMS)
def gather_sparse(data: Array, indices: Array, indptr: Array, x: Array, out: Array, mode: int) -> None:
    """out += f(W) x, for the entries of a ``csr_array``."""
    for j in range(len(indptr) - 1):
        a = 0.0
        for k in range(indptr[j], indptr[j + 1]):
            a += read(np.float64(data[k]), mode) * x[indices[k]]
        out[j] += a


@compiled(*_SUMS)
def scatter_sparse(data: Array, indices: Array, indptr: Array, y: Array, out: Array, mode: int) -> None:
    """out += f(W)ᵀ y, for the entries of a ``csr_array``."""
    for j in range(len(indptr) - 1):
        a = y[j]
        for k in range(indptr[j], indptr[j + 1]):
            out[indices[k]] += read(np.float64(data[k]), mode) * a
