"""The graph itself: layers of vertices, blocks of edges. Frozen; nothing here knows torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.errors import GraphError, unknown
from netgraph.graph.blocks import absolute, count, kind_of, same_layout
from netgraph.graph.foreign import Dispatched

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

SCHEMA = 1
"""Version of the tables that a graph is written to."""

MADE_BY_THE_LAYERS = ("layer", "depth", "kind")
"""Vertex columns that the layers alone decide."""

RESERVED = ("id", "index", "channel", "row", "col")
"""Vertex columns that say again what the layers would say: unique ids, and places (whole numbers, -1 for none)."""

MADE_BY_THE_EDGES = ("source", "target", "weight", "abs_weight", "kind")
"""Edge columns that the blocks' ends, weights and kinds alone decide."""

Operator = Any
"""What holds a block's edges, (n_target, n_source): a dense array, a ``scipy.sparse.csr_array`` or a convolution."""


def _frozen_map(mapping: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping or {}))


@dataclass(frozen=True)
class Layer:
    """A run of consecutive vertices that one operation of the network made.

    Attributes
    ----------
    module : torch's dotted name of the module ("" at the root).
    name : the same, made safe for ids: unique, starts with a letter.
    kind : "input", "linear", "conv", "add", "pool", "bias" …
    shape : of the activation, without the batch axis.
    start, size : its vertices are ``start … start + size - 1``.
    activation : name of the function applied to it ("relu" …), or None.
    grid : shape of a vertex's coordinates inside the layer; its product is ``size``. ``(500,)`` for units and
        channels, ``(16, 8, 8)`` (channel, row, col) for the units of a feature map.
    """

    module: str
    name: str
    kind: str
    shape: tuple[int, ...]
    start: int
    size: int
    activation: str | None = None
    grid: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("start", "size"):
            number = getattr(self, name)
            if int(number) != number or number < 0:
                raise GraphError(f"layer {self.name!r}: {name} is {number!r}, expected a whole number from 0 up")
            object.__setattr__(self, name, int(number))
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "grid", tuple(int(n) for n in self.grid) or (int(self.size),))
        if int(np.prod(self.grid, dtype=np.int64)) != self.size:
            raise GraphError(f"layer {self.name!r}: grid {self.grid} does not hold {self.size} vertices")

    @property
    def stop(self) -> int:
        return self.start + self.size

    @property
    def vertices(self) -> slice:
        """Where its vertices lie in an array with one entry per vertex."""
        return slice(self.start, self.stop)


@dataclass(frozen=True)
class Block:
    """All edges from one layer to another that one operation made.

    Attributes
    ----------
    source, target : layer names.
    kind : "linear", "conv", "skip", "pool", "select", "product", "bias" …
    weight : operator of shape (n_target, n_source): dense array, ``csr_array`` or implicit
        :class:`netgraph.graph.convolution.Convolution`; an entry that is exactly 0 is no edge.
    values : further quantities per edge ("contribution", "gated_weight", "attribution" …), each with the weight's own
        layout: dense beside dense; sparse with the same ``indptr`` and ``indices`` beside sparse.
    shared_with : name of the layer whose edges first used the same parameter (a module called twice, a loop, tied
        weights), or None.
    gate, constant : how this block reads its sources at one input, each (n_source,) or None: the value that a weight
        multiplies is ``gate * z + constant``, z the source's pre-activation.
    """

    source: str
    target: str
    kind: str
    weight: Operator
    values: Mapping[str, Operator] = field(default_factory=dict)
    gate: np.ndarray[Any, Any] | None = None
    constant: np.ndarray[Any, Any] | None = None
    shared_with: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _frozen_map(self.values))
        kind_of(self.weight)
        if self.weight.dtype.kind not in "biuf":
            raise GraphError(
                f"block {self.source} -> {self.target}: the weight is {self.weight.dtype}, expected real numbers"
            )
        for name, value in self.values.items():
            if name in MADE_BY_THE_EDGES:
                raise GraphError(
                    f"block {self.source} -> {self.target}: values cannot have the name {name!r}, which every table of "
                    f"edges has already ({', '.join(MADE_BY_THE_EDGES)}); give them another"
                )
            if not same_layout(self.weight, value):
                raise GraphError(
                    f"block {self.source} -> {self.target}: values[{name!r}] has another layout than the weight "
                    f"({type(value).__name__} {np.shape(value)} beside {type(self.weight).__name__} {self.shape}); "
                    "expected dense beside dense, or a csr_array with the weight's own indptr and indices"
                )
        for name, entries in (("gate", self.gate), ("constant", self.constant)):
            if entries is not None and np.shape(entries) != self.shape[1:]:
                raise GraphError(
                    f"block {self.source} -> {self.target}: {name} has shape {np.shape(entries)}, "
                    f"expected one entry per source, {self.shape[1:]}"
                )

    @property
    def shape(self) -> tuple[int, int]:
        """(n_target, n_source)."""
        rows, columns = self.weight.shape
        return int(rows), int(columns)

    def operator(self, column: str = "weight") -> Operator:
        """The weight, or one of the values, by its column name."""
        if column == "weight":
            return self.weight
        if column == "abs_weight":
            return absolute(self.weight)
        if column not in self.values:
            raise unknown(
                "edge column",
                column,
                ["weight", "abs_weight", *self.values],
                f" in block {self.source} -> {self.target}",
            )
        return self.values[column]

    @cached_property
    def edges(self) -> int:
        """Number of edges: entries of the weight that are not exactly 0."""
        return count(self.weight)


