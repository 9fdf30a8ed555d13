"""The tables of a comparison, each made from the sums of one pass, or by another pass over the blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from netgraph.analysis.compare.difference import Piece, pieces, rule
from netgraph.analysis.compare.pairing import NONE, Meeting, Pair
from netgraph.graph import blocks as ops
from netgraph.graph.graph import Block, Graph

if TYPE_CHECKING:
    from netgraph.analysis.compare.result import Comparison

Array = np.ndarray[Any, Any]

STATUSES = ("added", "removed", "changed", "same")
ADDED, REMOVED, CHANGED, SAME = range(4)
BIASED = ("weight", "abs_weight")
"""Columns beside which biases are compared, too."""


def vertices(found: Comparison) -> pd.DataFrame:
    """See :attr:`Comparison.vertices`."""
    gaps, tables = bias_gaps(found), []
    ids = [found.first.ids, found.second.ids]
    for name, meeting in found._meetings.items():
        strengths, change = _totals(found, meeting)
        change = change + gaps[name]
        mine, theirs = _ids(meeting, ids)
        status = np.where(change > 0, CHANGED, SAME)
        status[pd.isna(mine)] = ADDED
        status[pd.isna(theirs)] = REMOVED
        columns = {
            "id": mine,
            "other_id": theirs,
            "layer": np.full(meeting.size, name, dtype=object),
            "status": np.array(STATUSES, dtype=object)[status],
            "strength": strengths[0],
            "other_strength": strengths[1],
            "change": change,
        }
        tables.append(pd.DataFrame(columns))
    whole = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    order = np.argsort(-whole["change"].to_numpy(), kind="stable")
    return whole.iloc[order].reset_index(drop=True)


def _ids(meeting: Meeting, ids: list[Array]) -> tuple[Array, Array]:
    """Ids in the first and in the second graph of a meeting's vertices; None where there is none."""
    mine, theirs = (np.full(meeting.size, None, dtype=object) for _ in range(2))
    if meeting.first is not None:
        mine[: len(meeting.to)] = ids[0][meeting.first.vertices]
    if meeting.second is not None:
        names = ids[1][meeting.second.vertices]
        met = np.flatnonzero(meeting.to != NONE)
        theirs[met] = names[meeting.to[met]]
        theirs[len(meeting.to) :] = names[meeting.extra]
    return mine, theirs


def _totals(found: Comparison, meeting: Meeting) -> tuple[list[Array], Array]:
    """(strengths in both graphs, Σ|difference|) of a meeting's vertices, over all their edges."""
    strengths, change = [np.zeros(meeting.size) for _ in range(2)], np.zeros(meeting.size)
    for pair, sums in zip(found._pairs, found._sums, strict=True):
        for axis, name in enumerate((pair.target, pair.source)):
            if name == meeting.name:
                change += sums.changes[axis]
                for strength, side in zip(strengths, sums.strengths, strict=True):
                    strength += side[axis]
    return strengths, change


def bias_gaps(found: Comparison) -> dict[str, Array]:
    """Layer -> |difference| of its biases where that is more than the tolerance, 0 elsewhere; weights only."""
    gaps = {name: np.zeros(meeting.size) for name, meeting in found._meetings.items()}
    graphs, tolerance = (found.first, found.second), found.settings["tolerance"]
    if found.settings["weight"] not in BIASED or not any("bias" in graph.columns for graph in graphs):
        return gaps
    held = [np.asarray(graph.columns.get("bias", np.zeros(graph.n))) for graph in graphs]
    eps = max(float(np.finfo(b.dtype).eps) if b.dtype.kind == "f" else 0.0 for b in held)
    biases = [np.nan_to_num(bias.astype(np.float64)) for bias in held]
    for name, meeting in found._meetings.items():
        if meeting.first is None or meeting.second is None:
            continue
        met = np.flatnonzero(meeting.to != NONE)
        one = biases[0][meeting.first.vertices][met]
        two = biases[1][meeting.second.vertices][meeting.to[met]]
        gap, size = np.abs(two - one), np.maximum(np.abs(one), np.abs(two))
        floor = min(tolerance, eps) * float(size.mean() if len(size) else 0.0)
        gaps[name][met] = np.where((gap > tolerance * size) & (gap > floor), gap, 0.0)
    return gaps


