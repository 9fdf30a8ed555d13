"""Values while they are played: what is kept of them, and how they hang on their vertices.

A tracked value is ``scale · (gate · z + constant)`` of its vertices' values z. A :class:`Watch` is told of every value
and every gradient as they come, so that nothing needs to be kept for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch

from netgraph.network.blocks import Record
from netgraph.network.cut import Cut
from netgraph.network.gates import Function, scaled
from netgraph.network.numbering import Numbering
from netgraph.network.operations import lookup, makes_vertices
from netgraph.network.play import cast, constants, execute
from netgraph.network.shapes import BatchMismatch, lift, sum_to
from netgraph.network.tape import Call, Tape, fill
from netgraph.network.undisturbed import own_precision
from netgraph.network.vertices import At, Vertices


class Value:
    """A tracked tensor while it is played. ``gate`` and ``constant`` tie it to its vertices: scale·(gate·z + …)."""

    def __init__(
        self, tensor: torch.Tensor, gate: torch.Tensor | None = None, constant: torch.Tensor | None = None
    ) -> None:
        self._tensor: torch.Tensor | None = tensor
        self.gate, self.constant = gate, constant

    @property
    def tensor(self) -> torch.Tensor:
        """What was played."""
        assert self._tensor is not None
        return self._tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return tuple(self.tensor.shape)

    def tie(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(gate, constant), where they are tracked."""
        assert self.gate is not None and self.constant is not None
        return self.gate, self.constant


class Scaled(Value):
    """A value times a constant, not multiplied out before it is read: a shift that follows adds to it in place."""

    def __init__(self, source: torch.Tensor, factor: Any, made: Function | None = None) -> None:
        self._tensor = self.gate = self.constant = None
        self.source, self.factor, self.made = source, factor, made

    def fresh(self) -> torch.Tensor:
        """The product, in memory of its own."""
        return scaled(self.source, self.factor, self.made)[0]

    @property
    def tensor(self) -> torch.Tensor:
        if self._tensor is None:
            self._tensor = self.fresh()
        return self._tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(torch.broadcast_shapes(self.source.shape, getattr(self.factor, "shape", ())))


class Watch:
    """Is told what is played while it is played. The tensors that it is given are detached: to read, not to keep."""

    kernels = False
    """Whether the gradients of weights are wanted where a joint's flows follow from them."""

    def activation(self, layer: Vertices, value: torch.Tensor) -> None:
        """A layer's value after its own activation function."""

    def made(self, at: At, record: Record) -> None:
        """A joint made vertices."""

    def upstream(self, at: At, record: Record, gradient: torch.Tensor) -> None:
        """∂target/∂z of what a joint made."""

    def kernel(self, at: At, gradient: torch.Tensor) -> None:
        """∂target/∂W of a joint's weight."""

    def constant(self, at: At, c: torch.Tensor, numbers: torch.Tensor, bias: bool, gradient: torch.Tensor) -> None:
        """A constant c of the vertices ``numbers`` (their bias?) entered a value that has this gradient."""


