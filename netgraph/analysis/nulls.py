"""Graphs as chance would have made them: the same layers and weights, other places."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.analysis.duplicates.features import UNLEARNED
from netgraph.errors import AnalysisError, NetgraphWarning
from netgraph.graph import blocks as ops
from netgraph.graph.graph import Block, Graph

Array = np.ndarray[Any, Any]

ROUNDS, CLOSE, FAR = 2_000, 1e-12, 1e-3
"""Of the scaling: how often it is repeated at most; the relative error that ends it; one that is worth a warning."""


def shuffle(graph: Graph, seed: int = 0) -> Graph:
    """The weights of every learned block at other places of it, those that are 0 too.

    Blocks that were not learned (residual sums, pools …) stay as they are; blocks that share a parameter move together.
    Implicit convolutions are unrolled. Values beside the weights and vertex columns other than ``bias`` are left out:
    they belong to the graph as it was.

    Parameters
    ----------
    graph : any graph.
    seed : the same seed gives the same null.

    Examples
    --------
    >>> import netgraph as ng
    >>> g = ng.Graph.from_matrices([[[1, 2], [3, 0]]])
    >>> sorted(shuffle(g, seed=1).blocks[0].weight.ravel().tolist())
    [0.0, 1.0, 2.0, 3.0]
    """
    return _null(graph, "shuffle", seed, _moved)


def strength(graph: Graph, seed: int = 0) -> Graph:
    """The weights of every learned block at the places of other edges, scaled so that each vertex keeps its strength.

    Edges stay where they are, so degrees do too; in every block the sums of |weight| into each target and out of each
    source are what they were (Sinkhorn & Knopp 1967: rows and columns are scaled in turn). Else as :func:`shuffle`.

    Parameters
    ----------
    graph : any graph.
    seed : the same seed gives the same null.

    Warns
    -----
    NetgraphWarning : the sums of a block are still off by more than 0.1 %.

    Examples
    --------
    >>> import numpy as np, netgraph as ng
    >>> g = ng.Graph.from_matrices([np.array([[1.0, -2.0, 4.0], [3.0, 1.0, 1.0]])])
    >>> np.abs(strength(g, seed=1).blocks[0].weight).sum(axis=0).round(6).tolist()
    [4.0, 3.0, 5.0]
    """
    return _null(graph, "strength", seed, _scaled)


NULLS: dict[str, Callable[[Graph, int], Graph]] = {"shuffle": shuffle, "strength": strength}
"""Name -> function of (graph, seed)."""


def _null(graph: Graph, name: str, seed: int, change: Callable[[Block, np.random.Generator], Any]) -> Graph:
    blocks, number = [], {layer.name: 0 for layer in graph.layers}
    for block in graph.blocks:
        weight = block.weight
        if block.kind not in UNLEARNED:
            _refuse_nonfinite(block)
            key = f"{block.shared_with or block.target} {number[block.target]}"
            weight = change(block, np.random.default_rng([seed, zlib.crc32(key.encode())]))
        number[block.target] += 1
        blocks.append(Block(block.source, block.target, block.kind, weight, shared_with=block.shared_with))
    columns = {key: values for key, values in graph.columns.items() if key == "bias"}
    return replace(
        graph, blocks=tuple(blocks), columns=columns, meta={**graph.meta, "null": name, "seed": seed}, origin=None
    )


def _refuse_nonfinite(block: Block) -> None:
    if not np.isfinite(ops.row_sums(block.weight, absolute=True)).all():
        raise AnalysisError(
            f"'weight' of the edges {block.source} -> {block.target} holds NaN or infinity; mend the network"
        )


def _moved(block: Block, rng: np.random.Generator) -> Any:
    """Every entry at another place."""
    weight = ops.listed(block.weight)
    if not sp.issparse(weight):
        return rng.permutation(np.asarray(weight).ravel()).reshape(weight.shape)
    data = weight.data[weight.data != 0]
    entries = int(weight.shape[0]) * int(weight.shape[1])
    places = np.sort(rng.choice(entries, size=len(data), replace=False))
    row, column = np.divmod(places, weight.shape[1])
    return ops.LAYOUTS["sparse"].assemble(weight.shape, row, column, rng.permutation(data))


def _scaled(block: Block, rng: np.random.Generator) -> Any:
    """Edges' weights at other edges, rows and columns scaled to the sums of before."""
    weight = ops.listed(block.weight)
    wanted = ops.row_sums(weight, absolute=True), ops.column_sums(weight, absolute=True)
    if sp.issparse(weight):
        data = weight.data.astype(np.float64)
        data[data != 0] = rng.permutation(data[data != 0])
        new: Any = sp.csr_array((data, weight.indices, weight.indptr), shape=weight.shape)
    else:
        new = np.asarray(weight, dtype=np.float64).copy()
        edge = new != 0
        new[edge] = rng.permutation(new[edge])
    rows, columns, error = _factors(abs(new), *wanted)
    if error > FAR:
        warnings.warn(
            f"null of {block.source} -> {block.target}: after {ROUNDS:,} rounds strengths are off by {error:.1%}; "
            "so few edges leave little to chance",
            NetgraphWarning,
            stacklevel=2,
        )
    kind = np.float64 if weight.dtype.kind != "f" else weight.dtype
    return ops.scaled(new, rows, columns).astype(kind)


def _factors(size: Any, into: Array, out_of: Array) -> tuple[Array, Array, float]:
    """Factors of rows and columns that give these sums, and the largest relative error of a row's."""
    reached, error = size @ np.ones(len(out_of)), 0.0
    rows = columns = np.ones(0)
    for _ in range(ROUNDS):
        rows = np.divide(into, reached, out=np.ones(len(into)), where=reached > 0)
        left = size.T @ rows
        columns = np.divide(out_of, left, out=np.ones(len(out_of)), where=left > 0)
        reached = size @ columns  # columns are right now; rows are as far off as this says
        error = float(np.max(np.abs(rows * reached - into) / np.maximum(into, np.finfo(float).tiny), initial=0.0))
        if error < CLOSE:
            break
    return rows, columns, error
