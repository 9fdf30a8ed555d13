"""The evidence for a circuit: what is left of the network's behaviour when only its edges carry the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.integrate import trapezoid

from netgraph.analysis.circuits.protocol import CircuitNetwork, Mask, Outputs
from netgraph.analysis.circuits.selection import entries, masks_of, no_edges, ranking, with_no_edges
from netgraph.analysis.circuits.targets import Target, label_array, of_interest, resolve
from netgraph.errors import AnalysisError, unknown

if TYPE_CHECKING:
    from netgraph.analysis.circuits.finding import Circuit

CORRUPTED = ("mean", "zero")
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Shares of the edges at which the curve is measured (Mueller et al. 2025, MIB)."""
METRICS = ("faithfulness", "accuracy", "false_positive_rate", "kl")


@dataclass(frozen=True, eq=False, repr=False)
class Evidence:
    """How faithful a circuit is, against random circuits of the same size.

    Attributes
    ----------
    faithfulness : f = (m(C) − m(∅))/(m(N) − m(∅)), m the mean of the target over the inputs of its class; NaN where
        ablating everything leaves m unchanged.
    accuracy : share of all inputs on which the circuit is right about "is it the target's class?".
    false_positive_rate : share of the inputs of other classes that the circuit calls the target's class.
    kl : mean KL(full network‖circuit) of the softmax outputs over all inputs, nats.
    baselines : the same figures, a row each for "full network", "no edges", and "random 1" … (as many edges).
    edges, edges_total : of the circuit, and of the whole graph.
    curve : None, or a row per share of edges: ``share``, ``edges``, ``faithfulness``, by the circuit's own scores.
    cpr, cmd : areas under f and under |1−f| along the curve; None without one.
    settings : target, corrupted, number of inputs, whether classes come from labels or from the network's predictions.
    """

    faithfulness: float
    accuracy: float
    false_positive_rate: float
    kl: float
    baselines: pd.DataFrame
    edges: int
    edges_total: int
    settings: dict[str, Any]
    curve: pd.DataFrame | None = None
    cpr: float | None = None
    cmd: float | None = None

    @property
    def random(self) -> pd.DataFrame:
        """Mean and standard deviation (ddof=0) of the random circuits: index ``mean`` and ``sd``."""
        rows = self.baselines[self.baselines.index.str.startswith("random")]
        return pd.DataFrame({"mean": rows.mean(), "sd": rows.std(ddof=0)}).T

    def __repr__(self) -> str:
        share = self.edges / self.edges_total if self.edges_total else 0.0
        lines = [
            f"Evidence for {self.settings['target']}: {self.edges:,} of {self.edges_total:,} edges ({share:.2%}), "
            f"{self.settings['inputs']:,} inputs, corrupted={self.settings['corrupted']!r}",
            f"{'':22}{'faithfulness':>18}{'accuracy':>18}{'false positives':>18}{'KL':>18}",
        ]
        own = {name: getattr(self, name) for name in METRICS}
        lines.append(f"{'circuit':22}" + "".join(f"{own[name]:18.4f}" for name in METRICS))
        random = self.random
        cells = [f"{random[name].iloc[0]:.4f} ± {random[name].iloc[1]:.4f}" for name in METRICS]
        lines.append(f"{'random, same size':22}" + "".join(f"{cell:>18}" for cell in cells))
        for row in ("full network", "no edges"):
            lines.append(f"{row:22}" + "".join(f"{self.baselines[name].loc[row]:18.4f}" for name in METRICS))
        if self.cpr is not None and self.cmd is not None:
            lines.append(f"CPR {self.cpr:.4f}, CMD {self.cmd:.4f} over {SHARES[0]:.1%} … 100% of the edges")
        if np.isnan(self.faithfulness):
            lines.append(
                "faithfulness is undefined: ablating every edge leaves the target's mean over these inputs unchanged"
            )
            if self.settings["corrupted"] == "mean":
                lines.append("pass labels of several classes, or corrupted='zero'")
        return "\n".join(lines)