class Run:
    """Plays a tape on values; the primitives that rules are written in stand in a subclass.

    Parameters
    ----------
    tape, numbering : of the same program; the tape may have another batch size.
    dtype : floating dtype to play in, whatever the tape was recorded in.
    freeze : hold gates, selections and statistics fixed for gradients.
    gradients : keep what a backward pass needs.
    track_gates : also carry gate and constant of every value (frozen runs).
    cuts : step -> how the edges into its joint are cut.
    watch : is told of values, gradients and constants as they come.
    keep : names of the layers whose values are kept; None: everything is, gradients included.
    epsilon : gradients into a vertex's value z are scaled by z/(z + ε·sign z): relevance by LRP-ε.

    Attributes
    ----------
    records : step -> what went through the joint there; only what a graph of a single input needs, unless it is kept.
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
        cuts: Mapping[At, Cut] | None = None,
        device: torch.device | str = "cpu",
        watch: Watch | None = None,
        keep: Collection[str] | None = None,
        epsilon: float | None = None,
    ) -> None:
        self.tape, self.numbering, self.dtype, self.device = tape, numbering, dtype, device
        self.freeze, self.gradients, self.track_gates = freeze, gradients, track_gates
        self.cuts, self.epsilon = cuts or {}, epsilon
        self.watch, self.keep = watch, keep
        self.records: dict[At, Record] = {}
        self.reads: dict[At, torch.Tensor] = {}
        self.inputs: list[torch.Tensor] = []
        self.leaves: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._sources: dict[int, torch.Tensor] = {}  # start of a layer without a joint -> its value
        self._values: dict[int, Any] = {}
        self._call: Call | None = None
        self._step = 0
        self._stages: dict[At, list[Vertices]] = {}  # step -> the layers whose z or activation stands after it
        for layer in numbering.layers:
            for at in {layer.entry.at, layer.read.at} - {None}:
                assert at is not None
                self._stages.setdefault(at, []).append(layer)

    def run(
        self, inputs: Sequence[torch.Tensor], known: Mapping[int, Any] | None = None, start: int = 0
    ) -> torch.Tensor:
        """Play; returns the logits (the output before a final softmax).

        ``known``: the :attr:`values` of a run of the same inputs that is the same before call ``start``.
        """
        self._values = dict(constants(self.tape, self.dtype, self.device)) if known is None else dict(known)
        left = dict(self.tape.uses)
        if known is not None:
            self.inputs = list(inputs)
        for slot, x in zip(self.tape.inputs, self.tape.own(inputs), strict=True) if known is None else ():
            leaf = cast(x, self.dtype, self.device).clone()
            self.inputs.append(leaf)
            if leaf.is_floating_point():
                self._values[slot] = self._enter(leaf, self.numbering.forms[slot].numbers)
            else:
                self._values[slot] = leaf
        stop = self.tape.logits_slot
        with own_precision(), torch.set_grad_enabled(self.gradients):
            for call in self.tape.calls:
                if (
                    call.index >= start
                    and call.index in self.tape.needed
                    and not call.random
                    and any(s in self.tape.dependent for s in call.outputs)
                ):
                    self._play(call)
                    if stop in call.outputs:
                        break
                for slot in call.reads if self.keep is not None and call.index in self.tape.needed else ():
                    left[slot] -= 1
                    if left[slot] == 0 and slot != stop:  # an output may be an input, which a softmax reads
                        self._values.pop(slot, None)
        value = self._values[stop]
        if self.keep is not None:
            self._values = {stop: value}
        if not isinstance(value, Value):
            raise BatchMismatch("the output does not depend on the input")
        if self.gradients and value.tensor.requires_grad:
            value.tensor.retain_grad()
        if self.watch is not None:
            made = self.numbering.joint_of
            for layer in self.numbering.layers:
                if layer.name not in made:
                    self.watch.activation(layer, self.activation(layer).detach())
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
            true = self.gradients and not self.freeze  # the true gradient also passes what flows leave out
            plain = {s: self._plain(s, true) for s in call.reads}
            execute(call, plain, self.dtype, self.device, true)
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

    def _plain(self, slot: int, differentiable: bool = False) -> torch.Tensor:
        value = self._values[slot]
        if isinstance(value, Value):
            return value.tensor if differentiable else value.tensor.detach()
        plain: torch.Tensor = value
        return plain

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

    @property
    def values(self) -> Mapping[int, Any]:
        """Slot -> what was played into it, where everything is kept."""
        return self._values

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
        self._stands(at, out)
        return self._fresh(out)

    def _stands(self, at: At, out: torch.Tensor) -> None:
        """A value that may be that of a layer."""
        for layer in self._stages.get(at, ()):
            if self.keep is None or layer.name in self.keep:
                self.reads[at] = out
            if self.watch is not None and layer.read.at == at:
                self.watch.activation(layer, out.detach())
            if self.epsilon is not None and layer.entry.at == at:
                self._stabilise(out, self.epsilon)

    def _stabilise(self, z: torch.Tensor, epsilon: float) -> None:
        """What returns to z is relevance over z + ε·sign z."""
        if z.requires_grad and epsilon != 0:  # without it nothing is lost, and 0/0 is not asked for
            held = z.detach()
            sign = torch.where(held < 0, -1, 1).to(held)  # whole numbers times ε would be of single precision
            ratio = held / (held + epsilon * sign)
            z.register_hook(lambda gradient: gradient * ratio)

    def _constant(self, at: At, c: torch.Tensor, numbers: torch.Tensor) -> Value:
        shared = self._shared(at, c.clone(), c, numbers)
        if not self.track_gates:
            return Value(shared)
        return Value(shared, torch.zeros_like(c), c.detach().clone())

    def _constant_vertex(self, at: At, c: torch.Tensor, numbers: torch.Tensor) -> Value:
        """A constant that is a vertex of its own."""
        held = c.detach().to(self.dtype)
        vertices = numbers.expand(lift(held, numbers.dim()).shape) if numbers.numel() == 1 else numbers
        alive = vertices >= 0
        if bool(alive.any()):
            mean = sum_to(lift(held, numbers.dim()), vertices.shape) / (held.numel() / vertices.numel())
            self._sources[int(vertices[alive].min())] = mean[alive]
        return self._fresh(self._shared(at, held.clone(), held, numbers))

    def _shared(
        self, at: At, out: torch.Tensor, c: torch.Tensor, numbers: torch.Tensor, bias: bool = False
    ) -> torch.Tensor:
        """``out``, which a constant c of the vertices ``numbers`` was added to: ∂out is ∂c, so its share is c·∂out."""
        watch = self.watch
        if watch is None or not (self.gradients and self.freeze) or not bool(c.any()):
            return out
        out = out if out.requires_grad else out.requires_grad_()

        def share(gradient: torch.Tensor) -> None:
            watch.constant(at, c.detach(), numbers, bias, gradient)

        out.register_hook(share)
        return out
