"""Where the edges of one linear map lie that is applied to several rows, each of its own vertices: to every token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Tokens:
    """A kernel (outputs, inputs) between the vertices of each row: a convolution whose window is a single place.

    Attributes
    ----------
    kernel : (outputs, inputs), the shape of the linear map.
    groups : (rows,) increasing: row g makes the vertices ``g · outputs … (g + 1) · outputs - 1`` of the target.
    sources : (rows, inputs) the vertices that each row reads, all different.
    shape : (n_target, n_source) of the whole layers.
    """

    kernel: tuple[int, ...]
    groups: Array
    sources: Array
    shape: tuple[int, int]

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Tokens)
            and (self.kernel, self.shape) == (other.kernel, other.shape)
            and np.array_equal(self.groups, other.groups)
            and np.array_equal(self.sources, other.sources)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def size(self) -> int:
        """Entries (those of a weight that is 0 counted)."""
        return len(self.groups) * self.kernel[0] * self.kernel[1]

    @cached_property
    def order(self) -> Array:
        """(rows, inputs) the inputs of each row, sorted by the vertex that they read."""
        inputs = np.broadcast_to(np.arange(self.kernel[1]), self.sources.shape)
        return inputs if (np.diff(self.sources, axis=1) > 0).all() else np.argsort(self.sources, axis=1)

    def edges(self, kernel: Array) -> int:
        """How many entries have a weight that is not 0."""
        return len(self.groups) * int(np.count_nonzero(kernel))

    def cuts(self, size: int) -> Iterator[tuple[int, int]]:
        """Runs of target vertices (first, last) that hold about ``size`` entries each."""
        outputs, inputs = self.kernel
        whole = size // max(outputs * inputs, 1)
        if whole:
            for i in range(0, len(self.groups), whole):
                last = self.groups[min(i + whole, len(self.groups)) - 1]
                yield int(self.groups[i]) * outputs, (int(last) + 1) * outputs
            return
        step = max(1, size // inputs)
        for group in self.groups:
            for first in range(0, outputs, step):
                yield int(group) * outputs + first, int(group) * outputs + min(first + step, outputs)

    def listed(self, first: int, last: int) -> tuple[Array, Array, Array, Array]:
        """(target, source, tap, number) of the entries of targets first … last - 1, sorted by target, then source."""
        outputs, inputs = self.kernel
        group, output = np.divmod(np.arange(first, last), outputs)
        row = np.searchsorted(self.groups, group)
        here = row < len(self.groups)
        here[here] = self.groups[row[here]] == group[here]
        row, output = row[here], output[here]
        order = self.order[row]
        target = np.repeat(np.flatnonzero(here) + first, inputs)
        source = np.take_along_axis(self.sources[row], order, axis=1).reshape(-1)
        tap = (output[:, None] * inputs + order).reshape(-1)
        number = ((row * outputs + output)[:, None] * inputs + np.arange(inputs)).reshape(-1)
        return target, source, tap, number

    def play(self, kernel: Array, sent: Array, backward: bool) -> Array:
        """(terms, n_target) of what is sent from (terms, n_source), or, backwards, the other way round."""
        outputs = self.kernel[0]
        if backward:
            rows = sent.reshape(len(sent), -1, outputs)[:, self.groups]
            out = np.zeros((len(sent), self.shape[1]), dtype=np.result_type(kernel, sent))
            out[:, self.sources] = rows @ kernel
            return out
        out = np.zeros((len(sent), self.shape[0] // max(outputs, 1), outputs), dtype=np.result_type(kernel, sent))
        out[:, self.groups] = sent[:, self.sources] @ kernel.T
        return out.reshape(len(sent), -1)
