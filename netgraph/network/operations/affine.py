"""Weights and sums: what becomes edges, scales and biases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from netgraph.errors import UnsupportedOperation
from netgraph.graph.sliding import Geometry
from netgraph.network.operations import Operation
from netgraph.network.operations.bilinear import constants_only, is_held, matrix_product, multiply
from netgraph.network.operations.gate import pointwise
from netgraph.network.operations.normalise import instance_norm, is_instance_norm
from netgraph.network.operations.windows import coefficients

aten = torch.ops.aten


def _addmm(run: Any, call: Any, bias: Any, x: Any, weight: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """z = alpha · x·W + beta · b."""
    if not run.tracked(x) and not run.tracked(weight):
        return run.shift(scaled(run, bias, beta), constants_only(lambda a, b: a @ b * alpha, x, weight))
    y = scaled(run, _mm(run, call, x, weight), alpha)
    if run.tracked(bias):
        return run.mix([(y, 1), (bias, beta)], "skip", "add")
    return run.shift(y, bias if beta == 1 else bias * beta)


def _mm(run: Any, call: Any, x: Any, weight: Any) -> Any:
    """z = x·W, one side constant; a side that is held fixed at the input is a pattern."""
    if _depend(run, x, weight):
        return matrix_product(run, call, x, weight)
    if run.tracked(x):
        return run.matmul(x, weight)
    turned = run.move(lambda t: t.transpose(0, 1), weight)
    return run.move(lambda t: t.transpose(0, 1), run.matmul(turned, x.transpose(0, 1)))


def _depend(run: Any, x: Any, y: Any) -> bool:
    """Whether both factors depend on the input, tracked or held fixed."""
    if run.tracked(x) and run.tracked(y):
        return True
    return bool(run.decide(lambda: is_held(y if run.tracked(x) else x)))


def matrix_vector(run: Any, call: Any, x: Any, vector: Any) -> Any:
    """z = x·v or W·x, one side constant, or held fixed at the input."""
    if _depend(run, x, vector):
        column = run.move(lambda t: t.unsqueeze(-1), vector) if run.tracked(vector) else vector.unsqueeze(-1)
        return run.move(lambda t: t.squeeze(-1), matrix_product(run, call, x, column))
    if run.tracked(x):
        return run.move(lambda t: t.squeeze(-1), run.matmul(x, vector.unsqueeze(-1)))
    row = run.move(lambda t: t.unsqueeze(0), vector)
    return run.move(lambda t: t.squeeze(0), run.matmul(row, x.transpose(0, 1)))


def _convolution(
    run: Any,
    call: Any,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Any:
    """z[o] = Σ_c K[o, c] ∗ x[c] + b[o] (cross-correlation), in 1, 2 or 3 dimensions, also transposed."""
    if run.tracked(weight) or is_held(weight):
        raise UnsupportedOperation(
            f"{call.place()}: the kernel depends on the input, so its edges would be others at every input. Write it "
            "as a product: torch.nn.functional.unfold, then a matrix product with the kernel; or multiply the maps "
            "that a fixed kernel makes"
        )
    unbatched = len(run.shape(x)) == weight.dim() - 1
    if unbatched:
        x = run.move(lambda t: t.unsqueeze(0), x)
    d = weight.dim() - 2

    def each(v: Sequence[int]) -> tuple[int, ...]:
        return tuple(int(n) for n in v) * (d if len(v) == 1 else 1)

    geometry = Geometry(
        each(stride), each(padding), each(dilation), bool(transposed), each(output_padding), int(groups)
    )
    z = run.convolve(x, weight, geometry)
    if bias is not None:
        z = run.shift(z, bias.reshape(1, -1, *[1] * d))
    return run.move(lambda t: t.squeeze(0), z) if unbatched else z


def _batch_norm(run: Any, call: Any, x: Any, weight: Any, bias: Any, mean: Any, var: Any, *rest: Any) -> Any:
    """s·x + (β − s·μ) with s = γ/√(σ² + ε), the running statistics; folded into the layer before where it can be."""
    training = next((r for r in rest if isinstance(r, bool)), False)
    eps = [r for r in rest if isinstance(r, float)][-1]
    if mean is None or var is None or training:
        if training and is_instance_norm(run, call):
            return instance_norm(run, x, weight, bias, eps)
        raise UnsupportedOperation(
            f"{call.place()} normalises by the statistics of the batch: an input's graph would depend on its "
            "neighbours. Use track_running_stats=True"
        )
    scale = (var.double() + eps).rsqrt()
    scale = scale if weight is None else scale * weight.double()
    shift = -mean.double() * scale
    shift = shift if bias is None else shift + bias.double()
    shape = (1, -1, *[1] * (len(run.shape(x)) - 2))
    return run.shift(run.scale(x, scale.reshape(shape), fold=True), shift.reshape(shape))


def plus(run: Any, call: Any, x: Any, y: Any, *, alpha: Any = 1) -> Any:
    """x + alpha·y: new vertices where both are tracked, a bias where one is."""
    if run.tracked(x) and run.tracked(y):
        return run.mix([(x, 1), (y, alpha)], "skip", "add")
    if run.tracked(x):
        return run.shift(x, y if alpha == 1 else y * alpha)
    return run.shift(y if alpha == 1 else run.scale(y, alpha), x)


def _sub(run: Any, call: Any, x: Any, y: Any, *, alpha: Any = 1) -> Any:
    """x − alpha·y."""
    return plus(run, call, x, y, alpha=-alpha)


def _rsub(run: Any, call: Any, x: Any, y: Any, alpha: Any = 1) -> Any:
    """y − alpha·x."""
    return plus(run, call, y, x, alpha=-alpha)


def scaled(run: Any, x: Any, factor: Any) -> Any:
    """factor · x for a number."""
    return x if factor == 1 else run.scale(x, factor)


def _neg(run: Any, call: Any, x: Any) -> Any:
    """−x."""
    return run.scale(x, -1)


def divide(run: Any, call: Any, x: Any, y: Any, *, rounding_mode: Any = None) -> Any:
    """x / y: a constant scales; a tracked denominator is held fixed."""
    if rounding_mode is not None:
        return pointwise(run, call, x, y, rounding_mode=rounding_mode)
    if run.tracked(y) and not run.tracked(x):  # c / y = y · (c / y²), the factor held fixed
        return run.scale(y, run.frozen(lambda t: x / t / t, y), made=lambda t: torch.as_tensor(x).to(t) / t)
    return multiply(run, call, x, run.frozen(lambda t: 1 / t, y) if run.tracked(y) else 1 / y)


def _mean(run: Any, call: Any, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Mean over axes."""
    return reduced(run, x, dim, keepdim, True)


