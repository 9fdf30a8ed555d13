"""Graphs over many inputs: batches and data loaders, one after the other, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch

from netgraph.errors import InputError, unknown
from netgraph.graph.graph import Graph
from netgraph.network.arguments import Arguments
from netgraph.network.assemble import bias_vertices, build
from netgraph.network.description import metadata
from netgraph.network.flows import Flows, Summary
from netgraph.network.gauge import Gauges
from netgraph.network.heads import FINE, coarse
from netgraph.network.inputs import numpy_dtype
from netgraph.network.numbering import Numbering
from netgraph.network.reads import Array
from netgraph.network.replay import Replay

if TYPE_CHECKING:
    from netgraph.network.network import Network

AGGREGATES = ("mean", "mean_abs", "std")
"""How the flows of several inputs become one: mean, mean of absolute values, or standard deviation (ddof=0)."""
EVERYTHING = -1
"""The key of all inputs, where they are not grouped."""


def stream(inputs: Any, labels: Any, arguments: Arguments) -> Iterator[tuple[Any, torch.Tensor | None]]:
    """(inputs, labels or None), batch by batch: arrays are one batch, a loader gives inputs or (inputs, labels)."""
    if arguments.is_batch(inputs):
        yield inputs, _as_labels(labels)
        return
    if labels is not None:
        raise InputError("labels= goes with inputs that are arrays; a loader gives (inputs, labels) itself")
    empty = True
    for item in inputs:
        empty = False
        given, its_labels = arguments.item(item)
        yield given, _as_labels(its_labels)
    if empty:
        raise InputError("the loader gave no inputs")


def _as_labels(labels: Any) -> torch.Tensor | None:
    return None if labels is None else torch.as_tensor(labels).reshape(-1).long()


def groups(labels: torch.Tensor | None, by: str | None, n: int) -> Mapping[int, torch.Tensor]:
    """Label -> which of ``n`` inputs have it; one group of all where ``by`` is None."""
    if by is None:
        return {EVERYTHING: torch.arange(n)}
    if by != "label":
        raise unknown("by", by, ("label",))
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
) -> dict[int, Graph]:
    """Label (or :data:`EVERYTHING`) -> the graph of its inputs."""
    graphs, gauges = {}, Gauges(reduce, numpy_dtype(net.dtype))
    fine = FINE.get(granularity, granularity)
    for label, (flows, played) in accumulate(net, fine, batches, target, aggregate, by).items():
        meta = metadata(net, granularity, reduce, flows.numbering, (target,))
        meta.update({"aggregate": aggregate} | ({} if by is None else {"label": label}))
        graph = build(flows.numbering, reduce, numpy_dtype(net.dtype), meta, flows.summary(), played)
        if gauge == "balanced":
            graph = gauges.of(flows.numbering).apply(graph)
        if bias == "vertex" and isinstance(flows, Flows):
            graph = bias_vertices(graph, flows.biases / flows.count)
        graphs[label] = coarse(graph, granularity, flows.numbering, reduce)
    return graphs


def accumulate(
    net: Network, granularity: str, batches: Iterable[tuple[Any, Any]], target: Any, aggregate: str, by: str | None
) -> dict[int, tuple[Flows | Spread, Replay | None]]:
    """Label (or :data:`EVERYTHING`) -> the flows of its inputs, and what was played where that is a single input."""
    found: dict[int, tuple[Flows | Spread, Replay | None]] = {}
    for given, labels in batches:
        whole = net.programs.inputs(given)
        wanted = _wanted(target, labels, len(whole[0]))
        for label, chosen in groups(labels, by, len(whole[0])).items():
            inputs = [x[chosen] for x in whole]
            mine = wanted[chosen] if _per_input(wanted, len(whole[0])) else wanted
            flows = found[label][0] if label in found else None
            if aggregate == "mean":
                assert not isinstance(flows, Spread)
                gates = granularity == "unit" and flows is None and len(chosen) == 1
                flows, played = net.flows(granularity, inputs, mine, net.dtype, gates, flows, keep=())
                found[label] = flows, played if flows.count == 1 else None
                continue
            spread = (
                flows if isinstance(flows, Spread) else Spread(net.programs.numbering(granularity, inputs), aggregate)
            )
            for i in range(len(chosen)):
                target_i = mine[i : i + 1] if _per_input(mine, len(chosen)) else mine
                spread.add(net.flows(granularity, [x[i : i + 1] for x in inputs], target_i, net.dtype, keep=())[0])
            found[label] = spread, None
    return dict(sorted(found.items()))


def _wanted(target: Any, labels: torch.Tensor | None, n: int) -> Any:
    if not (isinstance(target, str) and target == "label"):
        return torch.as_tensor(target) if isinstance(target, list) else target
    if labels is None or len(labels) != n:
        raise InputError("target='label' needs a label for each input: pass labels=, or a loader of (inputs, labels)")
    return labels


def _per_input(target: Any, n: int) -> bool:
    return isinstance(target, (torch.Tensor, np.ndarray)) and target.ndim == 1 and len(target) == n


class Spread:
    """Flows of single inputs, their absolute values or squares summed up; memory does not grow with the inputs."""

    def __init__(self, numbering: Numbering, how: str) -> None:
        self.numbering, self.how = numbering, how
        self.count, self.target = 0, 0.0
        self._edges: dict[str, list[list[list[Any]]]] = {}
        self._columns: dict[str, list[Array]] = {}

    def add(self, one: Flows) -> None:
        """Take the flows of one input."""
        summary = one.summary()
        moments: list[Callable[[Any], Any]] = [np.abs] if self.how == "mean_abs" else [np.positive, np.square]
        for name, joints in summary.edges.items():
            new = [[[_on_data(op, m) for m in moments] for op in blocks] for blocks in joints]
            old = self._edges.get(name)
            self._edges[name] = (
                new
                if old is None
                else [
                    [[_plus(a, b) for a, b in zip(x, y, strict=True)] for x, y in zip(p, q, strict=True)]
                    for p, q in zip(old, new, strict=True)
                ]
            )
        for name, values in summary.columns.items():
            moved = [m(values) for m in moments]
            known = self._columns.get(name)
            self._columns[name] = moved if known is None else [a + b for a, b in zip(known, moved, strict=True)]
        self.target += one.target
        self.count += one.count

    def summary(self) -> Summary:
        """What is kept: means of absolute values, or standard deviations."""
        edges = {
            name: [[self._finish(moments) for moments in blocks] for blocks in joints]
            for name, joints in self._edges.items()
        }
        columns = {name: self._finish(moments) for name, moments in self._columns.items()}
        return Summary(edges, columns, self.target / self.count, self.count)

    def _finish(self, moments: list[Any]) -> Any:
        if self.how == "mean_abs":
            return _on_data(moments[0], lambda total: total / self.count)
        first, second = (m.data if sp.issparse(m) else m for m in moments)
        variance = np.maximum(second / self.count - np.square(first / self.count), 0)
        return _on_data(moments[0], lambda _: np.sqrt(variance))


def _on_data(operator: Any, fn: Callable[[Array], Array]) -> Any:
    if not sp.issparse(operator):
        return fn(np.asarray(operator, dtype=np.float64))
    data = fn(operator.data.astype(np.float64))
    return sp.csr_array((data, operator.indices, operator.indptr), shape=operator.shape)


def _plus(a: Any, b: Any) -> Any:
    return a + b if not sp.issparse(a) else sp.csr_array((a.data + b.data, a.indices, a.indptr), shape=a.shape)
