"""register_operation: a row of the table that anyone can add."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

from netgraph.errors import OperationError, unknown
from netgraph.network.operations import KINDS, Operation, table


def register_operation(
    name: str,
    rule: Callable[..., Any] | None,
    kind: str,
    formula: str = "",
    held: tuple[int, ...] = (),
    replace: bool = False,
) -> None:
    """Say what an operation does, so that :func:`netgraph.trace` can read networks that use it, from now on.

    Parameters
    ----------
    name : of the operation: as ATen names it ("special_erfcx"), or with its library ("mylib::scaled_relu").
    rule : ``rule(run, call, *args, **kwargs)``, written in the primitives of :mod:`netgraph.network.operations`; its
        further arguments are the operation's own, and ``call.op`` is the operation. None for kind "control".
    kind : "affine", "gate", "select", "normalise", "bilinear", "movement" or "control".
    formula : what it computes, in one line; by default the first line of the rule's docstring.
    held : places of arguments that are only held fixed (a condition, a denominator).
    replace : take the place of a row that exists.

    Raises
    ------
    UnknownName : no such kind.
    OperationError : the name has a row already, or the rule cannot take the operation's arguments.

    Notes
    -----
    An operation is played in float64 by ``verify``, and an elementwise function also at a single 0, which is its φ(0).
    ``net.verify()`` proves a rule like any other: run it once on a network that uses the operation.

    Examples
    --------
    An elementwise function is a gate, here a custom operator:

    >>> import torch, netgraph as ng
    >>> @torch.library.custom_op("netgraph_example::scaled_relu", mutates_args=())
    ... def scaled_relu(x: torch.Tensor, slope: float) -> torch.Tensor:
    ...     return slope * x.clamp_min(0)
    >>> def gate(run, call, x, slope):
    ...     return run.gate(x, lambda z: call.op(z, slope), "scaled_relu")
    >>> ng.register_operation("netgraph_example::scaled_relu", gate, kind="gate", formula="s·max(0, z)")
    >>> layer = torch.nn.Linear(3, 2)
    >>> bool(ng.trace(lambda x: scaled_relu(layer(x), 2.0), (3,)).verify())
    True

    A linear one makes edges:

    >>> @torch.library.custom_op("netgraph_example::project", mutates_args=())
    ... def project(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    ...     return x @ weight.t()
    >>> def linear(run, call, x, weight):
    ...     return run.matmul(x, weight.t())
    >>> ng.register_operation("netgraph_example::project", linear, kind="affine", formula="x·Wᵀ")
    >>> weight = torch.randn(4, 3)
    >>> net = ng.trace(lambda x: project(x, weight), (3,))
    >>> len(net.graph().edges), bool(net.verify())
    (12, True)
    """
    if kind not in KINDS:
        raise unknown("kind of operation", kind, KINDS)
    name = name.removeprefix("aten::")
    if name in table() and not replace:
        raise OperationError(
            f"{name!r} has a row already ({table()[name].kind}: {table()[name].formula.splitlines()[0]}): pass "
            "replace=True to put yours in its place"
        )
    if kind == "control":
        if rule is not None:
            raise OperationError(f"{name!r}: no value flows through an operation of kind 'control': pass rule=None")
    else:
        _fits(name, rule)
    told = formula or (inspect.getdoc(rule) or "").split("\n")[0] or f"registered as {kind}"
    table()[name] = Operation(name, kind, rule, told, held)


def _fits(name: str, rule: Any) -> None:
    """Refuse a rule that cannot be called with what the operation is called with."""
    if not callable(rule):
        raise OperationError(
            f"{name!r}: the rule is {type(rule).__name__}, expected a function rule(run, call, x, …) in the primitives "
            "of netgraph.network.operations"
        )
    try:
        signature = inspect.signature(rule)
    except (TypeError, ValueError):  # a builtin that does not tell
        return
    schemas = _schemas(name)
    if not schemas:
        if not _binds(signature, ["x"], []):
            raise OperationError(
                f"{name!r}: the rule {_shown(rule, signature)} cannot be called as rule(run, call, x): it takes the "
                "pass, the call, and then the operation's own arguments"
            )
        return
    if not any(_binds(signature, plain, named) for plain, named in schemas):
        plain, named = schemas[0]
        wanted = ", ".join(["run", "call", *plain, *(f"{n}=…" for n in named)])
        raise OperationError(
            f"{name!r}: the rule {_shown(rule, signature)} cannot take the operation's arguments: write "
            f"rule({wanted}), or take *args and **kwargs"
        )


def _binds(signature: inspect.Signature, plain: list[str], named: list[str]) -> bool:
    try:
        signature.bind(None, None, *plain, **dict.fromkeys(named))
    except TypeError:
        return False
    return True


def _schemas(name: str) -> list[tuple[list[str], list[str]]]:
    """(positional, keyword-only) names of the arguments of every overload; empty where torch does not know the name."""
    library, _, short = name.rpartition("::")
    packet = getattr(getattr(torch.ops, library or "aten"), short, None)
    found = []
    for overload in packet.overloads() if packet is not None else []:
        arguments = getattr(packet, overload)._schema.arguments
        if not any(a.alias_info is not None and a.alias_info.is_write for a in arguments):
            found.append(([a.name for a in arguments if not a.kwarg_only], [a.name for a in arguments if a.kwarg_only]))
    return found


def _shown(rule: Any, signature: inspect.Signature) -> str:
    return f"{getattr(rule, '__name__', 'rule')}{signature}"
