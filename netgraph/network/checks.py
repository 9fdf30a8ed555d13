"""The single comparisons that a verification is made of."""

from __future__ import annotations

from collections.abc import Iterator
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
        np.add.at(out, form.full.reshape(-1).numpy(), slope.reshape(-1).numpy())
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
    return errors


def _sums(operator: Any, axis: int) -> Array:
    return np.asarray(operator.sum(axis=axis)).reshape(-1)


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


def _contributions(graph: Graph, truth: Truth) -> float:
    """Σ of the emitted contributions into each vertex against what its operation made."""
    into, made = np.zeros(graph.n), np.zeros(graph.n)
    for block in graph.blocks:
        into[graph.layer(block.target).vertices] += _sums(block.values["contribution"], 1)
    bias = np.asarray(graph.columns["bias"])
    for joint in truth.numbering.joints.values():
        v = joint.layer
        here = slice(v.start, v.start + v.size)
        z = truth.played.preactivation(v).detach()
        made[here] = (vertex_means(v, z, v.entry.numbers) - bias[here]) * (z.numel() / v.size)
    return gap(into, made)


def _edge_flows(graph: Graph, truth: Truth) -> float:
    """Each edge: contribution = w·(gate·z + constant), attribution = contribution·∂z, gated_weight = w·gate."""
    z, upstream = truth.per_vertex("z"), truth.per_vertex("gradient")
    names = ("contribution", "attribution", "gated_weight")
    gaps: dict[str, list[float]] = {name: [] for name in names}
    scales = dict.fromkeys(names, 0.0)
    for block in graph.blocks:
        assert block.gate is not None and block.constant is not None
        source, target = graph.layer(block.source).vertices, graph.layer(block.target).vertices
        carried = block.gate * z[source] + block.constant
        want: dict[str, tuple[Array | None, Array]] = {
            "gated_weight": (None, block.gate),
            "contribution": (None, carried),
            "attribution": (upstream[target], carried),
        }
        for name, (rows, columns) in want.items():
            expected = ops.scaled(block.weight, rows, columns)
            for got, right in _compared(block.weight, block.values[name], expected):
                gaps[name].append(gap(got, right, 1.0))
                scales[name] = worst(scales[name], largest(right))
    return worst(*(found / (scales[name] or 1.0) for name in names for found in gaps[name]))


def _compared(weight: Any, got: Any, expected: Any) -> Iterator[tuple[Array, Array]]:
    """Pairs of arrays that are equal where the operators are: their entries, or, where those are products that are not
    listed, what both make of random vectors (Freivalds 1977), from either side."""
    if isinstance(got, implicit.Convolution) and got.data is None:
        rng = np.random.default_rng(0)
        for size, product in ((got.shape[1], ops.matvec), (got.shape[0], ops.rmatvec)):
            x = rng.uniform(0.5, 1.5, size)
            yield product(got, x), product(expected, x)
        return
    for tile in ops.tiles(weight):
        yield ops.entries(got, tile), ops.entries(expected, tile)


# -- weights ---------------------------------------------------------------------------------------------


def _blocks_into(graph: Graph) -> dict[str, list[Block]]:
    into: dict[str, list[Block]] = {v.name: [] for v in graph.layers}
    for block in graph.blocks:
        into[block.target].append(block)
    return into


def _forward_pass(graph: Graph, truth: Truth) -> float:
    """Run the emitted tables forward, by weights and by gated weights, and compare every vertex."""
    into = _blocks_into(graph)
    bias, activation = np.asarray(graph.columns["bias"]), np.asarray(graph.columns["activation"])
    expected = truth.per_vertex("z")
    gaps, scale = [0.0], largest(expected)
    z, gated = np.zeros(graph.n), np.zeros(graph.n)
    for v in graph.layers:
        here = v.vertices
        z[here] = gated[here] = activation[here] if v.kind == "input" else bias[here]
        for block in into[v.name]:
            source = graph.layer(block.source).vertices
            assert block.gate is not None and block.constant is not None
            z[here] += block.weight @ (block.gate * z[source] + block.constant)
            gated[here] += block.values["gated_weight"] @ gated[source] + block.weight @ block.constant
        if v.kind != "constant":
            gaps += [gap(z[here], expected[here], scale), gap(gated[here], expected[here], scale)]
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
    into = _blocks_into(graph)
    gaps = [0.0]
    for joint in truth.numbering.joints.values():
        v = joint.layer
        if isinstance(joint, Convolution | Matmul):
            read = np.unique(joint.numbers[joint.numbers >= 0])
            got = np.zeros((v.size, len(read)))
            for block in into[v.name]:
                source = graph.layer(block.source)
                first, last = np.searchsorted(read, [source.start, source.stop])
                here = block.weight[:, read[first:last] - source.start]
                got[:, first:last] += here.toarray() if sp.issparse(here) else here
            sent = r[read] != 0
            expected = _reference(joint, probe, str(graph.meta["reduce"]), read)
            gaps.append(gap(got[:, sent], expected[:, sent]))
        elif isinstance(joint, MixedConvolution):
            gaps.append(_against_its_list(joint, graph, truth))
        elif not (isinstance(joint, Linear) and joint.taps is not None):
            pushed = sum((b.weight @ r[graph.layer(b.source).vertices] for b in into[v.name]), np.zeros(v.size))
            gaps.append(gap(pushed, vertex_means(v, probe.made[v.name])))
    return worst(*gaps)


def _against_its_list(joint: MixedConvolution, graph: Graph, truth: Truth) -> float:
    """The emitted weights against the taps of every element; 0 where those are too many to be listed."""
    if joint.weight.numel() * joint.layer.numbers.expand(joint.shape)[0, 0].numel() > LISTED:
        return 0.0
    gaps = [0.0]
    blocks = [b for b in graph.blocks if b.target == joint.layer.name]
    for part, block in zip(Linear.parts(joint, truth.numbering.layers, str(graph.meta["reduce"])), blocks, strict=True):
        gaps.append(gap(block.weight.toarray(), part.weight.toarray()))
    return worst(*gaps)


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
