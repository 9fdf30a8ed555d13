"""Products of two tracked tensors: each side is the other's weight, half of the value flows to each."""

from __future__ import annotations

from typing import Any

from netgraph.errors import UnsupportedOperation
from netgraph.network.operations import Operation


def multiply(run: Any, call: Any, x: Any, y: Any) -> Any:
    """x ⊙ y: ½·y·x + ½·x·y with one factor of each held fixed; a constant factor only scales."""
    if run.tracked(x) and run.tracked(y):
        return run.product(x, y)
    return run.scale(x, y) if run.tracked(x) else run.scale(y, x)


def matrix_product(run: Any, call: Any, x: Any, y: Any) -> Any:
    """x·y with both tracked."""
    raise UnsupportedOperation(
        f"{call.place()} multiplies two matrices that both depend on the input (attention): not covered yet. "
        "Fully-connected and convolutional networks are"
    )


def _bmm(run: Any, call: Any, x: Any, y: Any) -> Any:
    """A batch of matrix products; one that shares its constant side is a linear layer."""
    if (
        run.tracked(x)
        and not run.tracked(y)
        and not y.is_meta
        and all(s == 0 or n == 1 for s, n in zip(y.stride()[:1], y.shape[:1], strict=True))
    ):
        return run.matmul(x, y[0])
    return matrix_product(run, call, x, y)


ROWS = [
    Operation("mul", "bilinear", multiply, multiply.__doc__ or ""),
    Operation("bmm", "bilinear", _bmm, _bmm.__doc__ or ""),
]
