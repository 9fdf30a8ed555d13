"""Inputs and parameters: what a network takes, checked at the door."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from netgraph.errors import InputError, NonFiniteError

BATCH = 256
"""Inputs per pass, where the result does not depend on it."""


def as_inputs(inputs: Any, examples: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Inputs as a list of tensors with a batch axis, in the model's dtype; clear errors otherwise."""
    given = (
        list(inputs)
        if isinstance(inputs, (tuple, list)) and all(isinstance(x, torch.Tensor) for x in inputs)
        else [inputs]
    )
    out = []
    for x, example in zip(given, examples, strict=False):
        t = torch.as_tensor(np.asarray(x) if not isinstance(x, torch.Tensor) else x)
        expected = "(N, " + ", ".join(map(str, example.shape[1:])) + ")"
        if t.dim() != example.dim():
            hint = "add a batch axis: x[None]" if t.dim() == example.dim() - 1 else "give inputs in that shape"
            raise InputError(f"the input has shape {tuple(t.shape)}, expected {expected}: {hint}")
        if t.shape[0] == 0:
            raise InputError(f"no inputs: shape {tuple(t.shape)}, expected {expected} with N ≥ 1")
        if example.is_floating_point():
            t = t.to(example.dtype)
            if not bool(t.isfinite().all()):
                bad = int((~t.isfinite()).sum())
                raise InputError(f"the input holds {bad} values that are NaN or infinite; clean it first")
        out.append(t)
    if len(given) != len(examples):
        raise InputError(f"{len(given)} inputs, expected {len(examples)}: pass a tuple of tensors")
    return out


def split(given: list[torch.Tensor]) -> list[list[torch.Tensor]]:
    return [[x[i : i + BATCH] for x in given] for i in range(0, len(given[0]), BATCH)]


def rows(pieces: Sequence[torch.Tensor]) -> np.ndarray[Any, Any]:
    rows: np.ndarray[Any, Any] = torch.cat([torch.atleast_2d(p.detach()) for p in pieces]).cpu().numpy()
    return rows


def numpy_dtype(dtype: torch.dtype) -> Any:
    return (
        torch.empty(0, dtype=dtype).numpy().dtype
        if dtype in {torch.float32, torch.float64, torch.float16}
        else np.dtype("float32")
    )


def example_inputs(model: Callable[..., Any], example: Any) -> list[torch.Tensor]:
    if isinstance(example, (tuple, list)) and example and all(isinstance(n, int) for n in example):
        dtype = next((p.dtype for p in _parameters(model).values() if p.is_floating_point()), torch.get_default_dtype())
        generator = torch.Generator().manual_seed(0)
        return [torch.randn((1, *example), generator=generator, dtype=torch.float32).to(dtype)]
    given = list(example) if isinstance(example, (tuple, list)) else [example]
    if not given or not all(isinstance(x, torch.Tensor) for x in given):
        raise InputError(
            f"example is {type(example).__name__}: expected a tensor with a batch axis, a tuple of tensors, or a shape without "
            "the batch axis such as (1, 28, 28)"
        )
    if any(x.dim() == 0 or x.shape[0] == 0 for x in given):
        raise InputError(
            f"example has shape {[tuple(x.shape) for x in given]}: expected a leading batch axis with at least one input"
        )
    return [x.detach() for x in given]


def _parameters(model: Callable[..., Any]) -> Mapping[str, torch.Tensor]:
    if not isinstance(model, torch.nn.Module):
        return {}
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def refuse_nonfinite(model: Callable[..., Any]) -> None:
    for name, tensor in _parameters(model).items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            bad = torch.nonzero(~tensor.isfinite())
            layer, _, which = name.rpartition(".")
            raise NonFiniteError(
                f"layer {layer or '(root)'!r}: {which} holds {len(bad)} values that are NaN or infinite, the first at index "
                f"{tuple(bad[0].tolist())}. Load an earlier checkpoint, or set them to a number first"
            )
