"""Rows of a table: whole numbers enter the graph as one-hot vertices, and the table is the weights of their edges."""

from __future__ import annotations

from typing import Any

import torch

from netgraph.errors import UnsupportedOperation
from netgraph.network.operations import Operation, sequences
from netgraph.network.operations.bilinear import is_held
from netgraph.network.shapes import count

SUM, MEAN = 0, 1


def _rows(run: Any, call: Any, table: Any, indices: Any) -> Any:
    if run.tracked(table) or is_held(table):
        raise UnsupportedOperation(
            f"{call.place()} looks rows up in a table that depends on the input: write it as a product with one-hot "
            "vectors"
        )
    return run.matmul(run.one_hot(indices, int(table.shape[0])), table)


def _renormed(run: Any, call: Any, table: Any, indices: Any, limit: float, norm: float) -> Any:
    """The table with every row's norm at most ``limit`` (``max_norm``), also of those that are not looked up."""
    if run.tracked(table) or is_held(table):
        return _rows(run, call, table, indices)
    return call.op(table, torch.arange(len(table), device=table.device), limit, norm)


def _embedding(run: Any, call: Any, table: Any, indices: Any, *rest: Any, **options: Any) -> Any:
    """z = onehot(i)·E: vertices for every entry of the vocabulary, at unit granularity at every position."""
    return _rows(run, call, table, indices)


def _bag(
    run: Any,
    call: Any,
    table: Any,
    indices: Any,
    offsets: Any,
    scale_grad: bool = False,
    mode: int = SUM,
    sparse: bool = False,
    weights: Any = None,
    last: bool = False,
    padding: int = -1,
) -> Any:
    """Σ or mean of the rows of each bag, each row times its weight; padding left out."""
    if mode not in (SUM, MEAN) or offsets.is_meta:
        what = "offsets that depend on the input" if offsets.is_meta else "the maximum of each bag"
        raise UnsupportedOperation(
            f"{call.place()}: {what} cannot be held by the graph; look the rows up with an Embedding, then sum over "
            "their axis or take amax"
        )
    rows = _rows(run, call, table, indices)
    total = int(run.shape(rows)[0])
    if weights is not None:
        column = run.move(lambda t: t.reshape(-1, 1), weights) if run.tracked(weights) else weights.reshape(-1, 1)
        rows = run.product(rows, column) if run.tracked(weights) else run.scale(rows, column)
    if padding >= 0:
        rows = run.scale(rows, run.frozen(lambda i: (i != padding).double().reshape(-1, 1), indices))
    starts = offsets.tolist()
    ends = starts[1:] if last else [*starts[1:], total]
    bags = []
    for a, b in zip(starts, ends, strict=False):
        bag = run.reduce(run.move(lambda t, a=a, b=b: t[a:b], rows), [0], mode == MEAN and padding < 0)
        if mode == MEAN and padding >= 0:
            bag = run.scale(
                bag, run.frozen(lambda i, a=a, b=b: 1 / (i[a:b] != padding).double().sum().clamp(1), indices)
            )
        bags.append(bag)
    out = bags[0] if len(bags) == 1 else run.join(lambda ts: torch.cat(ts, 0), bags, 0)
    assert count(run.shape(out)[:1]) == len(bags)
    return [out, None, None, None]


ROWS = [
    *sequences.ROWS,
    Operation("embedding_renorm", "affine", _renormed, _renormed.__doc__ or "", source=True),
    Operation("embedding", "affine", _embedding, _embedding.__doc__ or "", source=True),
    *(
        Operation(name, "affine", _bag, _bag.__doc__ or "", source=True, singly=True)
        for name in ("_embedding_bag", "_embedding_bag_forward_only")
    ),
]
