"""Graphs over many inputs: batches and data loaders, one after the other, and what is kept of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netgraph.errors import InputError, unknown
from netgraph.graph.graph import Graph
from netgraph.network.arguments import Arguments
from netgraph.network.assemble import bias_vertices, build
from netgraph.network.description import metadata
from netgraph.network.flows import Flows, checked
from netgraph.network.gauge import Gauges
from netgraph.network.heads import FINE, coarse
from netgraph.network.inputs import numpy_dtype, storable
from netgraph.network.progress import Tick, silent
from netgraph.network.replay import Replay
from netgraph.network.spread import Group, Spread
from netgraph.network.targets import whole

if TYPE_CHECKING:
    from netgraph.network.network import Network

AGGREGATES = ("mean", "mean_abs", "std")
"""How the flows of several inputs become one: mean, mean of absolute values, or standard deviation (ddof=0)."""
EVERYTHING = -1
"""The key of all inputs, where they are not grouped."""


def stream(inputs: Any, labels: Any, arguments: Arguments) -> Iterator[tuple[Any, Any]]:
    """(inputs, labels or None), batch by batch: arrays are one batch, a loader gives inputs or (inputs, labels)."""
    if arguments.is_batch(inputs):
        yield inputs, labels
        return
    if labels is not None:
        raise InputError("labels= goes with inputs that are arrays; a loader gives (inputs, labels) itself")
    empty = True
    for item in inputs:
        empty = False
        given, its_labels = arguments.item(item)
        yield given, its_labels
    if empty:
        raise InputError("the loader gave no inputs")


def groups(labels: Any, by: str | None, n: int) -> Mapping[int, torch.Tensor]:
    """Label -> which of ``n`` inputs have it; one group of all where ``by`` is None."""
    if by is None:
        return {EVERYTHING: torch.arange(n)}
    if by != "label":
        raise unknown("by", by, ("label",))
    labels = None if labels is None else whole(labels, "labels")
    if labels is None or len(labels) != n:
        raise InputError("by='label' needs a label for each input: pass labels=, or a loader of (inputs, labels)")
    return {int(label): torch.nonzero(labels == label)[:, 0] for label in labels.unique()}


def graphs_over(
    net: Network,
    granularity: str,
    reduce: str,
    gauge: str,
    bias: str,
    batches: Iterable[tuple[Any, Any]],
    target: Any,
    aggregate: str,
    by: str | None,
    tick: Tick = silent,
) -> dict[int, Graph]:
    """Label (or :data:`EVERYTHING`) -> the graph of its inputs."""
    graphs, gauges = {}, Gauges(reduce, numpy_dtype(net.dtype))
    fine = FINE.get(granularity, granularity)
    for label, (flows, played) in accumulate(net, fine, batches, target, aggregate, by, tick).items():
        meta = metadata(net, granularity, reduce, flows.numbering, (target,))
        meta.update({"aggregate": aggregate} | ({} if by is None else {"label": label}))
        graph = build(
            flows.numbering, reduce, numpy_dtype(net.dtype), meta, checked(flows.summary(), flows.numbering), played
        )
        if gauge == "balanced":
            graph = gauges.of(flows.numbering).apply(graph)
        if bias == "vertex" and isinstance(flows, Flows):
            graph = bias_vertices(graph, flows.biases / flows.count)
        graphs[label] = replace(coarse(graph, granularity, flows.numbering, reduce), origin=net)
    return graphs


def accumulate(
    net: Network,
    granularity: str,
    batches: Iterable[tuple[Any, Any]],
    target: Any,
    aggregate: str,
    by: str | None,
    tick: Tick = silent,
) -> dict[int, tuple[Flows | Group, Replay | None]]:
    """Label (or :data:`EVERYTHING`) -> the flows of its inputs, and what was played where that is a single input."""
    found: dict[int, tuple[Flows, Replay | None]] = {}
    spread: Spread | None = None
    for given, labels in batches:
        whole = net.programs.inputs(given)
        wanted = _wanted(target, labels, len(whole[0]))
        chosen_by = groups(labels, by, len(whole[0]))
        if aggregate != "mean":
            spread = spread or Spread(net.programs.numbering(granularity, whole), aggregate)
            spread.play(net, whole, wanted, chosen_by, storable(net.dtype), tick)
            continue
        for label, chosen in chosen_by.items():
            mine = wanted[chosen] if _per_input(wanted, len(whole[0])) else wanted
            known = found[label][0] if label in found else None
            gates = granularity == "unit" and known is None and len(chosen) == 1
            some = [x[chosen] for x in whole]
            flows, played = net.flows(granularity, some, mine, net.dtype, gates, known, (), tick)
            found[label] = flows, played if flows.count == 1 else None
    if spread is not None:
        return {label: (group, None) for label, group in sorted(spread.found.items())}
    return dict(sorted(found.items()))


def _wanted(target: Any, labels: Any, n: int) -> Any:
    if not (isinstance(target, str) and target == "label"):
        return torch.as_tensor(target) if isinstance(target, list) else target
    labels = None if labels is None else whole(labels, "labels")
    if labels is None or len(labels) != n:
        raise InputError("target='label' needs a label for each input: pass labels=, or a loader of (inputs, labels)")
    return labels


def _per_input(target: Any, n: int) -> bool:
    return isinstance(target, (torch.Tensor, np.ndarray)) and target.ndim == 1 and len(target) == n
