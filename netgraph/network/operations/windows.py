"""Which places of a map meet in a window: found by watching the operation itself, one axis at a time.

Pooling and interpolation are separable: the coefficient of (output place, input place) is a product over the axes. So
it is enough to push one slab per coordinate through the operation, instead of one unit map per place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from netgraph.network.shapes import count

Operation = Callable[[torch.Tensor], torch.Tensor]
"""(N, 1, …) maps in, maps out."""


def coefficients(op: Operation, inner: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(output place, input place, coefficient) of a linear separable operation on one map, sorted by output place."""
    axes = [_response(op, inner, i) for i in range(len(inner))]
    whole = float(op(torch.ones(1, 1, *inner, dtype=torch.float64)).reshape(-1)[_centre(axes)])
    rows, cols, values = _combine(axes, inner)
    return rows, cols, values / whole ** (len(inner) - 1)


def members(op: Operation, inner: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """(output place, input place) of every member of every window of a maximum, sorted by output place."""
    rows, cols, _ = _combine([(_response(op, inner, i) > 0).to(torch.float64) for i in range(len(inner))], inner)
    return rows, cols


def _response(op: Operation, inner: Sequence[int], axis: int) -> torch.Tensor:
    """(output coordinates, input coordinates) along an axis, read at the middle of the other axes."""
    n = int(inner[axis])
    shape = [n if i == axis else 1 for i in range(len(inner))]
    slabs = torch.eye(n, dtype=torch.float64).reshape(n, 1, *shape).expand(n, 1, *inner).contiguous()
    out = op(slabs)[:, 0]
    for i in reversed(range(len(inner))):
        if i != axis:
            out = out.select(i + 1, out.shape[i + 1] // 2)
    return out.t()


def _centre(axes: Sequence[torch.Tensor]) -> int:
    """The middle output place, in C order."""
    place = 0
    for axis in axes:
        place = place * axis.shape[0] + axis.shape[0] // 2
    return place


def _combine(axes: Sequence[torch.Tensor], inner: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rows = cols = torch.zeros(1, dtype=torch.long)
    values = torch.ones(1, dtype=torch.float64)
    for axis in axes:
        o, a = torch.nonzero(axis, as_tuple=True)
        rows = (rows[:, None] * axis.shape[0] + o).reshape(-1)
        cols = (cols[:, None] * axis.shape[1] + a).reshape(-1)
        values = (values[:, None] * axis[o, a]).reshape(-1)
    order = torch.argsort(rows * count(inner) + cols)
    return rows[order], cols[order], values[order]
