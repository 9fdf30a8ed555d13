"""Finished flows of an input, where the page cannot compute them: contributions, and attributions for some classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.render.canvas.forward import output_layer, output_vertices
from netgraph.render.canvas.matching import Match
from netgraph.render.canvas.numbers import floats, half, packed
from netgraph.render.canvas.stored import Stored

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]

BUDGET = 3_000_000
"""Bytes in the page for the flows of all inputs."""
CLASSES = 12
"""Up to this many classes there are flows to each, where they fit."""
FEWEST, LEAST = 1_500, 300
"""Rather than fewer edges of every class, more of two classes; and no frame has fewer edges than the second number."""
EVERY, SINGLE, VERTEX = 8 / 3, 8.0, 32 / 3
"""Bytes in base64: of a value in a frame of all edges, of one with its place, and of a vertex's flow and share."""


@dataclass(frozen=True)
class Plan:
    """What a page has room for.

    Attributes
    ----------
    all_classes : flows to every class; else to the one predicted and the true one.
    edges : so many of the strongest edges a frame has; None for all.
    vertices : flows through the vertices are kept, too.
    """

    all_classes: bool
    edges: int | None
    vertices: bool


def plan(samples: int, classes: int, edges: int, vertices: int, budget: int = BUDGET) -> Plan:
    """Share the bytes out.

    >>> plan(samples=20, classes=10, edges=300, vertices=35)
    Plan(all_classes=True, edges=None, vertices=True)
    >>> plan(samples=20, classes=1000, edges=100_000, vertices=5000)
    Plan(all_classes=False, edges=6250, vertices=False)
    """
    few, many = samples * min(classes + 1, 3), samples * (classes + 1)
    for frames, every in ((many, True), (few, False)) if classes <= CLASSES else ((few, False),):
        keeps = frames * vertices * VERTEX <= budget / 2
        room = budget / max(frames, 1) - (vertices * VERTEX if keeps else 0)
        if edges * EVERY <= room:
            return Plan(every, None, keeps)
        if room / SINGLE >= FEWEST or not every:
            break
    return Plan(every, max(int(room / SINGLE), LEAST), keeps)


def frame_blocks(
    match: Match, stored: Sequence[Stored], column: str, most: int | None, masses: bool = True
) -> list[dict[str, Any]]:
    """A column of a graph at an input, block by block: all values, or the places of the ``most`` strongest.

    ``masses``: Σ|value| are of all edges of that graph's blocks, stored here or not; else of the stored ones.
    """
    values = [match.edges(stored, i, column) for i in range(len(stored))]
    kept = _strongest(values, most)
    rows = []
    for i, (value, at) in enumerate(zip(values, kept, strict=True)):
        mass = float(np.abs(value).sum(dtype=np.float64))
        block = match.blocks[i]
        if masses and not stored[i].whole and block is not None and column in block.values:
            mass = float(_absolute_sum(block.values[column]))
        everything = at is None or len(at) * SINGLE >= len(value) * EVERY
        picked = value if everything or at is None else value[at]
        rows.append({"at": None if everything else packed(at, "<u4"), "value": half(picked), "mass": mass})
    return rows


def frame(
    match: Match, stored: Sequence[Stored], target: int, value: float, how: Plan, of: str | None = None
) -> dict[str, Any]:
    """The flows to one class, from the graph of an input with that target; ``of``: its name if it is no output."""
    share = match.other.columns.get("constant_share")
    return {
        "target": target,
        "of": of,
        "blocks": frame_blocks(match, stored, "attribution", how.edges),
        "value": value,
        "constant": 0.0 if share is None else float(np.asarray(share).sum(dtype=np.float64)),
        "vertex": floats(match.vertices("attribution")) if how.vertices else None,
        "share": floats(match.vertices("constant_share")) if how.vertices and share is not None else None,
    }


