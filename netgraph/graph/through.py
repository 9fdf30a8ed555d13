"""One layer out of the way: its entering and leaving blocks become blocks past it, and its flows theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.errors import GraphError
from netgraph.graph import blocks as ops
from netgraph.graph import products
from netgraph.graph.graph import Block, Graph, Layer

Array = np.ndarray[Any, Any]
Operator = Any

PRODUCTS = ("tap_sum", "gated_weight")
"""Edge columns whose product along a path means something wherever they are."""


@dataclass(frozen=True)
class Flows:
    """What moves between vertices while layers go.

    Attributes
    ----------
    layers : of the whole graph, by name.
    bias, share : (n,) float64, the vertex columns "bias" and "constant_share" so far; 0 where the graph has none.
    slope : (n,) ∂target/∂z, where every edge knows its gate, contribution and attribution; NaN where nothing tells it.
    how : "exact", "split", or None where no attribution is there.
    rules : edge columns that edges past a layer can have.
    bias_vertices : biases are vertices.
    """

    layers: Mapping[str, Layer]
    bias: Array
    share: Array
    slope: Array | None
    how: str | None
    rules: tuple[str, ...]
    bias_vertices: bool

    @classmethod
    def of(cls, graph: Graph) -> Flows:
        """How the flows of a graph can be followed.

        Raises
        ------
        GraphError : attributions that are no flows.
        """
        has = {name: all(name in block.values for block in graph.blocks) for name in ("attribution", "contribution")}
        how = None
        if graph.blocks and has["attribution"]:
            aggregate = graph.meta.get("aggregate", "mean")
            if aggregate != "mean":
                raise GraphError(
                    f'attributions of aggregate="{aggregate}" are no flows: they do not add up along edges; '
                    'contract the graph of aggregate="mean", or one of weights alone'
                )
            gated = all(block.kind == "bias" or knows_gate(block) for block in graph.blocks)
            how = "exact" if gated and has["contribution"] else "split"
        rules = (*PRODUCTS, *{None: (), "split": ("attribution",), "exact": ("contribution", "attribution")}[how])
        return cls(
            layers={layer.name: layer for layer in graph.layers},
            bias=_column(graph, "bias"),
            share=_column(graph, "constant_share"),
            slope=_slopes(graph) if how == "exact" else None,
            how=how,
            rules=rules,
            bias_vertices=graph.meta.get("bias") == "vertex" or any(b.kind == "bias" for b in graph.blocks),
        )

    def columns(self, graph: Graph) -> dict[str, Array]:
        """The graph's vertex columns with the biases and shares that moved."""
        columns = dict(graph.columns)
        for name, values in (("bias", self.bias), ("constant_share", self.share)):
            moved = values != _column(graph, name)
            if moved.any():
                old = np.asarray(columns.get(name, np.zeros(graph.n)))
                columns[name] = np.where(moved, values, old).astype(np.result_type(old.dtype, np.float16))
        return columns


@dataclass(frozen=True)
class Step:
    """The blocks past a layer, and the flows after it went."""

    blocks: tuple[Block, ...]
    flows: Flows


def knows_gate(block: Block) -> bool:
    """Whether a block says by what its sources are multiplied."""
    return block.gate is not None or "gated_weight" in block.values


def pass_through(flows: Flows, layer: Layer, into: Sequence[Block], out: Sequence[Block]) -> Step | str:
    """The blocks from the writers of a layer to its readers, or why it has to stay."""
    if not out:
        return "nothing reads it: it is an output"
    if layer.activation is not None and not all(map(knows_gate, out)):
        return f"its activation ({layer.activation}) has no gate here: make the graph with inputs=, granularity='unit'"
    bias, share = flows.bias.copy(), flows.share.copy()
    moved = [_moved(flows, layer, block) for block in out]
    if flows.bias_vertices and any(constant.any() for constant in moved):
        return "a constant enters it, and biases are vertices here: make the graph with bias='column'"
    splits = _splits(flows, layer, into, out) if flows.how == "split" else [None] * len(out)
    made: list[Block] = []
    for reader, constant, split in zip(out, moved, splits, strict=True):
        here = flows.layers[reader.target].vertices
        bias[here] += constant
        if flows.how == "exact":
            assert flows.slope is not None
            share[here] += products.scaled(constant[:, None], flows.slope[here])[:, 0]
        elif split is not None:
            share[here] += split.of(flows.share[layer.vertices])
        made += [_past(flows, writer, reader, split) for writer in into]
    after = replace(flows, bias=bias, share=share)
    if flows.how is not None and not _conserved(flows, after, into, out, made):
        return "flows would get lost: the target reads it besides its edges, or edges that carry flow cancel"
    return Step(tuple(made), after)


