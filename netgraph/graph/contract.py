"""Contraction: vertices that only pass values on give way to edges from writer to reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from netgraph.errors import unknown
from netgraph.graph import products
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.graph.through import Flows, Step, pass_through

Array = np.ndarray[Any, Any]

PASSING: dict[str, tuple[str, ...]] = {
    "skip": ("skip",),
    "pool": ("pool", "select"),
    "select": ("select",),
    "mean": ("mean",),
    "sum": ("sum",),
    "product": ("product",),
    "attention": ("attention",),
    "identity": ("identity",),
}
"""A name for ``kinds=`` -> the kinds of blocks it means: maxima (``select``) are pooling too."""

NEVER = frozenset({"input", "constant", "bias"})
"""Kinds of layers that write, and pass nothing on."""


def contract(graph: Graph, kinds: Sequence[str] = ("skip", "pool")) -> Graph:
    """Remove the vertices that only pass values on, so that edges run from writer to reader.

    Parameters
    ----------
    graph : any graph. One of weights, or of inputs (then its flows stay flows).
    kinds : a layer goes if all blocks that enter it (biases aside) are of these kinds: "skip" (residual adds), "pool"
        (average and maximum), "select" (maximum alone), "mean", "sum", "product", "attention", "identity", or any
        other kind that blocks of this graph have.

    Returns
    -------
    Graph : the other layers, each vertex with its id and columns. An edge has the kind of the block that its reader
        had, in the block's dtype. ``meta["contracted"]`` says ``kinds``, ``layers`` (those that went), ``kept`` (those
        of these kinds that had to stay, each with the reason), ``vertices`` and ``edges`` (before, after),
        ``attribution`` ("exact" or "proportional", None without), ``dropped`` (edge columns without a rule).

    Raises
    ------
    UnknownName : a kind that neither the table nor the graph knows.
    GraphError : attributions that are no flows (``aggregate="mean_abs"`` or ``"std"``); products beyond the dtype.

    Notes
    -----
    The edges u→v, weight a, and v→t, weight b, with v's gate g and constant c in what t reads, become u→t with
    b·g·a (g = 1 where the graph knows no gates), summed over v and with the edges of the same gate that are there.
    With b·(g·z_v + c) = Σ_u b·g·a·(g_u·z_u + c_u) + b·(g·bias_v + c):

    - sums over paths of ``weight`` (times v's gate), ``gated_weight`` and ``tap_sum`` stay as they are;
    - v's bias and constant, b·(g·bias_v + c), move to t's ``bias``, and their share to t's ``constant_share``; behind
      a kernel with several taps a bias counts with ``tap_sum``, which is exact where no padding is met;
    - with one input and gates (unit granularity) ``contribution`` and ``attribution`` are exact:
      contribution(u→t) = b·g·contribution(u→v), and attribution = contribution · ∂target/∂z_t, where
      ∂target/∂z_t = attribution / contribution on the edges into t;
    - without gates ``attribution`` is split among v's readers in proportion to what leaves v, and among its writers in
      proportion to what enters it, kept finite where signs cancel: flows are conserved at every vertex, but a new
      edge's flow is its paths' share only where v has one way in or one way out. ``contribution`` and columns of
      other names have no rule there and are left out of all blocks.

    Kept are: outputs; layers with an activation function whose gate the graph does not know (a graph of weights does
    not say whether only *some* readers apply a function: make it with ``inputs=`` where that matters); layers that
    the target reads besides their edges, since flows would get lost; layers with constants where biases are vertices.

    Examples
    --------
    x + f(x), f = 3·x, read by a weight of 2:

    >>> import numpy as np, netgraph as ng
    >>> layers = [ng.Layer(name, name, kind, (1,), i, 1) for i, (name, kind) in enumerate(
    ...     [("x", "input"), ("f", "linear"), ("add", "skip"), ("y", "linear")])]
    >>> def block(source, target, kind, weight):
    ...     return ng.Block(source, target, kind, np.array([[weight]]))
    >>> graph = ng.Graph(layers, [block("x", "f", "linear", 3.0), block("f", "add", "skip", 1.0),
    ...     block("x", "add", "skip", 1.0), block("add", "y", "linear", 2.0)])
    >>> for edge in contract(graph).edges.to_pandas()[["source", "target", "weight"]].itertuples(index=False):
    ...     print(*edge)
    x:0 f:0 3.0
    f:0 y:0 2.0
    x:0 y:0 2.0
    """
    passing = _passing(graph, kinds)
    flows = Flows.of(graph)
    blocks = list(graph.blocks)
    gone: list[str] = []
    kept: dict[str, str] = {}
    for layer in graph.layers:
        into = [block for block in blocks if block.target == layer.name]
        if not _passes(layer, into, passing):
            continue
        out = [block for block in blocks if block.source == layer.name]
        step = pass_through(flows, layer, into, out)
        if not isinstance(step, Step):
            kept[layer.name] = step
            continue
        flows = step.flows
        blocks = [block for block in blocks if layer.name not in (block.source, block.target)]
        for block in step.blocks:
            _add(blocks, block)
        gone.append(layer.name)
    made = _without(graph, gone, blocks, flows) if gone else graph
    return made.with_meta(contracted=_report(graph, made, passing, gone, kept, flows))


def _passing(graph: Graph, kinds: Sequence[str]) -> list[str]:
    present = [block.kind for block in graph.blocks if block.kind != "bias"]
    known = PASSING | {kind: (kind,) for kind in present if kind not in PASSING}
    found: list[str] = []
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind not in known:
            raise unknown("kind of edges", kind, known)
        found += known[kind]
    return list(dict.fromkeys(found))


def _passes(layer: Layer, into: Sequence[Block], passing: Sequence[str]) -> bool:
    entering = {block.kind for block in into} - {"bias"}
    return layer.kind not in NEVER and bool(entering) and entering <= set(passing)


# -- parallel edges ------------------------------------------------------------------------------------


def _add(blocks: list[Block], new: Block) -> None:
    """Sum a block with the one that is there and reads its sources alike; else it stands beside it."""
    for at, old in enumerate(blocks):
        if _alike(old, new):
            total = _sum(old, new)
            if total is not None:
                blocks[at] = total
                return
    blocks.append(new)


def _alike(a: Block, b: Block) -> bool:
    if (a.source, a.target, a.kind) != (b.source, b.target, b.kind):
        return False
    return _same(a.gate, b.gate) and _same(a.constant, b.constant)


def _same(a: Array | None, b: Array | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


def _sum(a: Block, b: Block) -> Block | None:
    """The blocks added up; None if edges would cancel on which something still flows."""
    where = f"block {a.source} -> {a.target}"
    weight = products.at_edges(a.weight, a.weight) + products.at_edges(b.weight, b.weight)
    names = [name for name in dict.fromkeys([*a.values, *b.values]) if _has(a, name) and _has(b, name)]
    values, types = {}, {}
    for name in names:
        # a kernel with one tap is its own sum of taps
        x, y = (block.values.get(name, block.weight) for block in (a, b))
        values[name] = products.at_edges(x, a.weight) + products.at_edges(y, b.weight)
        types[name] = np.result_type(x.dtype, y.dtype)
    whole, beside = products.matched(weight, values)
    if "attribution" in values:
        lost = abs(values["attribution"]).sum() - abs(beside["attribution"]).sum()
        if lost > 1e-9 * abs(values["attribution"]).sum():
            return None
    cast = {name: products.cast(value, types[name], where) for name, value in beside.items()}
    return replace(a, weight=products.cast(whole, np.result_type(a.weight.dtype, b.weight.dtype), where), values=cast)


def _has(block: Block, name: str) -> bool:
    return name in block.values or name == "tap_sum"


# -- the smaller graph ---------------------------------------------------------------------------------


def _without(graph: Graph, gone: Sequence[str], blocks: Sequence[Block], flows: Flows) -> Graph:
    layers: list[Layer] = []
    for layer in graph.layers:
        if layer.name not in gone:
            layers.append(replace(layer, start=layers[-1].stop if layers else 0))
    order = {layer.name: i for i, layer in enumerate(layers)}
    stays = np.ones(graph.n, dtype=bool)
    for name in gone:
        stays[graph.layer(name).vertices] = False
    columns = {name: np.asarray(values)[stays] for name, values in flows.columns(graph).items()}
    known = [
        replace(block, values={name: value for name, value in block.values.items() if name in flows.rules})
        for block in sorted(blocks, key=lambda block: order[block.target])
    ]
    return Graph(tuple(layers), tuple(known), columns, graph.meta)


def _report(
    graph: Graph, made: Graph, passing: Sequence[str], gone: list[str], kept: dict[str, str], flows: Flows
) -> dict[str, Any]:
    before: dict[str, Any] = dict(graph.meta.get("contracted", {}))
    values = dict.fromkeys(name for block in graph.blocks for name in block.values)
    dropped = [name for name in values if gone and name not in flows.rules]
    exactness = None if flows.how is None else "exact" if flows.how == "exact" else "proportional"
    if before.get("attribution") == "proportional":
        exactness = "proportional"
    return {
        "kinds": list(dict.fromkeys([*before.get("kinds", []), *passing])),
        "layers": [*before.get("layers", []), *gone],
        "kept": kept,
        "vertices": [before.get("vertices", [graph.n])[0], made.n],
        "edges": [before.get("edges", [len(graph.edges)])[0], len(made.edges)],
        "attribution": exactness,
        "dropped": [*before.get("dropped", []), *dropped],
    }
