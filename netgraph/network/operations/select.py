"""One of several elements passes: pooling by the maximum, order, places chosen by value. Ties take the first."""

from __future__ import annotations

from typing import Any

import torch

from netgraph.network.operations import Operation
from netgraph.network.operations.affine import axes_of
from netgraph.network.operations.windows import members
from netgraph.network.shapes import count

DIMENSION = {"topk": 1, "sort": 0, "kthvalue": 1, "median": 0, "nanmedian": 0, "mode": 0, "cummax": 0, "cummin": 0}
"""Operations that order the elements of an axis, and the place of that axis among their further arguments."""


def _places(run: Any, call: Any, i: int, fn: Any, x: Any) -> Any:
    """The places that an operation gives back beside the values, where anything reads them."""
    slot = call.outputs[i] if i < len(call.outputs) else None
    return run.frozen(fn, x) if slot is not None and run.tape.uses[slot] else None


def _max_pool(d: int) -> Any:
    def rule(run: Any, call: Any, x: Any, kernel: Any, *rest: Any) -> Any:
        """The largest of each window of positions; its place is held fixed."""
        return _pooled(run, call, x, d, lambda t: call.op(t, kernel, *rest))

    return rule


def _adaptive(d: int) -> Any:
    def rule(run: Any, call: Any, x: Any, size: Any) -> Any:
        """The largest of each window; windows follow the output size."""
        return _pooled(run, call, x, d, lambda t: call.op(t, size))

    return rule


def _pooled(run: Any, call: Any, x: Any, d: int, op: Any) -> list[Any]:
    inner = run.shape(x)[-d:]
    outer = tuple(op(torch.zeros(1, *inner))[0].shape[-d:])
    shape = (*run.shape(x)[:-d], *outer)

    def pick(t: torch.Tensor) -> torch.Tensor:
        index: torch.Tensor = op(t)[1]
        return index

    out = run.select(x, shape, d, lambda: members(lambda t: op(t)[0], inner), pick, call.name)
    return [out, _places(run, call, 1, pick, x)]


def _extreme(run: Any, call: Any, x: Any, dim: Any, keepdim: bool, largest: bool) -> Any:
    dims = axes_of(run, x, dim if dim != () else None)
    rank = len(run.shape(x))
    keep = [i for i in range(rank) if i not in dims]
    sizes = [run.shape(x)[i] for i in keep]
    n = count([run.shape(x)[i] for i in dims])
    flat = run.move(lambda t: t.permute(*keep, *dims).reshape(*sizes, n), x)

    def pick(t: torch.Tensor) -> torch.Tensor:
        return (t if largest else -t).argmax(-1, keepdim=True)

    out = run.select(flat, (*sizes, 1), 1, lambda: _any_of(n, 1), pick, "amax" if largest else "amin")
    shape = [1 if i in dims else run.shape(x)[i] for i in range(rank)] if keepdim else sizes
    return run.move(lambda t: t.reshape(shape), out)


def _any_of(n: int, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Each of ``k`` elements may be any of ``n``."""
    return torch.arange(k).repeat_interleave(n), torch.arange(n).repeat(k)


def _amax(run: Any, call: Any, x: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The largest over axes."""
    return _extreme(run, call, x, dim, keepdim, True)


def _amin(run: Any, call: Any, x: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The smallest over axes."""
    return _extreme(run, call, x, dim, keepdim, False)


def _along(largest: bool) -> Any:
    def rule(run: Any, call: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        """The largest (smallest) along an axis, or of all."""
        out = _extreme(run, call, x, dim, keepdim, largest)
        return out if dim is None else [out, _places(run, call, 1, lambda t: call.op(t, dim, keepdim)[1], x)]

    return rule


def _aminmax(run: Any, call: Any, x: Any, *, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest and the largest along an axis, or of all."""
    return [_extreme(run, call, x, dim, keepdim, largest) for largest in (False, True)]


def _ordered(run: Any, call: Any, x: Any, *rest: Any, **options: Any) -> Any:
    """Elements picked by their order along an axis (the k largest, sorted, the median …); the order is held fixed."""
    at = DIMENSION[call.name]
    if at == 0 and not rest and "dim" not in options and call.name in {"median", "nanmedian"}:
        x, rest, alone = run.move(lambda t: t.reshape(-1), x), (0,), True
        op = getattr(torch.ops.aten, call.name).dim
    else:
        op, alone = call.op, False
    shape = run.shape(x)
    dim = int(rest[at] if len(rest) > at else options.get("dim", -1)) % len(shape)

    def places(t: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = op(t, *rest, **options)[1]
        return found

    def pick(t: torch.Tensor) -> torch.Tensor:
        found = places(t.movedim(-1, dim))
        return (found.unsqueeze(dim) if found.dim() < t.dim() else found).movedim(dim, -1)

    last = run.move(lambda t: t.movedim(dim, -1), x)
    like = places(torch.zeros(shape))
    n, dropped = shape[dim], like.dim() < len(shape)
    k = 1 if dropped else like.shape[dim]
    out = run.select(last, (*run.shape(last)[:-1], k), 1, lambda: _any_of(n, k), pick, call.name)
    out = run.move(lambda t: t.squeeze(-1) if dropped else t.movedim(-1, dim), out)
    return out if alone else [out, _places(run, call, 1, places, x)]


def _gather(run: Any, call: Any, x: Any, dim: int, index: Any, *rest: Any, **options: Any) -> Any:
    """x[index[i]] along an axis; an index that depends on the input is held fixed."""
    if not run.decide(lambda: index.is_meta):
        return run.move(lambda t: call.op(t, dim, index), x)
    dim %= len(run.shape(x))
    part = tuple(slice(None) if i == dim else slice(n) for i, n in enumerate(index.shape))
    last = run.move(lambda t: t[part].movedim(dim, -1), x)
    wanted = index.movedim(dim, -1)
    n, k = run.shape(last)[-1], wanted.shape[-1]
    out = run.select(last, tuple(wanted.shape), 1, lambda: _any_of(n, k), lambda t: wanted, "gather")
    return run.move(lambda t: t.movedim(-1, dim), out)


ROWS = [
    *(Operation(name, "select", _ordered, _ordered.__doc__ or "") for name in DIMENSION),
    Operation("max_pool2d_with_indices", "select", _max_pool(2), "largest of each window"),
    Operation("max_pool3d_with_indices", "select", _max_pool(3), "largest of each window"),
    Operation("adaptive_max_pool2d", "select", _adaptive(2), "largest of each window"),
    Operation("adaptive_max_pool3d", "select", _adaptive(3), "largest of each window"),
    Operation("amax", "select", _amax, _amax.__doc__ or ""),
    Operation("amin", "select", _amin, _amin.__doc__ or ""),
    Operation("max", "select", _along(True), "the largest along an axis, or of all"),
    Operation("min", "select", _along(False), "the smallest along an axis, or of all"),
    Operation("aminmax", "select", _aminmax, _aminmax.__doc__ or ""),
    Operation("gather", "select", _gather, _gather.__doc__ or ""),
]
