"""What a circuit needs of a network. Nothing here knows torch: arrays go in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from netgraph.graph.graph import Graph

Outputs = npt.NDArray[np.floating[Any]]
"""(inputs, outputs); logits, a final softmax left out."""
Mask = Any
"""Which edges of a block are kept: an array of the block's shape, or a ``csr_array`` of the block's own structure."""


class CircuitNetwork(Protocol):
    """The part of ``netgraph.Network`` that circuits use."""

    def graph(self, *, granularity: str, inputs: Any, target: Any) -> Graph:
        """The graph at these inputs: ``attribution`` on its edges, the mean over the inputs."""
        ...

    def outputs(self, inputs: Any) -> Outputs:
        """The logits."""
        ...

    def masked(
        self,
        inputs: Any,
        masks: Sequence[Mask | None],
        granularity: str = "channel",
        corrupted: str = "mean",
        reference: Any = None,
    ) -> Outputs:
        """The logits while every edge whose mask is 0 carries its source's corrupted activation; None keeps a block."""
        ...
