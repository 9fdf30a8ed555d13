"""Runs of a network with some of its edges cut: what an edge set does costs one forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph
from netgraph.network.corruption import HELD, Corruption
from netgraph.network.cut import Cut
from netgraph.network.edges import Edges
from netgraph.network.inputs import rows
from netgraph.network.reads import Array
from netgraph.network.replay import Replay
from netgraph.network.targets import named, objective, of_rows
from netgraph.network.values import Value
from netgraph.network.vertices import At

if TYPE_CHECKING:
    from netgraph.network.network import Network


class Outcome(NamedTuple):
    """What a run gave: (N, outputs) logits, and (N,) values of the target or None."""

    logits: Array
    values: Array | None


class MaskedRuns:
    """A network at some inputs, to be run with any of its edges cut. Made by ``Network.masked_runs``.

    What runs have in common is worked out once: what cut edges carry, what the joints make of that, and everything
    that is played before the first cut. The network is as it was when this was made.

    Attributes
    ----------
    size : entries in all blocks of the graph, in the order of the blocks and of their entries; an edge is one whose
        weight is not 0.
    inputs : how many inputs are played.
    corrupted : what cut edges carry, in a word.
    """

    def __init__(
        self,
        net: Network,
        given: list[torch.Tensor],
        granularity: str = "channel",
        corrupted: Any = "mean",
        reference: list[torch.Tensor] | None = None,
        seed: int = 0,
        graph: Graph | None = None,
    ) -> None:
        self._dtype, self.inputs = net.dtype, len(given[0])
        self._numbering = net.programs.numbering(granularity, given)
        self._edges = Edges(self._numbering, net.graph(granularity) if graph is None else graph)
        self._corruption = Corruption(net, self._numbering, given, corrupted, reference, seed)
        self.size, self.corrupted = self._edges.size, self._corruption.name
        self._tapes = [net.programs.tape(batch, self._numbering) for batch in self._corruption.batches]
        self._products: dict[tuple[int, At], Any] = {}
        self._known: dict[int, Mapping[int, Any]] = {}
        self._bytes = 0

    def flat(self, masks: Any) -> Array:
        """(size,) from a mask per block: dense or sparse, None keeps the block."""
        return self._edges.flat(masks)

    def blocks(self, values: Array) -> tuple[Any, ...]:
        """(size,) numbers, an operator for each block in its layout."""
        return self._edges.blocks(values)

    def of_vertices(self, kept: Array) -> Array:
        """(size,) from (n,) shares of the vertices: a vertex is cut by cutting every edge that leaves it."""
        n = self._edges.graph.n
        given = np.asarray(kept, dtype=np.float64)
        if given.shape != (n,):
            raise AnalysisError(f"shares of shape {given.shape} for {n} vertices: pass one for each, in their order")
        shares: Array = given[self._edges.source]
        return shares

    def run(self, kept: Array | None = None, target: Any = None) -> Outcome:
        """One forward pass.

        Parameters
        ----------
        kept : (size,) 1 (true) where an edge stays, 0 where it carries what its source does elsewhere, or a share in
            between; None cuts nothing.
        target : what else is read off, as in ``Network.graph``; None: nothing.
        """
        kept = np.ones(self.size) if kept is None else np.asarray(kept)
        if kept.shape != (self.size,):
            raise AnalysisError(
                f"shares of shape {kept.shape} for {self.size} entries: pass one for each (flat() makes them of masks)"
            )
        steps = self._edges.cut(kept)
        logits, values, first = [], [], 0
        for number, batch in enumerate(self._corruption.batches):
            n = len(batch[0])
            wanted = of_rows(target, self.inputs, first, first + n)
            out, its = self._play(number, batch, kept, steps, wanted)
            logits.append((out, n))
            values.append(its)
            first += n
        whole = None if target is None else np.concatenate([v for v in values if v is not None])
        return Outcome(rows(logits), whole)

    def _play(
        self, number: int, batch: list[torch.Tensor], kept: Array, steps: list[At], target: Any
    ) -> tuple[torch.Tensor, Array | None]:
        device = batch[0].device
        base = self._corruption.of(number) if steps else {}
        cuts = {}
        for at in steps:
            key = (0 if self._corruption.other is None else number, at)
            mask = self._edges.mask(at, kept, self._dtype, device)
            cuts[at] = Cut(base[at], mask, product=self._products.get(key))
        tape = self._tapes[number]
        played = Replay(tape, self._numbering, self._dtype, False, False, device=device, keep=named(target), cuts=cuts)
        known = None if named(target) else self._before(number, batch)
        start = min((at[0] for at in steps), default=0)
        logits = played.run(batch, *(() if known is None or not steps else (known, start)))
        if self._corruption.other is None:
            self._products.update({(0, at): cut.product for at, cut in cuts.items() if cut.product is not None})
        values = None if target is None else objective(target)(played, logits).double().cpu().numpy()
        return logits, values

    def _before(self, number: int, batch: list[torch.Tensor]) -> Mapping[int, Any] | None:
        """What is played where nothing is cut, while there is room for it."""
        if number not in self._known and self._bytes <= HELD:
            played = Replay(self._tapes[number], self._numbering, self._dtype, False, False, device=batch[0].device)
            played.run(batch)
            self._known[number] = played.values
            self._bytes += sum(v.tensor.nbytes for v in played.values.values() if isinstance(v, Value))
        return self._known.get(number)
