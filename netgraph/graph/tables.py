"""Vertices and edges as tables: made when asked for, the edges streamed in pieces.

Tables are built as polars columns (ids of a million vertices in a fraction of a second) and handed out as pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from netgraph.errors import GraphError
from netgraph.graph import blocks as ops
from netgraph.graph.columns import column_series, plain_column, text_array, to_pandas_frame
from netgraph.graph.dense import absolute

if TYPE_CHECKING:
    import pandas as pd

    from netgraph.graph.graph import Block, Graph, Layer

Array = np.ndarray[Any, Any]

EDGE_COLUMNS = ("source", "target", "weight", "abs_weight", "kind")
VERTEX_COLUMNS = ("id", "label", "layer", "depth", "index", "channel", "row", "col", "kind", "bias")
POSITIONS = ("index", "channel", "row", "col")
"""Where a vertex stood in the layer it came from: given in ``graph.columns`` where the layer cannot say (-1: none)."""


# -- vertices ------------------------------------------------------------------------------------------

_IDS_AT_ONCE = 1 << 17


def vertex_ids(graph: Graph) -> Array:
    """Ids in vertex order, an object array of text: ``fc1:17``, ``conv2:5,3,4`` (coordinates in the layer's grid)."""
    if "id" in graph.columns:
        return np.asarray(id_series(graph).to_numpy(), dtype=object)
    ids = np.empty(graph.n, dtype=object)
    for first in range(0, graph.n, _IDS_AT_ONCE):  # millions of ids are not held twice
        last = min(first + _IDS_AT_ONCE, graph.n)
        ids[first:last] = _ids(list(_runs(graph, first, last))).to_numpy()
    return ids


def vertex_table(graph: Graph, positions: bool = False) -> pd.DataFrame:
    """One row per vertex: id, label, layer, depth, index, channel, row, col, kind, bias, then ``graph.columns``.

    Parameters
    ----------
    positions : also the layout, columns ``x`` and ``y`` (after bias), which the tools of others expect.
    """
    return to_pandas_frame(vertex_frame(graph, positions))


def vertex_frame(graph: Graph, positions: bool = False) -> pl.DataFrame:
    """The same as a polars frame; a coordinate that means nothing for a vertex is null."""
    return next(vertex_frames(graph, max(graph.n, 1), positions))


def vertex_frames(graph: Graph, size: int, positions: bool = False) -> Iterator[pl.DataFrame]:
    """The same in pieces of ``size`` vertices, at least one, so that millions of vertices are never held as a table."""
    given = {name: plain_column(name, values) for name, values in graph.columns.items()}
    if positions:
        from netgraph.graph.layout import layout

        x, y = layout(graph)
        given = {"x": x, "y": y} | given
    for first in range(0, max(graph.n, 1), size):
        runs = list(_runs(graph, first, min(first + size, graph.n)))
        held = {name: column_series(name, values[first : first + size]) for name, values in given.items()}
        ids = held["id"] if "id" in held else _ids(runs)
        made = {
            "id": ids,
            "label": held.get("label", ids),
            "layer": _per_layer(runs, [layer.name for layer, _, _ in runs], pl.String),
            "depth": _per_layer(runs, [graph.depth[layer.name] for layer, _, _ in runs], pl.Int64),
            **{name: _position(runs, name, held.get(name)) for name in POSITIONS},
            "kind": _per_layer(runs, [layer.kind for layer, _, _ in runs], pl.String),
            "bias": held.get("bias", _nulls(len(ids), pl.Float64)),
        }
        if positions:
            made |= {"x": held["x"], "y": held["y"]}
        made |= {name: series for name, series in held.items() if name not in made}
        yield pl.DataFrame({name: series.alias(name) for name, series in made.items()})


def id_series(graph: Graph) -> pl.Series:
    """The ids as a polars column."""
    if "id" in graph.columns:
        return column_series("id", graph.columns["id"])
    return _ids(list(_runs(graph, 0, graph.n)))


def layer_ids(layer: Layer, first: int = 0, last: int | None = None) -> pl.Series:
    """The ids that the vertices of a layer have by default; those of its vertices first … last - 1."""
    try:
        layer.name.encode()
    except UnicodeEncodeError as error:
        raise GraphError(
            f"layer {layer.name!r} has half a character (a lone surrogate) in its name, which no text of ids can hold; "
            "rename the layer"
        ) from error
    axes = [pl.Series(axis).cast(pl.String) for axis in coordinates(layer, first, last)]
    frame = pl.DataFrame({str(i): axis for i, axis in enumerate(axes)})
    text = pl.concat_str([pl.lit(f"{layer.name}:"), pl.concat_str(pl.all(), separator=",")])
    return frame.select(text.alias("id")).to_series()


def coordinates(layer: Layer, first: int = 0, last: int | None = None) -> tuple[Array, ...]:
    """Each vertex's place in the layer's grid (C order), an integer array per axis."""
    inside = np.arange(first, layer.size if last is None else last)
    return np.unravel_index(inside, layer.grid) if layer.size else (inside,) * len(layer.grid)


Run = tuple["Layer", int, int]
"""Some vertices of a layer: it, the first, the last + 1, counted inside it."""


def _runs(graph: Graph, first: int, last: int) -> Iterator[Run]:
    """The layers that hold vertices first … last - 1, and which of theirs."""
    for layer in graph.layers:
        begin, end = max(first, layer.start), min(last, layer.stop)
        if begin < end:
            yield layer, begin - layer.start, end - layer.start


def _ids(runs: list[Run]) -> pl.Series:
    return pl.concat([layer_ids(*run) for run in runs]) if runs else pl.Series("id", [], dtype=pl.String)


def _per_layer(runs: list[Run], values: list[Any], dtype: Any) -> pl.Series:
    return pl.Series(values, dtype=dtype)[np.repeat(np.arange(len(runs)), [last - first for _, first, last in runs])]


def _position(runs: list[Run], name: str, given: pl.Series | None) -> pl.Series:
    if given is not None:
        return pl.select(pl.when(given >= 0).then(given.cast(pl.Int64))).to_series()
    parts = [_layer_position(*run, name) for run in runs]
    return pl.concat(parts) if parts else pl.Series([], dtype=pl.Int64)


def _layer_position(layer: Layer, first: int, last: int, name: str) -> pl.Series:
    if name == "index":
        return pl.Series(np.arange(first, last))
    axes = dict(zip(_axis_names(layer), coordinates(layer, first, last), strict=False))
    return pl.Series(axes[name].astype(np.int64)) if name in axes else _nulls(last - first, pl.Int64)


def _nulls(count: int, dtype: Any) -> pl.Series:
    return pl.Series([None], dtype=dtype).new_from_index(0, count)


def _axis_names(layer: Layer) -> tuple[str, ...]:
    if len(layer.grid) == 1:  # one vertex per channel of a feature map, or units that have no coordinates
        return ("channel",) if len(layer.shape) >= 2 else ()
    return {2: ("channel", "col"), 3: ("channel", "row", "col")}.get(len(layer.grid), ())


# -- edges ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EdgeTile:
    """Some edges of one block: vertex numbers, weights, values; and the block's number in the graph."""

    block: Block
    source: Array
    target: Array
    weight: Array
    values: Mapping[str, Array]
    number: int = 0

    def __len__(self) -> int:
        return len(self.weight)


def value_columns(graph: Graph) -> list[str]:
    """Names of the values that any block carries, in order of first appearance."""
    return list(dict.fromkeys(name for block in graph.blocks for name in block.values))


def edge_columns(graph: Graph) -> list[str]:
    """Columns of the edge table: source, target, weight, abs_weight, kind, then the values of all blocks."""
    return [*EDGE_COLUMNS, *value_columns(graph)]


def edge_tiles(
    graph: Graph, chunk: int = 1_000_000, keep: Callable[[int, ops.Tile], Array] | None = None
) -> Iterator[EdgeTile]:
    """The edges in pieces of about ``chunk``: block by block, row by row (all that enter a target, then the next).

    ``keep(number of the block, tile)`` says for each edge of a tile whether it is given; None: all are.
    """
    for number, block in enumerate(graph.blocks):
        to, since = graph.layer(block.target).start, graph.layer(block.source).start
        for tile in ops.tiles(block.weight, chunk):
            kept: Any = slice(None) if keep is None else keep(number, tile)
            source, target = tile.source[kept] + since, tile.target[kept] + to
            if len(source):
                yield EdgeTile(
                    block=block,
                    source=source,
                    target=target,
                    weight=ops.entries(block.weight, tile)[kept],
                    values={name: ops.entries(value, tile)[kept] for name, value in block.values.items()},
                    number=number,
                )


def iter_edges(graph: Graph, chunk: int = 1_000_000) -> Iterator[pd.DataFrame]:
    """The edge table in pieces of about ``chunk`` rows, never held whole. A block without a value has NaN there."""
    import pandas as pd

    ids = text_array(graph.ids)
    names, start = value_columns(graph), 0
    for tile in edge_tiles(graph, chunk):
        columns: dict[str, Any] = {
            "source": ids.take(tile.source),
            "target": ids.take(tile.target),
            "weight": tile.weight,
            "abs_weight": absolute(tile.weight),
            "kind": text_array(np.array([tile.block.kind], dtype=object)).take(np.zeros(len(tile), dtype=np.intp)),
        }
        for name in names:
            columns[name] = tile.values.get(name, np.full(len(tile), np.nan, dtype=np.float32))
        yield pd.DataFrame(columns, index=pd.RangeIndex(start, start + len(tile)))
        start += len(tile)
