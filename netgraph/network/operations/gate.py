"""Elementwise functions: a = g·z + φ(0) with the secant g = (φ(z) − φ(0))/z, and g = φ′(0) at z = 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from netgraph.errors import UnsupportedOperation
from netgraph.network.operations import Operation


def pointwise(run: Any, call: Any, x: Any, *rest: Any, **options: Any) -> Any:
    """φ(x) with one tracked argument, the others constant; held fixed as a factor where φ(0) is not finite."""
    given = [x, *rest]
    places = [i for i, value in enumerate(given) if run.tracked(value)]
    if len(places) != 1:
        raise UnsupportedOperation(
            f"{call.place()} joins {len(places)} tensors that depend on the input in one step that has no "
            f"rule: write it with sums and products, or register one: netgraph.register_operation({call.name!r}, …)"
        )

    def fn(t: torch.Tensor) -> torch.Tensor:
        out = call.op(*given[: places[0]], t, *given[places[0] + 1 :], **options)
        first: torch.Tensor = out[0] if isinstance(out, tuple) else out
        return first

    tracked = given[places[0]]
    if not bool(torch.isfinite(fn(torch.zeros((), dtype=torch.float64))).all()):
        quotient = run.frozen(lambda *ts: call.op(*ts, **options) / ts[places[0]], *given)
        return run.scale(tracked, quotient, made=fn)
    return run.gate(tracked, fn, call.name)


def _prelu(run: Any, call: Any, x: Any, weight: Any) -> Any:
    """max(0, z) + w·min(0, z), one slope per channel."""
    shape = (1, -1, *[1] * (len(run.shape(x)) - 2)) if weight.numel() > 1 and len(run.shape(x)) > 1 else (-1,)

    def fn(t: torch.Tensor) -> torch.Tensor:
        if t.dim() == 0:
            return t
        w = weight.to(t.dtype)
        return torch.where(t > 0, t, t * (w if w.dim() == t.dim() else w.reshape(shape)))

    return run.gate(x, fn, "prelu")


def _rrelu(run: Any, call: Any, x: Any, noise: Any, lower: float = 1 / 8, upper: float = 1 / 3, *rest: Any) -> Any:
    """max(0, z) + ½(lower + upper)·min(0, z), as outside training."""
    return run.gate(x, lambda t: torch.nn.functional.leaky_relu(t, (lower + upper) / 2), "rrelu")


def _pick(better: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], name: str) -> Any:
    def rule(run: Any, call: Any, x: Any, y: Any) -> Any:
        """The larger (smaller) of two tensors, elementwise: the one that wins passes."""
        if run.tracked(x) and run.tracked(y):
            first = run.frozen(lambda a, b: better(a, b).to(a.dtype), x, y)
            return run.mix([(x, first), (y, 1 - first)], "select", name)
        tracked, other = (x, y) if run.tracked(x) else (y, x)
        return run.gate(tracked, lambda t: call.op(t, torch.as_tensor(other).to(t)), name)

    return rule


def _copysign(run: Any, call: Any, x: Any, y: Any) -> Any:
    """±x with the sign of y, which is held fixed."""
    sign = run.frozen(lambda a, b: torch.where(torch.signbit(a) == torch.signbit(torch.as_tensor(b)), 1.0, -1.0), x, y)
    return run.scale(x, sign)


def _where(run: Any, call: Any, condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, y elsewhere; the condition is held fixed."""
    return _blend(run, condition, x, y)


def masked_fill(run: Any, call: Any, x: Any, mask: Any, value: Any) -> Any:
    """x with a constant where the mask holds."""
    return _blend(run, mask, value, x)


def _blend(run: Any, condition: Any, x: Any, y: Any) -> Any:
    condition = condition.bool()
    if run.tracked(x) and run.tracked(y):
        return run.mix([(x, condition), (y, ~condition)], "select", "where")
    if run.tracked(x):
        return run.shift(run.scale(x, condition), _times(y, ~condition))
    return run.shift(run.scale(y, ~condition), _times(x, condition))


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
            "log_sigmoid_forward",
            "abs",
            "exp",
            "expm1",
            "log1p",
            "sqrt",
            "pow",
            "sin",
            "cos",
            "tan",
            "atan",
            "asinh",
            "erf",
            "sinc",
            "acos",
            "acosh",
            "asin",
            "atanh",
            "cosh",
            "deg2rad",
            "digamma",
            "erfc",
            "erfinv",
            "exp2",
            "frac",
            "i0",
            "lgamma",
            "logit",
            "nan_to_num",
            "rad2deg",
            "sinh",
            "xlogy",
        )
    ),
    Operation("rrelu_with_noise", "gate", _rrelu, _rrelu.__doc__ or ""),
    Operation("_prelu_kernel", "gate", _prelu, _prelu.__doc__ or ""),
    *(
        Operation(name, "gate", pointwise, "a step function: a gate, held fixed where it only multiplies", pattern=True)
        for name in ("sign", "sgn", "floor", "ceil", "round", "trunc", "floor_divide", "remainder", "fmod", "heaviside")
    ),
    Operation("copysign", "gate", _copysign, _copysign.__doc__ or "", held=(1,)),
    Operation("fmax", "gate", _pick(lambda a, b: a >= b, "maximum"), "the larger passes"),
    Operation("fmin", "gate", _pick(lambda a, b: a <= b, "minimum"), "the smaller passes"),
    Operation("maximum", "gate", _pick(lambda a, b: a >= b, "maximum"), "the larger passes"),
    Operation("minimum", "gate", _pick(lambda a, b: a <= b, "minimum"), "the smaller passes"),
    Operation("where", "gate", _where, _where.__doc__ or "", held=(0,)),
    Operation("masked_fill", "gate", masked_fill, masked_fill.__doc__ or "", held=(1,)),
]
