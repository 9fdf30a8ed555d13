"""A referee for edits: the recorded operations, run one by one; values of vertices are changed once they are made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch

import netgraph as ng
from netgraph.network.numbering import Numbering
from netgraph.network.tape import fill
from netgraph.network.vertices import Vertices


class NoPlace(Exception):
    """A vertex whose value is no tensor that an operation gives back."""


def changed(net: ng.Network, x: torch.Tensor, changes: Mapping[str, tuple[float, float]], granularity: str) -> Any:
    """The outputs for ``x`` where the value a of each vertex is scale·a + shift, its parameters as they are."""
    return torch.cat([_one(net, one[None], changes, granularity) for one in x])


def _one(net: ng.Network, x: torch.Tensor, changes: Mapping[str, tuple[float, float]], granularity: str) -> Any:
    numbering = net.programs.numbering(granularity)
    tape = numbering.tape
    number = {name: i for i, name in enumerate(net.graph(granularity).ids)}
    places = defaultdict(list)
    for name, change in changes.items():
        layer = next(v for v in numbering.layers if v.start <= number[name] < v.start + v.size)
        slot = _slot(numbering, layer)
        if tape.shapes[slot] != layer.read.shape:
            raise NoPlace(name)
        places[slot].append((layer.read.numbers == number[name], *change))
    values: dict[int, Any] = {}

    def put(slot: int, value: torch.Tensor) -> None:
        for there, scale, shift in places[slot]:
            value = torch.where(there, value * scale + shift, value)
        values[slot] = value

    for slot, tensor in (*tape.constants.items(), *zip(tape.inputs, tape.own([x]), strict=True)):
        put(slot, tensor)
    with torch.no_grad():
        for call in tape.calls:
            args, kwargs = fill((call.args, call.kwargs), values.__getitem__)
            made = call.op(*args, **kwargs)
            for slot, value in zip(call.outputs, made if isinstance(made, (tuple, list)) else [made], strict=False):
                if slot is not None:
                    put(slot, value)
    return tape.output.fill(values.__getitem__)


def _slot(numbering: Numbering, layer: Vertices) -> int:
    """Where the layer's value after its activation function stands."""
    at = layer.read.at or numbering.joint_of.get(layer.name)
    if at is not None:
        return numbering.tape.calls[at[0]].outputs[0] or 0
    if layer.kind != "input":
        raise NoPlace(layer.name)
    return numbering.tape.inputs[0]
