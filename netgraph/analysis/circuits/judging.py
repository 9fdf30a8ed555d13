"""Runs that judge edge sets at some inputs: what stays the same while sets change is worked out once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from netgraph.analysis.circuits.protocol import CircuitNetwork, Outcome, Outputs
from netgraph.analysis.circuits.targets import Target, held, label_array, resolve, traced
from netgraph.graph.flat import FlatEdges
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]

METRICS = ("faithfulness", "accuracy", "false_positive_rate", "kl")
"""What is measured of an edge set."""
RESAMPLES = 200
"""Draws of the inputs, with replacement, that standard errors are taken over."""


class Judge:
    """A network at some inputs, in front of edge sets of one graph.

    Attributes
    ----------
    target : resolved at these inputs.
    full, nothing : the network as it is, and with every edge cut.
    measured_by : what m in f is. "target": the mean target over the inputs that it is for. "deviation": minus the mean
        squared deviation of the target from the full network's, where all inputs count alike (a single output, a
        vertex, a function): there the mean of the target says nothing, since means survive an ablation by the mean.
    runs : how many were made.
    """

    def __init__(
        self,
        net: CircuitNetwork,
        graph: Graph,
        inputs: Any,
        labels: Any,
        target: Any,
        corrupted: Any = "mean",
        reference: Any = None,
        seed: int = 0,
    ) -> None:
        traced(net)
        held(inputs)
        granularity = str(graph.meta.get("granularity", "channel"))
        self._runs = net.masked_runs(inputs, granularity, corrupted, reference=reference, seed=seed, graph=graph)
        self.edges, self.inputs, self.corrupted = FlatEdges(graph), self._runs.inputs, self._runs.corrupted
        logits = self._runs.run(None).logits
        self.target: Target = resolve(target, logits, labels)
        self.labelled = labels is not None
        if labels is not None:
            label_array(labels, len(logits))
        self.full, self.runs = self._runs.run(None, self.target.asked), 0
        self.measured_by = "deviation" if self.target.classes is None or self.target.about_all else "target"
        self.nothing = self.run(np.zeros(0, dtype=np.int64))

    def run(self, chosen: Array) -> Outcome:
        """With these edges alone: all others carry what their source does elsewhere."""
        kept = np.zeros(self._runs.size)
        kept[chosen] = 1
        self.runs += 1
        return self._runs.run(kept, self.target.asked)

    def without(self, chosen: Array) -> Outcome:
        """With these edges cut."""
        kept = np.ones(self._runs.size)
        kept[chosen] = 0
        self.runs += 1
        return self._runs.run(kept, self.target.asked)

    def faithfulness(self, outcome: Outcome) -> float:
        """f = (m(C) − m(∅))/(m(N) − m(∅)); NaN where cutting everything leaves m unchanged."""
        circuit, full, nothing = (float(v.mean()) for v in self._values(outcome))
        return _share(circuit, full, nothing, self._noise)

    def error(self, outcome: Outcome, seed: int = 0) -> float:
        """The standard error of f: its deviation over inputs drawn with replacement."""
        values = np.stack(self._values(outcome))
        n = values.shape[1]
        draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
        shares = [self.faithfulness(outcome)]
        shares += [_share(circuit, full, nothing, self._noise) for circuit, full, nothing in draws @ values.T / n]
        return float(np.std(shares[1:])) if np.isfinite(shares).all() else float("nan")

    @property
    def _noise(self) -> float:
        """What part of a mean may be rounding: the outputs of the network have so many digits."""
        dtype = self.full.logits.dtype
        return max(1e-9, 32 * float(np.finfo(dtype).eps)) if dtype.kind == "f" else 1e-9

    def _values(self, outcome: Outcome) -> list[npt.NDArray[np.float64]]:
        found = [np.asarray(o.values, dtype=np.float64)[self.target.rows] for o in (outcome, self.full, self.nothing)]
        return found if self.measured_by == "target" else [-((values - found[1]) ** 2) for values in found]

    def measure(self, outcome: Outcome) -> dict[str, float]:
        """All :data:`METRICS`; behind a vertex where ways end everything is cut: what is called there says nothing."""
        logits, classes = outcome.logits, self.target.classes
        measured = {**dict.fromkeys(METRICS, float("nan")), "faithfulness": self.faithfulness(outcome)}
        if self.target.vertex is not None:
            return measured
        if classes is not None and self.target.number is not None:
            called, truly = logits.argmax(axis=1) == self.target.number, classes == self.target.number
            measured["accuracy"] = float((called == truly).mean())
            measured["false_positive_rate"] = float(called[~truly].mean()) if (~truly).any() else float("nan")
        elif classes is not None:
            called = logits.argmax(axis=1)
            measured["accuracy"] = float((called == classes).mean())
            rates = [(called[classes != c] == c).mean() for c in range(logits.shape[1]) if (classes != c).any()]
            measured["false_positive_rate"] = float(np.mean(rates))
        if logits.shape[1] > 1:
            measured["kl"] = kl(self.full.logits, logits)
        return measured


def _share(circuit: float, full: float, nothing: float, noise: float) -> float:
    whole = full - nothing
    if abs(whole) <= noise * max(abs(full), abs(nothing), 1e-30):
        return float("nan")
    return (circuit - nothing) / whole + 0.0  # no -0


def kl(full: Outputs, other: Outputs) -> float:
    """The mean over inputs of KL(softmax(full)‖softmax(other)), in nats."""
    p, q = _log_softmax(full), _log_softmax(other)
    return float((np.exp(p) * (p - q)).sum(axis=1).mean())


def _log_softmax(logits: Outputs) -> npt.NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
