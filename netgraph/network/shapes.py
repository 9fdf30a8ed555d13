"""Small facts about shapes: broadcasting, equal rows, and which input meets which output in a convolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from netgraph.errors import ModelError
from netgraph.graph.sliding import Geometry


class BatchMismatch(ModelError):
    """The batch axis was merged with another one: play the inputs one at a time."""


def count(shape: Sequence[int]) -> int:
    """Number of elements."""
    total = 1
    for n in shape:
        total *= int(n)
    return total


def canonical(t: torch.Tensor) -> torch.Tensor:
    """The same tensor, with size 1 along every axis where it does not change (it broadcasts back)."""
    for dim in range(t.dim()):
        if t.shape[dim] > 1:
            first = t.narrow(dim, 0, 1)
            if t.stride(dim) == 0 or bool((t == first).all()):
                t = first
    return t


def lift(t: torch.Tensor, rank: int) -> torch.Tensor:
    """With axes of size 1 in front, up to ``rank`` axes."""
    return t.reshape((1,) * (rank - t.dim()) + tuple(t.shape))


def group_rows(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Which rows of (R, K) are equal: each row's group, in order of first appearance, and one row of each group."""
    if rows.shape[0] == 1:
        return torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long)
    if rows.shape[1] == 1:
        keys = rows[:, 0]
    else:  # a random linear hash, then checked: sorting whole rows is far slower
        generator = torch.Generator().manual_seed(0)
        factors = torch.randint(-(2**62), 2**62, (rows.shape[1],), generator=generator)
        keys = (rows * factors).sum(1)
    _, inverse = torch.unique(keys, return_inverse=True)
    size = int(inverse.max()) + 1
    first = torch.full((size,), rows.shape[0]).scatter_reduce_(0, inverse, torch.arange(rows.shape[0]), "amin")
    order = torch.argsort(first)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(size)
    group, representative = rank[inverse], first[order]
    if not torch.equal(rows[representative[group]], rows):  # two different rows with one hash
        _, inverse = torch.unique(rows, dim=0, return_inverse=True)
        return group_rows(inverse.reshape(-1, 1))
    return group, representative


def sum_to(t: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Sum over the axes where ``shape`` has size 1 (and over leading axes that it lacks)."""
    extra = t.dim() - len(shape)
    if extra > 0:
        t = t.sum(tuple(range(extra)))
    over = [i for i, n in enumerate(shape) if n == 1 and t.shape[i] > 1]
    if any(n not in (1, t.shape[i]) for i, n in enumerate(shape)):
        raise BatchMismatch(f"a value of shape {tuple(t.shape)} where vertices have shape {tuple(shape)}")
    return t.sum(over, keepdim=True) if over else t


def batchify(t: torch.Tensor, small: Sequence[int]) -> torch.Tensor:
    """(B, elements of ``small``): axes of size 1 in ``small`` but not in ``t`` become the batch."""
    t = lift(t, len(small))
    if t.dim() != len(small) or any(n not in (1, t.shape[i]) for i, n in enumerate(small)):
        raise BatchMismatch(f"a value of shape {tuple(t.shape)} where vertices have shape {tuple(small)}")
    batch = [i for i, n in enumerate(small) if n == 1 and t.shape[i] > 1]
    rest = [i for i in range(t.dim()) if i not in batch]
    return t.permute(*batch, *rest).reshape(count([t.shape[i] for i in batch]), count(small))


def conv_entries(
    x: Sequence[int], z: Sequence[int], weight: Sequence[int], geometry: Geometry
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Every (output element, input element, index into the flat kernel) of one image, sorted by output element."""
    outer, inner, kernel = z[2:], x[2:], weight[2:]
    out, into, tap = map(torch.from_numpy, geometry.places(inner, outer, kernel))
    channels, produced = int(x[1]) // geometry.groups, int(z[1]) // geometry.groups
    o = torch.arange(int(z[1]))[:, None, None]
    c = torch.arange(channels)[None, None, :]
    group = o // produced
    source = group * channels + c
    pair = source * produced + (o - group * produced) if geometry.transposed else o * channels + c
    shape = (int(z[1]), out.numel(), channels)
    rows = (o * count(outer) + out[None, :, None]).expand(shape).reshape(-1)
    cols = (source * count(inner) + into[None, :, None]).expand(shape).reshape(-1)
    taps = (pair * count(kernel) + tap[None, :, None]).expand(shape).reshape(-1)
    return rows, cols, taps