def aim_of(target: Any) -> tuple[str | None, int | None]:
    """What a graph's ``meta["target"]`` is called, where it is not one output; and the class that it speaks for.

    >>> aim_of(["centred", 3]), aim_of((3, 5)), aim_of(["logit", 3]), aim_of(3)
    (('centred logit 3', 3), ('logit 3 minus logit 5', 3), (None, None), (None, None))
    """
    if isinstance(target, (list, tuple)) and len(target) == 2:
        first, second = target
        if first == "centred" and isinstance(second, int):
            return f"centred logit {second}", second
        if isinstance(first, int) and isinstance(second, int):
            return f"logit {first} minus logit {second}", first
    return None, None


def framed_data(activation: Array, contribution: list[dict[str, Any]] | None, frames: list[Any]) -> dict[str, Any]:
    """The fields of a "framed" sample."""
    return {
        "activation": floats(activation),
        "gates": [],
        "constants": [],
        "preactivation": None,
        "bias": None,
        "weights": [],
        "contribution": contribution,
        "frames": frames,
    }


@dataclass(frozen=True)
class Outputs:
    """The page's outputs among the network's.

    Attributes
    ----------
    values : (inputs, outputs of the page) float64; None where an output of the network has several numbers.
    aims : for each output of the page what ``target=`` is: its class number, or its vertex.
    predicts : there is no telling which vertex is which class: flows go to the prediction, wherever that is.
    best : (inputs,) the class numbers that the network predicts, where it has classes.
    count : how many outputs the network has.
    """

    values: Array | None
    aims: list[int | str]
    best: Array | None
    count: int
    predicts: bool = False

    @staticmethod
    def of(graph: Graph, whole: Graph, values: Array) -> Outputs:
        """From the network's own outputs, (inputs, classes) or of another shape; ``whole``: all of its graph."""
        last = output_vertices(graph)
        size = last.stop - last.start
        ids: list[int | str] = [str(identifier) for identifier in graph.ids[last]]
        ends = [g.layers[output_layer(g)].name if output_layer(g) >= 0 else "" for g in (graph, whole)]
        if values.ndim != 2 or ends[0] != ends[1]:
            return Outputs(None, ids, None, size)
        places = np.asarray(graph.columns["index"])[last] if "index" in graph.columns else np.arange(size)
        part = "index" in graph.columns and size < values.shape[-1]
        if not (size == values.shape[1] or part) or (size and places.max() >= values.shape[1]):
            return Outputs(None, ids, None, size, predicts=values.shape[1] > 1)
        best = values.argmax(1) if values.shape[1] > 1 else None
        return Outputs(values[:, places].astype(np.float64), places.tolist(), best, values.shape[1])

    def position(self, number: int) -> int | None:
        """Where the page has a class of the network's; None where it does not."""
        return self.aims.index(number) if number in self.aims else None

    def wanted(self, i: int, truth: int | None, every: bool) -> list[int]:
        """Outputs that input ``i`` gets flows to: all, or those that were predicted and true; one at least."""
        if every and not self.predicts:
            return list(range(len(self.aims)))
        known = [None if self.best is None else int(self.best[i]), truth]
        found = {at for number in known if number is not None and (at := self.position(number)) is not None}
        return sorted(found) or ([0] if self.aims else [])


def _strongest(values: Sequence[Array], most: int | None) -> list[Array | None]:
    """Places of the ``most`` largest |value| of all blocks, in order; equals go to the earlier."""
    if most is None or sum(map(len, values)) <= most:
        return [None] * len(values)
    size = np.abs(np.concatenate(values))
    least = np.partition(size, len(size) - most)[len(size) - most]
    near = np.flatnonzero((size >= least) & (size > 0))
    chosen = np.sort(near[np.argsort(-size[near], kind="stable")[:most]])
    starts = np.cumsum([0, *map(len, values)])
    cut = np.searchsorted(chosen, starts)
    return [chosen[cut[i] : cut[i + 1]] - starts[i] for i in range(len(values))]


def _absolute_sum(operator: Any) -> float:
    from netgraph.graph import blocks as ops

    return float(ops.row_sums(operator, absolute=True).sum())


def largest_output(flows: Array) -> int:
    """The output that the largest flow goes to.

    >>> largest_output(np.array([0.0, -3.0, np.nan]))
    1
    """
    return int(np.nan_to_num(np.abs(flows)).argmax()) if len(flows) else 0
