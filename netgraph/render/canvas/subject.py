"""What is drawn: a graph, or something that has one. Known by what it can do, so that no other room is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from netgraph.errors import RenderError
from netgraph.graph.graph import Graph
from netgraph.render import wording
from netgraph.render.canvas.stored import WHOLE

UNITS = 100_000
"""A network of so many units is never drawn by units of itself."""


class Subject(NamedTuple):
    """The graph, the network behind it or None, and the class number that a circuit is for, if any.

    ``modules``: Modules are what is drawn; ``weight`` is the edge column that they were found by.
    """

    graph: Graph
    network: Any
    target: int | None = None
    weight: str | None = None
    modules: bool = False


def subject(drawn: Any, network: Any = None) -> Subject:
    """The graph of what is drawn, and what belongs to it.

    Parameters
    ----------
    drawn : a Graph; a Circuit (its ``graph``); Modules (the graph that they divide); a Network (the graph of its
        weights).
    network : the network, where the caller names one.

    Raises
    ------
    RenderError : something without a graph.
    """
    if isinstance(drawn, Graph):
        return Subject(drawn, network if network is not None else drawn.origin)
    if is_network(drawn):
        return Subject(drawn.graph(granularity=_granularity(drawn)), drawn if network is None else network)
    if _is_modules(drawn):
        return _modules(drawn, network)
    inside = getattr(drawn, "graph", None)
    graph = inside() if callable(inside) and not isinstance(drawn, type) else inside
    if not isinstance(graph, Graph):
        raise RenderError(
            f"render draws a netgraph Graph, or a Network, Circuit or Modules, which have one; got "
            f"{type(drawn).__name__}"
        )
    told = getattr(drawn, "provenance", None)
    behind = network if network is not None else graph.origin
    if isinstance(told, Mapping):  # a circuit's evidence stands beside where its graph came from
        graph = replace(graph, meta={**told, **graph.meta})
    return Subject(graph, behind, _target(drawn))


def is_network(thing: Any) -> bool:
    """Whether it can make graphs of inputs."""
    return all(callable(getattr(thing, name, None)) for name in ("graph", "outputs", "activations", "size"))


def checked_network(network: Any) -> Any:
    """The network that a caller named.

    Raises
    ------
    RenderError : it is none.
    """
    if network is not None and not is_network(network):
        raise RenderError(
            f"network: expected a traced network, got {type(network).__name__}; netgraph.trace(model, shape) makes one"
        )
    return network


def _is_modules(thing: Any) -> bool:
    return not isinstance(thing, type) and all(hasattr(thing, name) for name in ("labels", "source", "stability"))


def _modules(found: Any, network: Any) -> Subject:
    """The graph that was divided, with the modules as a column; of more edges than a page holds, their own graph."""
    graph: Graph = found.source.with_columns(module=np.asarray(found.labels))
    if len(graph.edges) > WHOLE:
        graph = found.graph()
    behind = network if network is not None else graph.origin
    graph = replace(graph, meta={**wording.modules(found), **{k: v for k, v in graph.meta.items() if k != "modules"}})
    return Subject(graph, behind, None, found.settings.get("weight"), True)


def _target(circuit: Any) -> int | None:
    """The class that a circuit was found for: 3, or ("logit", 3)."""
    settings = getattr(circuit, "settings", None)
    target = settings.get("target") if isinstance(settings, Mapping) else None
    if isinstance(target, tuple) and len(target) == 2 and isinstance(target[0], str):
        target = target[1]
    return int(target) if isinstance(target, (int, np.integer)) and not isinstance(target, bool) else None


def _granularity(network: Any) -> str:
    """Units where they are all there is; channels where units would be many for each."""
    channels = network.size("channel")
    if channels.vertices > UNITS:
        return "channel"
    return "unit" if network.size("unit").vertices == channels.vertices else "channel"
