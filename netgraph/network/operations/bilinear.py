"""Products of two tracked tensors: each side is the other's weight, half of the value flows to each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from netgraph.network.operations import Operation


def multiply(run: Any, call: Any, x: Any, y: Any) -> Any:
    """x ⊙ y: ½·y·x + ½·x·y with one factor of each held fixed; a constant factor only scales."""
    if run.tracked(x) and run.tracked(y):
        return run.product(x, y)
    return run.scale(x, y) if run.tracked(x) else run.scale(y, x)


def matrix_product(run: Any, call: Any, x: Any, y: Any) -> Any:
    """x·y of matrices that depend on the input: ½·x·y̅ + ½·x̅·y; one that carries no vertices is a pattern held fixed."""
    if not run.tracked(x):
        return run.attend(x, y)
    if not run.tracked(y):
        return _turned(run, run.attend(run.frozen(_turn, y), _turned(run, x)))
    left = run.attend(run.frozen(lambda t: 0.5 * t, x), y)
    right = _turned(run, run.attend(run.frozen(lambda t: 0.5 * _turn(t), y), _turned(run, x)))
    return run.mix([(left, 1), (right, 1)], "product", "product")


def is_held(t: Any) -> bool:
    """Whether a tensor that carries no vertices is held fixed at the input: its shape is all that is known before."""
    return isinstance(t, torch.Tensor) and t.is_meta


def constants_only(fn: Callable[..., torch.Tensor], *ts: Any) -> torch.Tensor:
    """``fn`` of tensors that carry no vertices; by its shape alone where one of them is held fixed."""
    if any(is_held(t) for t in ts):
        ts = tuple(t.to("meta") if isinstance(t, torch.Tensor) else t for t in ts)
    return fn(*ts)


def _turn(t: torch.Tensor) -> torch.Tensor:
    return t.transpose(-1, -2)


def _turned(run: Any, x: Any) -> Any:
    return run.move(_turn, x)


def batched_product(run: Any, call: Any, x: Any, y: Any) -> Any:
    """A batch of matrix products; one that shares its constant side is a linear layer."""
    if run.tracked(x) and run.tracked(y):
        return matrix_product(run, call, x, y)
    constant = y if run.tracked(x) else x
    if not run.decide(lambda: not is_held(constant) and _shared(constant)):
        return matrix_product(run, call, x, y)
    if run.tracked(x):
        return run.matmul(x, y[0])
    return _turned(run, run.matmul(_turned(run, y), _turn(x[0])))


def _baddbmm(run: Any, call: Any, bias: Any, x: Any, y: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta · b + alpha · x·y."""
    if not run.tracked(x) and not run.tracked(y):
        return run.shift(bias if beta == 1 else run.scale(bias, beta), constants_only(lambda a, b: a @ b * alpha, x, y))
    z = batched_product(run, call, x, y)
    z = z if alpha == 1 else run.scale(z, alpha)
    if run.tracked(bias):
        return run.mix([(z, 1), (bias, beta)], "skip", "add")
    return run.shift(z, bias * beta) if beta != 0 else z


def _shared(t: torch.Tensor) -> bool:
    """All matrices of the batch are one."""
    return t.shape[0] == 1 or t.stride(0) == 0 or bool((t == t[:1]).all())


RULES: dict[str, Callable[..., Any]] = {"mul": multiply, "bmm": batched_product, "baddbmm": _baddbmm}
ROWS = [Operation(name, "bilinear", rule, rule.__doc__ or "") for name, rule in RULES.items()]
