"""Inputs as people hold them: tensors, arrays, lists, several of them in a tuple or a dict. torch is not needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netgraph.errors import RenderError

Array = np.ndarray[Any, Any]


def as_array(values: Any) -> Array:
    """Numbers as an array, wherever they live.

    >>> as_array([[1, 2]]).tolist()
    [[1, 2]]
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) in ("torch.bfloat16", "torch.float16") else values
    return np.asarray(values)


class Inputs:
    """Some inputs, their first axis counts them.

    Attributes
    ----------
    given : how many there were.
    count : how many of them the page shows.
    """

    def __init__(self, values: Any, limit: int) -> None:
        if isinstance(values, (list, tuple)) and not any(hasattr(v, "shape") for v in values):
            values = np.asarray(values, dtype=np.float32)
        self.values = values
        lengths = {len(leaf) for leaf in self._leaves() if np.ndim(leaf)}
        if not lengths or 0 in lengths:
            raise RenderError("inputs: expected at least one input, an array of shape (N, …) whose first axis counts")
        self.given = max(lengths)
        self.count = min(self.given, limit)

    def rows(self, first: int, last: int) -> Any:
        """Inputs ``first`` … ``last - 1`` in the form in which they came."""

        def cut(leaf: Any) -> Any:
            return leaf[first:last] if np.ndim(leaf) and len(leaf) == self.given else leaf

        if isinstance(self.values, Mapping):
            return {key: cut(leaf) for key, leaf in self.values.items()}
        if isinstance(self.values, (list, tuple)):
            return type(self.values)(cut(leaf) for leaf in self.values)
        return cut(self.values)

    @property
    def array(self) -> Array | None:
        """(count, …) the numbers, where the input is a single array of them."""
        leaves = self._leaves()
        return as_array(leaves[0][: self.count]) if len(leaves) == 1 else None

    def _leaves(self) -> list[Any]:
        if isinstance(self.values, Mapping):
            return list(self.values.values())
        return list(self.values) if isinstance(self.values, (list, tuple)) else [self.values]


def classes_of(truth: Any, inputs: Inputs) -> list[int | None]:
    """The class number that each input is labelled with; None where that is not known.

    Raises
    ------
    RenderError : another number of labels than inputs, or labels that are no whole numbers.
    """
    if truth is None:
        return [None] * inputs.count
    values: Sequence[Any] = as_array(truth).reshape(-1).tolist()
    if len(values) != inputs.given:
        raise RenderError(f"truth: got {len(values)} labels for {inputs.given} inputs, expected one each")
    if any(isinstance(v, str) or v is None or v != int(v) for v in values):
        raise RenderError("truth: expected class numbers, one for each input; names of classes go to classes=")
    return [int(v) for v in values[: inputs.count]]
