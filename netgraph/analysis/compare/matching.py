"""From two graphs to a matching of their units, and what can be said for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.compare.classes import Order, Problem, problem
from netgraph.analysis.compare.pairing import NONE, Meeting
from netgraph.analysis.compare.search import Found, by_chance, search
from netgraph.analysis.compare.sheets import Numbers
from netgraph.graph.graph import Graph

COLUMNS = ("layer", "units", "other_units", "matched", "moved", "fixed", "tied_to", "similarity", "confidence")


@dataclass(frozen=True)
class Matching:
    """A matching of units.

    Attributes
    ----------
    to : layer -> for each vertex of the first graph the second's, counted inside their layers; -1 for none.
    table : a row a layer.
    settings : similarity, where it was found, and what chance gives.
    """

    to: dict[str, Numbers]
    table: pd.DataFrame
    settings: dict[str, Any]


def matching(first: Graph, second: Graph, restarts: int, nulls: int, seed: int) -> tuple[Matching, bool]:
    """The matching, and whether the units' own numbers are as good."""
    asked = problem(first, second)
    found = search(asked, restarts, seed)
    settings: dict[str, Any] = {
        "similarity": found.similarity,
        "start": found.start,
        "rounds": found.rounds,
        "restarts": restarts,
        "nulls": nulls,
        "seed": seed,
    }
    if nulls:
        chance = by_chance(asked, nulls, restarts, seed)
        settings["chance"] = float(np.mean(chance))
        settings["chance_sd"] = float(np.std(chance, ddof=1)) if nulls > 1 else float("nan")
    to = {name: _vertices(asked, found.order, name, first, second) for name in asked.of}
    return Matching(to, _table(asked, found, to, first, second), settings), _as_it_is(asked, found)


def _as_it_is(asked: Problem, found: Found) -> bool:
    """Whether each unit's own number is as good a match as any."""
    if any(one != two for one, two in asked.free.values()):
        return False
    own = {name: np.arange(one) for name, (one, _) in asked.free.items()}
    return asked.similarity({**found.order, **own}) >= found.similarity - 1e-9


def _vertices(asked: Problem, order: Order, name: str, first: Graph, second: Graph) -> Numbers:
    """A matching of features as one of vertices: positions keep their order."""
    one, two = asked.features[0][name], asked.features[1][name]
    features = order[asked.of[name]]
    out = np.full(first.layer(name).size, NONE, dtype=np.int64)
    by_feature = np.argsort(two, kind="stable")
    begins = np.searchsorted(two[by_feature], np.arange(len(np.bincount(two)) + 1 if len(two) else 1))
    rank = np.zeros(len(one), dtype=np.int64)
    mine = np.argsort(one, kind="stable")
    starts = np.searchsorted(one[mine], one[mine], side="left")
    rank[mine] = np.arange(len(one)) - starts
    wanted = features[one]
    known = np.flatnonzero(wanted != NONE)
    at = begins[wanted[known]] + rank[known]
    inside = at < begins[wanted[known] + 1]
    out[known[inside]] = by_feature[at[inside]]
    return out


def _table(asked: Problem, found: Found, to: dict[str, Numbers], first: Graph, second: Graph) -> pd.DataFrame:
    rows = []
    judged = {name: _judged(asked, name, found.order) for name in asked.free}
    for name, root in asked.of.items():
        if root in asked.fixed:  # by vertices: nothing moves as a whole
            order, units = to[name], [graph.layer(name).size for graph in (first, second)]
        else:
            order, units = found.order[root], list(asked.free[root])
        moved = int(np.count_nonzero((order != NONE) & (order != np.arange(len(order)))))
        similarity, confidence = judged.get(root, (np.nan, np.nan))
        matched = int(np.count_nonzero(order != NONE))
        tied = root if root != name else ""
        rows.append((name, *units, matched, moved, root in asked.fixed, tied, similarity, confidence))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _judged(asked: Problem, name: str, order: Order) -> tuple[float, float]:
    """(mean cosine of what is known of matched units, share of them that are each other's most similar)."""
    cosines = asked.cosines(name, order)
    rows = np.flatnonzero(order[name] != NONE)
    if not len(rows):
        return float("nan"), float("nan")
    columns = order[name][rows]
    own = cosines[rows, columns]
    first = (own >= cosines.max(axis=1)[rows] - 1e-9) & (own >= cosines.max(axis=0)[columns] - 1e-9)
    return float(own.mean()), float(first.mean())


def by_id(meetings: dict[str, Meeting]) -> pd.DataFrame:
    """The same table where vertices met by id: nothing was searched for."""
    rows = []
    for meeting in meetings.values():
        if meeting.first is None or meeting.second is None:
            continue
        moved = int(np.count_nonzero((meeting.to != NONE) & (meeting.to != np.arange(len(meeting.to)))))
        sizes = meeting.first.size, meeting.second.size
        rows.append((meeting.name, *sizes, meeting.matched, moved, True, "", np.nan, np.nan))
    return pd.DataFrame(rows, columns=list(COLUMNS))
