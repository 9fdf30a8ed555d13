"""The primitives that keep the vertices that a value was given: moving, padding, writing and joining elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from netgraph.network.shapes import canonical, count
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

        def form(n: torch.Tensor, s: torch.Tensor | None) -> Form:
            if s is not None and bool((n < 0).any()):
                s = torch.where(n < 0, torch.ones_like(s), s)
            keeps = fresh if not several and n.numel() == count(forms[0].shape) else None
            return Form(tuple(n.shape), canonical(n), None if s is None else canonical(s), gated, keeps)

        if not several:
            return form(numbers, scales)
        return [form(n, None if scales is None else scales[i]) for i, n in enumerate(numbers)]

    def pad(self, x: Form, pad: list[int]) -> Form:
        """Zeros around: no vertex, but where the numbers do not change they stay as they are."""
        wide = x.full
        shape = tuple(torch.ops.aten.constant_pad_nd(wide, pad, -1).shape)
        padded = [len(shape) - 1 - k for k in range(len(pad) // 2) if pad[2 * k] or pad[2 * k + 1]]
        if all(x.numbers.shape[i] == 1 for i in padded):
            scale = x.scale
            if scale is not None and any(scale.shape[i] > 1 for i in padded):
                scale = torch.ops.aten.constant_pad_nd(scale.expand(x.shape), pad, 1)
            return Form(shape, x.numbers, scale, x.gated)
        scale = None if x.scale is None else torch.ops.aten.constant_pad_nd(x.scale.expand(x.shape), pad, 1)
        return Form(shape, torch.ops.aten.constant_pad_nd(wide, pad, -1), scale, x.gated)

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
