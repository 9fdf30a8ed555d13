"""Convolutions between channels whose places belong to several vertices, as after a pixel shuffle or a flattening.

An edge's weight reduces the taps that meet its source somewhere; its flow is the weight's gradient with all other
places of the source blanked. Both are found for each *class* of places that have the same vertices, never element by
element.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from netgraph.network.blocks import Extent, Joint, Part, Record
from netgraph.network.implicit import as_numpy
from netgraph.network.kernels import gradient
from netgraph.network.reads import NORMS, Array, places_in
from netgraph.network.shapes import count, group_rows
from netgraph.network.unrolled import UnitConvolution

if TYPE_CHECKING:
    from netgraph.network.vertices import Vertices

CLASSES = 32
"""Above so many classes of places the edges are listed element by element."""


class Classes(NamedTuple):
    """(places,) the class of each place; (channels, classes) the vertices and (None for 1) the scales there."""

    of: Array
    vertices: Array
    scales: Array | None


class Meetings(NamedTuple):
    """What the outputs of a group read, sorted by vertex: vertex, channel (of all), tap or class of places, scale."""

    vertex: Array
    channel: Array
    place: Array
    scale: Array


class MixedConvolution(UnitConvolution):
    """A convolution at channel granularity whose inputs are no whole channels."""

    @cached_property
    def classes(self) -> Classes:
        """The places that have the same vertices at the same scale."""
        numbers = self.numbers.reshape(self.inner[0], -1)
        if self.scale is None:
            group, first = group_rows(numbers.t().contiguous())
            return Classes(group.numpy(), numbers[:, first].numpy(), None)
        scale = self.scale.to(torch.float64).reshape(numbers.shape)
        group, first = group_rows(torch.cat([numbers, scale.contiguous().view(torch.int64)]).t().contiguous())
        return Classes(group.numpy(), numbers[:, first].numpy(), scale[:, first].numpy())

    @property
    def few(self) -> bool:
        """Whether the classes are few enough to be taken one by one."""
        return self.classes.vertices.size > 0 and self.classes.vertices.shape[1] <= CLASSES

    def _by_output(self, kernel: torch.Tensor) -> Array:
        """(groups, outputs of a group, inputs of a group, taps)."""
        groups, taps = self.geometry.groups, count(kernel.shape[2:])
        split = kernel.reshape(groups, -1, kernel.shape[1], taps)
        return as_numpy((split.transpose(1, 2) if self.geometry.transposed else split).cpu())

    def _meetings(self, places: Array) -> list[Meetings]:
        """Group by group; ``places`` (classes, …): which taps (or which class itself) go with each class.

        A tap that meets a vertex at several scales has the strongest one.
        """
        vertices, scales = self.classes.vertices, self.classes.scales
        groups = self.geometry.groups
        width = len(vertices) // groups
        channel, cls, place = np.nonzero(np.broadcast_to(places, (len(vertices), *places.shape)))
        vertex = vertices[channel, cls]
        scale = np.ones(len(vertex)) if scales is None else scales[channel, cls]
        out = []
        for g in range(groups):
            mine = np.flatnonzero((channel // width == g) & (vertex >= 0))
            mine = mine[np.argsort(-np.abs(scale[mine]), kind="stable")]
            each, first = np.unique(np.stack([vertex[mine], channel[mine], place[mine]], 1), axis=0, return_index=True)
            out.append(Meetings(each[:, 0], each[:, 1], each[:, 2], scale[mine][first]))
        return out

    @cached_property
    def by_tap(self) -> list[Meetings]:
        """The taps that meet each vertex."""
        found = self.geometry.places(self.inner[1:], self.shape[2:], self.weight.shape[2:])
        hits = np.zeros((self.classes.vertices.shape[1], count(self.weight.shape[2:])), dtype=bool)
        hits[self.classes.of[found.into], found.tap] = True
        return self._meetings(hits)

    @cached_property
    def by_class(self) -> list[Meetings]:
        """The classes of places that are each vertex's, those that no tap meets left out."""
        met = [set(m.vertex.tolist()) for m in self.by_tap]
        every = self._meetings(np.eye(self.classes.vertices.shape[1], dtype=bool))
        keep = [np.isin(m.vertex, sorted(seen)) for m, seen in zip(every, met, strict=True)]
        return [Meetings(*(axis[k] for axis in m)) for m, k in zip(every, keep, strict=True)]

    def parts(self, layers: Sequence[Vertices], how: str, record: Record | None = None) -> list[Part]:
        if not self.few:
            return super().parts(layers, how, record)
        kernels, width = self._by_output(self.weight.detach()), self.inner[0] // self.geometry.groups
        matrices, sums = [], []
        for g, (meetings, kernel) in enumerate(zip(self.by_tap, kernels, strict=True)):
            at = (meetings.channel - g * width) * kernel.shape[2] + meetings.place
            taps = kernel.reshape(kernel.shape[0], -1)[:, at]
            if self.scale is not None:
                taps = taps * meetings.scale
            if self.factor is not None:
                taps = taps * self.factor.reshape(len(kernels), -1).numpy()[g][:, None]
            matrices.append(_reduced(taps, meetings.vertex, how))
            sums.append(_reduced(taps, meetings.vertex, "sum"))
        weights, beside = self._blocks(layers, matrices), self._blocks(layers, sums)
        several = how in NORMS and any(len(m.vertex) > len(np.unique(m.vertex)) for m in self.by_tap)
        return [
            Part(layer, weight, tap_sum if several else None)
            for (layer, weight), (_, tap_sum) in zip(weights, beside, strict=True)
        ]

    def flows(self, layers: Sequence[Vertices], record: Record, upstream: torch.Tensor) -> list[Any]:
        if not self.few:
            return super().flows(layers, record, upstream)
        x, classes = record.values[0].detach(), self.classes
        weight = self.weight.detach().to(x)
        places = torch.from_numpy(classes.of).to(x.device).reshape(self.inner[1:])
        upstream = upstream.contiguous()
        alone = [gradient(x * (places == k), upstream, weight, self.geometry) for k in range(classes.vertices.shape[1])]
        through = np.stack([self._by_output(weight * found).sum(-1) for found in alone], -1)
        width = self.inner[0] // self.geometry.groups
        matrices = [
            _reduced(flow[:, m.channel - g * width, m.place], m.vertex, "sum")
            for g, (m, flow) in enumerate(zip(self.by_class, through, strict=True))
        ]
        return [flow for _, flow in self._blocks(layers, matrices)]

    def extents(self, layers: Sequence[Vertices], how: str, itemsize: int) -> list[Extent]:
        return Joint.extents(self, layers, how, itemsize) if self.few else super().extents(layers, how, itemsize)

    def _blocks(self, layers: Sequence[Vertices], matrices: Sequence[Array]) -> list[tuple[Vertices, sp.csr_array]]:
        """(layer, block) of matrices (outputs of a group, vertices that it reads), one for each group."""
        reads = [np.unique(m.vertex) for m in self.by_tap]
        begins = np.array([layer.start for layer in layers])
        out = []
        for index in np.unique(np.searchsorted(begins, np.concatenate(reads), side="right") - 1):
            layer = layers[index]
            mine = [np.flatnonzero((r >= layer.start) & (r < layer.start + layer.size)) for r in reads]
            rows = len(matrices[0])
            data = np.concatenate([m[:, k].reshape(-1) for m, k in zip(matrices, mine, strict=True)])
            columns = np.concatenate([np.tile(r[k] - layer.start, rows) for r, k in zip(reads, mine, strict=True)])
            indptr = np.concatenate([[0], np.cumsum(np.repeat([len(k) for k in mine], rows))])
            places = places_in(self.layer.size, layer.size, len(data))
            shape = (self.layer.size, layer.size)
            out.append((layer, sp.csr_array((data, columns.astype(places), indptr.astype(places)), shape=shape)))
        return out


def _reduced(taps: Array, vertex: Array, how: str) -> Array:
    """(outputs, entries), sorted by vertex -> (outputs, vertices). A lone entry keeps its sign."""
    starts = np.flatnonzero(np.concatenate([[True], vertex[1:] != vertex[:-1]])) if len(vertex) else np.arange(0)
    counts = np.diff(np.append(starts, len(vertex)))
    sums = np.add.reduceat(taps, starts, axis=1) if len(starts) else taps
    if how == "sum" or (counts == 1).all():
        return np.asarray(sums)
    if how == "mean":
        made = sums / counts
    elif how == "max":
        made = np.maximum.reduceat(np.abs(taps), starts, axis=1)
    else:
        size = np.abs(taps) if how == "l1" else np.square(taps)
        made = np.add.reduceat(size, starts, axis=1)
        made = np.sqrt(made) if how == "l2" else made
    return np.where(counts == 1, sums, made)
