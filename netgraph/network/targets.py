"""What ``target=`` may be: from a class number to a function of the output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from netgraph.errors import InputError, NonFiniteError, unknown
from netgraph.network.replay import Replay
from netgraph.network.shapes import batchify, canonical

Objective = Callable[[Replay, torch.Tensor], torch.Tensor]
"""(what was played, logits) -> one number per input, shape (N,)."""


def objective(target: Any) -> Objective:
    """The quantity that a graph attributes.

    Parameters
    ----------
    target : ``None`` (a single output), a class number (its raw logit), ``("logit", c)``, ``("centred", c)`` (logit c
        minus the mean of the others; c may be a class per input), a pair ``(a, b)`` (difference of two logits),
        ``"prediction"``, a tensor with a class per input, a vertex id such as ``"fc2:7"`` (its activation, the mean
        over positions at channel granularity), or a function of the logits that gives a number per input.

    Raises
    ------
    InputError : no such class or vertex, or an output that is not (inputs, classes).
    NonFiniteError : a function that gives NaN or infinity.

    >>> logits = torch.tensor([[1.0, 2.0, 6.0]])
    >>> objective(("centred", 2))(None, logits)
    tensor([4.5000])
    """
    if callable(target):
        return lambda played, logits: _called(target, logits, played)
    if isinstance(target, str) and ":" in target:
        return lambda played, _: _vertex(played, target)
    if isinstance(target, str) and target != "prediction":
        raise InputError(
            f"target={target!r}: expected a class number, 'prediction', a vertex id such as 'fc2:7', a pair or a "
            "function"
        )
    if isinstance(target, (torch.Tensor, np.ndarray)) and target.ndim == 0:
        target = target.item()
    return lambda played, logits: _classes(target, logits, 1 if played is None else len(played.inputs[0]))


def named(target: Any) -> list[str]:
    """The layers whose values a target asks for: that of a vertex id."""
    return [target.rpartition(":")[0]] if isinstance(target, str) and ":" in target else []


def of_rows(target: Any, n: int, first: int, last: int) -> Any:
    """The target of some of ``n`` inputs: where it names a class for each of them, those of the rows."""
    if isinstance(target, tuple) and len(target) == 2 and target[0] in ("centred", "logit"):
        return (target[0], of_rows(target[1], n, first, last))
    per_input = isinstance(target, (torch.Tensor, np.ndarray, list)) and np.ndim(target) == 1 and len(target) == n
    return target[first:last] if per_input else target


def _called(target: Callable[[torch.Tensor], torch.Tensor], logits: torch.Tensor, played: Replay) -> torch.Tensor:
    values, n = torch.as_tensor(target(logits)), len(played.inputs[0])
    if values.numel() != n:
        raise InputError(
            f"target gave {values.numel()} numbers for {n} inputs: return one for each, such as "
            "logits[:, 0] - logits[:, 1]"
        )
    bad = int((~values.isfinite()).sum())
    if bad and bool(logits.isfinite().all()):
        raise NonFiniteError(
            f"target gave NaN or infinity for {bad} of {n} inputs, although all outputs are finite: return a finite "
            "number for each, such as logits[:, 0] - logits[:, 1]"
        )
    return values.reshape(n)


def _classes(target: Any, logits: torch.Tensor, inputs: int) -> torch.Tensor:
    if logits.dim() <= 1:  # a regressor's (N,), or one input without a batch axis
        logits = logits.reshape(inputs, -1)
    if logits.dim() > 2:
        raise InputError(
            f"the output has shape {tuple(logits.shape)}, not (inputs, classes): pass target= as a function of the "
            "output"
        )
    n, classes = logits.shape
    if target is None:
        if classes != 1:
            raise InputError(
                f"the network has {classes} outputs: say which with target= (a class number, 'prediction', a "
                "function …)"
            )
        return logits[:, 0]
    if isinstance(target, str):
        return logits.gather(1, logits.detach().argmax(1, keepdim=True))[:, 0]
    if isinstance(target, tuple) and len(target) == 2:
        how, c = target
        if isinstance(how, str) and how in ("logit", "centred"):
            one = _classes(c, logits, inputs)
            return one if how == "logit" else one - (logits.sum(1) - one) / max(classes - 1, 1)
        return logits[:, _class(how, classes)] - logits[:, _class(c, classes)]
    if isinstance(target, torch.Tensor) or hasattr(target, "__len__"):
        wanted = whole(target, "target").to(logits.device)
        if wanted.numel() != n:
            raise InputError(f"target has {wanted.numel()} classes for {n} inputs: pass one per input")
        for c in (int(wanted.min()), int(wanted.max())):
            _class(c, classes)
        return logits.gather(1, wanted[:, None])[:, 0]
    return logits[:, _class(target, classes)]


def whole(classes: Any, name: str) -> torch.Tensor:
    """(N,) class numbers of any whole dtype, or floats that are whole, as int64.

    Raises
    ------
    InputError : other numbers.

    >>> whole([2.0, 0.0], "labels")
    tensor([2, 0])
    """
    try:
        t = torch.as_tensor(np.asarray(classes) if not isinstance(classes, torch.Tensor) else classes).reshape(-1)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {type(classes).__name__}, expected a class number for each input") from None
    if t.dtype == torch.bool and name == "target":
        raise InputError(f"{name} holds truth values, expected class numbers: target.long() if that is what they are")
    if t.is_complex() or (t.is_floating_point() and not bool((t.isfinite() & (t == t.round())).all())):
        odd = next(v for v in t.tolist() if isinstance(v, complex) or not float(v).is_integer())
        raise InputError(
            f"{name} holds {odd:.6g}, which is no class number: pass whole numbers, such as probabilities.argmax(1); "
            "for a quantity of your own, target= a function of the logits"
        )
    return t.detach().long()


def _class(c: Any, classes: int) -> int:
    if not _is_whole(c) or not -classes <= int(c) < classes:
        raise InputError(f"target {c!r} is no class of this network: it has {classes} outputs, 0 to {classes - 1}")
    return int(c)


def _is_whole(c: Any) -> bool:
    """Whether it is a whole number: not a truth value, text, NaN …"""
    try:
        return not isinstance(c, (bool, np.bool_, str)) and float(c).is_integer()
    except (TypeError, ValueError):
        return False


def _vertex(played: Replay, name: str) -> torch.Tensor:
    numbering = played.numbering
    layer_name, _, index = name.rpartition(":")
    layers = {layer.name: layer for layer in numbering.layers}
    if layer_name not in layers:
        raise unknown("layer", layer_name, layers, f" in target {name!r}")
    layer = layers[layer_name]
    try:
        place = [int(i) for i in index.split(",")]
        grid = layer.grid if len(place) > 1 else (layer.size,)
        if len(place) != len(grid) or any(not 0 <= p < n for p, n in zip(place, grid, strict=True)):
            raise ValueError
        offset = 0
        for p, n in zip(place, grid, strict=True):
            offset = offset * n + p
    except ValueError:
        raise InputError(
            f"target {name!r} is no vertex: layer {layer_name!r} has vertices of shape {layer.grid}"
        ) from None
    here = canonical(layer.read.numbers)
    flat = batchify(played.activation(layer), here.shape)
    mine = flat[:, here.reshape(-1) == layer.start + offset].mean(1)
    n = played.inputs[0].shape[0]
    return mine.reshape(n, -1).mean(1) if len(mine) % max(n, 1) == 0 else mine.mean().reshape(1)
