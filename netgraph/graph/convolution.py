"""What a convolution between units can do without being unrolled: a row of the table in :mod:`netgraph.graph.blocks`.

A linear map that is applied to every token is one, too: its window is a single place.

An edge from input unit i to output unit o weighs ``kernel[tap] · Σ_t row_t[o] · column_t[i]``: the kernel's taps, and
for each term (an input's upstream and activation, say; without terms 1) a factor for the target and one for the source.
Products with vectors run as convolutions in torch, which is imported only then. Edges are listed tile by tile; as a
table a convolution is a sparse block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.errors import GraphError
from netgraph.graph import dense, sparse
from netgraph.graph.sliding import Sliding
from netgraph.graph.tokens import Tokens

Array = np.ndarray[Any, Any]

LAYOUT = sparse.LAYOUT
_TERMS = 16
"""Terms that a product plays at once."""
_TILE = 1 << 20


@dataclass(frozen=True, eq=False)
class Convolution:
    """The edges between two layers of units that one kernel makes.

    Attributes
    ----------
    pattern : where they lie.
    kernel : the taps, of ``pattern.kernel``'s shape.
    rows, columns : (terms, n_target), (terms, n_source) factors, or None for 1.
    data : (pattern.size,) the entries themselves, where they are no product of factors; the kernel then only says, by
        its zeros, which of them are edges.
    """

    pattern: Sliding | Tokens
    kernel: Array
    rows: Array | None = None
    columns: Array | None = None
    data: Array | None = None

    def __post_init__(self) -> None:
        if tuple(self.kernel.shape) != self.pattern.kernel:
            raise GraphError(f"a kernel of shape {self.kernel.shape}, expected {self.pattern.kernel}")
        for name, factors, n in (("rows", self.rows, self.shape[0]), ("columns", self.columns, self.shape[1])):
            if factors is not None and (factors.ndim != 2 or factors.shape[1] != n):
                raise GraphError(f"{name} have shape {factors.shape}, expected (terms, {n})")

    @property
    def shape(self) -> tuple[int, int]:
        """(n_target, n_source)."""
        return self.pattern.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the kernel; the entries' where they are listed."""
        dtype: np.dtype[Any] = self.kernel.dtype if self.data is None else self.data.dtype
        return dtype

    @property
    def terms(self) -> int:
        """Number of terms: 1 where there are no factors."""
        return max(1 if f is None else len(f) for f in (self.rows, self.columns))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(a.nbytes for a in (self.kernel, self.rows, self.columns, self.data) if a is not None)

    @cached_property
    def unrolled(self) -> sp.csr_array:
        """The same edges as a list: a ``csr_array`` without entries whose tap is 0."""
        total = self.pattern.edges(self.kernel)
        width = np.int32 if max(*self.shape, total) < 2**31 else np.int64
        source, values = np.empty(total, dtype=width), np.empty(total, dtype=self.dtype)
        counts, begin = np.zeros(self.shape[0] + 1, dtype=width), 0
        for first, last in cuts(self, _TILE):
            targets, sources, at = self._tile(first, last)
            end = begin + len(sources)
            source[begin:end], values[begin:end] = sources, entries(self, at)
            counts[first + 1 : last + 1] = np.bincount(targets - first, minlength=last - first)
            begin = end
        return sp.csr_array((values, source, np.cumsum(counts, dtype=width)), shape=self.shape)

    def _tile(self, first: int, last: int) -> tuple[Array, Array, Any]:
        """Edges by their taps: those whose tap is 0 are none; a factor of 0 does not end an edge's place."""
        at = self.pattern.listed(first, last)
        alive = self.kernel.reshape(-1)[at[2]] != 0
        if not alive.all():
            at = tuple(axis[alive] for axis in at)
        return at[0], at[1], at

    # -- arithmetic ------------------------------------------------------------------------------------

    def scaled(self, rows: Array | None = None, columns: Array | None = None) -> Convolution:
        """diag(rows) · it · diag(columns)."""
        if self.data is not None:
            return replace(self, data=self.unrolled_data(rows, columns))
        return replace(self, rows=_times(self.rows, rows), columns=_times(self.columns, columns))

    def unrolled_data(self, rows: Array | None = None, columns: Array | None = None) -> Array:
        """(pattern.size,) every entry, taps that are 0 included, times factors."""
        whole = replace(self, kernel=np.ones_like(self.kernel)) if self.data is not None else self
        out = np.zeros(self.pattern.size, dtype=self.dtype)
        for first, last in cuts(self, _TILE):
            target, source, at = whole._tile(first, last)
            values = entries(whole, at)
            if rows is not None:
                values = values * rows[target]
            if columns is not None:
                values = values * columns[source]
            out[at[3]] = values
        return out

    def listed(self) -> Convolution:
        """The same, its entries held one by one."""
        return self if self.data is not None else replace(self, rows=None, columns=None, data=self.unrolled_data())

    def mapped(self, function: Any) -> Convolution:
        """A function of every entry (of 0 it must be 0). One that respects products keeps a single term a term."""
        if self.data is None and self.terms == 1 and function in (np.abs, np.square, abs):
            rows, columns = (None if f is None else function(f) for f in (self.rows, self.columns))
            return replace(self, kernel=function(self.kernel), rows=rows, columns=columns)
        whole = self.listed()
        assert whole.data is not None
        return replace(whole, data=function(whole.data))

    def __add__(self, other: Any) -> Convolution:
        if not isinstance(other, Convolution) or not same_layout(self, other):
            return NotImplemented
        few = (self.terms + other.terms) * sum(self.shape) <= self.pattern.size
        if self.data is None and other.data is None and few and np.array_equal(self.kernel, other.kernel):
            rows, columns = _joined(self, other)
            return replace(self, rows=rows, columns=columns)
        return replace(self.listed(), data=self.unrolled_data() + other.unrolled_data())

    def __mul__(self, number: float) -> Convolution:
        for name in ("data", "rows", "columns", "kernel"):  # the kernel last: its zeros say what is an edge
            part = getattr(self, name)
            if part is not None:
                return replace(self, **{name: part * part.dtype.type(number)})
        raise AssertionError("a convolution without a kernel")

    def __truediv__(self, number: float) -> Convolution:
        return self * (1.0 / number)

    def __abs__(self) -> Convolution:
        return self.mapped(np.abs)

    def __matmul__(self, x: Array) -> Array:
        return matvec(self, np.asarray(x))

    @property
    def T(self) -> Transposed:
        """For ``operator.T @ y``."""
        return Transposed(self)

    def astype(self, dtype: Any, taps: Convolution | None = None) -> Convolution:
        """In another dtype; a copy, but for the kernel where another operator has it in that dtype already."""
        rows, columns, data = (None if a is None else a.astype(dtype) for a in (self.rows, self.columns, self.data))
        kernel = self.kernel.astype(dtype) if taps is None else taps.kernel
        return replace(self, kernel=kernel, rows=rows, columns=columns, data=data)

    def same_taps(self, other: Convolution) -> bool:
        """Whether both look at one kernel in memory."""
        mine, its = self.kernel.__array_interface__, other.kernel.__array_interface__
        return all(mine[name] == its[name] for name in ("data", "shape", "strides", "typestr"))

    def toarray(self) -> Array:
        """As a whole array: for small ones."""
        array: Array = self.unrolled.toarray()
        return array

    def sum(self, axis: int) -> Array:
        """Sums over the sources (axis 1) or over the targets (axis 0)."""
        return row_sums(self, False) if axis == 1 else column_sums(self, False)

    def beside(self, weight: Convolution) -> Convolution:
        """It, in the weight's layout: no edge where a tap of the weight is 0."""
        if same_layout(weight, self):
            return self
        return replace(weight, rows=None, columns=None, data=self.unrolled_data())


