"""Divisions by a statistic of the input itself: the statistic is held fixed at the input."""

from __future__ import annotations

from typing import Any

import torch

from netgraph.network.operations import Operation


def _centre_and_scale(run: Any, x: Any, dims: list[int], eps: float) -> Any:
    """(x − mean) · s with s = 1/√(variance + ε) held fixed; the mean makes vertices."""
    mean = run.reduce(x, dims, True)
    centred = run.mix([(x, 1), (mean, -1)], "skip", "centre")
    scale = run.frozen(lambda t: (t.square().mean(dims, keepdim=True) + eps).rsqrt(), centred)
    return run.scale(centred, scale)


def _layer_norm(run: Any, call: Any, x: Any, shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    """γ·(x − μ)/√(σ² + ε) + β over the last axes, 1/√ held fixed."""
    rank = len(run.shape(x))
    y = _centre_and_scale(run, x, list(range(rank - len(shape), rank)), eps)
    y = y if weight is None else run.scale(y, weight)
    return [y if bias is None else run.shift(y, bias), None, None]


def _group_norm(
    run: Any, call: Any, x: Any, weight: Any, bias: Any, n: int, c: int, hw: int, groups: int, eps: float
) -> Any:
    """γ·(x − μ)/√(σ² + ε) + β over the channels of a group and all positions, 1/√ held fixed."""
    shape = run.shape(x)
    grouped = run.move(lambda t: t.reshape(shape[0], groups, -1), x)
    y = run.move(lambda t: t.reshape(shape), _centre_and_scale(run, grouped, [2], eps))
    per_channel = (1, -1, *[1] * (len(shape) - 2))
    y = y if weight is None else run.scale(y, weight.reshape(per_channel))
    return [y if bias is None else run.shift(y, bias.reshape(per_channel)), None, None]


def _held(run: Any, call: Any, x: Any, *rest: Any, **options: Any) -> Any:
    """φ(x) = x · (φ(x)/x), the quotient held fixed: for functions without a finite value at 0."""
    factor = run.frozen(lambda t: call.op(t, *rest, **options) / t, x)
    return run.scale(x, factor)


def _log_softmax(run: Any, call: Any, x: Any, dim: int, *rest: Any) -> Any:
    """x − log Σ exp(x), the logarithm held fixed."""
    return run.shift(x, run.frozen(lambda t: -torch.logsumexp(t, dim, keepdim=True), x))


ROWS = [
    Operation("native_layer_norm", "normalise", _layer_norm, _layer_norm.__doc__ or ""),
    Operation("native_group_norm", "normalise", _group_norm, _group_norm.__doc__ or ""),
    Operation("_log_softmax", "normalise", _log_softmax, _log_softmax.__doc__ or ""),
    *(
        Operation(name, "normalise", _held, _held.__doc__ or "")
        for name in ("log", "rsqrt", "reciprocal", "log2", "log10")
    ),
]
