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

WIDEST, LEAST = 2.0, 1e-9
"""Of what strengths do not explain: how far its spread is widened at most; what is left of a ratio that would be 0."""


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


def shuffle_nonzero(graph: Graph, seed: int = 0) -> Graph:
    """The weights of every learned block permuted among its edges: places without an edge stay so.

    Degrees are kept, strengths are not. Else as :func:`shuffle`.

    Parameters
    ----------
    graph : any graph.
    seed : the same seed gives the same null.

    Examples
    --------
    >>> import netgraph as ng
    >>> made = shuffle_nonzero(ng.Graph.from_matrices([[[1, 2, 0], [3, 0, 0]]]), seed=1).blocks[0].weight
    >>> (made != 0).tolist(), sorted(made.ravel().tolist())
    ([[True, True, False], [True, False, False]], [0.0, 0.0, 0.0, 1.0, 2.0, 3.0])
    """
    return _null(graph, "shuffle_nonzero", seed, _among_edges)


def residual(graph: Graph, seed: int = 0) -> Graph:
    """What strengths do not explain, permuted: w·m/(r·c) among the edges of a learned block, then times r·c/m again.

    r and c are the sums of |weight| into the target and out of the source, m that of the block: of a block with w =
    r·c/m nothing changes. Unlike :func:`strength`, sums are kept in the mean only. What is permuted is then widened
    around ±1 (or drawn together) until Σ(|w| − r·c/m)² is what it was to first order: the null's own sums take another
    part of it, and a search would find less in any null than in weights without structure. Else as :func:`shuffle`.

    Parameters
    ----------
    graph : any graph.
    seed : the same seed gives the same null.

    Examples
    --------
    >>> import numpy as np, netgraph as ng
    >>> explained = np.outer([1.0, 2.0], [1.0, 3.0, 5.0])
    >>> np.allclose(residual(ng.Graph.from_matrices([explained]), seed=1).blocks[0].weight, explained)
    True
    """
    return _null(graph, "residual", seed, _unexplained)


NULLS: dict[str, Callable[[Graph, int], Graph]] = {
    "shuffle": shuffle,
    "shuffle_nonzero": shuffle_nonzero,
    "strength": strength,
    "residual": residual,
}
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


def _among_edges(block: Block, rng: np.random.Generator) -> Any:
    """Edges' weights at other edges."""
    return _permuted(ops.listed(block.weight), rng)


def _permuted(weight: Any, rng: np.random.Generator) -> Any:
    if sp.issparse(weight):
        data = weight.data.copy()
        data[data != 0] = rng.permutation(data[data != 0])
        return sp.csr_array((data, weight.indices, weight.indptr), shape=weight.shape)
    new = np.array(weight)
    edge = new != 0
    new[edge] = rng.permutation(new[edge])
    return new


def _unexplained(block: Block, rng: np.random.Generator) -> Any:
    """Edges' ratios to what the strengths of their ends explain at other edges."""
    listed = ops.listed(block.weight)
    weight = listed.astype(np.float64)
    into, out_of, left = _sums(weight)
    if left == 0:
        return listed
    rows, columns = np.where(into > 0, into, 1.0), np.where(out_of > 0, out_of / into.sum(), 1.0)
    ratios = _permuted(ops.scaled(weight, 1 / rows, 1 / columns), rng)
    made = _sums(ops.scaled(ratios, rows, columns))[2]
    wide = _widened(ratios, float(np.clip(left / made if made > 0 else 1.0, 1 / WIDEST, WIDEST)))
    return ops.scaled(wide, rows, columns).astype(listed.dtype if listed.dtype.kind == "f" else np.float64)


def _sums(weight: Any) -> tuple[Array, Array, float]:
    """|weight| into every target and out of every source, and √Σ(|w| − r·c/m)²/m; 0 where that is rounding."""
    into, out_of = (
        np.asarray(sums, dtype=np.float64)
        for sums in (ops.row_sums(weight, absolute=True), ops.column_sums(weight, absolute=True))
    )
    total = float(into.sum())
    if total == 0:
        return into, out_of, 0.0
    size = abs(weight) / total
    rows, columns = into / total, out_of / total
    squares = float(size.multiply(size).sum() if sp.issparse(size) else np.vdot(size, size))
    left = squares - 2 * float(rows @ (size @ columns)) + float(rows @ rows) * float(columns @ columns)
    return into, out_of, float(np.sqrt(left)) if left > CLOSE * squares else 0.0


def _widened(ratios: Any, factor: float) -> Any:
    """|ratios| further from 1; signs stay, and what would fall below 0 is thrown back: an edge stays an edge."""
    values = ratios.data if sp.issparse(ratios) else ratios
    size = np.abs(values)
    wide = np.sign(values) * np.maximum(np.abs(1 + factor * (size - 1)), LEAST * size)
    return sp.csr_array((wide, ratios.indices, ratios.indptr), shape=ratios.shape) if sp.issparse(ratios) else wide


def _scaled(block: Block, rng: np.random.Generator) -> Any:
    """Edges' weights at other edges, rows and columns scaled to the sums of before."""
    weight = ops.listed(block.weight)
    wanted = ops.row_sums(weight, absolute=True), ops.column_sums(weight, absolute=True)
    new = _permuted(weight.astype(np.float64), rng)
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
