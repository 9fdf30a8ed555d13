"""One row a checkpoint: modularity beside chance, modules, and how far they are those of the checkpoint before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from netgraph.analysis.meaning.agreeing import agreement
from netgraph.analysis.modules import Modules, modules
from netgraph.analysis.significance import significance
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph
from netgraph.graph.progress import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUDDEN = 3.0
"""A step is sudden where it is so many times the median |step| …"""
BEYOND = 2.0
"""… and so many standard deviations of chance."""


@dataclass(frozen=True, eq=False, repr=False)
class Growth:
    """Modules from checkpoint to checkpoint. Made by :func:`netgraph.growth`.

    Attributes
    ----------
    table : a row a checkpoint, by name: ``modules`` (number), ``quality`` (the best of all runs), ``stability`` (mean
        ARI of the runs), ``observed`` (the modularity that one run finds), ``null`` and ``null_sd`` (of graphs of
        chance), ``excess`` = observed − null, ``z``, ``p``, ``step`` (change of the excess), ``agreement`` (AMI with
        the modules of the checkpoint before), ``sudden``: whether the step is a phase change, |step| above 3 times the
        median |step| and above 2 standard deviations of chance.
    modules : name -> the modules.
    settings : method, null, samples, runs, seed.
    """

    table: pd.DataFrame
    modules: Mapping[str, Modules] = field(repr=False)
    settings: Mapping[str, Any]

    def __repr__(self) -> str:
        turns = self.table.index[self.table["sudden"]].tolist()
        told = f"sudden at {', '.join(turns)}" if turns else "no sudden step"
        first, last = self.table["excess"].iloc[[0, -1]]
        return (
            f"Modularity above its {self.settings['null']!r} null over {len(self.table)} checkpoints: {first:+.4f} at "
            f"first, {last:+.4f} at last; {told}\n{self.table.round(4).to_string()}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draws the modularity found and that of chance over the checkpoints, sudden steps marked, by matplotlib."""
        if ax is None:
            from matplotlib import pyplot

            ax = pyplot.subplots(figsize=(6, 4), layout="constrained")[1]
        table, at = self.table, np.arange(len(self.table))
        low, high = (table["null"] + side * 2 * table["null_sd"] for side in (-1, 1))
        ax.fill_between(at, low, high, color="0.8", label=f"{self.settings['null']}: mean ± 2 sd", linewidth=0)
        ax.plot(at, table["null"], color="0.5", linewidth=1)
        ax.plot(at, table["observed"], color="#332288", marker="o", markersize=3, label="found")
        sudden = np.flatnonzero(table["sudden"])
        for number, place in enumerate(sudden):
            ax.axvline(float(place), color="#cc6677", linestyle=":", label="sudden step" if number == 0 else None)
        shown = at[:: max(1, len(at) // 8)]
        ax.set_xticks(shown, [str(table.index[i]) for i in shown], rotation=30, ha="right")
        ax.set_ylabel("modularity")
        ax.legend(frameon=False, fontsize=9)
        return ax


def growth(
    graphs: Mapping[str, Graph] | Iterable[tuple[str, Graph]],
    method: str = "layered",
    null: str = "residual",
    samples: int = 10,
    runs: int = 5,
    weight: str = "weight",
    seed: int = 0,
    progress: Callable[[int, int], object] | bool | None = None,
) -> Growth:
    """Follows the modules of one network over training.

    Parameters
    ----------
    graphs : name -> graph of a checkpoint, in the order of training; or (name, graph) one after the other, which are
        not kept: 2 or more.
    method, weight : as for :func:`netgraph.modules`.
    null : of :func:`netgraph.significance`; its mean is what modularity would be by chance at that checkpoint.
    samples : graphs of chance for each checkpoint.
    runs : of the search for modules, whose agreement is the stability.
    seed : of every draw; the same for all checkpoints, so that they differ by their weights alone.
    progress : True for a bar on stderr, or a function of (checkpoints done, in all); of an iterable without a length,
        nothing is shown.

    Raises
    ------
    AnalysisError : fewer than two checkpoints, or checkpoints of networks with other vertices.

    Examples
    --------
    >>> import numpy as np, netgraph as ng
    >>> rng, two = np.random.default_rng(0), np.kron(np.eye(2), np.ones((6, 6)))
    >>> noise = rng.random((12, 12))
    >>> steps = {f"step {i}": ng.Graph.from_matrices([noise + i * two, noise + i * two]) for i in (0, 1, 2)}
    >>> found = ng.growth(steps, samples=5, runs=2)
    >>> bool(found.table["excess"].is_monotonic_increasing)
    True
    """
    several = list(graphs.items()) if isinstance(graphs, Mapping) else graphs
    total = len(several) if isinstance(several, list) else 0
    rows: list[dict[str, Any]] = []
    found: dict[str, Modules] = {}
    ids = None
    with counted(progress if total else None, max(total, 1), "checkpoints") as tick:
        for name, graph in several:
            if ids is not None and not np.array_equal(ids, graph.ids):
                raise AnalysisError(
                    f"checkpoint {name!r} has other vertices than the one before: growth follows one network; "
                    "ng.compare tells two networks apart"
                )
            ids = graph.ids
            division = modules(graph, method=method, weight=weight, seed=seed, runs=runs)
            chance = significance(graph, null=null, samples=samples, method=method, weight=weight, seed=seed).iloc[0]
            rows.append(
                {
                    "name": str(name),
                    "modules": len(division),
                    "quality": division.quality,
                    "stability": division.stability,
                    "observed": chance["observed"],
                    "null": chance["mean"],
                    "null_sd": chance["sd"],
                    "excess": chance["observed"] - chance["mean"],
                    "z": chance["z"],
                    "p": chance["p"],
                    "agreement": agreement(found[rows[-1]["name"]], division) if rows else np.nan,
                }
            )
            found[str(name)] = division
            tick()
    if len(rows) < 2:
        raise AnalysisError(f"{len(rows)} checkpoint: growth is told from two or more")
    table = pd.DataFrame(rows).set_index("name")
    table.insert(list(table.columns).index("p") + 1, "step", table["excess"].diff())
    table["sudden"] = sudden(table["step"].to_numpy(), table["null_sd"].to_numpy())
    settings = {"method": method, "null": null, "samples": samples, "runs": runs, "weight": weight, "seed": seed}
    return Growth(table, found, settings)


def sudden(steps: Any, chance: Any) -> Any:
    """Which steps are phase changes: far above the median |step|, and above what chance moves.

    >>> sudden(np.array([np.nan, 0.01, 0.01, 0.2, 0.01]), np.full(5, 0.01)).tolist()
    [False, False, False, True, False]
    """
    size = np.abs(steps)
    known = size[~np.isnan(size)]
    usual = float(np.median(known)) if len(known) else 0.0
    return (size > SUDDEN * usual) & (size > BEYOND * chance)
