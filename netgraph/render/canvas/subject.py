"""What is drawn: a graph, or something that has one. Known by what it can do, so that no other room is imported."""

from __future__ import annotations

from typing import Any

from netgraph.errors import RenderError
from netgraph.graph.graph import Graph

UNITS = 100_000
"""A network of so many units is never drawn by units of itself."""


def subject(drawn: Any, network: Any = None) -> tuple[Graph, Any]:
    """(the graph, the network behind it or None).

    Parameters
    ----------
    drawn : a Graph; a Circuit (its ``graph``); Modules (their ``graph()``); a Network (the graph of its weights).
    network : the network, where the caller names one.

    Raises
    ------
    RenderError : something without a graph.
    """
    if isinstance(drawn, Graph):
        return drawn, network if network is not None else drawn.origin
    if is_network(drawn):
        return drawn.graph(granularity=_granularity(drawn)), drawn if network is None else network
    inside = getattr(drawn, "graph", None)
    graph = inside() if callable(inside) and not isinstance(drawn, type) else inside
    if not isinstance(graph, Graph):
        raise RenderError(
            f"render draws a netgraph Graph, or a Network, Circuit or Modules, which have one; got "
            f"{type(drawn).__name__}"
        )
    return graph, network if network is not None else graph.origin


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


def _granularity(network: Any) -> str:
    """Units where they are all there is; channels where units would be many for each."""
    channels = network.size("channel")
    if channels.vertices > UNITS:
        return "channel"
    return "unit" if network.size("unit").vertices == channels.vertices else "channel"
