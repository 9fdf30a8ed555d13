"""Elements replaced by others at constant places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from netgraph.network.operations import Operation
from netgraph.network.operations.movement import known


def _scatter(run: Any, call: Any, base: Any, dim: int, index: Any, values: Any) -> Any:
    """x[index[j]] = values[j] along an axis, the places constant."""
    known(run, call, index)
    if not run.tracked(values) and not isinstance(values, torch.Tensor):
        values = torch.full(tuple(index.shape), float(values))
    return run.overwrite(lambda b, v: torch.scatter(b, dim, index, v.to(b.dtype)), base, values)


def _index_copy(run: Any, call: Any, base: Any, dim: int, index: Any, values: Any) -> Any:
    """x[index[j]] = values[j] along an axis, whole slices, the places constant."""
    known(run, call, index)
    return run.overwrite(lambda b, v: torch.index_copy(b, dim, index, v.to(b.dtype)), base, values)


def _index_fill(run: Any, call: Any, base: Any, dim: int, index: Any, value: Any) -> Any:
    """x[index[j]] = value along an axis, the places constant."""
    shape = [1] * len(run.shape(base))
    shape[dim] = len(index)
    filled = torch.as_tensor(value, dtype=torch.float64).reshape([1] * len(shape)).expand(shape)
    return run.overwrite(
        lambda b, v: torch.index_copy(b, dim, index, v.to(b.dtype).expand(_slices(b, dim, len(index)))), base, filled
    )


def _slices(base: torch.Tensor, dim: int, n: int) -> list[int]:
    return [n if i == dim % base.dim() else size for i, size in enumerate(base.shape)]


def _masked_scatter(run: Any, call: Any, base: Any, mask: Any, values: Any) -> Any:
    """x with the values in turn where a constant mask holds."""
    known(run, call, mask)
    return run.overwrite(lambda b, v: torch.masked_scatter(b, mask, v.to(b.dtype)), base, values)


def _diag_embed(run: Any, call: Any, x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """x on the diagonal of a matrix of zeros."""
    shape = torch.empty(run.shape(x), device="meta").diag_embed(offset, dim1, dim2).shape
    return run.overwrite(
        lambda b, v: torch.diagonal_scatter(b, v.to(b.dtype), offset, dim1, dim2), torch.zeros(shape), x
    )


RULES: dict[str, Callable[..., Any]] = {
    "scatter": _scatter,
    "index_copy": _index_copy,
    "index_fill": _index_fill,
    "masked_scatter": _masked_scatter,
    "diag_embed": _diag_embed,
}
ROWS = [Operation(name, "movement", rule, rule.__doc__ or "") for name, rule in RULES.items()]
