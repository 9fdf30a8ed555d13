"""What differs between two graphs, in words: the strictest comparison, for tests and for the doubtful."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import PurePath
from typing import Any

import numpy as np

from netgraph.errors import TableError
from netgraph.graph import blocks as ops
from netgraph.graph.graph import Block, Graph, Layer

Array = np.ndarray[Any, Any]


def difference(first: Graph, second: Graph) -> str | None:
    """The first difference between two graphs in words, or None where they are equal.

    Equal means: the same layers, blocks in the same order with the same edges, bit-equal weights and values, the same
    layout (dense or sparse) and dtype, the same vertex columns and ``meta``. What lies where no edge is does not
    count: a stored 0, or a value beside a weight of 0. NaN equals NaN, None equals None, a tuple in ``meta`` a list.

    >>> one = Graph.from_matrices([np.eye(2)])
    >>> difference(one, Graph.from_matrices([np.eye(2)])) is None
    True
    >>> difference(one, Graph.from_matrices([2 * np.eye(2)]))
    'block 0 (layer_0 -> layer_1): column weight differs in 2 of 2 entries, first at 0: 1.0 and 2.0'
    """
    if len(first.layers) != len(second.layers):
        return f"{len(first.layers)} and {len(second.layers)} layers"
    if len(first.blocks) != len(second.blocks):
        return f"{len(first.blocks)} and {len(second.blocks)} blocks"
    for a, b in zip(first.layers, second.layers, strict=True):
        if found := _layers(a, b):
            return found
    for number, (one, two) in enumerate(zip(first.blocks, second.blocks, strict=True)):
        if found := _blocks(one, two):
            return f"block {number} ({one.source} -> {one.target}): {found}"
    if list(first.columns) != list(second.columns):
        return f"vertex columns {list(first.columns)} and {list(second.columns)}"
    for name, values in first.columns.items():
        if found := _arrays(f"vertex column {name!r}", np.asarray(values), np.asarray(second.columns[name])):
            return found
    if plain(first.meta) != plain(second.meta):
        return f"meta {plain(first.meta)} and {plain(second.meta)}"
    return None


def plain(value: Any, where: str = "meta") -> Any:
    """What JSON can hold of a value of ``meta``: numpy numbers become plain ones, tuples and arrays lists.

    NaN and infinities, which JSON has no word for, become ``{"$float": "nan"}``.

    Raises
    ------
    TableError : a value of another kind, with the way to it.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise TableError(
        f"{where} is a {type(value).__name__}, which no file can hold; expected text, numbers, lists or dicts "
        "(a table of activations is given as write_graph(..., activations=))"
    )


def _layers(first: Layer, second: Layer) -> str | None:
    for field in fields(Layer):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if a != b:
            return f"layer {first.name!r}: {field.name} {a!r} and {b!r}"
    return None


def _blocks(first: Block, second: Block) -> str | None:
    for name in ("source", "target", "kind", "shape", "shared_with"):
        a, b = getattr(first, name), getattr(second, name)
        if a != b:
            return f"{name} {a!r} and {b!r}"
    layouts = [ops.kind_of(block.weight).LAYOUT for block in (first, second)]
    if layouts[0] != layouts[1]:
        return f"{layouts[0]} and {layouts[1]}"
    if list(first.values) != list(second.values):
        return f"values {list(first.values)} and {list(second.values)}"
    one, two = _edges(first), _edges(second)
    for name, entries in one.items():
        if found := _arrays(f"column {name}", entries, two[name]):
            return found
    for name in ("gate", "constant"):
        a, b = getattr(first, name), getattr(second, name)
        if (a is None) != (b is None):
            return f"{name} {'is' if a is None else 'is not'} None in the first graph only"
        if a is not None and (found := _arrays(name, np.asarray(a), np.asarray(b))):
            return found
    return None


def _edges(block: Block) -> dict[str, Array]:
    """A block's edges sorted by target and source, as columns."""
    tile = ops.Tile(*ops.kind_of(block.weight).positions(block.weight, 0, block.shape[0]))
    order = np.lexsort((tile.source, tile.target))
    columns = {"target": tile.target.astype(np.int64), "source": tile.source.astype(np.int64)}
    columns["weight"] = ops.entries(block.weight, tile)
    columns |= {name: ops.entries(value, tile) for name, value in block.values.items()}
    return {name: entries[order] for name, entries in columns.items()}


def _arrays(what: str, first: Array, second: Array) -> str | None:
    first, second = (a.astype(object) if a.dtype.kind == "U" else a for a in (first, second))
    if first.dtype != second.dtype or first.shape != second.shape:
        return f"{what} is {first.dtype} {first.shape} and {second.dtype} {second.shape}"
    same = first == second
    if first.dtype.kind == "f":
        same = np.where(same, np.signbit(first) == np.signbit(second), np.isnan(first) & np.isnan(second))
    if np.all(same):
        return None
    at = int(np.flatnonzero(~np.asarray(same, dtype=bool))[0])
    different = int(np.count_nonzero(~np.asarray(same, dtype=bool)))
    return f"{what} differs in {different} of {len(first)} entries, first at {at}: {first[at]} and {second[at]}"