def edges(found: Comparison, top: int | None, same: bool) -> pd.DataFrame:
    """See :meth:`Comparison.edge_table`: the largest changes so far are kept, piece by piece."""
    kept: list[Array] | None = None
    least = -1.0
    for block, piece, differs in _all_pieces(found):
        chosen = np.flatnonzero((np.abs(piece.two - piece.one) > least) & (differs | same))
        status = np.where(differs, CHANGED, SAME)
        status[~piece.here], status[~piece.there] = ADDED, REMOVED
        columns = [piece.target, piece.source, piece.one, piece.two, status]
        new = [np.full(len(chosen), block), *(column[chosen] for column in columns)]
        kept = new if kept is None else [np.concatenate(both) for both in zip(kept, new, strict=True)]
        if top is not None and len(kept[0]) > max(top, 1) * 2:
            kept = _strongest(kept, top)
            least = float(np.abs(kept[4] - kept[3]).min(initial=np.inf))  # what is no more than that comes too late
    empty = [np.zeros(0, dtype=np.int64)] * 3 + [np.zeros(0)] * 2 + [np.zeros(0, dtype=np.int64)]
    number, target, source, one, two, status = _strongest(empty if kept is None else kept, top)
    ends = {name: _end(found, number, places, name) for name, places in (("source", source), ("target", target))}
    return pd.DataFrame(
        {
            "source": ends["source"][0],
            "target": ends["target"][0],
            "status": np.array(STATUSES, dtype=object)[status],
            "weight": one,
            "other_weight": two,
            "change": two - one,
            "other_source": ends["source"][1],
            "other_target": ends["target"][1],
        }
    )


def _all_pieces(found: Comparison) -> Iterator[tuple[int, Piece, Array]]:
    column, tolerance = found.settings["weight"], found.settings["tolerance"]
    for number, (pair, sums) in enumerate(zip(found._pairs, found._sums, strict=True)):
        if sums.edges or sums.others:
            different = rule(pair, column, tolerance)
            for piece in pieces(pair, found._meetings, column):
                yield number, piece, different.edges(piece)


def _strongest(kept: list[Array], top: int | None) -> list[Array]:
    """The rows of largest |change|, in order; of equal ones the first."""
    size = np.abs(kept[4] - kept[3])
    order = np.argsort(-size, kind="stable")[: len(size) if top is None else top]
    return [column[order] for column in kept]


def _end(found: Comparison, numbers: Array, places: Array, end: str) -> tuple[Array, Array]:
    """(ids in the first graph, or in the second where it has none; ids in the second) of one end of edges."""
    mine, theirs = (np.full(len(numbers), None, dtype=object) for _ in range(2))
    ids = [found.first.ids, found.second.ids]
    for number in np.unique(numbers):
        at = np.flatnonzero(numbers == number)
        first, second = _ids(found._meetings[getattr(found._pairs[number], end)], ids)
        mine[at], theirs[at] = first[places[at]], second[places[at]]
    return np.where(pd.isna(mine), theirs, mine), theirs


