"""What becomes of a vertex's value between the operation that made it and those that read it.

An edit changes parameters alone. Whether a change of parameters is exactly a change of a value depends on what the
value meets: functions that bend it, constants that are added to it, whatever is computed from it and held fixed in the
graph. All of that is noted here, beside the numbering.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from netgraph.network.gauge import homogeneous, read_aside
from netgraph.network.numbering import Numbering, known
from netgraph.network.play import constants
from netgraph.network.program import Programs
from netgraph.network.tape import Call
from netgraph.network.undisturbed import own_precision
from netgraph.network.uses import Mirror
from netgraph.network.vertices import At, Form

BENT, POSITIVE, LARGEST, UNSHIFTED = "bent", "positive", "largest", "unshifted"
"""What a value met: s·a + t never arrives as s times and t more; it does for s ≥ 0 and t = 0; for s ≥ 0; for t = 0."""
HINDERED: dict[str, Callable[[float, float], bool]] = {
    BENT: lambda scale, shift: True,
    POSITIVE: lambda scale, shift: scale < 0 or shift != 0,
    LARGEST: lambda scale, shift: scale < 0,
    UNSHIFTED: lambda scale, shift: shift != 0,
}
"""What it met -> whether a scale and a shift do not pass."""


@dataclass(frozen=True, eq=False)
class Step:
    """A step that completes a vertex's own value: a bias, or a scale that was folded into its weights.

    ``numbers``: the vertex of each element there, in the shape of the value; ``factor``: (size,) of a scale.
    """

    at: At
    call: Call
    numbers: torch.Tensor
    factor: torch.Tensor | None = None


class Met(NamedTuple):
    """Something that the values of some vertices meet after their own activation function, and where."""

    kind: str
    numbers: torch.Tensor
    why: str


class Following(Numbering):
    """Plays a tape on vertex numbers, and notes what the value of every vertex meets.

    After :meth:`run`: ``steps`` (layer name -> the steps that completed its value, in order), ``own`` (layer name ->
    its activation functions), ``met``, and ``readers`` (step of a joint -> the forms that it reads).
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.steps: dict[str, list[Step]] = defaultdict(list)
        self.own: dict[str, list[tuple[Callable[[torch.Tensor], torch.Tensor], int]]] = defaultdict(list)
        self.met: list[Met] = []
        self.readers: dict[At, list[Form]] = {}

    def finish(self) -> None:
        """Note what is given back, and what decides something that the graph holds fixed."""
        output = [s for _, s in self.tape.output.slots if s in self.forms]
        for slot in {*output, self.tape.logits_slot}:
            self.met.append(Met(BENT, self.forms[slot].numbers, "it is given back by the model"))
        fixed = "a factor, a denominator, an attention pattern or a condition is computed from it"
        self.met += [Met(BENT, numbers, fixed) for numbers in (*self.held, *read_aside(self))]

    def _here(self) -> At:
        assert self._call is not None
        return self._call.index, self._step

    def _note(self, kind: str, x: Form, why: str) -> None:
        self.met.append(Met(kind, x.numbers, f"{self._place()} {why}"))

    def _completes(self, out: Form, factor: torch.Tensor | None = None) -> bool:
        at = self._here()
        if at not in self.bases:
            return False
        assert self._call is not None
        self.steps[self.bases[at].name].append(Step(at, self._call, out.full, factor))
        return True

    def _read(self, *forms: Form) -> None:
        if self._here() in self.joints:
            self.readers[self._here()] = list(forms)

    # -- the primitives ------------------------------------------------------------------------------

    def scale(self, x: Form, k: Any, fold: bool = False, made: Any = None) -> Form:
        out = super().scale(x, k, fold, made)
        if isinstance(k, torch.Tensor) and k.is_meta:
            self._note(UNSHIFTED, x, "multiplies it by what was computed from the input")
        elif self._here() in self.bases:
            layer = self.bases[self._here()]
            self._completes(out, self.per_vertex(layer, x.numbers, known(k).expand(out.shape)))
        return out

    def shift(self, x: Form, c: Any) -> Form:
        out = super().shift(x, c)
        held = isinstance(c, torch.Tensor) and c.is_meta
        if not self._completes(out) and (held or bool(torch.as_tensor(c).any())):
            self._note(BENT, out, "adds a constant to it")
        return out

    def gate(self, x: Form, fn: Callable[[torch.Tensor], torch.Tensor], name: str) -> Form:
        out = super().gate(x, fn, name)
        if out.fresh is not None:
            self.own[out.fresh.name].append((fn, len(x.shape)))
        elif bool(homogeneous(fn, len(x.shape)).all()):
            self._note(POSITIVE, x, "bends it at 0")
        else:
            self._note(BENT, x, "bends it")
        return out

    def mix(self, terms: Sequence[tuple[Form, Any]], kind: str, label: str = "") -> Form:
        out = super().mix(terms, kind, label)
        self._read(*[t for t, _ in terms])
        if self._here() not in self.joints and out.gated:
            self._note(UNSHIFTED, out, "adds several forms of it")
        return out

    def matmul(self, x: Form, weight: torch.Tensor, label: str = "linear") -> Form:
        out = super().matmul(x, weight, label)
        self._read(x)
        return out

    def convolve(self, x: Form, weight: torch.Tensor, geometry: Any) -> Form:
        out = super().convolve(x, weight, geometry)
        self._read(x)
        return out

    def attend(self, pattern: torch.Tensor, x: Form) -> Form:
        out = super().attend(pattern, x)
        self._read(x)
        self._note(UNSHIFTED, x, "spreads it by a pattern computed from the input")
        return out

    def pool(self, x: Form, *how: Any) -> Form:
        out = super().pool(x, *how)
        self._read(x)
        return out

    def reduce(self, x: Form, dims: Sequence[int], mean: bool) -> Form:
        out = super().reduce(x, dims, mean)
        self._read(x)
        return out

    def select(self, x: Form, *how: Any) -> Form:
        out = super().select(x, *how)
        self._read(x)
        self._note(LARGEST, x, "lets the largest pass")
        return out

    def join(self, fn: Callable[..., Any], xs: Sequence[Any], dim: int) -> Form:
        first = self._step
        out = super().join(fn, xs, dim)
        assert self._call is not None
        for step in range(first + 1, self._step + 1):
            numbers = self.owners.get((self._call.index, step))
            if numbers is not None:
                self.met.append(Met(BENT, numbers, f"{self._place()} joins a constant to it"))
        return out


def follow(programs: Programs, granularity: str, mirror: Mirror) -> Following:
    """The numbering of the example's program, its constants in the memory of the ``mirror``."""
    program = programs.program()
    tape = mirror.tape(program.tape)
    numbers = [program.entering(slot, granularity) for slot in tape.entries]
    following = Following(tape, granularity, constants(tape, None), numbers)
    with own_precision():
        following.run()
    following.finish()
    return following
