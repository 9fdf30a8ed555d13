"""Values while they are played: what is kept of them, and how they hang on their vertices.

A tracked value is ``scale · (gate · z + constant)`` of its vertices' values z; a constant that enters is a leaf of its
own, so that one backward pass tells its share, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from netgraph.network.blocks import Record
from netgraph.network.numbering import Numbering
from netgraph.network.operations import lookup, makes_vertices
from netgraph.network.play import cast, constants, execute
from netgraph.network.shapes import BatchMismatch, canonical, lift, sum_to
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
        """Shape of the tensor."""
        return tuple(self.tensor.shape)

    def tie(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(gate, constant), where they are tracked."""
        assert self.gate is not None and self.constant is not None
        return self.gate, self.constant


class Run:
    """Plays a tape on values; the primitives that rules are written in stand in a subclass.

    Parameters
    ----------
    tape, numbering : of the same program; the tape may have another batch size.
    dtype : floating dtype to play in, whatever the tape was recorded in.
    freeze : hold gates, selections and statistics fixed for gradients.
    gradients : keep what a backward pass needs.
    track_gates : also carry gate and constant of every value (frozen runs).
    masks : step -> mask in the shape that its joint plays, for runs with edges cut.
    reference : step -> what its sources carry where an edge is cut.

    Attributes
    ----------
    records : step -> what went through the joint there, for the flows.
    shares : (constant leaf, numbers it belongs to, whether it is their bias): their flows are the constants' shares.
    reads : step -> the value of a layer after a step that completed it, or after its activation function.
    inputs : the inputs that were played.
    leaves : (leaf, its vertices) of everything that entered the graph: floating inputs, one-hot vectors.
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
        self.leaves: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._sources: dict[int, torch.Tensor] = {}  # start of a layer without a joint -> its value
        self._values: dict[int, Any] = {}
        self._call: Call | None = None
        self._step = 0

    def run(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Play; returns the logits (the output before a final softmax)."""
        self._values = dict(constants(self.tape, self.dtype, self.device))
        for slot, x in zip(self.tape.inputs, self.tape.own(inputs), strict=True):
            leaf = cast(x, self.dtype, self.device).clone()
            self.inputs.append(leaf)
            if leaf.is_floating_point():
                self._values[slot] = self._enter(leaf, self.numbering.forms[slot].numbers)
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
        made = call.outputs[0] if len(call.outputs) == 1 else None
        if made is not None and made in self.numbering.tape.entering:
            plain = {s: self._plain(s) for s in call.reads}
            execute(call, plain, self.dtype, self.device)
            self._values[made] = self._enter(plain[made].clone(), self.numbering.forms[made].numbers)
            return
        enters = makes_vertices(call) or any(s in self.numbering.forms for s in call.reads)
        row = lookup(call) if enters and call.index in self.numbering.flowing else None
        if row is None or row.rule is None:
            plain = {s: self._plain(s) for s in call.reads}
            execute(call, plain, self.dtype, self.device)
            self._values.update({s: plain[s] for s in call.outputs if s is not None})
            return
        self._call, self._step = call, 0
        args, kwargs = fill((call.args, call.kwargs), self._values.__getitem__)
        out = row.rule(self, call, *args, **kwargs)
        for slot, value in zip(call.outputs, out if isinstance(out, (tuple, list)) else [out], strict=False):
            if slot is not None and value is not None:
                self._values[slot] = value

    def _enter(self, leaf: torch.Tensor, numbers: torch.Tensor) -> Value:
        """The value of a layer of inputs."""
        leaf.requires_grad_(self.gradients)
        self.leaves.append((leaf, numbers))
        self._sources[int(numbers.min())] = leaf
        return self._fresh(leaf)

    def one_hot(self, indices: torch.Tensor, size: int) -> Value:
        """Whole numbers enter: 1 at the value that is there, 0 at the others."""
        at = self.at()
        return self._enter(torch.nn.functional.one_hot(indices.long(), size).to(self.dtype), self.numbering.sources[at])

    def _plain(self, slot: int) -> torch.Tensor:
        value = self._values[slot]
        return value.tensor.detach() if isinstance(value, Value) else value

    def _fresh(self, t: torch.Tensor) -> Value:
        """A value that is its vertices' own: gate 1, constant 0."""
        if not self.track_gates:
            return Value(t)
        one = torch.ones((), dtype=t.dtype)
        return Value(t, one.expand(t.shape), torch.zeros((), dtype=t.dtype).expand(t.shape))

    def decide(self, question: Any) -> bool:
        """The choice that was made when the vertices were numbered."""
        return self.numbering.decisions[self.at()]

    def next_step(self) -> At:
        """The step that the next primitive takes."""
        assert self._call is not None
        return (self._call.index, self._step + 1)

    def at(self) -> At:
        """Take the next step: every primitive takes one."""
        step = self.next_step()
        self._step += 1
        return step

    def value(self, slot: int) -> Value:
        """What was played into a slot of the tape."""
        value: Value = self._values[slot]
        return value

    def activation(self, layer: Vertices) -> torch.Tensor:
        """A layer's value after its own activation function."""
        return self._stage(layer, layer.read.at)

    def preactivation(self, layer: Vertices) -> torch.Tensor:
        """A layer's value z, bias included, before its activation function."""
        return self._stage(layer, layer.entry.at)

    def _stage(self, layer: Vertices, at: At | None) -> torch.Tensor:
        if at is not None and at in self.reads:
            return self.reads[at]
        made = self.numbering.joint_of.get(layer.name)
        if made is not None:
            return self.records[made].z
        return self._sources.get(layer.start, torch.zeros(layer.size, dtype=self.dtype))

    # -- what the primitives share -----------------------------------------------------------------------

    def _based(self, at: At, out: torch.Tensor) -> Value:
        """A step that completed a vertex's own value."""
        if self.track_gates and out.requires_grad:
            out.retain_grad()
        self.reads[at] = out
        return self._fresh(out)

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

    def _share(self, c: torch.Tensor, numbers: torch.Tensor, bias: bool = False) -> torch.Tensor:
        """A leaf whose flow is the share of a constant; its elements follow the vertices that it belongs to."""
        if not (self.gradients and self.freeze) or not bool(c.any()):
            return c
        c = lift(c, numbers.dim()) if c.dim() < numbers.dim() else c
        small = canonical(c)
        leaf = small.expand(torch.broadcast_shapes(small.shape, numbers.shape)).clone().requires_grad_()
        self.shares.append((leaf, numbers, bias))
        return leaf.expand(torch.broadcast_shapes(leaf.shape, c.shape))
