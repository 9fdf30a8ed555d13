"""What makes a test of modularity say something else than it seems to: a table, one row an alarm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd
import scipy.sparse as sp

from netgraph.analysis.compare.balancing import balanced
from netgraph.analysis.duplicates.features import UNLEARNED
from netgraph.analysis.modules.agreement import adjusted_mutual_information, adjusted_rand
from netgraph.analysis.modules.quality import Codes
from netgraph.analysis.significance.prepared import alive, dead, prepared
from netgraph.analysis.significance.sampling import seed_of
from netgraph.analysis.significance.statistics import STATISTICS, Found, Search
from netgraph.errors import GraphError
from netgraph.graph.graph import Graph

DEAD, FEW_DEAD = 0.05, 0.01
"""A vertex this weak beside the strongest of its layer may be dead; the share of such vertices that is told."""
DEPTH = 0.3
"""Adjusted mutual information of modules and layers from which modules are mostly layers."""
STABLE, RUNS = 0.25, 5
"""Mean agreement (ARI) of runs below which modules are not to be believed, and how many runs are made."""
UNEQUAL, SURE = 0.1, 3
"""Spread of strengths beyond chance, of their mean, from which shuffled weights are no fair comparison; by how many
standard errors it must be beyond chance at all."""
RAW = ("shuffle", "shuffle_nonzero", "strength")
"""Nulls that permute weights as they are, those of strong vertices to weak ones."""


@dataclass
class Case:
    """What was observed.

    Attributes
    ----------
    graph : as it was given; ``plain`` what is tested of it.
    first : what the first run found.
    """

    graph: Graph
    plain: Graph
    search: Search
    first: Found
    seed: int
    weight: str
    dead_tol: float
    alive: Codes = field(init=False)
    unbalanced: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.alive = np.flatnonzero(alive(self.plain))

    def labels(self, run: int, graph: Graph | None = None) -> Codes:
        """What another run finds."""
        return (
            STATISTICS[self.search.statistic].run(graph or self.plain, self.search, seed_of(self.seed, 0, run)).labels
        )

    @cached_property
    def stability(self) -> float:
        """Mean adjusted Rand index of all pairs of runs."""
        runs = [self.first.labels, *(self.labels(run) for run in range(1, RUNS))]
        return float(np.mean([adjusted_rand(a[self.alive], b[self.alive]) for a, b in combinations(runs, 2)]))

    @cached_property
    def depth(self) -> float:
        """Adjusted mutual information of the first run's modules and the layers."""
        layer = np.repeat(np.arange(len(self.plain.layers)), [one.size for one in self.plain.layers])
        return float(adjusted_mutual_information(layer[self.alive], self.first.labels[self.alive]))

    @cached_property
    def inequality(self) -> tuple[float, str]:
        """The widest spread of strengths beyond what shuffled weights would have, of the mean, and where that is."""
        worst, where = 0.0, ""
        for block in self.plain.blocks:
            if block.kind in UNLEARNED:
                continue
            matrix = block.weight
            entries = matrix.shape[0] * matrix.shape[1]
            listed = np.ravel(matrix.data if sp.issparse(matrix) else matrix)
            squares = float(listed @ listed)
            mean = float(matrix.sum()) / entries
            spread = squares / entries - mean**2
            for axis, what in ((1, "into"), (0, "out of")):
                sums = np.asarray(matrix.sum(axis=axis), dtype=np.float64).ravel()
                if len(sums) < 2 or mean == 0:
                    continue
                many = entries // len(sums)
                chance = spread * many * (entries - many) / (entries - 1)  # variance of a sum of permuted weights
                excess = float(np.sqrt(max(sums.var() - chance, 0.0)) / sums.mean())
                # A variance of so few sums is itself uncertain by this share.
                if excess > worst and sums.var() > chance * (1 + SURE * np.sqrt(2 / (len(sums) - 1))):
                    worst, where = excess, f"{what} {block.target if axis else block.source}"
        return worst, where

    @cached_property
    def gauge(self) -> float | None:
        """Agreement (ARI) of the modules with those of the balanced gauge; None where there is none."""
        if self.weight != "weight" or not callable(getattr(self.graph.origin, "graph", None)):
            return None
        try:
            even, said = balanced(self.graph)
        except GraphError as error:
            self.unbalanced = str(error)
            return None
        if "by the network" not in said:
            return None
        other, _ = prepared(even, "weight", self.dead_tol)
        both = pd.concat(
            [
                pd.Series(self.first.labels[self.alive], self.plain.ids[self.alive]),
                pd.Series(self.labels(0, other), other.ids),
            ],
            axis=1,
            join="inner",
        ).to_numpy()
        return adjusted_rand(both[:, 0], both[:, 1])


def _dead(case: Case) -> str:
    if case.dead_tol:
        return ""
    weak = int(np.count_nonzero(dead(case.plain, DEAD)))
    if weak <= FEW_DEAD * len(case.alive):
        return ""
    return (
        f"dead units: {weak} of {case.plain.n} vertices are weaker than {DEAD:.0%} of the strongest of their layer, "
        f"which shuffled weights revive; take dead_tol={DEAD}"
    )


def _depth(case: Case) -> str:
    if case.depth <= DEPTH:
        return ""
    return f"depth: modules are mostly layers (AMI {case.depth:.2f})"


def _unstable(case: Case) -> str:
    if case.stability >= STABLE:
        return ""
    return f"low stability: {RUNS} runs agree by ARI {case.stability:.2f}; do not read these modules one by one"


def _unequal(case: Case) -> str:
    spread, where = case.inequality
    if spread <= UNEQUAL:
        return ""
    return (
        f"unequal strengths: {where} they spread by {spread:.0%} of their mean beyond chance, where weights "
        "permuted as they are make no fair comparison; take null='residual'"
    )


def _gauge(case: Case) -> str:
    agreement = case.gauge
    if case.unbalanced:
        return f"gauge: scales of hidden units could not be balanced ({case.unbalanced})"
    if agreement is None or agreement >= case.stability / 2:
        return ""
    return (
        f"gauge: in the balanced gauge modules are others (ARI {agreement:.2f}, two runs {case.stability:.2f}); take "
        "net.graph(gauge='balanced')"
    )


@dataclass(frozen=True)
class Alarm:
    """A row of the table: the nulls that it concerns, and (case) -> what is to be said, or nothing."""

    nulls: tuple[str, ...] | None
    say: Callable[[Case], str]


ALARMS: dict[str, Alarm] = {
    "dead": Alarm(None, _dead),
    "unequal": Alarm(RAW, _unequal),
    "depth": Alarm(None, _depth),
    "stability": Alarm(None, _unstable),
    "gauge": Alarm(None, _gauge),
}
"""What they warn of was seen, with either statistic: weights without modules have p near 1 in "shuffle" and "strength"
where strengths are lognormal, and |z| of 10 and more where 85 % of the units are dead."""


def alarms(case: Case) -> dict[str, tuple[Alarm, str]]:
    """What is to be said about a case, by name."""
    said = {name: (row, row.say(case)) for name, row in ALARMS.items()}
    return {name: (row, text) for name, (row, text) in said.items() if text}
