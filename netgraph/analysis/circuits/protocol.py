"""What a circuit needs of a network. Nothing here knows torch: arrays go in and out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from netgraph.graph.graph import Graph

Outputs = npt.NDArray[np.floating[Any]]
"""(inputs, outputs); logits, a final softmax left out."""
Mask = Any
"""Which edges of a block are kept: an array of the block's shape, or a ``csr_array`` of the block's own structure."""
Flat = npt.NDArray[Any]
"""A number for every entry of every block, in their order."""


class Outcome(Protocol):
    """What a run gave."""

    @property
    def logits(self) -> Outputs:
        """(inputs, outputs)."""
        ...

    @property
    def values(self) -> Any:
        """(inputs,) of the target; None where none was asked for."""
        ...


class Runs(Protocol):
    """A network at some inputs, to be run with any of its edges cut."""

    size: int
    inputs: int
    corrupted: str

    def run(self, kept: Any = None, target: Any = None) -> Outcome:
        """One forward pass; ``kept``: (size,) 1 where an edge stays, None cuts nothing."""
        ...

    def of_vertices(self, kept: Any) -> Flat:
        """(size,) from (n,) vertices: a vertex is cut by cutting every edge that leaves it."""
        ...


class CircuitNetwork(Protocol):
    """The part of ``netgraph.Network`` that circuits use."""

    def graph(self, granularity: str = ..., *, bias: str = ..., inputs: Any = ..., target: Any = ...) -> Graph:
        """The graph, at some inputs: ``attribution`` on its edges, the mean over the inputs."""
        ...

    def activations(self, inputs: Any, granularity: str = ...) -> pd.DataFrame:
        """(inputs, vertices) what every vertex does on every input; columns named by id."""
        ...

    def input_shares(self, inputs: Any, vertices: Sequence[str], granularity: str = ...) -> npt.NDArray[Any]:
        """(vertices, …) what every number of the input adds to each vertex, the mean over the inputs."""
        ...

    def outputs(self, inputs: Any) -> Outputs:
        """The logits."""
        ...

    @property
    def edge_scores(self) -> Callable[..., Graph]:
        """(inputs, score, target, granularity …): the graph with ``score`` and ``abs_score`` on its edges."""
        ...

    @property
    def masked_runs(self) -> Callable[..., Runs]:
        """(inputs, granularity, corrupted …): runs with edges cut."""
        ...
