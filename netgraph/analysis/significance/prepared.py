"""The graph that is tested: |weight| of one column, biases out, dead vertices removed where that was asked for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netgraph.analysis.duplicates.features import UNLEARNED
from netgraph.analysis.modules.quality import weighted_pairs
from netgraph.analysis.modules.spectral import strengths
from netgraph.analysis.structure import edge_values
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Block, Graph

Truths = npt.NDArray[np.bool_]


def prepared(graph: Graph, weight: str = "weight", dead_tol: float = 0.0) -> tuple[Graph, int]:
    """What is observed and what nulls are made of, and how many vertices were removed as dead.

    Raises
    ------
    AnalysisError : no edges, NaN, or no block that was learned: a null would be the graph itself.
    UnknownName : no such column.
    """
    kept = tuple(
        Block(block.source, block.target, block.kind, abs(edge_values(block, weight)), shared_with=block.shared_with)
        for block in graph.blocks
        if block.kind != "bias"
    )
    columns = {name: values for name, values in graph.columns.items() if name == "id"}
    plain = Graph(graph.layers, kept, columns)
    weighted_pairs(plain, "weight")  # or an error that says there is no edge
    if all(block.kind in UNLEARNED for block in kept):
        raise AnalysisError(
            f"no weight of this graph was learned (its blocks: {', '.join(sorted({b.kind for b in kept}))}), so nulls "
            "would change nothing; test the graph of a network's weights"
        )
    removed = dead(plain, dead_tol)
    if not removed.any():
        return plain, 0
    left = plain.select(vertices=~removed)
    weighted_pairs(left, "weight")
    return left, int(removed.sum())


def alive(graph: Graph) -> Truths:
    """(n,) which vertices have edges."""
    found: Truths = strengths(weighted_pairs(graph, "weight"), graph.n) > 0
    return found


def dead(graph: Graph, tolerance: float) -> Truths:
    """(n,) which vertices are weaker than this share of the strongest of their layer; of layers that have edges."""
    strength = strengths(weighted_pairs(graph, "weight"), graph.n)
    found = np.zeros(graph.n, dtype=bool)
    for layer in graph.layers:
        here = strength[layer.vertices]
        found[layer.vertices] = here < tolerance * here.max(initial=0.0)
    return found
