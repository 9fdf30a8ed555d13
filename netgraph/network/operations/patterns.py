"""What is held fixed because it only multiplies: attention patterns, masks of signs, rounded factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from netgraph.network.tape import Call, Tape, slots

if TYPE_CHECKING:
    from netgraph.network.operations import Operation

FACTORS = {
    "mul": (0, 1), "bmm": (0, 1), "mm": (0, 1), "mv": (0, 1), "dot": (0, 1), "vdot": (0, 1), "div": (0, 1),
    "addmm": (1, 2), "baddbmm": (1, 2), "addbmm": (1, 2), "addmv": (1, 2), "addr": (1, 2), "addcmul": (1, 2),
    "addcdiv": (1, 2),
}  # fmt: skip
"""Products: the places of their two factors."""


def held_patterns(tape: Tape, rows: Mapping[str, Operation]) -> frozenset[int]:
    """Calls of rows that are a ``pattern``, where their result does no more than multiply what flows.

    A softmax that multiplies values is an attention pattern and held fixed; one that goes on into a linear layer or
    the output is a value, and flows.
    """
    asked = [c for c in tape.calls if c.index in tape.needed and (r := rows.get(c.name)) is not None and r.pattern]
    return frozenset(c.index for c in asked if _multiplies(tape, c))


def _multiplies(tape: Tape, pattern: Call) -> bool:
    """Whether a result meets another dependent factor in a product, on any way that no linear layer interrupts."""
    reached = {s for s in pattern.outputs if s is not None}
    for call in tape.calls[pattern.index + 1 :]:
        if call.index not in tape.needed or not any(s in reached for s in call.reads):
            continue
        factors = [slots(call.args[i])[:1] for i in FACTORS.get(call.name, ()) if i < len(call.args)]
        mine = [any(s in reached for s in f) for f in factors]
        if any(mine) and not all(mine):
            other = slots(call.args[FACTORS[call.name][mine.index(False)]])
            if any(s in tape.dependent and tape.floating(s) for s in other):
                if call.name != "div" or not mine[0]:  # what is divided is a pattern still
                    return True
            elif call.name not in {"mul", "div", "addcmul", "addcdiv"}:
                continue
        if call.name != "convolution":
            reached.update(s for s in call.outputs if s is not None and tape.floating(s))
    return False
