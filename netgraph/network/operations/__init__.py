"""The one table of operations: ATen name -> kind and rule. A file a kind; a row an operation.

A rule is written once, in the primitives that every pass offers. On vertex numbers
(:class:`netgraph.network.numbering.Numbering`) the primitives make vertices and edge blocks; on values
(:class:`netgraph.network.replay.Replay`) they play the frozen network. So the graph and what is played cannot disagree
about what an operation is. :func:`netgraph.register_operation` adds a row.

The seven kinds
---------------
affine      weights and sums: edges.
gate        an elementwise function: the secant through its value at the input.
select      one of several elements passes.
normalise   divided by a statistic of itself, which is held fixed.
bilinear    a product of two tracked tensors: half to each side.
movement    elements are moved, copied or dropped: replayed on the numbers.
control     comparisons, counting, shapes: no value flows.

The primitives
--------------
A rule is a function ``rule(run, call, *args, **kwargs)``: ``args`` and ``kwargs`` are those of the operation, its
tensors replaced by tracked values (they carry vertices; write x, y for them) or by plain tensors that depend on
parameters alone (c, W). It gives back what the operation does: one value, or a list where the operation has several
results (None for those that nobody reads).

=====================================  ============================================================================
``run.tracked(x)``                     whether x carries vertices
``run.shape(x)``                       its shape, with a batch of one while vertices are numbered
``run.frozen(fn, x, …)``               fn(x, …) held fixed at the input: s̄ (only its shape is known without an input)
``run.decide(question)``               a choice that looks at constants: made once, kept for every pass
``run.gate(x, fn, name)``              φ(x) = g·x + φ(0), the secant g = (φ(x) − φ(0))/x held fixed; φ′(0) at x = 0
``run.scale(x, k)``                    k·x, k a constant (part of the weights) or frozen (a gate); truth values select
``run.shift(x, c)``                    x + c: a bias or a constant with a share of its own
``run.mix([(x, k), …], kind, label)``  Σ k·x: new vertices where different vertices meet; k a constant or frozen
``run.product(x, y)``                  x·y = (½ȳ)·x + (½x̄)·y, one factor of each held fixed
``run.matmul(x, W)``                   z[…, o] = Σ_k x[…, k] · W[k, o], W a constant: a linear layer
``run.attend(p, x)``                   z[…, i, d] = Σ_k p̄[…, i, k] · x[…, k, d], the pattern p held fixed
``run.convolve(x, K, geometry)``       z[o] = Σ_c K[o, c] ∗ x[c]
``run.one_hot(i, n)``                  whole numbers i enter as vertices: 1 at entry i of n (rows with ``source``)
``run.pool(x, op, entries, d)``        op(x), linear over the last d axes; ``entries()`` lists (to, from, coefficient)
``run.reduce(x, dims, mean)``          Σ or mean over axes, which are kept with size 1
``run.select(x, shape, d, w, p, n)``   z[i] = x[p(x)[i]]: p picks by value, ``w()`` lists the (to, from) it may pick
``run.move(fn, x, …)``                 fn only moves, copies or drops elements
``run.pad(x, pad)``                    zeros around
``run.join(fn, xs, dim)``              fn(xs) concatenates along dim; constants may be among xs
``run.overwrite(fn, x, y)``            fn(x, y): elements of x replaced by those of y
=====================================  ============================================================================
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from netgraph.errors import UnsupportedOperation
from netgraph.network.operations.patterns import held_patterns
from netgraph.network.tape import Call, Tape, slots

KINDS = ("affine", "gate", "select", "normalise", "bilinear", "movement", "control")


@dataclass(frozen=True)
class Operation:
    """A row.

    Attributes
    ----------
    name : as ATen names it; with its library where it is another's ("mylib::scaled_relu").
    kind : one of :data:`KINDS`.
    rule : None where no value flows.
    formula : what it computes, and what of it is held fixed.
    held : places of arguments that are only held fixed.
    source : it makes vertices of whole numbers, which carry none.
    singly : its rule takes steps for each input, so that a batch is played one input after the other.
    pattern : held fixed altogether where its result only multiplies what flows (an attention pattern, a mask).
    """

    name: str
    kind: str
    rule: Callable[..., Any] | None
    formula: str = ""
    held: tuple[int, ...] = ()
    source: bool = False
    pattern: bool = False
    singly: bool = False


@cache
def table() -> dict[str, Operation]:
    """All rows. Every operation is in exactly one kind."""
    from netgraph.network.operations import (
        affine,
        axes,
        bilinear,
        compound,
        control,
        embedding,
        gate,
        movement,
        normalise,
        select,
        statistics,
        writing,
    )

    files: tuple[Any, ...] = (affine, axes, bilinear, compound, control, embedding, gate, movement, normalise)
    rows: dict[str, Operation] = {}
    for module in (*files, select, statistics, writing):
        for row in module.ROWS:
            if row.name in rows:
                raise AssertionError(f"aten::{row.name} is in two kinds: {rows[row.name].kind} and {row.kind}")
            rows[row.name] = row
    return rows


def lookup(call: Call) -> Operation:
    """The row of a call that touches tracked tensors.

    An elementwise operation without a row gets a secant gate (and :func:`improvised` tells); anything else without one
    is an error.
    """
    row = table().get(call.name)
    if row is not None:
        return row
    if torch.Tag.pointwise in getattr(call.op, "tags", ()):
        from netgraph.network.operations.gate import pointwise

        return Operation(call.name, "gate", pointwise)
    raise UnsupportedOperation(
        f"{call.place()} has no rule, so the graph would not be the network. {_instead(call.name)}"
        "Write the model with an operation that has one (netgraph.network.operations lists them), or say what it does "
        f"with netgraph.register_operation({call.name!r}, rule, kind=…)"
    )


def _instead(name: str) -> str:
    """What is meant or near, where something is; a part of a sentence in an error."""
    if name.endswith("_loss") or "_loss_" in name:
        return "It is a loss: trace the model without it, and give it as target=. "
    near = difflib.get_close_matches(name, table(), n=1, cutoff=0.8)
    return f"There is a rule for {near[0]!r}. " if near else ""


def improvised(tape: Tape) -> list[str]:
    """What is to be warned of: elementwise operations that have no row, where values flow through them."""
    through = flowing(tape)
    return [
        f"{call.place()} has no rule: treated as an elementwise gate (the secant at the input)"
        for call in tape.calls
        if call.index in through and call.name not in table() and torch.Tag.pointwise in getattr(call.op, "tags", ())
    ]


def makes_vertices(call: Call) -> bool:
    """Whether an operation makes vertices of tensors that carry none: the table's ``source`` rows."""
    row = table().get(call.name)
    return row is not None and row.source


def plays_singly(call: Call) -> bool:
    """Whether inputs cannot be played together: the table's ``singly`` rows."""
    row = table().get(call.name)
    return row is not None and row.singly


def flowing(tape: Tape) -> frozenset[int]:
    """Indices of the calls through which values flow to the output.

    What only decides how much is held fixed (an attention pattern and the queries and keys behind it, a denominator,
    a condition) is no part of the graph.
    """
    wanted, calls = {tape.logits_slot}, set()
    patterns = held_patterns(tape, table())
    for call in reversed(tape.calls):
        if call.index not in tape.needed or not any(s in wanted for s in call.outputs):
            continue
        row = table().get(call.name)
        fixed = call.index in patterns or (row is not None and row.rule is None)
        if fixed or not any(s in tape.dependent for s in call.reads):
            continue
        calls.add(call.index)
        free = [a for i, a in enumerate(call.args) if row is None or i not in row.held]
        if not any(s in tape.dependent for s in slots((free, call.kwargs))):
            free = list(call.args)  # a constant over a tracked denominator: then that is where the value flows
        wanted.update(s for s in slots((free, call.kwargs)) if tape.floating(s))
    return frozenset(calls)
