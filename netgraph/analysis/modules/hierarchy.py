"""Modules at every size: one division for each resolution, and which of them are more than a matter of resolution."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.modules.agreement import adjusted_mutual_information
from netgraph.analysis.modules.find import modules
from netgraph.analysis.modules.methods import METHODS
from netgraph.analysis.modules.quality import NULLS, check_resolution, modularity
from netgraph.analysis.modules.result import NO_MODULE
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.graph import Graph

RESOLUTIONS = tuple(float(value) for value in np.geomspace(0.5, 2.0, 9).round(6))
SAME = 0.9
"""Adjusted mutual information from which two neighbouring levels are one plateau."""


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Divisions of one graph at several resolutions.

    Attributes
    ----------
    table : one row a level, by ``resolution``: ``modules`` (their number), ``quality`` (at that resolution),
        ``modularity`` (at resolution 1), ``stability`` (of its runs), ``nestedness`` (adjusted mutual information with
        the level before; NaN for the first), ``plateau`` (levels of one number are one division: nestedness from .9).
    labels : the module of every vertex, a row a vertex id, a column a resolution; -1 at vertices without edges.
    plateaus : one row a plateau: ``lowest``, ``highest`` (resolutions), ``levels``, ``modules``, ``stability``
        (means over its levels). Structure that holds over a wide range of resolutions is no accident of one.
    settings : method, weight, seed, runs, layer_mass.
    """

    table: pd.DataFrame
    labels: pd.DataFrame
    plateaus: pd.DataFrame
    settings: dict[str, Any] = field(repr=False)

    def __len__(self) -> int:
        """Number of levels."""
        return len(self.table)

    def __repr__(self) -> str:
        return f"<{len(self)} levels, {len(self.plateaus)} plateaus>\n{self.table.to_string(max_rows=20)}"


def hierarchy(
    graph: Graph,
    resolutions: Iterable[float] = RESOLUTIONS,
    method: str = "layered",
    weight: str = "weight",
    seed: int = 0,
    runs: int = 5,
    layer_mass: str = "equal",
) -> Hierarchy:
    """The modules at every resolution, the coarsest first: how many, how stable, and how alike neighbouring levels are.

    Parameters
    ----------
    graph : any graph with at least one edge.
    resolutions : values of γ, sorted here; by default nine from .5 to 2. Above 1 modules are smaller.
    method : a method of :func:`modules` that has a resolution: "layered", "leiden" or "louvain".
    weight, seed, runs, layer_mass : of :func:`modules`, at every level.

    Raises
    ------
    UnknownName : an unknown method, layer_mass or edge column.
    AnalysisError : no resolution; a negative one; a method without; no edges; NaN weights; runs below 1.

    References
    ----------
    J. Reichardt, S. Bornholdt (2006), Statistical mechanics of community detection. R. Lambiotte, J.-C. Delvenne,
    M. Barahona (2014), Random walks, Markov processes and the multiscale modular organization of complex networks.

    Examples
    --------
    >>> import numpy as np, netgraph as ng
    >>> block = np.kron(np.eye(4), np.ones((2, 2))) + 0.3 * np.kron(np.eye(2), np.ones((4, 4)))
    >>> levels = ng.hierarchy(ng.Graph.from_matrices([block, block]), resolutions=(0.2, 1.0))
    >>> levels.table["modules"].tolist(), levels.table["stability"].tolist()
    ([2, 4], [1.0, 1.0])
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if METHODS[method].null not in NULLS:
        known = ", ".join(name for name, row in METHODS.items() if row.null in NULLS)
        raise AnalysisError(f'method="{method}" has no resolution; a hierarchy takes one of: {known}')
    values = sorted({check_resolution(value) for value in resolutions})
    if not values:
        raise AnalysisError("resolutions is empty; a hierarchy needs at least one, such as (0.5, 1, 2)")
    found = [modules(graph, method, weight, seed, runs, layer_mass, value) for value in values]
    columns = [level.labels.to_numpy() for level in found]
    alive = columns[0] != NO_MODULE
    nested = [
        float("nan"),
        *(adjusted_mutual_information(a[alive], b[alive]) for a, b in pairwise(columns)),
    ]
    null = METHODS[method].null
    table = pd.DataFrame(
        {
            "modules": [len(level) for level in found],
            "quality": [level.quality for level in found],
            "modularity": [modularity(graph, codes, null, layer_mass, weight) for codes in columns],
            "stability": [level.stability for level in found],
            "nestedness": nested,
            "plateau": np.cumsum([not value >= SAME for value in nested]) - 1,
        },
        index=pd.Index(values, name="resolution"),
    )
    labels = pd.DataFrame(dict(zip(values, columns, strict=True)), index=found[0].labels.index)
    labels.columns.name = "resolution"
    settings = {"method": method, "weight": weight, "seed": seed, "runs": runs, "layer_mass": layer_mass}
    return Hierarchy(table, labels, _plateaus(table), settings)


def _plateaus(table: pd.DataFrame) -> pd.DataFrame:
    """One row a run of levels that are one division."""
    grouped = table.reset_index().groupby("plateau")
    return pd.DataFrame(
        {
            "lowest": grouped["resolution"].min(),
            "highest": grouped["resolution"].max(),
            "levels": grouped.size(),
            "modules": grouped["modules"].mean(),
            "stability": grouped["stability"].mean(),
        }
    )
