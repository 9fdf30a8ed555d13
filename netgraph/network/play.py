"""Plays a tape as it was recorded, in any floating dtype, on any device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from netgraph.network.tape import Call, Tape, fill
from netgraph.network.undisturbed import own_precision


def constants(tape: Tape, dtype: torch.dtype | None, device: torch.device | str = "cpu") -> dict[int, torch.Tensor]:
    """Slot -> value of everything that does not depend on the input, in another floating dtype (None: as recorded)."""
    values = {s: cast(t, dtype, device) for s, t in tape.constants.items()}
    with own_precision():
        for call in tape.calls:
            if call.index in tape.needed and not call.random and not any(s in tape.dependent for s in call.outputs):
                execute(call, values, dtype, device)
    return values


def play(
    tape: Tape, inputs: Sequence[torch.Tensor], dtype: torch.dtype | None = None, keep: Sequence[int] = ()
) -> tuple[Any, dict[int, torch.Tensor]]:
    """(the model's output, the values of the slots in ``keep``): the tape as it was recorded.

    In the dtype of the recording every value keeps its own, also in a model of several precisions.
    """
    dtype = None if dtype == tape.dtype else dtype
    inputs = tape.own(inputs)
    device = inputs[0].device if inputs else "cpu"
    values = constants(tape, dtype, device)
    values.update({s: cast(t, dtype or tape.dtypes[s], device) for s, t in zip(tape.inputs, inputs, strict=True)})
    left = dict(tape.uses)
    kept = set(keep) | set(tape.constants)
    saved = {s: values[s] for s in keep if s in tape.inputs}  # an output may be an input
    with torch.no_grad(), own_precision():
        for call in tape.calls:
            if call.index not in tape.needed or call.random:
                continue
            if any(s in tape.dependent for s in call.outputs):
                execute(call, values, dtype, device)
            for s in call.outputs:
                if s in kept and s in values:
                    saved[s] = values[s]
            for s in call.reads:
                left[s] -= 1
                if left[s] == 0 and s not in kept:
                    values.pop(s, None)
    return tape.output.fill(values.__getitem__), saved


def cast(
    t: torch.Tensor, dtype: torch.dtype | None, device: torch.device | str = "cpu", differentiable: bool = False
) -> torch.Tensor:
    """A tensor on ``device``, detached unless told; floating ones in ``dtype``, others in their own."""
    return (t if differentiable else t.detach()).to(
        device=device, dtype=dtype if t.is_floating_point() and dtype is not None else t.dtype
    )


def execute(
    call: Call, values: dict[int, torch.Tensor], dtype: torch.dtype | None, device: Any, differentiable: bool = False
) -> None:
    """Run one call on ``values`` (slot -> tensor) and add what it makes, floating numbers in ``dtype`` where given."""
    args, kwargs = fill((call.args, call.kwargs), values.__getitem__)
    made = kwargs.get("dtype")
    if dtype is not None and isinstance(made, torch.dtype) and made.is_floating_point:
        kwargs["dtype"] = dtype
    if "device" in kwargs and kwargs["device"] is not None:
        kwargs["device"] = device
    with torch.set_grad_enabled(differentiable):
        out = _flexible(call)(*args, **kwargs)
    for slot, value in zip(call.outputs, out if isinstance(out, (tuple, list)) else [out], strict=False):
        if slot is not None:
            values[slot] = cast(value, dtype, device, differentiable)


def _flexible(call: Call) -> Callable[..., Any]:
    """Views of other memory layouts may not exist: reshape instead."""
    if call.name in {"view", "_unsafe_view", "_reshape_alias"}:
        return lambda t, shape, *_: t.reshape(shape)
    return call.op
