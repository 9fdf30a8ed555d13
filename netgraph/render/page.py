"""Graph -> one offline HTML page. The public door; each backend is a row."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from netgraph.errors import RenderError, unknown
from netgraph.render.view import View as View

BACKENDS = {"canvas": "netgraph.render.canvas.page", "pyvis": "netgraph.render.pyvis"}
"""Name of a backend -> the file whose ``draw(graph, request, network)`` makes the page."""

THEMES = ("auto", "dark", "light")
LIMIT = 40
"""So many inputs a page has room for in its strip."""


@dataclass(frozen=True)
class Request:
    """What a caller asked for, checked; the same for every backend."""

    top: int | None
    weight: str | None
    color: str
    size: str | None
    theme: str
    title: str | None
    labels: Mapping[str, object] | Sequence[object] | None
    inputs: Any = None
    truth: Any = None
    classes: Sequence[object] | None = None
    samples: int = LIMIT
    target: int | None = None
    modules: bool = False


def render(
    drawn: Any,
    path: str | os.PathLike[str] | None = None,
    backend: str = "canvas",
    top: int | None = None,
    weight: str | None = None,
    color: str = "module",
    size: str | None = None,
    theme: str = "auto",
    title: str | None = None,
    labels: Mapping[str, object] | Sequence[object] | None = None,
    *,
    inputs: Any = None,
    truth: Any = None,
    classes: Sequence[object] | None = None,
    network: Any = None,
    samples: int = LIMIT,
) -> View:
    """Draw a graph as one HTML page that works offline and makes no request of any kind.

    The page shows the weights; with ``inputs`` also what each of them does: its contributions, and the circuit of any
    class, the attribution of that output to every edge and vertex. Its legend explains every colour, and its about box
    says where the graph came from.

    At unit granularity, where every weight is fixed once an input is, the page gets the gates of each input and
    computes flows, paths and gradients for any class itself; where the activation functions are known it runs the
    network again without the vertices that a reader takes out. Elsewhere (channels, whose flows are sums over
    positions) it gets finished flows: for each class where there are up to 12 and room for them, else for the predicted
    and the true one.

    Parameters
    ----------
    drawn : a Graph, a Circuit, Modules (the graph that they divide, opened as bars and ribbons; their own ``graph()``
        where it has more than three million edges), or a Network (its weights: by units where those are its channels,
        too, else by channels).
    path : file to write; None keeps the page in memory (``View.save`` writes it later).
    backend : ``"canvas"``; or ``"pyvis"``, for small graphs: it draws vertices as shapes whose area and colour are
        columns, and takes no inputs.
    top : how many edges are drawn crisply at first, the strongest; None lets the page choose. The pyvis page has no
        others: 2000 by default.
    weight : edge column that the weights view shows; default ``weight`` (of kernels coloured by the sign of
        ``tap_sum``). pyvis: ``attribution`` where the graph has it.
    color : vertex column for the colours: whole numbers or texts, or ``"layer"``; pyvis takes floats as a scale.
    size : pyvis alone: vertex column for the areas, by |value|. Default: ``pagerank`` if the graph has it, else
        ``"strength"``, the Σ|weight| of a vertex's edges.
    theme : ``"auto"`` (what the reader's system wishes), ``"dark"`` or ``"light"``.
    title : heading of the page; default ``graph.meta["name"]``, or the layers' sizes.
    labels : texts for vertices: a dict by vertex id, a sequence with one for each vertex, or one for each vertex of the
        last layer (class names).
    inputs : (N, …) array or tensor, or in the form of the network's example (a tuple or dict of them). A graph that is
        that of an input already, ``net.graph(inputs=x, target=c)``, needs none.
    truth : (N,) class numbers that the inputs are labelled with: mistakes are marked.
    classes : names of the outputs, which then are shown as probabilities (softmax).
    network : the traced network behind the graph, for ``inputs``. By default the one that the graph was made from; a
        plain graph of dense or sparse weights, whose activation functions have no parameters, needs none.
    samples : so many of the inputs are shown, the first ones; up to 40.

    Returns
    -------
    View : ``.html``, ``.save(path)``, ``.png(path)``; shows itself in notebooks.

    Raises
    ------
    RenderError : nothing with a graph, a bad ``top``, ``theme``, ``labels``, ``truth`` or ``classes``, NaN among the
        edges, inputs and no network, a path that can't be written.
    UnknownName : a backend, column or vertex that does not exist; the message names the nearest one.
    InputError : inputs that do not fit the network.

    Notes
    -----
    A graph with a ``module`` column opens coloured by it (in the colours of GEXF files). "modules" draws a module as a
    bar a layer, as high as it has vertices there, and ribbons as wide as the share of Σ|weight| between two of them.

    Weights are float16 times a power of two a block: relative errors of at most 2**-11. Of a graph of more than three
    million edges the page holds the strongest of each block, and the sums of the others.

    Examples
    --------
    >>> import netgraph as ng
    >>> graph = ng.Graph.from_matrices([[[1.0, -2.0], [0.5, 3.0]], [[1.0, 1.0]]])
    >>> view = ng.render(graph, inputs=[[1.0, 0.5], [0.0, 2.0]], title="two layers")
    >>> view.vertices, view.edges, view.total_edges, view.share
    (5, 6, 6, 1.0)
    """
    from netgraph.render.canvas.subject import checked_network, subject

    graph, behind, target, own_weight, modules = subject(drawn, checked_network(network))
    if backend not in BACKENDS:
        raise unknown("backend", backend, BACKENDS)
    if theme not in THEMES:
        raise unknown("theme", theme, THEMES)
    _whole("top", top, "a whole number of edges, 1 or more")
    _whole("samples", samples, f"a whole number of inputs, 1 to {LIMIT}", LIMIT)
    for name, texts in (("labels", labels), ("classes", classes)):
        if isinstance(texts, str):
            raise RenderError(f"{name}: got one text; expected {_TEXTS[name]}")
    if backend != "canvas" and any(given is not None for given in (inputs, truth, classes)):
        raise RenderError(
            f"backend={backend!r} shows one graph and no inputs: pass net.graph(inputs=x, target=c), or leave backend= "
            'for the page that takes inputs=, truth= and classes= (backend="canvas")'
        )
    request = Request(
        None if top is None else int(top),
        own_weight if weight is None else weight,
        color,
        size,
        theme,
        title,
        labels,
        inputs,
        truth,
        classes,
        samples,
        target,
        modules,
    )
    draw: Callable[[Any, Request, Any], View] = import_module(BACKENDS[backend]).draw
    view = draw(graph, request, behind)
    if path is not None:
        view.save(path)
    return view


_TEXTS = {
    "labels": "a dict by vertex id, or a sequence of texts",
    "classes": "a sequence of texts, one for each output",
}


def _whole(name: str, number: Any, expected: str, most: int | None = None) -> None:
    if number is None:
        return
    plain = isinstance(number, (int, float)) or hasattr(number, "__index__")
    if isinstance(number, bool) or not plain or int(number) != number or number < 1 or (most and number > most):
        raise RenderError(f"{name}={number!r}: expected {expected}")
