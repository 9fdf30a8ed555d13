"""Finding a circuit: score every edge, let the best join, drop those that lead nowhere."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from reprlib import repr as in_short
from typing import Any

import numpy as np

from netgraph.analysis.circuits import selection
from netgraph.analysis.circuits.acdc import acdc
from netgraph.analysis.circuits.by_paths import strongest_paths
from netgraph.analysis.circuits.dangling import Ways
from netgraph.analysis.circuits.judging import Judge
from netgraph.analysis.circuits.protocol import CircuitNetwork, Outputs
from netgraph.analysis.circuits.ranking import sizes
from netgraph.analysis.circuits.result import Circuit
from netgraph.analysis.circuits.selection import ORDERS, Chosen, Question
from netgraph.analysis.circuits.targets import Target, held, label_array, of_each, paired, resolve, take, traced
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.flat import FlatEdges
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]

METHODS: dict[str, str] = {
    "greedy": "growing from the target: always the largest |score| that enters what is there (Hanna et al. 2024)",
    "top": "the largest |score|",
    "threshold": "every |score| of at least threshold=",
    "cumulative": "the largest |score| until they hold share= of their sum",
    "paths": "the strongest paths, by attribution",
    "acdc": "edges whose removal, one after the other, moves the target by threshold= (τ) or more (Conmy et al. 2023)",
}
"""Name of a method, and which edges it keeps."""
GRANULARITIES = ("channel", "unit")
SCORING = ("metric", "steps", "epsilon", "absolute")
"""Options of ``Network.edge_scores`` that a circuit passes on."""


def circuit(
    net: CircuitNetwork,
    inputs: Any,
    labels: Any = None,
    target: Any = None,
    corrupted: Any = "mean",
    score: str = "mask_ig",
    method: str = "greedy",
    edges: float = 200,
    granularity: str = "channel",
    *,
    faithfulness: float | None = None,
    threshold: float | None = None,
    share: float | None = None,
    held_out: Any = None,
    reference: Any = None,
    seed: int = 0,
    progress: Any = None,
    **scoring: Any,
) -> Circuit:
    """Finds the edges that carry a target, and keeps what is needed to judge them.

    Parameters
    ----------
    net : a traced network.
    inputs : (N, …). The edges are scored on those that the target is for: the members of its class, otherwise all.
    labels : (N,) class numbers; None takes the network's own predictions.
    target : a class number (its centred logit: the logit minus the mean of the others), ("logit", c) for the raw one,
        (a, b) for a difference of two, "label" (or "prediction") for every input's own class, a class per input, a
        vertex id, a function of the outputs that gives a number per input; None for a network with a single output.
    corrupted : what cut edges carry, in the score as in the evidence: "mean" of their source over ``reference``,
        "zero", "resample" (its value at another input), or inputs of the same number, a counterfactual for each.
    score : "mask_ig", or any other of ``Network.edge_scores``. Edges are ranked by their |signed mean|; one whose
        shares cancel over the inputs comes before those that do nothing.
    method : "greedy", "top", "threshold" (every |score| of at least ``threshold``), "cumulative" (``share`` of
        Σ|score|), "paths" (the strongest by attribution) or "acdc" (``threshold`` is its τ: a run for every edge).
    edges : how many to keep, counted after dangling edges are dropped where that can be met, or, below 1, which share
        of all; ``settings`` says what came of it (``edges_before``, ``edges_after``).
    granularity : "channel" (a kernel is an edge) or "unit".
    faithfulness : instead of ``edges``: the smallest circuit found that is faithful to this, on ``inputs``.
    held_out : (inputs, labels or None) that the evidence is measured on, or a share of ``inputs`` that is set aside for
        it (drawn by ``seed``); by default it is measured on ``inputs`` themselves, and says so.
    reference : (M, …) inputs that means and resampled activations come from; by default ``inputs``.
    seed : of every draw. The same seed gives the same circuit.
    progress : True for bars on stderr, or a function of (done, in all); also while the evidence is measured.
    scoring : ``metric``, ``steps``, ``epsilon``, ``absolute`` of ``Network.edge_scores``.

    Returns
    -------
    Circuit : ``graph``, ``scores``, ``settings``, ``evidence``, ``paths()``, ``vertices()``, ``save(directory)``.

    Raises
    ------
    UnknownName : an unknown score, method, corrupted or granularity.
    AnalysisError : a target that does not exist; no input of its class; labels that do not fit; nothing flows.

    Examples
    --------
    >>> import torch, netgraph as ng
    >>> model = torch.nn.Linear(2, 2, bias=False).eval()
    >>> model.weight.data = torch.eye(2)
    >>> found = ng.circuit(ng.trace(model, (2,)), torch.eye(2), labels=[0, 1], target=0, edges=1)
    >>> found
    <Circuit for centred logit 0: 1 of 2 edges, 2 of 4 vertices, score 'mask_ig', method 'greedy'>
    >>> round(found.evidence.faithfulness, 3)  # x1 still speaks for class 0; x2, at its mean, no longer against it
    0.5
    """
    for kind, name, known in (("method", method, METHODS), ("granularity", granularity, GRANULARITIES)):
        if name not in known:
            raise unknown(kind, name, known)
    for name in scoring:
        if name not in SCORING:
            raise unknown("option", name, SCORING, " of circuit()")
    traced(net)
    held(inputs)
    inputs, labels, corrupted, target, aside = _held_out(net, inputs, labels, corrupted, target, held_out, seed)
    logits = net.outputs(inputs)
    aim = resolve(target, logits, labels)
    count = len(logits)
    pairs = paired(corrupted, count)
    whole = net.edge_scores(
        take(inputs, aim.rows, count),
        score,
        aim.of(aim.rows),
        granularity,
        corrupted=take(corrupted, aim.rows, count) if pairs else corrupted,
        # a class's members are scored against all inputs; where these are the same, nobody is to draw themselves
        reference=inputs if reference is None and not pairs and len(aim.rows) < count else reference,
        flows=True,
        seed=seed,
        progress=progress,
        **scoring,
    ).unrolled()
    flat = FlatEdges(whole)
    absolute = flat.values("abs_score") if scoring.get("absolute", True) else None
    ends = _ends(flat, aim)
    question = Question(flat, sizes(flat, flat.values("score"), absolute), Ways(flat, ends))
    order = ORDERS.get(method, ORDERS["top"])(question)

    def judge() -> Judge:
        return Judge(net, whole, inputs, labels, target, corrupted, reference, seed)

    wanted = _how_many(edges, int(np.count_nonzero(flat.real)))
    chosen = _chosen(method, question, order, wanted, faithfulness, threshold, share, judge, aim, logits[aim.rows])
    settings = {
        "target": target if aside is None else aside[3],  # a class for each of the inputs that evidence is on
        "target_name": aim.name,
        "score": score,
        "metric": whole.meta.get("metric"),
        "method": method,
        "corrupted": "counterfactual" if pairs else corrupted,
        "granularity": granularity,
        "inputs": count,
        "inputs_scored": len(aim.rows),
        "edges_asked": edges if faithfulness is None and method not in ("threshold", "cumulative", "acdc") else None,
        "faithfulness_asked": faithfulness,
        "threshold": threshold,
        "share": share,
        "edges_before": chosen.before,
        "edges_after": len(chosen.edges),
        "edges_total": int(np.count_nonzero(flat.real)),
        "seed": seed,
        **scoring,
    }
    own = aim.vertex or output_vertex(whole, aim.output, logits[aim.rows])
    where = " that it was found with" if aside is None else ""
    judged_on = (inputs, labels, corrupted) if aside is None else aside[:3]
    found_with = (inputs, labels)
    return Circuit(settings, question, order, chosen.edges, net, found_with, judged_on, reference, where, own, progress)


def _chosen(
    method: str,
    question: Question,
    order: Array,
    wanted: int,
    faithfulness: float | None,
    threshold: float | None,
    share: float | None,
    judge: Callable[[], Judge],
    aim: Target,
    logits: Outputs,
) -> Chosen:
    """What a method keeps, by the number that it goes by."""
    for name, value, mine in (
        ("threshold", threshold, method in ("threshold", "acdc")),
        ("share", share, method == "cumulative"),
    ):
        if mine and value is None:
            raise AnalysisError(f"method {method!r} goes by {name}=: pass one")
        if value is not None and not mine:
            raise AnalysisError(f"{name}= is of no use to method {method!r}")
    if faithfulness is not None:
        if method not in ORDERS:
            raise AnalysisError(f"faithfulness= is searched along an order: method='greedy' or 'top', not {method!r}")
        judging = judge()
        return selection.faithful(question, order, faithfulness, lambda edges: judging.faithfulness(judging.run(edges)))
    if method == "threshold":
        assert threshold is not None
        return selection.threshold(question, threshold)
    if method == "cumulative":
        assert share is not None
        return selection.cumulative(question, share)
    if method == "acdc":
        assert threshold is not None
        judging = judge()
        return acdc(question, judging, threshold)
    if method == "paths":
        graph = question.edges.graph
        vertices = [str(graph.ids[v]) for v in question.ways.ends]
        own = output_vertex(graph, aim.output, logits)
        return strongest_paths(question, vertices if own is None else own, wanted)
    return selection.first(question, order, wanted)


def _how_many(edges: Any, total: int) -> int:
    truth = isinstance(edges, (bool, np.bool_))
    if isinstance(edges, Integral) and not truth:
        return int(edges)
    if isinstance(edges, Real) and not truth and 0 < float(edges) <= 1:
        return max(1, round(float(edges) * total))
    raise AnalysisError(f"edges={edges!r}: expected a number of edges, or a share of all of them above 0 and up to 1.0")


def _ends(edges: FlatEdges, aim: Target) -> list[int] | None:
    """The vertex where ways end, where it is no output."""
    if aim.vertex is None:
        return None
    found = np.flatnonzero(edges.graph.ids == aim.vertex)
    if not np.isin(found, edges.target[edges.real]).any():
        raise AnalysisError(
            f"vertex {aim.vertex!r}: no edge leads there, so no circuit does: name one that reads others"
        )
    return found.tolist()


def _held_out(
    net: CircuitNetwork, inputs: Any, labels: Any, corrupted: Any, target: Any, held_out: Any, seed: int
) -> tuple[Any, Any, Any, Any, tuple[Any, Any, Any, Any] | None]:
    """(inputs, labels, corrupted, target) to score, and those that are set aside for the evidence, or None."""
    if held_out is None:
        return inputs, labels, corrupted, target, None
    if isinstance(held_out, (tuple, list)) and len(held_out) in (2, 3):
        if not isinstance(corrupted, str) and len(held_out) == 2:
            raise AnalysisError(
                "corrupted= holds counterfactuals for inputs=; held_out= needs its own: (inputs, labels, corrupted)"
            )
        if of_each(target):
            raise AnalysisError(
                "target= holds a class for each of inputs=, and those held out have none: pass labels and "
                "target='label', or a share, held_out=0.5"
            )
        other = held_out[2] if len(held_out) == 3 else corrupted
        return inputs, labels, corrupted, target, (held_out[0], held_out[1], other, target)
    if not isinstance(held_out, float) or not 0 < held_out < 1:
        raise AnalysisError(
            f"held_out={in_short(held_out)}: expected (inputs, labels), or a share of the inputs between 0 and 1"
        )
    count = len(net.outputs(inputs))
    if count < 2:
        raise AnalysisError(f"held_out={held_out} of {count} input leaves none to score: pass more inputs")
    order = np.random.default_rng([seed, count]).permutation(count)
    aside = min(max(round(held_out * count), 1), count - 1)
    listed = target[-1] if isinstance(target, tuple) else target
    own = label_array(listed, count, "the classes of target=") if of_each(target) else None
    parts = []
    for rows in (np.sort(order[aside:]), np.sort(order[:aside])):
        its = None if labels is None else label_array(labels, count)[rows]
        other = take(corrupted, rows, count) if paired(corrupted, count) else corrupted
        parts.append((take(inputs, rows, count), its, other, target if own is None else own[rows]))
    return (*parts[0], parts[1])


def output_vertex(graph: Graph, number: int | None, logits: Outputs) -> str | None:
    """The vertex of a logit: in the last layer that nothing reads and that has one vertex per logit.

    A model may give its logits in another order, so the vertex that has the logit's mean comes before its place.
    """
    read = {block.source for block in graph.blocks}
    for layer in reversed(graph.layers):
        if number is not None and layer.name not in read and layer.size == logits.shape[1]:
            means, mine = graph.columns["activation"][layer.vertices], float(logits[:, number].mean())
            near = np.abs(means - mine) <= 1e-4 * np.abs(means).max()
            place = number if near[number] or near.sum() != 1 else int(near.argmax())
            return str(graph.ids[layer.start + place])
    return None
