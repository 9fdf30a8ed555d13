"""What a page can show as pictures: the inputs, feature maps, and the kernels of convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.graph.convolution import Convolution
from netgraph.render.canvas.numbers import packed
from netgraph.render.canvas.stored import Stored

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph, Layer

Array = np.ndarray[Any, Any]

SIDE = 56
"""Largest side of an input's picture in the strip."""
MAPS = 1_100_000
"""Bytes for the feature maps of all inputs, before base64."""
SIDES = (16, 14, 12, 10, 8, 7, 6, 5, 4, 3, 2)
"""Sides that a feature map may be cut down to, the largest first that all fit with."""
KERNELS = 220_000
"""Bytes for the kernels of all convolutions, before base64."""
UNITS = 4_000_000
"""Feature maps are looked at where the network has no more numbers in all its activations."""


# -- inputs --------------------------------------------------------------------------------------------


def input_pictures(values: Array | None, graph: Graph) -> list[dict[str, Any] | None]:
    """A picture of each input, dark for the lowest number of all of them, where they are images."""
    images = None if values is None or values.dtype.kind not in "biuf" else _images(values, graph)
    if images is None:
        return [None] * (0 if values is None else len(values))
    images = shrunk(images, SIDE)
    low, high = float(images.min()), float(images.max())
    shown = _bytes(images, low, high)
    n, channels, height, width = shown.shape
    rows = np.moveaxis(shown, 1, -1)
    return [{"width": width, "height": height, "channels": channels, "data": packed(rows[i], "u1")} for i in range(n)]


def _images(values: Array, graph: Graph) -> Array | None:
    """(N, 1 or 3, height, width), or None."""
    entry = next((layer for layer in graph.layers if layer.kind == "input"), None)
    shape = values.shape[1:]
    if len(shape) == 1 and entry is not None and len(entry.grid) == 3 and entry.size == shape[0]:
        shape = entry.grid
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3 or shape[0] not in (1, 3) or min(shape[1:]) < 3:
        return None
    return np.nan_to_num(values.reshape(len(values), *shape).astype(np.float32))


def shrunk(images: Array, side: int) -> Array:
    """Images (…, height, width) averaged down to at most ``side`` a side, the proportions kept.

    >>> shrunk(np.array([[1.0, 3.0], [5.0, 7.0]]), 1).tolist()
    [[4.0]]
    """
    height, width = images.shape[-2:]
    if max(height, width) <= side:
        return images
    scale = side / max(height, width)
    return _means(_means(images, max(1, round(height * scale)), -2), max(1, round(width * scale)), -1)


def _means(values: Array, size: int, axis: int) -> Array:
    """Means of ``size`` even parts of an axis."""
    starts = np.arange(size) * values.shape[axis] // size
    sums = np.add.reduceat(values, starts, axis=axis)
    counts = np.diff([*starts, values.shape[axis]])
    shape = [1] * values.ndim
    shape[axis] = size
    return np.asarray(sums / counts.reshape(shape), dtype=values.dtype)


def _bytes(values: Array, low: float, high: float) -> Array:
    """0 for low … 255 for high."""
    span = high - low
    return np.clip(np.rint((values - low) * (255 / span if span > 0 else 0.0)), 0, 255).astype(np.uint8)


# -- feature maps --------------------------------------------------------------------------------------


def map_layers(graph: Graph) -> list[int]:
    """Numbers of the layers whose vertices are channels of feature maps."""
    if graph.meta.get("granularity") == "unit":  # a circuit's few units of a layer look like channels
        return []
    return [
        i
        for i, layer in enumerate(graph.layers)
        if len(layer.shape) == 3 and len(layer.grid) == 1 and min(layer.shape[1:]) > 1 and layer.size <= layer.shape[0]
    ]


