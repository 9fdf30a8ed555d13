"""From what flowed through the columns of an operation to the edges of its blocks, for many inputs at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from netgraph.network.blocks import Grouped
from netgraph.network.reads import read

if TYPE_CHECKING:
    from netgraph.network.vertices import Vertices


class Gathering(NamedTuple):
    """Where each element (group, row, column) goes in the data of a block: -1 nowhere; None: each to its own place."""

    place: torch.Tensor | None
    size: int

    def of(self, each: torch.Tensor) -> torch.Tensor:
        """(B, numbers of the block) of (B, groups, rows, columns): sums over the columns of a vertex."""
        flat = each.flatten(1)
        if self.place is None:
            return flat
        kept = self.place >= 0
        out = flat.new_zeros(len(flat), self.size)
        return out.index_add_(1, self.place[kept].to(flat.device), flat[:, kept.to(flat.device)])


def gatherings(joint: Grouped, operators: Sequence[Any], layers: Sequence[Vertices]) -> list[Gathering]:
    """One for each of the operators that the joint emits."""
    groups, columns = joint.numbers.shape
    rows = joint.layer.size // groups
    out = []
    for r, operator in zip(read(joint.numbers.reshape(-1), layers, joint.exact), operators, strict=True):
        local = np.full(groups * columns, -1)
        local[r.columns] = np.repeat(r.vertices, r.counts)
        local = local.reshape(groups, 1, columns)
        row = np.arange(groups * rows).reshape(groups, rows, 1)
        if sp.issparse(operator):
            size = len(operator.data)
            held = np.repeat(np.arange(operator.shape[0]), np.diff(operator.indptr)) * operator.shape[1]
            place = np.searchsorted(held + operator.indices, row * operator.shape[1] + local)
        else:
            size = operator.size
            place = row * operator.shape[1] + local
        place = np.where(local < 0, -1, place).reshape(-1)
        own = place.size == size and np.array_equal(place, np.arange(size))
        out.append(Gathering(None if own else torch.from_numpy(place), size))
    return out
