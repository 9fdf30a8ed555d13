"""Vertex numbers: which vertex each element of each tensor belongs to.

Every tracked tensor carries an integer tensor of vertex numbers, and operations that move data are replayed on the
numbers: view, permute, cat, pad, roll, slice … need no code of their own. Numbers have no batch axis: the pass plays a
tape recorded with a batch of one, and an axis along which the numbers do not change has size 1 (broadcast).

A value is tied to its vertex by ``value = scale · (gate · z + constant)``: the scale is known from the parameters
alone and multiplies the weights of the edges that leave; gates and constants depend on the input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from netgraph.errors import UnsupportedOperation
from netgraph.network.naming import layer_name
from netgraph.network.operations import flowing, lookup, makes_vertices
from netgraph.network.shapes import canonical, count
from netgraph.network.tape import Call, Tape, fill

if TYPE_CHECKING:
    from netgraph.network.blocks import Joint

At = tuple[int, int]
"""Which step of which call: the same in every pass over the same program."""
Curve = Callable[[torch.Tensor], torch.Tensor]
"""An elementwise function."""


class Stage(NamedTuple):
    """A value that is nothing but a layer: the step after which it stands (None: as it was made), numbers and shape.

    Elements may have been moved since the layer was made, so the numbers are the stage's own; the batch is one.
    """

    at: At | None
    numbers: torch.Tensor
    shape: tuple[int, ...]


@dataclass(eq=False)
class Vertices:
    """The vertices that one operation made: a layer of the graph to be.

    Attributes
    ----------
    name, module, kind, shape, start, size, activation, grid : as in :class:`netgraph.graph.graph.Layer`.
    numbers : int64, broadcasts to the tensor that was made: the vertex of each element.
    bias : (size,) float64, or None.
    entry : where its value z (bias included) stands.
    read : where its activation stands.
    """

    name: str
    module: str
    kind: str
    shape: tuple[int, ...]
    start: int
    size: int
    grid: tuple[int, ...]
    numbers: torch.Tensor
    bias: torch.Tensor | None = None
    activation: str | None = None
    entry: Stage = field(init=False)
    read: Stage = field(init=False)

    def stand(self, shape: Sequence[int]) -> None:
        """As it was made, with a batch of one."""
        self.entry = self.read = Stage(None, self.numbers, tuple(shape))


@dataclass(frozen=True, eq=False)
class Form:
    """How a tensor stands to its vertices.

    Attributes
    ----------
    shape : of the tensor, with a batch of one.
    numbers : int64, broadcasts to ``shape``; -1 where the value is 0 whatever the input (padding).
    scale : float64, broadcasts to ``shape``; None for 1.
    gated : a gate lies between the vertices and this value.
    fresh : the layer that this value is nothing but, as long as only shifts and gates came since.
    single : only one call reads it, so that a bias or a BatchNorm may become part of the layer itself.
    alike : wherever a unit stands in several elements, they are in the same state: one gate and constant for all.
    """

    shape: tuple[int, ...]
    numbers: torch.Tensor
    scale: torch.Tensor | None = None
    gated: bool = False
    fresh: Vertices | None = None
    single: bool = True
    alike: bool = True

    @property
    def full(self) -> torch.Tensor:
        """The number of every element."""
        return self.numbers.expand(self.shape)


class Layers:
    """Plays a tape and keeps the layers that it makes; the primitives that rules are written in stand in a subclass.

    After :meth:`run`: ``layers`` in order; ``joints``, the operations that made vertices, by step; ``owners``, the
    numbers that constants and gates of a step belong to; ``bases``, steps that only complete a vertex's own value (its
    bias, a BatchNorm folded into its weights); ``lifts``, the vertices of constants joined to tracked tensors;
    ``scales`` and ``merges``, the scale of a sum of forms of the same vertices, and of each term; ``forms``, how every
    tracked slot stands to its vertices; ``sources``, the vertices of whole numbers that entered at a step;
    ``inexact``, kinds of operation whose edges need an input to be exact.
    For the gauge: ``held``, numbers of values that decide something that is held fixed, and ``curves``, the elementwise
    functions with what they were applied to. ``attended``: by step, (slices, elements) the vertices of the values that
    a pattern mixed, or of what was made of them where it made new ones.
    """

    def __init__(self, tape: Tape, granularity: str, constants: dict[int, torch.Tensor], numbers: list[torch.Tensor]):
        self.tape = tape
        self.flowing = flowing(tape)
        self.unit = granularity == "unit"
        self.constants = constants
        self.layers: list[Vertices] = []
        self.joints: dict[At, Joint] = {}
        self.owners: dict[At, torch.Tensor] = {}
        self.scales: dict[At, torch.Tensor | None] = {}
        self.merges: dict[At, list[torch.Tensor | None]] = {}
        self.bases: dict[At, Vertices] = {}
        self.lifts: dict[tuple[At, int], torch.Tensor] = {}
        self.decisions: dict[At, bool] = {}
        self.sources: dict[At, torch.Tensor] = {}
        self.forms: dict[int, Form] = {}
        self.repeats: Counter[str] = Counter()
        self.inexact: set[str] = set()
        self.users: dict[tuple[Any, ...], str] = {}  # where a parameter lies -> the layer that it made first
        self.held: list[torch.Tensor] = []
        self.curves: list[tuple[Curve, Form]] = []
        self.attended: dict[At, torch.Tensor] = {}
        self._call: Call | None = None
        self._step = 0
        for slot, given in zip(tape.entries, numbers, strict=True):
            i = tape.inputs.index(slot) if slot in tape.inputs else len(self.layers)
            form = self._input(tape.shapes[slot], given, "input" if i == 0 else f"input_{i + 1}")
            self.forms[slot] = replace(form, single=tape.uses[slot] == 1)

    def _input(self, shape: Sequence[int], given: torch.Tensor, name: str) -> Form:
        size = int(given.max()) + 1 if given.numel() else 0
        numbers = given + self._next()
        elements = given.numel() == count(shape[1:]) or given.numel() == count(shape)
        layer = self._layer(name, "", "input", shape, size, self._grid(given, size, shape, elements), numbers)
        return Form(tuple(shape), numbers, fresh=layer)

    def one_hot(self, indices: torch.Tensor, size: int) -> Form:
        """Whole numbers enter: a vertex for each of ``size`` values, at unit granularity at each place of ``indices``.

        What they stand for at an input is 1 at the value that is there, 0 at the others.
        """
        at = self.at()
        shape = (*indices.shape, size)
        each = count(shape) if self.unit else size
        given = torch.arange(each).reshape(shape if self.unit else [*[1] * indices.dim(), size])
        taken = {layer.name for layer in self.layers}
        names = ("input" if i == 1 else f"input_{i}" for i in range(1, len(taken) + 2))
        form = self._input(shape, given, next(name for name in names if name not in taken))
        self.sources[at] = form.numbers
        return form

    @property
    def joint_of(self) -> dict[str, At]:
        """Layer name -> step of the joint that made it."""
        return {joint.layer.name: at for at, joint in self.joints.items()}

    @property
    def n(self) -> int:
        """Number of vertices."""
        return self._next()

    def run(self, before: int | None = None) -> None:
        """Play every call through which values flow to the output (those before a call's index, where one is given)."""
        for call in self.tape.calls[:before]:
            if call.index in self.flowing and not any(s in self.tape.entering for s in call.outputs):
                self._play(call)

    def _play(self, call: Call) -> None:
        row = lookup(call) if makes_vertices(call) or any(s in self.forms for s in call.reads) else None
        if row is None or row.rule is None:
            return
        args, kwargs = fill((call.args, call.kwargs), self._value)
        self._call, self._step = call, 0
        out = row.rule(self, call, *args, **kwargs)
        outputs = list(out) if isinstance(out, (tuple, list)) else [out]
        for slot, form in zip(call.outputs, outputs, strict=False):
            if isinstance(form, Form) and slot is not None:
                self.forms[slot] = replace(form, single=self.tape.uses[slot] == 1)
            elif isinstance(form, torch.Tensor) and slot is not None:
                self.constants[slot] = form

    def _value(self, slot: int) -> Any:
        if slot in self.forms:
            return self.forms[slot]
        if slot not in self.constants:
            return torch.empty(self.tape.shapes[slot], dtype=self.tape.dtypes[slot], device="meta")
        return self.constants[slot]

    def at(self) -> At:
        """The next step of the call that is being played: every primitive takes one."""
        assert self._call is not None
        self._step += 1
        return (self._call.index, self._step)

    def _next(self) -> int:
        return self.layers[-1].start + self.layers[-1].size if self.layers else 0

    def _layer(
        self,
        name: str,
        module: str,
        kind: str,
        shape: Sequence[int],
        size: int,
        grid: Sequence[int],
        numbers: torch.Tensor,
    ) -> Vertices:
        self.repeats[name] += 1
        times = self.repeats[name]
        unique = f"{name}{times}" if name.endswith("_") else name if times == 1 else f"{name}#{times}"
        while any(layer.name == unique for layer in self.layers):
            unique += "'"
        plain = tuple(shape[1:]) if len(shape) > 1 and shape[0] == 1 else tuple(shape)
        layer = Vertices(unique, module, kind, plain, self._next(), size, tuple(grid), numbers)
        layer.stand(shape)
        self.layers.append(layer)
        return layer

    @staticmethod
    def _grid(numbers: torch.Tensor, size: int, shape: Sequence[int], elements: bool) -> tuple[int, ...]:
        """Coordinates of the vertices: the axes of the tensor where each element is a vertex, else a plain count."""
        whole = elements and count(shape) == size and numbers.numel() == size
        return tuple(shape[1:]) or (1,) if whole and len(shape) > 1 and shape[0] == 1 else (size,)

    def _new(
        self, kind: str, shape: Sequence[int], numbers: torch.Tensor, weight: Any = None, label: str = ""
    ) -> Vertices:
        """A layer for numbers 0 … size-1; ``numbers`` is shifted in place to its start."""
        assert self._call is not None
        self.refuse_empty(numbers)
        size = int(numbers.max()) + 1
        grid = self._grid(numbers, size, shape, self.unit)
        numbers += self._next()
        module, name = layer_name(self.tape, self._call, label or kind, weight)
        return self._layer(name, module, kind, shape, size, grid or (1,), numbers)

    def refuse_empty(self, made: torch.Tensor) -> None:
        """Nothing can be made of nothing: the error names the call that has no elements."""
        if not made.numel():
            raise UnsupportedOperation(
                f"{self._place()} works on a tensor of shape {tuple(made.shape)}, without a single element, so there "
                "are no vertices to make of it. Remove the layer, or give it a size"
            )

    def _constant(self, form: Form, mask: torch.Tensor) -> Form:
        """Give the elements under ``mask`` vertices of their own: their value is a constant, no edge enters."""
        full = form.full.clone()
        n = int(mask.sum())
        numbers = torch.arange(n)
        layer = self._new("constant", (1, n), numbers)
        full[mask] = numbers
        layer.bias = torch.zeros(n, dtype=torch.float64)
        scale = form.scale
        if scale is not None:
            scale = torch.where(mask, torch.ones((), dtype=scale.dtype), scale.expand(form.shape))
        return replace(form, numbers=canonical(full), scale=scale, fresh=None)

    def per_vertex(self, layer: Vertices, numbers: torch.Tensor, values: torch.Tensor) -> torch.Tensor | None:
        """(size,) the value that all elements of a vertex share; None where they differ, or a vertex has no element."""
        index = (numbers.expand(values.shape) - layer.start).reshape(-1)
        flat = values.reshape(-1).to(torch.float64)
        low = torch.full((layer.size,), torch.inf, dtype=torch.float64).scatter_reduce_(0, index, flat, "amin")
        high = torch.full((layer.size,), -torch.inf, dtype=torch.float64).scatter_reduce_(0, index, flat, "amax")
        return low if torch.equal(low, high) else None

    def _lift(self, x: Any, at: At, place: int = 0) -> Form:
        """A tensor that is joined to tracked ones: vertices of its own, unless it is 0."""
        if isinstance(x, Form):
            return x
        form = Form(tuple(x.shape), torch.full([1] * x.dim(), -1), None)
        alive = torch.ones(x.shape, dtype=torch.bool) if x.is_meta else (x != 0)
        if bool(alive.any()):
            form = self._constant(form, alive)
            if not x.is_meta:
                self.layers[-1].bias = x[alive].to(torch.float64)
        self.lifts[(at, place)] = form.numbers
        return form

    def _place(self) -> str:
        return self._call.place() if self._call is not None else ""
