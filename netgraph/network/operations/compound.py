"""Operations that are several others in one step: sums of products, interpolation between tensors, gated halves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from netgraph.errors import UnsupportedOperation
from netgraph.network.operations import Operation
from netgraph.network.operations.affine import divide, matrix_vector, plus, reduced, scaled
from netgraph.network.operations.bilinear import batched_product, constants_only, multiply


def moved(run: Any, fn: Callable[[torch.Tensor], torch.Tensor], x: Any) -> Any:
    """``fn`` moves elements, of a tracked tensor or of a constant."""
    return run.move(fn, x) if run.tracked(x) else fn(x)


def _addcmul(run: Any, call: Any, x: Any, a: Any, b: Any, *, value: Any = 1) -> Any:
    """x + value · a ⊙ b; half of the product to each side where both are tracked."""
    return _plus_product(run, call, x, a, b, value)


def _plus_product(run: Any, call: Any, x: Any, a: Any, b: Any, value: Any) -> Any:
    if not run.tracked(a) and not run.tracked(b):
        return run.shift(x, constants_only(lambda s, t: s * t * value, a, b))
    return plus(run, call, x, multiply(run, call, a, b), alpha=value)


def _addcdiv(run: Any, call: Any, x: Any, a: Any, b: Any, *, value: Any = 1) -> Any:
    """x + value · a / b; a tracked denominator is held fixed."""
    if not run.tracked(a) and not run.tracked(b):
        return run.shift(x, constants_only(lambda s, t: s / t * value, a, b))
    return plus(run, call, x, divide(run, call, a, b), alpha=value)


def _lerp(run: Any, call: Any, x: Any, y: Any, weight: Any) -> Any:
    """(1 − w)·x + w·y; where w is tracked, x + w ⊙ (y − x)."""
    if run.tracked(weight):
        return _plus_product(run, call, x, weight, plus(run, call, y, x, alpha=-1), 1)
    if run.tracked(x) and run.tracked(y):
        return run.mix([(x, 1 - weight), (y, weight)], "skip", "lerp")
    if run.tracked(x):
        return run.shift(run.scale(x, 1 - weight), y * weight)
    return run.shift(run.scale(y, weight), x * (1 - weight))


def _glu(run: Any, call: Any, x: Any, dim: int = -1) -> Any:
    """a ⊙ σ(b) with a and b the two halves of x: half to each side."""
    a, b = run.move(lambda t: list(t.chunk(2, dim)), x)
    return run.product(a, run.gate(b, torch.sigmoid, "sigmoid"))


def _dot(run: Any, call: Any, x: Any, y: Any) -> Any:
    """Σ_i x_i·y_i: half to each side where both are tracked."""
    return reduced(run, multiply(run, call, x, y), None, False, False)


def _addr(run: Any, call: Any, x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta · x + alpha · a bᵀ."""
    y = multiply(run, call, moved(run, lambda t: t[:, None], a), moved(run, lambda t: t[None], b))
    return plus(run, call, scaled(run, y, alpha), x, alpha=beta)


def _addbmm(run: Any, call: Any, x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta · x + alpha · Σ_n a[n]·b[n]."""
    y = reduced(run, batched_product(run, call, a, b), [0], False, False)
    return plus(run, call, scaled(run, y, alpha), x, alpha=beta)


def _addmv(run: Any, call: Any, x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta · x + alpha · A·b."""
    if not run.tracked(a) and not run.tracked(b):
        return run.shift(run.scale(x, beta), constants_only(lambda s, t: s @ t * alpha, a, b))
    return plus(run, call, scaled(run, matrix_vector(run, call, a, b), alpha), x, alpha=beta)


def _cross(run: Any, call: Any, x: Any, y: Any, *, dim: int = -1) -> Any:
    """x × y: z_i = x_{i+1}·y_{i+2} − x_{i+2}·y_{i+1}."""

    def turned(t: Any, by: int) -> Any:
        return moved(run, lambda v: v.roll(-by, dim), t)

    forth = multiply(run, call, turned(x, 1), turned(y, 2))
    return plus(run, call, forth, multiply(run, call, turned(x, 2), turned(y, 1)), alpha=-1)


def _trilinear(run: Any, call: Any, x: Any, weight: Any, y: Any, *layout: Any) -> Any:
    """z[o] = Σ_ij x_i·W[o, i, j]·y_j (nn.Bilinear): a linear layer (o, j) of x, times y, summed over j."""
    if list(map(list, layout[:4])) != [[1, 3], [0], [1, 2], [2, 3]] or run.tracked(weight):
        raise UnsupportedOperation(f"{call.place()} in another form than nn.Bilinear's: write it with einsum")
    if not run.tracked(x):
        x, y, weight = y, x, weight.transpose(1, 2)
    o, i, j = weight.shape
    z = run.matmul(x, weight.permute(1, 0, 2).reshape(i, o * j), "bilinear")
    apart = run.move(lambda t: t.reshape(*t.shape[:-1], o, j), z)
    return reduced(run, multiply(run, call, apart, moved(run, lambda t: t.unsqueeze(-2), y)), [-1], False, False)


RULES: dict[Callable[..., Any], tuple[str, ...]] = {
    _addcmul: ("addcmul",),
    _glu: ("glu",),
    _dot: ("dot", "vdot"),
    _addr: ("addr",),
    _addbmm: ("addbmm",),
    _cross: ("linalg_cross",),
    _trilinear: ("_trilinear",),
}
ROWS = [
    *(Operation(name, "bilinear", rule, rule.__doc__ or "") for rule, names in RULES.items() for name in names),
    Operation("addcdiv", "bilinear", _addcdiv, _addcdiv.__doc__ or "", held=(2,)),
    Operation("lerp", "affine", _lerp, _lerp.__doc__ or ""),
    Operation("addmv", "affine", _addmv, _addmv.__doc__ or ""),
]
