"""All weights of a graph in one distribution, read piece by piece: moments, signs, exact percentiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.errors import AnalysisError
from netgraph.graph import blocks as ops
from netgraph.graph.convolution import Convolution
from netgraph.graph.graph import Block, Graph
from netgraph.graph.sliding import Sliding

Array = np.ndarray[Any, Any]
Pieces = Callable[[], Iterator[tuple[Array, Array | None]]]
"""Gives (values of edges, how often each stands there or None for once) of all edges, anew each time."""

_PIECE = 1 << 18
_DIGIT = 16
"""Bits that one pass over the edges finds of a percentile."""


def pieces(graph: Graph, column: str) -> Pieces:
    """A column of all edges in pieces; a kernel's taps are read once, however often it is used."""

    def of_all() -> Iterator[tuple[Array, Array | None]]:
        for block in graph.blocks:
            yield from _of_block(block, column)

    return of_all


def _of_block(block: Block, column: str) -> Iterator[tuple[Array, Array | None]]:
    weight, values = block.weight, block.operator(column)
    if isinstance(weight, np.ndarray):
        step = max(1, _PIECE // max(1, weight.shape[1]))
        for first in range(0, weight.shape[0], step):
            rows = slice(first, first + step)
            yield _edges(weight[rows].ravel(), values[rows].ravel()), None
    elif sp.issparse(weight):
        for first in range(0, len(weight.data), _PIECE):
            part = slice(first, first + _PIECE)
            yield _edges(weight.data[part], values.data[part]), None
    elif isinstance(weight, Convolution) and values is weight and _plain(weight):
        taps, pattern = weight.kernel.ravel(), weight.pattern
        each = np.array([len(pattern.groups)]) if not isinstance(pattern, Sliding) else pattern.uses
        times = np.broadcast_to(each, (len(taps) // len(each), len(each))).ravel()
        yield taps[taps != 0], times[taps != 0]
    else:
        for tile in ops.tiles(weight):
            yield ops.entries(values, tile), None


def _plain(operator: Convolution) -> bool:
    return operator.data is None and operator.rows is None and operator.columns is None


def _edges(weight: Array, values: Array) -> Array:
    edge = weight != 0
    return values if edge.all() else values[edge]


def moments(of_all: Pieces, column: str) -> dict[str, float]:
    """How many, their mean, standard deviation (ddof=0), extremes, and what part is positive, by number and by size.

    Raises
    ------
    AnalysisError : NaN or infinity.
    """
    number = positive = 0
    total = squares = mass = positive_mass = 0.0
    least, most = np.inf, -np.inf
    for values, times in of_all():
        if not len(values):
            continue
        x = values.astype(np.float64)
        n = np.ones(1) if times is None else times
        if not np.isfinite(x).all():
            raise AnalysisError(
                f"{column!r} of the edges holds NaN or infinity; a description needs finite values: mend the network "
                "or choose another weight="
            )
        above = x > 0
        number += len(x) if times is None else int(times.sum())
        positive += int(above.sum() if times is None else times[above].sum())
        total += float((x * n).sum())
        squares += float((x * x * n).sum())
        mass += float((np.abs(x) * n).sum())
        positive_mass += float((np.maximum(x, 0) * n).sum())
        least, most = min(least, float(x.min())), max(most, float(x.max()))
    if not number:
        return dict.fromkeys(("mean", "sd", "min", "max", "positive", "positive_weight"), float("nan"))
    mean = total / number
    return {
        "mean": mean,
        "sd": float(np.sqrt(max(squares / number - mean * mean, 0.0))),
        "min": least,
        "max": most,
        "positive": positive / number,
        "positive_weight": positive_mass / mass if mass else float("nan"),
    }


def percentiles(of_all: Pieces, shares: Sequence[float], wide: bool) -> list[float]:
    """Exact percentiles, digit by digit, in memory that does not grow: the least value that a share is at most.

    ``wide`` : some values are doubles. (numpy calls this method "inverted_cdf".)
    """
    kind, bits = (np.float64, np.uint64) if wide else (np.float32, np.uint32)
    width = 8 * np.dtype(bits).itemsize
    prefix = [0] * len(shares)
    left: list[int] = []
    for shift in range(width - _DIGIT, -1, -_DIGIT):
        counts = {p: np.zeros(1 << _DIGIT, dtype=np.int64) for p in prefix}
        for values, times in of_all():
            ordered = _ordered(values.astype(kind), bits, width)
            high = ordered >> bits(shift)
            for p, held in counts.items():
                mine: Any = slice(None) if shift == width - _DIGIT else (high >> bits(_DIGIT)) == p
                digit = (high[mine] & bits((1 << _DIGIT) - 1)).astype(np.int64)
                weights = None if times is None else times[mine]
                held += np.bincount(digit, weights, minlength=1 << _DIGIT).astype(np.int64)
        if not left:
            number = int(counts[0].sum())
            if number == 0:
                return [float("nan")] * len(shares)
            left = [max(int(np.ceil(share * number)), 1) for share in shares]
        for i, p in enumerate(prefix):
            up_to = np.cumsum(counts[p])
            digit = int(np.searchsorted(up_to, left[i]))
            left[i] -= int(up_to[digit] - counts[p][digit])
            prefix[i] = (p << _DIGIT) | digit
    return [float(_back(np.array([p], dtype=bits), kind, width)[0]) for p in prefix]


def _ordered(values: Array, bits: Any, width: int) -> Array:
    """Floats as whole numbers of the same order."""
    raw = np.ascontiguousarray(values).view(bits)
    sign = bits(1 << (width - 1))
    ordered: Array = np.where(raw & sign, ~raw, raw | sign)
    return ordered


def _back(ordered: Array, kind: Any, width: int) -> Array:
    sign = ordered.dtype.type(1 << (width - 1))
    floats: Array = np.where(ordered & sign, ordered ^ sign, ~ordered).view(kind)
    return floats
