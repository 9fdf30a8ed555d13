"""What the edges of a block can do, whatever holds them.

An *operator* is what ``Block.weight`` and ``Block.values[...]`` are: something of shape (n_target, n_source). ``KINDS``
has a row for every type that may be one; each row is a module with the functions of :class:`Kind`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import scipy.sparse as sp

from netgraph.errors import GraphError
from netgraph.graph import convolution, dense, sparse
from netgraph.graph.convolution import Convolution

Array = np.ndarray[Any, Any]
Operator = Any


class Kind(Protocol):
    """What a row of the table must be able to do."""

    LAYOUT: str

    def cuts(self, operator: Operator, size: int) -> Iterator[tuple[int, int]]: ...
    def positions(self, operator: Operator, first: int, last: int) -> tuple[Array, Array, Any]: ...
    def entries(self, operator: Operator, at: Any) -> Array: ...
    def matvec(self, operator: Operator, x: Array) -> Array: ...
    def rmatvec(self, operator: Operator, y: Array) -> Array: ...
    def row_sums(self, operator: Operator, absolute: bool) -> Array: ...
    def column_sums(self, operator: Operator, absolute: bool) -> Array: ...
    def absolute(self, operator: Operator) -> Operator: ...
    def count(self, operator: Operator) -> int: ...
    def same_layout(self, operator: Operator, other: Operator) -> bool: ...
    def submatrix(self, operator: Operator, rows: Array, columns: Array) -> Operator: ...
    def mask(self, operator: Operator, keep: Any, weight: Operator) -> Operator: ...
    def scaled(self, operator: Operator, rows: Array | None, columns: Array | None) -> Operator: ...
    def assemble(self, shape: tuple[int, int], target: Array, source: Array, values: Array) -> Operator: ...


KINDS: dict[type, Kind] = {
    np.ndarray: cast(Kind, dense),
    sp.csr_array: cast(Kind, sparse),
    Convolution: cast(Kind, convolution),
}
"""Type of operator -> what it can do. A new way to hold edges is a new row."""

LAYOUTS: dict[str, Kind] = {kind.LAYOUT: kind for kind in (KINDS[np.ndarray], KINDS[sp.csr_array])}
"""Layout of a table's edges -> what assembles them. What is not held as a list is one there."""


@dataclass(frozen=True)
class Tile:
    """Some edges of a block, row by row: their targets and sources inside the layers, and where their entries lie."""

    target: Array
    source: Array
    at: Any

    def __len__(self) -> int:
        return len(self.target)


def kind_of(operator: Operator) -> Kind:
    """The row of the table for an operator.

    Raises
    ------
    GraphError : it is neither a two-dimensional array nor a ``csr_array``.
    """
    for base in type(operator).__mro__:
        if base in KINDS:
            if len(operator.shape) != 2:
                raise GraphError(f"the edges of a block need 2 axes, (n_target, n_source); got shape {operator.shape}")
            return KINDS[base]
    known = ", ".join(f"{cls.__module__.split('.')[0]}.{cls.__name__}" for cls in KINDS)
    mend = "scipy.sparse.csr_array(it)" if sp.issparse(operator) else "numpy.asarray(it)"
    raise GraphError(f"a block cannot hold its edges in a {type(operator).__name__}: expected {known}; use {mend}")


def tiles(operator: Operator, size: int = 1_000_000) -> Iterator[Tile]:
    """The edges in pieces of about ``size``, whole rows each, so that a large block is never doubled.

    >>> [len(tile) for tile in tiles(np.array([[1.0, 0.0], [2.0, 3.0]]), size=2)]
    [1, 2]
    """
    kind = kind_of(operator)
    for first, last in kind.cuts(operator, size):
        yield Tile(*kind.positions(operator, first, last))


def edge_arrays(operator: Operator) -> tuple[Array, Array]:
    """(target_index, source_index) of the entries that are not 0, row by row.

    >>> edge_arrays(np.array([[1.0, 0.0], [2.0, 3.0]]))
    (array([0, 1, 1]), array([0, 0, 1]))
    """
    target, source, _ = kind_of(operator).positions(operator, 0, operator.shape[0])
    return target, source


def entries(operator: Operator, tile: Tile | None = None) -> Array:
    """The entries at a tile's edges, one-dimensional; at all of its own edges when no tile is given.

    The tile may come from the weight and the operator be one of the values beside it.

    >>> entries(np.array([[1.0, 0.0], [2.0, 3.0]]))
    array([1., 2., 3.])
    """
    kind = kind_of(operator)
    at = kind.positions(operator, 0, operator.shape[0])[2] if tile is None else tile.at
    return kind.entries(operator, at)


def matvec(operator: Operator, x: Array) -> Array:
    """W x, shape (n_target,): from (n_source,) to what each target gathers."""
    return kind_of(operator).matvec(operator, x)


def rmatvec(operator: Operator, y: Array) -> Array:
    """Wᵀ y, shape (n_source,): from (n_target,) to what each source gathers."""
    return kind_of(operator).rmatvec(operator, y)


def row_sums(operator: Operator, absolute: bool = False) -> Array:
    """Σ_source w (or |w|), float64, shape (n_target,): the in-strength."""
    return kind_of(operator).row_sums(operator, absolute)


def column_sums(operator: Operator, absolute: bool = False) -> Array:
    """Σ_target w (or |w|), float64, shape (n_source,): the out-strength."""
    return kind_of(operator).column_sums(operator, absolute)


def absolute(operator: Operator) -> Operator:
    """|w| in the same layout."""
    return kind_of(operator).absolute(operator)


def count(operator: Operator) -> int:
    """Number of edges: entries that are not exactly 0."""
    return kind_of(operator).count(operator)


def same_layout(operator: Operator, other: Operator) -> bool:
    """Whether both hold their entries in the same places (dense of one shape; sparse of one structure)."""
    return kind_of(operator).same_layout(operator, other)


def submatrix(operator: Operator, rows: Array, columns: Array) -> Operator:
    """The edges between chosen targets and sources (increasing integer arrays), in the same layout."""
    return kind_of(operator).submatrix(operator, rows, columns)


def mask(operator: Operator, keep: Any, weight: Operator) -> Operator:
    """Only the edges where ``keep`` holds; ``weight`` is the block's own, whose entries say what an edge is."""
    return kind_of(operator).mask(operator, keep, weight)


def scaled(operator: Operator, rows: Array | None = None, columns: Array | None = None) -> Operator:
    """diag(rows) · W · diag(columns), in the same layout; None for 1.

    >>> scaled(np.array([[1.0, 0.0], [2.0, 3.0]]), columns=np.array([10.0, 1.0]))
    array([[10.,  0.],
           [20.,  3.]])
    """
    return kind_of(operator).scaled(operator, rows, columns)


def listed(operator: Operator) -> Any:
    """An array or a ``csr_array``: what is held implicitly is unrolled, the others are themselves."""
    return operator.unrolled if isinstance(operator, Convolution) else operator


def nbytes(operator: Operator) -> int:
    """Bytes that hold it."""
    if sp.issparse(operator):
        return int(operator.data.nbytes + operator.indices.nbytes + operator.indptr.nbytes)
    return int(operator.nbytes)
