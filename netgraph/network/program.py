"""A tape and what was found on it: the vertex numbers at each granularity."""

from __future__ import annotations

import torch

from netgraph.network.numbering import Numbering
from netgraph.network.operations import lookup
from netgraph.network.play import constants
from netgraph.network.shapes import count
from netgraph.network.tape import Tape


class Program:
    """A tape recorded with a batch of one, with its numberings made when they are asked for."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self._numberings: dict[tuple[str, torch.dtype], Numbering] = {}

    def numbering(self, granularity: str, dtype: torch.dtype) -> Numbering:
        """Vertices at "unit" or "channel" granularity, constants in ``dtype``."""
        key = (granularity, dtype)
        if key not in self._numberings:
            values = constants(self.tape, dtype)
            numbers = [self._input(i, granularity) for i in range(len(self.tape.inputs))]
            numbering = Numbering(self.tape, granularity, values, numbers)
            numbering.run()
            self._numberings[key] = numbering
        return self._numberings[key]

    def _input(self, i: int, granularity: str) -> torch.Tensor:
        """Which vertex each element of an input belongs to.

        Unit granularity: each element is one. Channel granularity: the channels where the first parameterised operation
        is a convolution, the last axis where it is a linear layer that is applied to several rows (tokens); an image
        that is flattened into one row has a vertex for each pixel.
        """
        shape = self.tape.shapes[self.tape.inputs[i]]
        unit = torch.arange(count(shape)).reshape(shape)
        axis = None if granularity == "unit" else self._channel_axis(i)
        if axis is None:
            return unit
        return torch.arange(shape[axis]).reshape([-1 if d == axis else 1 for d in range(len(shape))])

    def _channel_axis(self, i: int) -> int | None:
        shape = self.tape.shapes[self.tape.inputs[i]]
        reached = {self.tape.inputs[i]}
        for call in self.tape.calls:
            if call.index not in self.tape.needed or not any(s in reached for s in call.reads):
                continue
            if call.name == "convolution":
                return len(shape) - (len(self.tape.shapes[call.reads[1]]) - 1) if len(shape) > 2 else None
            if call.name in {"addmm", "mm", "mv", "bmm"}:
                operand = next(s for s in call.reads if s in reached)
                rows = count(self.tape.shapes[operand][:-1])
                if rows > 1 and len(shape) > 1 and self.tape.shapes[operand][-1] == shape[-1]:
                    return len(shape) - 1
                return None
            if lookup(call).rule is not None:
                reached.update(s for s in call.outputs if s is not None)
        return None
