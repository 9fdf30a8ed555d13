"""Profiles: which columns a table has, and what they are called. A profile is a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.errors import unknown
from netgraph.graph.tables import value_columns

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]

QUANTITIES = ("source", "target", "weight", "abs_weight", "sign", "kind")
"""What the columns of an edge may hold: the ids of its ends, w, |w|, -1 or 1, the block's kind."""

OF_WEIGHT: dict[str, Callable[[Array], Array]] = {
    "weight": lambda weight: weight,
    "abs_weight": np.abs,
    "sign": lambda weight: np.sign(weight).astype(np.int8),
}
"""Those of them that follow from the weight, and how."""


@dataclass(frozen=True)
class Profile:
    """The columns of a pair of tables.

    Attributes
    ----------
    name : as in ``write_graph(…, profile=name)``.
    made_for : whom it suits, in a few words.
    edges : name of a column -> what it holds (of ``QUANTITIES``), in order; the values follow under their own names.
    vertices : those of the columns that every graph has which are written (the id first, always); None: all. The
        columns of the graph's own (bias, results …) are always written.
    filled : name of a value -> the quantity that says the same in blocks without it. (A kernel of one tap is its sum.)
    types_by : the reader takes a column for text that is empty in so many first rows; 0: it does not.
    """

    name: str
    made_for: str
    edges: Mapping[str, str]
    vertices: tuple[str, ...] | None = None
    filled: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    types_by: int = 0

    def column_of(self, quantity: str) -> str:
        """The column that holds a quantity."""
        return next(column for column, held in self.edges.items() if held == quantity)

    @property
    def ends(self) -> tuple[str, str]:
        """What the ends of an edge are called."""
        return self.column_of("source"), self.column_of("target")

    def edge_columns(self, graph: Graph) -> list[str]:
        """Columns of the edge table, the values' included."""
        return [*self.edges, *value_columns(graph)]

    def vertex_columns(self, graph: Graph, columns: list[str]) -> list[str]:
        """Those of the vertex table's columns that are written."""
        if self.vertices is None:
            return columns
        return [name for name in columns if name in self.vertices or name in graph.columns or name == "id"]


def _profile(name: str, made_for: str, edges: dict[str, str], **more: Any) -> Profile:
    return Profile(name, made_for, MappingProxyType(edges), **more)


PROFILES: dict[str, Profile] = {
    row.name: row
    for row in (
        _profile(
            "default",
            "R, pandas, networkx, igraph",
            {name: name for name in ("source", "target", "weight", "abs_weight", "kind")},
        ),
        _profile(
            "gephi",
            "Gephi, which has no use for weights below 0: the size is the weight, the sign stands beside it",
            {
                "source": "source",
                "target": "target",
                "weight": "abs_weight",
                "signed_weight": "weight",
                "sign": "sign",
                "kind": "kind",
            },
            filled=MappingProxyType({"tap_sum": "weight"}),
            types_by=25,
        ),
        _profile(
            "starter",
            "a first look: as few columns as there can be",
            {"from_id": "source", "to_id": "target", "weight": "weight"},
            vertices=("id", "label", "layer"),
        ),
    )
}
"""Name -> its columns."""


def profile_named(name: str) -> Profile:
    """The row of that name.

    Raises
    ------
    UnknownName : there is none, with the nearest one.

    >>> list(profile_named("starter").edges)
    ['from_id', 'to_id', 'weight']
    """
    if name not in PROFILES:
        raise unknown("profile", name, PROFILES)
    return PROFILES[name]
