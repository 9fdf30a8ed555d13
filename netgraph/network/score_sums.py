"""One flow of every edge, watched while a network is played: its signed mean, and its mean absolute value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from netgraph.errors import AnalysisError
from netgraph.network.axes import Axes
from netgraph.network.blocks import Record
from netgraph.network.datasets import EVERYTHING
from netgraph.network.flows import added, times
from netgraph.network.moments import with_data
from netgraph.network.numbering import Numbering
from netgraph.network.spread import Spread
from netgraph.network.values import Watch
from netgraph.network.vertices import At

if TYPE_CHECKING:
    from netgraph.network.network import Network


class Signed(Watch):
    """One flow of every edge, summed over the inputs that were played."""

    def __init__(self, numbering: Numbering, flow: str) -> None:
        self.numbering, self.flow = numbering, flow
        self.layout: dict[At, list[Any]] = {}
        self._sums: dict[At, list[Any]] = {}
        self._reached: dict[At, list[Any]] = {}

    def begin(self) -> None:
        """A batch is played next."""
        self._reached = {}

    def made(self, at: At, record: Record) -> None:
        if self.flow == "contribution" or at not in self.layout:
            found = self.numbering.joints[at].contributions(self.numbering.layers, record)
            self.layout.setdefault(at, found)
            if self.flow == "contribution":
                self._reached[at] = found

    def upstream(self, at: At, record: Record, gradient: torch.Tensor) -> None:
        self._reached[at] = self.numbering.joints[at].flows(self.numbering.layers, record, gradient)

    def end(self) -> None:
        """A batch was played."""
        for at, new in self._reached.items():
            known = self._sums.get(at)
            self._sums[at] = new if known is None else [added(a, b) for a, b in zip(known, new, strict=True)]

    def means(self, count: int) -> list[list[Any]]:
        """The operators of every joint, divided by ``count``; 0 where no gradient came."""
        return [
            [times(op, 1 / count) for op in self._sums[at]] if at in self._sums else [times(op, 0) for op in held]
            for at, held in ((at, self.layout[at]) for at in self.numbering.joints)
        ]


class Sizes(Spread):
    """The mean absolute value of one flow of every edge, each input's own; nothing of vertices."""

    def __init__(self, numbering: Numbering, flow: str) -> None:
        super().__init__(numbering, "mean_abs")
        self.flow = flow

    def look(self, net: Network, batch: list[torch.Tensor], dtype: torch.dtype) -> None:
        """Find out where the inputs of a batch lie."""
        if self._axes is None and len(batch[0]) > 1:
            self._axes = Axes.found(net, batch, self.numbering, dtype)
            if not self._axes.apart:
                raise AnalysisError(
                    "the inputs of a batch cannot be told apart in this network: pass absolute=False, or one at a time"
                )

    def start(self, n: int) -> None:
        """A batch of ``n`` inputs is played next."""
        self._n, self._groups, self._reached = n, {EVERYTHING: torch.arange(n)}, set()

    def activation(self, layer: Any, value: torch.Tensor) -> None:
        """Nothing is kept of vertices."""

    def made(self, at: At, record: Record) -> None:
        if self.flow == "contribution":
            self._flow(self.flow, self.numbering.joints[at], record, None)

    def upstream(self, at: At, record: Record, gradient: torch.Tensor) -> None:
        self._flow(self.flow, self.numbering.joints[at], record, gradient)

    def constant(self, at: At, c: torch.Tensor, numbers: torch.Tensor, bias: bool, gradient: torch.Tensor) -> None:
        """Nothing is kept of vertices."""

    def means(self, layout: dict[At, list[Any]], share: float) -> list[list[Any]]:
        """The operators of every joint, times ``share``; 0 where no gradient came."""
        found = self.found.get(EVERYTHING)
        out = []
        for at in self.numbering.joints:
            if found is None or (self.flow, at) not in found.edges:
                out.append([times(op, 0) for op in layout[at]])
                continue
            moments = found.edges[self.flow, at]
            out.append([with_data(op, m.finish() * share) for op, m in zip(self.layout[at], moments, strict=True)])
        return out


class Both(Watch):
    """Two watches side by side."""

    def __init__(self, *watches: Watch) -> None:
        self._watches = watches

    def made(self, at: At, record: Record) -> None:
        for watch in self._watches:
            watch.made(at, record)

    def upstream(self, at: At, record: Record, gradient: torch.Tensor) -> None:
        for watch in self._watches:
            watch.upstream(at, record, gradient)
