"""Where every edge of a graph is played: from a number for each edge to the masks of the joints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from netgraph.errors import AnalysisError
from netgraph.graph.blocks import listed
from netgraph.graph.flat import FlatEdges, beside, entries, places
from netgraph.graph.graph import Graph
from netgraph.network.numbering import Numbering
from netgraph.network.reads import Array
from netgraph.network.reads import entries as at_places
from netgraph.network.vertices import At

_FIXED = 1
"""The number of an entry that is no edge, which nothing can cut; edges count from 2 on."""


class Edges(FlatEdges):
    """The edges of a graph's blocks, numbered through in the order of their entries, and where each is played.

    Parameters
    ----------
    numbering : of the network.
    graph : of its granularity: blocks in the order of the joints, which may lack entries of weight 0.

    Attributes
    ----------
    size : entries in all blocks: of a dense block every place, of a sparse one what it holds.
    spans : step -> (first entry, one past the last) of its joint's blocks.
    """

    def __init__(self, numbering: Numbering, graph: Graph) -> None:
        super().__init__(graph)
        self.numbering = numbering
        self.spans: dict[At, tuple[int, int]] = {}
        self._blocks: dict[At, list[int]] = {}
        self._places: dict[At, Any] = {}
        made: dict[str, list[int]] = {}
        for i, block in enumerate(graph.blocks):
            made.setdefault(block.target, []).append(i)
        for at, joint in numbering.joints.items():
            mine = made.pop(joint.layer.name, [])
            self._blocks[at] = mine
            self.spans[at] = (int(self.starts[mine[0]]), int(self.starts[mine[-1] + 1])) if mine else (0, 0)
        if made:
            raise AnalysisError(f"the graph has blocks into {', '.join(made)}, which this network does not make")

    def flat(self, masks: Sequence[Any]) -> Array:
        """(size,) share of each edge that stays, from a mask per block: dense or sparse, None keeps it whole."""
        if len(masks) != len(self.graph.blocks):
            raise AnalysisError(f"{len(masks)} masks: expected one per block of the graph, {len(self.graph.blocks)}")
        out = np.ones(self.size)
        for i, (block, mask) in enumerate(zip(self.graph.blocks, masks, strict=True)):
            if mask is None:
                continue
            if tuple(mask.shape) != block.shape:
                raise AnalysisError(f"a mask of shape {tuple(mask.shape)} for a block of shape {block.shape}")
            out[self.starts[i] : self.starts[i + 1]] = _beside(listed(block.weight), mask)
        return out

    def cut(self, kept: Array) -> list[At]:
        """The steps of the joints that have an edge cut, in the order in which they are played."""
        return [at for at, (first, last) in self.spans.items() if not (kept[first:last] == 1).all()]

    def mask(self, at: At, kept: Array, dtype: torch.dtype, device: torch.device | str) -> Any:
        """``kept`` in the shape that a joint plays."""
        if at not in self._places:
            self._places[at] = self._number(at)
        first, last = self.spans[at]
        values = torch.ones(last - first + 2, dtype=dtype)
        values[2:] = torch.from_numpy(np.ascontiguousarray(kept[first:last])).to(dtype)
        places = self._places[at]
        if isinstance(places, list):
            return [values[p].to(device) for p in places]
        return values[places].to(device)

    def _number(self, at: At) -> Any:
        """The places of a joint's entries, from 2 on, in the shape that it plays."""
        joint, first = self.numbering.joints[at], self.spans[at][0]
        numbered = []
        for i in self._blocks[at]:
            operator = listed(self.graph.blocks[i].weight)
            values = entries(operator)
            number = np.arange(values.size, dtype=np.float64) + (self.starts[i] - first + 2)
            numbered.append(beside(operator, np.where(values == 0, float(_FIXED), number)))
        places = joint.mask(self.numbering.layers, numbered, torch.float64)
        return [p.long() for p in places] if isinstance(places, list) else places.long()


def _beside(operator: Any, mask: Any) -> Array:
    """The entries of a mask at the places of an operator; 1 where a sparse mask holds none."""
    mask = sp.csr_array(mask) if sp.issparse(mask) else mask
    same = sp.issparse(mask) and sp.issparse(operator) and mask.nnz == operator.nnz
    if not sp.issparse(mask) and not sp.issparse(operator):
        return np.asarray(mask, dtype=np.float64).ravel()
    if same and np.array_equal(mask.indices, operator.indices) and np.array_equal(mask.indptr, operator.indptr):
        return np.asarray(mask.data, dtype=np.float64)
    return at_places(mask, *places(operator))
