"""From what was numbered and played to a Graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.graph import blocks as ops
from netgraph.graph.convolution import Convolution
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.network.blocks import Joint, Part
from netgraph.network.flows import Summary
from netgraph.network.numbering import Numbering
from netgraph.network.reads import Array
from netgraph.network.replay import Replay


def layers(numbering: Numbering) -> tuple[Layer, ...]:
    """The graph's layers."""
    return tuple(
        Layer(v.module, v.name, v.kind, v.shape, v.start, v.size, v.activation, v.grid) for v in numbering.layers
    )


def biases(numbering: Numbering, dtype: Any) -> Array:
    """(n,) the bias of each vertex, 0 where it has none."""
    out = np.zeros(numbering.n, dtype=dtype)
    for v in numbering.layers:
        if v.bias is not None:
            out[v.start : v.start + v.size] = v.bias.numpy()
    return out


def build(
    numbering: Numbering,
    reduce: str,
    dtype: Any,
    meta: Mapping[str, Any],
    flows: Summary | None = None,
    played: Replay | None = None,
) -> Graph:
    """The graph; with ``flows`` what one or more inputs did, with ``played`` also their gates (a single input)."""
    blocks: list[Block] = []
    gates = np.ones(numbering.n)
    for i, (at, joint) in enumerate(numbering.joints.items()):
        record = played.records[at] if played is not None else None
        for j, part in enumerate(joint.parts(numbering.layers, reduce, record)):
            values = {}
            if flows is not None:
                values = {name: flows.edges[name][i][j] for name in flows.edges}
            if part.gate is not None:
                gates[part.source.start : part.source.start + part.source.size] = part.gate
            blocks.append(_block(joint, part, values, dtype))
    columns: dict[str, Any] = {"bias": biases(numbering, dtype)}
    if flows is not None:
        columns.update({name: values.astype(dtype) for name, values in flows.columns.items()})
        if played is not None and played.track_gates:
            columns["gate"] = gates.astype(dtype)
        meta = {**meta, "target_value": flows.target, "inputs": flows.inputs}
    return Graph(layers(numbering), tuple(blocks), columns, meta)


def _block(joint: Joint, part: Part, values: dict[str, Any], dtype: Any) -> Block:
    weight = part.weight
    if part.tap_sum is not None:
        values = {"tap_sum": part.tap_sum, **values}
    if part.gate is not None:
        values = {"gated_weight": ops.scaled(weight, columns=part.gate), **values}
    if isinstance(weight, Convolution):
        whole = weight.astype(dtype)  # a copy: the graph does not change when the model does
        cast = {
            name: v.astype(dtype, whole if v.same_taps(weight) else None).beside(whole) for name, v in values.items()
        }
        weight = whole
    elif sp.issparse(weight):
        weight, values = _pruned(weight, values)
        cast = {name: _with_data(weight, np.asarray(v.data, dtype=dtype)) for name, v in values.items()}
        weight = _with_data(weight, np.array(weight.data, dtype=dtype))
    else:
        cast = {name: np.asarray(v, dtype=dtype) for name, v in values.items()}
        weight = np.array(weight, dtype=dtype, order="C")  # a copy: the graph does not change when the model does
    gate = None if part.gate is None else part.gate.astype(dtype)
    constant = None if part.constant is None else part.constant.astype(dtype)
    return Block(part.source.name, joint.layer.name, joint.kind, weight, cast, gate, constant, joint.shared_with)


def _with_data(like: Any, data: Array) -> sp.csr_array:
    return sp.csr_array((data, like.indices, like.indptr), shape=like.shape)


def _pruned(weight: Any, values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Without entries of weight 0, which are no edges; the values alike."""
    keep = weight.data != 0
    if keep.all():
        return weight, values
    rows = np.repeat(np.arange(weight.shape[0]), np.diff(weight.indptr))[keep]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=weight.shape[0]))]).astype(weight.indptr.dtype)

    def cut(operator: Any) -> sp.csr_array:
        return sp.csr_array((operator.data[keep], weight.indices[keep], indptr), shape=weight.shape)

    return cut(weight), {name: cut(v) for name, v in values.items()}


def bias_vertices(graph: Graph, shares: Array | None = None) -> Graph:
    """Biases as edges: each layer that has one gets a vertex of value 1 whose edges weigh the biases.

    ``shares`` (n,): the share of the target that each vertex's bias has, where the graph is that of an input.
    """
    bias = graph.columns["bias"]
    out_layers: list[Layer] = []
    blocks = list(graph.blocks)
    places: list[Array] = []
    at = 0
    for layer in graph.layers:
        mine = np.asarray(bias[layer.vertices])
        if mine.any() and layer.kind != "constant":
            name = f"{layer.name}.bias"
            out_layers.append(Layer(layer.module, name, "bias", (1,), at, 1))
            blocks.append(
                Block(name, layer.name, "bias", mine[:, None].copy(), _bias_flows(graph, layer, mine, shares))
            )
            places.append(np.array([-1]))
            at += 1
        out_layers.append(replace(layer, start=at))
        places.append(np.arange(layer.start, layer.stop))
        at += layer.size
    place = np.concatenate(places)
    columns: dict[str, Any] = {}
    for name, values in graph.columns.items():
        if name == "constant_share" and shares is not None:
            values = (values - shares).astype(values.dtype)
        fill = np.asarray(name in {"activation", "gate"}, dtype=values.dtype)
        columns[name] = np.where(place < 0, fill, values[np.maximum(place, 0)])
    constant = np.concatenate([np.full(v.size, v.kind == "constant") for v in out_layers])
    columns["bias"] = np.where(constant, columns["bias"], np.zeros((), dtype=bias.dtype))
    if shares is not None:
        for layer in graph.layers:
            where = next((v.start for v in out_layers if v.name == f"{layer.name}.bias"), None)
            if where is not None:
                columns["attribution"][where] = columns["constant_share"][where] = shares[layer.vertices].sum()
    return Graph(tuple(out_layers), tuple(blocks), columns, {**graph.meta, "bias": "vertex"})


def _bias_flows(graph: Graph, layer: Layer, bias: Array, shares: Array | None) -> dict[str, Any]:
    """Bias edges carry the other blocks' columns: what the bias adds over all positions, and its share."""
    if shares is None:
        return {}
    positions = max(int(np.prod(layer.shape)) // max(layer.size, 1), 1)
    flows = {
        "contribution": bias[:, None] * bias.dtype.type(positions),
        "attribution": shares[layer.vertices][:, None].astype(bias.dtype),
    }
    if any("gated_weight" in block.values for block in graph.blocks):
        flows["gated_weight"] = bias[:, None].copy()
    return flows
