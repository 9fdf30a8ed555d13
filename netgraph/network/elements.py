"""Reading and writing chosen elements of a tensor: what writes through views become on the tape.

A view of a tensor that has been written to is read again by the places of its elements in the base, whatever the
memory layout, so both operations work on values, gradients and vertex numbers alike.
"""

from __future__ import annotations

import torch


def positions(base: torch.Tensor, size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> torch.Tensor | None:
    """Where the elements of a view lie in ``base``, counted in C order; None where it reaches beyond the base."""
    shape, strides, start = tuple(base.shape), base.stride(), int(base.storage_offset())
    memory = torch.arange(1 + max(_last(shape, strides, start), _last(size, stride, offset)))
    place = torch.full_like(memory, -1)
    place[torch.as_strided(memory, shape, strides, start).reshape(-1)] = torch.arange(base.numel())
    found = place[torch.as_strided(memory, size, stride, offset).reshape(-1)]
    return None if bool((found < 0).any()) else found.reshape(size)


def _last(size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> int:
    return offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True) if n)


def take_elements(base: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """``base``'s elements at ``places`` (C order), in the shape of ``places``."""
    return base.reshape(-1)[places.to(base.device)]


def put_elements(base: torch.Tensor, places: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """A copy of ``base`` with ``values`` at ``places``."""
    at = places.reshape(-1).to(base.device)
    return base.reshape(-1).index_put((at,), values.expand(places.shape).reshape(-1).to(base.dtype)).reshape(base.shape)
