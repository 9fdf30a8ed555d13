"""What every vertex does on every input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from netgraph.graph.graph import Graph
from netgraph.network.assemble import layers
from netgraph.network.flows import input_means
from netgraph.network.inputs import numpy_dtype
from netgraph.network.replay import Replay

if TYPE_CHECKING:
    from netgraph.network.network import Network


def activations(net: Network, inputs: Any, granularity: str) -> pd.DataFrame:
    """See :meth:`netgraph.network.network.Network.activations`."""
    given = net.programs.inputs(inputs)
    numbering = net.programs.numbering(granularity, given)
    table = np.empty((len(given[0]), numbering.n), dtype=numpy_dtype(net.dtype))
    row = 0
    for batch, _ in net.programs.batches(given):
        n = len(batch[0])
        played = Replay(
            net.programs.tape(batch), numbering, net.dtype, freeze=False, gradients=False, device=batch[0].device
        )
        played.run(batch)
        for v in numbering.layers:
            constant = v.kind == "constant"
            means = input_means(
                v, played.activation(v)[None] if constant else played.activation(v), 1 if constant else n
            )
            table[row : row + n, v.start : v.start + v.size] = means
        row += n
    return pd.DataFrame(table, columns=pd.Index(Graph(layers(numbering), ()).ids, name="vertex"))
