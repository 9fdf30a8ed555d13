"""Scores of all edges at once: what each of them matters for a target, by the rules that the field knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netgraph.errors import InputError
from netgraph.graph import blocks as ops
from netgraph.graph.flat import entries
from netgraph.graph.graph import Block, Graph
from netgraph.network.assemble import build
from netgraph.network.corruption import Corruption, Sources, sources
from netgraph.network.cut import Cut
from netgraph.network.description import metadata
from netgraph.network.flows import Summary, checked
from netgraph.network.inputs import numpy_dtype, storable
from netgraph.network.numbering import Numbering
from netgraph.network.progress import Tick, silent
from netgraph.network.reads import Array
from netgraph.network.replay import Replay
from netgraph.network.runs import MaskedRuns, Outcome
from netgraph.network.score_rules import SCORES, Asked
from netgraph.network.score_sums import Both, Signed, Sizes
from netgraph.network.targets import Objective, named, objective, of_rows
from netgraph.network.undisturbed import own_precision
from netgraph.network.values import Watch
from netgraph.network.vertices import At

if TYPE_CHECKING:
    from netgraph.network.network import Network


def edge_scores(net: Network, given: list[torch.Tensor], ask: Asked, tick: Tick = silent) -> Graph:
    """See ``Network.edge_scores``."""
    dtype = storable(net.dtype)
    numbering = net.programs.numbering(ask.granularity, given, dtype)
    edges: dict[str, list[list[Any]]] = {}
    columns: dict[str, Any] = {}
    target = 0.0
    if ask.flows:
        flowed = net.flows(ask.granularity, given, ask.target, net.dtype, keep=())[0].summary()
        edges, columns, target = flowed.edges, flowed.columns, flowed.target
    how = SCORES[ask.score]
    if how.flow:
        edges = {**edges, **_flows(net, numbering, given, ask, tick)}
    meta = metadata(net, ask.granularity, "l1", numbering, (ask.target,))
    meta |= {"score": ask.score, "metric": ask.metric}
    summary = checked(Summary(edges, columns, target, len(given[0])), numbering)
    graph = build(numbering, "l1", numpy_dtype(net.dtype), meta, summary)
    if not how.flow:
        graph = graph if ask.score == "weight" else graph.unrolled()
        found = _weights(graph) if ask.score == "weight" else _one_by_one(net, given, ask, graph, tick)
        graph = replace(graph, blocks=tuple(_beside(block, i, found) for i, block in enumerate(graph.blocks)))
    left = {name: value for name, value in graph.meta.items() if ask.flows or name != "target_value"}
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
        for k in range(1, last):
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


def _beside(block: Block, number: int, found: dict[str, Sequence[Any]]) -> Block:
    return replace(block, values={**block.values, **{name: operators[number] for name, operators in found.items()}})


def _weights(graph: Graph) -> dict[str, Sequence[Any]]:
    """Signed weights and their absolute values."""
    signed = [block.weight for block in graph.blocks]
    return {"score": signed, "abs_score": [ops.absolute(weight) for weight in signed]}


def _one_by_one(
    net: Network, given: list[torch.Tensor], ask: Asked, graph: Graph, tick: Tick
) -> dict[str, Sequence[Any]]:
    """What is lost when each edge alone is cut."""
    runs = MaskedRuns(net, given, ask.granularity, ask.corrupted, ask.reference, ask.seed, graph)
    aim = ask.target if ask.target is not None or ask.metric == "kl" else ("logit", None)  # a single output's
    full = runs.run(None, aim)
    score, size = np.zeros(runs.size), np.zeros(runs.size)
    kept = np.ones(runs.size)
    edges = np.flatnonzero(np.concatenate([entries(block.weight) for block in graph.blocks]))
    for done, edge in enumerate(edges):
        kept[edge] = 0
        lost = loss(full, runs.run(kept, aim), ask.metric)
        score[edge], size[edge] = lost.mean(), np.abs(lost).mean()
        kept[edge] = 1
        if inputs := runs.inputs * (done + 1) // len(edges) - runs.inputs * done // len(edges):
            tick(inputs)
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
