"""What cut edges carry: their source's mean over some inputs, nothing, or what it does at another input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netgraph.errors import AnalysisError, InputError, unknown
from netgraph.network.blocks import Record
from netgraph.network.numbering import Numbering
from netgraph.network.replay import Replay
from netgraph.network.values import Watch
from netgraph.network.vertices import At

if TYPE_CHECKING:
    from netgraph.network.network import Network

CORRUPTED = ("mean", "zero", "resample")
"""What a cut edge may carry, in a word; inputs of the user's own, a counterfactual for each, are the fourth way."""
HELD = 1 << 30
"""Bytes of activations that are kept from one run to the next."""
Sources = dict[At, list[torch.Tensor]]
"""Step -> the values that its joint reads."""


class Read(Watch):
    """Keeps what every joint reads."""

    def __init__(self) -> None:
        self.sources: Sources = {}

    def made(self, at: At, record: Record) -> None:
        self.sources[at] = record.values


def sources(net: Network, numbering: Numbering, batch: Sequence[torch.Tensor]) -> Sources:
    """What every joint reads at a batch of inputs."""
    watch = Read()
    tape = net.programs.tape(batch, numbering)
    device = batch[0].device
    Replay(tape, numbering, net.dtype, False, False, device=device, watch=watch, keep=()).run(batch)
    return watch.sources


class Corruption:
    """What the cut edges carry for every batch of some inputs.

    Parameters
    ----------
    given : the inputs that are played, tensors whose first axis counts them.
    corrupted : "mean" over the ``reference`` inputs; "zero"; "resample": what the source does at another input, one of
        ``reference``, drawn by ``seed``; or inputs of the same number: for each, those at which its cut edges are read.
    reference : by default ``given`` itself.

    Attributes
    ----------
    name : the word, or "counterfactual" for inputs.
    other : the inputs whose activations cut edges carry; None where that is one value for all.
    reference : the inputs that a mean is taken over.
    """

    def __init__(
        self,
        net: Network,
        numbering: Numbering,
        given: list[torch.Tensor],
        corrupted: Any = "mean",
        reference: list[torch.Tensor] | None = None,
        seed: int = 0,
    ) -> None:
        self.net, self.numbering = net, numbering
        self.batches = [batch for batch, _ in net.programs.batches(given)]
        self.name, self.other = counterfactual(net, given, corrupted, reference, seed)
        for name, others in (("corrupted", self.other), ("reference", reference)):
            _of_one_shape(name, given, others)
        self.reference = given if reference is None else reference
        self._held: dict[int, Sources] = {}
        self._bytes = 0

    def of(self, number: int) -> Sources:
        """What cut edges carry while batch ``number`` is played."""
        key = 0 if self.other is None else number
        if key in self._held:
            return self._held[key]
        if self.other is None:
            found = self._alike()
        else:
            first = sum(len(batch[0]) for batch in self.batches[:number])
            rows = slice(first, first + len(self.batches[number][0]))
            found = sources(self.net, self.numbering, [x[rows] for x in self.other])
        self._bytes += sum(t.nbytes for values in found.values() for t in values)
        if self.other is None or self._bytes <= HELD:
            self._held[key] = found
        return found

    def _alike(self) -> Sources:
        """One value for all inputs."""
        one = sources(self.net, self.numbering, [x[:1] for x in self.reference])
        if self.name == "zero":
            return {at: [torch.zeros_like(v) for v in values] for at, values in one.items()}
        totals = {at: [torch.zeros_like(v, dtype=torch.float64) for v in values] for at, values in one.items()}
        for batch, _ in self.net.programs.batches(self.reference):
            n = len(batch[0])
            for at, values in sources(self.net, self.numbering, batch).items():
                for total, v in zip(totals[at], values, strict=True):
                    total += over_inputs(v, total.shape, n)
        n = len(self.reference[0])
        return {at: [(t / n).to(v.dtype) for t, v in zip(totals[at], one[at], strict=True)] for at in one}


def over_inputs(value: torch.Tensor, shape: Sequence[int], n: int) -> torch.Tensor:
    """The sum over ``n`` inputs, in the ``shape`` that the value has for one of them."""
    axis = next((i for i, (a, b) in enumerate(zip(shape, value.shape, strict=True)) if a != b), None)
    if axis is None:
        return value * n if n > 1 else value
    return value.sum(axis, keepdim=True, dtype=torch.float64)


def _of_one_shape(name: str, given: list[torch.Tensor], others: list[torch.Tensor] | None) -> None:
    for x, other in zip(given, others or (), strict=False):
        if x.shape[1:] != other.shape[1:]:
            raise InputError(
                f"{name}= holds inputs of shape {tuple(other.shape[1:])}, and those that are played have shape "
                f"{tuple(x.shape[1:])}: what a cut edge carries must fit where it goes"
            )


def counterfactual(
    net: Network, given: list[torch.Tensor], corrupted: Any, reference: list[torch.Tensor] | None, seed: int
) -> tuple[str, list[torch.Tensor] | None]:
    """(the name of a corruption, the inputs whose activations cut edges carry or None).

    Raises
    ------
    UnknownName : another word.
    AnalysisError : as many inputs as are needed are not there.
    """
    n = len(given[0])
    if not isinstance(corrupted, str):
        other = net.programs.inputs(corrupted)
        if len(other[0]) != n:
            raise AnalysisError(
                f"corrupted= holds {len(other[0])} inputs for {n}: pass a counterfactual for each, in their order"
            )
        return "counterfactual", other
    if corrupted not in CORRUPTED:
        raise unknown("corrupted", corrupted, CORRUPTED, " (or inputs, a counterfactual for each)")
    if corrupted != "resample":
        return corrupted, None
    rng = np.random.default_rng(seed)
    if reference is not None:
        drawn = rng.integers(0, len(reference[0]), n)
        return corrupted, [x[drawn] for x in reference]
    if n < 2:
        raise AnalysisError(
            "corrupted='resample' takes the activations of another input, and there is only one: pass more inputs, "
            "reference= with others, or corrupted='mean'"
        )
    order = rng.permutation(n)
    partner = np.empty(n, dtype=np.int64)
    partner[order] = np.roll(order, 1)  # a cycle: nobody is their own partner
    return corrupted, [x[partner] for x in given]
