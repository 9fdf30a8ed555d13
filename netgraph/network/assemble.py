"""From what was numbered and played to a Graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from netgraph.graph import blocks as ops
from netgraph.graph.convolution import Convolution
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.network.blocks import Joint, Part
from netgraph.network.numbering import Numbering
from netgraph.network.reads import Array
from netgraph.network.replay import Replay
from netgraph.network.shapes import canonical, sum_to
from netgraph.network.vertices import Vertices


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


class Summary(NamedTuple):
    """What a graph says of its inputs: operators per joint and block, vertex columns (n,), the target, how many."""

    edges: dict[str, list[list[Any]]]
    columns: dict[str, Array]
    target: float
    inputs: int


class Flows:
    """What flowed over every edge and through every vertex, summed over the inputs that were played."""

    def __init__(self, numbering: Numbering) -> None:
        self.numbering = numbering
        self.edges: dict[str, list[list[Any]]] = {"contribution": [], "attribution": []}
        self.entry = np.zeros(numbering.n)
        self.constants = np.zeros(numbering.n)
        self.biases = np.zeros(numbering.n)
        self.seed = np.zeros(numbering.n)
        self.activation = np.zeros(numbering.n)
        self.target = 0.0
        self.count = 0

    def add(self, played: Replay, logits: torch.Tensor, objective: torch.Tensor) -> None:
        """One backward pass: the flows of the inputs that ``played`` holds. ``objective``: (N,), one for each."""
        objective.sum().backward()
        if logits.grad is not None:
            self._through(
                self.seed, self.numbering.forms[played.tape.logits_slot].numbers, logits.detach() * logits.grad
            )
        n = len(objective)
        numbering = self.numbering
        flows: dict[str, list[list[Any]]] = {"contribution": [], "attribution": []}
        for at, joint in numbering.joints.items():
            record = played.records[at]
            upstream = record.z.grad if record.z.grad is not None else torch.zeros_like(record.z)
            flows["contribution"].append(joint.flows(numbering.layers, record, joint.ones(record.z.detach())))
            flows["attribution"].append(joint.flows(numbering.layers, record, upstream))
            self._through(self.entry, joint.layer.numbers, record.z.detach() * upstream)
        for name, values in flows.items():
            self.edges[name] = (
                [
                    [_plus(a, b) for a, b in zip(old, new, strict=True)]
                    for old, new in zip(self.edges[name], values, strict=True)
                ]
                if self.edges[name]
                else values
            )
        for leaf, numbers in played.leaves:
            if leaf.grad is not None:
                self._through(self.entry, numbers, leaf.detach() * leaf.grad)
        for leaf, numbers, bias in played.shares:
            if leaf.grad is not None:
                self._through(self.constants, numbers, leaf.detach() * leaf.grad)
                if bias:
                    self._through(self.biases, numbers, leaf.detach() * leaf.grad)
        for v in numbering.layers:
            activation = vertex_means(v, played.activation(v).detach(), v.read.numbers)
            self.activation[v.start : v.start + v.size] += activation * n
        self.target += float(objective.detach().sum())
        self.count += n

    def summary(self) -> Summary:
        """Means over the inputs."""
        n = self.count
        edges = {name: [[_scaled(op, n) for op in blocks] for blocks in joints] for name, joints in self.edges.items()}
        columns = {
            "activation": self.activation / n,
            "attribution": (self.entry + self.constants) / n,
            "constant_share": self.constants / n,
        }
        return Summary(edges, columns, self.target / n, n)

    def _through(self, total: Array, numbers: torch.Tensor, flow: torch.Tensor) -> None:
        small = canonical(numbers)
        values = sum_to(flow, small.shape).reshape(-1).to(torch.float64).cpu().numpy()
        index = small.reshape(-1).numpy()
        keep = index >= 0
        np.add.at(total, index[keep], values[keep])


def _plus(a: Any, b: Any) -> Any:
    if sp.issparse(a):
        return sp.csr_array((a.data + b.data, a.indices, a.indptr), shape=a.shape)
    return a + b


def vertex_means(v: Vertices, value: torch.Tensor, numbers: torch.Tensor | None = None) -> Array:
    """(size,) mean over positions and inputs of a value with the given numbers (default: as the layer was made)."""
    small = canonical(v.numbers if numbers is None else numbers)
    total = sum_to(value, small.shape)
    means = (total / (value.numel() / total.numel())).reshape(-1).to(torch.float64).cpu().numpy()
    index = small.reshape(-1).numpy() - v.start
    counts = np.bincount(index, minlength=v.size)
    result: Array = np.bincount(index, means, v.size) / np.maximum(counts, 1)
    return result


def input_means(v: Vertices, value: torch.Tensor, n: int) -> Array:
    """(n, size) the activation of each vertex on each of ``n`` inputs: means over positions."""
    moved = [i for i, size in enumerate(v.read.shape) if value.shape[i] != size]
    axis = moved[0] if moved else 0
    whole = value.movedim(axis, 0) if n > 1 else value.unsqueeze(0)
    small = canonical(v.read.numbers)
    small = small.squeeze(axis) if n > 1 else small
    total = sum_to(whole, (n, *small.shape))
    means = (total / (whole.numel() / total.numel())).reshape(n, -1).to(torch.float64).cpu()
    index = small.reshape(-1) - v.start
    sums = torch.zeros(n, v.size, dtype=torch.float64).index_add_(1, index, means)
    result: Array = (sums / torch.bincount(index, minlength=v.size).clamp_min(1)).numpy()
    return result


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


def _scaled(operator: Any, n: int) -> Any:
    return operator if n == 1 else operator / n


def _block(joint: Joint, part: Part, values: dict[str, Any], dtype: Any) -> Block:
    weight = part.weight
    if part.tap_sum is not None:
        values = {"tap_sum": part.tap_sum, **values}
    if part.gate is not None:
        values = {"gated_weight": ops.scaled(weight, columns=part.gate), **values}
    if isinstance(weight, Convolution):
        weight = weight.astype(dtype)
        cast = {name: v.astype(dtype).beside(weight) for name, v in values.items()}
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
