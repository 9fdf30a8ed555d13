"""Attention heads as vertices: the values that one head mixes become one vertex of the graph of channels.

A head is known by its values: where an attention pattern, held fixed, is multiplied with (…, tokens, features), every
matrix of that product is a head's, and those with the same vertices (the windows of an image, query heads that share
their values) are one head. What enters it weighs as the rows of W_V of its features, what leaves it as the columns of
W_O. Queries and keys decide the pattern alone: nothing reads them, and they are left out. Where tokens have vertices of
their own, attention makes new ones, and a head's are those.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from netgraph.errors import InputError
from netgraph.graph import blocks as ops
from netgraph.graph.coarsen import LEFT_OUT, STAYS, Merge, by_layer, merged
from netgraph.graph.graph import Graph
from netgraph.network.naming import safe
from netgraph.network.numbering import Numbering
from netgraph.network.vertices import At

Array = np.ndarray[Any, Any]

FINE = {"head": "channel", "layer": "channel"}
"""Granularity -> the one whose graph it is made of."""
MADE = ("linear", "conv", "attention")
"""Kinds of layers whose vertices may be a head's values: attention straight to inputs or sums has none of its own."""


def coarse(graph: Graph, granularity: str, numbering: Numbering, reduce: str) -> Graph:
    """What was asked for of the graph that it is made of."""
    if granularity == "head":
        return by_head(graph, numbering, reduce)
    return by_layer(graph).with_meta(granularity="layer") if granularity == "layer" else graph


def by_head(graph: Graph, numbering: Numbering, reduce: str) -> Graph:
    """The graph of channels, ``numbering``'s, with a vertex for each attention head.

    Raises
    ------
    InputError : the network has no attention heads.
    """
    merges = {}
    for layer, merge in heads(numbering).items():
        read = np.zeros(len(merge.of), dtype=bool)
        for block in graph.blocks:
            if block.source == layer:
                read |= ops.column_sums(block.weight, absolute=True) != 0
        of = np.where((merge.of == STAYS) & ~read, LEFT_OUT, merge.of)
        merges[layer] = Merge(merge.name, merge.module, merge.kind, merge.shape, of)
    return merged(graph, merges, reduce).with_meta(granularity="head")


def heads(numbering: Numbering) -> dict[str, Merge]:
    """Layer -> which of its vertices are the values of which head.

    Raises
    ------
    InputError : there are none.
    """
    slices = {at: numbers.numpy() for at, numbers in numbering.attended.items() if not _product(numbering, at)}
    label = _labels(list(slices.values()), numbering.n)
    found: dict[str, Merge] = {}
    for layer in numbering.layers if slices else ():
        here = slice(layer.start, layer.start + layer.size)
        mixed = {at: numbers[(numbers >= here.start) & (numbers < here.stop)] for at, numbers in slices.items()}
        in_order = label[np.concatenate(list(mixed.values()))]
        if layer.kind not in MADE or not len(in_order):
            continue
        labels, first = np.unique(in_order, return_index=True)
        number = np.full(numbering.n, STAYS)
        number[labels] = np.argsort(np.argsort(first))  # in the order of the product's matrices
        of = np.where(label[here] >= 0, number[label[here]], STAYS)
        call = numbering.tape.calls[next(at for at, numbers in mixed.items() if len(numbers))[0]]
        shape = next(numbering.tape.shapes[s] for s in reversed(call.reads) if s in numbering.forms)
        found[layer.name] = Merge(_name(call.module, found), call.module, "heads", shape, of)
    if not found:
        raise InputError(
            "no attention heads in this network: granularity='head' needs values that a layer of their own makes and "
            "an attention pattern mixes; use granularity='channel'"
        )
    return found


def _product(numbering: Numbering, at: At) -> bool:
    """Whether it is one side of a product of values, as in attention without a softmax: there is no pattern."""
    call, tape = numbering.tape.calls[at[0]], numbering.tape
    return all(s in numbering.forms for s in call.reads if s in tape.dependent)


def _labels(slices: list[Array], n: int) -> Array:
    """(n,) which head each vertex belongs to, -1 for none: those that meet in one matrix are one head's."""
    label = np.full(n, -1)
    if slices:
        pairs = [np.stack(np.broadcast_arrays(numbers.max(1, keepdims=True), numbers), -1) for numbers in slices]
        ends = np.concatenate([p.reshape(-1, 2) for p in pairs])
        ends = ends[(ends >= 0).all(1)]
        joined = sp.csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
        label[ends[:, 1]] = connected_components(joined, directed=False)[1][ends[:, 1]]
    return label


def _name(module: str, taken: dict[str, Merge]) -> str:
    name = f"{safe(module, 'attention')}_heads" if module else "heads"
    times = sum(merge.name.split("#")[0] == name for merge in taken.values())
    return f"{name}#{times + 1}" if times else name