@dataclass(frozen=True, eq=False)
class Transposed:
    """A convolution read the other way round."""

    operator: Convolution

    @property
    def shape(self) -> tuple[int, int]:
        """(n_source, n_target)."""
        targets, sources = self.operator.shape
        return sources, targets

    def __matmul__(self, y: Array) -> Array:
        return rmatvec(self.operator, np.asarray(y))


def _times(factors: Array | None, by: Array | None) -> Array | None:
    if by is None:
        return factors
    return by[None, :] if factors is None else factors * by[None, :]


def _joined(a: Convolution, b: Convolution) -> tuple[Array, Array]:
    """(rows, columns) of the terms of both, factors of 1 written out."""
    both = []
    for name, n in zip(("rows", "columns"), a.shape, strict=True):
        parts = []
        for operator in (a, b):
            factors = getattr(operator, name)
            ones = np.ones((1, n), dtype=operator.kernel.dtype)
            parts.append(np.broadcast_to(ones if factors is None else factors, (operator.terms, n)))
        both.append(np.concatenate(parts))
    return both[0], both[1]


# -- the protocol -------------------------------------------------------------------------------------------


def cuts(operator: Convolution, size: int) -> Iterator[tuple[int, int]]:
    """Runs of target vertices (first, last) that hold about ``size`` entries each."""
    return operator.pattern.cuts(size)


