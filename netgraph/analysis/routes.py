"""Exact shares of routes of channels: the frozen network between units, kept to the channels of each route.

Between channels no product of edges is a route's share. It is the sum of the exact shares of all paths of units that
pass through the route's channels and no others: a run of the frozen network in which everything else is masked. That
run is played backwards from the target through the blocks between units, so routes that end alike share its steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from netgraph.analysis.path_search import Found
from netgraph.errors import AnalysisError
from netgraph.graph import blocks as ops
from netgraph.graph.convolution import Convolution
from netgraph.graph.graph import Block, Graph, Layer

Vector = npt.NDArray[np.float64]
Pulled = dict[str, Vector]
"""Layer of units -> what a target gains per unit of its pre-activation, through what lies behind it."""

_HELD = 20_000_000
"""Listed edges that are kept for the next route."""
_NEAR = 1e-3
"""Largest difference of two means of one activation, beside the layer's largest, in single precision."""


@dataclass
class Units:
    """The units behind a graph of channels, at one input.

    Attributes
    ----------
    graph : by units, with ``gated_weight`` on its edges.
    coarse : the graph of channels.
    layers : layer of channels -> its layer of units.
    channel : layer of units -> (size,) the number, in the graph of channels, of each unit's channel.
    """

    graph: Graph
    coarse: Graph
    layers: dict[str, Layer]
    channel: dict[str, npt.NDArray[np.int64]]
    _slabs: dict[tuple[int, int], Any] = field(default_factory=dict)
    _size: int = 0

    @property
    def alike(self) -> bool:
        """Every channel is a single unit: a product of edges between units is a path's share."""
        sizes = [layer.size for layer in self.graph.layers]
        return sizes == [layer.size for layer in self.coarse.layers]

    def start(self, begin: npt.NDArray[np.bool_]) -> Pulled:
        """What paths that start at some channels start with: layer of units -> (size,), 0 elsewhere.

        A vertex that edges lead to starts with its z, since its gate is on the edges that leave it.
        """
        out, made = {}, {block.target for block in self.graph.blocks}
        for name, layer in self.layers.items():
            chosen = begin[self.channel[layer.name]]
            if not chosen.any():
                continue
            value = self._inflow(layer) if layer.name in made else self.graph.columns["activation"][layer.vertices]
            out[name] = np.where(chosen, value, 0.0).astype(np.float64)
        return out

    def _inflow(self, layer: Layer) -> Vector:
        total, bias_vertex = np.zeros(layer.size), False
        for block in self.graph.blocks:
            if block.target == layer.name:
                total += ops.row_sums(block.operator("contribution"))
                bias_vertex |= block.kind == "bias"
        return total if bias_vertex else total + self.graph.columns["bias"][layer.vertices]

    def value_of(self, target: int) -> float:
        """z of a channel, summed over its units."""
        layer = self._layer_of(target)
        return float(self._inflow(layer)[self.channel[layer.name] == target].sum())

    def _layer_of(self, vertex: int) -> Layer:
        coarse = next(layer for layer in self.coarse.layers if layer.start <= vertex < layer.stop)
        return self.layers[coarse.name]

    def whole(self, start: Mapping[str, Vector], target: int) -> float:
        """Σ of the shares of all routes from ``start`` to the target."""
        total, pulled = 0.0, {self._layer_of(target).name: self._kept(target, None)}
        by_units = {self.layers[name].name: values for name, values in start.items()}
        for layer in reversed(self.graph.layers):
            y = pulled.pop(layer.name, None)
            if y is not None:
                if layer.name in by_units:
                    total += float(by_units[layer.name] @ y)
                self._pull(layer, y, pulled, None)
        return total

    def inside(self, start: Mapping[str, Vector], target: int, sources: Mapping[int, npt.NDArray[np.int64]]) -> float:
        """Σ of the shares of the routes that take listed edges alone: ``sources`` of each vertex, by number."""
        pulled: Pulled = {}
        total, end = 0.0, self._layer_of(target)
        for coarse in reversed(self.coarse.layers):
            if coarse.name not in self.layers:
                continue
            layer, y = self.layers[coarse.name], pulled.pop(coarse.name, None)
            if layer is end:
                y = self._kept(target, None)
            if y is None:
                continue
            if coarse.name in start and layer is not end:
                total += float(start[coarse.name] @ y)
            channels = self.channel[layer.name]
            for vertex in np.unique(channels[y != 0]).tolist():
                if vertex not in sources:
                    continue
                for name, values in self._behind(vertex, np.where(channels == vertex, y, 0.0)).items():
                    taken = np.where(np.isin(self.channel[self.layers[name].name], sources[vertex]), values, 0.0)
                    pulled[name] = pulled[name] + taken if name in pulled else taken
        return total

    def shares(self, routes: Iterable[tuple[int, ...]], start: Mapping[str, Vector], grouped: bool) -> list[Found]:
        """(share, route) of every route; ``grouped``: routes lack their first vertex, which is summed over."""
        out: list[Found] = []
        stack: list[tuple[int, Pulled]] = []  # what was pulled behind each vertex of the last route, from the target on
        for route in sorted(set(routes), key=lambda r: r[::-1]):
            back, same = route[::-1], 0
            while same < min(len(stack), len(back)) and stack[same][0] == back[same]:
                same += 1
            del stack[same:]
            steps = back if grouped else back[:-1]
            for vertex in steps[same:]:
                y = self._kept(vertex, stack[-1][1] if stack else None)
                stack.append((vertex, self._behind(vertex, y)))
            behind = stack[len(steps) - 1][1]
            if grouped:
                value = sum(float(start[name] @ y) for name, y in behind.items() if name in start)
            else:
                name = next(c.name for c in self.coarse.layers if c.start <= route[0] < c.stop)
                y = self._kept(route[0], behind)
                value = float(start[name] @ y) if name in start else 0.0
            out.append((value, route))
        return out

    def _kept(self, vertex: int, behind: Pulled | None) -> Vector:
        """What was pulled to the units of one channel, 0 at the others; of the target itself, 1."""
        layer = self._layer_of(vertex)
        mine = self.channel[layer.name] == vertex
        if behind is None:
            return np.asarray(mine, dtype=np.float64)
        name = next(coarse for coarse, units in self.layers.items() if units is layer)
        kept: Vector = np.where(mine, behind[name], 0.0) if name in behind else np.zeros(layer.size)
        return kept

    def _behind(self, vertex: int, y: Vector) -> Pulled:
        """One step back from a channel: through layers that stand between units only, up to layers of channels."""
        first = self._layer_of(vertex)
        pulled: Pulled = {first.name: y}
        names = {units.name: coarse for coarse, units in self.layers.items()}
        out: Pulled = {}
        for layer in reversed(self.graph.layers[: self.graph.layers.index(first) + 1]):
            if layer is not first and layer.name in names:
                if layer.name in pulled:
                    out[names[layer.name]] = pulled.pop(layer.name)
            elif layer.name in pulled:
                self._pull(layer, pulled.pop(layer.name), pulled, vertex if layer is first else None)
        return out

    def _pull(self, layer: Layer, y: Vector, pulled: Pulled, vertex: int | None) -> None:
        """Through all blocks into a layer; where only one channel of it counts, through the edges of that one."""
        for number, block in enumerate(self.graph.blocks):
            if block.target == layer.name:
                got = self._product(number, block, y, vertex)
                pulled[block.source] = pulled[block.source] + got if block.source in pulled else got

    def _product(self, number: int, block: Block, y: Vector, vertex: int | None) -> Vector:
        operator = block.operator("gated_weight")
        rows = np.flatnonzero(y)
        if len(rows) == 0:
            return np.zeros(block.shape[1])
        if isinstance(operator, np.ndarray):
            dense = y[rows] @ operator[rows].astype(np.float64)
            return np.asarray(dense)
        if isinstance(operator, Convolution) and vertex is not None:
            if (number, vertex) not in self._slabs:
                self._slabs[number, vertex] = self._slab(block, operator, vertex)
            first, slab = self._slabs[number, vertex]
            listed: Vector = slab.T @ y[first : first + slab.shape[0]]
            return listed
        full: Vector = np.asarray(ops.rmatvec(operator, y), dtype=np.float64)
        return full

    def _slab(self, block: Block, operator: Convolution, vertex: int) -> tuple[int, Any]:
        """The edges into one channel, listed: (its first unit, them)."""
        mine = np.flatnonzero(self.channel[block.target] == vertex)
        first, last = int(mine[0]), int(mine[-1]) + 1
        kind = ops.kind_of(block.weight)
        target, source, at = kind.positions(block.weight, first, last)
        values = kind.entries(operator, at).astype(np.float64)
        slab = sp.csr_array((values, (target - first, source)), shape=(last - first, block.shape[1]))
        self._size += slab.nnz
        if self._size > _HELD:
            self._slabs.clear()
            self._size = slab.nnz
        return first, slab


