"""What a graph's vertices are compared by: of units their weights, of a convolution's channels their kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from netgraph.graph import blocks as ops
from netgraph.graph.convolution import Convolution
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.graph.sliding import Sliding
from netgraph.graph.tokens import Tokens

Array = np.ndarray[Any, Any]
Matrix = Any
"""(features, entries), an array or a ``csr_array``."""

UNLEARNED = frozenset({"skip", "pool", "select", "mean", "sum", "product", "attention", "gate", "bias"})
"""Kinds of blocks whose weights say what an operation does, not what was learned."""


@dataclass
class Features:
    """The vertices of a layer as they are compared: its units, or its channels where a kernel makes or reads them.

    Attributes
    ----------
    layer : of the graph that holds the kernels.
    of : (size,) the feature of each of its vertices.
    ids : (features,).
    bias : (features,).
    inward, outward : what was learned about each, side by side for all blocks; None where that is nothing.
    kernels : (features, inputs, height, width), where one convolution makes the layer.
    entered, left : (features,) whether any edge enters, leaves; of whatever kind.
    first, last : nothing enters, leaves the whole layer: inputs, outputs.
    """

    layer: Layer
    of: npt.NDArray[np.int64]
    ids: npt.NDArray[Any]
    bias: Array
    inward: Matrix | None = None
    outward: Matrix | None = None
    kernels: Array | None = None
    entered: Array = field(default_factory=lambda: np.zeros(0, bool))
    left: Array = field(default_factory=lambda: np.zeros(0, bool))
    first: bool = False
    last: bool = False


def features(graph: Graph, layer: Layer, missing: list[str]) -> Features:
    """The features of one layer; what cannot be compared is added to ``missing``, with the reason."""
    into = [b for b in graph.blocks if b.target == layer.name]
    out_of = [b for b in graph.blocks if b.source == layer.name]
    of = features_of(layer, into, out_of)
    count = int(of.max()) + 1 if len(of) else 0
    alone = count == layer.size
    ids = graph.ids[layer.vertices] if alone else np.array([f"{layer.name}:{c}" for c in range(count)], dtype=object)
    bias = np.zeros(layer.size)
    if "bias" in graph.columns:
        bias = np.nan_to_num(np.asarray(graph.columns["bias"][layer.vertices], dtype=np.float64))
    for block in into:
        if block.kind == "bias":
            bias = bias + ops.row_sums(block.weight)
    found = Features(layer, of, ids, np.bincount(of, bias, count) / np.maximum(np.bincount(of, minlength=count), 1))
    real = [b for b in into if b.kind != "bias"]
    found.first, found.last = not real, not out_of
    found.left = np.zeros(count, dtype=bool)
    found.entered = _any(of, count, [ops.row_sums(b.weight, absolute=True) for b in real])
    inward = [_side(b, of, count, 0, missing) for b in real if b.kind not in UNLEARNED]
    # Pools hand a channel on as it is: what reads the pool reads it.
    reading = _through(graph, layer, out_of)
    for block in reading:
        sums = ops.column_sums(block.weight, absolute=True)
        found.left |= _any(of if len(sums) == layer.size else _maps(len(sums), count), count, [sums])
    readers = [b for b in reading if b.kind not in UNLEARNED]
    outward = [_side(b, of if b.source == layer.name else None, count, 1, missing) for b in readers]
    found.inward, found.outward = _beside(inward), _beside(outward)
    if len(real) == 1 and isinstance(real[0].weight, Convolution):
        found.kernels = _kernels(real[0].weight, of, count)
    return found


def features_of(layer: Layer, into: Sequence[Block], out_of: Sequence[Block]) -> npt.NDArray[np.int64]:
    """(size,) the number of the feature of each vertex."""
    for block in into:
        if isinstance(block.weight, Convolution):
            pattern = block.weight.pattern
            if isinstance(pattern, Sliding):
                return np.arange(layer.size) // max(pattern.here, 1)
            return np.arange(layer.size) % pattern.kernel[0]
    for block in out_of:
        if isinstance(block.weight, Convolution):
            return _read(block.weight, layer.size)
    if any(block.kind in UNLEARNED for block in into) and len(layer.grid) > 1:  # maps of a sum or of a pool
        return _maps(layer.size, layer.grid[0])
    return np.arange(layer.size)


def _read(operator: Convolution, size: int) -> npt.NDArray[np.int64]:
    """(size,) which channel, or feature of a token, a kernel reads each vertex as."""
    pattern = operator.pattern
    if isinstance(pattern, Sliding) and pattern.sources.ndim == 1:
        return np.arange(size) // max(pattern.there, 1)
    of = np.zeros(size, dtype=np.int64)
    if isinstance(pattern, Sliding):
        of[pattern.sources] = np.arange(len(pattern.sources))[:, None]
    else:
        of[pattern.sources] = np.arange(pattern.kernel[1])
    return of


def _any(of: Array, count: int, sums: Sequence[Array]) -> Array:
    out = np.zeros(count, dtype=bool)
    for values in sums:
        np.logical_or.at(out, of, values > 0)
    return out


def _maps(size: int, count: int) -> npt.NDArray[np.int64]:
    """(size,) the map that each of so many vertices lies in."""
    return np.arange(size) // max(size // max(count, 1), 1)


def passes(graph: Graph, layer: Layer) -> bool:
    """Whether a layer only hands the channels of another on: a pool of each map."""
    writers = [b for b in graph.blocks if b.target == layer.name]
    if len(writers) != 1 or writers[0].kind not in {"pool", "select", "mean"} or len(layer.grid) < 2:
        return False
    return graph.layer(writers[0].source).grid[0] == layer.grid[0]


def _through(graph: Graph, layer: Layer, out_of: Sequence[Block]) -> list[Block]:
    """The blocks that read a layer, or the pools of it."""
    found: list[Block] = []
    for block in out_of:
        target = graph.layer(block.target)
        if passes(graph, target):
            found += _through(graph, target, [b for b in graph.blocks if b.source == target.name])
        else:
            found.append(block)
    return found


def _side(block: Block, of: Array | None, count: int, end: int, missing: list[str]) -> Matrix | None:
    """(features, entries) of a block, at its targets (end 0) or at its sources (1)."""
    weight = block.weight
    if isinstance(weight, Convolution):
        if weight.data is not None or weight.terms != 1:
            return None
        return _spread(weight, end) if not isinstance(weight.pattern, Tokens) else _tokens(weight, end)
    if "tap_sum" in block.values and (ops.entries(block.operator("tap_sum")) != ops.entries(weight)).any():
        missing.append(f"{block.source} -> {block.target}: kernels of several taps, of which this graph has one number")
        return None
    matrix = weight if end == 0 else weight.T
    size = matrix.shape[0]
    if of is None:  # behind a pool, whose vertices are the channel's
        of = _maps(size, count)
    if count == size:
        return sp.csr_array(matrix) if sp.issparse(matrix) else np.asarray(matrix)
    each = size // max(count, 1)
    if sp.issparse(matrix):
        matrix = matrix.toarray()
    rows = np.argsort(of, kind="stable")
    return np.asarray(matrix)[rows].reshape(count, each * matrix.shape[1])


def taps_of(operator: Convolution) -> Array:
    """(outputs, inputs, taps) of a whole layer, scales folded in; 0 between groups."""
    pattern = operator.pattern
    assert isinstance(pattern, Sliding)
    groups, outputs, inputs = pattern.geometry.groups, pattern.outer[0], pattern.inner[0]
    kernel = operator.kernel.reshape(*operator.kernel.shape[:2], -1)
    if pattern.geometry.transposed:  # (inputs, outputs of a group, taps)
        kernel = kernel.reshape(groups, inputs // groups, outputs // groups, -1).swapaxes(1, 2)
    else:
        kernel = kernel.reshape(groups, outputs // groups, inputs // groups, -1)
    whole = np.zeros((groups, outputs // groups, groups, inputs // groups, kernel.shape[-1]), dtype=kernel.dtype)
    each = np.arange(groups)
    whole[each, :, each] = kernel
    out = whole.reshape(outputs, inputs, -1)
    if operator.rows is not None:
        out = out * operator.rows[0][pattern.targets * pattern.here][:, None, None]
    if operator.columns is not None:
        out = out * operator.columns[0][pattern.vertices()[:, 0]][None, :, None]
    return out


def _spread(operator: Convolution, end: int) -> Array:
    """(channels of the layer, entries) of a sliding kernel."""
    taps, pattern = taps_of(operator), operator.pattern
    assert isinstance(pattern, Sliding)
    if end == 0:
        out = np.zeros((operator.shape[0] // max(pattern.here, 1), *taps.shape[1:]), dtype=taps.dtype)
        out[pattern.targets] = taps
        return out.reshape(len(out), -1)
    of = _read(operator, operator.shape[1])
    out = np.zeros((int(of.max()) + 1, taps.shape[0], taps.shape[2]), dtype=taps.dtype)
    out[of[pattern.vertices()[:, 0]]] = taps.swapaxes(0, 1)
    return out.reshape(len(out), -1)


def _tokens(operator: Convolution, end: int) -> Array:
    """(features, entries) of a map of every token."""
    kernel = operator.kernel
    if operator.columns is not None:
        kernel = kernel * operator.columns[0][operator.pattern.sources[0]]
    return kernel if end == 0 else kernel.T


def _kernels(operator: Convolution, of: Array, count: int) -> Array | None:
    """(features, inputs, height, width) of a square kernel of more than one tap."""
    pattern = operator.pattern
    if not isinstance(pattern, Sliding) or operator.data is not None or operator.terms != 1:
        return None
    shape = pattern.kernel[2:]
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 1:
        return None
    return _spread(operator, 0).reshape(count, pattern.inner[0], *shape)


def _beside(parts: Sequence[Matrix | None]) -> Matrix | None:
    """Several blocks' entries side by side; None where one of them cannot be compared, or there is none."""
    held = [part for part in parts if part is not None]
    if not held or len(held) < len(parts) or len({part.shape[0] for part in held}) > 1:
        return None
    if len(held) == 1:
        return held[0]
    if any(sp.issparse(part) for part in held):
        return sp.csr_array(sp.hstack(held))
    return np.concatenate(held, axis=1)
