"""Scores of all edges at once: what each of them matters for a target, by the rules that the field knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from netgraph.errors import AnalysisError, InputError, unknown
from netgraph.graph import blocks as ops
from netgraph.graph.graph import Block, Graph
from netgraph.network.assemble import build
from netgraph.network.axes import Axes
from netgraph.network.blocks import Record
from netgraph.network.corruption import Corruption, Sources, sources
from netgraph.network.cut import Cut
from netgraph.network.datasets import EVERYTHING
from netgraph.network.description import metadata
from netgraph.network.edges import entries
from netgraph.network.flows import Summary, added, checked, times
from netgraph.network.inputs import numpy_dtype, storable
from netgraph.network.moments import with_data
from netgraph.network.numbering import Numbering
from netgraph.network.progress import Tick, silent
from netgraph.network.reads import Array
from netgraph.network.replay import Replay
from netgraph.network.runs import MaskedRuns, Outcome
from netgraph.network.spread import Spread
from netgraph.network.targets import Objective, named, objective, of_rows
from netgraph.network.undisturbed import own_precision
from netgraph.network.values import Watch
from netgraph.network.vertices import At

if TYPE_CHECKING:
    from netgraph.network.network import Network

METRICS = ("target", "deviation", "kl")
"""What is differentiated: the target t; −(t − t of the full network)²; −KL(full network‖this one) over the outputs."""


class Score(NamedTuple):
    """How a score is worked out.

    Attributes
    ----------
    text : its formula and source.
    flow : "attribution" (weight · value · ∂metric/∂z) or "contribution" (weight · value).
    gates : "frozen": non-linearities held fixed; "true": the true gradient.
    value : "activation" of the source, or its "difference" from what a cut edge carries.
    path : what the gradient is averaged over: "masks" (all edges kept by k/steps, k = 1 … steps), "inputs" (between
        corrupted and clean ones), or nothing.
    metric : what is differentiated unless told.
    """

    text: str
    flow: str = "attribution"
    gates: str = "true"
    value: str = "difference"
    path: str = ""
    metric: str = "target"


SCORES: dict[str, Score] = {
    "weight": Score("w, whatever the inputs: the baseline", "", ""),
    "contribution": Score("w·a", "contribution", "frozen", "activation"),
    "centred": Score("w·(a − a′)", "contribution", "frozen"),
    "attribution": Score(
        "w·a·∂t/∂z, gates frozen: the flow over the edge (gradient × input: Shrikumar et al. 2016)",
        "attribution",
        "frozen",
        "activation",
    ),
    "eap": Score("w·(a − a′)·∂t/∂z, the true gradient (edge attribution patching: Syed, Rager & Conmy 2023)"),
    "eap_ig": Score(
        "w·(a − a′)·mean of ∂t/∂z at inputs between corrupted and clean (Hanna et al. 2024)", path="inputs"
    ),
    "mask_ig": Score(
        "w·(a − a′)·mean of ∂m/∂z while all edges are kept by k/steps, m = −(t − t of the full network)²",
        path="masks",
        metric="deviation",
    ),
    "lrp_eps": Score(
        "relevance over the edge, w·a·R/(z + ε·sign z) (LRP-ε: Bach et al. 2015)", "attribution", "frozen", "activation"
    ),
    "exact": Score(
        "m of the full network less m with this edge alone cut: the oracle, a run for each edge", "", "true"
    ),
}
"""Name -> how; a is the source's activation, a′ what it carries where it is cut, t the target."""


class Asked(NamedTuple):
    """A question for scores, its words checked."""

    score: str
    granularity: str
    target: Any
    corrupted: Any
    reference: list[torch.Tensor] | None
    metric: str
    steps: int
    epsilon: float
    absolute: bool
    flows: bool
    seed: int


def asked(score: str, metric: str | None, steps: int, epsilon: float, **rest: Any) -> Asked:
    """The question.

    Raises
    ------
    UnknownName : no such score or metric.
    AnalysisError : numbers that make no sense.
    """
    if score not in SCORES:
        raise unknown("score", score, SCORES)
    metric = SCORES[score].metric if metric is None else metric
    if metric not in METRICS:
        raise unknown("metric", metric, METRICS)
    if steps < 1 or not epsilon >= 0:
        raise AnalysisError(
            f"steps={steps}, epsilon={epsilon}: expected at least one step, and an epsilon of at least 0"
        )
    if metric != "target" and score in ("eap", "attribution", "lrp_eps"):
        raise AnalysisError(
            f"score {score!r} takes its gradient where nothing is cut, and there that of metric {metric!r} is 0 for "
            "every edge: use metric='target', or score='mask_ig'"
        )
    return Asked(score=score, metric=metric, steps=steps, epsilon=epsilon, **rest)