def channels_of(graph: Graph, layer: Layer) -> Array | None:
    """Which of a feature map's channels the vertices of a layer are; None where that is not known."""
    if layer.size == layer.shape[0]:
        return np.arange(layer.size)
    for name in ("channel", "index"):
        if name in graph.columns:
            places = np.nan_to_num(np.asarray(graph.columns[name], dtype=np.float64)[layer.vertices], nan=-1)
            if ((places >= 0) & (places < layer.shape[0])).all():
                return places.astype(np.int64)
    return None


def map_side(graph: Graph, samples: int) -> int:
    """The largest side with which the maps of all inputs fit; 0: not even the smallest does."""
    shapes = [graph.layers[i].shape for i in map_layers(graph)]
    for side in SIDES:
        if samples * sum(c * min(h, side) * min(w, side) for c, h, w in shapes) <= MAPS:
            return side if shapes else 0
    return 0


def feature_maps(graph: Graph, units: Graph, values: Array, side: int) -> list[dict[str, Any]]:
    """The maps of one input; ``values``: the activations of ``units``, the same network's graph by units."""
    rows = []
    known = {layer.name: layer for layer in units.layers}
    for i in map_layers(graph):
        layer = graph.layers[i]
        unit, channels = known.get(layer.name), channels_of(graph, layer)
        if unit is None or channels is None or unit.size != int(np.prod(layer.shape)):
            continue
        maps = values[unit.vertices].reshape(layer.shape)[channels]
        maps = shrunk(maps, 2 * side if layer.kind == "input" else side)
        low, high = float(min(maps.min(), 0.0)), float(maps.max())
        size = {"width": maps.shape[2], "height": maps.shape[1], "low": low, "high": high}
        rows.append({"layer": i, **size, "data": packed(_bytes(maps, low, high), "u1")})
    return rows


# -- kernels -------------------------------------------------------------------------------------------


def kernels(units: Graph | None, stored: Sequence[Stored]) -> list[dict[str, Any] | None]:
    """The taps of each convolution between channels, where there is room: the first ones, and small ones.

    They are the taps of the graph by units, with the scales that a BatchNorm folds into them; a kernel whose sum of
    taps is not the one that the graph by channels has is left out.
    """
    found: list[dict[str, Any] | None] = []
    left = KERNELS
    for mine in stored:
        taps = None if units is None or "tap_sum" not in mine.block.values else _taps(units, mine)
        if taps is None or taps.size > left:
            found.append(None)
            continue
        left -= taps.size
        largest = float(np.abs(taps).max(initial=0.0)) or 1.0
        data = packed(np.rint(taps * (127 / largest)), "i1")
        found.append({"data": data, "scale": largest / 127, "height": taps.shape[2], "width": taps.shape[3]})
    return found


def _taps(units: Graph, mine: Stored) -> Array | None:
    """(rows, cols, height, width), where every pair of channels has one kernel of two sides."""
    expected = mine.block.values["tap_sum"]
    for block in units.blocks:
        operator = block.weight
        if block.target != mine.block.target or not isinstance(operator, Convolution) or operator.data is not None:
            continue
        taps = operator.kernel
        if taps.ndim != 4 or taps.shape[:2] != mine.block.shape or not isinstance(expected, np.ndarray):
            continue
        scale = _row_scale(operator, taps.shape[0])
        if scale is None:
            continue
        taps = taps * scale[:, None, None, None]
        if np.allclose(taps.sum((2, 3)), expected, rtol=1e-3, atol=1e-4 * float(np.abs(expected).max(initial=0.0))):
            return np.asarray(taps)
    return None


def _row_scale(operator: Convolution, channels: int) -> Array | None:
    """What each channel's taps are multiplied by, where that is one number a channel."""
    if operator.columns is not None or operator.terms != 1:
        return None
    if operator.rows is None:
        return np.ones(channels)
    rows = operator.rows[0].reshape(channels, -1)
    return rows[:, 0] if (rows == rows[:, :1]).all() else None
