"""Graph -> one offline HTML page. The public door; each backend is a row."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from netgraph.errors import RenderError, unknown
from netgraph.render.view import View as View

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph

BACKENDS = {"pyvis": "netgraph.render.pyvis"}
"""Name of a backend -> the file whose ``draw(graph, request)`` makes the page."""

THEMES = ("auto", "dark", "light")


@dataclass(frozen=True)
class Request:
    """What a caller asked for, checked; the same for every backend."""

    top: int
    weight: str | None
    color: str
    size: str | None
    theme: str
    title: str | None
    labels: Mapping[str, object] | Sequence[object] | None


def render(
    graph: Graph,
    path: str | os.PathLike[str] | None = None,
    backend: str = "pyvis",
    top: int = 2000,
    weight: str | None = None,
    color: str = "module",
    size: str | None = None,
    theme: str = "auto",
    title: str | None = None,
    labels: Mapping[str, object] | Sequence[object] | None = None,
) -> View:
    """Draw a graph as one HTML page that works offline and makes no request of any kind.

    Vertices stand at the layered layout. Up to ``top`` edges all are drawn; of more, the strongest, and the page says
    which share of Σ|weight| they hold. Its legend explains every colour, width and area.

    Parameters
    ----------
    graph : what to draw.
    path : file to write; None keeps the page in memory (``View.save`` writes it later).
    backend : ``"pyvis"``.
    top : the largest number of edges to draw, strongest first by |weight|; equals in the graph's own order.
    weight : edge column that chooses, colours (by sign) and widens the edges. Default: ``attribution`` if the graph has
        it, else ``weight``. Norms of kernels that carry ``tap_sum`` take their sign from it.
    color : vertex column for the colours: labels, whole numbers, or a float column as a scale; ``"layer"``. Without a
        ``module`` column the default is the layers.
    size : vertex column for the areas, by |value|. Default: ``pagerank`` if the graph has it, else ``"strength"``,
        the Σ|weight| of a vertex's edges.
    theme : ``"auto"`` (what the reader's system wishes), ``"dark"`` or ``"light"``.
    title : heading of the page; default ``graph.meta["name"]``, or the layers' sizes.
    labels : texts for vertices: a dict by vertex id, a sequence with one for each vertex, or one for each vertex of the
        last layer (class names).

    Returns
    -------
    View : ``.html``, ``.save(path)``, ``.png(path)``; shows itself in notebooks.

    Raises
    ------
    RenderError : no graph, a bad ``top``, ``theme`` or ``labels``, NaN among the edges, a path that can't be written.
    UnknownName : a backend, column or vertex that does not exist; the message names the nearest one.

    Examples
    --------
    >>> import netgraph as ng
    >>> graph = ng.Graph.from_matrices([[[1.0, -2.0], [0.5, 3.0]], [[1.0, 1.0]]])
    >>> view = ng.render(graph, top=4, title="two layers")
    >>> view.vertices, view.edges, view.total_edges, round(view.share, 3)
    (5, 4, 6, 0.824)
    """
    from netgraph.graph.graph import Graph

    _check_graph(graph, Graph)
    if backend not in BACKENDS:
        raise unknown("backend", backend, BACKENDS)
    if theme not in THEMES:
        raise unknown("theme", theme, THEMES)
    if isinstance(top, bool) or int(top) != top or top < 1:
        raise RenderError(f"top={top!r}: expected a whole number of edges, 1 or more")
    if isinstance(labels, str):
        raise RenderError("labels: got one text; expected a dict by vertex id, or a sequence of texts")
    draw: Callable[[Graph, Request], View] = import_module(BACKENDS[backend]).draw
    view = draw(graph, Request(int(top), weight, color, size, theme, title, labels))
    if path is not None:
        view.save(path)
    return view


def _check_graph(given: Any, kind: type) -> None:
    if not isinstance(given, kind):
        inside = getattr(given, "graph", None)
        hint = "; pass its .graph" if isinstance(inside, kind) else "; pass its .graph()" if callable(inside) else ""
        raise RenderError(f"render draws a netgraph Graph, got {type(given).__name__}{hint}")
