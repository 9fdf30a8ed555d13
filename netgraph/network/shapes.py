"""Small facts about shapes: broadcasting, equal rows, and which input meets which output in a convolution."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import mul

import torch

from netgraph.errors import ModelError
from netgraph.graph.sliding import Geometry

_PIECE = 1 << 18


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
    if rows.shape[1] and bool((rows[1:, 0] > rows[:-1, 0]).all()):  # units in their order: no two are equal
        every = torch.arange(rows.shape[0])
        return every, every
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


def product_to(factors: Sequence[torch.Tensor], shape: Sequence[int]) -> torch.Tensor:
    """:func:`sum_to` of the product, piece by piece along a first axis that is summed: nothing large is made."""
    full = torch.broadcast_shapes(*[f.shape for f in factors], tuple(shape))
    small = [1] * (len(full) - len(shape)) + list(shape)
    wide = [lift(f, len(full)) for f in factors]
    outer = [f for f in wide if all(a in (1, b) for a, b in zip(f.shape, small, strict=True))]
    inner = [f for f in wide if not any(f is g for g in outer)]
    if not inner:
        return sum_to(prod(outer).expand(full), shape)
    n = full[0]
    step = max(1, _PIECE * n // max(count(full), 1))
    if len(inner) == 1 or small[0] != 1 or step >= n:
        total = sum_to(prod(inner).expand(full), small)
    else:
        pieces = [
            sum_to(prod([f if len(f) == 1 else f[i : i + step] for f in inner]).expand(-1, *full[1:]), small)
            for i in range(0, n, step)
        ]
        total = torch.stack(pieces).sum(0)
    return prod([total, *outer]).reshape(tuple(shape))


def prod(factors: Sequence[torch.Tensor]) -> torch.Tensor:
    """The product of tensors, element by element."""
    return reduce(mul, factors)


def batchify(t: torch.Tensor, small: Sequence[int]) -> torch.Tensor:
    """(B, elements of ``small``): axes of size 1 in ``small`` but not in ``t`` become the batch."""
    t = lift(t, len(small))
    if t.dim() != len(small) or any(n not in (1, t.shape[i]) for i, n in enumerate(small)):
        raise BatchMismatch(f"a value of shape {tuple(t.shape)} where vertices have shape {tuple(small)}")
    batch = [i for i, n in enumerate(small) if n == 1 and t.shape[i] > 1]
    rest = [i for i in range(t.dim()) if i not in batch]
    return t.permute(*batch, *rest).reshape(count([t.shape[i] for i in batch]), count(small))


def unbatchify(flat: torch.Tensor, like: torch.Tensor, small: Sequence[int]) -> torch.Tensor:
    """What :func:`batchify` of a tensor shaped ``like`` one gave, in that shape again."""
    wide = lift(like, len(small))
    batch = [i for i, n in enumerate(small) if n == 1 and wide.shape[i] > 1]
    rest = [i for i in range(wide.dim()) if i not in batch]
    order = [*batch, *rest]
    back = [order.index(i) for i in range(wide.dim())]
    return flat.reshape([wide.shape[i] for i in order]).permute(back).reshape(like.shape)


def batchify_rows(t: torch.Tensor, lead: Sequence[int]) -> torch.Tensor:
    """(B, rows, features) of a tensor whose leading axes are ``lead`` up to the batch."""
    features = t.shape[-1]
    flat = batchify(t, (*lead, features))
    return flat.reshape(flat.shape[0], count(lead), features)


def row_products(x: torch.Tensor, kernels: torch.Tensor, group: torch.Tensor) -> torch.Tensor:
    """(…, O) of (…, K): each row times the kernel, of (groups, K, O), that ``group`` (the leading axes) says."""
    made = torch.einsum("brk,rko->bro", batchify_rows(x, group.shape), kernels[group.reshape(-1)])
    out = (*x.shape[:-1], kernels.shape[-1])
    return unbatchify(made.flatten(1), x[..., :1].expand(out), (*group.shape, kernels.shape[-1]))


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