def _past(flows: Flows, writer: Block, reader: Block, split: _Split | None) -> Block:
    """Edges from the sources of one block to the targets of the next."""
    where = f"block {writer.source} -> {reader.target}"
    gated = _gated(reader)
    values: dict[str, Operator] = {}
    if "tap_sum" in writer.values or "tap_sum" in reader.values:
        values["tap_sum"] = _at_edges(reader, _taps(reader)) @ _at_edges(writer, _taps(writer))
    if "gated_weight" in writer.values:
        values["gated_weight"] = gated @ _at_edges(writer, "gated_weight")
    if flows.how == "exact":
        assert flows.slope is not None
        values["contribution"] = gated @ _at_edges(writer, "contribution")
        values["attribution"] = products.scaled(
            values["contribution"], flows.slope[flows.layers[reader.target].vertices]
        )
    elif split is not None:
        values["attribution"] = split.of(_at_edges(writer, "attribution"))
    weight, beside = products.matched(gated @ _at_edges(writer, "weight"), values)
    dtype = np.result_type(writer.weight.dtype, reader.weight.dtype, _gated_dtype(reader))
    kind = "bias" if writer.kind == "bias" else reader.kind
    cast = {
        name: products.cast(value, np.result_type(dtype, *_dtypes(name, writer, reader)), where)
        for name, value in beside.items()
    }
    return Block(
        writer.source, reader.target, kind, products.cast(weight, dtype, where), cast, writer.gate, writer.constant
    )


def _moved(flows: Flows, layer: Layer, reader: Block) -> Array:
    """(n_target,) what a layer's biases and constants add to a reader."""
    taps = _at_edges(reader, "tap_sum") if "tap_sum" in reader.values else _gated(reader)
    constant: Array = taps @ flows.bias[layer.vertices]
    if reader.constant is not None:
        constant = constant + _at_edges(reader, "weight") @ np.asarray(reader.constant, dtype=np.float64)
    return constant


# -- flows without gates ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Split:
    """How what enters vertices is shared among the edges that leave them: even · a + odd · |a|."""

    even: Operator
    odd: Operator

    def of(self, entering: Any) -> Any:
        return self.even @ entering + self.odd @ abs(entering)


def _splits(flows: Flows, layer: Layer, into: Sequence[Block], out: Sequence[Block]) -> list[_Split | None]:
    """The proportional split of the flow through each vertex, finite also where flows of both signs cancel.

    With a_u what enters (constants too), b_t what leaves, S = Σb: f(u→t) = a_u·|b_t|/Σ|b| + |a_u|·(b_t − S·|b_t|/Σ|b|)
    / Σ|a|. Sums over t are a_u; sums over u are b_t, as Σa = S; with one sign on each side it is a_u·b_t/S.
    """
    enters = abs(flows.share[layer.vertices])
    for block in into:
        enters = enters + ops.row_sums(_at_edges(block, "attribution"), absolute=True)
    leaving = [_at_edges(block, "attribution") for block in out]
    total = sum((ops.column_sums(flow) for flow in leaving), np.zeros(layer.size))
    size = sum((ops.column_sums(flow, absolute=True) for flow in leaving), np.zeros(layer.size))
    edges = [products.mapped(_at_edges(block, "weight"), lambda w: (w != 0).astype(np.float64)) for block in out]
    count = sum((ops.column_sums(edge) for edge in edges), np.zeros(layer.size))
    splits: list[_Split | None] = []
    for flow, edge in zip(leaving, edges, strict=True):
        # Nothing leaves though flows enter that cancel: each edge takes the same part.
        part = products.scaled(abs(flow), columns=_inverse(size)) + products.scaled(
            edge, columns=np.where(size == 0, _inverse(count), 0.0)
        )
        rest = flow - products.scaled(part, columns=total)
        splits.append(_Split(part, products.scaled(rest, columns=_inverse(enters))))
    return splits


