"""Inputs: what a network takes, checked at the door, with the likely mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from netgraph.errors import InputError
from netgraph.network.shapes import count

BATCH = 256
"""Inputs per pass at most, where the result does not depend on it."""
ROOM = 3 << 29
"""Bytes that all values of a pass may take: 1.5 GB, and a backward pass as much again. One input always passes."""
_WIDE = torch.float32


def as_input(x: Any, example: torch.Tensor, name: str, batched: bool = True) -> torch.Tensor:
    """One tensor of a call, checked against the example's: with a batch axis where it has a value per input.

    Raises
    ------
    InputError : another rank or kind of number, no inputs, NaN or infinity; with the likely mend.
    """
    try:
        t = x if isinstance(x, torch.Tensor) else torch.as_tensor(np.asarray(x))
    except (TypeError, ValueError):
        raise InputError(f"{name} is {type(x).__name__}, expected a tensor or an array of numbers") from None
    one = tuple(example.shape[1:]) if batched else tuple(example.shape)
    expected = "(N, " + ", ".join(map(str, one)) + ")" if batched else str(one)
    if t.dim() != example.dim():
        hint = mend(tuple(t.shape), one) or "give inputs in that shape"
        raise InputError(f"{name} has shape {tuple(t.shape)}, expected {expected}: {hint}")
    if batched and t.shape[0] == 0:
        raise InputError(f"no inputs: shape {tuple(t.shape)}, expected {expected} with N ≥ 1")
    _same_kind(t, example, name)
    t = t.to(device=example.device, dtype=example.dtype)
    if batched and not bool(t.isfinite().all()):
        bad = int((~t.isfinite()).sum())
        raise InputError(
            f"{name} holds {bad} values that are NaN or infinite; clean it first (a mask: as bool, or with "
            "torch.finfo(dtype).min)"
        )
    if bool(t.isnan().any()):
        raise InputError(f"{name} holds {int(t.isnan().sum())} values that are NaN; clean it first (infinity may mask)")
    return t


def _same_kind(t: torch.Tensor, example: torch.Tensor, name: str) -> None:
    """Whole numbers where the network takes whole numbers, and truth values where it takes those."""
    if example.is_floating_point() and not t.is_complex():
        return
    if example.dtype == torch.bool:
        fits, hint = not t.is_complex() and bool(((t == 0) | (t == 1)).all()), "x.bool()"
    elif example.is_floating_point():
        fits, hint = False, "x.real, or x.abs()"
    else:
        fits, hint = not t.is_floating_point() and not t.is_complex(), "x.long()"
    if not fits:
        raise InputError(f"{name} is {t.dtype}, expected {example.dtype}: {hint} if that is what they are")


def mend(got: Sequence[int], one: Sequence[int]) -> str:
    """How an input of shape ``got`` likely becomes (N, \\*one); "" where nothing is near.

    >>> mend((5, 28, 28, 3), (3, 28, 28)), mend((5, 28, 28), (784,)), mend((784,), (784,))
    ('move its axes: x.permute(0, 3, 1, 2)', 'flatten it: x.flatten(1)', 'add a batch axis: x[None]')
    >>> mend((28, 28), (1, 28, 28))
    'add the missing axes: x.reshape(-1, 1, 28, 28)'
    """
    got, one = tuple(got), tuple(one)
    if got == one:
        return "add a batch axis: x[None]"
    if len(got) == len(one) + 1 and sorted(got[1:]) == sorted(one) and got[1:] != one:
        left = list(range(1, len(got)))
        order = [left.pop(next(i for i, axis in enumerate(left) if got[axis] == n)) for n in one]
        return f"move its axes: x.permute({', '.join(map(str, (0, *order)))})"
    whole, each = count(got), count(one)
    if len(got) > 1 and count(got[1:]) == each and len(one) == 1:
        return "flatten it: x.flatten(1)"
    if whole % max(each, 1) == 0 and each > 1 and (whole == each or count(got[1:]) == each):
        what = "flatten it" if len(one) == 1 else "add the missing axes"
        return f"{what}: x.reshape({', '.join(map(str, (-1, *one)))})"
    return "add a batch axis: x[None]" if len(got) == len(one) else ""


def as_shape(part: Any) -> tuple[int, ...] | None:
    """A shape without a batch axis: whole numbers, at least one; None for anything else."""
    if not isinstance(part, (tuple, list)) or not part:
        return None
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in part)
    return tuple(part) if whole else None


def at_once(each: int) -> int:
    """How many inputs are played at once whose values take so many bytes each.

    >>> at_once(10_000), at_once(50_000_000), at_once(10**10)
    (256, 32, 1)
    """
    return max(1, min(BATCH, ROOM // max(each, 1)))


def split(given: Sequence[torch.Tensor], step: int) -> list[list[torch.Tensor]]:
    """The inputs in batches of ``step``."""
    return [[x[i : i + step] for x in given] for i in range(0, len(given[0]), step)]


def rows(pieces: Sequence[tuple[torch.Tensor, int]]) -> np.ndarray[Any, Any]:
    """(N, …) of the outputs of several batches, each with its number of inputs; a regressor's (N,) becomes (N, 1)."""
    parts = [p.detach().reshape(n, -1) if p.dim() <= 1 else p.detach() for p, n in pieces]
    whole = torch.cat(parts).cpu()
    stacked: np.ndarray[Any, Any] = whole.to(storable(whole.dtype)).numpy()
    return stacked


def storable(dtype: torch.dtype) -> torch.dtype:
    """The dtype that a graph's numbers have: float32 for lower precisions, whose sums over positions would overflow."""
    return dtype if dtype in (torch.float32, torch.float64) or not dtype.is_floating_point else _WIDE


def numpy_dtype(dtype: torch.dtype) -> np.dtype[Any]:
    """The numpy dtype of :func:`storable`."""
    return np.dtype("float64" if dtype == torch.float64 else "float32")
