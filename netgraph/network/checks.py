"""The single comparisons that a verification is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch

from netgraph.graph import blocks as ops
from netgraph.graph import convolution as implicit
from netgraph.graph.graph import Block, Graph
from netgraph.network.assemble import build
from netgraph.network.blocks import Convolution, Matmul
from netgraph.network.description import metadata
from netgraph.network.elementwise import Linear
from netgraph.network.flows import Flows, vertex_means
from netgraph.network.gaps import gap, largest, worst
from netgraph.network.mixed import MixedConvolution
from netgraph.network.numbering import strongest
from netgraph.network.probe import Probe
from netgraph.network.reads import REDUCTIONS, Array
from netgraph.network.shapes import lift

if TYPE_CHECKING:
    from netgraph.network.network import Network


LISTED = 2_000_000
"""Taps that are listed one by one for a comparison."""


class Truth:
    """One input played in float64: what a graph of it is held against."""

    def __init__(self, net: Network, one: list[torch.Tensor], granularity: str, target: Any = None) -> None:
        logits = net.logits(one)
        self.uncompared: list[str] = []  # layers whose weights are not listed for a comparison
        self.target = target if target is not None or logits.size == 1 else "prediction"
        if target is None and logits.ndim > 2:  # no classes: a fixed random mixture of all outputs
            weights = torch.from_numpy(np.random.default_rng(0).standard_normal(logits.shape[1:]))
            self.target = lambda output: (output * weights).flatten(1).sum(1)
        self.granularity = granularity
        self.net, self.inputs = net, one
        self.numbering = net.programs.numbering(granularity, one, torch.float64)
        self.flows, self.played = net.flows(granularity, one, self.target, torch.float64, gates=granularity == "unit")

    def graph(self, reduce: str = "l1") -> Graph:
        """The graph as it is emitted."""
        meta = metadata(self.net, self.granularity, reduce, self.numbering, (self.target,))
        return build(self.numbering, reduce, np.dtype("float64"), meta, self.flows.summary(), self.played)

    def per_vertex(self, what: str) -> Array:
        """(n,) the values z, or ∂target/∂z, that autograd saw at each vertex (unit granularity)."""
        out = np.zeros(self.numbering.n)
        for v in self.numbering.layers:
            z = self.played.preactivation(v)
            t = z.detach() if what == "z" else torch.zeros_like(z)
            if what != "z" and v.kind != "constant" and z.grad is not None:
                t = z.grad
            out[v.start : v.start + v.size] = vertex_means(v, t, v.entry.numbers)
        return out

    def slope_at_output(self) -> Array:
        """(n,) ∂target/∂z at the vertices that the output reads."""
        slot = self.played.tape.logits_slot
        value, form = self.played.value(slot), self.numbering.forms[slot]
        gradient = value.tensor.grad
        assert gradient is not None and value.gate is not None
        slope = gradient * value.gate
        if form.scale is not None:
            slope = slope * form.scale
        out = np.zeros(self.numbering.n)
        index = form.full.reshape(-1).numpy()
        np.add.at(out, index[index >= 0], slope.reshape(-1).numpy()[index >= 0])  # -1: no vertex, times 0
        return out


def check(graph: Graph, truth: Truth) -> dict[str, float]:
    """Relative errors of an emitted graph (float64, of one input) against autograd and the operations themselves."""
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is an error of its own
        errors = {"completeness": _completeness(graph, truth.flows), "conservation": _conservation(graph, truth.flows)}
        if truth.granularity == "unit":
            errors["conservation"] = worst(errors["conservation"], _edge_flows(graph, truth))
            errors["weight"] = worst(_forward_pass(graph, truth), _probe(graph, truth))
            errors["path"] = _paths(graph, truth)
        else:
            errors["conservation"] = worst(errors["conservation"], _contributions(graph, truth))
            errors["weight"] = worst(_kernels(graph, truth), _merged(truth))
        errors["conservation"] = worst(errors["conservation"], _columns(graph, truth))
    return errors


def _sums(operator: Any, axis: int) -> Array:
    return np.asarray(operator.sum(axis=axis)).reshape(-1)


def _absolute(operator: Any) -> Any:
    """|operator|, or where it is a sum of products that is not multiplied out, the sum of their absolute values."""
    if not isinstance(operator, implicit.Convolution):
        return abs(operator)
    rows, columns, data = (None if f is None else np.abs(f) for f in (operator.rows, operator.columns, operator.data))
    return replace(operator, kernel=np.abs(operator.kernel), rows=rows, columns=columns, data=data)


# -- flows -----------------------------------------------------------------------------------------------


def _completeness(graph: Graph, flows: Flows) -> float:
    """Input shares + constant shares against the target."""
    shares = np.asarray(graph.columns["constant_share"])
    entry = np.asarray(graph.columns["attribution"]) - shares
    total = float(shares.sum()) + sum(float(entry[v.vertices].sum()) for v in graph.layers if v.kind == "input")
    return gap(total, flows.target, worst(abs(flows.target), largest(flows.entry)))


def _conservation(graph: Graph, flows: Flows) -> float:
    """Σ of the emitted attributions into and out of each vertex against z·∂z by autograd."""
    into, out = np.zeros(graph.n), np.zeros(graph.n)
    for block in graph.blocks:
        into[graph.layer(block.target).vertices] += _sums(block.values["attribution"], 1)
        out[graph.layer(block.source).vertices] += _sums(block.values["attribution"], 0)
    made = np.concatenate([np.full(v.size, v.kind not in {"input", "constant"}) for v in graph.layers])
    through = flows.entry + flows.constants
    scale = largest(flows.entry)
    return worst(
        gap(into[made], flows.entry[made], scale),
        gap(out + flows.seed, through, scale),
        gap(graph.columns["attribution"], through, scale),
    )


def _columns(graph: Graph, truth: Truth) -> float:
    """Activations and constants' shares against what was played, biases, and units' gates against their edges'."""
    flows = truth.flows
    gaps = [
        gap(graph.columns["constant_share"], flows.constants, worst(largest(flows.entry), largest(flows.constants)))
    ]
    gates = np.ones(graph.n)
    for block in graph.blocks:
        if block.gate is not None:
            gates[graph.layer(block.source).vertices] = block.gate
    for v in truth.numbering.layers:
        here = slice(v.start, v.start + v.size)
        played = vertex_means(v, truth.played.activation(v).detach(), v.read.numbers)
        gaps.append(gap(graph.columns["activation"][here], played))
        bias = np.zeros(v.size) if v.bias is None else v.bias.detach().cpu().numpy()
        gaps.append(gap(graph.columns["bias"][here], bias))
        if "gate" in graph.columns:
            gaps.append(gap(graph.columns["gate"][here], gates[here]))
    return worst(*gaps)