def faithfulness(
    circuit: Circuit,
    net: CircuitNetwork,
    inputs: Any,
    labels: Any = None,
    corrupted: str = "mean",
    curve: bool = False,
    samples: int = 3,
    seed: int = 0,
) -> Evidence:
    """Judges a circuit: one run of the network in which every edge outside it carries a corrupted activation.

    Parameters
    ----------
    circuit : from :func:`circuit`.
    net : the network that it was made from.
    inputs : held-out inputs, (N, …); those of other classes belong among them.
    labels : (N,) class numbers; None takes the network's own predictions as the classes to agree with, and every
        input as one that the circuit is for.
    corrupted : what ablated edges carry: "mean" (their source's mean over ``inputs``) or "zero".
    curve : measure f at 0.1 … 100 % of the edges too, with its areas CPR and CMD.
    samples : number of random circuits of the same size, at least 3.
    seed : of the random circuits.

    Returns
    -------
    Evidence.

    Raises
    ------
    AnalysisError : labels that do not fit the inputs; no input of the target's class; fewer than 3 samples.
    UnknownName : an unknown ``corrupted``.

    References
    ----------
    K. Wang et al. (2023), Interpretability in the wild. M. Hanna et al. (2024), Have faith in faithfulness.
    A. Mueller et al. (2025), MIB: a mechanistic interpretability benchmark.

    Examples
    --------
    >>> import torch, netgraph as ng
    >>> model = torch.nn.Linear(2, 2, bias=False).eval()
    >>> model.weight.data = torch.eye(2)
    >>> net = ng.trace(model, (2,))
    >>> found = ng.circuit(net, torch.eye(2), labels=[0, 1], target=0, edges=1)
    >>> evidence = ng.faithfulness(found, net, torch.tensor([[2.0, 0.0], [0.0, 2.0]]), labels=[0, 1])
    >>> round(evidence.faithfulness, 3), evidence.accuracy, evidence.false_positive_rate
    (0.5, 1.0, 0.0)
    """
    check_corrupted(corrupted)
    if samples < 3:
        raise AnalysisError(f"samples is {samples}; a baseline needs at least 3 random circuits")
    full = net.outputs(inputs)
    judge = _Judge(net, inputs, labels, full, resolve(circuit.settings["target"], full.shape[1]), circuit, corrupted)
    graph = circuit.whole
    measured = judge.measure(judge.run(circuit.masks))
    rows = {"full network": judge.measure(full), "no edges": judge.measure(judge.nothing)}
    every = np.flatnonzero(np.concatenate([entries(block.weight) != 0 for block in graph.blocks]))
    for sample in range(samples):
        chosen = np.random.default_rng([seed, sample]).choice(every, size=len(circuit), replace=False)
        rows[f"random {sample + 1}"] = judge.measure(judge.run(masks_of(graph, chosen)))
    points = judge.curve() if curve else None
    return Evidence(
        **measured,
        baselines=pd.DataFrame(rows).T[list(METRICS)],
        edges=len(circuit),
        edges_total=len(graph.edges),
        settings={
            "target": judge.target.name,
            "corrupted": corrupted,
            "inputs": len(full),
            "inputs_of_interest": len(judge.rows),
            "classes": "predictions" if labels is None else "labels",
            "samples": samples,
            "seed": seed,
        },
        curve=points,
        cpr=None if points is None else float(trapezoid(points["faithfulness"], points["share"])),
        cmd=None if points is None else float(trapezoid((1 - points["faithfulness"]).abs(), points["share"])),
    )


def check_corrupted(corrupted: Any) -> None:
    if not isinstance(corrupted, str) or corrupted not in CORRUPTED:
        raise unknown("corrupted", corrupted, CORRUPTED)


class _Judge:
    """Everything that stays the same while masks change."""

    def __init__(
        self,
        net: CircuitNetwork,
        inputs: Any,
        labels: Any,
        full: Outputs,
        target: Target,
        circuit: Circuit,
        corrupted: str,
    ) -> None:
        self.net, self.inputs, self.full, self.target = net, inputs, full, target
        self.circuit, self.corrupted = circuit, corrupted
        self.rows = of_interest(target, labels, len(full))
        self.classes = full.argmax(axis=1) if labels is None else label_array(labels, len(full))
        self.nothing = self.run(no_edges(circuit.whole))
        self.m_full, self.m_nothing = self._m(full), self._m(self.nothing)

    def run(self, masks: Sequence[Mask]) -> Outputs:
        granularity = self.circuit.settings["granularity"]
        kept = with_no_edges(self.circuit.whole, masks)
        return self.net.masked(self.inputs, kept, granularity=granularity, corrupted=self.corrupted)

    def _m(self, logits: Outputs) -> float:
        return float(self.target.metric(logits)[self.rows].mean())

    def faithfulness(self, logits: Outputs) -> float:
        whole = self.m_full - self.m_nothing
        if abs(whole) <= 1e-9 * max(abs(self.m_full), abs(self.m_nothing), 1e-30):
            return float("nan")
        return (self._m(logits) - self.m_nothing) / whole

    def measure(self, logits: Outputs) -> dict[str, float]:
        measured = {"faithfulness": self.faithfulness(logits)}
        several = logits.shape[1] > 1
        if several and self.target.number is not None:
            called = logits.argmax(axis=1) == self.target.number
            truly = self.classes == self.target.number
            measured["accuracy"] = float((called == truly).mean())
            measured["false_positive_rate"] = float(called[~truly].mean()) if (~truly).any() else float("nan")
        else:
            measured["accuracy"] = measured["false_positive_rate"] = float("nan")
        measured["kl"] = kl(self.full, logits) if several else float("nan")
        return measured

    def curve(self) -> pd.DataFrame:
        """f where the best-scoring share of all edges is kept; at 100 % that is every edge."""
        graph = self.circuit.whole
        order, _ = ranking(graph, self.circuit.block_scores)
        is_edge = np.concatenate([entries(block.weight) != 0 for block in graph.blocks])
        order = order[is_edge[order]]
        counts = [max(1, round(share * len(order))) for share in SHARES]
        found = [self.faithfulness(self.run(masks_of(graph, order[:count]))) for count in counts]
        return pd.DataFrame({"share": SHARES, "edges": counts, "faithfulness": found})


def kl(full: Outputs, other: Outputs) -> float:
    """The mean over inputs of KL(softmax(full)‖softmax(other)), in nats."""
    p, q = _log_softmax(full), _log_softmax(other)
    return float((np.exp(p) * (p - q)).sum(axis=1).mean())


def _log_softmax(logits: Outputs) -> npt.NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
