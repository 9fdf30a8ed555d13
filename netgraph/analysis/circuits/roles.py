"""What the vertices of a circuit do: which class drives them, what they read, and what is lost without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from netgraph.analysis.circuits.judging import Judge
from netgraph.errors import AnalysisError

if TYPE_CHECKING:
    from netgraph.analysis.circuits.result import Circuit

Array = np.ndarray[Any, Any]

TOP = 5
"""Inputs that are named for each vertex."""


def roles(circuit: Circuit, judge: Judge, activations: pd.DataFrame, probes: int) -> pd.DataFrame:
    """See :meth:`netgraph.analysis.circuits.result.Circuit.vertices`; the judge and the activations of the same inputs.

    The numbers of vertices in here are those of the circuit's whole graph.
    """
    edges, whole, chosen = circuit.question.edges, circuit.whole, circuit.chosen
    ids = circuit.graph.ids.tolist()
    number = {identifier: i for i, identifier in enumerate(whole.ids.tolist())}
    mine = np.array([number[identifier] for identifier in ids], dtype=np.int64)
    source, target = edges.source[chosen], edges.target[chosen]
    score = np.abs(edges.values("score")[chosen].astype(np.float64))
    values = activations[ids].to_numpy(dtype=np.float64)
    table = pd.DataFrame({"id": ids, "layer": circuit.graph.vertices["layer"].to_numpy()})
    for name, ends in (("in", target), ("out", source)):
        table[f"edges_{name}"] = np.bincount(ends, minlength=whole.n)[mine]
        table[f"score_{name}"] = np.bincount(ends, score, minlength=whole.n)[mine]
    table["activation"] = values.mean(axis=0)
    table["class"], table["selectivity"], table["explained"] = driven_by(values, judge.target.classes)
    order = np.argsort(-values, axis=0, kind="stable")[:TOP]
    table["top_inputs"] = [tuple(column) for column in order.T.tolist()]
    table["effect"] = _effects(judge, chosen, source, target, mine, table["score_in"] + table["score_out"], probes)
    return table


def driven_by(values: Array, classes: Array | None) -> tuple[Any, Array, Array]:
    """(class, selectivity, explained) of each column of ``values`` (inputs, vertices).

    The class whose members have the largest mean against all others, that difference in standard deviations over all
    inputs, and the share η² of the variance that lies between classes. Missing where there is one class or no variance.

    >>> found, selectivity, explained = driven_by(np.array([[0.0], [0.0], [3.0], [3.0]]), np.array([7, 7, 8, 8]))
    >>> int(found[0]), selectivity.tolist(), explained.tolist()
    (8, [2.0], [1.0])
    """
    n, size = values.shape
    missing = np.full(size, np.nan)
    known = np.unique(classes) if classes is not None else np.zeros(0)
    if classes is None or len(known) < 2:
        return pd.array([pd.NA] * size, dtype="Int64"), missing, missing.copy()
    members = np.stack([classes == c for c in known]).astype(np.float64)
    count = members.sum(axis=1, keepdims=True)
    sums, mean = members @ values, values.mean(axis=0)
    inside, outside = sums / count, (values.sum(axis=0) - sums) / (n - count)
    variance = values.var(axis=0)
    flat = variance <= (1e-12 * np.abs(values).max(axis=0, initial=0.0)) ** 2
    scale = np.where(flat, np.nan, variance)
    difference = inside - outside
    best = difference.argmax(axis=0)
    explained = (count * (inside - mean) ** 2).sum(axis=0) / n / scale
    selectivity = difference[best, np.arange(size)] / np.sqrt(scale)
    named = pd.array([pd.NA if constant else int(known[i]) for i, constant in zip(best, flat, strict=True)], "Int64")
    return named, selectivity, explained


def _effects(
    judge: Judge, chosen: Array, source: Array, target: Array, mine: Array, weight: pd.Series, probes: int
) -> Array:
    """f of the circuit less f without the edges of one vertex; NaN for those that are not probed."""
    found = np.full(len(mine), np.nan)
    probed = np.argsort(-weight.to_numpy(), kind="stable")[: max(probes, 0)]
    if len(probed) == 0:
        return found
    own = judge.faithfulness(judge.run(chosen))
    for i in probed.tolist():
        left = chosen[(source != mine[i]) & (target != mine[i])]
        found[i] = own - judge.faithfulness(judge.run(left))
    return found


def pictures(circuit: Circuit, inputs: Any, shape: Sequence[int] | None) -> dict[str, Array]:
    """See :meth:`netgraph.analysis.circuits.result.Circuit.pictures`; the inputs are those to be averaged over."""
    graph = circuit.graph
    first = {layer.name for layer in circuit.whole.layers} - {block.target for block in circuit.whole.blocks}
    wanted = [str(v) for v, layer in zip(graph.ids, graph.vertices["layer"], strict=True) if layer not in first]
    shares = np.asarray(circuit._net.input_shares(inputs, wanted, str(circuit.settings["granularity"])))
    if shape is not None:
        if int(np.prod(shape)) != int(np.prod(shares.shape[1:])):
            raise AnalysisError(f"shape={tuple(shape)} holds another number of pixels than an input {shares.shape[1:]}")
        shares = shares.reshape(len(shares), *shape)
    if shares.ndim not in (3, 4):
        raise AnalysisError(
            f"an input of shape {shares.shape[1:]} is no picture: say its (height, width) or (channels, height, width) "
            "with shape="
        )
    flat = shares if shares.ndim == 3 else shares.sum(axis=1)
    return dict(zip(wanted, flat, strict=True))