def units_of(graph: Graph, network: Any, inputs: Any) -> Units:
    """The units behind a graph of channels at an input.

    Raises
    ------
    AnalysisError : no network; a graph of other vertices than channels; an input that is not the graph's own.
    """
    if not callable(getattr(network, "graph", None)):
        what = "it comes from none that is at hand" if network is None else f"network= is a {type(network).__name__}"
        raise AnalysisError(
            f"exact shares of routes need the network that the graph was made from, and {what}: pass network=net"
        )
    granularity = graph.meta.get("granularity")
    if granularity != "channel":
        raise AnalysisError(
            f"inputs= is for graphs at granularity 'channel'; this one is at {granularity!r}: make it with "
            'net.graph(granularity="channel", inputs=x, target=…)'
        )
    if len(inputs) != 1 and hasattr(inputs, "shape"):
        raise AnalysisError(f"inputs= holds {len(inputs)} inputs; a route's share is that at one: pass x[i:i+1]")
    units = network.graph(
        granularity="unit",
        bias=graph.meta.get("bias", "column"),
        inputs=inputs,
        target=lambda output: output.reshape(len(output), -1).sum(1),
    )
    layers: dict[str, Layer] = {}
    channel = {}
    left = iter(units.layers)
    for coarse in graph.layers:
        for layer in left:
            of = _channels(graph, units, coarse, layer)
            if of is not None:
                layers[coarse.name], channel[layer.name] = layer, of + coarse.start
                break
        else:
            raise AnalysisError(
                f"the units of layer {coarse.name!r} do not act as its channels do in this graph: is inputs= the "
                "input that the graph was made at, and the network the one that it was made from?"
            )
    return Units(units, graph, layers, channel)


def _channels(graph: Graph, units: Graph, coarse: Layer, layer: Layer) -> npt.NDArray[np.int64] | None:
    """(units,) the channel inside its layer of each unit; None where the layers are not one.

    A channel's activation is the mean of its units', which tells the ways to lay channels out apart.
    """
    if (coarse.module, coarse.kind) != (layer.module, layer.kind) or coarse.size == 0 or layer.size % coarse.size:
        return None
    each = layer.size // coarse.size
    wanted = np.asarray(graph.columns["activation"][coarse.vertices], dtype=np.float64)
    found = np.asarray(units.columns["activation"][layer.vertices], dtype=np.float64)
    largest = max(float(np.abs(found).max(initial=0.0)), 1e-30)
    balanced = graph.meta.get("gauge", "none") != "none"  # activations of another scale: nothing to compare
    for of in (np.repeat(np.arange(coarse.size), each), np.tile(np.arange(coarse.size), each)):
        means = np.bincount(of, found, coarse.size) / each
        if balanced or float(np.abs(means - wanted).max()) <= _NEAR * largest:
            return of
    return None