def positions(operator: Convolution, first: int, last: int) -> tuple[Array, Array, Any]:
    """(target, source, at) of the entries of targets first … last - 1 that are not 0, target by target."""
    target, source, at = operator._tile(first, last)
    alive = entries(operator, at) != 0
    if not alive.all():
        target, source, at = target[alive], source[alive], tuple(axis[alive] for axis in at)
    return target, source, at


def entries(operator: Convolution, at: Any) -> Array:
    """The entries at the places that :func:`positions` gave, one-dimensional."""
    target, source, tap, number = at
    if operator.data is not None:
        listed: Array = operator.data[number]
        return listed
    taps: Array = operator.kernel.reshape(-1)[tap]
    if operator.rows is None and operator.columns is None:
        return taps
    total = np.zeros(len(taps), dtype=operator.dtype)
    for t in range(operator.terms):
        term = taps
        for factors, place in ((operator.rows, target), (operator.columns, source)):
            if factors is not None:
                term = term * factors[t if len(factors) > 1 else 0][place]
        total += term
    return total


def matvec(operator: Convolution, x: Array) -> Array:
    """W x: what each target gathers, shape (n_target,)."""
    if operator.data is not None:
        gathered: Array = operator.unrolled @ x
        return gathered
    return _play(operator, x, operator.columns, operator.rows, backward=False)


def rmatvec(operator: Convolution, y: Array) -> Array:
    """Wᵀ y: what each source gathers, shape (n_source,)."""
    if operator.data is not None:
        gathered: Array = operator.unrolled.T @ y
        return gathered
    return _play(operator, y, operator.rows, operator.columns, backward=True)


def _play(operator: Convolution, x: Array, before: Array | None, after: Array | None, backward: bool) -> Array:
    """The convolution itself, or its transpose, of ``before`` · x; summed over the terms times ``after``."""
    dtype = np.result_type(operator.kernel, x, np.float32)
    total = np.zeros(operator.shape[1 if backward else 0], dtype=dtype)
    for first in range(0, operator.terms, _TERMS):
        last = min(first + _TERMS, operator.terms)
        sent = np.asarray(x, dtype=dtype)[None] if before is None else _rows(before, first, last) * x[None]
        pattern, kernel = operator.pattern, operator.kernel.astype(dtype, copy=False)
        play = pattern.play if isinstance(pattern, Tokens) else partial(_slide, pattern)
        got = play(kernel, sent.astype(dtype, copy=False), backward)
        total += (got if after is None else got * _rows(after, first, last)).sum(0)
    return total


