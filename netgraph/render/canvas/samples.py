"""The inputs of a page: what the network does with each, frozen for the page to compute with, or finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.errors import RenderError
from netgraph.render.canvas import forward, framed, lesions, pictures
from netgraph.render.canvas.framed import Outputs
from netgraph.render.canvas.frozen import Frozen, frozen_data, of_graph, says
from netgraph.render.canvas.inputs import Inputs, as_array, classes_of
from netgraph.render.canvas.matching import Match
from netgraph.render.canvas.numbers import floats
from netgraph.render.canvas.stored import Stored

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph
    from netgraph.render.page import Request

Array = np.ndarray[Any, Any]


@dataclass
class Shown:
    """What inputs add to a page: fields of ``PageData``, and which outputs it has."""

    flows: str | None = None
    lesions: bool = False
    samples: list[dict[str, Any]] = field(default_factory=list)
    kernels: list[Any] | None = None
    notes: list[str] = field(default_factory=list)
    outputs: Outputs | None = None


def shown(graph: Graph, stored: Sequence[Stored], network: Any, request: Request) -> Shown:
    """The inputs that were asked for; else those that the graph itself is of; else none.

    Raises
    ------
    RenderError : inputs, and nothing that says what the network does with them.
    """
    if request.inputs is None:
        if request.truth is not None:
            raise RenderError("truth: labels of inputs, but there are no inputs: pass inputs=, too")
        seen = _of_the_graph(graph, stored)
        seen.kernels = _kernels(graph, stored, network)
        return seen
    inputs = Inputs(request.inputs, request.samples)
    truth = classes_of(request.truth, inputs)
    if network is None:
        seen = _without_network(graph, stored, inputs)
    else:
        seen = _computed(graph, stored, network, inputs) or _framed(
            graph, stored, network, inputs, truth, request.target
        )
        seen.kernels = _kernels(graph, stored, network)
    labels = truth if seen.outputs is None else [None if k is None else seen.outputs.position(k) for k in truth]
    strip = _pictures(inputs, graph) or [None] * inputs.count
    for sample, label, picture in zip(seen.samples, labels, strip, strict=True):
        sample.update(label=label, picture=picture)
    if inputs.given > inputs.count:
        seen.notes.append(f"The first {inputs.count} of {inputs.given:,} inputs are shown.")
    return seen


def _pictures(inputs: Inputs, graph: Graph) -> list[dict[str, Any] | None]:
    values = inputs.array
    return [] if values is None else pictures.input_pictures(values, graph)


def _sample(name: str, outputs: Array, fields: dict[str, Any], maps: list[Any]) -> dict[str, Any]:
    prediction = int(np.argmax(outputs)) if len(outputs) > 1 else None
    head = {"name": name, "label": None, "prediction": prediction, "outputs": floats(outputs), "picture": None}
    return {**head, "maps": maps, **fields}


# -- inputs and the network ------------------------------------------------------------------------------


def _options(graph: Graph) -> dict[str, Any]:
    """How the graph was asked for, so that those of its inputs are alike."""
    known = {name: graph.meta[name] for name in ("reduce", "gauge", "bias") if isinstance(graph.meta.get(name), str)}
    return {k: v for k, v in known.items() if v != "none" or k == "gauge"}


def _computed(graph: Graph, stored: Sequence[Stored], network: Any, inputs: Inputs) -> Shown | None:
    """Every sample frozen, or None where the page could not compute with it."""
    if not forward.unit_like(graph) or not all(mine.whole for mine in stored):
        return None
    outputs = as_array(network.outputs(inputs.rows(0, inputs.count)))
    last = forward.output_vertices(graph)
    if outputs.ndim != 2 or outputs.shape[1] != last.stop - last.start:
        return None
    all_frozen: list[Frozen] = []
    for i in range(inputs.count):
        target = int(np.argmax(outputs[i]))
        at = network.graph(granularity="unit", inputs=inputs.rows(i, i + 1), target=target, **_options(graph))
        frozen = of_graph(graph, stored, at)
        if frozen is None or not says(frozen, last, outputs[i].astype(np.float64)):
            return None
        all_frozen.append(frozen)
    return _shown_frozen(graph, stored, all_frozen, outputs)


def _shown_frozen(graph: Graph, stored: Sequence[Stored], frozen: list[Frozen], outputs: Array) -> Shown:
    samples = [_sample(f"input {i}", outputs[i], frozen_data(at), []) for i, at in enumerate(frozen)]
    again = lesions.follows(graph, stored, frozen, list(outputs.astype(np.float64)))
    return Shown("computed", again, samples)


def _without_network(graph: Graph, stored: Sequence[Stored], inputs: Inputs) -> Shown:
    values = inputs.array
    if values is None or values.dtype.kind not in "biuf":
        raise RenderError("inputs: expected one array of numbers, (N, …); for several, pass network=")
    frozen = [forward.at_input(graph, stored, row) for row in values]
    last = forward.output_vertices(graph)
    outputs = np.array([at.activation[last] for at in frozen])
    return _shown_frozen(graph, stored, frozen, outputs)


def _framed(
    graph: Graph,
    stored: Sequence[Stored],
    network: Any,
    inputs: Inputs,
    truth: list[int | None],
    only: int | None,
) -> Shown:
    """Finished flows: a graph of each input and each class that there is room for; of a circuit to its own class."""
    granularity, options = str(graph.meta.get("granularity", "channel")), _options(graph)
    whole = network.graph(granularity=granularity, **options)
    ends = Outputs.of(graph, whole, as_array(network.outputs(inputs.rows(0, inputs.count))))
    own = None if only is None else ends.position(only)
    how = framed.plan(inputs.count, len(ends.aims) if own is None else 1, sum(map(len, stored)), graph.n)
    maps = _Maps(graph, network, pictures.map_side(graph, inputs.count))
    samples, part = [], False
    for i in range(inputs.count):
        frames, contribution, activation = [], None, np.zeros(graph.n)
        for target in ends.wanted(i, truth[i], how.all_classes) if own is None else [own]:
            row, aim = inputs.rows(i, i + 1), "prediction" if ends.predicts else ends.aims[target]
            match = Match(graph, network.graph(granularity=granularity, inputs=row, target=aim, **options))
            if ends.predicts:
                target = framed.largest_output(match.vertices("attribution")[forward.output_vertices(graph)])
            value = float(match.other.meta.get("target_value", np.nan))
            frames.append(framed.frame(match, stored, target, value, how))
            if contribution is None:
                contribution = framed.frame_blocks(match, stored, "contribution", how.edges)
                activation, part = match.vertices("activation"), part or not match.whole or bool(match.missing())
        values = activation[forward.output_vertices(graph)] if ends.values is None else ends.values[i]
        sample = _sample(f"input {i}", values, framed.framed_data(activation, contribution, frames), maps.of(inputs, i))
        if ends.best is None:
            sample["prediction"] = frames[0]["target"] if ends.predicts else None
        elif len(ends.aims) < ends.count:  # the prediction may be no output of this graph
            sample["prediction"] = ends.position(int(ends.best[i]))
            sample["name"] += f", predicted {ends.best[i]}"
        samples.append(sample)
    return Shown("framed", False, samples, notes=_framed_notes(ends, how, part, own), outputs=ends)


def _framed_notes(ends: Outputs, how: framed.Plan, part: bool, own: int | None) -> list[str]:
    notes = []
    if how.edges is not None:
        notes.append(f"Flows are kept for the {how.edges:,} strongest edges of each input and class.")
    if own is not None:
        notes.append("Flows are kept for the class that the circuit was found for.")
    elif ends.predicts:
        notes.append("Flows are kept for what was predicted.")
    elif ends.best is not None and not how.all_classes:
        notes.append("Flows are kept for the class that was predicted and the true one.")
    elif not how.all_classes and len(ends.aims) > 1:
        notes.append("Flows are kept for the first output.")
    if part:
        notes.append("This graph is a part of the network: flows outside of it are left out.")
    return notes


# -- a graph that is already that of inputs --------------------------------------------------------------


def _of_the_graph(graph: Graph, stored: Sequence[Stored]) -> Shown:
    flows = [name for name in ("contribution", "attribution") if all(name in b.values for b in graph.blocks)]
    last = forward.output_vertices(graph)
    if not graph.blocks or "activation" not in graph.columns or "attribution" not in flows or last.stop <= last.start:
        return Shown()
    activation = np.asarray(graph.columns["activation"], dtype=np.float64)
    count = graph.meta.get("inputs", 1)
    if count == 1:
        frozen = of_graph(graph, stored, graph) if "id" not in graph.columns else None
        if frozen is not None:
            return _shown_frozen(graph, stored, [frozen], activation[None, last])
    how = framed.plan(1, 1, sum(map(len, stored)), graph.n)
    match = Match(graph, graph)
    target = framed.largest_output(match.vertices("attribution")[last])
    aim, spoken = framed.aim_of(graph.meta.get("target"))
    places = np.asarray(graph.columns["index"])[last] if "index" in graph.columns else np.arange(len(activation[last]))
    if spoken is not None and spoken in places:
        target = int(np.flatnonzero(places == spoken)[0])
    value = float(graph.meta.get("target_value", activation[last][target]))
    contribution = framed.frame_blocks(match, stored, "contribution", how.edges) if "contribution" in flows else None
    frame = framed.frame(match, stored, target, value, how, aim)
    if "edges_kept" in graph.meta or not _adds_up(graph, value, frame["constant"]):
        frame["constant"] = None  # no sum is told: a part of a network lacks some of what makes the whole
    fields = framed.framed_data(activation, contribution, [frame])
    name = "this input" if count == 1 else f"{graph.meta.get('aggregate', 'mean')} of {count:,} inputs"
    sample = _sample(name, activation[last], fields, [])
    if count != 1:
        sample["prediction"] = target
    notes = [] if count == 1 else [f"Activations and flows are those of {count:,} inputs together ({name})."]
    if aim is not None:
        mean = ": the logit minus the mean of the others" if aim.startswith("centred") else ""
        notes.append(f"Flows are to the {aim}{mean}.")
    return Shown("framed", False, [sample], notes=notes)


def _adds_up(graph: Graph, value: float, constant: float) -> bool:
    """Whether the shares of the inputs and of all constants make the target, as in a whole network."""
    shares = graph.columns["attribution"] if "attribution" in graph.columns else np.zeros(graph.n)
    parts = [np.asarray(shares, dtype=np.float64)[layer.vertices] for layer in graph.layers if layer.kind == "input"]
    inputs = sum(float(part.sum()) for part in parts)
    largest = max(abs(value), abs(constant), *(float(np.abs(part).sum()) for part in parts), 0.0)
    return abs(inputs + constant - value) <= 1e-3 * largest


# -- pictures that need the network's units --------------------------------------------------------------


class _Maps:
    """The feature maps of inputs, where the network is small enough to look at all its units."""

    def __init__(self, graph: Graph, network: Any, side: int) -> None:
        self.graph, self.network, self.side = graph, network, side
        self.units = _units(graph, network) if side else None

    def of(self, inputs: Inputs, i: int) -> list[dict[str, Any]]:
        """Of one input."""
        if self.units is None:
            return []
        table = self.network.activations(inputs.rows(i, i + 1), "unit")
        values = np.asarray(table.to_numpy()[0], dtype=np.float32)
        return pictures.feature_maps(self.graph, self.units, values, self.side) if len(values) == self.units.n else []


def _units(graph: Graph, network: Any) -> Graph | None:
    """The graph of the network's units; None where there are too many, or none that are not vertices already."""
    if network is None or not pictures.map_layers(graph):
        return None
    numbers = sum(int(np.prod(layer.shape, dtype=np.int64)) for layer in graph.layers)
    if numbers > pictures.UNITS:
        return None
    units: Graph = network.graph(granularity="unit")
    return units


def _kernels(graph: Graph, stored: Sequence[Stored], network: Any) -> list[Any] | None:
    if not any("tap_sum" in mine.block.values for mine in stored):
        return None
    return pictures.kernels(_units(graph, network), stored)
