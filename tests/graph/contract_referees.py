"""What contraction is held against: dense algebra over all vertices, nothing of the package but its edges."""

from __future__ import annotations

from typing import Any

import numpy as np

import netgraph as ng


def adjacency(graph: ng.Graph, column: str = "weight") -> np.ndarray:
    """(n, n), rows = targets; parallel edges added up."""
    out = np.zeros((graph.n, graph.n))
    for block in graph.blocks:
        weight, value = (full(block.operator(name)) for name in ("weight", column))
        out[graph.layer(block.target).vertices, graph.layer(block.source).vertices] += np.where(weight != 0, value, 0)
    return out


def full(operator: Any) -> np.ndarray:
    return operator.toarray() if hasattr(operator, "toarray") else np.asarray(operator)


def path_totals(graph: ng.Graph, column: str = "weight") -> np.ndarray:
    """(n, n) Σ over all paths of the products: A + A² + … of a matrix that is nilpotent."""
    step = adjacency(graph, column)
    total, power = step.copy(), step
    for _ in graph.layers:
        power = power @ step
        total += power
    return total


def places(small: ng.Graph, whole: ng.Graph) -> list[int]:
    at = {identifier: i for i, identifier in enumerate(whole.ids)}
    return [at[identifier] for identifier in small.ids]


def same_totals(small: ng.Graph, whole: ng.Graph, column: str = "weight") -> None:
    left = places(small, whole)
    expected = path_totals(whole, column)[np.ix_(left, left)]
    np.testing.assert_allclose(
        path_totals(small, column), expected, rtol=1e-9, atol=1e-9 * abs(expected).max(initial=1)
    )


def is_conserved(graph: ng.Graph, rtol: float = 1e-9) -> None:
    """In + constants = out at every vertex that is read; in = the column's share at every vertex that is made."""
    flow = adjacency(graph, "attribution")
    through, constant = graph.columns["attribution"], graph.columns["constant_share"]
    scale = rtol * max(abs(flow).sum(axis=0).max(initial=0), abs(through).max(initial=0), 1)
    made = [i for b in graph.layers for i in range(b.start, b.stop) if b.kind not in {"input", "constant", "bias"}]
    read = [graph.layer(name) for name in {b.source for b in graph.blocks}]
    np.testing.assert_allclose((flow.sum(axis=1) + constant - through)[made], 0, atol=scale)
    for layer in read:
        here = layer.vertices
        np.testing.assert_allclose(flow.sum(axis=0)[here], through[here], atol=scale)


def runs_as(graph: ng.Graph, z: dict[str, float]) -> None:
    """The tables, run forward from the inputs, give every vertex the z it had."""
    values = np.zeros(graph.n)
    for layer in graph.layers:
        here = layer.vertices
        into = [b for b in graph.blocks if b.target == layer.name]
        values[here] = graph.columns["bias"][here] if into else [z[i] for i in graph.ids[here]]
        for block in into:
            weight, source = full(block.weight), values[graph.layer(block.source).vertices]
            carried = block.gate * source + block.constant
            values[here] += weight @ carried
            np.testing.assert_allclose(full(block.values["gated_weight"]), weight * block.gate, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(full(block.values["contribution"]), weight * carried, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(values, [z[i] for i in graph.ids], rtol=1e-8, atol=1e-8)
