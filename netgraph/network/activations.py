"""What every vertex does on every input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from netgraph.errors import InputError
from netgraph.graph.graph import Graph
from netgraph.network.assemble import layers
from netgraph.network.datasets import stream
from netgraph.network.flows import input_means
from netgraph.network.inputs import numpy_dtype, storable
from netgraph.network.numbering import Numbering
from netgraph.network.progress import Report, reported
from netgraph.network.reads import Array
from netgraph.network.replay import Replay
from netgraph.network.values import Watch
from netgraph.network.vertices import Vertices

if TYPE_CHECKING:
    from netgraph.network.network import Network


class Rows(Watch):
    """Fills (inputs, vertices) with activations while they are played; nothing else is kept."""

    def __init__(self, inputs: int, vertices: int, dtype: np.dtype[Any]) -> None:
        self.table: Array = np.empty((inputs, vertices), dtype=dtype)

    def activation(self, layer: Vertices, value: torch.Tensor) -> None:
        alone = layer.kind == "constant"
        means = input_means(layer, value[None] if alone else value, 1 if alone else len(self.table))
        self.table[:, layer.start : layer.start + layer.size] = means


def activations(
    net: Network, inputs: Any, granularity: str, chunk: int | None, progress: Report
) -> pd.DataFrame | Iterator[pd.DataFrame]:
    """See :meth:`netgraph.network.network.Network.activations`."""
    if chunk is None:
        return pd.concat(list(_tables(net, inputs, granularity, progress)))
    if isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1:
        raise InputError(f"chunk= is {chunk!r}, expected how many rows a table shall have: a whole number, 1 or more")
    return _rechunked(_tables(net, inputs, granularity, progress), chunk)


def _tables(net: Network, inputs: Any, granularity: str, progress: Report) -> Iterator[pd.DataFrame]:
    """A table for each batch."""
    numbering: Numbering | None = None
    names, first = pd.Index([]), 0
    with reported(progress, net, inputs, "activations") as tick:
        for item, _ in stream(inputs, None, net.programs.arguments):
            given = net.programs.inputs(item)
            if numbering is None:
                numbering = net.programs.numbering(granularity, given)
                names = pd.Index(Graph(layers(numbering), ()).ids, name="vertex")
            for batch, _ in net.programs.batches(given):
                n = len(batch[0])
                rows = Rows(n, numbering.n, numpy_dtype(net.dtype))
                tape, device = net.programs.tape(batch, numbering), batch[0].device
                dtype = storable(net.dtype)
                Replay(tape, numbering, dtype, freeze=False, gradients=False, device=device, watch=rows, keep=()).run(
                    batch
                )
                yield pd.DataFrame(rows.table, index=pd.RangeIndex(first, first + n), columns=names)
                first += n
                tick(n)


def _rechunked(tables: Iterator[pd.DataFrame], chunk: int) -> Iterator[pd.DataFrame]:
    """The same rows, ``chunk`` at a time; the last table may have fewer."""
    waiting: list[pd.DataFrame] = []
    for table in tables:
        waiting.append(table)
        while sum(map(len, waiting)) >= chunk:
            whole = pd.concat(waiting) if len(waiting) > 1 else waiting[0]
            yield whole.iloc[:chunk]
            waiting = [whole.iloc[chunk:]]
    rest = pd.concat(waiting)
    if len(rest):
        yield rest
