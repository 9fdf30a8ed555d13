"""Joints whose weights are taken from the values themselves: chosen elements, and mixtures such as attention."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from netgraph.network.blocks import Record
from netgraph.network.elementwise import Linear
from netgraph.network.reads import Array, Layout
from netgraph.network.shapes import batchify, count, unbatchify

EXTREMES = {
    "max_pool2d_with_indices": "amax",
    "max_pool3d_with_indices": "amax",
    "adaptive_max_pool2d": "amax",
    "adaptive_max_pool3d": "amax",
    "amax": "amax",
    "amin": "amin",
}
"""Selections whose choice follows from the values of their window alone -> torch's reduction."""


class Select(Linear):
    """One member of each window passes. Without an input all have an edge; with one, only the chosen one counts."""

    operation = ""
    """What chooses, by the name of torch's operation."""

    def cut(
        self, x: torch.Tensor, base: torch.Tensor, kept: torch.Tensor, z: torch.Tensor, record: Record
    ) -> torch.Tensor:
        """A vertex that takes the largest (smallest) takes it of what its edges carry; others keep their choice."""
        if self.operation not in EXTREMES:
            return super().cut(x, base, kept, z, record)
        small = self._source_shape(x)
        values = batchify(x.cpu(), small)
        others = batchify(base.expand(x.shape).cpu(), small)
        out = values.new_zeros(len(values), count(self.shape))
        for n in range(len(out)):
            carried = torch.lerp(others[n][self.cols], values[n][self.cols], kept.cpu().to(values.dtype))
            out[n].scatter_reduce_(0, self.rows, carried, EXTREMES[self.operation], include_self=False)
        return unbatchify(out, z, self.shape).to(z.device)

    def weights_of_each(self, record: Record, inputs: int) -> Iterator[torch.Tensor] | None:
        chosen = batchify(record.chosen().cpu(), self.shape)
        return ((one[self.rows] == self.cols).to(torch.float64) for one in chosen)

    def entry_weights(self, record: Record) -> torch.Tensor:
        """1 at the chosen member of each window, 0 at the others."""
        chosen = record.chosen().cpu().reshape(-1)
        return (chosen[self.rows] == self.cols).to(torch.float64)

    def entry_flows(self, record: Record, upstream: torch.Tensor) -> Array:
        x = record.values[0].detach().cpu()
        xs, us = batchify(x, self._source_shape(x)), batchify(upstream.cpu(), self.shape)
        chosen = batchify(record.chosen().cpu(), self.shape)
        total = torch.zeros(len(self.rows), dtype=x.dtype)
        for n in range(xs.shape[0]):
            hit = chosen[n][self.rows] == self.cols
            total += torch.where(hit, xs[n][self.cols] * us[n if us.shape[0] > 1 else 0][self.rows], 0)
        flow: Array = total.numpy()
        return flow


class Mixing(Linear):
    """Values mixed by coefficients that were taken from the values themselves: attention with its pattern held fixed.

    ``taps`` says which coefficient each entry has. Without an input the coefficients are not known: 1.
    """

    def weights(self) -> torch.Tensor:
        return torch.ones(len(self.rows), dtype=torch.float64)

    def entry_weights(self, record: Record) -> torch.Tensor:
        weights: torch.Tensor = record.coefficients[0].cpu().reshape(-1).to(torch.float64)[self.taps]
        return weights

    def entry_flows(self, record: Record, upstream: torch.Tensor) -> Array:
        x = record.values[0].detach().cpu()
        xs, us = batchify(x, self._source_shape(x)), batchify(upstream.cpu(), self.shape)
        patterns = self._patterns(record, len(xs))
        total = torch.zeros(len(self.rows), dtype=x.dtype)
        for n in range(xs.shape[0]):
            total += patterns[n].to(x.dtype)[self.taps] * xs[n][self.cols] * us[n][self.rows]
        flow: Array = total.numpy()
        return flow

    def weights_of_each(self, record: Record, inputs: int) -> Iterator[torch.Tensor] | None:
        return (pattern[self.taps] for pattern in self._patterns(record, inputs))

    def _patterns(self, record: Record, inputs: int) -> torch.Tensor:
        """(inputs, coefficients) that were played."""
        pattern = record.coefficients[0].cpu()
        return batchify(pattern, (1, *pattern.shape[1:]) if inputs > 1 else tuple(pattern.shape))

    def _reduced(self, values: Array, block: Layout, how: str) -> tuple[Array, Array | None]:
        out = np.bincount(block.edge, values[: len(block.edge)], len(block.column))
        return out.astype(values.dtype), None