def edge_scores(net: Network, given: list[torch.Tensor], ask: Asked, tick: Tick = silent) -> Graph:
    """See ``Network.edge_scores``."""
    dtype = storable(net.dtype)
    numbering = net.programs.numbering(ask.granularity, given, dtype)
    edges: dict[str, list[list[Any]]] = {}
    columns: dict[str, Any] = {}
    if ask.flows:
        flowed = net.flows(ask.granularity, given, ask.target, net.dtype, keep=())[0].summary()
        edges, columns = flowed.edges, flowed.columns
    how = SCORES[ask.score]
    if how.flow:
        edges = {**edges, **_flows(net, numbering, given, ask, tick)}
    meta = metadata(net, ask.granularity, "l1", numbering, (ask.target,))
    meta |= {"score": ask.score, "metric": ask.metric}
    summary = checked(Summary(edges, columns, 0.0, len(given[0])), numbering)
    graph = build(numbering, "l1", numpy_dtype(net.dtype), meta, summary)
    if not how.flow:
        graph = graph if ask.score == "weight" else graph.unrolled()
        found = _weights(graph) if ask.score == "weight" else _one_by_one(net, given, ask, graph, tick)
        graph = replace(graph, blocks=tuple(_beside(block, i, found) for i, block in enumerate(graph.blocks)))
    left = {name: value for name, value in graph.meta.items() if name != "target_value"}
    return replace(graph, meta=left, origin=net)


def _flows(
    net: Network, numbering: Numbering, given: list[torch.Tensor], ask: Asked, tick: Tick
) -> dict[str, list[list[Any]]]:
    """ "score" and, where it is asked for, "abs_score": operators per joint and block."""
    how, dtype, n = SCORES[ask.score], storable(net.dtype), len(given[0])
    signed = Signed(numbering, how.flow)
    sizes = Sizes(numbering, how.flow) if ask.absolute else None
    watch = Both(signed, sizes) if sizes is not None else signed
    corruption = Corruption(net, numbering, given, ask.corrupted, ask.reference, ask.seed)
    first = passes = 0
    for number, batch in enumerate(corruption.batches):
        base = corruption.of(number) if how.value == "difference" else {}
        wanted = of_rows(ask.target, n, first, first + len(batch[0]))
        measure = _measure(net, numbering, batch, wanted, ask) if how.flow == "attribution" else None
        if sizes is not None:
            sizes.look(net, batch, dtype)
        passes = 0
        for inputs, cuts in _passes(net, numbering, batch, base, _other(corruption, number, first, batch, ask), ask):
            signed.begin()
            if sizes is not None:
                sizes.start(len(batch[0]))
            _played(net, numbering, inputs, watch, measure, wanted, cuts, ask)
            signed.end()
            passes += 1
        first += len(batch[0])
        tick(len(batch[0]))
    steps = ask.steps if how.path else 1
    out = {"score": signed.means(n * steps)}
    if sizes is not None:
        out["abs_score"] = sizes.means(signed.layout, passes / steps)
    return out


def _passes(
    net: Network,
    numbering: Numbering,
    batch: list[torch.Tensor],
    base: Sources,
    other: list[torch.Tensor] | None,
    ask: Asked,
) -> Iterable[tuple[list[torch.Tensor], dict[At, Cut]]]:
    """What is played for a batch: inputs, and how the edges are cut."""
    path = SCORES[ask.score].path
    if path == "inputs":
        assert other is not None
        clean = sources(net, numbering, batch)
        told = {at: [v - b for v, b in zip(clean[at], base[at], strict=True)] for at in clean}
        for k in range(1, ask.steps + 1):
            between = [torch.lerp(a.expand(x.shape), x, k / ask.steps) for a, x in zip(other, batch, strict=True)]
            yield between, {at: Cut(base[at], 1.0, told[at]) for at in base}
    elif path == "masks":
        last = ask.steps if ask.metric != "target" else ask.steps + 1  # where all is kept, others have no gradient
        for k in range(1, max(last, 2)):
            yield batch, {at: Cut(values, k / ask.steps) for at, values in base.items()}
    else:
        yield batch, {at: Cut(values, 1.0) for at, values in base.items()}


