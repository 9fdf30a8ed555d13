"""Joints whose edges repeat one kernel at every place: their blocks hold the kernel, and are never unrolled here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netgraph.graph import blocks as ops
from netgraph.graph.convolution import Convolution
from netgraph.graph.sliding import Sliding
from netgraph.graph.tokens import Tokens
from netgraph.network.blocks import Extent, Joint, Part, Record
from netgraph.network.reads import Array

if TYPE_CHECKING:
    from netgraph.network.vertices import Vertices


@dataclass(frozen=True, eq=False)
class Held:
    """What an implicit block reads of one layer.

    Attributes
    ----------
    layer : that is read.
    pattern : where the edges lie.
    elements : of the source tensor that are read.
    local : the vertex of the layer that each of them is; all different.
    kernel : the taps of the whole weight that belong to this block.
    """

    layer: Vertices
    pattern: Sliding | Tokens
    elements: Array
    local: Array
    kernel: Callable[[Array], Array]

    def columns(self, values: Array) -> Array:
        """(inputs, vertices of the layer) of (inputs, elements); 0 at vertices that are not read."""
        out = np.zeros((len(values), self.layer.size), dtype=values.dtype)
        out[:, self.local] = values[:, self.elements]
        return out


class Implicit(Joint):
    """Blocks that hold a kernel where :meth:`reads` says how, and what the next class makes of it elsewhere."""

    scale: Any
    weight: torch.Tensor
    _sought: list[Held] | bool | None = False

    @abstractmethod
    def reads(self, layers: Sequence[Vertices]) -> list[Held] | None:
        """What is read of each layer; None where the places do not repeat."""

    @abstractmethod
    def folded(self, weight: torch.Tensor, factor: torch.Tensor) -> torch.Tensor | None:
        """The weight times a factor of each target vertex; None where places of one output have different ones."""

    @abstractmethod
    def played(self, record: Record, upstream: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """((inputs, elements) values, (inputs or 1, n_target) upstream) of what was played."""

    def held(self, layers: Sequence[Vertices]) -> list[Held] | None:
        """The same, found once."""
        if isinstance(self._sought, bool):
            self._sought = self.reads(layers)
        return self._sought

    def parts(self, layers: Sequence[Vertices], how: str, record: Record | None = None) -> list[Part]:
        found = self.held(layers)
        if found is None:
            return super().parts(layers, how, record)  # type: ignore[safe-super]
        weight, rows = self.weight.detach().cpu(), None
        if self.factor is not None:
            whole = self.folded(weight, self.factor)
            weight, rows = (weight, self.factor.numpy()) if whole is None else (whole, None)
        taps, scale = as_numpy(weight), None if self.scale is None else np.asarray(self.scale).reshape(-1)
        parts = []
        for read in found:
            columns = None
            if scale is not None:
                columns = np.ones(read.layer.size)
                columns[read.local] = scale[read.elements]
            operator = Convolution(read.pattern, read.kernel(taps))
            if rows is not None or columns is not None:
                operator = operator.scaled(rows, columns)
            gate, constant = self._gates(record, 0, read.elements, read.local, read.layer, scale)
            parts.append(Part(read.layer, operator, None, gate, constant))
        return parts

    def extents(self, layers: Sequence[Vertices], how: str, itemsize: int) -> list[Extent]:
        if self.held(layers) is None:
            return super().extents(layers, how, itemsize)
        out = []
        for part in self.parts(layers, how):
            held = part.weight
            ends = sum(f.size for f in (held.rows, held.columns) if f is not None)
            most = held.kernel.size + sum(held.shape)
            out.append(Extent(part.source, ops.count(held), (held.kernel.size + ends) * itemsize, most * itemsize))
        return out

    def flows(self, layers: Sequence[Vertices], record: Record, upstream: torch.Tensor) -> list[Any]:
        found = self.held(layers)
        if found is None:
            return super().flows(layers, record, upstream)  # type: ignore[safe-super]
        xs, us = self.played(record, upstream.detach())
        if len(us) > 1 and bool((us == us[:1]).all()):  # contributions: one upstream for all inputs
            us = us[:1]
        if len(us) == 1:
            xs = xs.sum(0, keepdim=True)
        taps = as_numpy(self.weight.detach().cpu().to(xs.dtype))
        values, rows = as_numpy(xs.cpu()), as_numpy(us.cpu())
        return [_product(read, read.kernel(taps), rows, read.columns(values)) for read in found]


def _product(read: Held, kernel: Array, rows: Array, columns: Array) -> Convolution:
    """kernel · Σ rows · columns, listed where its factors would take more than its entries."""
    operator = Convolution(read.pattern, kernel, rows, columns)
    few = operator.terms == 1 or operator.terms * sum(operator.shape) <= read.pattern.size
    return operator if few else operator.listed()


def as_numpy(t: torch.Tensor) -> Array:
    """A tensor on the CPU as an array; float32 for the type that numpy lacks."""
    array: Array = (t.float() if t.dtype == torch.bfloat16 else t).numpy()
    return array
