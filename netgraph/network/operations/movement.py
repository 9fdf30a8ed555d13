"""Operations that move, copy or drop elements: played on values and on vertex numbers alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils import _pytree as pytree

from netgraph.errors import UnsupportedOperation
from netgraph.network.operations import Operation
from netgraph.network.operations.gate import masked_fill


def _as_is(run: Any, call: Any, x: Any, *rest: Any, **options: Any) -> Any:
    """The same elements."""
    return run.move(lambda t: t, x)


def _first(run: Any, call: Any, x: Any, *rest: Any, **options: Any) -> Any:
    """Dropout outside training: the same elements, and a mask that nobody reads."""
    return [run.move(lambda t: t, x), None]


def _reshape(run: Any, call: Any, x: Any, shape: Any, *strides: Any) -> Any:
    """The same elements in another shape (a view of other memory may not exist: reshape)."""
    return run.move(lambda t: t.reshape(shape), x)


def _generic(run: Any, call: Any, x: Any, *rest: Any, **options: Any) -> Any:
    """The operation itself, on whatever the pass carries."""
    known(run, call, (rest, options))
    return run.move(lambda t: call.op(t, *rest, **options), x)


def _join(name: str) -> Any:
    def rule(run: Any, call: Any, tensors: Any, dim: int = 0) -> Any:
        """Concatenation along an axis; empty tensors are dropped as torch does."""
        kept = [t for t in tensors if run.shape(t) != (0,)]
        if name == "stack":
            rank = len(run.shape(kept[0])) + 1
            kept = [
                run.move(lambda t: t.unsqueeze(dim % rank), t) if run.tracked(t) else t.unsqueeze(dim % rank)
                for t in kept
            ]
            dim = dim % rank
        return run.join(lambda ts: torch.cat(ts, dim), kept, dim)

    return rule


def _pad(run: Any, call: Any, x: Any, pad: Any, value: Any = 0) -> Any:
    """Constant padding: 0 is no vertex, any other number a constant that is added there."""
    around = run.pad(x, list(pad))
    if not value:
        return around
    rank = len(run.shape(x))
    padded = {rank - 1 - k for k in range(len(pad) // 2) if pad[2 * k] or pad[2 * k + 1]}
    inside = torch.zeros([n if i in padded else 1 for i, n in enumerate(run.shape(x))], dtype=torch.float64)
    return run.shift(around, torch.ops.aten.constant_pad_nd(inside, list(pad), value))


def _copy(run: Any, call: Any, x: Any, source: Any, *rest: Any) -> Any:
    """The source's values in the target's shape."""
    shape = run.shape(x)
    if not run.tracked(source):
        return source.expand(shape)
    return run.move(lambda t: t.expand(shape), source)


def _take(run: Any, call: Any, x: Any, places: torch.Tensor) -> Any:
    """Elements of a tensor that was written to through a view."""
    return run.move(lambda t: call.op(t, places), x)


def _put(run: Any, call: Any, base: Any, places: torch.Tensor, values: Any) -> Any:
    """A write through a view."""
    return run.overwrite(lambda b, v: call.op(b, places, v), base, values)


def known(run: Any, call: Any, places: Any) -> None:
    """Refuse places that depend on the input: without it there is no graph, and with another one another graph."""
    if any(isinstance(p, torch.Tensor) and p.is_meta for p in pytree.tree_leaves(places)):
        raise UnsupportedOperation(
            f"{call.place()} picks elements by values that depend on the input, so which vertices it reads is not "
            "fixed. Write a mask as a product or torch.where, a maximum as amax or max_pool"
        )


def _triangle(run: Any, call: Any, x: Any, diagonal: int = 0) -> Any:
    """The part below (above) a diagonal, zeros elsewhere."""
    return run.scale(x, call.op(torch.ones(run.shape(x)[-2:], dtype=torch.bool), diagonal))


def _index(run: Any, call: Any, x: Any, indices: Any) -> Any:
    """x[indices], the indices held fixed."""
    known(run, call, indices)
    return run.move(lambda t: torch.ops.aten.index(t, indices), x)


def _index_put(run: Any, call: Any, base: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """x[indices] = values; a mask with one number is a masked fill."""
    mask = indices[0] if len(indices) == 1 else None
    if (
        mask is not None
        and mask.dtype == torch.bool
        and not run.tracked(values)
        and values.dim() == 0
        and not accumulate
    ):
        shape = (*mask.shape, *[1] * (len(run.shape(base)) - mask.dim()))
        return masked_fill(run, call, base, mask.reshape(shape), values)
    known(run, call, indices)
    if accumulate:
        raise UnsupportedOperation(f"{call.place()} adds at indices: use torch.cat and a sum instead")
    return run.overwrite(lambda b, v: torch.ops.aten.index_put(b, indices, v.to(b.dtype)), base, values)


def _scatter(run: Any, call: Any, base: Any, values: Any, *rest: Any, **options: Any) -> Any:
    """A slice or element replaced."""
    return run.overwrite(lambda b, v: call.op(b, v.to(b.dtype), *rest, **options), base, values)


def _fill(run: Any, call: Any, x: Any, value: Any = 0) -> Any:
    """A constant in place of every element: nothing of x is left."""
    if run.tracked(value):
        shape = run.shape(x)
        return run.move(lambda t: t.expand(shape), value)
    return torch.as_tensor(value).to(torch.float64).expand(run.shape(x))


RULES: dict[Callable[..., Any], tuple[str, ...]] = {
    _as_is: ("clone", "alias", "detach", "_to_copy", "lift_fresh"),
    _first: ("native_dropout",),
    _reshape: ("view", "_unsafe_view", "reshape", "_reshape_alias"),
    _generic: (
        "permute",
        "transpose",
        "t",
        "unsqueeze",
        "squeeze",
        "expand",
        "slice",
        "select",
        "split",
        "split_with_sizes",
        "unsafe_split",
        "unsafe_split_with_sizes",
        "unbind",
        "repeat",
        "roll",
        "flip",
        "pixel_shuffle",
        "pixel_unshuffle",
        "channel_shuffle",
        "unfold",
        "index_select",
        "diagonal",
        "reflection_pad1d",
        "reflection_pad2d",
        "reflection_pad3d",
        "replication_pad1d",
        "replication_pad2d",
        "replication_pad3d",
        "rot90",
        "take",
    ),
    _triangle: ("tril", "triu"),
    _pad: ("constant_pad_nd",),
    _copy: ("copy",),
    _fill: ("fill", "zero"),
    _take: ("take_elements",),
    _put: ("put_elements",),
    _index: ("index",),
    _index_put: ("index_put", "_unsafe_index_put"),
    _scatter: ("slice_scatter", "select_scatter", "diagonal_scatter"),
}
ROWS = [
    *(Operation(name, "movement", rule, rule.__doc__ or "") for rule, names in RULES.items() for name in names),
    Operation("cat", "movement", _join("cat"), "concatenation"),
    Operation("stack", "movement", _join("stack"), "concatenation along a new axis"),
]
