"""Whether the output for an input depends on the other inputs of its batch: then it has no graph of its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from netgraph.errors import InputError
from netgraph.network.play import play
from netgraph.network.tape import Tape

CLOSE = 1e-6
"""Largest difference, relative to the largest value, of what is the same in float64."""


def pair(given: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Two of several inputs: the first, and the one that differs most from it."""
    gap = torch.zeros(len(given[0]), dtype=torch.float64)
    for x in given:
        flat = x.detach().reshape(len(x), -1).to("cpu", torch.float64)
        gap += (flat - flat[:1]).abs().nan_to_num(0, 0, 0).sum(1)
    chosen = torch.tensor([0, int(gap.argmax()) or 1])
    return [x[chosen.to(x.device)] for x in given]


def refuse_mixing(one: Tape, two: Tape, inputs: Sequence[torch.Tensor]) -> None:
    """Play two inputs together and apart, in float64.

    Raises
    ------
    InputError : the outputs differ; with the first operation after which they do.
    """
    slot = one.logits_slot
    together = play(two, inputs, torch.float64, [two.logits_slot])[1][two.logits_slot]
    singles = [[x[i : i + 1] for x in inputs] for i in (0, 1)]
    apart = [play(one, x, torch.float64, [slot])[1][slot] for x in singles]
    if _same(apart, together):
        return
    raise InputError(
        f"the output for an input depends on the other inputs of its batch{_place(one, two, inputs, singles)}, so an "
        "input has no graph of its own there. Pass the inputs one at a time (x[i : i + 1]) for what the model does "
        "with each alone; or make the batch one input: trace(lambda batch: model(batch[0]), x[None])"
    )


def _place(one: Tape, two: Tape, inputs: Sequence[torch.Tensor], singles: Sequence[Sequence[torch.Tensor]]) -> str:
    """ " from … on": the first operation where the batch and its inputs differ."""
    if one.skeleton != two.skeleton:
        return ""
    every = sorted(one.dependent)
    whole = play(two, inputs, torch.float64, every)[1]
    parts = [play(one, x, torch.float64, every)[1] for x in singles]
    for call in one.calls:
        for s in call.outputs:
            if s in whole and not _same([part[s] for part in parts], whole[s]):
                return f", from {call.place()} on"
    return ""


def _same(apart: Sequence[torch.Tensor], together: torch.Tensor) -> bool:
    """Whether a value of two inputs holds those of each, along whatever axis, or their sum or mean."""
    first, second = (t.to(torch.float64) for t in apart)
    whole = together.to(torch.float64)
    if first.shape != second.shape or first.dim() != whole.dim():
        return False
    if first.shape == whole.shape:
        return any(_close(whole, t) for t in (first + second, (first + second) / 2)) or (
            _close(first, second) and _close(whole, first)
        )
    grown = [d for d, (a, b) in enumerate(zip(first.shape, whole.shape, strict=True)) if a != b]
    if len(grown) != 1 or whole.shape[grown[0]] != 2 * first.shape[grown[0]]:
        return False
    axis = grown[0]
    orders = torch.cat((first, second), axis), torch.stack((first, second), axis + 1).flatten(axis, axis + 1)
    return any(_close(whole, t) for t in orders)


def _close(a: torch.Tensor, b: torch.Tensor) -> bool:
    finite = b[b.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(a, b, rtol=0, atol=CLOSE * largest, equal_nan=True)
