"""The primitives that keep the vertices that a value was given: moving, padding, writing and joining elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch

from netgraph.network.shapes import canonical, count, lift
from netgraph.network.vertices import Form, Layers


class Carrying(Layers):
    """Plays movement on vertex numbers."""

    def tracked(self, x: Any) -> bool:
        """Whether a tensor carries vertices."""
        return isinstance(x, Form)

    def shape(self, x: Any) -> tuple[int, ...]:
        """Shape of a tensor, tracked or not, with a batch of one."""
        return tuple(x.shape)

    def frozen(self, fn: Callable[..., torch.Tensor], *xs: Any) -> torch.Tensor:
        """A quantity taken from the values and held fixed: its shape is all that is known here."""
        self.held += [x.numbers for x in xs if isinstance(x, Form)]
        return self.imagined(fn, *xs)

    def imagined(self, fn: Callable[..., torch.Tensor], *xs: Any) -> torch.Tensor:
        """What ``fn`` would make, by its shape alone."""
        metas = [torch.empty(self.shape(x), device="meta") if isinstance(x, Form) else x for x in xs]
        return fn(*[m.to("meta") if isinstance(m, torch.Tensor) else m for m in metas])

    def decide(self, question: Callable[[], bool]) -> bool:
        """A choice of a rule that looks at constants: made here, and kept for every other pass."""
        at = self.at()
        self.decisions[at] = question()
        return self.decisions[at]

    def move(self, fn: Callable[..., Any], *xs: Any) -> Any:
        """``fn`` only moves, copies or drops elements."""
        forms = list(xs)
        numbers = fn(*[f.full for f in forms])
        scales: Any = None
        if any(f.scale is not None for f in forms):
            one = torch.ones((), dtype=torch.float64)
            scales = fn(*[(one if f.scale is None else f.scale).expand(f.shape) for f in forms])
        gated = any(f.gated for f in forms)
        fresh = forms[0].fresh if len(forms) == 1 and forms[0].single else None
        several = isinstance(numbers, (tuple, list))
        alike = all(f.alike for f in forms) and not (self.unit and gated and _meet(forms))

        def form(n: torch.Tensor, s: torch.Tensor | None) -> Form:
            if s is not None and bool((n < 0).any()):
                s = torch.where(n < 0, torch.ones_like(s), s)
            keeps = fresh if not several and n.numel() == count(forms[0].shape) else None
            return Form(tuple(n.shape), canonical(n), None if s is None else canonical(s), gated, keeps, alike=alike)

        if not several:
            return form(numbers, scales)
        return [form(n, None if scales is None else scales[i]) for i, n in enumerate(numbers)]

    def pad(self, x: Form, pad: list[int]) -> Form:
        """Zeros around: no vertex, but where the numbers do not change they stay as they are."""
        wide = x.full
        shape = tuple(torch.ops.aten.constant_pad_nd(wide, pad, -1).shape)
        padded = [len(shape) - 1 - k for k in range(len(pad) // 2) if pad[2 * k] or pad[2 * k + 1]]
        if not self.unit and all(x.numbers.shape[i] == 1 for i in padded):  # still the channel's, times 0
            held = torch.ones([1] * len(shape), dtype=torch.float64) if x.scale is None else x.scale
            at_pad = [n if i in padded else held.shape[i] for i, n in enumerate(x.shape)]
            padded_scale = torch.ops.aten.constant_pad_nd(held.expand(at_pad), pad, 0)
            return replace(x, shape=shape, scale=padded_scale, fresh=None)
        scale = None if x.scale is None else torch.ops.aten.constant_pad_nd(x.scale.expand(x.shape), pad, 1)
        numbers = torch.ops.aten.constant_pad_nd(wide, pad, -1)
        return replace(x, shape=shape, numbers=numbers, scale=scale, fresh=None)

    def overwrite(self, fn: Callable[..., torch.Tensor], base: Any, values: Any) -> Form:
        """Elements of ``base`` replaced by ``values``."""
        at = self.at()
        b, v = (
            self._lift(base, at, 0),
            self._lift(torch.as_tensor(values) if not isinstance(values, Form) else values, at, 1),
        )
        out: Form = self.move(fn, b, v)
        if not self.unit and len(v.shape) == len(out.shape):  # zeros around a channel belong to the channel
            numbers = out.numbers
            for i, n in enumerate(v.numbers.shape):
                if n == 1 and v.shape[i] > 1 and numbers.shape[i] > 1:
                    best = numbers.amax(i, keepdim=True)
                    if bool(((numbers == best) | (numbers < 0)).all()):
                        numbers = best
            around = (out.numbers < 0) & (numbers >= 0)
            if bool(around.any()):
                held = torch.ones([1] * len(out.shape), dtype=torch.float64) if out.scale is None else out.scale
                out = replace(out, scale=canonical(torch.where(around, 0.0, held)))
            out = replace(out, numbers=numbers)
        return out

    def join(self, fn: Callable[..., Any], xs: Sequence[Any], dim: int) -> Form:
        """Concatenation. Constants joined along positions belong to the feature's vertex."""
        tracked = next(x for x in xs if isinstance(x, Form))
        parts = []
        for x in xs:
            along = dim % len(tracked.shape)
            if not isinstance(x, Form) and x.dim() == len(tracked.shape) and tracked.numbers.shape[along] == 1:
                shape = tuple(x.shape)
                self.owners[self.at()] = tracked.numbers
                parts.append(Form(shape, tracked.numbers, None))
            else:
                parts.append(self._lift(x, self.at()))
        out: Form = self.move(lambda *ts: fn(list(ts)), *parts)
        return out

    def stays_alike(self, x: Form, c: Any) -> bool:
        """Whether the elements of every unit stay in one state when ``c`` (known, or frozen) is applied to them."""
        if not self.unit or not x.alike or not isinstance(c, torch.Tensor) or c.numel() == 1:
            return x.alike
        if x.fresh is not None and x.numbers.numel() == count(x.shape):  # each unit stands in one element
            return True
        if c.is_meta:  # alike where it is broadcast over the elements of a unit
            shape = [n if k > 1 else 1 for n, k in zip(x.shape, lift(c, len(x.shape)).shape, strict=True)]
            numbers = x.numbers.expand(torch.broadcast_shapes(x.numbers.shape, shape)).reshape(-1)
            return len(numbers[numbers >= 0].unique()) == int((numbers >= 0).sum())
        wide = torch.broadcast_shapes(x.numbers.shape, c.shape)
        numbers, values = x.numbers.expand(wide).reshape(-1) + 1, c.detach().to("cpu", torch.float64).expand(wide)
        low = torch.full((self.n + 1,), torch.inf, dtype=torch.float64)
        low.scatter_reduce_(0, numbers, values.reshape(-1), "amin")
        high = torch.full((self.n + 1,), -torch.inf, dtype=torch.float64)
        high.scatter_reduce_(0, numbers, values.reshape(-1), "amax")
        return torch.equal(low[numbers][numbers > 0], high[numbers][numbers > 0])


def _meet(forms: Sequence[Form]) -> bool:
    """Whether some vertices may stand in more than one of several tensors."""
    spans = sorted((int(f.numbers.min()), int(f.numbers.max())) for f in forms if f.numbers.numel())
    return any(b[0] <= a[1] and b[1] >= 0 for a, b in pairwise(spans))
