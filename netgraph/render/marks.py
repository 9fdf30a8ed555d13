"""How a vertex looks: a colour and shape from one column, a size from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.errors import RenderError, unknown
from netgraph.render.edges import strength
from netgraph.render.encode import text

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]

PALETTE = {
    "dark": ("#9d5feb", "#3f965f", "#ff5ea7", "#ffd226", "#d2f8c3", "#7e5905"),
    "light": ("#8f63ff", "#14a066", "#b47fb6", "#934d00", "#033c1f", "#5e1e77"),
}
"""Class colours that stay apart for colour-blind eyes (protan, deutan, tritan), from each other and from the two
colours of the edges, with a contrast of at least 3 on their background. The k-th of one theme stands for the k-th of
the other."""

SHAPES = {"dot": 1.0, "square": 0.886, "diamond": 1.253, "triangle": 1.17, "hexagon": 1.1, "triangleDown": 1.17}
"""When the colours are used up they begin again with the next shape: its name in vis-network, and the factor on the
radius that gives it a disc's area."""

CLASSES = len(PALETTE["dark"]) * len(SHAPES)
"""So many classes can be told apart; the vertices of the smallest ones beyond stay grey."""

OTHER = -1


@dataclass(frozen=True)
class Colours:
    """What the vertices' colours mean: classes (one colour and shape each) or a scale (from -limit to +limit).

    Attributes
    ----------
    title : name of the column.
    names : names of the classes, most important first; empty for a scale.
    mark : class numbers, int64, shape (n,), ``OTHER`` for none; for a scale values in -1 … 1, float64, NaN for none.
    limit : for a scale the value that ±1 stands for; 0 for classes.
    """

    title: str
    names: tuple[str, ...]
    mark: Array
    limit: float = 0.0

    @property
    def signed(self) -> bool:
        """Whether a scale has a negative side."""
        return not self.names and bool((self.mark < 0).any())

    def shape(self, vertex: int) -> str:
        """The vertex's shape; a disc on a scale and outside all classes."""
        number = int(self.mark[vertex]) if self.names else OTHER
        return "dot" if number == OTHER else list(SHAPES)[number // len(PALETTE["dark"])]


@dataclass(frozen=True)
class Sizes:
    """What the vertices' areas mean: ``part`` is |value| / limit, in 0 … 1, shape (n,)."""

    title: str
    part: Array
    limit: float


def colours(graph: Graph, column: str) -> Colours:
    """Classes from a column of labels, a scale from a column of numbers; without a ``module`` column, the layers."""
    if column == "module" and "module" not in graph.columns:
        column = "layer"
    if column == "layer":
        number = np.repeat(np.arange(len(graph.layers)), [layer.size for layer in graph.layers])
        return _classes("layer", number, [layer.name for layer in graph.layers])
    if column not in graph.columns:
        raise unknown("vertex column", column, ["layer", *graph.columns])
    values = np.asarray(graph.columns[column])
    if values.dtype.kind == "f" and column != "module":
        return _scale(column, values)
    return _labels(column, values)


def sizes(graph: Graph, column: str | None, edge_column: str) -> Sizes:
    """Areas from a vertex column; by default ``pagerank`` where the graph has it, else the strength of the edges."""
    if column is None:
        column = "pagerank" if "pagerank" in graph.columns else "strength"
    if column in graph.columns:
        values = np.asarray(graph.columns[column])
        if values.dtype.kind not in "fiub":
            raise RenderError(
                f"size={column!r}: the column holds {values.dtype} and not numbers; choose a numeric column"
            )
    elif column == "strength":
        values = strength(graph, edge_column)
    else:
        raise unknown("vertex column", column, ["strength", *graph.columns])
    size = np.nan_to_num(np.abs(values.astype(np.float64)), nan=0.0, posinf=0.0)
    limit = float(size.max(initial=0.0))
    return Sizes(column, size / limit if limit else np.zeros(graph.n), limit)


def _labels(column: str, values: Array) -> Colours:
    """Classes from a column; missing labels (NaN, None, negative module numbers) belong to none."""
    if values.dtype.kind in "fiub":
        number = np.nan_to_num(values.astype(np.float64), nan=-1.0)
        missing = number < 0 if column == "module" else np.isnan(values.astype(np.float64))
        known, index = np.unique(number, return_inverse=True)
        names = [f"{column} {int(k) if k.is_integer() else k}" for k in known.tolist()]
    else:
        words = np.array([text("" if v is None or v != v else v) for v in values.tolist()], dtype=object)
        missing = words == ""
        known, index = np.unique(words.astype(str), return_inverse=True)
        names = [str(k) for k in known.tolist()]
    return _classes(column, np.where(missing, OTHER, index.reshape(-1)), names)


def _classes(title: str, number: Array, names: list[str]) -> Colours:
    """The classes that have vertices, in order; of more than can be told apart, the largest."""
    count = np.bincount(number[number >= 0], minlength=len(names))
    kept = np.sort(np.argsort(-count, kind="stable")[: min(CLASSES, int(np.count_nonzero(count)))])
    place = np.full(len(names) + 1, OTHER)
    place[kept] = np.arange(len(kept))  # place[OTHER], the last entry, stays OTHER
    return Colours(title, tuple(names[k] for k in kept), place[number])


def _scale(title: str, values: Array) -> Colours:
    values = values.astype(np.float64)
    finite = np.where(np.isfinite(values), values, np.nan)
    limit = float(np.nanmax(np.abs(finite))) if np.isfinite(finite).any() else 0.0
    return Colours(title, (), finite / limit if limit else np.nan_to_num(finite), limit or 1.0)
