"""Paths as a table that says below itself how much of everything it holds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.path_search import Found
from netgraph.graph.graph import Graph


class PathTable(pd.DataFrame):
    """A DataFrame of paths; printed, a line below it tells what share of all paths it holds, and how these cancel.

    What pandas makes of it (a part, a sorted copy) is a plain DataFrame.
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    @property
    def summary(self) -> str:
        """The line below the table."""
        return footer(self.attrs, len(self))

    def __repr__(self) -> str:
        return f"{super().__repr__()}\n{self.summary}"

    def _repr_html_(self) -> str:
        drawn = pd.DataFrame(self)._repr_html_()  # type: ignore[operator]
        return f"{drawn}<p>{escape(self.summary)}</p>"


def table(graph: Graph, found: Sequence[Found], whole: float | None) -> PathTable:
    """Rank, value, share and vertices of paths, best first; no shares where there is no whole."""
    numbers = np.fromiter(itertools.chain.from_iterable(path for _, path in found), dtype=np.int64)
    ids, at, vertices = graph.ids[numbers].tolist(), 0, np.empty(len(found), dtype=object)
    for i, (_, path) in enumerate(found):
        vertices[i] = tuple(ids[at : at + len(path)])
        at += len(path)
    values = np.fromiter((value for value, _ in found), dtype=np.float64, count=len(found))
    columns: dict[str, Any] = {"rank": np.arange(1, len(found) + 1), "value": values}
    if whole is not None:
        columns["share"] = values / whole if whole else np.full(len(found), np.nan)
    return PathTable(columns | {"vertices": vertices}, copy=False)


def footer(told: Mapping[Any, Any], listed: int) -> str:
    """What a table of paths holds, in a line.

    >>> footer({"paths": 6, "coverage_abs": 0.5, "coverage": -0.25, "cancellation": 3.0}, 2)
    '2 of 6 paths: 50.00% of Σ|path|, -25.00% of Σ path; Σ|path| is 3 times |Σ path|'
    """
    parts = []
    for name, what in (("coverage_abs", "Σ|path|"), ("coverage", "Σ path")):
        share = told.get(name, math.nan)
        if math.isfinite(share):
            parts.append(f"{share:.2%} of {what}")
    whole = told.get("paths", 0)
    number = f"{whole:,}" if isinstance(whole, int) else f"{whole:.3g}"
    said = f"{listed:,} of {number} paths"
    if parts:
        said += ": " + ", ".join(parts)
    ratio = told.get("cancellation", math.nan)
    if math.isfinite(ratio):
        said += f"; Σ|path| is {ratio:.3g} times |Σ path|"
    elif ratio == math.inf:
        said += "; Σ path is 0: all of it cancels"
    if math.isfinite(told.get("circuit_share", math.nan)):
        said += f"; all paths in the circuit hold {told['circuit_share']:.2%} of the target's value"
    return said
