"""Plays a tape above autograd: as it was, with its gates frozen, or with edges masked.

Frozen, every non-linearity is the affine function that it is at this input, so the output is exactly a sum over paths;
the flow over an edge is then ``weight · value · ∂target/∂z``, all of it from one backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from netgraph.network.blocks import Record
from netgraph.network.elementwise import Linear, Select
from netgraph.network.numbering import Numbering
from netgraph.network.operations import lookup
from netgraph.network.play import cast, constants, execute
from netgraph.network.shapes import BatchMismatch, batchify, canonical, lift, sum_to
from netgraph.network.tape import Call, Tape, fill
from netgraph.network.vertices import At, Vertices


@dataclass(frozen=True, eq=False)
class Value:
    """A tracked tensor while it is played. ``gate`` and ``constant`` tie it to its vertices: scale·(gate·z + …)."""

    tensor: torch.Tensor
    gate: torch.Tensor | None = None
    constant: torch.Tensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.shape)


class Replay:
    """Plays a tape on values, in the same primitives as :class:`Numbering`.

    Attributes
    ----------
    records : step -> what went through the joint there, for the flows.
    shares : (constant leaf, numbers it belongs to, whether it is their bias): their flows are the constants' shares.
    values : slot -> Value.
    """

    def __init__(
        self,
        tape: Tape,
        numbering: Numbering,
        dtype: torch.dtype,
        freeze: bool = True,
        gradients: bool = True,
        track_gates: bool = False,
        masks: Mapping[At, Any] | None = None,
        reference: Mapping[At, Sequence[torch.Tensor]] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.tape, self.numbering, self.dtype, self.device = tape, numbering, dtype, device
        self.freeze, self.gradients, self.track_gates = freeze, gradients, track_gates
        self.masks, self.reference = masks, reference or {}
        self.records: dict[At, Record] = {}
        self.shares: list[tuple[torch.Tensor, torch.Tensor, bool]] = []
        self.reads: dict[At, torch.Tensor] = {}
        self.inputs: list[torch.Tensor] = []
        self._sources: dict[int, torch.Tensor] = {}  # start of a layer without a joint -> its value
        self._values: dict[int, Any] = {}
        self._call: Call | None = None
        self._step = 0

    def run(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Play; returns the logits (the output before a final softmax)."""
        self._values = dict(constants(self.tape, self.dtype, self.device))
        for slot, x in zip(self.tape.inputs, inputs, strict=True):
            leaf = cast(x, self.dtype, self.device).clone()
            self.inputs.append(leaf)
            if leaf.is_floating_point():
                leaf.requires_grad_(self.gradients)
                self._values[slot] = self._fresh(leaf)
                self._sources[int(self.numbering.forms[slot].numbers.min())] = leaf
            else:
                self._values[slot] = leaf
        stop = self.tape.logits_slot
        with torch.set_grad_enabled(self.gradients):
            for call in self.tape.calls:
                if (
                    call.index in self.tape.needed
                    and not call.random
                    and any(s in self.tape.dependent for s in call.outputs)
                ):
                    self._play(call)
                    if stop in call.outputs:
                        break
        value = self._values[stop]
        if not isinstance(value, Value):
            raise BatchMismatch("the output does not depend on the input")
        if self.gradients and value.tensor.requires_grad:
            value.tensor.retain_grad()
        return value.tensor

    def _play(self, call: Call) -> None:
        row = lookup(call) if any(s in self.numbering.forms for s in call.reads) else None
        if row is None or row.rule is None:
            plain = {s: self._plain(s) for s in call.reads}
            execute(call, plain, self.tape.dtype, self.dtype, self.device)
            self._values.update({s: plain[s] for s in call.outputs if s is not None})
            return
        self._call, self._step = call, 0
        args, kwargs = fill((call.args, call.kwargs), self._values.__getitem__)
        out = row.rule(self, call, *args, **kwargs)
        for slot, value in zip(call.outputs, out if isinstance(out, (tuple, list)) else [out], strict=False):
            if slot is not None and value is not None:
                self._values[slot] = value

    def _plain(self, slot: int) -> torch.Tensor:
        value = self._values[slot]
        return value.tensor.detach() if isinstance(value, Value) else value

    def _fresh(self, t: torch.Tensor) -> Value:
        """A value that is its vertices' own: gate 1, constant 0."""
        if not self.track_gates:
            return Value(t)
        one = torch.ones((), dtype=t.dtype)
        return Value(t, one.expand(t.shape), torch.zeros((), dtype=t.dtype).expand(t.shape))

    def at(self) -> At:
        assert self._call is not None
        self._step += 1
        return (self._call.index, self._step)

    def value(self, slot: int) -> Value:
        """What was played into a slot of the tape."""
        value: Value = self._values[slot]
        return value

    def activation(self, layer: Vertices) -> torch.Tensor:
        """A layer's value after its own activation function."""
        return self._stage(layer, layer.read)

    def preactivation(self, layer: Vertices) -> torch.Tensor:
        """A layer's value z, bias included, before its activation function."""
        return self._stage(layer, layer.entry)

    def _stage(self, layer: Vertices, at: At | None) -> torch.Tensor:
        if at is not None and at in self.reads:
            return self.reads[at]
        made = self.numbering.joint_of.get(layer.name)
        if made is not None:
            return self.records[made].z
        return self._sources.get(layer.start, torch.zeros(layer.size, dtype=self.dtype))

    # -- primitives ----------------------------------------------------------------------------------

    def tracked(self, x: Any) -> bool:
        return isinstance(x, Value)

    def shape(self, x: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def frozen(self, fn: Callable[..., torch.Tensor], *xs: Any) -> torch.Tensor:
        """A quantity taken from the values; held fixed unless the true gradient is asked for."""
        tensors = [x.tensor if isinstance(x, Value) else x for x in xs]
        if self.freeze:
            tensors = [t.detach() if isinstance(t, torch.Tensor) else t for t in tensors]
        return fn(*tensors)

    def move(self, fn: Callable[..., Any], *values: Value) -> Any:
        out = fn(*[v.tensor for v in values])
        if not self.track_gates:
            return [Value(t) for t in out] if isinstance(out, (tuple, list)) else Value(out)
        gates, rests = fn(*[v.gate for v in values]), fn(*[v.constant for v in values])
        if isinstance(out, (tuple, list)):
            return [Value(*parts) for parts in zip(out, gates, rests, strict=True)]
        return Value(out, gates, rests)

    def join(self, fn: Callable[..., Any], xs: Sequence[Any], dim: int) -> Value:
        parts = []
        for x in xs:
            at = self.at()
            if isinstance(x, Value):
                parts.append(x)
            elif at in self.numbering.owners:  # joined along positions: a constant of the feature's vertex
                parts.append(self._constant(x, self.numbering.owners[at]))
            else:
                parts.append(self._constant_vertex(x, self.numbering.lifts[at, 0]))
        out: Value = self.move(lambda *ts: fn(list(ts)), *parts)
        return out

    def _constant(self, c: torch.Tensor, numbers: torch.Tensor) -> Value:
        leaf = self._share(c, numbers)
        if not self.track_gates:
            return Value(leaf)
        return Value(leaf, torch.zeros_like(c), c.detach().clone())

    def _constant_vertex(self, c: torch.Tensor, numbers: torch.Tensor) -> Value:
        """A constant that is a vertex of its own."""
        held = c.detach().to(self.dtype)
        vertices = numbers.expand(lift(held, numbers.dim()).shape) if numbers.numel() == 1 else numbers
        alive = vertices >= 0
        if bool(alive.any()):
            mean = sum_to(lift(held, numbers.dim()), vertices.shape) / (held.numel() / vertices.numel())
            self._sources[int(vertices[alive].min())] = mean[alive]
        return self._fresh(self._share(held, numbers))

    def scale(self, x: Value, k: Any, fold: bool = False) -> Value:
        at = self.at()
        factor = k.to(self.dtype) if isinstance(k, torch.Tensor) else k
        out = x.tensor * factor
        if at in self.numbering.bases:
            return self._based(at, out)
        if not self.track_gates:
            return Value(out)
        assert x.gate is not None and x.constant is not None
        if at in self.numbering.owners:  # a frozen quantity: a gate
            held = torch.as_tensor(factor).detach()
            return Value(out, (x.gate * held).expand(out.shape), (x.constant * held).expand(out.shape))
        k = torch.as_tensor(factor, dtype=self.dtype)
        gate, constant = x.gate.expand(out.shape), x.constant * k
        dead = (k == 0).expand(out.shape)
        if bool(dead.any()):
            gate = torch.where(dead, torch.ones_like(gate), gate)
        return Value(out, gate, constant)

    def _based(self, at: At, out: torch.Tensor) -> Value:
        """A step that completed a vertex's own value."""
        if self.track_gates and out.requires_grad:
            out.retain_grad()
        self.reads[at] = out
        return self._fresh(out)

    def shift(self, x: Value, c: Any) -> Value:
        at = self.at()
        numbers = self.numbering.owners[at]
        added = torch.as_tensor(c, dtype=self.dtype, device=self.device).detach()
        if not self.freeze and isinstance(c, torch.Tensor) and c.requires_grad:
            return Value(x.tensor + c)
        out = x.tensor + self._share(added, numbers, at in self.numbering.bases)
        if at in self.numbering.bases:
            return self._based(at, out)
        if not self.track_gates:
            return Value(out)
        assert x.gate is not None and x.constant is not None
        return Value(out, x.gate.expand(out.shape), x.constant + added)

    def _share(self, c: torch.Tensor, numbers: torch.Tensor, bias: bool = False) -> torch.Tensor:
        """A leaf whose flow is the share of a constant; its elements follow the vertices that it belongs to."""
        if not (self.gradients and self.freeze) or not bool(c.any()):
            return c
        c = lift(c, numbers.dim()) if c.dim() < numbers.dim() else c
        small = canonical(c)
        leaf = small.expand(torch.broadcast_shapes(small.shape, numbers.shape)).clone().requires_grad_()
        self.shares.append((leaf, numbers, bias))
        return leaf

    def gate(self, x: Value, fn: Callable[[torch.Tensor], torch.Tensor], name: str) -> Value:
        at = self.at()
        z = x.tensor
        if not self.freeze:
            out = fn(z)
            self.reads[at] = out
            return Value(out)
        with torch.no_grad():
            held = z.detach()
            a, at_zero = fn(held), fn(torch.zeros((), dtype=z.dtype, device=z.device))
            slope = torch.where(held != 0, (a - at_zero) / torch.where(held != 0, held, torch.ones_like(held)), 0)
            if bool((held == 0).any()):
                slope = torch.where(held == 0, _slope_at_zero(fn, held), slope)
        out = z * slope
        constant = at_zero.expand(z.shape)
        if bool(at_zero != 0):
            out = out + self._share(at_zero.reshape([1] * z.dim()), self.numbering.owners[at])
        self.reads[at] = out
        if not self.track_gates:
            return Value(out)
        assert x.gate is not None and x.constant is not None
        return Value(out, x.gate * slope, x.constant * slope + constant)

    def mix(self, terms: Sequence[tuple[Value, Any]], kind: str, label: str = "") -> Value:
        at = self.at()
        joint = self.numbering.joints.get(at)
        coefficients = [c.to(self.dtype) if isinstance(c, torch.Tensor) else c for _, c in terms]
        if joint is None:
            out = sum(
                (v.tensor * c for (v, _), c in zip(terms[1:], coefficients[1:], strict=True)),
                terms[0][0].tensor * coefficients[0],
            )
            return self._merged(terms, coefficients, out, at)
        values = [v.tensor for v, _ in terms]
        if self.masks is not None and at in self.masks:
            kept = self.masks[at]
            base = self.reference[at]
            values = [b + m * (v - b) for v, m, b in zip(values, kept, base, strict=True)]
        out = sum((v * c for v, c in zip(values[1:], coefficients[1:], strict=True)), values[0] * coefficients[0])
        return self._made(at, out, [v for v, _ in terms], [torch.as_tensor(c).detach() for c in coefficients])

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
            assert v.gate is not None and v.constant is not None
            constant = constant + v.constant * held
            gate = gate + v.gate * held * (1 if scale is None else scale)
        if self.numbering.scales.get(at) is not None:
            gate = torch.ones((), dtype=self.dtype)
        return Value(out, gate.expand(out.shape), constant.expand(out.shape))

    def product(self, x: Value, y: Value, label: str = "mul") -> Value:
        kx, ky = self.frozen(lambda a: 0.5 * a, y), self.frozen(lambda a: 0.5 * a, x)
        return self.mix([(x, kx), (y, ky)], "product", label)

    def matmul(self, x: Value, weight: torch.Tensor, label: str = "linear") -> Value:
        at = self.at()
        w = weight.to(self.dtype)
        return self._affine(at, x, w, lambda v, k: v @ k)

    def convolve(self, x: Value, weight: torch.Tensor, geometry: Any) -> Value:
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
        if self.masks is None or at not in self.masks or isinstance(self.numbering.joints[at], Linear):
            return self._made(at, op(x.tensor, weight), [x], [])
        base = self.reference[at][0]
        return self._made(at, op(x.tensor - base, weight * self.masks[at]) + op(base, weight), [x], [])

    def _made(
        self, at: At, z: torch.Tensor, sources: Sequence[Value], coefficients: list[Any], index: Any = None
    ) -> Value:
        """New vertices: keep what the flows need, and start afresh."""
        joint = self.numbering.joints[at]
        if self.masks is not None and at in self.masks and isinstance(joint, Linear):
            played = Record([sources[0].tensor], z, index=index)
            z = joint.cut(sources[0].tensor, self.reference[at][0], self.masks[at], z, played)
        if self.gradients and z.requires_grad:
            z.retain_grad()
        record = Record([v.tensor.detach() for v in sources], z, coefficients, index=index)
        if self.track_gates:
            record.gates = [v.gate.expand(z.shape) if coefficients else v.gate for v in sources]  # type: ignore[union-attr]
            record.constants = [v.constant.expand(z.shape) if coefficients else v.constant for v in sources]  # type: ignore[union-attr]
        self.records[at] = record
        return self._fresh(z)

    def pool(self, x: Value, op: Callable[[torch.Tensor], torch.Tensor], entries: Any, spatial: int) -> Value:
        at = self.at()
        if at not in self.numbering.joints:
            value: Value = self.move(op, x)
            return value
        return self._made(at, op(x.tensor), [x], [])

    def reduce(self, x: Value, dims: Sequence[int], mean: bool) -> Value:
        at = self.at()
        how = torch.mean if mean else torch.sum
        joint = self.numbering.joints.get(at)
        if joint is None:
            value: Value = self.move(lambda t: how(t, dims, keepdim=True), x)
            return value
        before = list(joint.before)  # type: ignore[attr-defined]
        if before:
            x = self.move(lambda t: how(t, before, keepdim=True), x)
        return self._made(at, how(x.tensor, [d for d in dims if d not in before], keepdim=True), [x], [])

    def select(self, x: Value, shape: Sequence[int], spatial: int, windows: Any, pick: Any, name: str) -> Value:
        at = self.at()
        t = x.tensor
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
        value: Value = self.move(lambda t: torch.ops.aten.constant_pad_nd(t, pad, 0), x)
        return value

    def overwrite(self, fn: Callable[..., torch.Tensor], base: Any, values: Any) -> Value:
        at = self.at()
        parts = []
        for i, part in enumerate((base, values)):
            if isinstance(part, Value):
                parts.append(part)
            else:
                parts.append(self._constant_vertex(torch.as_tensor(part), self.numbering.lifts[at, i]))
        out: Value = self.move(fn, *parts)
        return out


def _slope_at_zero(fn: Callable[[torch.Tensor], torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    """φ′(0), elementwise; 0 where it is not finite."""
    with torch.enable_grad():
        zero = torch.zeros_like(like).requires_grad_()
        (slope,) = torch.autograd.grad(fn(zero).sum(), zero)
    return torch.where(slope.isfinite(), slope, torch.zeros_like(slope))