def _contributions(graph: Graph, truth: Truth) -> float:
    """Σ of the emitted contributions into each vertex against what its operation made."""
    into, size = np.zeros(graph.n), np.zeros(graph.n)
    for block in graph.blocks:
        here, flow = graph.layer(block.target).vertices, block.values["contribution"]
        into[here] += _sums(flow, 1)
        size[here] += _sums(_absolute(flow), 1)
    bias, gaps = np.asarray(graph.columns["bias"]), [0.0]
    for joint in truth.numbering.joints.values():
        v = joint.layer
        here = slice(v.start, v.start + v.size)
        z = truth.played.preactivation(v).detach()
        positions = z.numel() / v.size
        made = (vertex_means(v, z, v.entry.numbers) - bias[here]) * positions
        scale = worst(largest(size[here]), largest(made), largest(bias[here]) * positions)
        gaps.append(gap(into[here], made, scale))
    return worst(*gaps)


def _edge_flows(graph: Graph, truth: Truth) -> float:
    """Each edge: contribution = w·(gate·z + constant), attribution = contribution·∂z, gated_weight = w·gate."""
    z, upstream = truth.per_vertex("z"), truth.per_vertex("gradient")
    gaps = [0.0]
    for block in graph.blocks:
        assert block.gate is not None and block.constant is not None
        source, target = graph.layer(block.source).vertices, graph.layer(block.target).vertices
        carried = block.gate * z[source] + block.constant
        size = np.abs(block.gate * z[source]) + np.abs(block.constant)  # what rounding is relative to
        want: dict[str, tuple[Array | None, Array, Array]] = {
            "gated_weight": (None, block.gate, block.gate),
            "contribution": (None, carried, size),
            "attribution": (upstream[target], carried, size),
        }
        for name, (rows, columns, sizes) in want.items():
            expected = ops.scaled(block.weight, rows, columns)
            upper = ops.scaled(block.weight, rows, sizes)
            pairs = [
                (gap(a, b, 1.0), largest(c)) for a, b, c in _compared(block.weight, block.values[name], expected, upper)
            ]
            gaps.append(worst(*(g for g, _ in pairs)) / (worst(*(size for _, size in pairs)) or 1.0))
    return worst(*gaps)


