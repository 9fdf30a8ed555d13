"""What the frozen replay is held against: the model in float64, or where that is another function, its own tape.

A model may hold a precision of its own: an ε that is its dtype's, angles computed in float32, a check of the dtype, an
attribute that cannot be copied. Then the chain has two links: the tape played as it was recorded is the model in its
own dtype, up to the rounding of that dtype; and the frozen replay is that tape in float64, up to the tolerance. A wrong
rule breaks the second link, a wrong recording the first one.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from netgraph.network import trees
from netgraph.network.gaps import gap, worst
from netgraph.network.play import play
from netgraph.network.replay import Replay
from netgraph.network.tape import Call, Tape, fill
from netgraph.network.undisturbed import undisturbed

if TYPE_CHECKING:
    from netgraph.network.network import Network

MODEL = "the model in float64"
DRAWN = "its tape in float64: random numbers are held as they were drawn"
ROUNDINGS = 64
"""How many roundings of its dtype a tape may be away from the model that it was recorded from."""


def forward(net: Network, given: list[torch.Tensor], tolerance: float) -> tuple[float, tuple[str, ...]]:
    """(the largest error of the frozen replay over the inputs, what it was held against)."""
    found, references = 0.0, dict[str, None]()
    for i in range(len(given[0])):
        one = [x[i : i + 1] for x in given]
        error, reference = _forward(net, one, tolerance)
        found = worst(found, error)
        references[reference] = None
    return found, tuple(references)


def _forward(net: Network, one: list[torch.Tensor], tolerance: float) -> tuple[float, str]:
    tape = net.programs.tape(one)
    played = Replay(tape, net.programs.numbering("channel", one, torch.float64), torch.float64, gradients=False)
    got = _finish(tape, played.run(one))
    expected, why = _double(net, tape, one)
    if expected is not None:
        error = _gap(got, expected)
        if error <= tolerance:
            return error, MODEL
        why = "the model in float64 is another function"
    by_tape = _gap(got, _tape(tape, one))
    if tape.random:  # drawn anew by every run: there is no model to compare with
        return by_tape, DRAWN
    recorded = _recorded(net, tape, one)
    allowed = ROUNDINGS * torch.finfo(tape.dtype).eps
    if expected is not None and (by_tape > tolerance or recorded > allowed):
        return worst(error, by_tape), MODEL  # the tape does not explain it
    name = str(tape.dtype).removeprefix("torch.")
    return worst(by_tape, 0.0 if recorded <= allowed else recorded), f"its tape in float64, the model in {name}: {why}"


def _recorded(net: Network, tape: Tape, one: list[torch.Tensor]) -> float:
    """The tape played as it was recorded against the model in its own dtype."""
    args, kwargs = net.programs.arguments.call([x.clone() for x in one])
    with undisturbed(net.model):
        output = _main(tape, net.model(*args, **kwargs))
    return _gap(_main(tape, play(tape, one)[0]), output)


def _tape(tape: Tape, one: list[torch.Tensor]) -> torch.Tensor:
    """The output of the tape in float64, its distances computed one by one."""
    return _main(tape, play(replace(tape, calls=[_sharp(call) for call in tape.calls]), one, torch.float64)[0])


def _sharp(call: Call) -> Call:
    """Distances by differences: by products, as for many rows, their squares cancel to 1e-16 and they to 1e-8."""
    if call.name == "_euclidean_dist":
        return replace(call, op=lambda x, y: torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist"))
    if call.name == "_cdist_forward":
        return replace(call, args=(*call.args[:3], 2))
    return call


def _gap(got: torch.Tensor, expected: torch.Tensor) -> float:
    return gap(got.detach().double().reshape(-1).numpy(), expected.detach().double().reshape(-1).numpy())


def _finish(tape: Tape, logits: torch.Tensor) -> torch.Tensor:
    """From the logits to the output: the softmax at the end, which is no part of the graph."""
    values = {tape.logits_slot: logits}
    for call in tape.calls:
        if call.reads and all(s in values for s in call.reads) and call.index in tape.needed:
            args, kwargs = fill((call.args, call.kwargs), values.__getitem__)
            out = call.op(*args, **kwargs)
            values.update({s: t for s, t in zip(call.outputs, [out], strict=False) if s is not None})
    output: torch.Tensor = torch.atleast_1d(values[tape.output_slot])
    return output


def _double(net: Network, tape: Tape, one: list[torch.Tensor]) -> tuple[torch.Tensor | None, str]:
    """The output of the model in float64, or None and why it has no such form."""
    model = net.model
    if not isinstance(model, torch.nn.Module):
        return None, "a function cannot be converted to float64"
    wide = [x.double() if x.is_floating_point() else x.clone() for x in one]
    args, kwargs = net.programs.arguments.call(wide)
    with undisturbed(model):
        try:
            output = _main(tape, copy.deepcopy(model).double()(*args, **kwargs))
        except Exception as error:  # a dtype that is checked or made inside, an attribute that cannot be copied …
            text = str(error).strip().split("\n")[0]
            return None, f"it does not run in float64 ({type(error).__name__}{f': {text:.80}' if text else ''})"
    if output.dtype != torch.float64:
        return None, f"its output stays in {str(output.dtype).removeprefix('torch.')}"
    return output, ""


def _main(tape: Tape, out: Any) -> torch.Tensor:
    """The output that targets refer to."""
    main: torch.Tensor = trees.reach(out, tape.chosen or ())
    return main
