"""Plays a tape above autograd: as it was, with its gates frozen, or with edges masked.

Frozen, every non-linearity is the affine function that it is at this input, so the output is exactly a sum over paths;
the flow over an edge is then ``weight · value · ∂target/∂z``, all of it from one backward pass (gradient × input:
Shrikumar et al. 2016; on ReLU networks this is LRP-0: Bach et al. 2015).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from netgraph.graph.sliding import Geometry
from netgraph.network.blocks import Joint, Matmul, Record
from netgraph.network.chosen import Select
from netgraph.network.elementwise import Elementwise, Linear
from netgraph.network.gates import Function, finite, scaled, secant, times
from netgraph.network.shapes import batchify, lift, row_products
from netgraph.network.values import Run, Scaled, Value, Watch
from netgraph.network.vertices import At

HOMOGENEOUS = {"relu", "leaky_relu", "prelu", "abs", "rrelu"}
"""Functions with φ(t·z) = t·φ(z) for t > 0: their secant through the value is their derivative, also at 0."""


class Replay(Run):
    """Plays a tape on values, in the same primitives as :class:`netgraph.network.numbering.Numbering`."""

    def tracked(self, x: Any) -> bool:
        """Whether a tensor carries vertices."""
        return isinstance(x, Value)

    def shape(self, x: Any) -> tuple[int, ...]:
        """Shape of a tensor, tracked or not."""
        return tuple(x.shape)

    def frozen(self, fn: Callable[..., torch.Tensor], *xs: Any) -> torch.Tensor:
        """A quantity taken from the values; held fixed unless the true gradient is asked for."""
        tensors = [x.tensor if isinstance(x, Value) else x for x in xs]
        if self.freeze:
            tensors = [t.detach() if isinstance(t, torch.Tensor) else t for t in tensors]
        return fn(*tensors)

    def move(self, fn: Callable[..., Any], *values: Value) -> Any:
        """``fn`` only moves, copies or drops elements (or averages alike ones)."""
        out = fn(*[v.tensor for v in values])
        if not self.track_gates:
            return [Value(t) for t in out] if isinstance(out, (tuple, list)) else Value(out)
        gates, rests = fn(*[v.gate for v in values]), fn(*[v.constant for v in values])
        if isinstance(out, (tuple, list)):
            return [Value(*parts) for parts in zip(out, gates, rests, strict=True)]
        return Value(out, gates, rests)

    def join(self, fn: Callable[..., Any], xs: Sequence[Any], dim: int) -> Value:
        """Concatenation, constants among the parts."""
        parts = []
        for x in xs:
            at = self.at()
            if isinstance(x, Value):
                parts.append(x)
            elif at in self.numbering.owners:  # joined along positions: a constant of the feature's vertex
                parts.append(self._constant(at, x, self.numbering.owners[at]))
            else:
                parts.append(self._constant_vertex(at, x, self.numbering.lifts[at, 0]))
        out: Value = self.move(lambda *ts: fn(list(ts)), *parts)
        return out

    def scale(self, x: Value, k: Any, fold: bool = False, made: Function | None = None) -> Value:
        """x·k: part of the weights, or a gate where k was taken from the values. Truth values select."""
        at = self.at()
        factor = k.to(self.dtype) if isinstance(k, torch.Tensor) and k.dtype != torch.bool else k
        if not self.track_gates and at not in self._stages and not isinstance(x, Scaled):
            return Scaled(x.tensor, factor, made)
        out, apart = scaled(x.tensor, factor, made)
        if at in self.numbering.bases:
            return self._based(at, out)
        if not self.track_gates:
            return Value(out)
        gate, constant = x.tie()
        known = torch.as_tensor(factor, dtype=self.dtype).detach()
        constant = times(constant, known).expand(out.shape)
        if at in self.numbering.owners:  # a frozen quantity: a gate
            gate = times(gate, known).expand(out.shape)
        else:
            gate = gate.expand(out.shape)
            dead = (known == 0).expand(out.shape)
            if bool(dead.any()):
                gate = torch.where(dead, torch.ones_like(gate), gate)
        if apart is not None:
            gate, constant = gate.masked_fill(apart, 0), torch.where(apart, out.detach(), constant)
        return Value(out, gate, constant)

    def shift(self, x: Value, c: Any) -> Value:
        """x + c with a constant that has a share of its own."""
        at = self.at()
        numbers = self.numbering.owners[at]
        added = torch.as_tensor(c, dtype=self.dtype, device=self.device).detach()
        if not self.freeze and isinstance(c, torch.Tensor) and c.requires_grad:
            return Value(x.tensor + c)
        out = self._shared(at, _plus(x, added), added, numbers, at in self.numbering.bases)
        if at in self.numbering.bases:
            return self._based(at, out)
        if not self.track_gates:
            return Value(out)
        gate, rest = x.tie()
        return Value(out, gate.expand(out.shape), rest + added)

    def gate(self, x: Value, fn: Callable[[torch.Tensor], torch.Tensor], name: str) -> Value:
        """φ(z) = slope·z + φ(0), the secant's slope (φ(z) − φ(0))/z held fixed; φ′(0) at z = 0."""
        at = self.at()
        z = x.tensor
        if not self.freeze or (name in HOMOGENEOUS and not self.track_gates):
            out = fn(z)
            self._stands(at, out)
            return Value(out)
        known = secant(fn, z.detach())
        out, constant = known(z), known.constant
        if bool((constant != 0).any()):
            numbers, out = self.numbering.owners[at], out.add_(constant)
            shared = constant if known.apart is None else torch.where(constant.isfinite(), constant, 0)
            out = self._shared(at, out, lift(shared, z.dim()), numbers)
        self._stands(at, out)
        if not self.track_gates:
            return Value(out)
        gate, rest = x.tie()
        return Value(out, times(gate, known.slope), times(rest, known.slope) + constant)

    def mix(self, terms: Sequence[tuple[Value, Any]], kind: str, label: str = "") -> Value:
        """Sum of tensors, each times a coefficient."""
        at = self.at()
        joint = self.numbering.joints.get(at)
        terms = [self._selected(v, c) for v, c in terms]
        coefficients = [c.to(self.dtype) if isinstance(c, torch.Tensor) else c for _, c in terms]
        values = [v.tensor for v, _ in terms]
        if joint is None:
            return self._merged(terms, coefficients, _weighted(values, coefficients), at)
        if at in self.cuts:
            values = self.cuts[at].moved(values)
        return self._made(
            at,
            _weighted(values, coefficients),
            [v for v, _ in terms],
            [torch.as_tensor(c).detach() for c in coefficients],
        )

    def _selected(self, x: Value, k: Any) -> tuple[Value, Any]:
        """A term of a sum: where truth values leave an element out, it is 0, also where it is not finite."""
        if isinstance(k, torch.Tensor) and k.dtype == torch.bool and not finite(x.tensor):
            left = ~x.tensor.isfinite() & ~k
            tensor = x.tensor.masked_fill(left, 0)
            x = Value(tensor, *[t.masked_fill(left, 0) for t in x.tie()]) if self.track_gates else Value(tensor)
        return x, k

    def _merged(
        self, terms: Sequence[tuple[Value, Any]], coefficients: Sequence[Any], out: torch.Tensor, at: At
    ) -> Value:
        """Forms of the same vertices were added: their gates add, too."""
        if not self.track_gates:
            return Value(out)
        gate = torch.zeros((), dtype=self.dtype)
        constant = torch.zeros((), dtype=self.dtype)
        for (v, _), c, scale in zip(terms, coefficients, self.numbering.merges[at], strict=True):
            held = torch.as_tensor(c).detach()
            its_gate, its_constant = v.tie()
            constant = constant + its_constant * held
            gate = gate + its_gate * held * (1 if scale is None else scale)
        if self.numbering.scales.get(at) is not None:
            gate = torch.ones((), dtype=self.dtype)
        return Value(out, gate.expand(out.shape), constant.expand(out.shape))

    def product(self, x: Value, y: Value, label: str = "mul") -> Value:
        """x·y = (½y)·x + (½x)·y, one factor of each held fixed; where nothing is, the product of what edges carry."""
        at = self.next_step()
        if not self.freeze and at in self.numbering.joints:
            carried = [x.tensor, y.tensor] if at not in self.cuts else self.cuts[at].moved([x.tensor, y.tensor])
            return self._made(self.at(), carried[0] * carried[1], [x, y], [c.detach() for c in reversed(carried)])
        kx, ky = self.frozen(lambda a: 0.5 * a, y), self.frozen(lambda a: 0.5 * a, x)
        return self.mix([(x, kx), (y, ky)], "product", label)

    def matmul(self, x: Value, weight: torch.Tensor, label: str = "linear") -> Value:
        """(…, K) times a constant (K, O)."""
        at = self.at()
        joint = self.numbering.joints[at]

        def product(v: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
            if k.dim() == 2:
                return v @ k
            assert isinstance(joint, Matmul)  # rows of different vertices, their edges cut one by one
            return row_products(v, k, joint.group.to(v.device))

        return self._affine(at, x, weight.to(self.dtype), product)

    def attend(self, pattern: torch.Tensor, x: Value) -> Value:
        """A pattern taken from the values, held fixed, times the values that it spreads."""
        at = self.at()
        held = pattern.detach().to(self.dtype) if self.freeze else pattern
        if at not in self.numbering.joints:
            value: Value = self.move(lambda t: held @ t, x)
            return value
        wide = held.expand(*torch.broadcast_shapes(held.shape[:-2], x.shape[:-2]), *held.shape[-2:])
        return self._made(at, held @ self._carried(at, x), [x], [wide.detach()])

    def convolve(self, x: Value, weight: torch.Tensor, geometry: Geometry) -> Value:
        """Convolution with a constant kernel."""
        at, g = self.at(), geometry

        def convolution(v: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = torch.ops.aten.convolution(
                v, k, None, g.stride, g.padding, g.dilation, g.transposed, g.output_padding, g.groups
            )
            return out

        return self._affine(at, x, weight.to(self.dtype), convolution)

    def _affine(
        self, at: At, x: Value, weight: torch.Tensor, op: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    ) -> Value:
        joint, watch, cut = self.numbering.joints[at], self.watch, self.cuts.get(at)
        if cut is not None and not cut.alike and not isinstance(joint, Linear):
            return self._made(at, cut.through(x.tensor, weight, op), [x], [])
        if self.gradients and watch is not None and watch.kernels and joint.by_kernel:

            def learn(leaf: torch.Tensor) -> None:
                assert leaf.grad is not None
                watch.kernel(at, leaf.grad)
                leaf.grad = None

            weight = weight.detach().requires_grad_()
            weight.register_post_accumulate_grad_hook(learn)
        return self._made(at, op(self._carried(at, x), weight), [x], [])

    def _carried(self, at: At, x: Value) -> torch.Tensor:
        """A source as the edges of a joint carry it, where they are all cut alike."""
        cut = self.cuts.get(at)
        return x.tensor if cut is None or not cut.alike else cut.moved([x.tensor])[0]

    def _made(
        self, at: At, z: torch.Tensor, sources: Sequence[Value], coefficients: list[Any], index: Any = None
    ) -> Value:
        """New vertices: tell what went through, keep what is asked for, and start afresh."""
        joint, cut = self.numbering.joints[at], self.cuts.get(at)
        values = [v.tensor for v in sources]
        if isinstance(joint, Linear) and cut is not None and isinstance(cut.kept, torch.Tensor):
            z = joint.cut(values[0], cut.base[0], cut.kept, z, Record(values, z, coefficients, index=index))
        told = [v.detach() for v in values] if cut is None else cut.differences(values)
        record = Record(told, z.detach(), coefficients, index=index)
        if self.epsilon is not None and joint.layer.entry.at is None:
            self._stabilise(z, self.epsilon)
        if self.track_gates:
            ties = [v.tie() for v in sources]
            alike = isinstance(joint, Elementwise)  # its sources broadcast to what they make
            record.gates = [gate.expand(z.shape) if alike else gate for gate, _ in ties]
            record.constants = [rest.expand(z.shape) if alike else rest for _, rest in ties]
        if self.watch is not None:
            self._watched(self.watch, joint, record, z)
        if self.keep is None or joint.layer.name in self.keep:
            if self.gradients and z.requires_grad:
                z.retain_grad()
            self.records[at] = replace(record, z=z)
        elif len(self.inputs[0]) == 1:
            self.records[at] = replace(record, values=[], z=z.new_empty(0))
        return self._fresh(z)

    def _watched(self, watch: Watch, joint: Joint, record: Record, z: torch.Tensor) -> None:
        with torch.no_grad():
            watch.made(joint.at, record)
            if joint.layer.read.at is None:
                watch.activation(joint.layer, record.z)
        if not (self.gradients and z.requires_grad):
            return
        if watch.kernels and joint.by_kernel:
            record = replace(record, values=[])  # the weight's gradient stands for them

        def flowed(gradient: torch.Tensor) -> None:
            watch.upstream(joint.at, record, gradient)

        z.register_hook(flowed)

    def pool(self, x: Value, op: Callable[[torch.Tensor], torch.Tensor], entries: Any, spatial: int) -> Value:
        """A linear operation on positions."""
        at = self.at()
        if at not in self.numbering.joints:
            return self._alike(op, x)
        return self._made(at, op(self._carried(at, x)), [x], [])

    def _alike(self, op: Callable[[torch.Tensor], torch.Tensor], x: Value) -> Value:
        """A linear operation on elements of one vertex: what it makes of ones is part of the scale, not of the gate."""
        if not self.track_gates:
            return Value(op(x.tensor))
        gate, constant = x.tie()
        gain = op(torch.ones_like(x.tensor))
        return Value(op(x.tensor), op(gate) / torch.where(gain == 0, torch.ones_like(gain), gain), op(constant))

    def reduce(self, x: Value, dims: Sequence[int], mean: bool) -> Value:
        """Sum or mean over axes (kept, with size 1)."""
        at = self.at()

        def over(axes: Sequence[int]) -> Callable[[torch.Tensor], torch.Tensor]:
            return lambda t: t.mean(tuple(axes), keepdim=True) if mean else t.sum(tuple(axes), keepdim=True)

        joint = self.numbering.joints.get(at)
        if not isinstance(joint, Linear):
            return self._alike(over(dims), x)
        if joint.before:
            x = self._alike(over(joint.before), x)
        return self._made(at, over([d for d in dims if d not in joint.before])(self._carried(at, x)), [x], [])

    def select(self, x: Value, shape: Sequence[int], spatial: int, windows: Any, pick: Any, name: str) -> Value:
        """The element of each window that ``pick`` names by its place passes."""
        at = self.at()
        t = self._carried(at, x)
        chosen = pick(t.detach())
        inner = t.shape[-spatial:].numel()
        lead = t.shape[:-spatial]

        def take(v: torch.Tensor) -> torch.Tensor:
            return v.reshape(*lead, inner).gather(-1, chosen.reshape(*lead, -1)).reshape(chosen.shape)

        joint = self.numbering.joints.get(at)
        if not isinstance(joint, Select):
            value: Value = self.move(take, x)
            return value
        places = batchify(chosen, joint.shape).reshape(-1, joint.layer.numbers.numel())
        rows = torch.arange(places.shape[1]) // chosen.shape[-spatial:].numel() * inner
        index = (places + rows).reshape(chosen.shape)
        return self._made(at, take(t), [x], [], index)

    def pad(self, x: Value, pad: list[int]) -> Value:
        """Zeros around."""
        value: Value = self.move(lambda t: torch.ops.aten.constant_pad_nd(t, pad, 0), x)
        return value

    def overwrite(self, fn: Callable[..., torch.Tensor], base: Any, values: Any) -> Value:
        """Elements of ``base`` replaced by ``values``."""
        at = self.at()
        parts = []
        for i, part in enumerate((base, values)):
            if isinstance(part, Value):
                parts.append(part)
            else:
                parts.append(self._constant_vertex(at, torch.as_tensor(part), self.numbering.lifts[at, i]))
        out: Value = self.move(fn, *parts)
        return out


def _plus(x: Value, added: torch.Tensor) -> torch.Tensor:
    """x + added, in the memory of a product that nobody else has seen."""
    if isinstance(x, Scaled):
        product = x.fresh()
        if torch.broadcast_shapes(product.shape, added.shape) == product.shape:
            return product.add_(added)
        return product + added
    return x.tensor + added


def _weighted(values: Sequence[torch.Tensor], coefficients: Sequence[Any]) -> torch.Tensor:
    """Σ coefficient · value."""
    terms = [v if isinstance(c, int) and c == 1 else v * c for v, c in zip(values, coefficients, strict=True)]
    out = terms[0]
    for term in terms[1:]:
        out = out + term
    return out