def _compared(weight: Any, *operators: Any) -> Iterator[tuple[Array, ...]]:
    """Arrays that are equal where the operators are: their entries, or, where those are products that are not listed,
    what they make of random vectors (Freivalds 1977), from either side. The first one says which."""
    first = operators[0]
    if isinstance(first, implicit.Convolution) and first.data is None:
        rng = np.random.default_rng(0)
        for size, product in ((first.shape[1], ops.matvec), (first.shape[0], ops.rmatvec)):
            x = rng.uniform(0.5, 1.5, size)
            yield tuple(product(operator, x) for operator in operators)
        return
    for tile in ops.tiles(weight):
        yield tuple(ops.entries(operator, tile) for operator in operators)


# -- weights ---------------------------------------------------------------------------------------------


def _blocks_into(graph: Graph) -> dict[str, list[Block]]:
    into: dict[str, list[Block]] = {v.name: [] for v in graph.layers}
    for block in graph.blocks:
        into[block.target].append(block)
    return into


def _forward_pass(graph: Graph, truth: Truth) -> float:
    """Each layer from the values that it reads, by weights and by gated weights, against its own values.

    Relative to the layer's own sums of |weight · value| + |bias|: what is big elsewhere hides nothing here.
    """
    into = _blocks_into(graph)
    bias, activation = np.asarray(graph.columns["bias"]), np.asarray(graph.columns["activation"])
    expected = truth.per_vertex("z")
    gaps = [0.0]
    for v in graph.layers:
        if v.kind == "constant":
            continue
        here = v.vertices
        z = np.array(activation[here] if v.kind == "input" else bias[here], dtype=np.float64)
        gated, size = z.copy(), np.abs(z)
        for block in into[v.name]:
            source = expected[graph.layer(block.source).vertices]
            assert block.gate is not None and block.constant is not None
            passed = block.gate * source
            z += block.weight @ (passed + block.constant)
            gated += block.values["gated_weight"] @ source + block.weight @ block.constant
            size += _absolute(block.weight) @ (np.abs(passed) + np.abs(block.constant))
        scale = worst(largest(size), largest(expected[here]))
        gaps += [gap(z, expected[here], scale), gap(gated, expected[here], scale)]
    return worst(*gaps)


def _probe(graph: Graph, truth: Truth) -> float:
    """Random values at the vertices through the blocks and through the operations."""
    probe = Probe(truth.played).go()
    r = probe.at_vertex.numpy()
    into = _blocks_into(graph)
    gaps = [0.0]
    for v in truth.numbering.layers:
        if v.name in probe.made:
            got = sum((b.weight @ r[graph.layer(b.source).vertices] for b in into[v.name]), np.zeros(v.size))
            gaps.append(gap(got, vertex_means(v, probe.made[v.name])))
    return worst(*gaps)


def _paths(graph: Graph, truth: Truth) -> float:
    """Products of gated weights along all paths from each input, against autograd's ∂target/∂input."""
    slope = truth.slope_at_output()
    into = _blocks_into(graph)
    for v in reversed(graph.layers):
        for block in into[v.name]:
            slope[graph.layer(block.source).vertices] += ops.rmatvec(block.values["gated_weight"], slope[v.vertices])
    gaps = [0.0]
    for leaf, numbers in truth.played.leaves:
        if leaf.grad is not None:
            index = numbers.expand(leaf.shape).reshape(-1).numpy()
            gaps.append(gap(slope[index], leaf.grad.reshape(-1).numpy()))
    return worst(*gaps)


# -- channel granularity ---------------------------------------------------------------------------------


def _kernels(graph: Graph, truth: Truth) -> float:
    """Channel weights against the reduction of the model's kernels, with the scales that the operations applied."""
    probe = Probe(truth.played).go()
    r = probe.at_vertex.numpy()
    into, how = _blocks_into(graph), str(graph.meta["reduce"])
    gaps = [0.0]
    for joint in truth.numbering.joints.values():
        v, blocks = joint.layer, into[joint.layer.name]
        summed = [block for block in blocks if "tap_sum" in block.values]
        if isinstance(joint, Convolution | Matmul):
            gaps.append(_against_reference(joint, graph, probe, how, [(b.source, b.weight) for b in blocks]))
            if summed:
                sums = [(b.source, b.values.get("tap_sum", b.weight)) for b in blocks]
                gaps.append(_against_reference(joint, graph, probe, "sum", sums))
            continue
        if isinstance(joint, MixedConvolution):
            gaps.append(_against_its_list(joint, truth, blocks, how))
        else:
            pushed = sum((b.weight @ r[graph.layer(b.source).vertices] for b in blocks), np.zeros(v.size))
            gaps.append(gap(pushed, vertex_means(v, probe.made[v.name])))
        if summed:
            parts = joint.parts(truth.numbering.layers, "sum", truth.played.records[joint.at])
            for part, block in zip(parts, blocks, strict=True):
                if "tap_sum" in block.values:
                    gaps.append(_difference(block.values["tap_sum"], part.weight))
    return worst(*gaps)


