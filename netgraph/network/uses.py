"""Every use of a parameter while a model runs, and whether they can all be given the change that is wished of them.

A weight on the tape is a view of a parameter's memory (itself, transposed, a slice of a packed one), so an element of
it is found by its place in that memory. A parameter can be changed only where all of its uses want the same change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from netgraph.errors import AnalysisError
from netgraph.network.parameters import parameters
from netgraph.network.tape import Call, Tape


@dataclass(frozen=True, eq=False)
class Wish:
    """A change of what a call reads: ``times`` and ``plus``, which broadcast to ``tensor``.

    ``leaving``: the vertices whose value is changed through it, as far as it is by what leaves them.
    """

    call: Call
    tensor: torch.Tensor
    times: torch.Tensor
    plus: torch.Tensor
    leaving: Collection[int] = ()

    @property
    def idle(self) -> bool:
        """Whether nothing changes."""
        return bool((self.times == 1).all()) and not bool(self.plus.any())


class Tied(AnalysisError):
    """Uses of one parameter that want different changes; ``leaving`` as in :class:`Wish`."""

    def __init__(self, message: str, leaving: Collection[int] = ()) -> None:
        super().__init__(message)
        self.leaving = leaving


class Mirror:
    """Copies of pieces of memory on the CPU, one each, so that views of one piece stay views of one piece."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, torch.dtype], torch.Tensor] = {}

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor as a view of the copy of its memory."""
        if tensor.is_meta or not tensor.numel():
            return tensor
        key = (int(tensor.untyped_storage().data_ptr()), tensor.dtype)
        if key not in self._known:
            n = tensor.untyped_storage().nbytes() // tensor.element_size()
            self._known[key] = tensor.detach().as_strided((n,), (1,), 0).cpu().clone()
        return self._known[key].as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())

    def tape(self, tape: Tape) -> Tape:
        """A tape whose constants are the copies."""
        held = {s: self(t) for s, t in tape.constants.items()}
        copies = {(memory, _memory(t)) for (memory, _), t in self._known.items()}
        owners = {name: own | {copy for memory, copy in copies if memory in own} for name, own in tape.owners.items()}
        return replace(tape, constants=held, owners=owners)


class Uses:
    """The parameters and buffers of a model, and the calls of a tape that read them.

    Parameters
    ----------
    values : slot -> value of what does not depend on the input, in the memory of the ``mirror``.
    """

    def __init__(
        self, model: Callable[..., Any], tape: Tape, values: Mapping[int, torch.Tensor], mirror: Mirror
    ) -> None:
        self.named: dict[int, list[tuple[str, torch.Tensor]]] = defaultdict(list)
        for name, tensor in parameters(model).items():
            if tensor.is_floating_point() and tensor.numel():
                held = mirror(tensor)
                self.named[_memory(held)].append((name, held))
        self.uses: dict[int, list[tuple[Call, torch.Tensor]]] = defaultdict(list)
        for call in tape.calls:
            if call.index not in tape.needed:
                continue
            made = {_memory(values[s]) for s in call.outputs if s is not None and s in values}
            for slot in call.reads:
                if slot in values and _memory(values[slot]) in self.named and _memory(values[slot]) not in made:
                    self.uses[_memory(values[slot])].append((call, values[slot]))

    def holds(self, tensor: Any) -> bool:
        """Whether a tensor is a parameter or buffer of the model, or a view of one."""
        return isinstance(tensor, torch.Tensor) and not tensor.is_meta and _memory(tensor) in self.named

    def readers(self, tensor: torch.Tensor) -> list[Call]:
        """The calls that read the memory of a parameter."""
        return [call for call, _ in self.uses[_memory(tensor)]]

    def name(self, tensor: torch.Tensor) -> str:
        """Name of the parameter that a tensor is (a view of)."""
        held = self.named[_memory(tensor)]
        first = tensor.storage_offset()
        inside = (n for n, t in held if t.storage_offset() <= first < t.storage_offset() + t.numel())
        return next(inside, held[0][0])

    def changed(self, wishes: Sequence[Wish]) -> dict[str, torch.Tensor]:
        """Name -> new value (float64) of every parameter and buffer in the memory that the wishes are about.

        Raises
        ------
        Tied : uses of one parameter want different changes.
        """
        by_memory: dict[int, list[Wish]] = defaultdict(list)
        for wish in wishes:
            by_memory[_memory(wish.tensor)].append(wish)
        out = {}
        for memory, wanted in by_memory.items():
            if all(wish.idle for wish in wanted):
                continue
            times, plus = self._agreed(memory, wanted)
            for name, tensor in self.named[memory]:
                at = _places(tensor)
                out[name] = tensor.double() * times[at] + plus[at]
        return out

    def _agreed(self, memory: int, wanted: Sequence[Wish]) -> tuple[torch.Tensor, torch.Tensor]:
        """The change of every element of a piece of memory."""
        like = wanted[0].tensor
        n = like.untyped_storage().nbytes() // like.element_size()
        times, plus = torch.full((n,), torch.nan, dtype=torch.float64), torch.zeros(n, dtype=torch.float64)
        first: Call | None = None
        for call, tensor in self.uses[memory]:
            at = _places(tensor)
            low, high = int(at.min()), int(at.max())
            mine = [w for w in wanted if w.call is call and low <= w.tensor.storage_offset() <= high]
            one, none = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
            for wish in mine or [Wish(call, tensor, one, none)]:
                at = _places(wish.tensor)
                new_times, new_plus = wish.times.double().expand(at.shape), wish.plus.double().expand(at.shape)
                known = ~times[at].isnan()
                if bool((known & ((times[at] != new_times) | (plus[at] != new_plus))).any()):
                    assert first is not None
                    raise self._tied(wish.tensor, first, call, wanted)
                times[at], plus[at] = new_times, new_plus
                first = first or call
        return torch.where(times.isnan(), 1.0, times), plus

    def _tied(self, tensor: torch.Tensor, first: Call, second: Call, wanted: Sequence[Wish]) -> Tied:
        return Tied(
            f"parameter {self.name(tensor)!r} is used more than once, by {first.place()} and by {second.place()}, and "
            "not all of its uses are to change in the same way, so the edit would change more than was asked for. "
            "Change all of its uses alike, or give each a parameter of its own (copy.deepcopy of the module)",
            {v for wish in wanted for v in wish.leaving},
        )


def _memory(tensor: torch.Tensor) -> int:
    return 0 if tensor.is_meta else int(tensor.untyped_storage().data_ptr())


def _places(tensor: torch.Tensor) -> torch.Tensor:
    """Where the elements of a tensor lie in its memory."""
    out = torch.full(tuple(tensor.shape), int(tensor.storage_offset()))
    for d, (n, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        out += (torch.arange(n) * stride).reshape([-1 if i == d else 1 for i in range(tensor.dim())])
    return out
