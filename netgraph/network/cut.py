"""An edge that is cut carries what its source does elsewhere: at the mean input, at none, at another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch


@dataclass
class Cut:
    """How the edges into one joint are cut.

    Attributes
    ----------
    base : for each source, what its cut edges carry; broadcasts to the source's value.
    kept : the share of each edge's own value that stays: in the shape that the joint plays, or one for all of them.
    told : what a watch is told that the sources carried, in place of their distance from ``base``.
    product : what the joint makes of ``base`` alone, kept from one run to the next.
    """

    base: Sequence[torch.Tensor]
    kept: float | torch.Tensor | list[torch.Tensor]
    told: Sequence[torch.Tensor] | None = None
    product: torch.Tensor | None = None

    @property
    def alike(self) -> bool:
        """One share for all edges: the sources themselves can be moved towards ``base``."""
        return isinstance(self.kept, float)

    def moved(self, values: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The values as the joint's edges carry them, where they are cut alike or, for sums, element by element."""
        if isinstance(self.kept, float) and self.kept == 1.0:
            return list(values)
        shares = self.kept if isinstance(self.kept, list) else [self.kept] * len(values)
        return [b + k * (v - b) for v, b, k in zip(values, self.base, shares, strict=True)]

    def differences(self, values: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """How far the values are from what cut edges carry."""
        if self.told is not None:
            return list(self.told)
        return [v.detach() - b for v, b in zip(values, self.base, strict=True)]

    def through(
        self, x: torch.Tensor, weight: torch.Tensor, op: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        """op(a′, W ⊙ (1 − kept)) + op(a, W ⊙ kept): the joint's product with its edges cut one by one."""
        assert isinstance(self.kept, torch.Tensor)
        mine, base = weight * self.kept, self.base[0]
        if base.numel() < x.numel():  # one value for all inputs
            return op(x, mine) + op(base, weight - mine)
        if self.product is None:
            self.product = op(base, weight)
        return op(x - base, mine) + self.product
