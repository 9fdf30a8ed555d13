"""Is a graph more modular than chance makes it? The same search in the graph and in graphs that chance made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.nulls import NULLS
from netgraph.analysis.significance.alarms import Case, alarms
from netgraph.analysis.significance.prepared import prepared
from netgraph.analysis.significance.sampling import drawn, seed_of
from netgraph.analysis.significance.statistics import STATISTICS, search
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.graph import Graph
from netgraph.graph.progress import counted

SAME = 1e-9
"""Relative difference up to which two values are one."""
PAPERS: dict[str, dict[str, Any]] = {
    "filan2021": {"statistic": "ncut", "null": "shuffle", "k": 12, "method": "spectral", "dead_tol": 0.0}
}
"""Recipes: what each paper did."""


def significance(
    graph: Graph,
    statistic: str = "modularity",
    null: str = "all",
    samples: int = 100,
    k: int | None = None,
    method: str | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    dead_tol: float = 0.0,
    paper: str | None = None,
    weight: str = "weight",
    progress: Callable[[int, int], object] | bool | None = None,
) -> pd.DataFrame:
    """Compares how modular a graph is with graphs that chance made, by several ideas of chance.

    The statistic is what one run of a search finds, and each null is searched anew in the same way. Structure is read
    from |weight|, bias edges left out; input and output layers belong to it. Only what was learned is permuted (not
    residual sums, pools …), and blocks that share a parameter move together. Nulls differ in what they keep:
    "shuffle" the weights of every block, "shuffle_nonzero" the places of its edges too, "strength" every vertex's
    strength too, "residual" what strengths explain, while the rest is permuted. Structure that one null alone sees is
    structure of what that null destroys.

    Parameters
    ----------
    graph : any graph with weights that were learned.
    statistic : "modularity", the quality of the best division that one run of ``method`` finds (large is modular), or
        "ncut", the normalised cut of a spectral clustering into ``k`` clusters (small is modular).
    null : "all", a row each; or the name of one.
    samples : graphs of chance for each null.
    k : clusters of "ncut"; None takes 12, or a cluster for each 8 vertices with edges where these are fewer.
    method : of "modularity": as in :func:`netgraph.modules`, by default "layered".
    seed : of every draw, from 0. The same seed gives the same figures, on any executor and however many workers.
    executor : any ``concurrent.futures.Executor`` that the samples are spread over; None: this process.
    dead_tol : vertices weaker than this share of the strongest of their layer are removed first.
    paper : "filan2021", the recipe of that paper: n-cut, k = 12, shuffled weights; vertices without edges are left
        out, anew in every null. (At channel granularity, kernels are moved whole.) In place of what it decides.
    weight : the edge column whose absolute value is taken.
    progress : True for a bar on stderr, or a function of (samples done, samples in all).

    Returns
    -------
    One row a null: ``observed``, ``mean``, ``sd`` (of all samples, ddof = 0), ``z`` = (observed − mean)/sd (NaN where
    all are one value), ``p`` = (1 + #{as modular})/(samples + 1), ``warnings``, text that says what the row's figures
    may come from instead. ``attrs`` hold the settings, ``stability`` (mean ARI of 5 runs), ``depth``
    (AMI of modules and layers), ``gauge`` (ARI with modules of the balanced gauge, where the network is at hand) and
    ``samples_of`` (null -> the values).

    Raises
    ------
    UnknownName : no such statistic, null, method, paper or edge column.
    AnalysisError : no edges, NaN, nothing learned, k that the graph has no vertices for, samples below 1.

    References
    ----------
    D. Filan et al. (2021), Clusterability in neural networks. B. Phipson, G. Smyth (2010), Permutation p-values should
    never be zero.

    Examples
    --------
    >>> import numpy as np, netgraph as ng
    >>> planted = np.kron(np.eye(3), np.ones((4, 4))) + 0.1
    >>> table = ng.significance(ng.Graph.from_matrices([planted, planted]), null="shuffle", samples=19)
    >>> table.loc["shuffle", "p"].round(3), bool(table.loc["shuffle", "z"] > 3)
    (np.float64(0.05), True)
    """
    if paper is not None:
        if paper not in PAPERS:
            raise unknown("paper", paper, PAPERS)
        recipe = PAPERS[paper]
        _refuse_others(paper, null=(null, "all"), k=(k, None), method=(method, None), dead_tol=(dead_tol, 0.0))
        statistic, null, k, method = (recipe[name] for name in ("statistic", "null", "k", "method"))
        dead_tol = recipe["dead_tol"]
    if null != "all" and null not in NULLS:
        raise unknown("null", null, ["all", *NULLS])
    _check(samples, seed, dead_tol)
    plain, removed = prepared(graph, weight, dead_tol)
    asked = search(plain, statistic, method, k)
    names = list(NULLS) if null == "all" else [null]
    row = STATISTICS[statistic]
    first = row.run(plain, asked, seed_of(seed, 0, 0))
    places = [(name, number) for name in names for number in range(samples)]
    values = {name: np.zeros(samples) for name in names}
    with counted(progress, len(places), "samples") as tick:
        for one in drawn(plain, asked, places, seed, executor):
            values[one.null][one.number] = one.value
            tick()
    case = Case(graph, plain, asked, first, seed, weight, dead_tol)
    said = alarms(case)
    table = pd.DataFrame(
        [
            {
                **_against(first.value, values[name], row.sign),
                "warnings": "; ".join(
                    text for alarm, text in said.values() if alarm.nulls is None or name in alarm.nulls
                ),
            }
            for name in names
        ],
        index=pd.Index(names, name="null"),
    )
    table.attrs = {
        "statistic": statistic,
        "method": asked.method,
        "k": asked.k,
        "samples": samples,
        "seed": seed,
        "weight": weight,
        "signs": "absolute",
        "dead_tol": dead_tol,
        "dead": removed,
        "paper": paper,
        "stability": case.stability,
        "depth": case.depth,
        "gauge": case.gauge,
        "alarms": list(said),
        "samples_of": {name: values[name].tolist() for name in names},
    }
    return table


def _against(observed: float, chance: np.ndarray[Any, Any], sign: int) -> dict[str, float]:
    """An observed value beside those of a null."""
    mean, sd = float(chance.mean()), float(chance.std())
    same = SAME * max(abs(observed), float(np.abs(chance).max()))
    return {
        "observed": observed,
        "mean": mean,
        "sd": sd,
        "z": (observed - mean) / sd if sd > same else float("nan"),
        "p": (1 + int(np.count_nonzero(sign * (chance - observed) >= -same))) / (len(chance) + 1),
    }


def _refuse_others(paper: str, **given: tuple[object, object]) -> None:
    """What the recipe decides may be left out, or be what it decides."""
    for name, (value, default) in given.items():
        if value not in (default, PAPERS[paper][name]):
            raise AnalysisError(
                f"paper={paper!r} takes {name}={PAPERS[paper][name]!r}, not {value!r}; leave one of the two out"
            )


def _check(samples: object, seed: object, dead_tol: float) -> None:
    for name, value, least in (("samples", samples, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise AnalysisError(f"{name} is {value!r}; it must be a whole number from {least} up")
    if not 0 <= dead_tol < 1:
        raise AnalysisError(
            f"dead_tol is {dead_tol}; a share of the strongest vertex of a layer, it must be from 0 to below 1"
        )
