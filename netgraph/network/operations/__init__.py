"""The one table of operations: ATen name -> kind and rule. A file a kind; a row an operation.

A rule is written once, in the primitives that every pass offers (``run.move``, ``scale``, ``shift``, ``gate``, ``mix``,
``product``, ``matmul``, ``convolve``, ``pool``, ``reduce``, ``select``, ``frozen``). On vertex numbers the primitives
make vertices and edge blocks; on values they play the frozen network. So the graph and what is played cannot disagree
about what an operation is.

The seven kinds
---------------
affine      weights and sums: edges.
gate        an elementwise function: the secant through its value at the input.
select      one of several elements passes.
normalise   divided by a statistic of itself, which is held fixed.
bilinear    a product of two tracked tensors: half to each side.
movement    elements are moved, copied or dropped: replayed on the numbers.
control     comparisons, counting, shapes: no value flows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from netgraph.errors import UnsupportedOperation, unknown
from netgraph.network.tape import Call, Tape, slots

KINDS = ("affine", "gate", "select", "normalise", "bilinear", "movement", "control")


@dataclass(frozen=True)
class Operation:
    """A row: the ATen name, its kind, the rule (None where no value flows), and arguments that are only held fixed.

    ``source``: it makes vertices of whole numbers, which carry none.
    """

    name: str
    kind: str
    rule: Callable[..., Any] | None
    formula: str = ""
    held: tuple[int, ...] = ()
    source: bool = False


@cache
def table() -> dict[str, Operation]:
    """All rows. Every operation is in exactly one kind."""
    from netgraph.network.operations import affine, bilinear, control, embedding, gate, movement, normalise, select

    rows: dict[str, Operation] = {}
    for module in (affine, bilinear, control, embedding, gate, movement, normalise, select):
        for row in module.ROWS:
            if row.name in rows:
                raise AssertionError(f"aten::{row.name} is in two kinds: {rows[row.name].kind} and {row.kind}")
            rows[row.name] = row
    return rows


def lookup(call: Call) -> Operation:
    """The row of a call that touches tracked tensors.

    An elementwise operation without a row gets a secant gate and a warning; anything else without one is an error.
    """
    row = table().get(call.name)
    if row is not None:
        return row
    if torch.Tag.pointwise in getattr(call.op, "tags", ()):
        warnings.warn(
            f"{call.place()} has no rule: treated as an elementwise gate (the secant at the input)", stacklevel=2
        )
        from netgraph.network.operations.gate import pointwise

        return Operation(call.name, "gate", pointwise)
    near = str(unknown("operation", call.name, table())).split("Known:")[0]
    raise UnsupportedOperation(
        f"{call.place()} has no rule, so the graph would not be the network. {near}"
        "Write the model with an operation that has one (netgraph.network.operations lists them), or add a row there"
    )


def makes_vertices(call: Call) -> bool:
    """Whether an operation makes vertices of tensors that carry none: the table's ``source`` rows."""
    row = table().get(call.name)
    return row is not None and row.source


def flowing(tape: Tape) -> frozenset[int]:
    """Indices of the calls through which values flow to the output.

    What only decides how much is held fixed (an attention pattern and the queries and keys behind it, a denominator,
    a condition) is no part of the graph.
    """
    wanted, calls = {tape.logits_slot}, set()
    for call in reversed(tape.calls):
        if call.index not in tape.needed or not any(s in wanted for s in call.outputs):
            continue
        row = table().get(call.name)
        if (row is not None and row.rule is None) or not any(s in tape.dependent for s in call.reads):
            continue
        calls.add(call.index)
        free = [a for i, a in enumerate(call.args) if row is None or i not in row.held]
        if not any(s in tape.dependent for s in slots((free, call.kwargs))):
            free = list(call.args)  # a constant over a tracked denominator: then that is where the value flows
        wanted.update(s for s in slots((free, call.kwargs)) if tape.floating(s))
    return frozenset(calls)