def _other(
    corruption: Corruption, number: int, first: int, batch: list[torch.Tensor], ask: Asked
) -> list[torch.Tensor] | None:
    """The corrupted inputs of a batch, where the gradient is taken on the way to them."""
    if SCORES[ask.score].path != "inputs":
        return None
    if not all(x.is_floating_point() for x in batch):
        raise InputError("score 'eap_ig' takes inputs between two others, and whole numbers have none: use 'mask_ig'")
    if corruption.other is not None:
        return [x[first : first + len(batch[0])] for x in corruption.other]
    if corruption.name == "zero":
        return [torch.zeros_like(x[:1]) for x in batch]
    return [x.double().mean(0, keepdim=True).to(x.dtype) for x in corruption.reference]


def _measure(net: Network, numbering: Numbering, batch: list[torch.Tensor], wanted: Any, ask: Asked) -> Objective:
    """The metric, per input."""
    aim = objective(wanted)
    if ask.metric == "target":
        return aim
    played = Replay(
        net.programs.tape(batch, numbering),
        numbering,
        storable(net.dtype),
        False,
        False,
        device=batch[0].device,
        keep=named(wanted),
    )
    logits = played.run(batch)
    if ask.metric == "deviation":
        whole = aim(played, logits).detach()
        return lambda again, now: -(aim(again, now) - whole).square()
    if logits.dim() != 2 or logits.shape[1] < 2:
        raise InputError(f"metric='kl' compares classes, and the output has shape {tuple(logits.shape)}")
    full = logits.detach().log_softmax(1)
    return lambda again, now: -(full.exp() * (full - now.log_softmax(1))).sum(1)


def _played(
    net: Network,
    numbering: Numbering,
    batch: list[torch.Tensor],
    watch: Watch,
    measure: Objective | None,
    wanted: Any,
    cuts: dict[At, Cut],
    ask: Asked,
) -> None:
    """One forward pass and, for a metric, one backward pass before the eyes of a watch."""
    played = Replay(
        net.programs.tape(batch, numbering),
        numbering,
        storable(net.dtype),
        SCORES[ask.score].gates == "frozen",
        measure is not None,
        device=batch[0].device,
        watch=watch,
        keep=named(wanted),
        cuts=cuts,
        epsilon=ask.epsilon if ask.score == "lrp_eps" else None,
    )
    with torch.inference_mode(False), torch.set_grad_enabled(measure is not None), own_precision():
        logits = played.run(batch)
        if measure is not None:
            values = measure(played, logits)
            if not values.requires_grad:
                raise InputError("target= gives numbers that no change of the network would move: use the outputs")
            values.sum().backward()


class Signed(Watch):
    """One flow of every edge, summed over the inputs that were played."""

    def __init__(self, numbering: Numbering, flow: str) -> None:
        self.numbering, self.flow = numbering, flow
        self.layout: dict[At, list[Any]] = {}
        self._sums: dict[At, list[Any]] = {}
        self._reached: dict[At, list[Any]] = {}

    def begin(self) -> None:
        """A batch is played next."""
        self._reached = {}

    def made(self, at: At, record: Record) -> None:
        if self.flow == "contribution" or at not in self.layout:
            found = self.numbering.joints[at].contributions(self.numbering.layers, record)
            self.layout.setdefault(at, found)
            if self.flow == "contribution":
                self._reached[at] = found

    def upstream(self, at: At, record: Record, gradient: torch.Tensor) -> None:
        self._reached[at] = self.numbering.joints[at].flows(self.numbering.layers, record, gradient)

    def end(self) -> None:
        """A batch was played."""
        for at, new in self._reached.items():
            known = self._sums.get(at)
            self._sums[at] = new if known is None else [added(a, b) for a, b in zip(known, new, strict=True)]

    def means(self, count: int) -> list[list[Any]]:
        """The operators of every joint, divided by ``count``; 0 where no gradient came."""
        return [
            [times(op, 1 / count) for op in self._sums[at]] if at in self._sums else [times(op, 0) for op in held]
            for at, held in ((at, self.layout[at]) for at in self.numbering.joints)
        ]


