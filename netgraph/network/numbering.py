"""Plays a tape on vertex numbers: the primitives that the operations' rules are written in, where vertices are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from netgraph.errors import UnsupportedOperation
from netgraph.network.blocks import Convolution, Joint, Matmul
from netgraph.network.carrying import Carrying
from netgraph.network.chosen import Mixing, Select
from netgraph.network.elementwise import Elementwise, Entries, Linear, attention_entries, repeated
from netgraph.network.mixed import MixedConvolution
from netgraph.network.reads import Array
from netgraph.network.shapes import canonical, count, group_rows, lift
from netgraph.network.unrolled import TokenMatmul, UnitConvolution
from netgraph.network.vertices import At, Form, Stage


class Numbering(Carrying):
    """Plays a tape on vertex numbers: after ``run`` every joint of the graph is known."""

    def _learned(self, at: At, joint: Joint, weight: torch.Tensor) -> None:
        """Keep a joint that multiplies by a parameter: the same one, transposed or not, may be used again."""
        self.joints[at] = joint
        if weight.numel():
            place = (weight.data_ptr(), *sorted(zip(weight.stride(), weight.shape, strict=True)))
            first = self.users.setdefault(place, joint.layer.name)
            joint.shared_with = None if first == joint.layer.name else first

    def scale(self, x: Form, k: Any, fold: bool = False, made: Any = None) -> Form:
        """Multiply by something that the parameters alone determine (or by a frozen quantity: then it is a gate)."""
        at = self.at()
        shape = torch.broadcast_shapes(x.shape, tuple(k.shape)) if isinstance(k, torch.Tensor) else x.shape
        x = replace(x, shape=tuple(shape), numbers=lift(x.numbers, len(shape)))
        if isinstance(k, torch.Tensor) and k.is_meta:
            self.owners[at] = x.numbers
            self.inexact.add("normalise")  # the factor is known at an input only, and left out of the weights
            return replace(x, gated=True, fresh=None, alike=self.stays_alike(x, k))
        factor = known(k)
        if fold and self._foldable(x):
            assert x.fresh is not None
            per_vertex = self.per_vertex(x.fresh, x.numbers, factor.expand(shape))
            if per_vertex is not None:
                self.bases[at] = x.fresh
                x.fresh.entry = x.fresh.read = Stage(at, x.numbers, x.shape)
                self.joints[self.joint_of[x.fresh.name]].fold(per_vertex)
                if x.fresh.bias is not None:
                    x.fresh.bias = x.fresh.bias * per_vertex
                return x
        zero = factor == 0
        if self.unit and bool(zero.any()):  # nothing of the vertex is left there; a channel keeps its number
            x = replace(x, numbers=canonical(torch.where(zero, -1, x.numbers.expand(shape))))
            factor = torch.where(zero, torch.ones_like(factor), factor)
        scale = lift(factor, len(shape))
        scale = scale if x.scale is None else scale * x.scale
        return replace(x, scale=scale, fresh=None)

    def _foldable(self, x: Form) -> bool:
        """Whether a scale may go into the weights of the layer that ``x`` is, element by element as it was made."""
        plain = x.fresh is not None and x.single and not x.gated and x.scale is None
        if not plain or x.fresh is None or x.fresh.kind not in {"conv", "linear"}:
            return False
        made = x.fresh.numbers
        return tuple(made.shape) == tuple(x.numbers.shape) and torch.equal(made, x.numbers)

    def shift(self, x: Form, c: Any) -> Form:
        """Add something that does not come from a vertex."""
        at = self.at()
        shape = torch.broadcast_shapes(x.shape, tuple(c.shape)) if isinstance(c, torch.Tensor) else x.shape
        x = replace(x, shape=tuple(shape), numbers=lift(x.numbers, len(shape)))
        known = not (isinstance(c, torch.Tensor) and c.is_meta)
        if not known:
            self.held.append(x.numbers)
        if bool((x.numbers < 0).any()) and not (known and not bool(torch.as_tensor(c).any())):
            x = self._constant(x, x.full < 0)
        self.owners[at] = x.numbers
        layer = x.fresh
        if layer is not None and x.single and not x.gated and known and x.scale is None and layer.kind != "input":
            added = self.per_vertex(layer, x.numbers, torch.as_tensor(c, dtype=torch.float64).expand(shape))
            if added is not None:
                layer.bias = added if layer.bias is None else layer.bias + added
                self.bases[at] = layer
                layer.entry = layer.read = Stage(at, x.numbers, x.shape)
                return x
        return replace(x, fresh=None, alike=self.stays_alike(x, c))

    def gate(self, x: Form, fn: Callable[[torch.Tensor], torch.Tensor], name: str) -> Form:
        """An elementwise function: the secant through its value at the input."""
        at = self.at()
        at_zero = fn(torch.zeros((), dtype=torch.float64))
        if bool((at_zero != 0).any()) and bool((x.numbers < 0).any()):
            x = self._constant(x, x.full < 0)
        self.owners[at] = x.numbers
        self.curves.append((fn, x))
        layer = x.fresh if x.single and x.fresh is not None and x.fresh.kind != "input" else None
        if layer is not None:
            layer.activation = name if layer.activation is None else f"{layer.activation}+{name}"
            layer.read = Stage(at, x.numbers, x.shape)
        return replace(x, gated=True, fresh=layer, alike=self.stays_alike(x, at_zero))

    def mix(self, terms: Sequence[tuple[Form, Any]], kind: str, label: str = "") -> Form:
        """Sum of tensors, each times a coefficient: new vertices where different vertices meet."""
        at = self.at()
        if any(isinstance(c, torch.Tensor) and c.is_meta for _, c in terms):
            self.inexact.add(kind)
        shape = torch.broadcast_shapes(
            *[t.shape for t, _ in terms], *[tuple(c.shape) for _, c in terms if isinstance(c, torch.Tensor)]
        )
        rank = len(shape)
        lifted = [lift(t.numbers if t.alike else t.full, rank) for t, _ in terms]
        small = torch.broadcast_shapes(*[n.shape for n in lifted])
        numbers = [n.expand(small) for n in lifted]
        first = numbers[0]
        if all(torch.equal(first, n) for n in numbers[1:]):
            return self._same_vertices(terms, shape, lifted[0], at)
        if all(t.alike for t, _ in terms):
            new = group_rows(torch.stack([n.reshape(-1) for n in numbers], 1))[0].reshape(small)
        else:  # equal numbers in different states make different vertices
            new = torch.arange(count(small)).reshape(small)
        layer = self._new(kind, shape, new, label=label or kind)
        self.joints[at] = Elementwise(
            at, layer, kind, [(t, n, c) for (t, c), n in zip(terms, numbers, strict=True)], new, self.unit
        )
        return Form(tuple(shape), canonical(new), fresh=layer)

    def _same_vertices(
        self, terms: Sequence[tuple[Form, Any]], shape: Sequence[int], numbers: torch.Tensor, at: At
    ) -> Form:
        self.owners[at] = numbers
        linear = not any(t.gated or (isinstance(c, torch.Tensor) and c.is_meta) for t, c in terms)
        scale: torch.Tensor | None = None
        if linear:
            one = torch.ones((), dtype=torch.float64)
            parts = [torch.as_tensor(c, dtype=torch.float64) * (one if t.scale is None else t.scale) for t, c in terms]
            total = sum(parts[1:], parts[0])
            if bool((total == 0).any()):
                linear = False
            else:
                scale = lift(total, len(shape))
        self.scales[at] = scale
        self.merges[at] = [t.scale for t, _ in terms]
        alike = linear or all(self.stays_alike(t, c) for t, c in terms)
        return Form(tuple(shape), numbers, scale, gated=not linear, alike=alike)

    def product(self, x: Form, y: Form, label: str = "mul") -> Form:
        """Product of two tracked tensors: half of it flows to each side."""
        kx, ky = self.frozen(lambda a: a, y), self.frozen(lambda a: a, x)
        self.inexact.add("product")
        return self.mix([(x, kx), (y, ky)], "product", label)

    def matmul(self, x: Form, weight: torch.Tensor, label: str = "linear") -> Form:
        """(…, K) times a constant (K, O). Rows with equal numbers share their vertices."""
        at = self.at()
        self.refuse_empty(weight)
        x = x if x.alike else replace(x, numbers=x.full)
        features, out = int(weight.shape[0]), int(weight.shape[1])
        lead = tuple(x.numbers.shape[:-1])
        rows = x.numbers.expand(*lead, features).reshape(-1, features)
        group, representative = group_rows(rows) if x.alike else (torch.arange(len(rows)),) * 2
        new = (group[:, None] * out + torch.arange(out)).reshape(*lead, out)
        shape = (*x.shape[:-1], out)
        scale = None if x.scale is None else x.scale.expand(x.shape)
        if scale is not None:
            picks = _row_scale(scale, x, lead, features)[representative]
        layer = self._new("linear", shape, new, weight, label)
        scales = None if scale is None else picks
        kind = TokenMatmul if self.unit and len(representative) > 1 else Matmul
        made = kind(at, layer, "linear", rows, representative, scales, weight, group.reshape(lead), self.unit)
        self._learned(at, made, weight)
        return Form(shape, canonical(new), fresh=layer)

    def attend(self, pattern: torch.Tensor, x: Form) -> Form:
        """(…, I, K) taken from the values, times (…, K, D): each row of x is spread over rows by the pattern.

        Rows that share their vertices (tokens, at channel granularity) keep them; others are mixed into new ones.
        """
        at = self.at()
        self.inexact.add("attention")
        lead = torch.broadcast_shapes(pattern.shape[:-2], x.shape[:-2])
        shape = (*lead, pattern.shape[-2], x.shape[-1])
        if x.numbers.shape[-2] == 1:
            self.attended[at] = x.numbers.expand(*x.shape[:-2], *x.numbers.shape[-2:]).reshape(count(x.shape[:-2]), -1)
            scale = None if x.scale is None else strongest(x.scale, [x.scale.dim() - 2])
            alike = x.alike and (not self.unit or count(pattern.shape[:-1]) == 1)
            return Form(shape, x.numbers, scale, gated=True, alike=alike)
        x = replace(x, shape=(*shape[:-2], *x.shape[-2:]), numbers=lift(x.numbers, len(shape)))
        sizes = (count(lead), shape[-2], x.shape[-2], shape[-1])
        new = torch.arange(count(shape)).reshape(shape)
        layer = self._new("attention", shape, new, label="attention")
        self.attended[at] = new.reshape(count(lead), -1)
        flat = None if x.scale is None else x.scale.expand(x.shape).reshape(-1)
        listing = partial(attention_entries, *sizes)
        self.joints[at] = Mixing(
            at,
            layer,
            "attention",
            x.full.reshape(-1),
            flat,
            new,
            listing,
            shape,
            self.unit,
            usage=lambda: np.full(count(x.shape), sizes[1]),
        )
        return Form(shape, canonical(new), fresh=layer)

    def convolve(self, x: Form, weight: torch.Tensor, geometry: Any) -> Form:
        """Convolution: the channels are the vertices, or every element at unit granularity."""
        at = self.at()
        shape = geometry.output_shape(x.shape, weight.shape)
        spatial = x.numbers.shape[2:]
        by_channel = not self.unit and all(n == 1 for n in spatial)
        if self.unit:
            new = torch.arange(count(shape[1:])).reshape(1, *shape[1:])
        else:
            new = torch.arange(shape[1]).reshape(1, -1, *[1] * len(spatial))
        layer = self._new("conv", shape, new, weight, "conv")
        if by_channel:
            scale = None
            if x.scale is not None:
                scale = strongest(x.scale.expand(x.shape)[0].reshape(x.shape[1], -1), [1]).reshape(-1)
            joint: Joint = Convolution(
                at, layer, "conv", x.numbers.expand(1, x.shape[1], *spatial).reshape(-1), scale, weight, geometry
            )
        else:
            flat = None if x.scale is None else x.scale.expand(x.shape).reshape(-1)
            kind = UnitConvolution if self.unit else MixedConvolution
            joint = kind(at, layer, x.full.reshape(-1), flat, new, weight, geometry, x.shape, shape, self.unit)
        self._learned(at, joint, weight)
        return Form(shape, canonical(new), fresh=layer)

    def pool(
        self, x: Form, op: Callable[[torch.Tensor], torch.Tensor], entries: Callable[[], Any], spatial: int
    ) -> Form:
        """A linear operation on the last ``spatial`` axes that mixes positions (average pooling, upsampling)."""
        at = self.at()
        shape = tuple(self.imagined(op, x).shape)
        if all(n == 1 for n in x.numbers.shape[-spatial:]):
            scale = x.scale
            ones = [1] * (len(x.shape) - spatial)
            gain = op(torch.ones((*ones, *x.shape[-spatial:]), dtype=torch.float64))
            if scale is not None and any(n > 1 for n in scale.shape[-spatial:]):
                scale = op(scale.expand(x.shape))
            elif bool((gain != 1).any()):  # windows over padding weigh less
                scale = canonical(gain) if scale is None else scale * canonical(gain)
            return self._without_zeros(Form(shape, x.numbers, scale, x.gated, alike=x.alike))
        new = torch.arange(count(shape)).reshape(shape)
        flat = None if x.scale is None else x.scale.expand(x.shape).reshape(-1)
        layer = self._new("pool", shape, new, label="pool")

        def listing() -> Entries:
            rows, cols, coefficients = entries()
            n = count(x.shape[:-spatial])
            rows, cols = repeated(n, rows, count(shape[-spatial:])), repeated(n, cols, count(x.shape[-spatial:]))
            return Entries(rows, cols, coefficients.repeat(n))

        def usage() -> Array:
            _, cols, coefficients = entries()
            return self._repeated_usage(x, spatial, cols[coefficients != 0])

        self.joints[at] = Linear(
            at, layer, "pool", x.full.reshape(-1), flat, new, listing, shape, self.unit, usage=usage
        )
        return Form(shape, canonical(new), fresh=layer)

    @staticmethod
    def _repeated_usage(x: Form, spatial: int, cols: torch.Tensor) -> Array:
        """How often each element is used, where every map of the last axes is used alike."""
        once = torch.bincount(cols, minlength=count(x.shape[-spatial:]))
        return once.repeat(count(x.shape[:-spatial])).numpy()

    def _without_zeros(self, x: Form) -> Form:
        """At unit granularity nothing of a vertex is left where its scale is 0; a channel keeps its number."""
        if not self.unit or x.scale is None or not bool((x.scale == 0).any()):
            return x
        dead = (x.scale == 0).expand(x.shape)
        return replace(x, numbers=canonical(torch.where(dead, -1, x.full)), scale=torch.where(dead, 1.0, x.scale))

    def reduce(self, x: Form, dims: Sequence[int], mean: bool) -> Form:
        """Sum or mean over axes (kept, with size 1): new vertices where different vertices are summed."""
        at = self.at()
        x = x if x.alike else replace(x, numbers=x.full)
        over = [i for i in dims if x.numbers.shape[i] > 1]
        alike = [i for i in dims if i not in over]
        scale = x.scale
        varied = [] if scale is None else [i for i in alike if scale.shape[i] > 1]
        if scale is not None and varied:
            scale = scale.mean(varied, keepdim=True)
        repeats = count([x.shape[i] for i in alike])
        if not mean and repeats != 1:
            one = torch.ones([1] * len(x.shape), dtype=torch.float64)
            scale = (one if scale is None else scale) * repeats
        shape = tuple(1 if i in dims else n for i, n in enumerate(x.shape))
        if not over:
            return self._without_zeros(Form(shape, x.numbers, scale, x.gated, alike=x.alike))
        wide = x.numbers.shape if scale is None else torch.broadcast_shapes(x.numbers.shape, scale.shape)
        x = replace(x, numbers=x.numbers.expand(wide))  # where the scale differs, the sums do
        small = tuple(wide)
        target = tuple(1 if i in over else n for i, n in enumerate(small))
        new = torch.arange(count(target)).reshape(target)
        each = 1.0 / count([x.shape[i] for i in over]) if mean else 1.0
        kind = "mean" if mean else "sum"
        layer = self._new(kind, shape, new.clone(), label=kind)
        new = layer.numbers
        flat = None if scale is None else scale.expand(small).reshape(-1)
        rows = (new - layer.start).expand(small).reshape(-1)
        entries = Entries(rows, torch.arange(rows.numel()), torch.full((rows.numel(),), each, dtype=torch.float64))
        numbers = x.numbers.reshape(-1)
        joint = Linear(at, layer, kind, numbers, flat, new, lambda: entries, target, self.unit, small)
        joint.before = alike
        self.joints[at] = joint
        return Form(shape, canonical(new), fresh=layer)

    def select(
        self, x: Form, shape: Sequence[int], spatial: int, windows: Callable[[], Any], pick: Any, name: str
    ) -> Form:
        """One element of each window passes: the largest. Without an input, all members have an edge."""
        at = self.at()
        self.inexact.add("select")
        if all(n == 1 for n in x.numbers.shape[-spatial:]):
            scale = x.scale
            if scale is not None and any(n > 1 for n in scale.shape[-spatial:]):
                most = strongest(scale, range(scale.dim() - spatial, scale.dim()))
                if bool(((scale != most) & (scale != 0)).any()):
                    raise UnsupportedOperation(f"{name} over positions that are scaled differently ({self._place()})")
                scale = most
            return Form(tuple(shape), x.numbers, scale, x.gated, alike=x.alike)
        new = torch.arange(count(shape)).reshape(tuple(shape))
        flat = None if x.scale is None else x.scale.expand(x.shape).reshape(-1)
        layer = self._new("select", shape, new, label="pool")

        def listing() -> Entries:
            rows, cols = windows()
            n = count(x.shape[:-spatial])
            rows, cols = repeated(n, rows, count(shape[-spatial:])), repeated(n, cols, count(x.shape[-spatial:]))
            return Entries(rows, cols, torch.ones(rows.numel(), dtype=torch.float64))

        joint = Select(
            at,
            layer,
            "select",
            x.full.reshape(-1),
            flat,
            new,
            listing,
            tuple(shape),
            self.unit,
            usage=lambda: self._repeated_usage(x, spatial, windows()[1]),
        )
        joint.operation = name
        self.joints[at] = joint
        return Form(tuple(shape), canonical(new), fresh=layer)


def known(k: Any) -> torch.Tensor:
    """A constant factor; 0 where it is not finite: what is made there is held as it is and comes from no vertex."""
    factor = torch.as_tensor(k, dtype=torch.float64)
    return factor if bool(factor.isfinite().all()) else torch.where(factor.isfinite(), factor, 0.0)


def _row_scale(scale: torch.Tensor, x: Form, lead: tuple[int, ...], features: int) -> torch.Tensor:
    """The scale of each distinct row of numbers: positions that share numbers share their scale, or the largest."""
    full = scale.expand(x.shape)
    full = strongest(full, [i for i, n in enumerate(lead) if n == 1 and full.shape[i] > 1])
    return full.expand(*lead, features).reshape(-1, features)


def strongest(t: torch.Tensor, dims: Sequence[int]) -> torch.Tensor:
    """The entry of the largest absolute value along axes (kept, with size 1)."""
    for d in dims:
        t = t.gather(d, t.abs().argmax(d, keepdim=True))
    return t
