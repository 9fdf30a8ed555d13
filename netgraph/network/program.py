"""The tapes of a model, recorded when they are needed, and the vertex numbers at each granularity."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from netgraph.errors import InputError, NetgraphError, NetgraphWarning, RecordError, unknown
from netgraph.network.arguments import Arguments
from netgraph.network.entering import mark
from netgraph.network.heard import heard
from netgraph.network.inputs import at_once, split, storable
from netgraph.network.looking import changed_constants, tell
from netgraph.network.neighbours import pair as two_of
from netgraph.network.neighbours import refuse_mixing
from netgraph.network.numbering import Numbering
from netgraph.network.operations import flowing, improvised, lookup, plays_singly
from netgraph.network.parameters import check_constants, parameters
from netgraph.network.play import constants
from netgraph.network.record import record
from netgraph.network.shapes import count
from netgraph.network.tape import Call, Tape
from netgraph.network.targets import of_rows
from netgraph.network.undisturbed import own_precision

GRANULARITIES = ("channel", "unit", "layer", "head")
"""What a vertex may be. Layers and heads are made of the graph of channels; the other two are numbered here."""
KEPT = 8
"""Tapes of other input shapes that are kept."""
Key = tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]
"""Shapes of the inputs, and what is shared by them."""


class Programs:
    """The tapes of one model: one per input shape, recorded anew where the program depends on values."""

    def __init__(self, model: Callable[..., Any], example: Any, output: Any = None) -> None:
        self.model, self.output = model, output
        floats = (p for p in parameters(model).values() if p.is_floating_point())
        self.arguments = Arguments(model, example, next(floats, None))
        self.example = self.arguments.example
        self._programs: dict[Key, Program] = {}
        self._tapes: dict[Key, Tape] = {}
        self._state = self.state
        self._told: set[str] = set()
        self.warnings: list[str] = []  # every warning while the model was recorded and numbered
        self._detours: set[str] | None = None
        self._separate: set[Key] = set()  # programs whose inputs are known to make no difference to each other
        self._steady = False  # a second run was like the first

    def inputs(self, inputs: Any, named: Mapping[str, Any] | None = None) -> list[torch.Tensor]:
        """Inputs as a list of tensors with a batch axis, checked against the example."""
        return self.arguments.read(inputs, named)

    def tape(self, given: Sequence[torch.Tensor], numbering: Numbering | None = None) -> Tape:
        """The tape for inputs of these shapes; with ``numbering``, refused where it is another branch's."""
        self._refresh()
        given = self._native(given)
        key = self._key(given)
        known = self._tapes.get(key)
        if known is None and key in self._programs and not self._programs[key].tape.random:
            known = self._programs[key].tape
        if known is None or known.branches:
            known = self._keep(key, self._record(given))
        if numbering is None or known is numbering.tape:
            return known
        if known.branches and known.wiring != numbering.tape.wiring:
            raise InputError(
                f"these inputs take different branches of the model ({', '.join(sorted(set(known.branches)))}), which "
                "are different graphs: pass the inputs one at a time"
            )
        if known.skeleton != numbering.tape.skeleton:  # something was made on the first run, and kept
            known = self._keep(key, self._record(given))
        if known.skeleton != numbering.tape.skeleton:
            raise RecordError(
                "the model does something else than when its vertices were numbered "
                f"({known.parting(numbering.tape)}): it keeps values outside of its modules, or runs other operations "
                "for several inputs. Make what is kept before the model is traced, or pass the inputs one at a time"
            )
        return known

    def _keep(self, key: Key, tape: Tape) -> Tape:
        if len(self._tapes) >= KEPT:
            self._tapes.clear()
        self._tapes[key] = tape
        return tape

    def program(self, given: Sequence[torch.Tensor] | None = None) -> Program:
        """The program of the first of the given inputs (default: the example)."""
        self._refresh()
        one = self._native([x[:1] for x in (self.example if given is None else given)])
        key = self._key(one)
        known = self._programs.get(key)
        if known is None or known.tape.branches:
            tape = self._settled(self._record(one), one)
            if tape.logits_slot < 0 or tape.logits_slot not in tape.dependent:
                raise RecordError(
                    "the output does not depend on the input (or not through tensors: a detour through numpy or "
                    ".item() cannot be followed)"
                )
            with heard(self.warnings):
                for text in improvised(tape):
                    if text not in self._told:
                        self._told.add(text)
                        warnings.warn(text, NetgraphWarning, stacklevel=2)
            known = self._programs[key] = Program(tape)
        return known

    def _settled(self, tape: Tape, one: list[torch.Tensor]) -> Tape:
        """The tape of a model that has run before: what it makes once and keeps (outside of its modules) is made.

        Only values that do not come from the input can be kept: without any, there is nothing to look for. A view
        of a parameter, as every Linear layer takes one, is the same kept or made anew.
        """
        made = (
            c for c in tape.calls if c.index in tape.needed and not c.random and not getattr(c.op, "is_view", False)
        )
        if self._steady or tape.branches or all(any(s in tape.dependent for s in c.outputs) for c in made):
            return tape
        again = self._record(one)
        self._steady = again.skeleton == tape.skeleton
        return again

    def _record(self, given: list[torch.Tensor]) -> Tape:
        """A tape of the model as it is called; says once where it looked at values."""
        with heard(self.warnings):
            tape = self._run(given)
            check_constants(tape)
            if self._detours is None:
                self._detours = changed_constants(tape, self._run, given)
            tape.detours |= self._detours
            tape.branches += sorted(self._detours)
            tell(tape, self._told)
        self._state = self.state  # what the model wrote and had taken back counts as no change
        return mark(tape)

    def _run(self, given: list[torch.Tensor]) -> Tape:
        arguments = self.arguments
        args, kwargs = arguments.call(given)
        own = arguments.own
        shapes = [tuple(self.example[i].shape[1:]) for i in own]
        tape = record(self.model, args, kwargs, [arguments.paths[i] for i in own], self.output, shapes)
        tape.given = own
        return tape

    def _native(self, given: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """In the dtypes and on the device that the model takes."""
        return [x.detach().to(device=e.device, dtype=e.dtype) for x, e in zip(given, self.example, strict=True)]

    def _key(self, given: Sequence[torch.Tensor]) -> Key:
        """What a tape holds for: the shapes, and the values of the tensors that are shared by all inputs."""
        shared = [x[0] for x, batched in zip(given, self.arguments.batched, strict=True) if not batched]
        raw = [x.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() for x in shared]
        return tuple(tuple(x.shape) for x in given), tuple(hashlib.sha256(held).hexdigest() for held in raw)

    @property
    def state(self) -> tuple[tuple[int, int], ...]:
        """Changes whenever a parameter or buffer of the model is written to or replaced."""
        if not isinstance(self.model, torch.nn.Module):
            return ()
        held = (*self.model.parameters(), *self.model.buffers())
        return tuple((t.data_ptr(), 0 if t.is_inference() else t._version) for t in held)

    def _refresh(self) -> None:
        """Forget what was recorded with other parameters: the graph is that of the model as it is now."""
        now = self.state
        if now != self._state:
            self._state = now
            self._programs.clear()
            self._tapes.clear()
            self._separate.clear()

    def numbering(
        self, granularity: str, given: Sequence[torch.Tensor] | None = None, dtype: torch.dtype | None = None
    ) -> Numbering:
        """The vertices at "channel" or "unit" granularity, constants in ``dtype`` (default: the model's)."""
        if granularity not in GRANULARITIES[:2]:
            raise unknown("granularity", granularity, GRANULARITIES[:2])
        program = self.program(given)
        return program.numbering(granularity, storable(dtype or self.program().tape.dtype))

    def batches(self, given: list[torch.Tensor], target: Any = None) -> list[tuple[list[torch.Tensor], Any]]:
        """(batch, its targets) that can be played at once: one by one where the program differs between inputs."""
        n = len(self.separate(given)[0])
        if isinstance(target, (torch.Tensor, np.ndarray)) and target.ndim == 0:
            target = target.item()
        step = self._step(given)
        targets = [of_rows(target, n, i, i + step) for i in range(0, n, step)]
        return list(zip(split(given, step), targets, strict=True))

    def separate(self, given: list[torch.Tensor]) -> list[torch.Tensor]:
        """The inputs, refused where the output for one depends on the others; compared once for a program."""
        if len(given[0]) == 1:
            return given
        one = self.program(given).tape
        key = self._key(self._native([x[:1] for x in given]))
        if key in self._separate or one.branches or one.random:
            return given
        try:
            two = self.tape(two_of(given))
        except NetgraphError:  # two inputs are no batch that the model takes
            return given
        if not two.branches:
            refuse_mixing(one, two, self._native(two_of(given)))
            self._separate.add(key)
        return given

    def _step(self, given: list[torch.Tensor]) -> int:
        """How many of the inputs are played at once: as many as have room, or one where they must be kept apart."""
        if len(given[0]) == 1:
            return 1
        step = at_once(self.program(given).tape.bytes)
        return step if step > 1 and self._together([x[:step] for x in given]) else 1

    def _together(self, batch: list[torch.Tensor]) -> bool:
        """Whether a batch runs the same program as a single input, its batch axis kept apart."""
        one = self.program(batch).tape
        tape = self.tape(batch)
        if one.branches or tape.skeleton != one.skeleton or any(plays_singly(call) for call in one.calls):
            return False
        n = len(batch[0])
        for slot in self.numbering("channel", batch).forms:
            few, many = one.shapes[slot], tape.shapes[slot]
            grown = [(a, b) for a, b in zip(few, many, strict=False) if a != b]
            if len(few) != len(many) or grown != [(1, n)]:  # merged with another axis, or summed over the inputs
                return False
        return True


class Program:
    """A tape recorded with a batch of one, with its numberings made when they are asked for."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self._numberings: dict[tuple[str, torch.dtype], Numbering] = {}

    def numbering(self, granularity: str, dtype: torch.dtype) -> Numbering:
        """Vertices at "unit" or "channel" granularity, constants in ``dtype``."""
        key = (granularity, dtype)
        if key not in self._numberings:
            values = constants(self.tape, dtype)
            numbers = [self.entering(slot, granularity) for slot in self.tape.entries]
            numbering = Numbering(self.tape, granularity, values, numbers)
            with own_precision():
                numbering.run()
            self._numberings[key] = numbering
        return self._numberings[key]

    def entering(self, slot: int, granularity: str) -> torch.Tensor:
        """Which vertex each element of an input belongs to.

        Unit granularity: each element is one. Channel granularity: the channels where the first parameterised operation
        is a convolution, the last axis where it is a linear layer that is applied to several rows (tokens); an image
        that is flattened into one row has a vertex for each pixel.
        """
        shape = self.tape.shapes[slot]
        unit = torch.arange(count(shape)).reshape(shape)
        axis = None if granularity == "unit" else self._channel_axis(slot)
        if axis is None:
            return unit
        return torch.arange(shape[axis]).reshape([-1 if d == axis else 1 for d in range(len(shape))])

    def _channel_axis(self, slot: int) -> int | None:
        shape = self.tape.shapes[slot]
        reached = {slot}
        values = flowing(self.tape)
        for call in self.tape.calls:
            if call.index not in values or not any(s in reached for s in call.reads):
                continue
            if call.name == "convolution":
                return self._channels_of(slot, call)
            if call.name in {"addmm", "mm", "mv", "bmm"}:
                operand = next(s for s in call.reads if s in reached)
                rows = count(self.tape.shapes[operand][:-1])
                if rows > 1 and len(shape) > 1 and self.tape.shapes[operand][-1] == shape[-1]:
                    return len(shape) - 1
                return None
            if lookup(call).rule is not None:
                reached.update(s for s in call.outputs if s is not None)
        return None

    def _channels_of(self, slot: int, call: Call) -> int | None:
        """The axis of an input along which the channels of a convolution lie, whatever moved on the way."""
        shape = self.tape.shapes[slot]
        units = [torch.arange(count(self.tape.shapes[s])).reshape(self.tape.shapes[s]) for s in self.tape.entries]
        first = Numbering(self.tape, "unit", constants(self.tape, self.tape.dtype), units)
        first.run(before=call.index)
        form, layer = first.forms[call.reads[0]], first.forms[slot].numbers
        start, rank = int(layer.min()), len(self.tape.shapes[call.reads[1]])
        full = form.full if len(form.shape) == rank else form.full[None]
        by_channel = full.movedim(1, 0).reshape(full.shape[1], -1) - start
        if bool((by_channel < 0).any()) or bool((by_channel >= count(shape)).any()):  # padded, or not the input alone
            return len(shape) - (rank - 1) if len(shape) > 2 else None
        places = torch.stack(torch.unravel_index(by_channel, shape), -1)
        constant = [a for a in range(1, len(shape)) if bool((places[..., a] == places[:, :1, a]).all())]
        varied = [a for a in constant if shape[a] == full.shape[1] and len(places[:, 0, a].unique()) == shape[a]]
        return varied[0] if varied else None
