"""Where a model's Python code takes values out of torch: what follows may hold for this input alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from netgraph.errors import NetgraphError, NetgraphWarning
from netgraph.network.tape import Tape

DETOURS = frozenset(("numpy", "__array__", "__dlpack__", "to_dlpack"))
"""Ways out of torch: what is computed there comes back as a constant, if at all."""
LOOKS = DETOURS | {"tolist"}
"""Methods that hand values to Python without an operation that could be recorded."""


class Looking(TorchFunctionMode):
    """Tells ``seen(tensor, name of the method)`` whenever one of :data:`LOOKS` is called."""

    def __init__(self, seen: Callable[[torch.Tensor, str], None]) -> None:
        super().__init__()
        self.seen = seen

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in LOOKS and args and isinstance(args[0], torch.Tensor):
            self.seen(args[0], name)
        return func(*args, **(kwargs or {}))


def tell(tape: Tape, told: set[str]) -> None:
    """Warn of each place where the model looked at values or drew some, once; ``told`` holds those of before."""
    for call in tape.calls:
        drawn = f"drawn {call.where}"
        seeded = call.kwargs.get("generator") is not None  # its owner's choice, mostly a constant that is made anew
        if call.random and call.index in tape.needed and not seeded and drawn not in told:
            told.add(drawn)
            warnings.warn(
                f"{call.place()} draws random numbers, which are held fixed as they were drawn while the model was "
                "recorded: graphs and runs are those of this draw. Leave it out of what is traced (dropout: "
                "F.dropout(x, p, self.training)), or give the draw as an input",
                NetgraphWarning,
                stacklevel=2,
            )
    for place in dict.fromkeys(tape.branches):
        if place in told:
            continue
        told.add(place)
        if place in tape.detours:
            text = (
                f"{place} takes values that depend on the input out of torch (numpy): what is made of them there is a "
                "constant of each input's graph, with no share of the input. Write it with torch operations"
            )
        else:
            text = (
                f"{place} looks at a value that depends on the input (if, bool, item, tolist): the graph of an input "
                "is that of the way it takes through the model. Where both ways can be computed, torch.where gives "
                "one graph for all"
            )
        warnings.warn(f"{text}. The model is recorded anew for every input", NetgraphWarning, stacklevel=2)


def changed_constants(tape: Tape, again: Callable[[list[torch.Tensor]], Tape], given: list[torch.Tensor]) -> set[str]:
    """Places that read a constant which changes with the input: it came from a detour that nothing showed.

    The model is recorded ``again`` at another input, where a floating constant is no parameter and no buffer.
    """
    held = {t.data_ptr() for s, t in tape.constants.items() if s in tape.names}
    drawn = {s for call in tape.calls if call.random for s in call.outputs}
    unknown = [
        s
        for s, t in tape.constants.items()
        if t.is_floating_point() and s not in tape.names and s not in drawn and t.data_ptr() not in held
    ]
    if tape.branches or not any(s in unknown for call in tape.calls if call.index in tape.needed for s in call.reads):
        return set()
    generator = torch.Generator().manual_seed(0)
    moved = [
        x + 0.1 * torch.randn(x.shape, generator=generator).to(x) * (1 + x.abs())
        if x.is_floating_point() and i in tape.given
        else x
        for i, x in enumerate(given)
    ]
    try:
        other = again(moved)
    except NetgraphError:  # the model may refuse the moved input: nothing is learned then
        return set()
    if other.signature != tape.signature:
        pairs = zip(tape.calls, other.calls, strict=False)
        return {next((a.where for a, b in pairs if a.name != b.name), "the model")}
    changed = {s for s in unknown if not torch.equal(tape.constants[s], other.constants.get(s, torch.empty(0)))}
    return {call.where for call in tape.calls if any(s in changed for s in call.reads)}
