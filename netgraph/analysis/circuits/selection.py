"""Which edges a circuit keeps: a ranking of scores, cut, with dangling edges dropped to a fixpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from netgraph.analysis.circuits.protocol import Mask
from netgraph.errors import AnalysisError
from netgraph.graph.blocks import listed
from netgraph.graph.graph import Graph

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Chosen:
    """What a method chose: a mask per block, and how many edges there were before dangling ones were dropped."""

    masks: tuple[Mask, ...]
    before: int


def top(graph: Graph, scores: Sequence[Any], edges: int) -> Chosen:
    """The edges of largest |score| whose live part, after dangling edges are dropped, is at most ``edges``.

    Edges that score exactly 0 are never chosen. Where even the smallest live set is larger than asked (a path has
    several edges), that one is taken.
    """
    order, candidates = ranking(graph, scores)
    if edges < 1:
        raise AnalysisError(f"edges is {edges}; ask for at least one edge")
    if candidates == 0:
        raise AnalysisError(
            "every edge scores exactly 0: at these inputs nothing flows to this target, there is no circuit"
        )

    def live(count: int) -> tuple[Mask, ...]:
        return drop_dangling(graph, masks_of(graph, order[:count]))

    # A larger cut holds the smaller one, so its live part does too: the size can be searched by halving.
    low, high = min(edges, candidates), candidates + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count_edges(graph, live(middle)) <= edges else (low, middle)
    masks = live(low)
    if count_edges(graph, masks) == 0 and high <= candidates:
        low, masks = high, live(high)
    if count_edges(graph, masks) == 0:
        raise AnalysisError("no chosen edge lies on a way from an input to an output; take more edges or another score")
    return Chosen(masks, low)


METHODS: dict[str, Callable[[Graph, Sequence[Any], int], Chosen]] = {"top": top}


def ranking(graph: Graph, scores: Sequence[Any]) -> tuple[npt.NDArray[np.int64], int]:
    """All entries of all blocks by falling |score|, ties in their order; and how many are edges that score at all."""
    flat = [
        np.where(entries(block.weight) != 0, np.abs(entries(score)), 0.0)
        for block, score in zip(graph.blocks, scores, strict=True)
    ]
    sizes = np.concatenate(flat) if flat else np.zeros(0)
    return np.argsort(-sizes, kind="stable"), int(np.count_nonzero(sizes))


def masks_of(graph: Graph, chosen: npt.NDArray[np.int64]) -> tuple[Mask, ...]:
    """A mask per block from numbers of entries, counted through all blocks."""
    sizes = [len(entries(block.weight)) for block in graph.blocks]
    flat = np.zeros(sum(sizes), dtype=bool)
    flat[chosen] = True
    parts = np.split(flat, np.cumsum(sizes)[:-1]) if sizes else []
    return tuple(_beside(block.weight, part) for block, part in zip(graph.blocks, parts, strict=True))


def with_no_edges(graph: Graph, masks: Sequence[Mask]) -> tuple[Mask, ...]:
    """The same masks, true where no edge is: what is no edge cannot be cut.

    An entry may weigh exactly 0 and still stand for a part that passes a constant on (a channel whose BatchNorm has
    scale 0): an ablation of edges leaves that as it is.
    """
    return tuple(
        _beside(block.weight, entries(mask) | (entries(block.weight) == 0))
        for block, mask in zip(graph.blocks, masks, strict=True)
    )


def no_edges(graph: Graph) -> tuple[Mask, ...]:
    """Masks that keep nothing."""
    return masks_of(graph, np.zeros(0, dtype=np.int64))


def drop_dangling(graph: Graph, masks: Sequence[Mask]) -> tuple[Mask, ...]:
    """Only the edges on a way from a first layer (inputs, biases) to a last one (outputs): the fixpoint at once."""
    place = {layer.name: i for i, layer in enumerate(graph.layers)}
    read = {block.source for block in graph.blocks}
    written = {block.target for block in graph.blocks}
    reached, reaching = np.zeros(graph.n, dtype=bool), np.zeros(graph.n, dtype=bool)
    for layer in graph.layers:
        reached[layer.vertices] = layer.name not in written
        reaching[layer.vertices] = layer.name not in read
    ends = [(graph.layer(b.source).vertices, graph.layer(b.target).vertices) for b in graph.blocks]
    by_target = sorted(range(len(masks)), key=lambda i: place[graph.blocks[i].target])
    by_source = sorted(range(len(masks)), key=lambda i: -place[graph.blocks[i].source])
    for i in by_target:
        reached[ends[i][1]] |= _any(masks[i], reached[ends[i][0]])
    for i in by_source:
        reaching[ends[i][0]] |= _any(masks[i].T, reaching[ends[i][1]])
    return tuple(
        _restricted(mask, reaching[target], reached[source]) for mask, (source, target) in zip(masks, ends, strict=True)
    )


def _any(mask: Mask, sources: Bools) -> Bools:
    return np.asarray(mask.astype(np.float32) @ sources.astype(np.float32)) > 0


def _restricted(mask: Mask, rows: Bools, columns: Bools) -> Mask:
    if not sp.issparse(mask):
        return mask & rows[:, None] & columns
    row_of = np.repeat(np.arange(mask.shape[0]), np.diff(mask.indptr))
    return _beside(mask, mask.data & rows[row_of] & columns[mask.indices])


def count_edges(graph: Graph, masks: Sequence[Mask]) -> int:
    """How many edges the masks keep."""
    return sum(int(np.count_nonzero(entries(mask))) for mask in masks)


def entries(operator: Any) -> npt.NDArray[Any]:
    """The stored entries of an operator, flat, in their own order."""
    operator = listed(operator)
    return np.asarray(operator.data if sp.issparse(operator) else operator).ravel()


def _beside(operator: Any, values: npt.NDArray[Any]) -> Any:
    """Flat entries in the layout of an operator."""
    operator = listed(operator)
    if sp.issparse(operator):
        return sp.csr_array((values, operator.indices, operator.indptr), shape=operator.shape)
    return values.reshape(operator.shape)