def _slide(pattern: Sliding, kernel: Array, sent: Array, backward: bool) -> Array:
    """(terms, n_target) of what is sent from (terms, n_source), or, backwards, the other way round."""
    import torch

    geometry, n = pattern.geometry, len(sent)
    given = torch.from_numpy(np.ascontiguousarray(_made(pattern, sent) if backward else _read(pattern, sent)))
    taps = torch.from_numpy(np.ascontiguousarray(kernel))
    settings: Any = (geometry.stride, geometry.padding, geometry.dilation, geometry.transposed)
    settings += (geometry.output_padding, geometry.groups)
    got = np.zeros((n, pattern.shape[1 if backward else 0]), dtype=sent.dtype)
    with torch.no_grad():
        if not backward:
            out = torch.ops.aten.convolution(given, taps, None, *settings)
            got.reshape(n, -1, pattern.here)[:, pattern.targets] = out.reshape(n, -1, pattern.here).numpy()
            return got
        like = torch.empty(n, *pattern.inner, dtype=given.dtype)
        out, _, _ = torch.ops.aten.convolution_backward(given, like, taps, None, *settings, [True, False, False])
    if pattern.sources.ndim == 2:
        got[:, pattern.sources.reshape(-1)] = out.reshape(n, -1).numpy()
    else:
        got.reshape(n, -1, pattern.there)[:, pattern.sources] = out.reshape(n, -1, pattern.there).numpy()
    return got


def _read(pattern: Sliding, values: Array) -> Array:
    """(terms, *inner) of values at the sources."""
    if pattern.sources.ndim == 2:
        return values[:, pattern.sources].reshape(-1, *pattern.inner)
    return values.reshape(len(values), -1, *pattern.inner[1:])[:, pattern.sources]


def _made(pattern: Sliding, values: Array) -> Array:
    """(terms, *outer) of values at the targets."""
    return values.reshape(len(values), -1, *pattern.outer[1:])[:, pattern.targets]


def _rows(factors: Array, first: int, last: int) -> Array:
    return factors[first:last] if len(factors) > 1 else factors


def row_sums(operator: Convolution, absolute: bool) -> Array:
    """Sums over the sources, float64, shape (n_target,)."""
    return _sums(operator, absolute, 0)


def column_sums(operator: Convolution, absolute: bool) -> Array:
    """Sums over the targets, float64, shape (n_source,)."""
    return _sums(operator, absolute, 1)


def _sums(operator: Convolution, absolute: bool, end: int) -> Array:
    if operator.data is None and (operator.terms == 1 or not absolute):
        whole = (operator.mapped(np.abs) if absolute else operator).astype(np.float64)
        return (rmatvec if end else matvec)(whole, np.ones(operator.shape[1 - end]))
    total = np.zeros(operator.shape[end])
    for cut in cuts(operator, _TILE):
        at = operator._tile(*cut)[2]
        values = entries(operator, at)
        total += np.bincount(at[end], dense.absolute(values) if absolute else values, len(total))
    return total


def absolute(operator: Convolution) -> Convolution:
    return operator.mapped(np.abs)


def count(operator: Convolution) -> int:
    """Number of entries that are not 0: from the taps alone where the factors have no zeros."""
    plain = operator.data is None and operator.terms == 1
    if plain and all(f is None or f.all() for f in (operator.rows, operator.columns)):
        return operator.pattern.edges(operator.kernel)
    return sum(len(positions(operator, *cut)[0]) for cut in cuts(operator, _TILE))


def same_layout(operator: Convolution, other: Any) -> bool:
    return (
        isinstance(other, Convolution)
        and operator.pattern == other.pattern
        and (other.kernel is operator.kernel or bool(np.array_equal(operator.kernel != 0, other.kernel != 0)))
    )


def submatrix(operator: Convolution, rows: Array, columns: Array) -> Any:
    """The block between chosen targets and sources: itself, or a list of what is left."""
    if len(rows) == operator.shape[0] and len(columns) == operator.shape[1]:
        return operator
    return sparse.submatrix(operator.unrolled, rows, columns)


def mask(operator: Convolution, keep: Any, weight: Any) -> Any:
    """Only the edges where ``keep`` holds, as a list."""
    if isinstance(keep, Convolution):
        keep = keep.unrolled
    return sparse.mask(operator.unrolled, keep, weight.unrolled)


def scaled(operator: Convolution, rows: Array | None, columns: Array | None) -> Convolution:
    """diag(rows) · it · diag(columns)."""
    return operator.scaled(rows, columns)


assemble = sparse.assemble
