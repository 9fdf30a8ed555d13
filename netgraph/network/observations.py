"""What vertices do over inputs: their activations, what inputs add to them, how they go together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np

from netgraph.graph.graph import Graph
from netgraph.network.activations import activations
from netgraph.network.functional import functional_graph
from netgraph.network.input_shares import input_shares
from netgraph.network.progress import Report

if TYPE_CHECKING:
    import pandas as pd

    from netgraph.network.network import Network


def _network(observed: Observations) -> Network:
    return cast("Network", observed)


class Observations:
    """The part of a Network that looks at its vertices."""

    @overload
    def activations(
        self, inputs: Any, granularity: str = ..., chunk: None = ..., progress: Report = ...
    ) -> pd.DataFrame: ...

    @overload
    def activations(
        self, inputs: Any, granularity: str = ..., *, chunk: int, progress: Report = ...
    ) -> Iterator[pd.DataFrame]: ...

    def activations(
        self, inputs: Any, granularity: str = "channel", chunk: int | None = None, progress: Report = None
    ) -> pd.DataFrame | Iterator[pd.DataFrame]:
        """What every vertex does on every input, after its own activation function.

        Parameters
        ----------
        inputs : (N, …) tensor, or in the form of the example (tuple, dict …); or a loader or another iterable that
            gives them batch by batch, with labels or without. No more than a batch is played at once.
        granularity : "channel" (means over positions) or "unit".
        chunk : rows of a table, for more of them than memory holds: an iterator of tables.
        progress : as for :meth:`graph`.

        Returns
        -------
        (N, vertices) table in the model's dtype, columns named by vertex id; with ``chunk`` an iterator of such tables,
        whose rows count on.

        Raises
        ------
        InputError : inputs that do not fit the network.
        UnknownName : another granularity.

        Examples
        --------
        >>> import torch, netgraph as ng
        >>> net = ng.trace(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()), (2,))
        >>> list(net.activations(torch.zeros(4, 2)).columns)
        ['input:0', 'input:1', 'linear_0:0', 'linear_0:1', 'linear_0:2']
        >>> [len(table) for table in net.activations(torch.zeros(5, 2), chunk=2)]
        [2, 2, 1]
        """
        return activations(_network(self), inputs, granularity, chunk, progress)

    def input_shares(self, inputs: Any, vertices: Sequence[str], granularity: str = "channel") -> np.ndarray[Any, Any]:
        """(vertices, …) what every number of the (first) input adds to each vertex's activation: means over the inputs.

        The gradient × input of the frozen network: with the shares of biases and constants, what ``activations`` says.
        A backward pass a vertex and batch.

        Raises
        ------
        InputError : inputs that do not fit the network, or are no floating numbers; no vertex.

        Examples
        --------
        >>> import torch, netgraph as ng
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 1))
        >>> model[0].weight.data = torch.tensor([[2.0, 3.0]])
        >>> ng.trace(model, (2,)).input_shares(torch.tensor([[1.0, -1.0]]), ["linear_0:0"])
        array([[ 2., -3.]])
        """
        return input_shares(_network(self), inputs, vertices, granularity)

    def functional_graph(self, inputs: Any, granularity: str = "channel", progress: Report = None) -> Graph:
        """The graph whose edges weigh how far two vertices rise and fall together: Pearson's r over the inputs, signed.

        Parameters
        ----------
        inputs : (N, …) tensor, in the form of the example, or a loader; 3 inputs or more.
        granularity : "channel" (means over positions) or "unit".
        progress : as for :meth:`graph`.

        Returns
        -------
        Graph : the vertices of ``graph(granularity)``; dense float64 blocks between layers that edges join. A vertex
        that never varies has no edges. Columns ``activation`` (mean) and ``spread`` (standard deviation, ddof=0).

        Raises
        ------
        InputError : inputs that do not fit the network; fewer than 3.

        Examples
        --------
        >>> import torch, netgraph as ng
        >>> net = ng.trace(torch.nn.Sequential(torch.nn.Linear(1, 1)), (1,))
        >>> net.functional_graph(torch.tensor([[0.0], [1.0], [3.0]])).blocks[0].weight.round(6) ** 2
        array([[1.]])
        """
        return functional_graph(_network(self), inputs, granularity, progress)
