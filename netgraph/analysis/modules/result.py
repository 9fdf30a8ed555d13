"""What :func:`modules` gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from netgraph.analysis.modules.consensus import consensus
from netgraph.analysis.modules.quality import Codes
from netgraph.analysis.structure import pairs
from netgraph.graph.graph import Block, Graph, Layer

NO_MODULE = -1
"""The label of a vertex without edges."""


@dataclass(frozen=True, eq=False)
class Modules:
    """A division of a graph's vertices into modules.

    Attributes
    ----------
    labels : module number of every vertex, a Series by vertex id in vertex order; 0 is the largest, -1 no edges.
    quality : the method's own objective: :func:`modularity` under its null, or of "spectral" :func:`ncut`, of which
        less is better.
    stability : mean adjusted Rand index over all pairs of runs; NaN for a single run.
    table : one row a module: ``size``, ``layers`` (how many it spans), ``strength_inside``, ``strength_outside``
        (sums of |weight|), ``where`` (vertices per layer), ``confidence`` (the mean of its vertices; of several runs).
    qualities : the same division under every measure: "layered_equal", "layered_weight", "newman", "ncut", "modules"
        (their number), "ami_layers" (adjusted mutual information with the layers: near 1, modules are but layers).
    settings : method, weight, sign rule, seed, runs, pick, layer_mass, resolution, number of vertices without edges.
    source : the graph that was divided.
    confidence : the share of runs that have a vertex in its module, a Series by vertex id; NaN for a single run and
        for vertices without edges. A run's modules are matched to these so that most vertices agree.
    runs : (runs, n) the labels of every run, numbered as ``labels`` are.
    """

    labels: pd.Series[int]
    quality: float
    stability: float
    table: pd.DataFrame
    qualities: Mapping[str, float]
    settings: Mapping[str, Any]
    source: Graph = field(repr=False)
    confidence: pd.Series[float] = field(repr=False)
    runs: Codes = field(repr=False)

    @cached_property
    def consensus(self) -> pd.Series[int]:
        """The consensus of all runs, whatever ``labels`` holds: a Series by vertex id; 0 is the largest, -1 no edges.

        References
        ----------
        A. Lancichinetti, S. Fortunato (2012), Consensus clustering in complex networks.

        Examples
        --------
        >>> import numpy as np, netgraph as ng
        >>> ng.modules(ng.Graph.from_matrices([np.eye(2)])).consensus.tolist()
        [0, 1, 0, 1]
        """
        labels = self.labels.to_numpy()
        alive = labels != NO_MODULE
        agreed = np.full(len(labels), NO_MODULE, dtype=np.int64)
        agreed[alive] = consensus([run[alive] for run in self.runs], int(self.settings["seed"]))
        return pd.Series(by_size(agreed, alive), index=self.labels.index, name="module")

    def __len__(self) -> int:
        """Number of modules."""
        return len(self.table)

    def __repr__(self) -> str:
        without = self.settings["without_edges"]
        alone = int((self.table["size"] == 1).sum())
        rest = f", {alone} modules of a single vertex" if alone else ""
        rest += f", {without} vertices without edges" if without else ""
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


def by_size(codes: Codes, alive: np.ndarray[Any, np.dtype[np.bool_]]) -> Codes:
    """Modules numbered from the largest down, equal sizes by their first vertex; vertices without edges get -1."""
    _, first, position, sizes = np.unique(codes[alive], return_index=True, return_inverse=True, return_counts=True)
    number = np.empty(len(sizes), dtype=np.int64)
    number[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    labels = np.full(len(codes), NO_MODULE, dtype=np.int64)
    labels[alive] = number[position]
    return labels


def _dense(matrix: Any) -> Any:
    return matrix.toarray() if sp.issparse(matrix) else np.asarray(matrix)
