"""The evidence for a circuit: what is left of the network's behaviour when only its edges carry the input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from netgraph.analysis.circuits.curve import SHARES, area, beginnings
from netgraph.analysis.circuits.judging import METRICS, Judge
from netgraph.analysis.circuits.protocol import CircuitNetwork
from netgraph.analysis.circuits.ranking import sizes
from netgraph.analysis.circuits.selection import ORDERS, Question, first
from netgraph.analysis.circuits.targets import of_each
from netgraph.errors import AnalysisError
from netgraph.graph.progress import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from netgraph.analysis.circuits.result import Circuit

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], object] | None

NEEDED = 0.1
"""An edge of a circuit counts as needed where f moves, without it, by this part of an even share f/edges."""


@dataclass(frozen=True, eq=False, repr=False)
class Evidence:
    """How faithful a circuit is, against others of the same size.

    Attributes
    ----------
    faithfulness : f = (m(C) − m(∅))/(m(N) − m(∅)), m the mean of the target over the inputs that it is for, or, where
        all inputs count alike (a single output, a vertex, a function), minus the mean squared deviation of the target
        from the full network's; NaN where ablating everything leaves m unchanged.
    accuracy : share of all inputs on which the circuit is right: about "is it the target's class?", or about the class
        itself where the target is that of each input.
    false_positive_rate : share of the inputs of other classes that the circuit calls the target's class (the mean over
        classes where each input has its own).
    kl : mean KL(full network‖circuit) of the softmax outputs over all inputs, nats. NaN, as both before it, where the
        target is a vertex: its circuit ends there, and says nothing of the classes.
    knock_out : f of the network *without* the circuit: near 0 where the circuit holds all that matters (the
        completeness of Wang et al. 2023).
    minimality : share of the circuit's edges that it needs: without one of them f moves by more than a tenth of
        f/edges. Of as many edges as were ``probed``.
    error : standard error of f, by drawing the inputs 200 times with replacement.
    baselines : the same figures, a row each for "full network", "no edges", "weight" (as many edges, chosen alike by
        |weight|) and "random 1" … (as many edges).
    edges, edges_total : of the circuit, and of the whole graph.
    curve : None, or a row per share of edges: ``share``, ``edges``, ``faithfulness`` by the circuit's own scores and
        its ``error``, ``accuracy``, ``kl``; the faithfulness of ``weight`` and of ``random`` edges (and ``random_sd``).
    areas : None, or CPR (∫f) and CMD (∫|1−f|) over the share of edges, by the trapezoid rule: a row each for the
        circuit's scores, "weight" and every random order.
    settings : target, corrupted, number of inputs, whether classes come from labels or from the network's predictions.
    """

    faithfulness: float
    accuracy: float
    false_positive_rate: float
    kl: float
    knock_out: float
    minimality: float
    error: float
    baselines: pd.DataFrame
    edges: int
    edges_total: int
    settings: dict[str, Any]
    curve: pd.DataFrame | None = None
    areas: pd.DataFrame | None = None

    @property
    def cpr(self) -> float | None:
        """∫f over the share of edges; None without a curve."""
        return None if self.areas is None else float(self.areas["cpr"].iloc[0])

    @property
    def cmd(self) -> float | None:
        """∫|1−f| over the share of edges; None without a curve."""
        return None if self.areas is None else float(self.areas["cmd"].iloc[0])

    @property
    def random(self) -> pd.DataFrame:
        """Mean and standard deviation (ddof=0) of the random circuits: index ``mean`` and ``sd``."""
        rows = self.baselines[self.baselines.index.str.startswith("random")]
        return pd.DataFrame({"mean": rows.mean(), "sd": rows.std(ddof=0)}).T

    def in_words(self) -> dict[str, str]:
        """The figures that a page has room for, beside those of random edges and of |weight|."""
        random, weight = self.random["faithfulness"].iloc[0], self.baselines["faithfulness"].loc["weight"]
        told = {
            "faithfulness": f"{self.faithfulness:.3f} ± {self.error:.3f} at {self.settings['inputs']:,} inputs"
            f"{self.settings['judged_on']} (as many edges at random {random:.3f}, by |weight| {weight:.3f})"
        }
        if self.areas is not None:
            told["CMD"] = f"{self.cmd:.3f} (|weight| {self.areas['cmd'].loc['weight']:.3f})"
        return told

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draws f against the share of edges, with error bars, by matplotlib; needs ``curve=True``.

        Raises
        ------
        AnalysisError : evidence without a curve.
        """
        from netgraph.analysis.circuits.plotting import plot

        return plot(self, ax)

    def __repr__(self) -> str:
        share = self.edges / self.edges_total if self.edges_total else 0.0
        lines = [
            f"Evidence for {self.settings['target']}: {self.edges:,} of {self.edges_total:,} edges ({share:.2%}), "
            f"{self.settings['inputs']:,} inputs{self.settings['judged_on']}, corrupted={self.settings['corrupted']!r}",
            f"{'':22}{'faithfulness':>18}{'accuracy':>18}{'false positives':>18}{'KL':>18}",
        ]
        own = [f"{self.faithfulness:.4f} ± {self.error:.4f}", *(f"{getattr(self, name):.4f}" for name in METRICS[1:])]
        lines.append(f"{'circuit':22}" + "".join(f"{cell:>18}" for cell in own))
        random = self.random
        cells = [f"{random[name].iloc[0]:.4f} ± {random[name].iloc[1]:.4f}" for name in METRICS]
        lines.append(f"{'random, same size':22}" + "".join(f"{cell:>18}" for cell in cells))
        names = {"weight": "|weight|, same size"}
        for row in ("weight", "full network", "no edges"):
            figures = "".join(f"{self.baselines[name].loc[row]:18.4f}" for name in METRICS)
            lines.append(f"{names.get(row, row):22}{figures}")
        lines.append(
            f"without the circuit, faithfulness {self.knock_out:.4f}; {self.minimality:.0%} of "
            f"{self.settings['probed']:,} of its edges are needed"
        )
        if self.areas is not None:
            lines.append(_areas_in_words(self.areas))
        if np.isnan(self.faithfulness):
            lines.append(
                "faithfulness is undefined: ablating every edge leaves the target's mean over these inputs unchanged"
            )
            if self.settings["corrupted"] == "mean":
                lines.append("pass labels of several classes, or corrupted='zero'")
        return "\n".join(lines)


