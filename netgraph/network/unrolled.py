"""Convolutions between units: held implicitly where whole feature maps are read, listed tap by tap elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from netgraph.graph import blocks as ops
from netgraph.graph.convolution import Convolution, column_sums
from netgraph.graph.sliding import Geometry, Pattern
from netgraph.network.blocks import Extent, Part, Record
from netgraph.network.elementwise import Entries, Linear
from netgraph.network.reads import Array
from netgraph.network.shapes import batchify, conv_entries, count

if TYPE_CHECKING:
    from netgraph.network.vertices import At, Vertices


class Maps(NamedTuple):
    """Feature maps of one layer that a convolution reads: which, where they lie in the kernel, and how it slides."""

    layer: Vertices
    pattern: Pattern
    read: Array
    made: Array
    grouped: bool

    def kernel(self, weight: Array) -> Array:
        """The taps between them."""
        geometry = self.pattern.geometry
        if self.grouped:  # whole groups
            return weight[self.read] if geometry.transposed else weight[self.made]
        return weight[self.read] if geometry.transposed else weight[:, self.read]


class UnitConvolution(Linear):
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
        read: Sequence[int],
        made: Sequence[int],
        exact: bool,
    ) -> None:
        def listing() -> Entries:
            rows, cols, taps = conv_entries(read, made, weight.shape, geometry)
            return Entries(rows, cols, weight.detach().reshape(-1), taps)

        super().__init__(at, layer, "conv", numbers, scale, new, listing, made, exact)
        self.weight, self.geometry, self.inner = weight, geometry, tuple(read[1:])
        self._maps: list[Maps] | None = None
        self._sought = False

    def maps(self, layers: Sequence[Vertices]) -> list[Maps] | None:
        """What is read, layer by layer; None unless it is whole feature maps of layers of units, place by place."""
        if not self.exact:
            return None
        channels, there = self.inner[0], count(self.inner[1:])
        numbers = self.numbers.numpy().reshape(channels, there)
        first = numbers[:, 0] if there else np.zeros(0, dtype=np.int64)
        if first.size == 0 or (first < 0).any() or not np.array_equal(numbers, first[:, None] + np.arange(there)):
            return None
        where = np.searchsorted([v.start for v in layers], first, side="right") - 1
        groups = self.geometry.groups
        width, per_group = channels // groups, self.shape[1] // groups
        found = []
        for index in np.unique(where):
            layer = layers[index]
            mine = np.flatnonzero(where == index)
            maps, rest = np.divmod(first[mine] - layer.start, there)
            if rest.any() or layer.size % there:
                return None
            for read in _rounds(mine, maps):
                made = np.arange(self.shape[1])
                inside = self.geometry
                if groups > 1:
                    chosen, counts = np.unique(read // width, return_counts=True)
                    if (counts != width).any():
                        return None
                    made = (chosen[:, None] * per_group + np.arange(per_group)).reshape(-1)
                    inside = Geometry(**{**vars(self.geometry), "groups": len(chosen)})
                kernel, taps = self.weight.shape, self.weight.shape[2:]
                shape = (len(read), kernel[1]) if inside.transposed else (len(made), len(read) // inside.groups)
                pattern = Pattern(
                    geometry=inside,
                    kernel=(*shape, *taps),
                    inner=(len(read), *self.inner[1:]),
                    outer=(len(made), *self.shape[2:]),
                    sources=(first[read] - layer.start) // there,
                    targets=made,
                    shape=(self.layer.size, layer.size),
                )
                found.append(Maps(layer, pattern, read, made, groups > 1))
        return found

    def _found(self, layers: Sequence[Vertices]) -> list[Maps] | None:
        if not self._sought:
            self._maps, self._sought = self.maps(layers), True
        return self._maps

    def parts(self, layers: Sequence[Vertices], how: str, record: Record | None = None) -> list[Part]:
        found = self._found(layers)
        if found is None:
            return super().parts(layers, how, record)
        weight = self.weight.detach().cpu()
        columns = None if self.scale is None else self.scale.numpy()
        rows = None
        if self.factor is not None:
            by_channel = self.factor.reshape(self.shape[1], -1)
            if bool((by_channel == by_channel[:, :1]).all()):
                weight = weight * _along_outputs(by_channel[:, 0], weight, self.geometry)
            else:
                rows = self.factor.numpy()
        parts = []
        for maps in found:
            places = _places(maps)
            sources = None
            if columns is not None:
                sources = np.ones(maps.layer.size)
                sources[places.local] = columns[places.elements]
            kernel = maps.kernel(_as_numpy(weight))
            operator = Convolution(maps.pattern, kernel)
            if rows is not None or sources is not None:
                operator = operator.scaled(rows, sources)
            gate, constant = self._gates(record, 0, places.elements, places.local, maps.layer, columns)
            parts.append(Part(maps.layer, operator, None, gate, constant))
        return parts

    def usage(self) -> Array:
        if not self.inner[0]:
            return super().usage()
        channels, made = np.arange(self.inner[0]), np.arange(self.shape[1])
        shape = (count(self.shape[1:]), count(self.inner))
        edge = _as_numpy((self.weight.detach().cpu() != 0).double())
        pattern = Pattern(self.geometry, edge.shape, self.inner, self.shape[1:], channels, made, shape)
        return np.rint(column_sums(Convolution(pattern, edge), absolute=False)).astype(np.int64)

    def extents(self, layers: Sequence[Vertices], how: str, itemsize: int) -> list[Extent]:
        found = self._found(layers)
        if found is None:
            return super().extents(layers, how, itemsize)
        out = []
        for part, maps in zip(self.parts(layers, how), found, strict=True):
            held = part.weight
            ends = sum(f.size for f in (held.rows, held.columns) if f is not None)
            most = held.kernel.size + sum(held.shape)
            out.append(Extent(maps.layer, ops.count(held), (held.kernel.size + ends) * itemsize, most * itemsize))
        return out

    def flows(self, layers: Sequence[Vertices], record: Record, upstream: torch.Tensor) -> list[Any]:
        found = self._found(layers)
        if found is None:
            return super().flows(layers, record, upstream)
        x = record.values[0].detach().cpu()
        xs, us = batchify(x, self._source_shape(x)), batchify(upstream.detach().cpu(), self.shape)
        if len(us) > 1 and bool((us == us[:1]).all()):  # contributions: one upstream for all inputs
            us = us[:1]
        if len(us) == 1:
            xs = xs.sum(0, keepdim=True)
        weight = _as_numpy(self.weight.detach().cpu().to(x.dtype))
        out = []
        for maps in found:
            places = _places(maps)
            columns = np.zeros((len(xs), maps.layer.size), dtype=weight.dtype)
            columns[:, places.local] = _as_numpy(xs)[:, places.elements]
            rows = _as_numpy(us)
            operator = Convolution(maps.pattern, maps.kernel(weight), rows, columns)
            few = operator.terms * sum(operator.shape) <= max(operator.pattern.size, sum(operator.shape))
            out.append(operator if few else operator.listed())
        return out


class _Places(NamedTuple):
    """Elements of what is read, and the vertices of the layer that they are."""

    elements: Array
    local: Array


def _places(maps: Maps) -> _Places:
    there = maps.pattern.there
    inner = np.arange(there)
    return _Places(
        (maps.read[:, None] * there + inner).reshape(-1), (maps.pattern.sources[:, None] * there + inner).reshape(-1)
    )


def _rounds(read: Array, maps: Array) -> list[Array]:
    """Channels that read a layer, so that none of its maps comes twice in a round."""
    order = np.argsort(maps, kind="stable")
    fresh = np.concatenate([[True], maps[order][1:] != maps[order][:-1]])
    rank = np.empty(len(maps), dtype=np.int64)
    rank[order] = np.arange(len(maps)) - np.maximum.accumulate(np.where(fresh, np.arange(len(maps)), 0))
    return [read[rank == r] for r in range(int(rank.max()) + 1)]


def _along_outputs(factor: torch.Tensor, weight: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """A factor of each channel that is made, in the shape of the kernel."""
    ones = [1] * (weight.dim() - 2)
    if not geometry.transposed:
        return factor.reshape(-1, 1, *ones)
    groups = geometry.groups
    by_input = factor.reshape(groups, 1, -1).expand(groups, weight.shape[0] // groups, -1)
    return by_input.reshape(weight.shape[0], weight.shape[1], *ones)


def _as_numpy(t: torch.Tensor) -> Array:
    array: Array = (t.float() if t.dtype == torch.bfloat16 else t).numpy()
    return array
