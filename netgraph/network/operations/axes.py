"""Linear maps along an axis: running sums, sums at places, overlapping windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from netgraph.errors import UnsupportedOperation
from netgraph.network.operations import Operation
from netgraph.network.operations.affine import plus, reduced
from netgraph.network.operations.movement import known
from netgraph.network.shapes import count


def along(run: Any, x: Any, dim: int, op: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """``op``, linear on the last axis, played along axis ``dim``; listed by what it makes of unit vectors."""
    turned = run.move(lambda t: t.movedim(dim, -1), x)
    n = run.shape(turned)[-1]

    def entries() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        matrix = op(torch.eye(n, dtype=torch.float64)).t()
        rows, cols = torch.nonzero(matrix, as_tuple=True)
        return rows, cols, matrix[rows, cols]

    return run.move(lambda t: t.movedim(-1, dim), run.pool(turned, op, entries, 1))


def _cumsum(run: Any, call: Any, x: Any, dim: int, *, dtype: Any = None) -> Any:
    """z[i] = Σ_{j ≤ i} x[j]."""
    return along(run, x, dim, lambda t: t.cumsum(-1))


def _at_places(places: torch.Tensor, n: int) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda t: t.new_zeros(*t.shape[:-1], n).index_add(-1, places.to(t.device), t)


def _index_add(run: Any, call: Any, base: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """base[i] + alpha · Σ_{j: index[j] = i} source[j], the places constant."""
    known(run, call, index)
    if not run.tracked(source):
        zeros = torch.zeros(run.shape(base), dtype=source.dtype)
        return run.shift(base, zeros.index_add(dim, index, source, alpha=alpha))
    y = along(run, source, dim, _at_places(index, run.shape(base)[dim]))
    return plus(run, call, base, y, alpha=alpha)


def _scatter_add(run: Any, call: Any, base: Any, dim: int, index: Any, source: Any) -> Any:
    """base[i] + Σ_{j: index[j] = i} source[j] along an axis, the places constant and the same for all others."""
    known(run, call, index)
    rows = index.movedim(dim, -1).reshape(-1, index.shape[dim])
    if not run.decide(lambda: bool((rows == rows[:1]).all())):
        raise UnsupportedOperation(
            f"{call.place()} adds at places that differ between rows: use index_add, whose places are the same for all"
        )
    kept = [slice(0, n) for n in index.shape]
    batch = kept[0] if index.shape[0] != 1 else slice(None)  # a batch of one while vertices are numbered
    part = (batch, *kept[1:])
    source = run.move(lambda t: t[part], source) if run.tracked(source) else source[part]
    return _index_add(run, call, base, dim, rows[0], source)


def _col2im(run: Any, call: Any, x: Any, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """Σ of overlapping windows (fold)."""
    shape = run.shape(x)
    k, places = count(kernel), shape[-1]

    def op(t: torch.Tensor) -> torch.Tensor:
        windows = t.reshape(-1, k, places)
        folded: torch.Tensor = torch.ops.aten.col2im(windows, size, kernel, dilation, padding, stride)
        return folded.reshape(*t.shape[:-1], count(size))

    lead = (*shape[:-2], shape[-2] // k)
    apart = run.move(lambda t: t.reshape(*lead, k * places), x)
    return run.move(lambda t: t.reshape(*t.shape[:-1], *size), along(run, apart, -1, op))


def _im2col(run: Any, call: Any, x: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """The elements of every window (unfold); padding is no vertex."""
    padded = run.pad(x, [padding[1], padding[1], padding[0], padding[0]]) if any(padding) else x
    shape = run.shape(padded)
    places = torch.arange(count(shape[-2:]), dtype=torch.float64).reshape(1, 1, *shape[-2:])
    index = torch.ops.aten.im2col(places, kernel, dilation, [0, 0], stride)[0].long()
    return run.move(lambda t: t.flatten(-2)[..., index].flatten(-3, -2), padded)


def _trace(run: Any, call: Any, x: Any) -> Any:
    """Σ_i x[i, i]."""
    return reduced(run, run.move(torch.diagonal, x), None, False, False)


RULES: dict[str, Callable[..., Any]] = {
    "cumsum": _cumsum,
    "index_add": _index_add,
    "scatter_add": _scatter_add,
    "col2im": _col2im,
    "trace": _trace,
}
ROWS = [
    *(Operation(name, "affine", rule, rule.__doc__ or "") for name, rule in RULES.items()),
    Operation("im2col", "movement", _im2col, _im2col.__doc__ or ""),
]
