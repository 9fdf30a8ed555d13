"""One of several elements passes: pooling by the maximum. Ties take the first."""

from __future__ import annotations

from typing import Any

import torch

from netgraph.errors import UnsupportedOperation
from netgraph.network.operations import Operation
from netgraph.network.operations.windows import members
from netgraph.network.shapes import count

ORDERED = ("topk", "sort", "kthvalue", "median", "nanmedian", "mode", "cummax", "cummin", "msort")


def _max_pool(d: int) -> Any:
    def rule(run: Any, call: Any, x: Any, kernel: Any, *rest: Any) -> Any:
        """The largest of each window of positions; its place is held fixed."""
        return [*_pooled(run, call, x, d, lambda t: call.op(t, kernel, *rest)), None][:2]

    return rule


def _adaptive(d: int) -> Any:
    def rule(run: Any, call: Any, x: Any, size: Any) -> Any:
        """The largest of each window; windows follow the output size."""
        return [*_pooled(run, call, x, d, lambda t: call.op(t, size)), None][:2]

    return rule


def _pooled(run: Any, call: Any, x: Any, d: int, op: Any) -> list[Any]:
    inner = run.shape(x)[-d:]
    outer = tuple(op(torch.zeros(1, *inner))[0].shape[-d:])
    shape = (*run.shape(x)[:-d], *outer)

    def pick(t: torch.Tensor) -> torch.Tensor:
        index: torch.Tensor = op(t)[1]
        return index

    return [run.select(x, shape, d, lambda: members(lambda t: op(t)[0], inner), pick, call.name)]


def _amax(run: Any, call: Any, x: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The largest over axes."""
    rank = len(run.shape(x))
    given = [dim] if isinstance(dim, int) else list(dim)
    dims = [d % rank for d in given] or list(range(rank))
    keep = [i for i in range(rank) if i not in dims]
    sizes = [run.shape(x)[i] for i in keep]
    n = count([run.shape(x)[i] for i in dims])
    flat = run.move(lambda t: t.permute(*keep, *dims).reshape(*sizes, n), x)

    def windows() -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(n, dtype=torch.long), torch.arange(n)

    out = run.select(flat, (*sizes, 1), 1, windows, lambda t: t.argmax(-1, keepdim=True), "amax")
    shape = [1 if i in dims else run.shape(x)[i] for i in range(rank)] if keepdim else sizes
    return run.move(lambda t: t.reshape(shape), out)


def _max_dim(run: Any, call: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest along an axis, or of all."""
    return _amax(run, call, x) if dim is None else [_amax(run, call, x, dim, keepdim), None]


def _ordered(run: Any, call: Any, *args: Any, **options: Any) -> Any:
    """Which elements pass depends on their order."""
    raise UnsupportedOperation(
        f"{call.place()} picks elements by their order, so which vertices it reads is not fixed; only a maximum is "
        "covered (amax, max over an axis, max pooling)"
    )


ROWS = [
    *(Operation(name, "select", _ordered, "not covered") for name in ORDERED),
    Operation("max_pool1d_with_indices", "select", _max_pool(1), "largest of each window"),
    Operation("max_pool2d_with_indices", "select", _max_pool(2), "largest of each window"),
    Operation("max_pool3d_with_indices", "select", _max_pool(3), "largest of each window"),
    Operation("adaptive_max_pool2d", "select", _adaptive(2), "largest of each window"),
    Operation("adaptive_max_pool3d", "select", _adaptive(3), "largest of each window"),
    Operation("amax", "select", _amax, _amax.__doc__ or ""),
    Operation("max", "select", _max_dim, _max_dim.__doc__ or ""),
]
