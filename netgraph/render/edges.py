"""Which edges are drawn: all of a small graph, the strongest of a big one, and what share of the whole they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from netgraph.errors import RenderError, unknown
from netgraph.graph.blocks import listed

if TYPE_CHECKING:
    from netgraph.graph.graph import Block, Graph

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Drawn:
    """The edges that a page draws, weakest first, so that the strongest lie on top.

    Attributes
    ----------
    column : the edge column that chose them.
    source, target : vertex numbers, int64, shape (m,).
    value : the column's values, float64, shape (m,).
    sign : +1, -1 or 0, int8, shape (m,): of the value, or of the kernel's sum of taps where the value is a norm.
    kind : the blocks' kinds, text, length m.
    total : how many edges the graph has.
    nonzero : how many of them have a value that is not 0.
    share : the part of Σ|value| over all edges that these hold, 0 … 1.
    by_taps : whether some sign was read from a kernel's sum of taps.
    """

    column: str
    source: Array
    target: Array
    value: Array
    sign: Array
    kind: tuple[str, ...]
    total: int
    nonzero: int
    share: float
    by_taps: bool


def default_column(graph: Graph) -> str:
    """``attribution`` where every block has it, else ``weight``."""
    has = bool(graph.blocks) and all("attribution" in block.values for block in graph.blocks)
    return "attribution" if has else "weight"


def strongest(graph: Graph, column: str, top: int) -> Drawn:
    """The ``top`` edges of largest |value|; equals go to the earlier block, then the earlier row, then column.

    A graph of up to ``top`` edges is kept whole; of a bigger one no edge of value 0 is drawn, even where there is room.
    """
    total = len(graph.edges)
    sizes: list[Array] = []
    mass, nonzero = 0.0, 0
    for block in graph.blocks:
        size = np.abs(_values(block, _operator(graph, block, column)))
        mass += float(size.sum(dtype=np.float64))
        nonzero += int(np.count_nonzero(size))
        sizes.append(_largest(size, top))
    cut = 0.0 if total <= top else _threshold(sizes, top)

    parts = [_above(graph, number, column, cut) for number in range(len(graph.blocks))]
    found = [np.concatenate(p) for p in zip(*parts, strict=True)] or [np.empty(0)] * 5
    order = np.argsort(-np.abs(found[2]), kind="stable")[:top][::-1]
    source, target, value, sign, number = (part[order] for part in found)
    held = float(np.abs(value).sum())
    return Drawn(
        column=column,
        source=source.astype(np.int64),
        target=target.astype(np.int64),
        value=value.astype(np.float64),
        sign=sign.astype(np.int8),
        kind=tuple(graph.blocks[int(i)].kind for i in number),
        total=total,
        nonzero=nonzero,
        share=1.0 if len(value) in (total, nonzero) else min(held / mass, 1.0),
        by_taps=any(_reads_taps(block, column) for block in graph.blocks),
    )


def strength(graph: Graph, column: str) -> Array:
    """Σ|value| over all edges into and out of each vertex, float64, shape (n,): of the whole graph, drawn or not."""
    total = np.zeros(graph.n)
    for block in graph.blocks:
        size = abs(_operator(graph, block, column))
        total[graph.layer(block.source).vertices] += np.asarray(size.sum(axis=0), dtype=np.float64).ravel()
        total[graph.layer(block.target).vertices] += np.asarray(size.sum(axis=1), dtype=np.float64).ravel()
    return total


def _operator(graph: Graph, block: Block, column: str) -> Any:
    if column not in ("weight", "abs_weight", *block.values):
        shared = {name for b in graph.blocks for name in b.values}
        raise unknown(
            "edge column",
            column,
            ["weight", "abs_weight", *sorted(shared)],
            f" in block {block.source} -> {block.target}",
        )
    return block.operator(column)


def _values(block: Block, operator: Any) -> Array:
    """The values as a flat array in row-major order (of a sparse block: its stored entries)."""
    operator = listed(operator)
    values = np.asarray(operator.data if sp.issparse(operator) else operator).ravel()
    if not np.isfinite(values).all():
        raise RenderError(
            f"block {block.source} -> {block.target} holds NaN or infinity, which no page can draw: "
            "look at how the weights were trained, or replace them (numpy.nan_to_num)"
        )
    return values


def _largest(size: Array, top: int) -> Array:
    return size if len(size) <= top else np.partition(size, len(size) - top)[len(size) - top :]


def _threshold(sizes: list[Array], top: int) -> float:
    """The ``top``-th largest |value| of all, above 0: what lies below it is not drawn."""
    best = _largest(np.concatenate(sizes), top)
    best = best[best > 0]
    return float(best.min()) if len(best) else np.inf


def _above(graph: Graph, number: int, column: str, cut: float) -> tuple[Array, ...]:
    """Source, target, value, sign and block number of one block's edges with |value| >= cut."""
    block = graph.blocks[number]
    operator, weight = block.operator(column), listed(block.weight)
    size = np.abs(_values(block, operator))
    edge = np.asarray(weight.data if sp.issparse(weight) else weight).ravel() != 0
    at = np.flatnonzero(edge & (size >= cut))
    if sp.issparse(weight):
        row = np.searchsorted(weight.indptr, at, side="right") - 1
        col = np.asarray(weight.indices)[at]
    else:
        row, col = np.divmod(at, block.shape[1])
    value = _values(block, operator)[at].astype(np.float64)
    signed = _values(block, block.values["tap_sum"])[at] if _reads_taps(block, column) else value
    source, target = graph.layer(block.source).start + col, graph.layer(block.target).start + row
    return source, target, value, np.sign(signed), np.full(len(at), number)


def _reads_taps(block: Block, column: str) -> bool:
    """A norm over a kernel's taps has no sign of its own: it is coloured by the signed sum of the taps."""
    return column == "weight" and "tap_sum" in block.values
