"""What a graph holds fixed at an input, and why; and which vertices nothing flows out of."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np

from netgraph.network.blocks import Grouped
from netgraph.network.elementwise import Elementwise, Linear
from netgraph.network.numbering import Numbering
from netgraph.network.operations import table
from netgraph.network.operations.patterns import FACTORS
from netgraph.network.tape import Call, slots


class Held(NamedTuple):
    """An operation whose result, or a statistic inside it, is held fixed: its name, how often, and what it decides."""

    operation: str
    times: int
    why: str


PATTERN = "attention pattern"
FACTOR = "factor of a matrix product"
CONDITIONS = {"where": (0,), "masked_fill": (1,)}
SOFTMAX = {"_softmax", "_safe_softmax"}
BESIDE = "read by no output that targets refer to"


def held_fixed(numbering: Numbering) -> tuple[Held, ...]:
    """Operations that depend on the input and are held fixed there, most frequent first."""
    tape = numbering.tape
    calls = [c for c in tape.calls if c.index in tape.needed and any(s in tape.dependent for s in c.reads)]
    flows = {c.index for c in calls if any(s in numbering.forms for s in c.outputs)}
    fixed = [c for c in calls if c.index not in flows]
    why: dict[int, str] = {}
    readers: dict[int, list[Call]] = defaultdict(list)
    for call in calls:
        for slot in call.reads:
            readers[slot].append(call)
    for call in reversed(fixed):  # what reads it stands further on, and is known already
        reasons = [
            why[r.index] if r.index in why else _role(call, r)
            for slot in call.outputs
            if slot is not None
            for r in readers[slot]
        ]
        reason = PATTERN if PATTERN in reasons else next((r for r in reasons if r != BESIDE), BESIDE)
        if reason == BESIDE and call.name in {*SOFTMAX, "_log_softmax"}:
            reason = "after the logits, which are what targets refer to"
        why[call.index] = PATTERN if reason == FACTOR and call.name in SOFTMAX else reason
    found = Counter((c.name, why[c.index]) for c in fixed if _kind(c) != "movement")
    found.update(
        (c.name, "its statistic (a normaliser)")
        for c in calls
        if c.index in flows and _kind(c) == "normalise" and c.name not in SOFTMAX
    )
    return tuple(Held(name, n, reason) for (name, reason), n in sorted(found.items(), key=lambda item: -item[1]))


def _kind(call: Call) -> str:
    row = table().get(call.name)
    return row.kind if row is not None else ""


def _role(call: Call, reader: Call) -> str:
    """What the result of a call is to the operation through which values flow."""
    made = {s for s in call.outputs if s is not None}
    places = [i for i, a in enumerate(reader.args) if made & set(slots(a))]
    if any(i in CONDITIONS.get(reader.name, ()) for i in places):
        return "condition"
    if reader.name == "div" and 1 in places:
        return "denominator"
    if reader.name in FACTORS and any(i in FACTORS[reader.name] for i in places):
        return "factor" if reader.name in {"mul", "div", "addcmul", "addcdiv"} else FACTOR
    if reader.name in {"index", "gather", "index_select", "index_put", "scatter"}:
        return "which elements are read"
    return f"constant in {reader.name}"


def silent(numbering: Numbering) -> dict[str, tuple[int, int]]:
    """Layer -> (how many of its vertices nothing flows out of, its size): what only decides something held fixed.

    Layers of which nothing flows at all (W_Q, W_K of their own) are no layers of the graph: they go by their module.
    """
    read = np.zeros(numbering.n + 1, dtype=bool)  # the last one: no vertex
    for joint in numbering.joints.values():
        if isinstance(joint, Elementwise):
            used = [numbers.reshape(-1).numpy() for _, numbers, _ in joint.terms]
        else:
            assert isinstance(joint, (Grouped, Linear))
            used = [np.asarray(joint.numbers).reshape(-1)]
        for numbers in used:
            read[numbers] = True
    read[numbering.forms[numbering.tape.logits_slot].numbers.reshape(-1).numpy()] = True
    unread = {v.name: int((~read[v.start : v.start + v.size]).sum()) for v in numbering.layers}
    out = {v.name: (unread[v.name], v.size) for v in numbering.layers if unread[v.name]}
    tape = numbering.tape
    learned = {"addmm": -1, "mm": -1, "mv": -1, "convolution": 1}
    for call in tape.calls:
        if call.name in learned and call.index in tape.needed and call.outputs[0] not in numbering.forms:
            made = call.outputs[0]
            if made in tape.dependent and made is not None:
                size = int(tape.shapes[made][learned[call.name]])
                out[call.module or call.where] = (size, size)
    return out
