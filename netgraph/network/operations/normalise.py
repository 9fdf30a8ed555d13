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


def is_instance_norm(run: Any, call: Any) -> bool:
    """Whether statistics of the batch are those of single maps: an instance norm plays its (N, C, …) as (1, N·C, …)."""
    tape, slot = run.tape, call.args[0].index
    maker = tape.maker.get(slot)
    if "BatchNorm" in tape.modules.get(call.module, "") or maker is None or maker.name not in {"view", "reshape"}:
        return False
    before, shape = tape.shapes[maker.reads[0]], tape.shapes[slot]
    return shape[0] == 1 and len(before) == len(shape) and shape[1] == before[0] * before[1]


def instance_norm(run: Any, x: Any, weight: Any, bias: Any, eps: float) -> Any:
    """γ·(x − μ)/√(σ² + ε) + β over the positions of each channel, 1/√ held fixed."""
    shape = run.shape(x)
    per_channel = (1, -1, *[1] * (len(shape) - 2))
    y = _centre_and_scale(run, x, list(range(2, len(shape))), eps)
    y = y if weight is None else run.scale(y, weight.reshape(per_channel))
    return [y if bias is None else run.shift(y, bias.reshape(per_channel)), None, None]


def _held(run: Any, call: Any, x: Any, *rest: Any, **options: Any) -> Any:
    """φ(x) = x · (φ(x)/x), the quotient held fixed: for functions without a finite value at 0."""

    def fn(t: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = call.op(t, *rest, **options)
        return made

    return run.scale(x, run.frozen(lambda t: fn(t) / t, x), made=fn)


def _renorm(run: Any, call: Any, x: Any, *rest: Any) -> Any:
    """x · min(1, m/‖x‖) for each slice along an axis, the factor held fixed."""
    return run.scale(x, run.frozen(lambda t: torch.where(t != 0, call.op(t, *rest) / t, 0), x))


def _softmax(run: Any, call: Any, x: Any, dim: int, *rest: Any, **options: Any) -> Any:
    """exp(x)/Σ exp(x), the sum held fixed; held altogether where it only multiplies values (an attention pattern)."""
    top = run.frozen(lambda t: -t.amax(dim, keepdim=True), x)
    y = run.gate(run.shift(x, top), torch.exp, "softmax")
    return run.scale(y, run.frozen(lambda t: 1 / t.sum(dim, keepdim=True), y))


def _log_softmax(run: Any, call: Any, x: Any, dim: int, *rest: Any) -> Any:
    """x − log Σ exp(x), the logarithm held fixed."""
    return run.shift(x, run.frozen(lambda t: -torch.logsumexp(t, dim, keepdim=True), x))


ROWS = [
    Operation("native_layer_norm", "normalise", _layer_norm, _layer_norm.__doc__ or ""),
    Operation("native_group_norm", "normalise", _group_norm, _group_norm.__doc__ or ""),
    Operation("renorm", "normalise", _renorm, _renorm.__doc__ or ""),
    Operation("_softmax", "normalise", _softmax, _softmax.__doc__ or "", pattern=True),
    Operation("_safe_softmax", "normalise", _softmax, _softmax.__doc__ or "", pattern=True),
    Operation("_log_softmax", "normalise", _log_softmax, _log_softmax.__doc__ or ""),
    *(
        Operation(name, "normalise", _held, _held.__doc__ or "")
        for name in ("log", "rsqrt", "reciprocal", "log2", "log10")
    ),
]
