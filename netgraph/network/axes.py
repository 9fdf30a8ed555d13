"""Where the inputs of a batch lie in every tensor that is played: found by playing one input, and two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from netgraph.network.blocks import Record
from netgraph.network.flows import passed
from netgraph.network.numbering import Numbering
from netgraph.network.shapes import BatchMismatch
from netgraph.network.values import Watch
from netgraph.network.vertices import At

if TYPE_CHECKING:
    from netgraph.network.network import Network

Key = tuple[str, Any]


class Shapes(Watch):
    """The shapes of what a watch is told."""

    def __init__(self) -> None:
        self.of: dict[Key, list[tuple[int, ...]]] = {}

    def made(self, at: At, record: Record) -> None:
        self.of["value", at] = [tuple(v.shape) for v in record.values]
        self.of["coefficient", at] = [tuple(c.shape) for c in record.coefficients]
        self.of["index", at] = [] if record.index is None else [tuple(record.index.shape)]
        self.of["z", at] = [tuple(record.z.shape)]

    def constant(self, at: At, c: torch.Tensor, numbers: torch.Tensor, bias: bool, gradient: torch.Tensor) -> None:
        self.of["constant", at] = [tuple(gradient.shape)]


class Axes:
    """What was played, by name and step -> the axis along which the inputs lie in each tensor, None where they do not.

    ``apart`` is false where some tensor has no such axis: inputs that were merged with other axes, or summed.
    """

    def __init__(self, one: Shapes, two: Shapes) -> None:
        self.of: dict[Key, list[int | None]] = {}
        self.apart = one.of.keys() == two.of.keys()
        for key, shapes in two.of.items() if self.apart else ():
            pairs = list(zip(one.of[key], shapes, strict=True))
            self.apart = self.apart and all(_apart(a, b) for a, b in pairs)
            self.of[key] = [next((i for i, n in enumerate(b) if a[i : i + 1] != (n,)), None) for a, b in pairs]

    @classmethod
    def found(cls, net: Network, batch: Sequence[torch.Tensor], numbering: Numbering, dtype: torch.dtype) -> Axes:
        """Play the first input of a batch, and the first two."""
        watches = []
        for n in (1, 2):
            watch = Shapes()
            few = [x[:n] for x in batch]
            try:
                played, _, _ = passed(net, few, numbering, dtype, watch, lambda t, n=n: t.reshape(n, -1).sum(1), ())
            except BatchMismatch:
                watch.of["refused", n] = []
            else:
                watch.of.update({("leaf", i): [tuple(t.shape)] for i, (t, _) in enumerate(played.leaves)})
            watches.append(watch)
        return cls(*watches)


def _apart(one: tuple[int, ...], two: tuple[int, ...]) -> bool:
    """Whether two inputs differ from one in a single axis, or in none."""
    return len(one) == len(two) and [(a, b) for a, b in zip(one, two, strict=True) if a != b] in ([], [(1, 2)])