def layers(found: Comparison) -> pd.DataFrame:
    """See :attr:`Comparison.layers`."""
    rows = []
    for pair, sums in zip(found._pairs, found._sums, strict=True):
        first, second, apart, dot = sums.squares
        meeting = found._meetings[pair.target]
        sizes = [layer.size if layer else 0 for layer in (meeting.first, meeting.second)]
        rows.append(
            {
                "source": pair.source,
                "target": pair.target,
                "kind": pair.kind,
                "edges": sums.edges,
                "other_edges": sums.others,
                "added": sums.added,
                "removed": sums.removed,
                "changed": sums.changed,
                "same": sums.shared - sums.changed,
                "distance": np.sqrt(apart / first) if first else (np.inf if second else 0.0),
                "cosine": dot / np.sqrt(first) / np.sqrt(second) if first and second else np.nan,
                "jaccard": _share(sums.shared, sums.edges + sums.others - sums.shared),
                "matched": _share(meeting.matched, max(sizes)),
            }
        )
    names = ["source", "target", "kind", "edges", "other_edges", *STATUSES, "distance", "cosine", "jaccard", "matched"]
    return pd.DataFrame(rows, columns=names)


def overlap(found: Comparison) -> pd.DataFrame:
    """See :attr:`Comparison.overlap`."""
    of_vertices = [
        (name, meeting.matched, *(layer.size if layer else 0 for layer in (meeting.first, meeting.second)))
        for name, meeting in found._meetings.items()
    ]
    of_edges = [
        (f"{pair.source} -> {pair.target}", sums.shared, sums.edges, sums.others)
        for pair, sums in zip(found._pairs, found._sums, strict=True)
    ]
    rows = []
    for what, parts in (("vertices", of_vertices), ("edges", of_edges)):
        counts = pd.DataFrame(parts, columns=["where", "shared", "first", "second"]).drop(columns="where").sum()
        whole = ("all", *(int(count) for count in counts))
        for where, shared, first, second in (whole, *parts):
            rows.append(
                {
                    "what": what,
                    "where": where,
                    "shared": shared,
                    "first": first,
                    "second": second,
                    "jaccard": _share(shared, first + second - shared),
                    "precision": _share(shared, second),
                    "recall": _share(shared, first),
                }
            )
    return pd.DataFrame(rows)


def _share(part: float, whole: float) -> float:
    """NaN of nothing."""
    return part / whole if whole else float("nan")


def graph(found: Comparison) -> Graph:
    """See :meth:`Comparison.graph`."""
    column = found.settings["weight"]
    blocks = []
    for pair in found._pairs:
        ends = found._meetings[pair.target], found._meetings[pair.source]
        if ends[0].first is None or ends[1].first is None:
            continue
        blocks.append(_united(pair, found, (len(ends[0].to), len(ends[1].to)), column))
    change = np.zeros(found.first.n)
    for name, gap in bias_gaps(found).items():
        meeting = found._meetings[name]
        if meeting.first is not None:
            change[meeting.first.vertices] = (_totals(found, meeting)[1] + gap)[: len(meeting.to)]
    united = replace(found.first, blocks=tuple(blocks), origin=None).with_columns(change=change)
    return united.with_meta(compared={"match": found.settings["match"], "weight": column})


def _united(pair: Pair, found: Comparison, shape: tuple[int, int], column: str) -> Block:
    parts: list[list[Array]] = []
    weights = pieces(pair, found._meetings, "weight")
    for piece, weight in zip(pieces(pair, found._meetings, column), weights, strict=True):
        inside = (piece.target < shape[0]) & (piece.source < shape[1])
        both = np.where(weight.here, weight.one, weight.two)
        parts.append([x[inside] for x in (piece.target, piece.source, both, piece.two - piece.one, piece.two)])
    columns = [np.concatenate(some) for some in zip(*parts, strict=True)] or [np.zeros(0, dtype=np.int64)] * 2 + [
        np.zeros(0)
    ] * 3
    block = pair.first or pair.second
    assert block is not None
    kind = ops.LAYOUTS["dense" if isinstance(block.weight, np.ndarray) else "sparse"]
    target, source, *values = columns
    made = [kind.assemble(shape, target, source, value.astype(block.operator(column).dtype)) for value in values]
    return Block(pair.source, pair.target, pair.kind, made[0], {"change": made[1], "other_weight": made[2]})