def _against_reference(
    joint: Convolution | Matmul, graph: Graph, probe: Probe, how: str, emitted: Sequence[tuple[str, Any]]
) -> float:
    """The emitted operators, by the name of their source, against the reduced kernels."""
    read = np.unique(joint.numbers[joint.numbers >= 0])
    got = np.zeros((joint.layer.size, len(read)))
    for name, operator in emitted:
        source = graph.layer(name)
        first, last = np.searchsorted(read, [source.start, source.stop])
        here = operator[:, read[first:last] - source.start]
        got[:, first:last] += here.toarray() if sp.issparse(here) else here
        rest = np.delete(_sums(abs(operator), 0), read[first:last] - source.start)
        if largest(rest) > 0:  # an edge from a vertex that is not read
            return float("inf")
    sent = probe.at_vertex.numpy()[read] != 0
    return gap(got[:, sent], _reference(joint, probe, how, read)[:, sent])


def _against_its_list(joint: MixedConvolution, truth: Truth, blocks: Sequence[Block], how: str) -> float:
    """The emitted weights against the taps of every element; named as not compared where those are too many."""
    if joint.weight.numel() * joint.layer.numbers.expand(joint.shape)[0, 0].numel() > LISTED:
        truth.uncompared.append(joint.layer.name)
        return 0.0
    parts = Linear.parts(joint, truth.numbering.layers, how)
    return worst(*(_difference(block.weight, part.weight) for part, block in zip(parts, blocks, strict=True)))


def _difference(got: Any, expected: Any) -> float:
    """The gap of two operators, sparse or dense; an entry that is not listed is 0."""
    if not (sp.issparse(got) and sp.issparse(expected)):
        return gap(*(a.toarray() if sp.issparse(a) else a for a in (got, expected)))
    if got.shape != expected.shape or not np.isfinite(got.data).all():
        return float("inf")
    difference = sp.csr_array(got) - sp.csr_array(expected)
    return gap(difference.data, np.zeros_like(difference.data), largest(expected.data))


def _reference(joint: Convolution | Matmul, probe: Probe, how: str, read: Array) -> Array:
    """(size, vertices that are read) the reduced kernels, vertex by vertex."""
    x = probe.read[joint.at][0]
    if isinstance(joint, Convolution):
        seen = strongest(x, [0, *range(2, x.dim())]).reshape(joint.numbers.shape)
    else:
        rows = x.reshape(-1, x.shape[-1])
        seen = strongest(rows, [0]) if len(joint.numbers) == 1 else rows[joint.representative]
    sent = probe.at_vertex.numpy()[joint.numbers]  # 0 at constants, which are not probed
    scale = np.divide(seen.numpy(), sent, out=np.ones_like(sent), where=sent != 0)
    factor = probe.factors.get(joint.layer.name)
    per_vertex = np.ones(joint.layer.size)
    if factor is not None:
        made = probe.made[joint.layer.name]
        per_vertex = vertex_means(joint.layer, lift(factor, made.dim()).expand(made.shape))
    out = np.zeros((joint.layer.size, len(read)))
    for g, numbers in enumerate(joint.numbers):
        kernel = joint.matrix(g)
        here = slice(g * kernel.shape[0], (g + 1) * kernel.shape[0])
        taps = kernel * scale[g][None, :, None] * per_vertex[here][:, None, None]
        distinct, counts = np.unique(numbers, return_counts=True)
        if (counts == 1).all() and distinct[0] >= 0:
            order = np.argsort(numbers)
            whole = taps[:, order, 0] if taps.shape[2] == 1 else REDUCTIONS[how](taps[:, order])
            out[here, np.searchsorted(read, distinct)] = whole
            continue
        for number in distinct[distinct >= 0]:
            mine = taps[:, numbers == number].reshape(kernel.shape[0], -1)
            reduced = mine[:, 0] if mine.shape[1] == 1 else REDUCTIONS[how](mine)
            out[here, np.searchsorted(read, number)] = reduced
    return out


def _merged(truth: Truth) -> float:
    """Whether every unit belongs to one channel wherever it is read: 0, or infinite."""
    unit = truth.net.programs.numbering("unit", truth.inputs, torch.float64)
    channel_of = np.full(unit.n, -1)
    for slot, form in unit.forms.items():
        u, c = form.full.reshape(-1).numpy(), truth.numbering.forms[slot].full.reshape(-1).numpy()
        both = (u >= 0) & (c >= 0)
        u, c = u[both], c[both]
        fresh = channel_of[u] < 0
        channel_of[u[fresh]] = c[fresh]
        if (channel_of[u] != c).any():
            return float("inf")
    return 0.0