def _areas_in_words(areas: pd.DataFrame) -> str:
    random = areas[areas.index.str.startswith("random")]
    return (
        f"CPR {areas['cpr'].iloc[0]:.4f}, CMD {areas['cmd'].iloc[0]:.4f} over {SHARES[0]:.1%} … 100% of the edges "
        f"(|weight| {areas['cmd'].loc['weight']:.4f}, random {random['cmd'].mean():.4f} ± "
        f"{random['cmd'].std(ddof=0):.4f})"
    )


def faithfulness(
    circuit: Circuit,
    net: CircuitNetwork,
    inputs: Any,
    labels: Any = None,
    corrupted: Any = None,
    curve: bool = False,
    samples: int = 3,
    probes: int = 20,
    reference: Any = None,
    target: Any = None,
    seed: int = 0,
    progress: Progress | bool = None,
) -> Evidence:
    """Judges a circuit: one run of the network in which every edge outside it carries a corrupted activation.

    Parameters
    ----------
    circuit : from :func:`circuit`.
    net : the network that it was made from.
    inputs : held-out inputs, (N, …); those of other classes belong among them.
    labels : (N,) class numbers; None takes the network's own predictions as the classes to agree with.
    corrupted : what ablated edges carry: "mean" (their source's mean over ``reference``), "zero", "resample" (another
        input's), or inputs of the same number, a counterfactual for each; by default as the circuit was found (its
        "mean" where those were counterfactuals).
    curve : measure at 0.1 … 100 % of the edges too, with the areas CPR and CMD, against |weight| and random orders.
    samples : number of random circuits of the same size, at least 3.
    probes : edges of the circuit that are cut one at a time for ``minimality``.
    reference : (M, …) inputs that means and resampled activations come from; by default ``inputs``.
    target : by default the circuit's; a class per input names those of the inputs that it was found with.
    seed : of the random circuits, of "resample" and of the draws behind standard errors.
    progress : True for a bar on stderr, or a function of (runs done, runs in all).

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
    if samples < 3:
        raise AnalysisError(f"samples is {samples}; a baseline needs at least 3 random circuits")
    if corrupted is None:
        corrupted = "mean" if circuit.settings["corrupted"] == "counterfactual" else circuit.settings["corrupted"]
    if target is None:
        target = circuit.settings["target"]
        if of_each(target):
            raise AnalysisError(
                "this circuit's target is a class for each input that it was found with: say which class these inputs "
                "have, target=[…] (or target='label', with labels=)"
            )
    judge = Judge(net, circuit.whole, inputs, labels, target, corrupted, reference, seed)
    return judged(circuit, judge, curve, samples, probes, seed, progress)


def judged(
    circuit: Circuit, judge: Judge, curve: bool, samples: int, probes: int, seed: int, progress: Progress | bool = None
) -> Evidence:
    """The evidence that a judge gives."""
    edges, chosen, question = judge.edges, circuit.chosen, circuit.question
    every = np.flatnonzero(edges.real)
    probed = np.random.default_rng([seed, 0]).permutation(chosen)[:probes]
    total = 3 + samples + len(probed) + (len(SHARES) * (2 + samples) if curve else 0)
    with counted(progress, total, "evidence") as tick:

        def run(edges_kept: Array) -> Any:
            tick()
            return judge.run(edges_kept)

        own = run(chosen)
        alike = Question(question.edges, sizes(edges, edges.values("weight"), None), question.ways)
        weight_order = ORDERS.get(circuit.settings["method"], ORDERS["greedy"])(alike)
        by_weight = first(alike, weight_order, len(chosen)).edges
        orders = [np.random.default_rng([seed, sample]).permutation(every) for sample in range(samples)]
        rows = {"full network": judge.measure(judge.full), "no edges": judge.measure(judge.nothing)}
        rows["weight"] = judge.measure(run(by_weight))
        for sample, order in enumerate(orders):
            rows[f"random {sample + 1}"] = judge.measure(run(order[: len(chosen)]))
        measured = judge.measure(own)
        tick()
        knock_out = judge.faithfulness(judge.without(chosen))
        moved = [abs(judge.faithfulness(run(chosen[chosen != edge])) - measured["faithfulness"]) for edge in probed]
        even = NEEDED * abs(measured["faithfulness"]) / max(len(chosen), 1)
        points = areas = None
        if curve:
            named = {"circuit": circuit.order, "weight": weight_order}
            named |= {f"random {i + 1}": order for i, order in enumerate(orders)}
            points, areas = _curve(judge, named, run, seed)
    return Evidence(
        **measured,
        knock_out=knock_out,
        minimality=float(np.mean([m > even for m in moved])) if moved else float("nan"),
        error=judge.error(own, seed),
        baselines=pd.DataFrame(rows).T[list(METRICS)],
        edges=len(chosen),
        edges_total=len(every),
        settings={
            "target": judge.target.name,
            "measured_by": judge.measured_by,
            "corrupted": judge.corrupted,
            "inputs": judge.inputs,
            "inputs_of_interest": len(judge.target.rows),
            "classes": "labels" if judge.labelled else "predictions",
            "judged_on": "",
            "score": circuit.settings["score"],
            "samples": samples,
            "probed": len(probed),
            "seed": seed,
        },
        curve=points,
        areas=areas,
    )


def _curve(
    judge: Judge, orders: dict[str, Array], run: Callable[[Array], Any], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """f where the beginning of each order is kept."""
    found: dict[str, list[float]] = {name: [] for name in orders}
    table: dict[str, list[float]] = {"error": [], "accuracy": [], "kl": []}
    for name, order in orders.items():
        kept = beginnings(judge.edges, order)
        for edges in kept:
            outcome = run(edges)
            found[name].append(judge.faithfulness(outcome))
            if name == "circuit":
                measured = judge.measure(outcome)
                table["error"].append(judge.error(outcome, seed))
                table["accuracy"].append(measured["accuracy"])
                table["kl"].append(measured["kl"])
    random = np.array([values for name, values in found.items() if name.startswith("random")])
    points = pd.DataFrame(
        {
            "share": SHARES,
            "edges": [len(edges) for edges in kept],
            "faithfulness": found["circuit"],
            **table,
            "weight": found["weight"],
            "random": random.mean(axis=0),
            "random_sd": random.std(axis=0),
        }
    )
    areas = {
        name: {
            "cpr": area(np.array(values)),
            "cmd": area(np.abs(1 - np.array(values))),
        }
        for name, values in found.items()
    }
    return points, pd.DataFrame(areas).T
