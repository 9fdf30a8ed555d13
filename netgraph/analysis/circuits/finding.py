"""A circuit: the small part of a network's graph that does the work for a target."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from netgraph.analysis.circuits.evidence import Evidence, check_corrupted, faithfulness
from netgraph.analysis.circuits.protocol import CircuitNetwork, Mask
from netgraph.analysis.circuits.saving import save
from netgraph.analysis.circuits.selection import METHODS, count_edges
from netgraph.analysis.circuits.targets import of_interest, resolve, take
from netgraph.analysis.paths import paths
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.blocks import listed
from netgraph.graph.graph import Graph

SCORES: dict[str, str] = {
    "attribution": "|mean over the inputs of w·a·∂target/∂z|, the frozen flow of the edge (Bach et al. 2015, LRP-0)",
    "weight": "|w|, whatever the inputs: the baseline",
}
"""Name of a score, which is the edge column it is read from, and what it says."""
GRANULARITIES = ("channel", "unit")


@dataclass(frozen=True, eq=False, repr=False)
class Circuit:
    """The edges that carry a target, with what they were chosen by.

    Attributes
    ----------
    graph : exactly the chosen edges and their vertices.
    settings : target, score, method, corrupted, granularity, edges asked for, before and after dangling ones went.
    whole : the graph that was chosen from.
    masks : which edges of ``whole`` were chosen, an array per block in the block's layout.
    block_scores : the signed score of every edge of ``whole``, an array per block in the block's layout.
    """

    graph: Graph
    settings: Mapping[str, Any]
    whole: Graph
    masks: tuple[Mask, ...]
    block_scores: tuple[Any, ...]
    _net: CircuitNetwork
    _inputs: Any
    _labels: Any
    _output: str | None

    def __len__(self) -> int:
        """Number of edges."""
        return count_edges(self.whole, self.masks)

    def __repr__(self) -> str:
        s = self.settings
        return (
            f"<Circuit for {s['target_name']}: {len(self):,} of {len(self.whole.edges):,} edges, {self.graph.n:,} of "
            f"{self.whole.n:,} vertices, score {s['score']!r}, method {s['method']!r}>"
        )

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The chosen edges, largest |score| first: ``source``, ``target``, ``score``, ``weight``."""
        ids, parts = self.whole.ids, []
        for block, mask, score in zip(self.whole.blocks, self.masks, self.block_scores, strict=True):
            rows, columns = _where(mask)
            parts.append(
                pd.DataFrame(
                    {
                        "source": ids[columns + self.whole.layer(block.source).start],
                        "target": ids[rows + self.whole.layer(block.target).start],
                        "score": _picked(score, mask),
                        "weight": _picked(block.weight, mask),
                    }
                )
            )
        table = pd.concat(parts, ignore_index=True)
        order = np.argsort(-table["score"].abs().to_numpy(), kind="stable")
        return table.iloc[order].reset_index(drop=True)

    @cached_property
    def evidence(self) -> Evidence:
        """The evidence on the inputs that the circuit was made from; :func:`faithfulness` takes held-out ones."""
        return faithfulness(self, self._net, self._inputs, self._labels, self.settings["corrupted"])

    def paths(self, k: int = 1000, target: str | None = None, **options: Any) -> pd.DataFrame:
        """The strongest paths inside the circuit, by :func:`netgraph.paths`; to the target's output unless told."""
        end = target or self._output
        if end is None:
            raise AnalysisError("no layer of this graph stands for the logits: name the vertex, paths(target=…)")
        return paths(self.graph, end, k=k, **{"weight": "attribution", **options})

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Writes the circuit into a folder: the tables of its graph, and ``circuit.json`` with settings and evidence.

        The folder appears whole or not at all; one that holds other files is refused.
        """
        return save(self, directory)


def circuit(
    net: CircuitNetwork,
    inputs: Any,
    labels: Any = None,
    target: Any = None,
    corrupted: str = "mean",
    score: str = "attribution",
    method: str = "top",
    edges: int = 200,
    granularity: str = "channel",
) -> Circuit:
    """Finds the edges that carry a target: scores every edge, keeps the best, drops those that lead nowhere.

    Parameters
    ----------
    net : a traced network.
    inputs : (N, …). With labels, the edges are scored on the inputs of the target's class; the evidence is measured on
        all of them.
    labels : (N,) class numbers, or None.
    target : a class number (its centred logit: the logit minus the mean of the others), ("logit", c) for the raw one,
        (a, b) for a difference of two, None for a network with a single output.
    corrupted : what ablated edges carry in the evidence: "mean" or "zero".
    score : "attribution" (the frozen flow, mean over the inputs) or "weight".
    method : "top": the edges of largest |score|.
    edges : how many to keep, counted after dangling edges are dropped where that can be met; ``settings`` says what
        came of it (``edges_before``, ``edges_after``).
    granularity : "channel" (a kernel is an edge) or "unit".

    Returns
    -------
    Circuit : ``graph``, ``scores``, ``settings``, ``evidence``, ``paths()``, ``save(directory)``.

    Raises
    ------
    UnknownName : an unknown score, method, corrupted or granularity.
    AnalysisError : a target that does not exist; no input of its class; labels that do not fit; nothing flows.

    Examples
    --------
    >>> import torch, netgraph as ng
    >>> model = torch.nn.Linear(2, 2, bias=False).eval()
    >>> model.weight.data = torch.eye(2)
    >>> found = ng.circuit(ng.trace(model, (2,)), torch.eye(2), labels=[0, 1], target=0, edges=1)
    >>> found
    <Circuit for centred logit 0: 1 of 2 edges, 2 of 4 vertices, score 'attribution', method 'top'>
    >>> round(found.evidence.faithfulness, 3)  # x1 still speaks for class 0; x2, at its mean, no longer against it
    0.5
    """
    for kind, name, known in (
        ("score", score, SCORES),
        ("method", method, METHODS),
        ("granularity", granularity, GRANULARITIES),
    ):
        if name not in known:
            raise unknown(kind, name, known)
    check_corrupted(corrupted)
    logits = net.outputs(inputs)
    aim = resolve(target, logits.shape[1])
    rows = of_interest(aim, labels, len(logits))
    whole = net.graph(granularity=granularity, inputs=take(inputs, rows, len(logits)), target=aim.graph_target)
    scores = tuple(block.operator(score) for block in whole.blocks)
    chosen = METHODS[method](whole, scores, edges)
    part = whole.select(edges=chosen.masks)
    settings = {
        "target": target,
        "target_name": aim.name,
        "score": score,
        "method": method,
        "corrupted": corrupted,
        "granularity": granularity,
        "inputs": len(logits),
        "inputs_scored": len(rows),
        "edges_asked": edges,
        "edges_before": chosen.before,
        "edges_after": count_edges(whole, chosen.masks),
        "edges_total": len(whole.edges),
    }
    output = _output_vertex(whole, aim.output, logits.shape[1])
    return Circuit(part, settings, whole, chosen.masks, scores, net, inputs, labels, output)


def _output_vertex(graph: Graph, number: int, outputs: int) -> str | None:
    """The vertex of a logit: in the last layer that nothing reads and that has one vertex per logit."""
    read = {block.source for block in graph.blocks}
    for layer in reversed(graph.layers):
        if layer.name not in read and layer.size == outputs:
            return str(graph.ids[layer.start + number])
    return None


def _where(mask: Mask) -> tuple[Any, Any]:
    if not sp.issparse(mask):
        rows, columns = np.nonzero(mask)
        return rows, columns
    rows = np.repeat(np.arange(mask.shape[0]), np.diff(mask.indptr))
    return rows[mask.data], mask.indices[mask.data]


def _picked(operator: Any, mask: Mask) -> Any:
    operator = listed(operator)
    return operator.data[mask.data] if sp.issparse(mask) else operator[mask]
