"""Pushes one random number per vertex through the operations, every gate open and every constant absent.

What an operation makes of them must equal what its edge blocks make of them, so that no edge hides behind a silent
unit. The scales on the way are applied by the operations themselves: one that got lost in the weights shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from netgraph.network.chosen import Select
from netgraph.network.numbering import known, strongest
from netgraph.network.replay import Replay
from netgraph.network.shapes import lift
from netgraph.network.values import Value
from netgraph.network.vertices import At


class Probe(Replay):
    """Plays like ``truth`` with the numbers ``at_vertex`` (n,) in place of values.

    ``made``: layer name -> what its operation made; ``read``: step -> what the operation read;
    ``factors``: layer name -> the scale that was folded into it, by the operations.
    """

    def __init__(self, truth: Replay, seed: int = 0) -> None:
        super().__init__(truth.tape, truth.numbering, torch.float64, gradients=False)
        self.truth = truth
        generator = torch.Generator().manual_seed(seed)
        self.at_vertex = torch.rand(self.numbering.n, generator=generator, dtype=torch.float64) + 0.5
        placed = [numbers.reshape(-1) for numbers in self.numbering.lifts.values()]
        for layer in self.numbering.layers:  # constants that entered on the way have no number to push
            if layer.kind == "constant" and not any(bool((n == layer.start).any()) for n in placed):
                self.at_vertex[layer.start : layer.start + layer.size] = 0
        self.made: dict[str, torch.Tensor] = {}
        self.read: dict[At, list[torch.Tensor]] = {}
        self.factors: dict[str, torch.Tensor] = {}

    def go(self) -> Probe:
        """Play it."""
        inputs = []
        for slot, x in zip(self.tape.inputs, self.truth.inputs, strict=True):
            form = self.numbering.forms.get(slot)
            inputs.append(x.detach() if form is None else self._numbers(form.numbers, tuple(x.shape)))
        self.run(inputs)
        return self

    def _numbers(self, numbers: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        values = torch.cat([self.at_vertex, torch.zeros(1, dtype=torch.float64)])  # -1: no vertex
        return values[lift(numbers, len(shape))].expand(tuple(shape))

    def _made(
        self, at: At, z: torch.Tensor, sources: Sequence[Value], coefficients: list[Any], index: Any = None
    ) -> Value:
        layer = self.numbering.joints[at].layer
        self.made[layer.name] = z
        self.read[at] = [v.tensor for v in sources]
        return Value(self._numbers(layer.numbers, z.shape))

    def _enter(self, leaf: torch.Tensor, numbers: torch.Tensor) -> Value:
        return Value(self._numbers(numbers, leaf.shape))

    def _constant(self, at: At, c: torch.Tensor, numbers: torch.Tensor) -> Value:
        return Value(self._numbers(numbers, c.shape))  # a constant of a feature's vertex stands in its place

    def _constant_vertex(self, at: At, c: torch.Tensor, numbers: torch.Tensor) -> Value:
        return Value(self._numbers(numbers, c.shape))

    def scale(self, x: Value, k: Any, fold: bool = False, made: Any = None) -> Value:
        at = self.at()
        factor = known(k)
        if at in self.numbering.bases:
            name = self.numbering.bases[at].name
            self.made[name] = self.made[name] * factor
            self.factors[name] = self.factors.get(name, torch.ones((), dtype=torch.float64)) * factor
            return x
        shape = torch.broadcast_shapes(x.shape, tuple(getattr(k, "shape", ())))
        return Value(x.tensor.expand(shape) if at in self.numbering.owners else x.tensor * factor)

    def shift(self, x: Value, c: Any) -> Value:
        self.at()
        return Value(x.tensor.expand(torch.broadcast_shapes(x.shape, tuple(getattr(c, "shape", ())))))

    def gate(self, x: Value, fn: Callable[[torch.Tensor], torch.Tensor], name: str) -> Value:
        self.at()
        return x

    def mix(self, terms: Sequence[tuple[Value, Any]], kind: str, label: str = "") -> Value:
        at = self.at()
        if at in self.numbering.joints:
            coefficients = self.truth.records[at].coefficients
        elif self.numbering.scales[at] is None:
            shape = torch.broadcast_shapes(*[v.shape for v, _ in terms])
            return Value(self._numbers(self.numbering.owners[at], shape))
        else:
            coefficients = [torch.as_tensor(c, dtype=self.dtype) for _, c in terms]
        out = sum(
            (v.tensor * c for (v, _), c in zip(terms[1:], coefficients[1:], strict=True)),
            terms[0][0].tensor * coefficients[0],
        )
        return self._made(at, out, [v for v, _ in terms], []) if at in self.numbering.joints else Value(out)

    def attend(self, pattern: torch.Tensor, x: Value) -> Value:
        at = self.at()
        if at in self.numbering.joints:
            return self._made(at, self.truth.records[at].coefficients[0] @ x.tensor, [x], [])
        rows = strongest(x.tensor, [x.tensor.dim() - 2])
        lead = torch.broadcast_shapes(pattern.shape[:-2], x.shape[:-2])
        return Value(rows.expand(*lead, pattern.shape[-2], x.shape[-1]))

    def select(self, x: Value, shape: Sequence[int], spatial: int, windows: Any, pick: Any, name: str) -> Value:
        joint = self.numbering.joints.get(self.next_step())
        if not isinstance(joint, Select):
            return super().select(x, shape, spatial, windows, lambda t: pick(t.abs()), name)
        chosen = self.truth.records[self.at()].chosen()
        return self._made(joint.at, x.tensor.reshape(-1)[chosen], [x], [])