def _inverse(values: Array) -> Array:
    return np.divide(1.0, values, out=np.zeros(len(values)), where=values != 0)


def _conserved(flows: Flows, after: Flows, into: Sequence[Block], out: Sequence[Block], made: Sequence[Block]) -> bool:
    """Whether each writer sends and each reader gets what it did, constants included."""
    sent, got = np.zeros(len(flows.bias)), flows.share - after.share
    largest, precision = 0.0, 0.0
    for blocks, leaves, arrives in ((into, 1, 0), (out, 0, 1), (made, -1, -1)):
        for block in blocks:
            flow = _at_edges(block, "attribution")
            sent[flows.layers[block.source].vertices] += leaves * ops.column_sums(flow)
            got[flows.layers[block.target].vertices] += arrives * ops.row_sums(flow)
            largest = max(largest, float(ops.row_sums(flow, absolute=True).max(initial=0.0)))
            dtype = np.result_type(block.values["attribution"].dtype, np.float16)
            precision = max(precision, float(np.finfo(dtype).eps))
    gap = float(np.maximum(np.abs(sent), np.abs(got)).max(initial=0.0))  # NaN stays NaN, and is no "<="
    return bool(gap <= np.sqrt(precision) * largest)


# -- reading a block ---------------------------------------------------------------------------------------


def _at_edges(block: Block, column: str) -> Operator:
    return products.at_edges(block.operator(column), block.weight)


def _gated(block: Block) -> Operator:
    """Weight times the gate of the source, where the block knows it."""
    if "gated_weight" in block.values:
        return _at_edges(block, "gated_weight")
    weight = _at_edges(block, "weight")
    return weight if block.gate is None else products.scaled(weight, columns=np.asarray(block.gate, dtype=np.float64))


def _gated_dtype(block: Block) -> Any:
    if "gated_weight" in block.values:
        return block.values["gated_weight"].dtype
    return block.weight.dtype if block.gate is None else block.gate.dtype


def _taps(block: Block) -> str:
    """A kernel with one tap is its own sum of taps."""
    return "tap_sum" if "tap_sum" in block.values else "weight"


def _dtypes(name: str, *blocks: Block) -> list[Any]:
    return [block.values[name].dtype for block in blocks if name in block.values]


def _column(graph: Graph, name: str) -> Array:
    values: Array = np.nan_to_num(np.asarray(graph.columns.get(name, np.zeros(graph.n)), dtype=np.float64))
    return values


def _slopes(graph: Graph) -> Array:
    """(n,) ∂target/∂z: attribution / contribution over the edges that enter; by the readers where nothing enters."""
    above, below = np.zeros(graph.n), np.zeros(graph.n)
    for block in graph.blocks:
        here = graph.layer(block.target).vertices
        made, flow = _at_edges(block, "contribution"), _at_edges(block, "attribution")
        above[here] += ops.row_sums(_both(made, flow))
        below[here] += ops.row_sums(_both(made, made))
    slope: Array = np.divide(above, below, out=np.full(graph.n, np.nan), where=below > 0)
    from_layer: dict[str, list[Block]] = {layer.name: [] for layer in graph.layers}
    for block in graph.blocks:
        from_layer[block.source].append(block)
    for layer in reversed(graph.layers):
        if from_layer[layer.name]:
            parts = [
                ops.column_sums(products.scaled(_gated(block), slope[graph.layer(block.target).vertices]))
                for block in from_layer[layer.name]
            ]
            mine = slope[layer.vertices]
            slope[layer.vertices] = np.where(np.isnan(mine), np.sum(parts, axis=0), mine)
    return slope


def _both(a: Operator, b: Operator) -> Operator:
    """Entry times entry; both lie beside one weight."""
    return products.mapped(a, lambda entries: entries * (b.data if sp.issparse(b) else b))
