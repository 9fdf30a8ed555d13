"""How a kernel slides over a feature map: which input meets which output under which tap, by index arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Geometry:
    """How a convolution slides: one entry per spatial axis, as torch has them."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int

    def output_shape(self, x: Sequence[int], weight: Sequence[int]) -> tuple[int, ...]:
        """(N, O, …) of what comes out."""
        kernel = weight[2:]
        out = []
        for i, n in enumerate(x[2:]):
            reach = self.dilation[i] * (kernel[i] - 1)
            if self.transposed:
                out.append((n - 1) * self.stride[i] - 2 * self.padding[i] + reach + self.output_padding[i] + 1)
            else:
                out.append((n + 2 * self.padding[i] - reach - 1) // self.stride[i] + 1)
        channels = weight[1] * self.groups if self.transposed else weight[0]
        return (int(x[0]), int(channels), *out)

    def meetings(self, axis: int, inner: int, outer: int, kernel: int) -> tuple[Array, Array, Array]:
        """One axis: every (output place, input place, tap) that meet."""
        steps = inner if self.transposed else outer
        bound = outer if self.transposed else inner
        tap = np.arange(kernel)[None, :] * self.dilation[axis]
        there = np.arange(steps)[:, None] * self.stride[axis] - self.padding[axis] + tap
        at, k = np.nonzero((there >= 0) & (there < bound))
        other = there[at, k]
        return (other, at, k) if self.transposed else (at, other, k)

    def places(self, inner: Sequence[int], outer: Sequence[int], kernel: Sequence[int]) -> Places:
        """Every (output place, input place, tap) that meet, each counted in C order; sorted by output, then input."""
        out = np.zeros(1, dtype=np.int64)
        into, tap = out, out
        for i in range(len(inner)):
            o, n, k = self.meetings(i, int(inner[i]), int(outer[i]), int(kernel[i]))
            out = (out[:, None] * outer[i] + o).reshape(-1)
            into = (into[:, None] * inner[i] + n).reshape(-1)
            tap = (tap[:, None] * kernel[i] + k).reshape(-1)
        order = np.lexsort((into, out))
        return Places(out[order], into[order], tap[order])

    def uses(self, inner: Sequence[int], outer: Sequence[int], kernel: Sequence[int]) -> Array:
        """(taps,) at how many output places each tap meets an input."""
        total = np.ones(1, dtype=np.int64)
        for i in range(len(inner)):
            taps = self.meetings(i, int(inner[i]), int(outer[i]), int(kernel[i]))[2]
            total = (total[:, None] * np.bincount(taps, minlength=int(kernel[i]))).reshape(-1)
        return total


class Places(NamedTuple):
    """Meetings of outputs, inputs and taps on one map: three arrays of one length."""

    out: Array
    into: Array
    tap: Array


@dataclass(frozen=True, eq=False)
class Sliding:
    """Where the edges of a convolution between two layers of units lie.

    Attributes
    ----------
    geometry : how the kernel slides.
    kernel : shape of the kernel, as torch has it: (outputs, inputs of a group, …), transposed (inputs, outputs of a
        group, …).
    inner, outer : (channels, …) of what is read and of what is made.
    sources : (channels,) the channel of the layer that each channel read is, its places in the layer's order; or
        (channels, places) the vertex of each element, in any order, all different.
    targets : (channels,) the channel of the layer that each channel made is, increasing.
    shape : (n_target, n_source) of the whole layers.
    """

    geometry: Geometry
    kernel: tuple[int, ...]
    inner: tuple[int, ...]
    outer: tuple[int, ...]
    sources: Array
    targets: Array
    shape: tuple[int, int]

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Sliding)
            and (self.geometry, self.kernel, self.inner, self.outer, self.shape)
            == (other.geometry, other.kernel, other.inner, other.outer, other.shape)
            and np.array_equal(self.sources, other.sources)
            and np.array_equal(self.targets, other.targets)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def taps(self) -> int:
        """Taps of one kernel."""
        return prod(self.kernel[2:])

    @property
    def width(self) -> int:
        """Channels that one output reads."""
        return self.inner[0] // self.geometry.groups

    @property
    def here(self) -> int:
        """Positions of a map that is made."""
        return prod(self.outer[1:])

    @property
    def there(self) -> int:
        """Positions of a map that is read."""
        return prod(self.inner[1:])

    def vertices(self, channels: Array | slice = slice(None)) -> Array:
        """(channels, places) the vertex that each element read is."""
        chosen: Array = self.sources[channels]
        return chosen if chosen.ndim == 2 else chosen[:, None] * self.there + np.arange(self.there)

    @cached_property
    def places(self) -> Places:
        """The meetings on one pair of maps."""
        return self.geometry.places(self.inner[1:], self.outer[1:], self.kernel[2:])

    @cached_property
    def uses(self) -> Array:
        """(taps,) how often each tap is used between two maps."""
        return self.geometry.uses(self.inner[1:], self.outer[1:], self.kernel[2:])

    @cached_property
    def starts(self) -> Array:
        """(positions + 1,) where the meetings of each output place begin."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.places.out, minlength=self.here))])

    @property
    def per_channel(self) -> int:
        """Entries of one channel that is made (taps that are 0 counted)."""
        return self.width * int(self.uses.sum())

    @property
    def size(self) -> int:
        """Entries (taps that are 0 counted)."""
        return len(self.targets) * self.per_channel

    def edges(self, kernel: Array) -> int:
        """How many entries have a tap that is not 0."""
        return int(np.count_nonzero(kernel.reshape(-1, self.taps), axis=0) @ self.uses)

    def cuts(self, size: int) -> Iterator[tuple[int, int]]:
        """Runs of target vertices (first, last) that hold about ``size`` entries each."""
        channels, here = len(self.targets), self.here
        whole = size // max(self.per_channel, 1)
        if whole:
            for first in range(0, channels, whole):
                last = min(first + whole, channels)
                yield int(self.targets[first]) * here, (int(self.targets[last - 1]) + 1) * here
            return
        step = max(1, here * size // self.per_channel)
        for channel in self.targets:
            for first in range(0, here, step):
                yield int(channel) * here + first, int(channel) * here + min(first + step, here)

    def listed(self, first: int, last: int) -> tuple[Array, Array, Array, Array]:
        """(target, source, tap, number) of the entries of targets first … last - 1, sorted by target, then source.

        ``tap`` counts in the flat kernel, ``number`` among all entries.
        """
        here, parts = self.here, [(np.zeros(0, dtype=np.int64),) * 4]
        begin, end = np.searchsorted(self.targets, [first // here, -(-last // here)]) if here else (0, 0)
        for channel in range(int(begin), int(end)):
            start = int(self.targets[channel]) * here
            parts.append(self._channel(channel, max(first - start, 0), min(last - start, here)))
        if len(parts) == 2:
            return parts[1]
        target, source, tap, number = (np.concatenate(column) for column in zip(*parts, strict=True))
        return target, source, tap, number

    def _channel(self, channel: int, first: int, last: int) -> tuple[Array, Array, Array, Array]:
        """One channel's places first … last - 1."""
        group, inside = divmod(channel, self.outer[0] // self.geometry.groups)
        out, source, tap = self._of_group(group, first, last)
        pair = inside if self.geometry.transposed else channel * self.width
        begin = channel * self.per_channel + self.width * int(self.starts[first])
        target = out + int(self.targets[channel]) * self.here
        return target, source, tap + pair * self.taps, begin + np.arange(len(out))

    def _of_group(self, group: int, first: int, last: int) -> tuple[Array, Array, Array]:
        """What the channels made by one group have in common: (place made, vertex read, tap from the first one's)."""
        if self.per_channel > _KEPT:
            return self._in_order(group, first, last)
        global _latest
        pattern, number, whole = _latest
        if pattern is not self or number != group:
            whole = self._in_order(group, 0, self.here)
            _latest = _Latest(self, group, whole)
        a, b = self.width * int(self.starts[first]), self.width * int(self.starts[last])
        out, source, tap = (axis[a:b] for axis in whole)
        return out, source, tap

    def _in_order(self, group: int, first: int, last: int) -> tuple[Array, Array, Array]:
        """:meth:`_of_group` for places first … last - 1, by place made, then by vertex read."""
        a, b = int(self.starts[first]), int(self.starts[last])
        out, into, tap = (axis[a:b] for axis in self.places)
        lengths = np.diff(self.starts[first : last + 1])
        begins = self.starts[first:last] - a
        rank = np.arange(b - a) - np.repeat(begins, lengths)
        made = self.outer[0] // self.geometry.groups
        read = group * self.width + np.arange(self.width)
        if self.sources.ndim == 1:
            read = read[np.argsort(self.sources[read], kind="stable")]
        pair = read * made if self.geometry.transposed else read - group * self.width
        count = self.width
        at = (count * np.repeat(begins, lengths) + rank)[None, :] + np.arange(count)[:, None] * np.repeat(
            lengths, lengths
        )
        place, source, taps = (np.empty(count * (b - a), dtype=np.int64) for _ in range(3))
        place[at] = out[None, :]
        source[at] = self.vertices(read)[:, into]
        taps[at] = (pair * self.taps)[:, None] + tap
        if self.sources.ndim == 2:
            order = np.lexsort((source, place))
            source, taps = source[order], taps[order]
        for axis in (place, source, taps):
            axis.setflags(write=False)  # several channels share them
        return place, source, taps


_KEPT = 2_000_000
"""Entries of a channel up to which what its group has in common is kept for the next channel."""


class _Latest(NamedTuple):
    pattern: Sliding | None
    group: int
    whole: tuple[Array, ...]


_latest = _Latest(None, 0, ())
"""Of the last group that was listed, whosoever: one at a time is all that is held."""