class Sizes(Spread):
    """The mean absolute value of one flow of every edge, each input's own; nothing of vertices."""

    def __init__(self, numbering: Numbering, flow: str) -> None:
        super().__init__(numbering, "mean_abs")
        self.flow = flow

    def look(self, net: Network, batch: list[torch.Tensor], dtype: torch.dtype) -> None:
        """Find out where the inputs of a batch lie."""
        if self._axes is None and len(batch[0]) > 1:
            self._axes = Axes.found(net, batch, self.numbering, dtype)
            if not self._axes.apart:
                raise AnalysisError(
                    "the inputs of a batch cannot be told apart in this network: pass absolute=False, or one at a time"
                )

    def start(self, n: int) -> None:
        """A batch of ``n`` inputs is played next."""
        self._n, self._groups, self._reached = n, {EVERYTHING: torch.arange(n)}, set()

    def activation(self, layer: Any, value: torch.Tensor) -> None:
        """Nothing is kept of vertices."""

    def made(self, at: At, record: Record) -> None:
        if self.flow == "contribution":
            self._flow(self.flow, self.numbering.joints[at], record, None)

    def upstream(self, at: At, record: Record, gradient: torch.Tensor) -> None:
        self._flow(self.flow, self.numbering.joints[at], record, gradient)

    def constant(self, at: At, c: torch.Tensor, numbers: torch.Tensor, bias: bool, gradient: torch.Tensor) -> None:
        """Nothing is kept of vertices."""

    def means(self, layout: dict[At, list[Any]], share: float) -> list[list[Any]]:
        """The operators of every joint, times ``share``; 0 where no gradient came."""
        found = self.found.get(EVERYTHING)
        out = []
        for at in self.numbering.joints:
            if found is None or (self.flow, at) not in found.edges:
                out.append([times(op, 0) for op in layout[at]])
                continue
            moments = found.edges[self.flow, at]
            out.append([with_data(op, m.finish() * share) for op, m in zip(self.layout[at], moments, strict=True)])
        return out


class Both(Watch):
    """Two watches side by side."""

    def __init__(self, *watches: Watch) -> None:
        self._watches = watches

    def made(self, at: At, record: Record) -> None:
        for watch in self._watches:
            watch.made(at, record)

    def upstream(self, at: At, record: Record, gradient: torch.Tensor) -> None:
        for watch in self._watches:
            watch.upstream(at, record, gradient)


def _beside(block: Block, number: int, found: dict[str, list[Any]]) -> Block:
    return replace(block, values={**block.values, **{name: operators[number] for name, operators in found.items()}})


def _weights(graph: Graph) -> dict[str, list[Any]]:
    """Signed weights and their absolute values."""
    signed = [block.weight for block in graph.blocks]
    return {"score": signed, "abs_score": [ops.absolute(weight) for weight in signed]}


def _one_by_one(net: Network, given: list[torch.Tensor], ask: Asked, graph: Graph, tick: Tick) -> dict[str, list[Any]]:
    """What is lost when each edge alone is cut."""
    runs = MaskedRuns(net, given, ask.granularity, ask.corrupted, ask.reference, ask.seed, graph)
    full = runs.run(None, ask.target)
    score, size = np.zeros(runs.size), np.zeros(runs.size)
    kept = np.ones(runs.size)
    for edge in np.flatnonzero(np.concatenate([entries(block.weight) for block in graph.blocks])):
        kept[edge] = 0
        lost = loss(full, runs.run(kept, ask.target), ask.metric)
        score[edge], size[edge] = lost.mean(), np.abs(lost).mean()
        kept[edge] = 1
        tick(1)
    return {"score": runs.blocks(score), "abs_score": runs.blocks(size)}


def loss(full: Outcome, cut: Outcome, metric: str) -> Array:
    """(N,) the metric of the full network less that of a cut one."""
    if metric == "kl":
        p, q = (torch.from_numpy(o.logits).double().log_softmax(1) for o in (full, cut))
        found: Array = (p.exp() * (p - q)).sum(1).numpy()
        return found
    assert full.values is not None and cut.values is not None
    gap = full.values - cut.values
    return gap**2 if metric == "deviation" else gap
