"""A chain of layers from matrices."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.errors import GraphError
from netgraph.graph import blocks as ops
from netgraph.graph.graph import Block, Graph, Layer

Array = np.ndarray[Any, Any]


def from_matrices(
    weights: Sequence[Any], biases: Sequence[Any] | None = None, names: Sequence[str] | None = None
) -> Graph:
    """A chain of layers from matrices.

    Parameters
    ----------
    weights : arrays of shape (n_target, n_source), dense or sparse, each reading what the one before it made. They are
        kept, not copied; whole numbers become float64.
    biases : None, or per matrix an array of shape (n_target,) or None; they become the vertex column ``bias``.
    names : the layers' names, one more than matrices; ``layer_0``, ``layer_1`` … by default.

    Raises
    ------
    GraphError : matrices that do not fit each other, or a wrong number of biases or names.

    >>> graph = Graph.from_matrices([[[1, 2, 3], [4, 5, 6]]], biases=[[7, 8]])
    >>> graph.vertices[["id", "bias"]].values.tolist()[-2:], len(graph.edges)
    ([['layer_1:0', 7.0], ['layer_1:1', 8.0]], 6)
    """
    matrices = [_operator(weight) for weight in weights]
    if not matrices:
        raise GraphError("no matrices: expected at least one of shape (n_target, n_source)")
    names = [f"layer_{i}" for i in range(len(matrices) + 1)] if names is None else [str(name) for name in names]
    if len(names) != len(matrices) + 1:
        raise GraphError(f"{len(names)} layer names for {len(matrices)} matrices, expected {len(matrices) + 1}")
    for i, (before, after) in enumerate(itertools.pairwise(matrices)):
        if after.shape[1] != before.shape[0]:
            raise GraphError(
                f"matrix {i + 1} has shape {after.shape} and reads {after.shape[1]} vertices, but matrix {i} makes "
                f"{before.shape[0]}; expected shapes (n_target, n_source): a transpose is missing, or a layer"
            )
    sizes = [matrices[0].shape[1], *(matrix.shape[0] for matrix in matrices)]
    layers = chain(names, sizes, ["input", *["linear"] * len(matrices)])
    blocks = [
        Block(source, target, "linear", matrix)
        for source, target, matrix in zip(names, names[1:], matrices, strict=False)
    ]
    columns = {} if biases is None else {"bias": _biases(sizes, biases)}
    return Graph(tuple(layers), tuple(blocks), columns)


def chain(names: Sequence[str], sizes: Sequence[int], kinds: Sequence[str]) -> list[Layer]:
    """Layers one after the other, each of units without coordinates."""
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).tolist()
    return [
        Layer(module=name, name=name, kind=kind, shape=(size,), start=start, size=size)
        for name, size, kind, start in zip(names, sizes, kinds, starts, strict=False)
    ]


def _operator(weight: Any) -> Any:
    operator = sp.csr_array(weight) if sp.issparse(weight) else np.asarray(weight)
    ops.kind_of(operator)
    return operator if operator.dtype.kind == "f" else operator.astype(np.float64)


def _biases(sizes: Sequence[int], biases: Sequence[Any]) -> Array:
    if len(biases) != len(sizes) - 1:
        raise GraphError(f"{len(biases)} biases for {len(sizes) - 1} matrices, expected one (or None) per matrix")
    parts = [np.zeros(size, dtype=np.float32) for size in sizes]
    for i, bias in enumerate(biases):
        if bias is not None:
            array = np.asarray(bias)
            if array.shape != (sizes[i + 1],):
                raise GraphError(f"bias {i} has shape {array.shape}, expected ({sizes[i + 1]},): one per target")
            parts[i + 1] = array if array.dtype.kind == "f" else array.astype(np.float64)
    return np.concatenate(parts)
