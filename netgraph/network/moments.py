"""Numbers that come a few inputs at a time, and what is kept of them: mean of absolute values, standard deviation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from netgraph.graph.convolution import Convolution
from netgraph.network.reads import Array


class Moments:
    """Mean of absolute values ("mean_abs"), or standard deviation ("std", ddof=0), in float64.

    Deviations are from the mean of what came together, and means are joined as they come (Chan, Golub & LeVeque 1979),
    so that numbers which do not differ have a deviation of 0.

    >>> some = Moments("std")
    >>> some.add(torch.tensor([[1.0], [3.0]]))
    >>> some.add(torch.tensor([[5.0]]))
    >>> some.finish() ** 2
    array([2.66666667])
    """

    def __init__(self, how: str) -> None:
        self.how, self.count = how, 0
        self._mean: torch.Tensor | float = 0.0
        self._rest: torch.Tensor | float = 0.0

    def add(self, values: torch.Tensor) -> None:
        """(inputs, numbers)."""
        if self.how == "mean_abs":
            self.add_absolute(values.abs().sum(0, dtype=torch.float64), len(values))
            return
        wide = values.double()
        mean = wide.mean(0)
        rest = (wide - mean).square_().sum(0).cpu()
        mean = mean.cpu()
        n, m = self.count, len(values)
        gap = mean - self._mean
        self._mean = self._mean + gap * (m / (n + m))
        self._rest = self._rest + rest + gap.square_() * (n * m / (n + m))
        self.count += m

    def add_absolute(self, total: torch.Tensor, inputs: int) -> None:
        """(numbers,) absolute values, summed over some inputs already."""
        self._mean = self._mean + total.cpu()
        self.count += inputs

    def finish(self) -> Array:
        """(numbers,) what is kept."""
        kept = self._mean if self.how == "mean_abs" else self._rest
        assert isinstance(kept, torch.Tensor)
        mean: Array = (kept / self.count).cpu().numpy()
        return mean if self.how == "mean_abs" else np.sqrt(mean)


def data_of(operator: Any) -> Array:
    """(numbers,) of an operator, in its own order; an implicit one is listed."""
    if isinstance(operator, Convolution):
        data = operator.listed().data
        assert data is not None
        return data
    array: Array = operator.data if sp.issparse(operator) else np.asarray(operator).reshape(-1)
    return array


def with_data(operator: Any, data: Array) -> Any:
    """The operator that holds other numbers in the same places."""
    if isinstance(operator, Convolution):
        return replace(operator, rows=None, columns=None, data=data)
    if sp.issparse(operator):
        return sp.csr_array((data, operator.indices, operator.indptr), shape=operator.shape)
    return data.reshape(operator.shape)