def _sum(run: Any, call: Any, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Sum over axes."""
    return reduced(run, x, dim, keepdim, False)


def axes_of(run: Any, x: Any, dim: Any) -> list[int]:
    """The axes that an argument ``dim`` names; all of them where it names none."""
    rank = len(run.shape(x))
    if dim is None or dim == []:
        return list(range(rank))
    return [d % rank for d in (dim if isinstance(dim, (list, tuple)) else [dim])]


def reduced(run: Any, x: Any, dim: Any, keepdim: bool, mean: bool) -> Any:
    """Sum or mean over axes, which are dropped unless ``keepdim``."""
    rank, dims = len(run.shape(x)), axes_of(run, x, dim)
    y = run.reduce(x, dims, mean)
    if keepdim:
        return y
    keep = [i for i in range(rank) if i not in dims]
    return run.move(lambda t: t.permute(*keep, *dims).reshape([t.shape[i] for i in keep]), y)


def _average(d: int) -> Any:
    def rule(run: Any, call: Any, x: Any, *rest: Any, **options: Any) -> Any:
        """Mean over windows of positions."""

        def op(t: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = call.op(t, *rest, **options)
            return out

        def entries() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            return coefficients(op, run.shape(x)[-d:])

        return run.pool(x, op, entries, d)

    return rule


RULES: dict[str, Callable[..., Any]] = {
    "addmm": _addmm,
    "mm": _mm,
    "mv": matrix_vector,
    "convolution": _convolution,
    "add": plus,
    "sub": _sub,
    "rsub": _rsub,
    "neg": _neg,
    "mean": _mean,
    "sum": _sum,
    "nansum": _sum,
}
"""Operations with a rule of their own."""
ROWS = [
    *(Operation(name, "affine", rule, rule.__doc__ or "") for name, rule in RULES.items()),
    Operation("div", "affine", divide, divide.__doc__ or "", held=(1,)),
    *(
        Operation(name, "affine", _batch_norm, _batch_norm.__doc__ or "")
        for name in (
            "native_batch_norm",
            "cudnn_batch_norm",
            "_native_batch_norm_legit_no_training",
            "_batch_norm_no_update",
            "miopen_batch_norm",
        )
    ),
    *(
        Operation(name, "affine", _average(d), "mean over windows of positions")
        for name, d in {
            "avg_pool2d": 2,
            "avg_pool3d": 3,
            "_adaptive_avg_pool2d": 2,
            "_adaptive_avg_pool3d": 3,
            "upsample_nearest1d": 1,
            "upsample_nearest2d": 2,
            "upsample_nearest3d": 3,
            "upsample_bilinear2d": 2,
            "upsample_linear1d": 1,
            "upsample_bicubic2d": 2,
            "upsample_trilinear3d": 3,
            "_upsample_nearest_exact1d": 1,
            "_upsample_nearest_exact2d": 2,
            "_upsample_nearest_exact3d": 3,
            "_upsample_bilinear2d_aa": 2,
            "_upsample_bicubic2d_aa": 2,
        }.items()
    ),
]
