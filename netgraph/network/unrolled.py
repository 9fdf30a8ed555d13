"""Convolutions between units, and linear maps of every token: implicit where they repeat, listed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from netgraph.graph.convolution import Convolution, column_sums
from netgraph.graph.sliding import Geometry, Sliding
from netgraph.graph.tokens import Tokens
from netgraph.network.blocks import Matmul, Record
from netgraph.network.elementwise import Entries, Linear
from netgraph.network.implicit import Held, Implicit, as_numpy
from netgraph.network.reads import Array, read
from netgraph.network.shapes import batchify, batchify_rows, conv_entries, count

if TYPE_CHECKING:
    from netgraph.network.vertices import At, Vertices


class UnitConvolution(Implicit, Linear):
    """A convolution that makes every element of a feature map, or channels from places that are not channels."""

    def __init__(
        self,
        at: At,
        layer: Vertices,
        numbers: torch.Tensor,
        scale: torch.Tensor | None,
        new: torch.Tensor,
        weight: torch.Tensor,
        geometry: Geometry,
        inner: Sequence[int],
        outer: Sequence[int],
        exact: bool,
    ) -> None:
        def listing() -> Entries:
            rows, cols, taps = conv_entries(inner, outer, weight.shape, geometry)
            return Entries(rows, cols, weight.detach().reshape(-1), taps)

        Linear.__init__(self, at, layer, "conv", numbers, scale, new, listing, outer, exact)
        self.weight, self.geometry, self.inner = weight, geometry, tuple(inner[1:])

    def reads(self, layers: Sequence[Vertices]) -> list[Held] | None:
        """Layer by layer, if whole feature maps of layers of units are read, place by place."""
        channels, there = self.inner[0], count(self.inner[1:])
        if not self.exact or channels * there == 0:
            return None
        numbers = self.numbers.numpy().reshape(channels, there)
        begins = np.array([v.start for v in layers])
        where = np.searchsorted(begins, numbers[:, 0], side="right") - 1
        ends = np.append(begins[1:], layers[-1].start + layers[-1].size)[where]
        if (numbers < begins[where][:, None]).any() or (numbers >= ends[:, None]).any():
            return None  # padded, or a channel of several layers
        found = []
        for index in np.unique(where):
            layer, mine = layers[index], np.flatnonzero(where == index)
            for chosen, sources in _rounds(numbers[mine] - layer.start, layer.size):
                held = self._maps(layer, mine[chosen], sources)
                if held is None:
                    return None
                found.append(held)
        return found

    def _maps(self, layer: Vertices, read: Array, sources: Array | None) -> Held | None:
        """What the channels ``read`` of the kernel read. None if they are parts of groups, or read a vertex twice."""
        if sources is None:
            return None
        geometry, weight = self.geometry, self.weight
        made, width = np.arange(self.shape[1]), self.inner[0] // geometry.groups
        grouped = geometry.groups > 1
        if grouped:
            groups, counts = np.unique(read // width, return_counts=True)
            if (counts != width).any():
                return None
            per_group = self.shape[1] // geometry.groups
            made = (groups[:, None] * per_group + np.arange(per_group)).reshape(-1)
            geometry = replace(geometry, groups=len(groups))
        ends = (len(read), weight.shape[1]) if geometry.transposed else (len(made), len(read) // geometry.groups)
        there, inside = count(self.inner[1:]), np.arange(count(self.inner[1:]))
        pattern = Sliding(
            geometry=geometry,
            kernel=(*ends, *weight.shape[2:]),
            inner=(len(read), *self.inner[1:]),
            outer=(len(made), *self.shape[2:]),
            sources=sources,
            targets=made,
            shape=(self.layer.size, layer.size),
        )
        return Held(
            layer,
            pattern,
            (read[:, None] * there + inside).reshape(-1),
            pattern.vertices().reshape(-1),
            partial(_kernel, read=read, made=made, grouped=grouped, transposed=geometry.transposed),
        )

    def folded(self, weight: torch.Tensor, factor: torch.Tensor) -> torch.Tensor | None:
        by_channel = factor.reshape(self.shape[1], -1)
        if not bool((by_channel == by_channel[:, :1]).all()):
            return None
        ones = [1] * (weight.dim() - 2)
        if not self.geometry.transposed:
            return weight * by_channel[:, :1].reshape(-1, 1, *ones)
        groups = self.geometry.groups
        by_input = by_channel[:, 0].reshape(groups, 1, -1).expand(groups, weight.shape[0] // groups, -1)
        return weight * by_input.reshape(weight.shape[0], weight.shape[1], *ones)

    def played(self, record: Record, upstream: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = record.values[0].detach()
        return batchify(x, self._source_shape(x)), batchify(upstream, self.shape)

    def usage(self) -> Array:
        edge = as_numpy((self.weight.detach().cpu() != 0).double())
        if edge.size == 0:
            return np.zeros(self.numbers.numel(), dtype=np.int64)
        channels, made = np.arange(self.inner[0]), np.arange(self.shape[1])
        shape = (count(self.shape[1:]), count(self.inner))
        pattern = Sliding(self.geometry, edge.shape, self.inner, self.shape[1:], channels, made, shape)
        return np.rint(column_sums(Convolution(pattern, edge), absolute=False)).astype(np.int64)


def _kernel(weight: Array, read: Array, made: Array, grouped: bool, transposed: bool) -> Array:
    """The taps between channels that are read and made."""
    axis, chosen = (1, read) if not (transposed or grouped) else (0, read if transposed else made)
    return weight if len(chosen) == weight.shape[axis] else weight.take(chosen, axis)


def _rounds(local: Array, size: int) -> list[tuple[Array, Array | None]]:
    """(channels, their maps or vertices) of (channels, places) vertices of one layer, none of them twice in a round.

    Whole maps in the layer's order are numbered; elements in another order are listed, if all differ (else None).
    """
    there = local.shape[1]
    maps, rest = np.divmod(local[:, 0], there)
    if rest.any() or size % there or not np.array_equal(local, local[:, :1] + np.arange(there)):
        return [(np.arange(len(local)), local if len(np.unique(local)) == local.size else None)]
    order = np.argsort(maps, kind="stable")
    fresh = np.concatenate([[True], maps[order][1:] != maps[order][:-1]])
    rank = np.empty(len(maps), dtype=np.int64)
    rank[order] = np.arange(len(maps)) - np.maximum.accumulate(np.where(fresh, np.arange(len(maps)), 0))
    rounds = [np.flatnonzero(rank == r) for r in range(int(rank.max()) + 1)]
    return [(chosen, maps[chosen]) for chosen in rounds]


class TokenMatmul(Implicit, Matmul):
    """A linear map of several rows, each of its own vertices."""

    def reads(self, layers: Sequence[Vertices]) -> list[Held] | None:
        """Layer by layer, if each is read by the same inputs of some rows, and no row stands twice in a batch."""
        groups, inputs = self.numbers.shape
        if not torch.equal(self.group.reshape(-1), torch.arange(groups)):
            return None
        found = []
        for r in read(self.numbers.reshape(-1), layers, True):
            elements = np.sort(r.columns)
            local = self.numbers.reshape(-1)[elements] - r.layer.start
            rows, columns = np.unique(elements // inputs), np.unique(elements % inputs)
            if len(rows) * len(columns) != len(elements):
                return None
            pattern = Tokens(
                kernel=(int(self.weight.shape[1]), len(columns)),
                groups=rows,
                sources=local.reshape(len(rows), len(columns)),
                shape=(self.layer.size, r.layer.size),
            )
            found.append(Held(r.layer, pattern, elements, local, partial(_inputs, columns=columns)))
        return found

    def folded(self, weight: torch.Tensor, factor: torch.Tensor) -> torch.Tensor | None:
        by_row = factor.reshape(-1, weight.shape[1])
        return weight * by_row[:1] if bool((by_row == by_row[:1]).all()) else None

    def played(self, record: Record, upstream: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        small = tuple(self.group.shape)
        xs, us = batchify_rows(record.values[0].detach(), small), batchify_rows(upstream, small)
        return xs.flatten(1), us.flatten(1)


def _inputs(weight: Array, columns: Array) -> Array:
    """(outputs, inputs) of a weight (inputs, outputs)."""
    return weight.T if len(columns) == len(weight) else weight[columns].T
