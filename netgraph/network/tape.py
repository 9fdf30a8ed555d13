"""The tape: what a model did with one input, as pure tensor operations.

A tape is a list of calls on numbered slots (single assignment). In-place operations have been made functional and
aliases resolved while it was recorded, so it can be played forward with other values: other dtypes, frozen gates,
masked kernels, or vertex numbers instead of activations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch.utils import _pytree as pytree

from netgraph.network.output import Output
from netgraph.network.shapes import count
from netgraph.network.trees import Path


@dataclass(frozen=True)
class Slot:
    """A reference to the value that a call, an input or a constant put on the tape."""

    index: int


@dataclass(frozen=True)
class Call:
    """One operation.

    Attributes
    ----------
    index : its place on the tape.
    op : what plays it: an ATen operator, or one of :mod:`netgraph.network.elements`.
    name : its name in the table of operations ("convolution", "relu" …).
    args, kwargs : as the operator takes them, tensors replaced by :class:`Slot`.
    outputs : slots of the tensors it gives back; None where it gives something else.
    module : dotted name of the torch module that ran it.
    where : "file:line" of the user's code that ran it.
    random : it drew random numbers; what it drew is held as a constant.
    """

    index: int
    op: Callable[..., Any]
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[int | None, ...]
    module: str
    where: str
    random: bool = False

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """Slots that it reads, in order."""
        return slots((self.args, self.kwargs))

    def place(self) -> str:
        """For messages: the operation, its module and the line of code."""
        module = f" in module {self.module!r}" if self.module else ""
        name = self.name if "::" in self.name else f"aten::{self.name}"
        return f"{name}{module} ({self.where or 'source unknown'})"


def _leaves(tree: Any) -> Iterator[Slot]:
    return (leaf for leaf in pytree.tree_leaves(tree, is_leaf=_is_slot) if isinstance(leaf, Slot))


def _is_slot(x: Any) -> bool:
    return isinstance(x, Slot)


def slots(tree: Any) -> tuple[int, ...]:
    """Indices of the slots in a tree of arguments, in order."""
    return tuple(leaf.index for leaf in _leaves(tree))


def fill(tree: Any, values: Callable[[int], Any]) -> Any:
    """A copy of a tree of arguments with every slot replaced by ``values(index)``."""
    return pytree.tree_map(lambda x: values(x.index) if isinstance(x, Slot) else x, tree, is_leaf=_is_slot)


@dataclass
class Tape:
    """What a model did once.

    Attributes
    ----------
    calls : the operations, in order.
    constants : slot -> tensor that no call made: parameters, buffers, literals. By reference.
    names : slot -> name of that parameter or buffer ("fc1.weight").
    inputs : slots of the input tensors.
    given : which tensors of a call are its inputs, where there are others, too.
    entering : slots of floating numbers made of whole ones that are inputs of the graph.
    output : what the model gave back, its tensors by slot.
    chosen : path of the output that targets refer to.
    shapes, dtypes : of every slot, as recorded.
    dtype : floating dtype that the model was run in.
    branches : places where the model's Python code looked at values, so that the tape holds for this input alone.
    detours : those of them where values left torch.
    modules : dotted name -> class name of every torch module.
    owners : dotted name of a module -> addresses of the storages of its own parameters and buffers.
    """

    dtype: torch.dtype
    calls: list[Call] = field(default_factory=list)
    constants: dict[int, torch.Tensor] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    inputs: list[int] = field(default_factory=list)
    given: list[int] = field(default_factory=list)
    entering: frozenset[int] = frozenset()
    output: Output = field(default_factory=lambda: Output(None, ()))
    chosen: Path | None = None
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    dtypes: list[torch.dtype] = field(default_factory=list)
    branches: list[str] = field(default_factory=list)
    detours: set[str] = field(default_factory=set)
    modules: dict[str, str] = field(default_factory=dict)
    owners: dict[str, set[int]] = field(default_factory=dict)

    def new_slot(self, tensor: torch.Tensor) -> int:
        """A slot for a tensor of this shape and dtype."""
        self.shapes.append(tuple(tensor.shape))
        self.dtypes.append(tensor.dtype)
        return len(self.shapes) - 1

    def forget(self) -> None:
        """Drop what was derived from the calls: the tape has grown."""
        for name in ("skeleton", "dependent", "bytes", "uses", "needed", "maker", "output_slot", "logits_slot"):
            self.__dict__.pop(name, None)

    @property
    def random(self) -> bool:
        """Whether random numbers were drawn that the output depends on: they are those of this recording."""
        return any(call.random and call.index in self.needed for call in self.calls)

    @property
    def entries(self) -> list[int]:
        """The slots where values enter the graph: floating inputs, and what is made of whole ones."""
        return [*(s for s in self.inputs if self.floating(s)), *sorted(self.entering)]

    def own(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The inputs among the tensors of a call; the others are constants of the tape."""
        whole = len(tensors) == len(self.inputs) or not self.given
        return list(tensors) if whole else [tensors[i] for i in self.given]

    def floating(self, slot: int) -> bool:
        """Whether a slot holds floating numbers."""
        return self.dtypes[slot].is_floating_point

    @property
    def signature(self) -> list[str]:
        """What was called, without the shapes: equal for tapes of the same program."""
        return [call.name for call in self.calls]

    @cached_property
    def skeleton(self) -> list[tuple[str, tuple[int, ...], tuple[int | None, ...]]]:
        """What was called on which slots: equal for tapes of the same program, whatever the number of inputs."""
        return [(call.name, call.reads, call.outputs) for call in self.calls]

    def parting(self, other: Tape) -> str:
        """The line of code where another tape of the same model goes another way."""
        pairs = zip(self.calls, self.skeleton, other.skeleton, strict=False)
        end = (self.calls[len(other.calls) :] or other.calls[len(self.calls) :])[:1]
        return next((a.where for a, mine, its in pairs if mine != its), end[0].where if end else "") or "the model"

    @property
    def wiring(self) -> list[str]:
        """The calls with all that they were given: equal for runs of the same program on inputs of the same shape."""
        return [f"{c.name} {c.args!r} {c.kwargs!r} {[self._origin(s) for s in c.reads]}" for c in self.calls]

    def _origin(self, slot: int) -> str:
        """Which constant a slot holds: its name, or its values where it is small."""
        held = self.constants.get(slot)
        if held is None:
            return ""
        return self.names.get(slot) or (str(held.tolist()) if held.numel() <= 64 else str(tuple(held.shape)))

    @cached_property
    def uses(self) -> Counter[int]:
        """How often each slot is read by a call that matters, or given back."""
        count: Counter[int] = Counter()
        for call in self.calls:
            if call.index in self.needed:
                count.update(call.reads)
        count.update(slot for _, slot in self.output.slots)
        return count

    @cached_property
    def needed(self) -> set[int]:
        """Indices of the calls that the output depends on."""
        wanted = {slot for _, slot in self.output.slots}
        calls: set[int] = set()
        for call in reversed(self.calls):
            if any(slot in wanted for slot in call.outputs):
                wanted.update(call.reads)
                calls.add(call.index)
        return calls

    @cached_property
    def dependent(self) -> set[int]:
        """Slots whose values depend on the input."""
        slots = set(self.inputs)
        for call in self.calls:
            if any(slot in slots for slot in call.reads):
                slots.update(slot for slot in call.outputs if slot is not None)
        return slots

    @cached_property
    def bytes(self) -> int:
        """What all values take that depend on the input; views take nothing, whole numbers as much as floating ones."""
        made = [s for call in self.calls if not getattr(call.op, "is_view", False) for s in call.outputs]
        kept = [s for s in (*self.inputs, *made) if s in self.dependent]
        return sum(count(self.shapes[s]) for s in kept) * max(self.dtype.itemsize, 4)

    @cached_property
    def maker(self) -> dict[int, Call]:
        """Slot -> the call that made it."""
        return {slot: call for call in self.calls for slot in call.outputs if slot is not None}

    @cached_property
    def output_slot(self) -> int:
        """The output that targets refer to; -1 where there is none."""
        return dict(self.output.slots)[self.chosen] if self.chosen is not None else -1

    @cached_property
    def logits_slot(self) -> int:
        """The output before a final softmax or log-softmax, which is no part of the graph."""
        slot = self.output_slot
        call = self.maker.get(slot)
        while call is not None and call.name in {"_softmax", "_log_softmax", "detach", "alias", "clone"}:
            slot = call.reads[0]
            call = self.maker.get(slot)
        return slot
