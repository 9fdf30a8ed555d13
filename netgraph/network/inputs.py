"""Inputs and parameters: what a network takes, checked at the door."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from netgraph.errors import InputError
from netgraph.network.parameters import parameters

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
            t = t.to(device=example.device, dtype=example.dtype)
            if not bool(t.isfinite().all()):
                bad = int((~t.isfinite()).sum())
                raise InputError(f"the input holds {bad} values that are NaN or infinite; clean it first")
        out.append(t)
    if len(given) != len(examples):
        raise InputError(f"{len(given)} inputs, expected {len(examples)}: pass a tuple of tensors")
    return out


def split(given: Sequence[torch.Tensor], step: int = BATCH) -> list[list[torch.Tensor]]:
    """The inputs in batches of ``step``."""
    return [[x[i : i + step] for x in given] for i in range(0, len(given[0]), step)]


def rows(pieces: Sequence[tuple[torch.Tensor, int]]) -> np.ndarray[Any, Any]:
    """(N, …) of the outputs of several batches, each with its number of inputs; a regressor's (N,) becomes (N, 1)."""
    parts = [p.detach().reshape(n, -1) if p.dim() <= 1 else p.detach() for p, n in pieces]
    stacked: np.ndarray[Any, Any] = torch.cat(parts).cpu().numpy()
    return stacked


def numpy_dtype(dtype: torch.dtype) -> np.dtype[Any]:
    """The numpy dtype of a torch dtype; float32 for those that numpy lacks (bfloat16)."""
    known = {torch.float16: "float16", torch.float32: "float32", torch.float64: "float64"}
    return np.dtype(known.get(dtype, "float32"))


def example_inputs(model: Callable[..., Any], example: Any) -> list[torch.Tensor]:
    """The example as a list of tensors; a shape without batch axis becomes a seeded normal tensor."""
    if isinstance(example, (tuple, list)) and example and all(isinstance(n, int) for n in example):
        like = next((p for p in parameters(model).values() if p.is_floating_point()), torch.empty(0))
        generator = torch.Generator().manual_seed(0)
        return [torch.randn((1, *example), generator=generator, dtype=torch.float32).to(like)]
    given = list(example) if isinstance(example, (tuple, list)) else [example]
    if not given or not all(isinstance(x, torch.Tensor) for x in given):
        raise InputError(
            f"example is {type(example).__name__}: expected a tensor with a batch axis, a tuple of tensors, or a shape "
            "without the batch axis such as (1, 28, 28)"
        )
    if any(x.dim() == 0 or x.shape[0] == 0 for x in given):
        raise InputError(
            f"example has shape {[tuple(x.shape) for x in given]}: expected a leading batch axis and at least one input"
        )
    return [x.detach() for x in given]
