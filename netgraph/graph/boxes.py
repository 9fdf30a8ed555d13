"""One layer, drawn: how large its vertices are and where they stand in the room that a column has for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.graph.ordering import SINGLE_FILE, Raster, raster

if TYPE_CHECKING:
    from netgraph.graph.graph import Layer

Array = np.ndarray[Any, Any]

HEIGHT = 100.0
"""Of a full column, whatever the number of its vertices."""
UNIT, CHANNEL, BIAS = 7.0, 10.0, 3.5
"""From one unit, one channel, one bias to the next, at most."""
WRAPPED = 3.3
"""The same in a layer of many vertices, where there is room."""
PIXEL, MAP, MAPS = 3.0, 14.0, 28.0
"""A pixel of a feature map, at most; one map of many, where there is room; all maps of a layer, at least."""
LONE, LOOSE = 3.0, 1.4
"""Step down over step across in a narrow column, of a single file and of others, at most."""
TALLER = 0.85
"""Steps smaller by this factor are worth a narrower and taller block."""
WIDEST = 55.0
"""A layer, at most."""
PICTURE = 0.45
"""Side of an input's picture over the height of the whole graph, at most."""
CHANNELS = 0.3
"""The same where one vertex stands for a whole channel of it."""
STACKED = 0.8
"""The channels of an input above each other, at most; so many as ``FEW`` are drawn like that."""
FEW = 4


@dataclass(frozen=True)
class Box:
    """A layer as tiles in rows.

    Attributes
    ----------
    number : of the layer.
    shape : its tiles.
    largest : step from one cell to the next, at most.
    wish : width that it would like for itself.
    input : its vertices are an input's pixels, or the channels that stand for them.
    """

    number: int
    layer: Layer
    shape: Raster
    largest: float
    wish: float
    input: bool = False
    beside: int = 1
    step: float = 0.0
    pitch: float = 0.0
    cell: float = 0.0
    height: float = 0.0
    width: float = 0.0

    @staticmethod
    def of(number: int, layer: Layer) -> Box:
        """A layer, not fitted yet."""
        shape = raster(layer)
        tiles = shape.tiles
        channel = len(layer.shape) > 1
        pictured = layer.kind == "input" and (not shape.units or (channel and tiles <= FEW))
        if not shape.units:
            gap = _gap(shape)
            ratio = (shape.columns + gap) / (shape.rows + gap)
            side = max(MAP, MAPS / math.sqrt(tiles))
            wish = float(np.clip(tiles * side**2 * ratio / HEIGHT, min(side * math.sqrt(ratio), WIDEST), WIDEST))
            return Box(number, layer, shape, PIXEL, wish, pictured)
        largest = BIAS if layer.kind == "bias" else CHANNEL if channel else UNIT
        if tiles <= SINGLE_FILE:
            return Box(number, layer, shape, largest, min(largest, HEIGHT / tiles), pictured)
        return Box(number, layer, shape, largest, min(WIDEST, tiles * WRAPPED**2 / HEIGHT), pictured)

    def among(self, height: float) -> Box:
        """An input's picture as large as it may be in a graph of this height; other layers as they are."""
        if not self.input:
            return self
        tiles, rows, columns = self.shape
        side, down = PICTURE * height / max(rows, columns), tiles * (rows + _gap(self.shape))
        if self.shape.units:
            side = CHANNELS * height
        if tiles > FEW:
            return replace(self, largest=side)
        if tiles > 1:
            side = min(side, STACKED * height / down)
        return replace(self, largest=side, wish=side * columns)

    def fitted(self, height: float, width: float) -> Box:
        """With the largest steps that the room allows."""
        shape = self.shape
        if shape.units and shape.tiles <= SINGLE_FILE:  # as far apart as there is room, however narrow the column
            pitch = min(self.largest, height / shape.tiles, 1.2 * width if self.input else math.inf)
            cell = min(pitch, width)
            high = (shape.tiles - 1) * pitch + cell
            return replace(self, beside=1, pitch=pitch, step=pitch, cell=cell, width=cell, height=high)
        gap = _gap(shape)
        beside = np.arange(1, min(shape.tiles, math.ceil(3 * math.sqrt(shape.tiles))) + 1)
        down = -(-shape.tiles // beside) * (shape.rows + gap) - gap
        across = beside * (shape.columns + gap) - gap
        steps = np.minimum(self.largest, np.minimum(height / down, width / across))
        near = TALLER if shape.units else 1.0 - 1e-9
        at = int(np.argmax(steps >= near * steps.max()))
        step, rows = float(steps[at]), -(-shape.tiles // int(beside[at]))
        few = -(-shape.tiles // rows)  # in a row: as few as fill as many rows
        pitch = step * (shape.rows + gap)
        if shape.units:  # in a narrow column
            pitch = max(pitch, min(height / rows, self.largest, (LONE if few == 1 else LOOSE) * step))
        return replace(
            self,
            beside=few,
            step=step,
            pitch=pitch,
            cell=step,
            height=(rows - 1) * pitch + step * shape.rows,
            width=step * (few * (shape.columns + gap) - gap),
        )

    def offsets(self, order: Array) -> tuple[Array, Array]:
        """(right, down) of each vertex from the middle of the box; ``order`` has each tile's place."""
        _, rows, columns = self.shape
        row, column = np.divmod(np.arange(rows * columns), columns)
        right = (order % self.beside * (columns + _gap(self.shape)))[:, None] * self.step + column * self.step
        down = (order // self.beside)[:, None] * self.pitch + row * self.step
        across, along = right.reshape(-1), down.reshape(-1)
        return across - across.max() / 2, along - along.max() / 2


def _gap(shape: Raster) -> int:
    """Empty cells between one tile and the next."""
    return 0 if shape.units else max(1, round(max(shape.rows, shape.columns) / 8))
