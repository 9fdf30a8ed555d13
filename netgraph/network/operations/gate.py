"""Elementwise functions: a = g·z + φ(0) with the secant g = (φ(z) − φ(0))/z, and g = φ′(0) at z = 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from netgraph.network.operations import Operation


def pointwise(run: Any, call: Any, x: Any, *rest: Any, **options: Any) -> Any:
    """φ(x), one tracked argument in front; the others constant."""
    if not run.tracked(x):  # a constant in front: e.g. pow(2, x)
        rest_tracked = [i for i, r in enumerate(rest) if run.tracked(r)]
        place = rest_tracked[0]

        def turned(t: torch.Tensor) -> torch.Tensor:
            filled = [*rest[:place], t, *rest[place + 1 :]]
            out: torch.Tensor = call.op(x, *filled, **options)
            return out

        return run.gate(rest[place], turned, call.name)

    def fn(t: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = call.op(t, *rest, **options)
        return out

    return run.gate(x, fn, call.name)


def _prelu(run: Any, call: Any, x: Any, weight: Any) -> Any:
    """max(0, z) + w·min(0, z), one slope per channel."""
    shape = (1, -1, *[1] * (len(run.shape(x)) - 2)) if weight.numel() > 1 and len(run.shape(x)) > 1 else (-1,)

    def fn(t: torch.Tensor) -> torch.Tensor:
        if t.dim() == 0:
            return t
        w = weight.to(t.dtype)
        return torch.where(t > 0, t, t * (w if w.dim() == t.dim() else w.reshape(shape)))

    return run.gate(x, fn, "prelu")


def _pick(better: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], name: str) -> Any:
    def rule(run: Any, call: Any, x: Any, y: Any) -> Any:
        """The larger (smaller) of two tensors, elementwise: the one that wins passes."""
        if run.tracked(x) and run.tracked(y):
            first = run.frozen(lambda a, b: better(a, b).to(a.dtype), x, y)
            return run.mix([(x, first), (y, 1 - first)], "select", name)
        tracked, other = (x, y) if run.tracked(x) else (y, x)
        return run.gate(tracked, lambda t: call.op(t, torch.as_tensor(other, dtype=t.dtype)), name)

    return rule


def _where(run: Any, call: Any, condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, y elsewhere; the condition is held fixed."""
    return _blend(run, condition, x, y)


def _masked_fill(run: Any, call: Any, x: Any, mask: Any, value: Any) -> Any:
    """x with a constant where the mask holds."""
    return _blend(run, mask, value, x)


def _blend(run: Any, condition: Any, x: Any, y: Any) -> Any:
    hold = condition.to(torch.float64)
    if run.tracked(x) and run.tracked(y):
        return run.mix([(x, hold), (y, 1 - hold)], "select", "where")
    if run.tracked(x):
        return run.shift(run.scale(x, hold), _times(y, ~condition))
    return run.shift(run.scale(y, 1 - hold), _times(x, condition))


def _times(value: Any, mask: torch.Tensor) -> torch.Tensor:
    if (isinstance(value, torch.Tensor) and value.is_meta) or mask.is_meta:
        return torch.empty(torch.broadcast_shapes(mask.shape, getattr(value, "shape", ())), device="meta")
    return torch.where(mask, torch.as_tensor(value, dtype=torch.float64), torch.zeros((), dtype=torch.float64))


ROWS = [
    *(
        Operation(name, "gate", pointwise, pointwise.__doc__ or "")
        for name in (
            "relu",
            "leaky_relu",
            "elu",
            "celu",
            "selu",
            "gelu",
            "silu",
            "mish",
            "softplus",
            "tanh",
            "sigmoid",
            "hardtanh",
            "hardswish",
            "hardsigmoid",
            "hardshrink",
            "softshrink",
            "threshold",
            "clamp",
            "clamp_min",
            "clamp_max",
            "relu6",
            "log_sigmoid_forward",
            "abs",
            "exp",
            "expm1",
            "log1p",
            "sqrt",
            "square",
            "pow",
            "sin",
            "cos",
            "tan",
            "atan",
            "asinh",
            "erf",
            "sinc",
            "softsign",
            "rrelu_with_noise",
        )
    ),
    Operation("_prelu_kernel", "gate", _prelu, _prelu.__doc__ or ""),
    Operation("prelu", "gate", _prelu, _prelu.__doc__ or ""),
    Operation("maximum", "gate", _pick(lambda a, b: a >= b, "maximum"), "the larger passes"),
    Operation("minimum", "gate", _pick(lambda a, b: a <= b, "minimum"), "the smaller passes"),
    Operation("where", "gate", _where, _where.__doc__ or "", held=(0,)),
    Operation("masked_fill", "gate", _masked_fill, _masked_fill.__doc__ or "", held=(1,)),
]