class Edges:
    """The edges of a graph: counted without being listed, listed only when asked for."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __len__(self) -> int:
        return sum(block.edges for block in self._graph.blocks)

    @property
    def columns(self) -> list[str]:
        """Names of the columns of the table that ``to_pandas`` gives."""
        from netgraph.graph.tables import edge_columns

        return edge_columns(self._graph)

    def to_pandas(self) -> pd.DataFrame:
        """All edges as one table; see :meth:`Graph.iter_edges` for graphs bigger than memory."""
        return self._graph.to_pandas()[1]

    def __repr__(self) -> str:
        return f"<{len(self):,} edges: {', '.join(self.columns)}>"


@dataclass(frozen=True, eq=False, repr=False)
class Graph(Dispatched):
    """A layered, weighted, directed graph.

    Attributes
    ----------
    layers : vertices are numbered 0 … n-1, contiguous in each layer, layers in topological order.
    blocks : the edges.
    columns : arrays with one entry per vertex: "bias", "activation", results of an analysis …
    meta : schema and library versions, model hash, input shape, granularity, reduction, seed …
    origin : the network that it was made from, where it is at hand: for pages of further inputs. Never written.
    """

    layers: tuple[Layer, ...]
    blocks: tuple[Block, ...]
    columns: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    origin: Any = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "blocks", tuple(self.blocks))
        object.__setattr__(self, "columns", _frozen_map(self.columns))
        object.__setattr__(self, "meta", _frozen_map(self.meta))
        self._check()

    def _check(self) -> None:
        at = 0
        for layer in self.layers:
            if layer.start != at:
                raise GraphError(f"layer {layer.name!r} starts at vertex {layer.start}, expected {at}")
            at = layer.stop
        if len(self._layer_by_name) != len(self.layers):
            raise GraphError(f"layer names are not unique: {[layer.name for layer in self.layers]}")
        order = {layer.name: i for i, layer in enumerate(self.layers)}
        for block in self.blocks:
            for name in (block.source, block.target):
                if name not in order:
                    raise unknown("layer", name, order, " in a block")
            if order[block.source] >= order[block.target]:
                raise GraphError(
                    f"block {block.source} -> {block.target} goes against the order of the layers; "
                    "layers must be listed so that edges run forward"
                )
            expected = (self.layer(block.target).size, self.layer(block.source).size)
            if block.shape != expected:
                raise GraphError(
                    f"block {block.source} -> {block.target} has shape {block.shape}, "
                    f"expected (n_target, n_source) = {expected}"
                )
        for name, values in self.columns.items():
            if name in MADE_BY_THE_LAYERS:
                raise GraphError(f"vertex column {name!r} is what the layers say; give it another name")
            if len(values) != at:
                raise GraphError(f"vertex column {name!r} has {len(values)} entries, the graph {at} vertices")
        if any(name in RESERVED for name in self.columns):
            from netgraph.graph.columns import check_reserved

            check_reserved(self.columns)

    # -- looking up ------------------------------------------------------------------------------

    @cached_property
    def _layer_by_name(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.layers}

    def layer(self, name: str) -> Layer:
        """The layer of that name; an error with the nearest name otherwise."""
        if name not in self._layer_by_name:
            raise unknown("layer", name, self._layer_by_name)
        return self._layer_by_name[name]

    @property
    def n(self) -> int:
        """Number of vertices."""
        return self.layers[-1].stop if self.layers else 0

    @cached_property
    def depth(self) -> dict[str, int]:
        """Layer name -> number of blocks on the longest way to it. A bias layer stands just before its reader."""
        depth = {layer.name: 0 for layer in self.layers}
        into: dict[str, list[Block]] = {name: [] for name in depth}
        for block in self.blocks:
            into[block.target].append(block)
        for layer in self.layers:
            depth[layer.name] = max((depth[b.source] + 1 for b in into[layer.name] if b.kind != "bias"), default=0)
        for block in self.blocks:
            if block.kind == "bias":
                depth[block.source] = max(depth[block.target] - 1, 0)
        return depth

    @cached_property
    def ids(self) -> np.ndarray[Any, Any]:
        """Ids of the vertices, text, in vertex order (object array)."""
        from netgraph.graph.tables import vertex_ids

        return vertex_ids(self)

    @cached_property
    def vertices(self) -> pd.DataFrame:
        """One row per vertex: id, label, layer, depth, index, channel, row, col, kind, bias, then results.

        Made when it is first asked for.
        """
        from netgraph.graph.tables import vertex_table

        return vertex_table(self)

    @cached_property
    def edges(self) -> Edges:
        """The edges: ``len(graph.edges)``, ``graph.edges.to_pandas()``."""
        return Edges(self)

    def iter_edges(self, chunk: int = 1_000_000) -> Iterator[pd.DataFrame]:
        """The edge table in pieces of about ``chunk`` rows, never held whole."""
        from netgraph.graph.tables import iter_edges

        return iter_edges(self, chunk)

    # -- changing ----------------------------------------------------------------------------------

    def with_columns(self, **columns: Any) -> Graph:
        """A graph with further (or replaced) vertex columns: arrays in vertex order, or Series indexed by vertex id."""
        from netgraph.graph.columns import vertex_column

        new = {name: vertex_column(self, name, values) for name, values in columns.items()}
        return replace(self, columns={**self.columns, **new})

    def with_meta(self, **meta: Any) -> Graph:
        """A graph with further (or replaced) entries in ``meta``."""
        return replace(self, meta={**self.meta, **meta})

    def select(
        self,
        vertices: Sequence[str] | np.ndarray[Any, Any] | None = None,
        edges: Sequence[Any] | None = None,
        layers: Sequence[str] | None = None,
    ) -> Graph:
        """A smaller graph: the given vertices (ids or a mask), edges (a mask per block) or layers (names)."""
        from netgraph.graph.selection import select

        return select(self, vertices=vertices, edges=edges, layers=layers)

    def unrolled(self) -> Graph:
        """The same graph, its implicit convolutions as ``csr_array``: 8 to 12 B an edge."""
        from netgraph.graph.selection import unrolled

        return unrolled(self)

    # -- other people's objects ------------------------------------------------------------------------

    @staticmethod
    def from_matrices(
        weights: Sequence[Any], biases: Sequence[Any] | None = None, names: Sequence[str] | None = None
    ) -> Graph:
        """A chain of layers from matrices of shape (n_target, n_source)."""
        from netgraph.graph.build import from_matrices

        return from_matrices(weights, biases, names)

    @staticmethod
    def from_pandas(vertices: pd.DataFrame | None, edges: pd.DataFrame, directed: bool = True) -> Graph:
        """From a vertex table (or None) and an edge table."""
        from netgraph.graph.imports import from_pandas

        return from_pandas(vertices, edges, directed)

    @staticmethod
    def from_networkx(graph: Any, weight: str | None = "weight") -> Graph:
        """From a networkx graph."""
        from netgraph.graph.imports import from_networkx

        return from_networkx(graph, weight)

    def to_pandas(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(vertices, edges)."""
        from netgraph.graph.convert import to_pandas

        return to_pandas(self)

    def to_scipy(self, weight: str = "weight") -> sp.csr_array:
        """One n x n CSR, rows = sources (as networkx and csgraph read it)."""
        from netgraph.graph.convert import to_scipy

        return to_scipy(self, weight)

    def to_networkx(self) -> Any:
        """A ``networkx.DiGraph`` whose nodes are the ids."""
        from netgraph.graph.convert import to_networkx

        return to_networkx(self)

    def to_igraph(self) -> Any:
        """A directed ``igraph.Graph``: vertex attribute ``name`` = id, edge attribute ``weight``."""
        from netgraph.graph.convert import to_igraph

        return to_igraph(self)

    # -- showing ---------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        from netgraph.graph.display import text

        return text(self)

    def _repr_html_(self) -> str:
        from netgraph.graph.display import html

        return html(self)
