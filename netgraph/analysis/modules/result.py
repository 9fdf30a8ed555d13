"""What :func:`modules` gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from netgraph.analysis.structure import pairs
from netgraph.graph.graph import Block, Graph, Layer


@dataclass(frozen=True, eq=False)
class Modules:
    """A division of a graph's vertices into modules.

    Attributes
    ----------
    labels : module number of every vertex, a Series by vertex id in vertex order; 0 is the largest, -1 no edges.
    quality : the method's own objective, by :func:`modularity`.
    stability : mean adjusted Rand index over all pairs of runs; NaN for a single run.
    table : one row a module: ``size``, ``layers`` (how many it spans), ``strength_inside``, ``strength_outside``
        (sums of |weight|), ``where`` (vertices per layer).
    qualities : the same division under every measure: "layered_equal", "layered_weight", "newman", "ncut".
    settings : method, weight, sign rule, seed, runs, layer_mass, resolution, number of vertices without edges.
    source : the graph that was divided.
    """

    labels: pd.Series[int]
    quality: float
    stability: float
    table: pd.DataFrame
    qualities: Mapping[str, float]
    settings: Mapping[str, Any]
    source: Graph = field(repr=False)

    def __len__(self) -> int:
        """Number of modules."""
        return len(self.table)

    def __repr__(self) -> str:
        without = self.settings["without_edges"]
        rest = f", {without} vertices without edges" if without else ""
        return (
            f"<{len(self)} modules by {self.settings['method']!r}: quality {self.quality:.4f}, "
            f"stability {self.stability:.2f}{rest}>\n{self.table.to_string(max_rows=12)}"
        )

    def graph(self) -> Graph:
        """The module-to-module graph: every layer's vertices of one module merged into one vertex.

        The layers stay; a vertex of the result is what one module has in one layer, ``fc1:module_2``, with the columns
        ``module`` and ``size``; a weight is the summed |weight| between two such groups. Bias edges and vertices
        without edges are left out.

        Examples
        --------
        >>> import numpy as np, netgraph as ng
        >>> block = np.kron(np.eye(2), np.ones((2, 2)))
        >>> g = ng.modules(ng.Graph.from_matrices([block, block])).graph()
        >>> g.n, [block.weight.tolist() for block in g.blocks]
        (6, [[[4.0, 0.0], [0.0, 4.0]], [[4.0, 0.0], [0.0, 4.0]]])
        """
        codes = self.labels.to_numpy()
        layers: dict[str, Layer] = {}
        groups: dict[str, sp.csr_array] = {}
        ids: list[str] = []
        numbers, sizes, start = [], [], 0
        for layer in self.source.layers:
            here = codes[layer.vertices]
            present, position, counts = np.unique(here[here >= 0], return_inverse=True, return_counts=True)
            if len(present) == 0:
                continue
            groups[layer.name] = sp.csr_array(
                (np.ones(len(position)), (position, np.flatnonzero(here >= 0))), shape=(len(present), layer.size)
            )
            layers[layer.name] = Layer(
                layer.module, layer.name, layer.kind, (len(present),), start, len(present), layer.activation
            )
            ids += [f"{layer.name}:module_{module}" for module in present]
            numbers.append(present)
            sizes.append(counts)
            start += len(present)
        blocks = [
            Block(
                p.source.name,
                p.target.name,
                "modules",
                _dense(groups[p.target.name] @ p.matrix @ groups[p.source.name].T),
            )
            for p in pairs(self.source, str(self.settings["weight"]), bias=False)
            if p.source.name in layers and p.target.name in layers
        ]
        return Graph(
            tuple(layers.values()),
            tuple(blocks),
            {
                "id": np.array(ids, dtype=object),
                "module": np.concatenate(numbers),
                "size": np.concatenate(sizes),
            },
            {**self.source.meta, "granularity": "module", "modules": dict(self.settings)},
        )


def _dense(matrix: Any) -> Any:
    return matrix.toarray() if sp.issparse(matrix) else np.asarray(matrix)
